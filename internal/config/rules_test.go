package config

import (
	"cmp"
	"fmt"
	"net/netip"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/triggerd/triggerd/internal/route"
)

var _ = map[Neighbor]bool{} // a Neighbor is comparable

func drawAddr(t *rapid.T, what string) netip.Addr {
	last := byte(rapid.IntRange(1, 254).Draw(t, what))
	if rapid.Bool().Draw(t, what+" is IPv6") {
		return netip.AddrFrom16([16]byte{0x20, 1, 0xd, 0xb8, 14: last, 15: 7})
	}
	return netip.AddrFrom4([4]byte{192, 0, 2, last})
}

// drawText draws what a LINE can hold: readable, and no blanks at its ends.
func drawText(t *rapid.T, what string, longest int) string {
	return strings.TrimSpace(rapid.StringOfN(rapid.RuneFrom([]rune("ab !#|$äß→0 \t")), 0, -1, longest).Draw(t, what))
}

func drawEndpoint(t *rapid.T, what string, hosts ...string) string {
	return fmt.Sprintf("%s:%d", rapid.SampledFrom(hosts).Draw(t, what), rapid.IntRange(1, 65535).Draw(t, what+" port"))
}

func drawNeighbor(t *rapid.T, own uint32, addr netip.Addr) Neighbor {
	n := Neighbor{
		Addr:         addr,
		RemoteAS:     rapid.SampledFrom([]uint32{1, 64501, 4294967295, own}).Draw(t, "remote-as"),
		Description:  drawText(t, "description", 40),
		Password:     drawText(t, "password", MaxPassword),
		Port:         rapid.SampledFrom([]uint16{0, 1, 180, 65535}).Draw(t, "port"),
		Passive:      rapid.Bool().Draw(t, "passive"),
		Shutdown:     rapid.Bool().Draw(t, "shutdown"),
		ConnectRetry: rapid.Uint16().Draw(t, "connect"),
		RestartTime:  rapid.Uint16Range(0, 4095).Draw(t, "restart"),
		MaxAnnounced: rapid.Uint32().Draw(t, "maximum"),
		Monitor:      rapid.Bool().Draw(t, "monitor"),
		RouteMapOut:  rapid.StringMatching(`([a-zA-Z0-9_-]{1,9})?`).Draw(t, "route-map"),
	}
	if n.RemoteAS != own {
		n.LocalAS = rapid.SampledFrom([]uint32{0, own, 7}).Draw(t, "local-as")
	}
	if n.RemoteAS != cmp.Or(n.LocalAS, own) {
		n.Role = route.Role(rapid.IntRange(0, int(route.RolePeer)).Draw(t, "role"))
	}
	if rapid.Bool().Draw(t, "has timers") {
		n.Hold = rapid.Uint16Range(3, 65535).Draw(t, "hold")
		n.Keepalive = rapid.Uint16Range(1, n.Hold-1).Draw(t, "keepalive")
	}
	switch rapid.IntRange(0, 3).Draw(t, "distance") {
	case 1:
		n.TTLSecurity = rapid.Uint8Range(1, 254).Draw(t, "hops")
	case 2:
		if n.RemoteAS != cmp.Or(n.LocalAS, own) {
			n.Multihop = rapid.Uint8Range(1, 255).Draw(t, "ttl")
		}
	}
	if source := drawAddr(t, "source"); source.Is4() == addr.Is4() {
		n.UpdateSource = source
	}
	if n.Shutdown {
		n.Reason = drawText(t, "reason", MaxReason)
	}
	if !n.Monitor && n.Multihop <= 1 && rapid.Bool().Draw(t, "bfd") {
		n.BFD.Enabled = true
		if rapid.Bool().Draw(t, "bfd timers") {
			n.BFD = BFD{true, rapid.Uint8Range(2, 255).Draw(t, "multiplier"), rapid.Uint16Range(50, 60000).Draw(t, "rx"), rapid.Uint16Range(50, 60000).Draw(t, "tx")}
		}
	}
	n.IPv4 = rapid.Bool().Draw(t, "ipv4")
	n.IPv6 = !n.IPv4 || rapid.Bool().Draw(t, "ipv6")
	return n
}

func drawBGP(t *rapid.T) *BGP {
	b := &BGP{
		ASN:      rapid.SampledFrom([]uint32{1, 64500, 4294967295}).Draw(t, "as"),
		RouterID: netip.AddrFrom4([4]byte{10, 0, 0, byte(rapid.IntRange(0, 255).Draw(t, "router-id"))}),
		NoListen: rapid.Bool().Draw(t, "no listen"),
	}
	if !b.NoListen {
		port := rapid.SampledFrom([]uint16{179, 1790}).Draw(t, "bgp port")
		b.Listen = wildcards(port)
		if rapid.Bool().Draw(t, "own addresses") {
			b.Listen = nil
			for _, a := range rapid.SliceOfNDistinct(rapid.Custom(func(t *rapid.T) netip.Addr { return drawAddr(t, "listen") }), 1, 3, rapid.ID).Draw(t, "listen") {
				b.Listen = append(b.Listen, netip.AddrPortFrom(a, port))
			}
		}
	}
	port := rapid.SampledFrom([]uint16{179, 1791}).Draw(t, "monitor port")
	for _, a := range rapid.SliceOfNDistinct(rapid.Custom(func(t *rapid.T) netip.Addr { return drawAddr(t, "monitor") }), 0, 2, rapid.ID).Draw(t, "monitors") {
		b.MonitorListen = append(b.MonitorListen, netip.AddrPortFrom(a, port))
	}
	if !b.NoListen && rapid.Bool().Draw(t, "a range") {
		n := drawNeighbor(t, b.ASN, netip.MustParseAddr("192.0.2.1"))
		n.Addr, n.BFD, n.RouteMapOut, n.Monitor, n.Shutdown, n.Reason, n.UpdateSource, n.Port, n.Passive = netip.Addr{}, BFD{}, "", false, false, "", netip.Addr{}, 0, false
		b.Ranges = []Range{
			{netip.MustParsePrefix("192.0.2.0/24"), "G", n}, {netip.MustParsePrefix("2001:db8::/32"), "G", n},
		}
	}
	b.BMP = drawBMP(t)
	addrs := rapid.SliceOfNDistinct(rapid.Custom(func(t *rapid.T) netip.Addr { return drawAddr(t, "neighbor") }), 0, 4, rapid.ID).Draw(t, "neighbors")
	slices.SortFunc(addrs, netip.Addr.Compare)
	for _, a := range addrs {
		b.Neighbors = append(b.Neighbors, drawNeighbor(t, b.ASN, a))
	}
	return b
}

// drawBMP draws stations block by block, as they are printed.
func drawBMP(t *rapid.T) (all []BMPStation) {
	pause := func(name string, least int) time.Duration {
		if rapid.Bool().Draw(t, name) {
			return 0
		}
		return time.Duration(rapid.IntRange(least, 86_400_000).Draw(t, name+" ms")) * time.Millisecond
	}
	for i, targets := range []string{"NOC", "lab-2"}[:rapid.IntRange(0, 2).Draw(t, "targets")] {
		every := pause("statistics", 100)
		for j := range rapid.IntRange(1, 2).Draw(t, "stations") {
			s := BMPStation{Targets: targets, Host: drawAddr(t, "station").String(), Port: uint16(5000 + 2*i + j), Statistics: every, MaxRetry: pause("max", 5000)}
			if rapid.Bool().Draw(t, "min") {
				s.MinRetry = time.Duration(rapid.IntRange(100, 5000).Draw(t, "min ms")) * time.Millisecond
			}
			all = append(all, s)
		}
	}
	return all
}

func drawNode(t *rapid.T) Node {
	n := Node{
		Hostname: rapid.StringMatching(`[a-zA-Z0-9][a-zA-Z0-9._-]{0,20}`).Draw(t, "hostname"),
		DataDir:  rapid.SampledFrom([]string{DefaultDataDir, "/srv", "/srv/a  b"}).Draw(t, "data"),
		Cluster: Cluster{
			Listen:    drawEndpoint(t, "listen", "", "0.0.0.0", "[::]", "192.0.2.1", "[2001:db8::1]", "t1.example.net"),
			Advertise: drawEndpoint(t, "advertise", "192.0.2.1", "[2001:db8::1]", "t1"),
			BootWait:  time.Duration(rapid.IntRange(0, 3600).Draw(t, "wait")) * time.Second,
		},
		SSH: SSH{
			Disabled:    rapid.Bool().Draw(t, "no ssh"),
			ExecTimeout: time.Duration(rapid.IntRange(0, 100_000).Draw(t, "timeout")) * time.Second,
			SessionTime: time.Duration(rapid.IntRange(0, 5000).Draw(t, "session time")) * time.Minute,
			Sessions:    rapid.IntRange(0, 1000).Draw(t, "sessions"),
			PerUser:     rapid.IntRange(0, 1000).Draw(t, "per user"),
			PerSource:   rapid.IntRange(0, 1000).Draw(t, "per source"),
			LoginGrace:  time.Duration(rapid.IntRange(0, 600).Draw(t, "grace")) * time.Second,
			Startups:    rapid.SampledFrom([]int{0, 1, 299, 10000}).Draw(t, "startups"),
			AuthTries:   rapid.IntRange(0, 100).Draw(t, "tries"),
			AliveEvery:  time.Duration(rapid.IntRange(0, 3600).Draw(t, "alive")) * time.Second,
		},
	}
	if !n.SSH.Disabled {
		n.SSH.Listen = rapid.SliceOfNDistinct(rapid.Custom(func(t *rapid.T) string { return drawEndpoint(t, "ssh", "", "127.0.0.1", "[::1]") }), 1, 3, rapid.ID).Draw(t, "ssh")
	}
	for i := range rapid.IntRange(0, 3).Draw(t, "banner lines") {
		if i > 0 {
			n.SSH.Banner += "\n"
		}
		n.SSH.Banner += strings.TrimRight("  "+drawText(t, "banner", 20), " \t")
	}
	if rapid.Bool().Draw(t, "validates") {
		n.RPKI = drawRPKI(t)
	}
	if rapid.Bool().Draw(t, "has a speaker") {
		n.BGP = drawBGP(t)
	}
	return n
}

func TestWhatIsPrintedParsesBack(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		want := drawNode(t)
		got, warnings, err := Parse("printed", strings.NewReader(want.String()))
		if err != nil || len(warnings) > 0 {
			t.Fatalf("%v, %v\n%s", err, warnings, want)
		}
		if !reflect.DeepEqual(got, want) {
			t.Fatalf("got %+v\nwant %+v\n%s", got, want, want)
		}
	})
}

func TestDiffNamesEveryChangeOnce(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		old, now := drawBGP(t), drawBGP(t)
		for i, n := range now.Neighbors { // make some the same as before
			if j := slices.IndexFunc(old.Neighbors, func(o Neighbor) bool { return o.Addr == n.Addr }); j >= 0 && i%2 == 0 {
				now.Neighbors[i] = old.Neighbors[j]
			}
		}
		added, removed, changed := Diff(old, now)
		have := map[netip.Addr]Neighbor{}
		for _, n := range old.Neighbors {
			have[n.Addr] = n
		}
		for _, n := range removed {
			if have[n.Addr] != n {
				t.Fatalf("%v was not there", n.Addr)
			}
			delete(have, n.Addr)
		}
		for _, n := range changed {
			if was, ok := have[n.Addr]; !ok || was == n {
				t.Fatalf("%v did not change", n.Addr)
			}
			have[n.Addr] = n
		}
		for _, n := range added {
			if _, ok := have[n.Addr]; ok {
				t.Fatalf("%v is not new", n.Addr)
			}
			have[n.Addr] = n
		}
		if len(have) != len(now.Neighbors) {
			t.Fatalf("%d neighbors become %d, not %d", len(old.Neighbors), len(have), len(now.Neighbors))
		}
		for _, n := range now.Neighbors {
			if have[n.Addr] != n {
				t.Fatalf("%v is not as wanted", n.Addr)
			}
		}
	})
	b := &BGP{Neighbors: []Neighbor{{Addr: netip.MustParseAddr("192.0.2.1")}}}
	added, _, _ := Diff(nil, b)
	_, removed, _ := Diff(b, nil)
	if len(added) != 1 || len(removed) != 1 {
		t.Errorf("from and to nothing: %v, %v", added, removed)
	}
}

// A field that Equal forgets is a change of the file that nobody is told needs a
// restart.
func TestDoorsThatDifferAreNotEqual(t *testing.T) {
	fields := reflect.TypeFor[SSH]()
	for i := range fields.NumField() {
		var s SSH
		switch f := reflect.ValueOf(&s).Elem().Field(i); f.Kind() {
		case reflect.Bool:
			f.SetBool(true)
		case reflect.String:
			f.SetString("x")
		case reflect.Slice:
			f.Set(reflect.ValueOf([]string{"x"}))
		default:
			f.SetInt(1)
		}
		if s.Equal(SSH{}) {
			t.Errorf("%s makes no difference", fields.Field(i).Name)
		}
	}
}
