package daemon

import (
	"context"
	"encoding/binary"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/triggerd/triggerd/bgp/sink"
	"github.com/triggerd/triggerd/internal/config"
	"github.com/triggerd/triggerd/rpki/rtr"
	"github.com/triggerd/triggerd/rpki/rtr/rtrtest"
)

// eventually looks until it is so, or for 20 s.
func eventually(t *testing.T, what string, look func() (ok bool, saw string)) {
	t.Helper()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	late := time.After(20 * time.Second)
	for {
		ok, saw := look()
		if ok {
			return
		}
		select {
		case <-tick.C:
		case <-late:
			t.Fatalf("%s: %s", what, saw)
		}
	}
}

func listening(t *testing.T) net.Listener {
	t.Helper()
	l, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	return l
}

// freeAddr is an address that nobody listens on now.
func freeAddr(t *testing.T) netip.AddrPort {
	l := listening(t)
	defer l.Close()
	return l.Addr().(*net.TCPAddr).AddrPort()
}

// validator is one running node with a cache and a neighbor that sends routes.
type validator struct {
	t     *testing.T
	d     *Daemon
	conf  config.Node
	cache *rtrtest.Cache
	door  net.Listener // of the cache
	sink  *sink.Sink
}

func newValidator(t *testing.T, vrps ...rtr.VRP) *validator {
	dir, err := os.MkdirTemp("/tmp", "trg") // a socket's path must be short
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	v := &validator{t: t, cache: rtrtest.New(7), door: listening(t)}
	v.serve(vrps...)
	go v.cache.Listen(v.door)
	t.Cleanup(func() { v.door.Close(); v.cache.Drop() })
	router := freeAddr(t)
	v.conf = parse(t, fmt.Sprintf("hostname trigger1\ndata-directory %s\ncluster listen %s\ncluster boot-wait 1\nno ssh\n"+
		"rpki\n rpki cache 127.0.0.1 %d preference 1\nexit\n"+
		"router bgp 64500\n bgp router-id 192.0.2.10\n bgp listen address 127.0.0.1 port %d\n neighbor 127.0.0.1 remote-as 64510\n neighbor 127.0.0.1 passive\n",
		filepath.Join(dir, "data"), freeAddr(t), v.door.Addr().(*net.TCPAddr).Port, router.Port()))
	log := slog.New(slog.DiscardHandler)
	if err := Init(v.conf, "1.0.0", "root", nil, log); err != nil {
		t.Fatal(err)
	}
	if v.d, err = Start(t.Context(), Options{Config: v.conf, Path: filepath.Join(dir, "triggerd.conf"), Version: "1.0.0", Log: log}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := v.d.Close(context.Background()); err != nil {
			t.Error(err)
		}
	})
	v.neighbor(router)
	return v
}

func (v *validator) serve(vrps ...rtr.VRP) { v.cache.Set(&rtr.Data{VRPs: rtr.NewSet(vrps)}) }

// neighbor connects the neighbor of AS 64510.
func (v *validator) neighbor(router netip.AddrPort) {
	var err error
	if v.sink, err = sink.New(sink.Config{LocalAS: 64510, RouterID: netip.MustParseAddr("192.0.2.20")}); err != nil {
		v.t.Fatal(err)
	}
	v.t.Cleanup(func() { v.sink.Close() })
	if err := v.sink.Dial("node", router, netip.Addr{}); err != nil {
		v.t.Fatal(err)
	}
	eventually(v.t, "the session comes up", func() (bool, string) { return len(v.sink.Up()) == 1, "" })
}

// sends makes the neighbor announce prefixes of AS 64510, or withdraw them.
func (v *validator) sends(announce bool, all ...string) {
	v.t.Helper()
	v.update(announce, nil, all...)
}

// sendsBy makes the neighbor announce prefixes of another AS.
func (v *validator) sendsBy(origin uint32, all ...string) {
	v.t.Helper()
	v.update(true, []uint32{origin}, all...)
}

func (v *validator) update(announce bool, behind []uint32, all ...string) {
	v.t.Helper()
	attributes := []byte{0x40, 1, 1, 0, 0x40, 3, 4, 127, 0, 0, 1} // ORIGIN igp, NEXT_HOP
	path := append([]uint32{64510}, behind...)
	attributes = append(attributes, 0x40, 2, byte(2+4*len(path)), 2, byte(len(path))) // AS_PATH: one sequence
	for _, as := range path {
		attributes = binary.BigEndian.AppendUint32(attributes, as)
	}
	var nlri []byte
	for _, p := range prefixes(all...) {
		a := p.Addr().As4()
		nlri = append(append(nlri, byte(p.Bits())), a[:(p.Bits()+7)/8]...)
	}
	body := append([]byte{byte(len(nlri) >> 8), byte(len(nlri))}, append(nlri, 0, 0)...)
	if announce {
		body = append(append([]byte{0, 0, 0, byte(len(attributes))}, attributes...), nlri...)
	}
	if err := v.sink.Send("node", sink.Message(2, body)); err != nil {
		v.t.Fatal(err)
	}
}

// types runs lines at the node's own door.
func (v *validator) types(lines ...string) string {
	v.t.Helper()
	var out strings.Builder
	if _, err := CLI(v.t.Context(), v.conf, strings.Join(lines, "\n"), strings.NewReader(""), &out); err != nil {
		v.t.Fatal(err)
	}
	return out.String()
}

// shows waits until a line prints all of these.
func (v *validator) shows(line string, want ...string) {
	v.t.Helper()
	eventually(v.t, line, func() (bool, string) {
		out := v.types(line)
		for _, w := range want {
			if !strings.Contains(out, w) {
				return false, out
			}
		}
		return true, out
	})
}

// attests makes the cache say so much about providers, and nothing about
// prefixes.
func (v *validator) attests(all ...rtr.ASPA) {
	v.cache.Set(&rtr.Data{VRPs: rtr.NewSet(nil), ASPAs: all})
}

func vrp4(prefix string, most uint8, asn uint32) rtr.VRP {
	return rtr.VRP{Prefix: netip.MustParsePrefix(prefix), MaxLen: most, ASN: asn}
}

// What a neighbor sends is judged by what a cache says, from the node's file to
// the operator's screen, and follows each change of either.
func TestReceivedRoutesAreValidated(t *testing.T) {
	v := newValidator(t, vrp4("192.0.2.0/24", 24, 64510), vrp4("198.51.100.0/24", 24, 64999))
	v.shows("show rpki cache-connection", "rpki tcp cache 127.0.0.1", "(connected)")
	v.sends(true, "192.0.2.0/24", "198.51.100.0/24", "203.0.113.0/24")
	v.shows("show ip bgp rpki valid", "V  192.0.2.0/24  127.0.0.1  64510  64510", "Displayed 1 route\n")
	v.shows("show ip bgp rpki invalid", "I  198.51.100.0/24", "Displayed 1 route\n")
	v.shows("show ip bgp rpki notfound", "N  203.0.113.0/24", "Displayed 1 route\n")
	v.shows("show ip bgp neighbors 127.0.0.1 received-routes", "V*  192.0.2.0/24     127.0.0.1                              0 64510 i",
		"I*  198.51.100.0/24", "N*  203.0.113.0/24", "Total number of prefixes 3\n")
	v.shows("show ip bgp 203.0.113.7", "BGP routing table entry for 203.0.113.0/24", "127.0.0.1 from 127.0.0.1 (192.0.2.20)", "rpki validation-state: not-found")

	v.serve(vrp4("192.0.2.0/24", 24, 64999), vrp4("198.51.100.0/24", 24, 64510)) // a delta
	v.shows("show rpki rov asn 64510", "192.0.2.0/24     64510      invalid (as)", "198.51.100.0/24  64510      valid", "203.0.113.0/24   64510      not-found")

	v.sends(false, "198.51.100.0/24")
	v.shows("show rpki rov asn 64510", "198.51.100.0/24  -          not-advertised")
	v.sink.Close() // the session is lost
	v.shows("show ip bgp rpki invalid", "No BGP prefixes displayed")
}

// With a role, AS paths are verified by what ASes attest: every route carries that
// state too, and an ASPA or a role that changes judges it again.
func TestPathsAreVerified(t *testing.T) {
	v := newValidator(t)
	v.attests(rtr.ASPA{Customer: 64510, Providers: []uint32{64499}})
	v.types("configure terminal", "router bgp 64500", "neighbor 127.0.0.1 local-role peer", "end")
	v.shows("show ip bgp neighbors", "  Local Role: peer\n")
	v.shows("show rpki aspa", "64510        64499\n")
	v.sends(true, "192.0.2.0/24")
	v.shows("show rpki rov aspa valid", "192.0.2.0/24  64510      not-found  127.0.0.1  64510  valid  no VRP covers it")
	v.sendsBy(64511, "198.51.100.0/24") // of AS 64511, by way of 64510, which is no provider of it
	v.shows("show rpki rov aspa unknown", "198.51.100.0/24  64511      not-found  127.0.0.1  64510  unknown")
	v.attests(rtr.ASPA{Customer: 64511, Providers: []uint32{64499}})
	v.shows("show rpki rov aspa invalid", "198.51.100.0/24  64511      not-found  127.0.0.1  64510  invalid")
	v.attests(rtr.ASPA{Customer: 64511, Providers: []uint32{64510}})
	v.shows("show rpki rov aspa valid", "198.51.100.0/24  64511      not-found  127.0.0.1  64510  valid")
	v.attests(rtr.ASPA{Customer: 64511, Providers: []uint32{64499}})
	v.types("configure terminal", "router bgp 64500", "neighbor 127.0.0.1 local-role customer", "end") // two hops of a provider always lead down
	v.shows("show rpki rov aspa valid", "198.51.100.0/24")
	v.types("configure terminal", "router bgp 64500", "no neighbor 127.0.0.1 local-role", "end")
	v.shows("show rpki statistics", "AS paths:        0 valid, 0 invalid, 0 unknown, 2 unverified", "127.0.0.1  64510  none  2")
	v.shows("show rpki statistics json", `"ASPA": `, `"completeAnswers": `)
	if n := len(v.sink.Up()); n != 1 {
		t.Error("a role has cost the session")
	}
}

// Another file brings another cache, and one without caches takes all data away.
func TestAReloadChangesTheCaches(t *testing.T) {
	v := newValidator(t, vrp4("192.0.2.0/24", 24, 64510))
	v.shows("show rpki prefix-table", "192.0.2.0 ")
	other, door := rtrtest.New(9), listening(t)
	other.Set(&rtr.Data{VRPs: rtr.NewSet([]rtr.VRP{vrp4("198.51.100.0/24", 24, 64510)})})
	go other.Listen(door)
	t.Cleanup(func() { door.Close(); other.Drop() })
	next := v.conf
	next.RPKI = &config.RPKI{Caches: []config.Cache{{Host: "127.0.0.1", Port: uint16(door.Addr().(*net.TCPAddr).Port), Preference: 1}}}
	if err := v.d.Reload(t.Context(), next); err != nil {
		t.Fatal(err)
	}
	v.shows("show rpki prefix-table", "198.51.100.0 ", "Number of IPv4 Prefixes: 1\n")
	v.shows("show running-config", fmt.Sprintf(" rpki cache 127.0.0.1 %d preference 1\n", next.RPKI.Caches[0].Port))
	next.RPKI = nil
	if err := v.d.Reload(t.Context(), next); err != nil {
		t.Fatal(err)
	}
	v.shows("show rpki prefix-table", "No connection to RPKI cache server.")
	v.shows("show alarms", "No alarms.")
}

// A grant `origin-as N roa` is what VRPs of N cover, and a blackhole within it is
// taken; losing the cache takes nothing away.
func TestAROAGrantsABlackhole(t *testing.T) {
	v := newValidator(t, vrp4("192.0.2.0/24", 24, 64511))
	v.shows("show rpki prefix-table", "192.0.2.0 ")
	v.types("configure terminal", "customer acme", "origin-as 64511 roa", "end")
	eventually(t, "the grant is told", func() (bool, string) {
		v.d.tellGrantsOnce(t.Context())
		out := v.types("show customer acme")
		return strings.Contains(out, "From ROAs:    of AS 64511: 192.0.2.0/24"), out
	})
	out := v.types("configure terminal", "customer acme", "network 192.0.2.12/32", "end")
	want := "Warning: 192.0.2.12/32 from AS64500 is RPKI invalid upstream (authorized for other origins only: 192.0.2.0/24-24 AS64511)"
	if !strings.HasPrefix(out, want) || strings.Contains(out, "%") {
		t.Error(out)
	}
	v.door.Close()
	v.cache.Drop()
	eventually(t, "the cache is gone", func() (bool, string) {
		out := v.types("show rpki cache-connection") // as FRR: a group, and nothing in it is connected
		return strings.HasPrefix(out, "Connected to group 1\n") && !strings.Contains(out, "(connected)"), out
	})
	v.shows("show rpki prefix-table", "192.0.2.0 ") // the data serve
	if got := v.d.grantChanges(t.Context()); len(got) != 0 {
		t.Errorf("a lost cache changes %v", got)
	}
	v.shows("show customer acme", "192.0.2.0/24")
}

// Every transport that the file can name is one that the client knows.
func TestTheFileNamesTheTransports(t *testing.T) {
	head := "hostname trigger1\ncluster listen 127.0.0.1:7600\nno ssh\nrpki\n rpki cache "
	for line, want := range map[string]rtr.Cache{
		"192.0.2.33 323 preference 1":                                               {Transport: rtr.TCP},
		"tcp 192.0.2.33 323 source 192.0.2.1 preference 1":                          {Transport: rtr.TCP, Source: netip.MustParseAddr("192.0.2.1")},
		"192.0.2.33 323 password s3cret preference 1":                               {Transport: rtr.TCPMD5, Password: "s3cret"},
		"192.0.2.33 323 tls preference 1":                                           {Transport: rtr.TLS},
		"192.0.2.33 323 tls ca /c certificate /p key /k server-name n preference 1": {Transport: rtr.TLS, CA: "/c", Cert: "/p", Key: "/k", ServerName: "n"},
		"192.0.2.33 323 rtr /id /id.pub /known preference 1":                        {Transport: rtr.SSH, User: "rtr", PrivateKey: "/id", KnownHosts: "/known"},
	} {
		want.Addr, want.Preference = "192.0.2.33:323", 1
		c := parse(t, head+line+"\nexit\n").RPKI
		if got := cachesOf(c).Caches; len(got) != 1 || got[0] != want {
			t.Errorf("%s: %+v, want %+v", line, got, want)
		}
		if err := checkCaches(c); err != nil {
			t.Errorf("%s: %v", line, err)
		}
	}
}
