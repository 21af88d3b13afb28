package peer

import (
	"bytes"
	"context"
	"crypto/x509"
	"log/slog"
	"net"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/triggerd/triggerd/internal/alarm"
)

// Every test closes its ports, and a closed port leaves nothing running.
func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// world is a cluster as the tests tell about it: one CA, one generation.
type world struct {
	t      *testing.T
	ca     *CA
	record Record
}

func newWorld(t *testing.T, cluster string) *world {
	t.Helper()
	ca, err := NewCA(cluster)
	must(t, err)
	w := &world{t: t, ca: ca}
	w.record = w.generation(1, "aaaa")
	return w
}

// generation is a record of this cluster with a good seal.
func (w *world) generation(n uint64, lineage string) Record {
	w.t.Helper()
	r, err := SignGeneration(w.ca, Record{Cluster: w.ca.Cert.Subject.Organization[0], Generation: n, Lineage: lineage})
	must(w.t, err)
	return r
}

func (w *world) identity(name string) Identity {
	return Identity{Name: name, Incarnation: 1}.WithRecord(w.record)
}

func (w *world) credentials(serverID string) Credentials {
	now := time.Now()
	return w.credentialsFor(serverID, now.Add(-time.Hour), now.Add(time.Hour))
}

func (w *world) credentialsFor(serverID string, from, until time.Time) Credentials {
	w.t.Helper()
	key, err := NewKey()
	must(w.t, err)
	csr, err := NewCSR(key, "whatever")
	must(w.t, err)
	der, err := w.ca.sign(csr, serverID, from, until)
	must(w.t, err)
	cert, err := x509.ParseCertificate(der)
	must(w.t, err)
	return Credentials{CACert: w.ca.Cert, Cert: cert, Key: key}
}

// node is a member with its port open on loopback.
type node struct {
	*Port
	t      *testing.T
	log    *lockedBuffer
	alarms *alarm.Registry

	mu     sync.Mutex
	id     Identity
	fenced chan Record
}

func (n *node) identity() Identity {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.id
}

func (n *node) become(id Identity) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.id = id
}

func (n *node) addr() string { return n.Addr().String() }

// node starts a member of the world; change may bend its options first.
func (w *world) node(name string, change ...func(*Options)) *node {
	w.t.Helper()
	n := &node{t: w.t, id: w.identity(name), log: &lockedBuffer{}, fenced: make(chan Record, 8)}
	n.alarms = alarm.New(slog.New(slog.DiscardHandler))
	opt := Options{
		Addr: "127.0.0.1:0", Credentials: w.credentials(name + "#1"), Identity: n.identity,
		Log: slog.New(slog.NewTextHandler(n.log, nil)), Alarms: n.alarms,
		OnNewerGeneration: func(r Record, _ net.Addr) { n.fenced <- r },
	}
	for _, c := range change {
		c(&opt)
	}
	p, err := Listen(opt)
	must(w.t, err)
	n.Port = p
	w.t.Cleanup(func() { must(w.t, p.Close()) })
	p.Handle("echo", echo)
	return n
}

// as makes a node with another identity than its name's.
func as(id Identity) func(*Options) {
	return func(o *Options) { o.Identity = func() Identity { return id } }
}

// members makes the membership known to a node.
func members(ids ...string) func(*Options) {
	return func(o *Options) {
		o.Member = func(id string) (bool, bool) {
			for _, m := range ids {
				if m == id {
					return true, true
				}
			}
			return false, true
		}
	}
}

func echo(_ context.Context, _ Identity, body []byte) ([]byte, error) { return body, nil }

// say makes one call to another node and returns its error.
func (n *node) say(to *node) error {
	n.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	got, err := n.Call(ctx, to.addr(), "", "echo", []byte("hello"))
	if err == nil && string(got) != "hello" {
		n.t.Fatalf("answer %q", got)
	}
	return err
}

// sees waits until the node has counted a refusal for the reason.
func (n *node) sees(label string) {
	n.t.Helper()
	eventually(n.t, "refusal "+label, func() bool { return n.Refused()[label] > 0 })
}

type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lockedBuffer) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(b)
}

func (l *lockedBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

// eventually polls until a condition holds.
func eventually(t *testing.T, what string, holds func() bool) {
	t.Helper()
	limit, tick := time.NewTimer(15*time.Second), time.NewTicker(2*time.Millisecond)
	defer limit.Stop()
	defer tick.Stop()
	for !holds() {
		select {
		case <-limit.C:
			t.Fatalf("still waiting for: %s", what)
		case <-tick.C:
		}
	}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
