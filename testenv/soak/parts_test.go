package soak

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"testing"
	"time"

	"github.com/triggerd/triggerd/testenv/soak/history"
)

func TestPrefixesAreGivenOutOnce(t *testing.T) {
	var s supply
	seen := map[netip.Prefix]bool{}
	for range 300_000 {
		p := s.take()
		if seen[p] {
			t.Fatalf("%s twice", p)
		}
		seen[p] = true
		if !customerPrefixes[0].Contains(p.Addr()) && !customerPrefixes[1].Contains(p.Addr()) || !p.IsSingleIP() {
			t.Fatalf("%s is not the customer's", p)
		}
	}
}

func TestWhatAnAnswerMeans(t *testing.T) {
	for _, c := range []struct {
		status int
		err    error
		want   history.Outcome
	}{
		{0, nil, history.Acknowledged},
		{1, nil, history.Refused},
		{2, nil, history.Unknown},
		{255, nil, history.Unknown},
		{0, errors.New("connection lost"), history.Unknown},
		{0, fmt.Errorf("%w: connection refused", errNotSent), history.Refused},
	} {
		if got := outcome(c.status, c.err); got != c.want {
			t.Errorf("status %d, %v: %v, want %v", c.status, c.err, got, c.want)
		}
	}
	for _, c := range []struct {
		said           string
		status         int
		err            error
		present, fresh bool
	}{
		{"Blackhole 203.0.113.1/32\n  Committed:  index 7", 0, nil, true, true},
		{"% 203.0.113.1/32 is not blackholed.", 1, nil, false, true},
		{"! as of index 6\n% 203.0.113.1/32 is not blackholed.", 1, nil, false, false},
		{"! as of index 6\nBlackhole 203.0.113.1/32", 0, nil, false, false},
		{"% Internal error", 2, nil, false, false},
		{"", 0, errors.New("connection lost"), false, false},
	} {
		present, fresh := readAnswer(c.said, c.status, c.err)
		if fresh != c.fresh || fresh && present != c.present {
			t.Errorf("%q: present %v, fresh %v", c.said, present, fresh)
		}
	}
}

func TestListsThatDiffer(t *testing.T) {
	left := func(s int64) *int64 { return &s }
	one := blackholeJSON{Prefix: netip.MustParsePrefix("198.18.0.1/32"), Index: 7, UpdatedIndex: 7}
	ending := blackholeJSON{Prefix: netip.MustParsePrefix("198.18.0.2/32"), Index: 8, LeftSeconds: left(1)}
	lasting := blackholeJSON{Prefix: netip.MustParsePrefix("198.18.0.3/32"), Index: 9, LeftSeconds: left(60)}
	refreshed := one
	refreshed.UpdatedIndex = 12
	for name, c := range map[string]struct {
		a, b   []blackholeJSON
		differ bool
	}{
		"equal":                    {[]blackholeJSON{one, lasting}, []blackholeJSON{lasting, one}, false},
		"one ends just now":        {[]blackholeJSON{one, ending}, []blackholeJSON{one}, false},
		"one ends just now, there": {[]blackholeJSON{one}, []blackholeJSON{ending, one}, false},
		"one is missing there":     {[]blackholeJSON{one, lasting}, []blackholeJSON{one}, true},
		"one is only there":        {[]blackholeJSON{one}, []blackholeJSON{one, lasting}, true},
		"one was refreshed there":  {[]blackholeJSON{one}, []blackholeJSON{refreshed}, true},
	} {
		if _, what := differ(c.a, c.b); (what != "") != c.differ {
			t.Errorf("%s: %q", name, what)
		}
	}
}

func TestTheGateWaitsForWhatIsUnderWay(t *testing.T) {
	g := newGate()
	ctx, cancel := context.WithCancel(t.Context())
	if !g.enter(ctx) {
		t.Fatal("an open gate does not open")
	}
	closed := make(chan func())
	go func() { closed <- g.close() }()
	select {
	case <-closed:
		t.Fatal("it closed while somebody was inside")
	case <-time.After(20 * time.Millisecond):
	}
	g.leave()
	open := <-closed
	entered := make(chan bool)
	go func() { entered <- g.enter(ctx) }()
	select {
	case <-entered:
		t.Fatal("somebody came through the closed gate")
	case <-time.After(20 * time.Millisecond):
	}
	open()
	if !<-entered {
		t.Error("nobody came through when it opened")
	}
	g.leave()
	defer g.close()()
	cancel()
	if g.enter(ctx) {
		t.Error("somebody came through after the end")
	}
}

func TestWhatTheGroundKnows(t *testing.T) {
	start := time.Now()
	g := newGround(start, nodeNames...)
	if since, ok := g.Settled("trigger1", start); !ok || !since.Equal(start) {
		t.Errorf("at the start: %v, %v", since, ok)
	}
	thawed := g.breaks(time.Hour, "trigger2")
	if _, ok := g.Settled("trigger2", start); ok || !g.Excused("trigger2", start) || g.Excused("trigger1", start) {
		t.Error("a frozen node counts as settled, or its sessions may not be lost")
	}
	if _, ok := g.Settled("trigger1", start); !ok {
		t.Error("two of three are a majority")
	}
	healed := g.disturb("trigger1", "witness")
	if _, ok := g.Settled("trigger1", start); ok {
		t.Error("a node that is cut off counts as settled")
	}
	healed()
	thawed()
	if since, ok := g.Settled("trigger2", time.Now()); !ok || !since.After(start) || !g.Excused("trigger2", time.Now()) {
		t.Errorf("just thawed: settled since %v, %v", since, ok)
	}
	if g.Excused("trigger1", time.Now()) {
		t.Error("a cut link is no reason to lose a BGP session")
	}
}

func TestEveryKindOfFaultIsDrawn(t *testing.T) {
	s := &soak{}
	for i, name := range nodeNames {
		s.nodes = append(s.nodes, &node{name: name, starts: i})
	}
	drawn := map[string]bool{}
	rng := s.rng(1)
	for range 500 {
		drawn[s.drawFault(t.Context(), rng).kind] = true
	}
	for _, kind := range faultKinds {
		if !drawn[kind] {
			t.Errorf("%q is never drawn", kind)
		}
		delete(drawn, kind)
	}
	if len(drawn) != 0 {
		t.Errorf("%v are not in the list", drawn)
	}
}

func TestPercentiles(t *testing.T) {
	var s sample
	for i := range 100 {
		s = append(s, time.Duration(100-i)*time.Millisecond)
	}
	if got, want := s.String(), "p50 51.0 ms  p99 100.0 ms  max 100.0 ms  (100)"; got != want {
		t.Errorf("%s, want %s", got, want)
	}
	if got := (sample{}).String(); got != "none" {
		t.Errorf("%q", got)
	}
}

func TestTheNextAcceptedWriteIsOneThatWasTypedAfterTheFault(t *testing.T) {
	f := newFigures(2, 4)
	now := time.Now()
	at := func(ms int) time.Time { return now.Add(time.Duration(ms) * time.Millisecond) }
	f.fault("link cut", at(100))
	f.ended(history.Acknowledged, at(90), at(110), false) // was under way
	f.ended(history.Refused, at(120), at(130), false)
	if !f.waiting() {
		t.Error("a write from before, or a refused one, ended the wait")
	}
	f.ended(history.Acknowledged, at(150), at(700), false)
	if f.waiting() || f.faults["link cut"].at(1) != 600*time.Millisecond {
		t.Errorf("%v", f.faults)
	}
}

func TestARouteIsAtBothRoutersWhenTheSecondHasIt(t *testing.T) {
	f := newFigures(2, 4)
	now := time.Now()
	p := netip.MustParsePrefix("198.18.0.1/32")
	f.typed(p, now, true)
	for i, s := range []history.Session{{Router: "edge1", Trigger: "trigger1"}, {Router: "edge1", Trigger: "trigger2"}, {Router: "edge2", Trigger: "trigger2"}, {Router: "edge2", Trigger: "trigger1"}} {
		f.arrived(s, p, now.Add(time.Duration(i+1)*time.Millisecond))
	}
	if f.anyTrigger.at(1) != 3*time.Millisecond || f.allTriggers.at(1) != 4*time.Millisecond {
		t.Errorf("%v, %v", f.anyTrigger, f.allTriggers)
	}
}
