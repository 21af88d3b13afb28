package bgp

import (
	"context"
	"maps"
	"slices"
	"sync"

	"github.com/osrg/gobgp/v4/api"
	"github.com/osrg/gobgp/v4/pkg/apiutil"
	gobgp "github.com/osrg/gobgp/v4/pkg/packet/bgp"
)

// StartBgp writes package variables of GoBGP (the route selection options)
// that every server in the process reads under its own lock only. All our
// servers write the same values, so nothing could go wrong in practice, but it
// is a data race as soon as a second one starts while the first has sessions,
// as in the dev mode. So a server starts while all others stand still.
var (
	startMu sync.RWMutex // held for reading by the one reader without GoBGP's lock
	living  = map[*engine]struct{}{}
)

// startAlone calls StartBgp while no other server of this process runs.
func (e *engine) startAlone(ctx context.Context, g *api.Global) error {
	startMu.Lock()
	defer startMu.Unlock()
	var err error
	standstill(slices.Collect(maps.Keys(living)), func() {
		err = e.srv.StartBgp(ctx, &api.StartBgpRequest{Global: g})
	})
	if err == nil {
		living[e] = struct{}{}
	}
	return err
}

// forget takes a server that has stopped out of those to stand still.
func (e *engine) forget() {
	startMu.Lock()
	defer startMu.Unlock()
	delete(living, e)
}

// standstill calls f while it holds the locks of all the servers.
func standstill(servers []*engine, f func()) {
	if len(servers) == 0 {
		f()
		return
	}
	servers[0].underLock(func() { standstill(servers[1:], f) })
}

// underLock calls f once, from inside an operation of the server.
func (e *engine) underLock(f func()) {
	ran := false
	g := gate{f: func() {
		ran = true
		f()
	}}
	// The path has no next-hop, so it is refused after its attributes were read.
	p := &apiutil.Path{Family: gobgp.RF_IPv4_UC, Attrs: []gobgp.PathAttributeInterface{g}}
	_, _ = e.srv.AddPath(apiutil.AddPathRequest{Paths: []*apiutil.Path{p}})
	if !ran {
		f() // the server has stopped: it reads nothing any more
	}
}

// gate is a path attribute that is never sent: GoBGP asks for its type while it
// holds its lock, which is the only way in.
type gate struct {
	gobgp.PathAttributeInterface
	f func()
}

func (g gate) GetType() gobgp.BGPAttrType {
	g.f()
	return gobgp.BGPAttrType(0)
}
