package main

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// announced waits until the node shows exactly these blackholes.
func (n *node) announced(want ...string) {
	n.t.Helper()
	eventually(n.t, n.name+" has "+strings.Join(want, " "), func() (bool, string) {
		got := n.blackholes()
		return slices.Equal(got, want), strings.Join(got, " ")
	})
}

// hasVoters waits until so many nodes count.
func (n *node) hasVoters(want int) {
	n.t.Helper()
	eventually(n.t, "voters vote", func() (bool, string) {
		out := n.asks("show cluster json")
		return strings.Count(out, `"voting": true`) == want, out
	})
}

// Two nodes, one dies for good: the survivor is recovered, first the one that
// runs, then a stopped one in its directory, and the dead one comes back.
func TestSurvivorIsRecovered(t *testing.T) {
	a := newNode(t, "trigger1").init().run()
	b := newNode(t, "trigger2")
	b.does("join", a.token("voter", "trigger2")).works(t)
	b.run()
	a.asks(defineCustomer)
	a.asks("configure terminal; customer acme; network 192.0.2.11/32; end")
	b.announced("192.0.2.11/32")

	a.hasVoters(2)
	a.does("recover").refusedOnDoor(t, "majority")
	b.kill9()
	eventually(t, "a majority is missed", func() (bool, string) {
		r := a.does("recover")
		return r.status == 0, r.String()
	})
	plan := a.does("recover").works(t)
	for _, want := range []string{"generation 2", "trigger2 (silent", "cluster recover trigger2", "BGP sessions"} {
		if !strings.Contains(plan.stdout, want) {
			t.Errorf("the plan does not say %q:\n%s", want, plan.stdout)
		}
	}
	a.does("recover", "trigger9").refusedOnDoor(t, "trigger2")
	a.does("recover", "trigger2").works(t)
	a.asks("configure terminal; customer acme; network 192.0.2.12/32; end")

	b.run()
	b.announced("192.0.2.11/32", "192.0.2.12/32")
	a.hasVoters(2)
	a.kill9()
	b.ends()
	eventually(t, "the stopped node can be recovered", func() (bool, string) {
		r := b.does("recover", "trigger1")
		return r.status == 0, r.String()
	})
	b.run()
	b.asks("configure terminal; customer acme; no network 192.0.2.11/32; end")
	b.announced("192.0.2.12/32")
	a.run()
	a.announced("192.0.2.12/32")
	a.ends()
	b.ends()
}

// refusedOnDoor expects a refusal, which the node's door prints on standard output.
func (r result) refusedOnDoor(t testing.TB, text string) {
	t.Helper()
	if r.status != 1 || !strings.Contains(r.stdout+r.stderr, text) {
		t.Errorf("want a refusal that says %q, got %v", text, r)
	}
}

func TestBackupIsRestoredIntoANewCluster(t *testing.T) {
	old := newNode(t, "trigger1").init().run()
	old.asks(defineCustomer)
	old.asks("configure terminal; customer acme; network 192.0.2.11/32; end")
	file := filepath.Join(t.TempDir(), "saved")
	r := old.does("backup", file).works(t)
	if !strings.Contains(r.stdout, "1 customer, 1 blackhole") {
		t.Error(r)
	}
	if i, err := os.Stat(file); err != nil || i.Mode().Perm() != 0o600 {
		t.Errorf("%v %v", i, err)
	}
	fresh := newNode(t, "fresh1")
	fresh.does("restore", file).works(t)
	fresh.run()
	fresh.announced("192.0.2.11/32")
	fresh.asks("configure terminal; customer acme; no network 192.0.2.11/32; end")
	fresh.announced()
	old.announced("192.0.2.11/32")

	whole, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	whole[len(whole)/2] ^= 1
	if err := os.WriteFile(file, whole, 0o600); err != nil {
		t.Fatal(err)
	}
	newNode(t, "fresh2").does("restore", file).refusedWith(t, 1, "digest")
	old.ends()
	fresh.ends()
}
