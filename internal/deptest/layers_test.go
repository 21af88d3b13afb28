package deptest

import (
	"slices"
	"testing"
)

// floors are the rooms of the house, the highest first. A package belongs to the
// room with the longest path that it lies in. It may import rooms of lower
// floors, never one of its own floor or above.
var floors = [][]string{
	{"cmd"}, // its tests run the binary in the lab's vocabulary
	{"testenv"},
	{"internal/daemon"},
	{"cli", "internal/web"},
	{"consensus", "bgp", "rpki", "internal/alert"},
	{"internal/config"},
	{"cli/grammar", "cli/vty", "rpki/rtr"},
	{"internal/rtbh", "internal/route", "internal/alarm", "internal/journal", "internal/beat"},
	{"internal/deptest"},
}

// closed are arrows that would point down and are shut all the same: the doors
// for people declare the small interfaces that they need, and the daemon plugs
// the parts in.
var closed = map[string][]string{
	"cli":          {"consensus", "bgp", "rpki", "internal/alert", "rpki/rtr"},
	"internal/web": {"consensus", "bgp", "rpki", "internal/alert", "rpki/rtr"},
	"consensus":    {"internal/config", "cli/grammar", "cli/vty", "rpki/rtr"},
	"bgp":          {"cli/grammar", "cli/vty", "rpki/rtr"},
	"rpki":         {"cli/grammar", "cli/vty"},
}

// private are the rooms whose sub-packages only they themselves, the daemon and
// those above it may import.
var private = []string{"consensus", "bgp", "rpki", "internal/web", "internal/alert"}

// standardOnly are the rooms that import nothing but the standard library.
var standardOnly = []string{"internal/rtbh", "internal/route", "internal/alarm", "internal/journal", "internal/beat", "internal/deptest", "cli/grammar"}

// roomOf returns the room that a path lies in.
func roomOf(p string) (room string, known bool) {
	for _, rooms := range floors {
		for _, r := range rooms {
			if within(p, r) && len(r) > len(room) {
				room, known = r, true
			}
		}
	}
	return room, known
}

func floorOf(room string) int {
	return slices.IndexFunc(floors, func(rooms []string) bool { return slices.Contains(rooms, room) })
}

// forbidden says why one package must not import another, "" when it may.
func forbidden(from, to string) string {
	a, known := roomOf(from)
	if !known {
		return "has no room: put it into the table of floors"
	}
	if foreign(to) || !ours(to) {
		if foreign(to) && slices.Contains(standardOnly, a) {
			return "uses the standard library only"
		}
		return ""
	}
	b, _ := roomOf(to)
	switch {
	case a == b:
		return ""
	case floorOf(b) <= floorOf(a):
		return "is not above " + b
	case slices.Contains(closed[a], b):
		return "declares its own interfaces instead of importing " + b
	case slices.Contains(private, b) && to != b && floorOf(a) > floorOf("internal/daemon"):
		return "must leave " + to + " to " + b
	}
	return ""
}

func TestArrowsPointDown(t *testing.T) {
	for _, s := range sources(t) {
		if _, known := roomOf(s.dir); !known {
			t.Errorf("%s: %s", s.path, forbidden(s.dir, ""))
		}
		for _, to := range s.imports {
			if why := forbidden(s.dir, to); why != "" && !(s.test && foreign(to)) {
				t.Errorf("%s imports %s: %s %s", s.path, to, s.dir, why)
			}
		}
	}
}

// The rules for packages that are not there yet, and a proof that the test above
// can fail.
func TestTheRulesThemselves(t *testing.T) {
	for _, c := range []struct {
		from, to string
		may      bool
	}{
		{"cmd/triggerd", "internal/daemon", true},
		{"internal/daemon", "cmd/triggerd", false},
		{"internal/daemon", "testenv", false},
		{"internal/daemon", "internal/web", true},
		{"internal/daemon/dev", "bgp/sink", true},
		{"testenv/lab", "bgp/sink", true},
		{"cli", "consensus", false},
		{"cli", "bgp/sink", false},
		{"cli", "rpki/rtr", false},
		{"cli", "cli/vty", true},
		{"cli", "internal/web", false},
		{"cli", "internal/config", true},
		{"internal/web", "bgp", false},
		{"internal/web", "internal/rtbh", true},
		{"consensus", "bgp", false},
		{"bgp", "consensus", false},
		{"rpki", "bgp", false},
		{"rpki", "rpki/rtr", true},
		{"rpki/rtr", "rpki", false},
		{"rpki/aspa", "rpki/rtr", true},
		{"bgp", "rpki/rtr", false},
		{"bgp", "internal/config", true},
		{"bgp", "cli/grammar", false},
		{"consensus", "consensus/peer", true},
		{"consensus/peer", "internal/rtbh", true},
		{"internal/alert", "bgp", false},
		{"internal/alert", "internal/route", true},
		{"internal/config", "cli/grammar", true},
		{"internal/config", "cli", false},
		{"cli/grammar", "internal/config", false},
		{"cli/vty", "cli/grammar", false},
		{"cli/grammar", "internal/rtbh", true},
		{"internal/rtbh", "internal/alarm", false},
		{"internal/route", "internal/rtbh", false},
		{"internal/rtbh", "pgregory.net/rapid", false},
		{"internal/rtbh", "net/netip", true},
		{"bgp", "github.com/osrg/gobgp/v4/pkg/server", true},
		{"internal/new", "net/netip", false},
	} {
		if why := forbidden(c.from, c.to); (why == "") != c.may {
			t.Errorf("%s -> %s: %q", c.from, c.to, why)
		}
	}
	for from, all := range closed {
		if floorOf(from) < 0 || slices.ContainsFunc(all, func(to string) bool { return floorOf(to) < 0 }) {
			t.Errorf("a closed arrow of %s names no room", from)
		}
	}
}
