package bench

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/netip"
	"strconv"
	"strings"
	"time"

	"github.com/triggerd/triggerd/rpki/rtr"
	"github.com/triggerd/triggerd/rpki/rtr/rtrtest"
)

const validationText = `Seconds: from the start of the process until it says that it has all VRPs; from the first octet of the table until the
last route of it is there with its state; from the cache's Serial Notify about one VRP until that route's state has changed. Each is asked by its
own means every 20 ms (some answers take longer). Where a state can act on import it does: invalid routes are rejected. The cache is our own and has the answer ready.`

func validationParts(*env) []string { return []string{"rov"} }

// validator is a system that validates what a neighbor sends.
type validator interface {
	system
	fed
	// useCache is called before the start.
	useCache(netip.AddrPort, content)
	// loaded is how many VRPs it has.
	loaded(context.Context) (int, error)
	// state is nil when the route is there and its state is what is asked for; a
	// route that was rejected is invalid.
	state(ctx context.Context, p netip.Prefix, valid bool) error
}

// content is what a cache says.
type content struct {
	all  int          // VRPs
	last netip.Prefix // that the cache sends
}

func contentOf(vrps *rtr.Set) content {
	c := content{all: vrps.Len()}
	for v := range vrps.All() {
		c.last = v.Prefix
	}
	return c
}

// The last route of the table, whose VRP changes.
var (
	sentinel       = netip.MustParsePrefix("198.51.100.0/24")
	sentinelOrigin = uint32(64999)
)

// vrpsFor reads the real VRPs, cut to some, or makes up two for three routes: one
// in a hundred of another origin.
func vrpsFor(table *feed, most int) (*rtr.Set, string, error) {
	var all []rtr.VRP
	source := "the real VRPs of 2025-07-20"
	err := readCSV("vrps.csv.gz", func(row []string) {
		as, aerr := strconv.ParseUint(strings.TrimPrefix(row[0], "AS"), 10, 32)
		p, perr := netip.ParsePrefix(row[1])
		length, lerr := strconv.Atoi(row[2])
		if errors.Join(aerr, perr, lerr) == nil {
			all = append(all, rtr.VRP{Prefix: p.Masked(), MaxLen: uint8(length), ASN: uint32(as)})
		}
	})
	if errors.Is(err, fs.ErrNotExist) {
		all, source, err = madeUp(table), "synthetic VRPs", nil
	}
	if most > 0 && len(all) > most {
		some := make([]rtr.VRP, most)
		for i := range some {
			some[i] = all[i*len(all)/most]
		}
		all = some
	}
	return rtr.NewSet(append(all, sentinelVRP(sentinelOrigin))), source, err
}

func sentinelVRP(as uint32) rtr.VRP {
	return rtr.VRP{Prefix: sentinel, MaxLen: uint8(sentinel.Bits()), ASN: as}
}

func madeUp(table *feed) (all []rtr.VRP) {
	for i, r := range table.rows {
		if i%3 == 2 {
			continue
		}
		v := rtr.VRP{Prefix: r.prefix, MaxLen: uint8(r.prefix.Bits()), ASN: r.origin}
		if i%100 == 0 {
			v.ASN++
		}
		all = append(all, v)
	}
	return all
}

// validators are the rows.
var validators = []struct{ name, title string }{
	{"triggerd", "triggerd"}, {"bird", "BIRD"}, {"frr", "FRR, rpki module"}, {"openbgpd", "OpenBGPD"}, {"gobgpd", "gobgpd"},
}

func validationSection(ctx context.Context, e *env, out *Section) error {
	table, err := fullTable(e.effort.table)
	if err != nil {
		return err
	}
	vrps, source, err := vrpsFor(table, e.effort.vrps)
	if err != nil {
		return err
	}
	table.messages = append(table.messages, update(sentinelOrigin, []netip.Prefix{sentinel})...)
	t := Table{Name: "rov", Title: fmt.Sprintf("%d VRPs, %d routes", vrps.Len(), len(table.rows)+1),
		Columns: []string{"VRPs loaded", "table validated", "one VRP changed", "memory", "at most", "processor"}}
	e.say("validation: %s, %s", source, table.source)
	for _, v := range validators {
		if !e.opt.wants("validation/rov/" + v.name) {
			continue
		}
		e.say("validation/rov/%s", v.name)
		t.Rows = append(t.Rows, Row{v.title, e.validationCells(ctx, v.name, table, vrps)})
		if ctx.Err() != nil {
			return ctx.Err()
		}
	}
	out.Tables = append(out.Tables, t)
	return nil
}

func (e *env) validationCells(ctx context.Context, name string, table *feed, vrps *rtr.Set) []Cell {
	none := func(format string, args ...any) []Cell { return []Cell{nothing(format, args...), {}, {}, {}, {}, {}} }
	if !e.able(name) {
		return none("could not run here, see below")
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return none("%s", short(err))
	}
	defer func() { _ = l.Close() }()
	cache := rtrtest.New(1)
	cache.Max = rtr.Version1
	cache.Set(&rtr.Data{VRPs: vrps})
	go cache.Listen(l)
	e.made++
	s := kinds()[name].make(e, fmt.Sprintf("%s-%d", name, e.made)).(validator)
	defer s.close()
	s.useCache(l.Addr().(*net.TCPAddr).AddrPort(), contentOf(vrps))
	began := time.Now()
	if err := e.launch(ctx, s); err != nil {
		return none("it did not start: %s", short(err))
	}
	cells := e.validate(ctx, s, cache, table, vrps, began)
	u := usageOf(s.processes()[0].pid())
	return append(cells, mebibytes(u.rss), mebibytes(u.peak), seconds(u.cpu))
}

// validate makes the three cells of times; what failed says why, and the rest is
// left out.
func (e *env) validate(ctx context.Context, s validator, cache *rtrtest.Cache, table *feed, vrps *rtr.Set, began time.Time) []Cell {
	cells := make([]Cell, 3)
	ctx, cancel := context.WithTimeoutCause(ctx, 2*e.effort.cell, errCellOver)
	defer cancel()
	if t, ok := s.(*triggerd); ok { // the founding of the cluster is not counted
		t.members[0].proc.kill9()
		if began = time.Now(); t.run(t.members[0]) != nil {
			cells[0] = nothing("it did not start again")
			return cells
		}
	}
	if err := until(ctx, func() error { return hasAll(ctx, s, vrps.Len()) }); err != nil {
		cells[0] = nothing("cut: %s", short(err))
		return cells
	}
	cells[0] = seconds(time.Since(began))
	start := time.Now()
	ctx, lost := context.WithCancelCause(ctx)
	defer lost(nil)
	closeIt, err := sendTable(ctx, table, s.feedAt(), lost)
	defer func() { closeIt() }()
	if err == nil {
		err = until(ctx, func() error { return s.state(ctx, sentinel, true) })
	}
	if err != nil {
		cells[1] = nothing("cut: %s", short(err))
		return cells
	}
	cells[1] = seconds(time.Since(start))
	fresh, err := vrps.With([]rtr.VRP{sentinelVRP(sentinelOrigin + 1)}, []rtr.VRP{sentinelVRP(sentinelOrigin)})
	if err != nil {
		cells[2] = nothing("%s", short(err))
		return cells
	}
	start = time.Now()
	cache.Set(&rtr.Data{VRPs: fresh})
	if err := until(ctx, func() error { return s.state(ctx, sentinel, false) }); err != nil {
		cells[2] = nothing("cut: %s", short(err))
		return cells
	}
	cells[2] = seconds(time.Since(start))
	return cells
}

func hasAll(ctx context.Context, s validator, want int) error {
	n, err := s.loaded(ctx)
	if err == nil && n < want {
		err = fmt.Errorf("%d of %d VRPs are loaded", n, want)
	}
	return err
}
