package testenv

import (
	"crypto/rand"
	"encoding/hex"
	"net/netip"
	"os"
	"path/filepath"
	"testing"
)

// Lab is one set of hosts of one test. Labs are apart from one another and from
// the machine's own network, so their tests may run in parallel.
type Lab struct {
	t     testing.TB
	name  string // tdlab-PID-START-RANDOM
	dir   string
	hosts []*Host

	processes []*Process // in the order in which they were started
	closers   []func()   // run before anything is ended
	lans      int
}

// NewLab makes an empty lab. When the test ends, whichever way, its processes are
// killed, its namespaces and files removed; after a failure the end of each
// process's log is printed first.
func NewLab(t testing.TB) *Lab {
	t.Helper()
	Require(t, Root, "iproute2")
	random := make([]byte, 3)
	_, _ = rand.Read(random) // crypto/rand.Read never fails since Go 1.24
	name := family + owner() + "-" + hex.EncodeToString(random)
	// Directly under TempDir and short: the names of unix sockets end at 108 bytes,
	// and daemons under other users (frr) must be able to enter: t.TempDir is 0700.
	lab := &Lab{t: t, name: name, dir: filepath.Join(os.TempDir(), name)}
	if err := os.Mkdir(lab.dir, 0o755); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(lab.remove)
	return lab
}

// Host adds a host without any link. The name is unique in the lab and at most
// 12 characters long.
func (l *Lab) Host(name string) *Host {
	l.t.Helper()
	h := &Host{Name: name, Dir: filepath.Join(l.dir, name), lab: l, namespace: l.name + "-" + name}
	if err := os.Mkdir(h.Dir, 0o755); err != nil {
		l.t.Fatal(err)
	}
	if out, err := ipCommand("netns", "add", h.namespace).CombinedOutput(); err != nil {
		l.t.Fatalf("ip netns add: %v: %s", err, out)
	}
	l.hosts = append(l.hosts, h)
	// An address must be usable at once: no duplicate address detection, for the
	// link-local ones too. The lab's paths are not always symmetric.
	h.Sysctl("net/ipv6/conf/default/accept_dad=0", "net/ipv6/conf/default/dad_transmits=0",
		"net/ipv6/conf/all/accept_dad=0", "net/ipv4/conf/default/rp_filter=0", "net/ipv4/conf/all/rp_filter=0")
	h.IP("link set dev lo up")
	return h
}

// onClose registers what has to stop before the processes and namespaces go.
func (l *Lab) onClose(f func()) { l.closers = append(l.closers, f) }

// nameOf says which host has the address, or the address when none has.
func (l *Lab) nameOf(a netip.Addr) string {
	for _, h := range l.hosts {
		for _, own := range h.addrs {
			if own == a {
				return h.Name
			}
		}
	}
	return a.String()
}

// remove ends and removes everything. It goes on after errors: a lab that is half
// made or half broken must go as well.
func (l *Lab) remove() {
	if l.t.Failed() {
		for _, p := range l.processes {
			l.t.Logf("%s", p.Report())
		}
	}
	for i := len(l.closers) - 1; i >= 0; i-- {
		l.closers[i]()
	}
	for i := len(l.processes) - 1; i >= 0; i-- {
		l.processes[i].end()
	}
	for _, h := range l.hosts {
		killAllIn(h.namespace) // children of the above, such as ssh's helpers
		if out, err := ipCommand("netns", "delete", h.namespace).CombinedOutput(); err != nil {
			l.t.Errorf("ip netns delete %s: %v: %s", h.namespace, err, out)
		}
	}
	if err := os.RemoveAll(l.dir); err != nil {
		l.t.Errorf("remove the lab's files: %v", err)
	}
}
