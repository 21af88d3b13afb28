package consensus

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/triggerd/triggerd/internal/alarm"
	"github.com/triggerd/triggerd/internal/rtbh"
)

// Tests in this file run nodes as the daemon does: real TCP with mutual TLS on
// loopback, real files, the wall clock.

func freeAddr(t testing.TB) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = l.Close() }()
	return l.Addr().String()
}

func eventually(t testing.TB, what string, within time.Duration, ok func() bool) {
	t.Helper()
	for end := time.Now().Add(within); !ok(); {
		if time.Now().After(end) {
			t.Fatalf("not within %s: %s", within, what)
		}
		<-time.After(5 * time.Millisecond)
	}
}

// realNode is a node with its directory, so that it can be stopped and started.
type realNode struct {
	*Node
	dir, addr string
	alarms    *alarm.Registry
}

func testLog(t testing.TB, name string) *slog.Logger {
	if os.Getenv("CONSENSUS_LOG") == "" {
		return slog.New(slog.DiscardHandler)
	}
	return slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelDebug})).With("n", name)
}

func (r *realNode) open(t testing.TB, name string) {
	t.Helper()
	log := testLog(t, name)
	r.alarms = alarm.New(log)
	n, err := Open(Options{Dir: r.dir, Listen: r.addr, Advertise: r.addr, BootWait: 5 * time.Second, Version: "test", Log: log, Alarms: r.alarms})
	if err != nil {
		t.Fatalf("open %s: %v", name, err)
	}
	r.Node = n
	t.Cleanup(func() { _ = n.Close() })
}

func ctxFor(t testing.TB, d time.Duration) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), d)
	t.Cleanup(cancel)
	return ctx
}

var local = rtbh.Actor{User: "local", Door: rtbh.DoorLocal}

// initReal makes a cluster of one with a customer in it.
func initReal(t testing.TB) *realNode {
	t.Helper()
	r := &realNode{dir: filepath.Join(t.TempDir(), "trigger1"), addr: freeAddr(t)}
	err := Init(InitOptions{Dir: r.dir, Name: "trigger1", Advertise: r.addr, Operator: "op", OperatorKeys: []string{testKey}, Version: "test", Commands: []rtbh.Command{
		rtbh.EditCustomer{Name: "acme", Field: rtbh.CustomerExists},
		rtbh.EditCustomer{Name: "acme", Field: rtbh.CustomerPrefixes, Value: rtbh.Customer{Prefixes: []netip.Prefix{netip.MustParsePrefix("203.0.113.0/24"), netip.MustParsePrefix("10.0.0.0/8")}}},
		rtbh.EditCustomer{Name: "acme", Field: rtbh.CustomerMaxBlackholes, Value: rtbh.Customer{MaxBlackholes: 1000000}},
	}, Log: testLog(t, "init")})
	if err != nil {
		t.Fatal(err)
	}
	r.open(t, "trigger1")
	if !r.Ready(context.Background()) {
		t.Fatal("a lone node must confirm itself")
	}
	return r
}

const testKey = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIGJkZWZnaGlqa2xtbm9wcXJzdHV2d3h5ejAxMjM0NTY3 op"

// join takes a new node in through r.
func (r *realNode) join(t testing.TB, name string, role rtbh.MemberRole) *realNode {
	t.Helper()
	token, err := r.Token(ctxFor(t, 5*time.Second), local, role, "", time.Minute)
	if err != nil {
		t.Fatalf("token: %v", err)
	}
	j := &realNode{dir: filepath.Join(t.TempDir(), name), addr: freeAddr(t)}
	if _, err := Join(ctxFor(t, 10*time.Second), JoinOptions{Dir: j.dir, Name: name, Advertise: j.addr, Token: token, Version: "test"}); err != nil {
		t.Fatalf("join: %v", err)
	}
	j.open(t, name)
	if !j.Ready(context.Background()) {
		t.Fatalf("%s is not confirmed", name)
	}
	if role.Votes() {
		eventually(t, name+" votes", 10*time.Second, func() bool {
			s := r.Status(context.Background())
			for _, m := range s.Members {
				if m.Name == name {
					return m.Votes
				}
			}
			return false
		})
	}
	return j
}

func realCluster(t testing.TB) [3]*realNode {
	t.Helper()
	a := initReal(t)
	b := a.join(t, "trigger2", rtbh.Voter)
	c := a.join(t, "witness", rtbh.Witness)
	return [3]*realNode{a, b, c}
}

func announce(p string) rtbh.Entry {
	return rtbh.Entry{Actor: local, Commands: []rtbh.Command{rtbh.Announce{Customer: "acme", Prefix: netip.MustParsePrefix(p)}}}
}

func withdraw(p string) rtbh.Entry {
	return rtbh.Entry{Actor: local, Commands: []rtbh.Command{rtbh.Withdraw{Customer: "acme", Prefix: netip.MustParsePrefix(p)}}}
}

func (n *Node) holds(p string) (held bool) {
	n.View(func(s *rtbh.State, now rtbh.Instant) { _, held = s.RouteFor(netip.MustParsePrefix(p), now) })
	return held
}

func mustAccept(t testing.TB, n *Node, e rtbh.Entry) Receipt {
	t.Helper()
	r, err := n.Propose(ctxFor(t, 10*time.Second), e)
	if err != nil {
		t.Fatalf("propose at %s: %v", n.Name(), err)
	}
	for _, o := range r.Result.Outcomes {
		if o.Refusal != nil {
			t.Fatalf("propose at %s: refused: %v", n.Name(), o.Refusal)
		}
	}
	return r
}

func TestAClusterIsMadeJoinedAndRestarted(t *testing.T) {
	t.Parallel()
	nodes := realCluster(t)
	for i, n := range nodes {
		p := fmt.Sprintf("203.0.113.%d/32", i+1)
		r := mustAccept(t, n.Node, announce(p))
		if len(r.Silent) != 0 {
			t.Errorf("%s: silent %v", n.Name(), r.Silent)
		}
		for _, m := range nodes[:2] {
			if !m.holds(p) {
				t.Errorf("%s does not have %s, which was typed at %s and acknowledged", m.Name(), p, n.Name())
			}
		}
	}
	for i, n := range nodes {
		if err := n.Close(); err != nil {
			t.Errorf("close: %v", err)
		}
		n.open(t, fmt.Sprint(i))
		if !n.holds("203.0.113.3/32") {
			t.Errorf("%s starts without what it had acknowledged", n.Name())
		}
		if !n.Ready(context.Background()) {
			t.Errorf("%s is not confirmed after its restart", n.Name())
		}
	}
	mustAccept(t, nodes[2].Node, withdraw("203.0.113.1/32"))
	if nodes[0].holds("203.0.113.1/32") {
		t.Error("a withdrawn blackhole is still there")
	}
}

// What lies on the disk at any moment is what a kill -9 leaves: the files are
// copied from under the running nodes, and nodes are started on the copies.
func TestNothingAcknowledgedIsLostByAKill(t *testing.T) {
	t.Parallel()
	nodes := realCluster(t)
	for i := range 20 {
		mustAccept(t, nodes[i%3].Node, announce(fmt.Sprintf("203.0.113.%d/32", i)))
	}
	mustAccept(t, nodes[1].Node, withdraw("203.0.113.5/32"))
	var copies [3]*realNode
	for i, n := range nodes {
		copies[i] = &realNode{dir: filepath.Join(t.TempDir(), "copy"), addr: n.addr}
		if err := os.CopyFS(copies[i].dir, os.DirFS(n.dir)); err != nil {
			t.Fatal(err)
		}
	}
	for _, n := range nodes {
		if err := n.Close(); err != nil {
			t.Fatal(err)
		}
	}
	for i, n := range copies[:2] {
		n.open(t, fmt.Sprintf("copy %d", i)) // nobody answers the first one yet
		for j := range 20 {
			p := fmt.Sprintf("203.0.113.%d/32", j)
			if n.holds(p) != (j != 5) {
				t.Errorf("%s: %s announced=%v", n.Name(), p, n.holds(p))
			}
		}
	}
	for _, n := range copies[:2] {
		if !n.Ready(context.Background()) {
			t.Errorf("%s is not confirmed", n.Name())
		}
	}
}
