package cli

import (
	"context"
	"encoding/binary"
	"flag"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/triggerd/triggerd/cli/vty"
	"github.com/triggerd/triggerd/internal/alarm"
	"github.com/triggerd/triggerd/internal/config"
	"github.com/triggerd/triggerd/internal/journal"
	"github.com/triggerd/triggerd/internal/rtbh"
)

var update = flag.Bool("update", false, "write the golden files anew")

// lab is a cluster of one state, with everything around it that a Shell needs.
type lab struct {
	t *testing.T

	mu      sync.Mutex
	st      *rtbh.State
	index   uint64
	now     rtbh.Instant
	entries []rtbh.Entry // as proposed

	stale  bool     // reads are not fresh
	silent []Silent // triggers that confirm nothing
	fail   error    // of the next proposal
	lost   bool     // with fail: it takes effect all the same

	status    ClusterStatus
	heard     time.Time // until then the others are known as they were before the last entry
	neighbors []NeighborStatus
	placed    []Placement
	announced []rtbh.Route // nil: all that is desired
	up        []alarm.Alarm
	online    []SessionInfo
	node      config.Node
	saved     int

	ids        uint64   // request ids drawn
	asked      []string // of the speaker
	recorded   []string
	suppressed []Suppressed
	members    []string // what was asked of Members
	journal    *journal.Journal
}

var labStart = rtbh.InstantOf(time.Date(2026, 6, 19, 10, 0, 0, 0, time.UTC))

// newLab has two customers that know nothing of one another, an operator and a
// viewer.
func newLab(t *testing.T) *lab {
	l := bareLab(t)
	l.asCluster(
		rtbh.PutMember{Member: rtbh.Member{Name: "trigger1", Role: rtbh.Voter, Addr: "127.0.0.1:7601", Binary: "1.0.0", Speaks: 1}},
		rtbh.PutMember{Member: rtbh.Member{Name: "trigger2", Role: rtbh.Voter, Addr: "127.0.0.1:7602", Binary: "1.0.0", Speaks: 1}},
		rtbh.PutMember{Member: rtbh.Member{Name: "witness", Role: rtbh.Witness, Addr: "127.0.0.1:7603", Binary: "1.0.0", Speaks: 1}},
	)
	l.asOperator(`
customer acme
 description Acme Hosting, Vienna
 as-number 65534
 prefix 203.0.113.0/24
 prefix 2001:db8:113::/48
 maximum-blackholes 1000
 lifetime maximum never
 user alice
  exit
 user amy
  exit
 exit
customer beta
 as-number 65533
 prefix 198.51.100.0/24
 user bob
  exit
 exit
user root operator
 exit
user vera viewer
 exit
end`)
	l.entries = nil
	return l
}

// bareLab is a new cluster with nothing in it.
func bareLab(t *testing.T) *lab {
	l := &lab{t: t, st: rtbh.NewState(), now: labStart}
	l.node = config.Node{Hostname: "trigger1", BGP: &config.BGP{ASN: 65535, RouterID: netip.MustParseAddr("192.0.2.10")}}
	l.status = ClusterStatus{
		ID: "c0ffee", Node: "trigger1", Leader: "trigger2", Term: 3, Majority: true,
		Members: []MemberStatus{
			{Name: "trigger1", Role: rtbh.Voter, Voting: true, Addr: "127.0.0.1:7601", Binary: "1.0.0", Reachable: true, Digest: "aa", Agrees: true, Stoppable: true},
			{Name: "trigger2", Role: rtbh.Voter, Voting: true, Addr: "127.0.0.1:7602", Binary: "1.0.0", Reachable: true, Digest: "aa", Agrees: true, Stoppable: true},
			{Name: "witness", Role: rtbh.Witness, Voting: true, Addr: "127.0.0.1:7603", Binary: "1.0.0", Reachable: true, Digest: "aa", Agrees: true, Stoppable: true},
		},
	}
	l.asCluster(rtbh.InitCluster{ClusterID: "c0ffee", Created: labStart})
	return l
}

func (l *lab) asCluster(cmds ...rtbh.Command) {
	l.t.Helper()
	for _, cmd := range cmds {
		r := l.apply(rtbh.Entry{Actor: rtbh.Actor{Door: rtbh.DoorNode}, Commands: []rtbh.Command{cmd}})
		if r.Outcomes[0].Refusal != nil {
			l.t.Fatalf("%#v: %v", cmd, r.Outcomes[0].Refusal)
		}
	}
}

// asOperator types lines at the node's own door; none may be refused.
func (l *lab) asOperator(lines string) {
	l.t.Helper()
	sh := l.local()
	sh.must("configure terminal")
	for _, line := range strings.Split(strings.TrimPrefix(lines, "\n"), "\n") {
		sh.must(line)
	}
}

func (l *lab) apply(e rtbh.Entry) rtbh.Result {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.index++
	e.Stamp = l.now
	return l.st.Apply(l.index, e)
}

// pass lets time go by on the cluster's clock.
func (l *lab) pass(d time.Duration) { l.mu.Lock(); l.now = l.now.Add(d); l.mu.Unlock() }

// Propose is [Cluster]'s.
func (l *lab) Propose(_ context.Context, e rtbh.Entry) (Receipt, error) {
	l.entries = append(l.entries, e)
	if err := l.fail; err != nil {
		l.fail = nil
		if l.lost {
			l.apply(e)
		}
		return Receipt{}, err
	}
	return Receipt{Result: l.apply(e), Silent: l.silent}, nil
}

// View is [Cluster]'s.
func (l *lab) View(f func(*rtbh.State, rtbh.Instant)) {
	l.mu.Lock()
	defer l.mu.Unlock()
	f(l.st, l.now)
}

// Fresh is [Cluster]'s.
func (l *lab) Fresh(context.Context) (uint64, bool) { return l.index, !l.stale }

// Sync is [Cluster]'s.
func (l *lab) Sync(context.Context) (Synced, error) {
	err := l.fail
	l.fail = nil
	return Synced{Index: l.index, Silent: l.silent}, err
}

// Status is [Cluster]'s: everybody who can be reached has applied everything.
func (l *lab) Status(context.Context) ClusterStatus {
	s := l.status
	s.Members = append([]MemberStatus(nil), s.Members...)
	s.Commit, s.Applied = l.index, l.index
	for i := range s.Members {
		if s.Members[i].Reachable {
			s.Members[i].Applied = l.index
			if i > 0 && time.Now().Before(l.heard) {
				s.Members[i].Applied--
			}
		}
	}
	return s
}

// Neighbors is [Speaker]'s.
func (l *lab) Neighbors() []NeighborStatus { return l.neighbors }

// Announced is [Speaker]'s.
func (l *lab) Announced() (out []rtbh.Route) {
	if l.announced != nil {
		return l.announced
	}
	l.View(func(s *rtbh.State, now rtbh.Instant) { out = s.Desired(now) })
	return out
}

// Trace is [Tracer]'s.
func (l *lab) Trace(context.Context, netip.Prefix) []Placement { return l.placed }

// Current is [NodeConfig]'s.
func (l *lab) Current() config.Node { return l.node }

// Lines is [NodeConfig]'s.
func (l *lab) Lines() []string {
	return []string{
		"hostname " + l.node.Hostname, "!", "router bgp 65535", " bgp router-id 192.0.2.10",
		" neighbor 192.0.2.20 remote-as 65535", " neighbor 192.0.2.20 password tcp-secret",
	}
}

// Save is [NodeConfig]'s.
func (l *lab) Save() (string, error) { l.saved++; return "/etc/triggerd/triggerd.conf", nil }

// Startup is [NodeConfig]'s: the file as somebody wrote it.
func (l *lab) Startup() (string, []string, error) {
	return "/etc/triggerd/triggerd.conf", append([]string{"! our first trigger"}, l.Lines()...), nil
}

// Apply is [NodeConfig]'s.
func (l *lab) Apply(_ context.Context, n config.Node) error { l.node = n; return nil }

// Export is [Speaker]'s: one neighbor has a dialect of its own.
func (l *lab) Export(n netip.Addr, r rtbh.Route) (rtbh.Route, string, bool) {
	if n == netip.MustParseAddr("192.0.2.20") {
		r.Communities = []rtbh.Community{64500<<16 | 666}
		return r, "by route-map DECIX clause 10", true
	}
	return r, "", true
}

// Reset is [Speaker]'s.
func (l *lab) Reset(n netip.Addr) error { l.asked = append(l.asked, "reset "+n.String()); return nil }

// Refresh is [Speaker]'s.
func (l *lab) Refresh(n netip.Addr, in, out bool) error {
	l.asked = append(l.asked, fmt.Sprint("refresh ", n, " in ", in, " out ", out))
	return nil
}

// Record is [Local]'s.
func (l *lab) Record(who rtbh.Actor, text string) error {
	l.recorded = append(l.recorded, who.User+": "+text)
	return nil
}

// Suppress is [Local]'s.
func (l *lab) Suppress(p netip.Prefix, who rtbh.Actor) bool {
	was := slices.ContainsFunc(l.suppressed, func(s Suppressed) bool { return s.Prefix == p })
	if !was {
		l.suppressed = append(l.suppressed, Suppressed{Prefix: p, By: who.User, Since: l.now.Time(), Lifts: !l.status.Majority})
	}
	return !was
}

// Unsuppress is [Local]'s.
func (l *lab) Unsuppress(p netip.Prefix, _ rtbh.Actor) bool {
	n := len(l.suppressed)
	l.suppressed = slices.DeleteFunc(l.suppressed, func(s Suppressed) bool { return s.Prefix == p })
	return len(l.suppressed) < n
}

// Suppressed is [Local]'s.
func (l *lab) Suppressed() []Suppressed { return l.suppressed }

// alarmsOf and sessionsOf give List two faces.
type (
	alarmsOf   struct{ l *lab }
	sessionsOf struct{ l *lab }
)

func (a alarmsOf) List() []alarm.Alarm   { return a.l.up }
func (s sessionsOf) List() []SessionInfo { return s.l.online }

func (s sessionsOf) End(id int) bool {
	n := len(s.l.online)
	s.l.online = slices.DeleteFunc(s.l.online, func(i SessionInfo) bool { return i.ID == id })
	return len(s.l.online) < n
}
func (l *lab) Token(_ context.Context, _ rtbh.Actor, role rtbh.MemberRole, name string) (string, rtbh.Instant, error) {
	l.members = append(l.members, fmt.Sprintf("token %s %s", role, name))
	return "T0KEN", l.now.Add(15 * time.Minute), nil
}
func (l *lab) Remove(_ context.Context, _ rtbh.Actor, name string) error {
	l.members = append(l.members, "remove "+name)
	return nil
}
func (l *lab) Transfer(_ context.Context, _ rtbh.Actor, name string) (string, error) {
	l.members = append(l.members, "transfer "+name)
	return "trigger1", nil
}

func (l *lab) ports() Ports {
	p := Ports{
		Cluster: l, Node: l, Version: "1.0.0", Speaker: l, Alarms: alarmsOf{l}, Tracer: l, Sessions: sessionsOf{l}, Members: l, Local: l,
		Door: doorOf{l},
	}
	if l.journal != nil {
		p.Journal = l.journal
	}
	return p
}

// doorOf gives Status its second face.
type doorOf struct{ l *lab }

func (doorOf) Status() (DoorStatus, bool) {
	return DoorStatus{
		Listen: []string{"192.0.2.10:22"}, HostKeys: []string{"ssh-ed25519 SHA256:abc"}, Open: 2, Entering: 1, Limits: ServerLimits{}.withDefaults(),
		Counters: Counters{Connections: 40, Logins: 5, LoginsRefused: 3, TriesRefused: 17, HalfOpenRefused: 900, LogsSuppressed: 12},
	}, true
}

// screen is one session, as its user sees it.
type screen struct {
	*Shell
	t    *testing.T
	last vty.Outcome
	term *vty.Terminal
}

// login opens a session as a user of the state.
func (l *lab) login(name string) *screen {
	l.t.Helper()
	u, ok := l.st.User(name)
	if !ok {
		l.t.Fatalf("no user %s", name)
	}
	term := vty.NewTerminal(80, 24)
	return l.shell(Login{User: u, Door: rtbh.DoorSSH, From: netip.MustParseAddrPort("198.51.100.77:50022"), Terminal: term})
}

// local opens the node's own door.
func (l *lab) local() *screen { return l.shell(Login{Door: rtbh.DoorLocal}) }

func (l *lab) shell(login Login) *screen {
	sh := NewShell(l.ports(), login)
	sh.now = func() time.Time { return l.now.Time() }
	sh.newID = func() (id rtbh.RequestID) {
		l.ids++
		binary.BigEndian.PutUint64(id[:], l.ids)
		return id
	}
	return &screen{Shell: sh, t: l.t, term: login.Terminal}
}

// run types one line and returns what it prints.
func (x *screen) run(line string) string {
	var out strings.Builder
	x.last = x.Execute(context.Background(), line, &out)
	return out.String()
}

// must types lines that print nothing and are accepted.
func (x *screen) must(lines ...string) {
	x.t.Helper()
	for _, line := range lines {
		if out := x.run(line); out != "" || x.last.Status != vty.OK {
			x.t.Fatalf("%s%s\n%s(status %d)", x.Prompt(), line, out, x.last.Status)
		}
	}
}

// refused types a line and returns its refusal.
func (x *screen) refused(line string) string {
	x.t.Helper()
	out := x.run(line)
	if x.last.Status != vty.Refused {
		x.t.Fatalf("%s%s\n%sstatus %d, want refused", x.Prompt(), line, out, x.last.Status)
	}
	return strings.TrimSuffix(out, "\n")
}

// transcript types lines and returns the screen, prompts and all.
func (x *screen) transcript(lines ...string) string {
	var b strings.Builder
	for _, line := range lines {
		b.WriteString(x.Prompt() + line + "\n")
		b.WriteString(x.run(line))
	}
	b.WriteString(x.Prompt() + "\n")
	return b.String()
}

// golden compares text with the file of that name in testdata.
func golden(t *testing.T, name, got string) {
	t.Helper()
	file := filepath.Join("testdata", name+".golden")
	if *update {
		if err := os.MkdirAll("testdata", 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if got != string(want) {
		t.Errorf("%s: got\n%s\nwant\n%s", file, got, want)
	}
}
