package main

import (
	"slices"
	"strings"
	"testing"
)

// Two triggers and a witness, as operations.md makes them, with each way in which
// an invitation can go wrong.
func TestJoining(t *testing.T) {
	t.Parallel()
	first := newNode(t, "trigger1")
	first.write(first.router()...)
	first.init().run()
	first.asks(defineCustomer)

	second := newNode(t, "trigger2")
	second.write(second.router()...)
	token := first.token("voter", "trigger2")

	t.Log("mistyped: refused, and nothing is left behind")
	flipped := []byte(token)
	if flipped[len(flipped)/2]++; flipped[len(flipped)/2] == 'z'+1 || flipped[len(flipped)/2] == '9'+1 {
		flipped[len(flipped)/2] -= 2
	}
	for _, bad := range []string{string(flipped), token[:len(token)-5], token + "x", strings.ToUpper(token) + "!"} {
		second.does("join", bad).refusedWith(t, 1, "joining:")
	}
	t.Log("the right one for the wrong name: refused")
	stranger := newNode(t, "stranger")
	stranger.does("join", token).refusedWith(t, 1, "trigger2")
	t.Log("the right one: a member")
	second.does("join", token).works(t)
	t.Log("used: refused")
	again := newNode(t, "trigger2")
	again.does("join", token).refusedWith(t, 1, "joining:")
	second.does("join", token).refusedWith(t, 1, "joining:")
	second.run()

	t.Log("a witness with a router bgp block: it does not announce, and says so")
	witness := newNode(t, "witness")
	witness.write(append(witness.router(), "no ssh")...)
	witness.does("join", first.token("witness", "witness")).works(t)
	witness.run()
	witness.says("announces nothing")

	t.Log("typed at the second, known to all")
	second.asks(blackhole7)
	for _, n := range []*node{first, second, witness} {
		eventually(t, n.name+" has the blackhole", func() (bool, string) {
			got := n.blackholes()
			return slices.Equal(got, []string{"192.0.2.7/32"}), strings.Join(got, " ")
		})
	}
	t.Log("the same digest at the same index, on all")
	eventually(t, "the digests agree", func() (bool, string) {
		a, b, c := first.digest(), second.digest(), witness.digest()
		return a != "" && a == b && b == c, a + " " + b + " " + c
	})
	eventually(t, "all three vote", func() (bool, string) {
		shown := first.asks("show cluster")
		return strings.Contains(shown, "this node reaches 3 of 3 members"), shown
	})

	t.Log("without a majority: refused at once with the rule, the blackhole stays")
	second.kill9()
	witness.kill9()
	eventually(t, "the first says that it is alone", func() (bool, string) {
		r := first.does("cli", "configure terminal; customer acme; network 192.0.2.8/32")
		return r.status == 1 && strings.Contains(r.stdout, "% NOT accepted: this node reaches 1 of 3 cluster members"), r.String()
	})
	if got := first.blackholes(); !slices.Equal(got, []string{"192.0.2.7/32"}) {
		t.Errorf("the blackholes are %q", got)
	}
	eventually(t, "the alarm is up", func() (bool, string) {
		r := first.does("cli", "show alarms")
		return strings.Contains(r.stdout, "no-majority"), r.String()
	})
	t.Log("one comes back: accepted again, and the alarm is gone")
	second.run()
	first.asks("configure terminal; customer acme; network 192.0.2.9/32")
	eventually(t, "the alarm is cleared", func() (bool, string) {
		r := first.does("cli", "show alarms")
		return !strings.Contains(r.stdout, "no-majority"), r.String()
	})
	second.ends()
	first.ends()
}
