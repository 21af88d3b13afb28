package history

import (
	"net/netip"
	"strings"
	"testing"
	"time"
)

// The soak begins at noon; a moment is told in seconds after it.
var noon = time.Date(2026, 6, 1, 12, 0, 0, 0, time.UTC)

func at(s float64) time.Time { return noon.Add(time.Duration(s * float64(time.Second))) }

var (
	p1 = netip.MustParsePrefix("198.18.0.1/32")
	p2 = netip.MustParsePrefix("2001:db8::2/128")
)

// made is a made-up soak: two triggers, one router, nothing wrong with either but
// what a test says.
type made struct {
	*Book
	*Wire
	found   Verdicts
	settled map[string]time.Time // since when; missing: not
	excused map[string]bool
}

func (m *made) Excused(trigger string, _ time.Time) bool { return m.excused[trigger] }

func (m *made) Settled(trigger string, now time.Time) (time.Time, bool) {
	since, ok := m.settled[trigger]
	return since, ok && !since.After(now)
}

var (
	from1 = Session{"edge", "trigger1"}
	from2 = Session{"edge", "trigger2"}
)

// newMade has both sessions up and complete since 0 s.
func newMade() *made {
	m := &made{Book: NewBook(), settled: map[string]time.Time{"trigger1": at(0), "trigger2": at(0)}, excused: map[string]bool{}}
	m.Wire = NewWire(m.Book, m, &m.found, at(0), from1, from2)
	for _, s := range []Session{from1, from2} {
		m.Up(s, at(0))
		m.EndOfRIB(s, at(0))
		m.EndOfRIB(s, at(0))
	}
	return m
}

// says types a line at start and has its outcome at end.
func (m *made) says(v Verb, p netip.Prefix, start, end float64, o Outcome) {
	m.life(v, p, start, end, o, 0)
}

func (m *made) life(v Verb, p netip.Prefix, start, end float64, o Outcome, life time.Duration) {
	op := m.Begin(Op{Verb: v, Prefix: p, Node: "trigger1", Start: at(start), Life: life})
	if o != Pending {
		m.End(op, o, at(end), "")
	}
}

// both announces on both sessions.
func (m *made) both(p netip.Prefix, t float64) {
	m.Wire.Announce(from1, p, at(t))
	m.Wire.Announce(from2, p, at(t))
}

// expect wants exactly these violations.
func (m *made) expect(t *testing.T, lost, revived, diverged, withdrawals int) {
	t.Helper()
	if got, want := m.found.Count(), [kinds]int{lost, revived, diverged, withdrawals}; got != want {
		t.Errorf("lost, revived, diverged, withdrawals are %v, want %v: %v", got, want, m.found.All())
	}
}

func TestDuties(t *testing.T) {
	for name, c := range map[string]struct {
		write func(m *made)
		at    float64
		want  Duty
		since float64
	}{
		"never asked for":            {func(*made) {}, 5, Absent, -1},
		"before its announcement":    {func(m *made) { m.says(Announce, p1, 10, 11, Acknowledged) }, 5, Absent, -1},
		"while it is announced":      {func(m *made) { m.says(Announce, p1, 1, 3, Acknowledged) }, 2, Either, -1},
		"acknowledged":               {func(m *made) { m.says(Announce, p1, 1, 3, Acknowledged) }, 3, Present, 3},
		"refused":                    {func(m *made) { m.says(Announce, p1, 1, 3, Refused) }, 4, Absent, -1},
		"refused, being decided":     {func(m *made) { m.says(Announce, p1, 1, 3, Pending) }, 4, Either, -1},
		"unknown":                    {func(m *made) { m.says(Announce, p1, 1, 3, Unknown) }, 400, Either, -1},
		"unknown, then acknowledged": {func(m *made) { m.says(Announce, p1, 1, 3, Unknown); m.says(Announce, p1, 4, 5, Acknowledged) }, 6, Present, 5},
		"while it is withdrawn":      {func(m *made) { m.says(Announce, p1, 1, 2, Acknowledged); m.says(Withdraw, p1, 4, 6, Acknowledged) }, 4, Either, -1},
		"withdrawn":                  {func(m *made) { m.says(Announce, p1, 1, 2, Acknowledged); m.says(Withdraw, p1, 4, 6, Acknowledged) }, 6, Absent, 6},
		"withdrawal refused":         {func(m *made) { m.says(Announce, p1, 1, 2, Acknowledged); m.says(Withdraw, p1, 4, 6, Refused) }, 7, Present, 2},
		"withdrawal unknown":         {func(m *made) { m.says(Announce, p1, 1, 2, Acknowledged); m.says(Withdraw, p1, 4, 6, Unknown) }, 99, Either, -1},
		"withdrawn and announced again": {func(m *made) {
			m.says(Announce, p1, 1, 2, Acknowledged)
			m.says(Withdraw, p1, 4, 6, Acknowledged)
			m.says(Announce, p1, 7, 8, Acknowledged)
		}, 9, Present, 8},
		"unknown withdrawal, announced again":   {func(m *made) { m.says(Withdraw, p1, 4, 6, Unknown); m.says(Announce, p1, 7, 8, Acknowledged) }, 99, Either, -1},
		"unknown announcement, withdrawn":       {func(m *made) { m.says(Announce, p1, 1, 2, Unknown); m.says(Withdraw, p1, 4, 6, Acknowledged) }, 99, Either, -1},
		"announced and withdrawn at one time":   {func(m *made) { m.says(Announce, p1, 1, 5, Acknowledged); m.says(Withdraw, p1, 2, 4, Acknowledged) }, 9, Either, -1},
		"with a deadline, before it":            {func(m *made) { m.life(Announce, p1, 1, 2, Acknowledged, 10*time.Second) }, 8, Present, 2},
		"with a deadline, about it":             {func(m *made) { m.life(Announce, p1, 1, 2, Acknowledged, 10*time.Second) }, 11, Either, -1},
		"with a deadline, after it":             {func(m *made) { m.life(Announce, p1, 1, 2, Acknowledged, 10*time.Second) }, 20, Absent, 14},
		"with a deadline, unknown":              {func(m *made) { m.life(Announce, p1, 1, 2, Unknown, 10*time.Second) }, 99, Either, -1},
		"a register, which is judged otherwise": {func(m *made) { m.Ignore(p1); m.says(Announce, p1, 1, 2, Acknowledged) }, 9, Either, -1},
	} {
		m := newMade()
		c.write(m)
		got, since := m.Duty(p1, at(c.at))
		if got != c.want || (c.since >= 0 && !since.Equal(at(c.since))) {
			t.Errorf("%s: at %v s it must be %v since %v, want %v since %v s", name, c.at, got, since, c.want, c.since)
		}
	}
}

func TestWhenABlackholeEndsByItself(t *testing.T) {
	m := newMade()
	m.life(Announce, p1, 1, 2, Acknowledged, 10*time.Second)
	if end, ok := m.Deadline(p1); !ok || !end.Equal(at(11)) {
		t.Errorf("%v, %v", end, ok)
	}
	m.says(Withdraw, p1, 3, 4, Acknowledged)
	m.says(Announce, p2, 1, 2, Acknowledged)
	for _, p := range []netip.Prefix{p1, p2, netip.MustParsePrefix("192.0.2.1/32")} {
		if _, ok := m.Deadline(p); ok {
			t.Errorf("%s ends by itself", p)
		}
	}
}

func TestAWriteThatWasNotSentLeavesNothing(t *testing.T) {
	m := newMade()
	op := m.Begin(Op{Verb: Announce, Prefix: p1, Start: at(1)})
	m.Cancel(op)
	m.Cancel(op)
	if d, _ := m.Duty(p1, at(2)); d != Absent {
		t.Errorf("it may be %v", d)
	}
}

func TestAGoodRunHasNoViolation(t *testing.T) {
	m := newMade()
	m.says(Announce, p1, 1, 2, Acknowledged)
	m.both(p1, 1.5)
	m.says(Announce, p2, 3, 4, Acknowledged)
	m.both(p2, 3.5)
	m.says(Withdraw, p2, 20, 21, Acknowledged)
	m.Wire.Withdraw(from1, p2, at(20.5))
	m.Wire.Withdraw(from2, p2, at(20.6))
	m.Sweep(at(40))
	m.Final(at(40))
	m.CheckList("witness", map[netip.Prefix]bool{p1: true}, at(39), at(40), &m.found)
	if n, example := m.Differs(at(40)); n != 0 {
		t.Errorf("%d differences: %s", n, example)
	}
	m.expect(t, 0, 0, 0, 0)
}

func TestAnAcknowledgedRouteThatIsNowhereIsLost(t *testing.T) {
	m := newMade()
	m.says(Announce, p1, 1, 2, Acknowledged)
	m.Wire.Announce(from1, p1, at(1.5)) // trigger2 never does
	m.Sweep(at(5))
	m.expect(t, 0, 0, 0, 0) // there is time yet
	m.Sweep(at(13))
	m.Sweep(at(14))
	m.expect(t, 1, 0, 0, 0)
	m.CheckList("witness", nil, at(13), at(14), &m.found)
	m.expect(t, 2, 0, 0, 0)
	for _, part := range []string{"LOST 198.18.0.1/32 at edge (from trigger2)", "announce at trigger1: acknowledged 12:00:02.000", "announced to edge (from trigger1)"} {
		if all := m.found.All()[0].String(); !strings.Contains(all, part) {
			t.Errorf("the account does not say %q:\n%s", part, all)
		}
	}
}

func TestATriggerThatIsDisturbedOweNothingYet(t *testing.T) {
	m := newMade()
	m.says(Announce, p1, 1, 2, Acknowledged)
	m.Wire.Announce(from1, p1, at(1.5))
	m.settled["trigger2"] = at(30) // until then it was cut off
	m.Sweep(at(29))
	m.Sweep(at(39))
	m.expect(t, 0, 0, 0, 0)
	m.Sweep(at(41))
	m.expect(t, 1, 0, 0, 0)
}

func TestASessionThatStaysDownIsLost(t *testing.T) {
	m := newMade()
	m.says(Announce, p1, 1, 2, Acknowledged)
	m.both(p1, 1)
	m.excused["trigger2"] = true
	m.Down(from2, at(5))
	m.settled["trigger2"] = at(8)
	m.Sweep(at(30))
	m.expect(t, 0, 0, 0, 0)
	m.Sweep(at(60))
	m.expect(t, 1, 0, 0, 0)
}

func TestAWithdrawnRouteThatIsThereIsRevived(t *testing.T) {
	m := newMade()
	m.says(Announce, p1, 1, 2, Acknowledged)
	m.both(p1, 1)
	m.says(Withdraw, p1, 3, 4, Acknowledged)
	m.Wire.Withdraw(from1, p1, at(3.5)) // trigger2 keeps it
	m.Sweep(at(6))
	m.expect(t, 0, 0, 0, 0)
	m.Sweep(at(15))
	m.expect(t, 0, 1, 0, 0)
	m.CheckList("witness", map[netip.Prefix]bool{p1: true}, at(15), at(16), &m.found)
	m.expect(t, 0, 2, 0, 0)
}

func TestAListMayHaveWhatCameAndWentWhileItWasRead(t *testing.T) {
	m := newMade()
	m.says(Announce, p1, 11, 12, Acknowledged)
	m.says(Withdraw, p1, 13, 14, Acknowledged)
	m.CheckList("witness", map[netip.Prefix]bool{p1: true}, at(10), at(15), &m.found)
	m.CheckList("witness", nil, at(10), at(12.5), &m.found) // not yet there when it was asked
	m.expect(t, 0, 0, 0, 0)
}

func TestARouteThatNobodyAskedForIsRevived(t *testing.T) {
	m := newMade()
	m.Wire.Announce(from1, p1, at(1))
	m.says(Announce, p2, 1, 2, Refused)
	m.Wire.Announce(from1, p2, at(2))
	m.Final(at(3))
	m.expect(t, 0, 2, 0, 0)
}

func TestAForgottenPrefixMayNotComeBack(t *testing.T) {
	m := newMade()
	m.says(Announce, p1, 1, 2, Acknowledged)
	m.says(Withdraw, p1, 3, 4, Acknowledged)
	m.says(Announce, p2, 1, 2, Unknown)
	m.Forget(at(100))
	m.Forget(at(200))
	if len(m.records) != 1 {
		t.Errorf("%d prefixes are remembered, want the one that may still come", len(m.records))
	}
	m.Wire.Announce(from1, p1, at(300))
	m.Final(at(301))
	m.expect(t, 0, 1, 0, 0)
}

func TestAWithdrawalWithoutAReason(t *testing.T) {
	m := newMade()
	m.says(Announce, p1, 1, 2, Acknowledged)
	m.both(p1, 1)
	m.Wire.Withdraw(from2, p1, at(5))
	m.Wire.Announce(from2, p1, at(5.01)) // back at once is no excuse
	m.expect(t, 0, 0, 0, 1)
}

func TestAWithdrawalWithAReason(t *testing.T) {
	for name, reason := range map[string]func(m *made){
		"withdrawn":             func(m *made) { m.says(Withdraw, p1, 4, 6, Acknowledged) },
		"withdrawal unknown":    func(m *made) { m.says(Withdraw, p1, 4, 6, Unknown) },
		"withdrawal under way":  func(m *made) { m.says(Withdraw, p1, 4, 0, Pending) },
		"announcement not sure": func(m *made) { m.says(Withdraw, p1, 2, 3, Unknown) },
	} {
		m := newMade()
		m.says(Announce, p1, 1, 2, Acknowledged)
		m.both(p1, 1)
		reason(m)
		m.Wire.Withdraw(from2, p1, at(5))
		if n := m.found.Count(); n != [kinds]int{} {
			t.Errorf("%s: %v", name, m.found.All())
		}
	}
	m := newMade()
	m.life(Announce, p1, 1, 2, Acknowledged, 10*time.Second)
	m.both(p1, 1)
	m.Wire.Withdraw(from2, p1, at(11.5))
	m.expect(t, 0, 0, 0, 0)
	m.Wire.Withdraw(from1, p1, at(7)) // half its life early
	m.expect(t, 0, 0, 0, 1)
}

func TestARefusedWithdrawalIsNoReason(t *testing.T) {
	m := newMade()
	m.says(Announce, p1, 1, 2, Acknowledged)
	m.both(p1, 1)
	m.says(Withdraw, p1, 3, 4, Refused)
	m.Wire.Withdraw(from2, p1, at(5))
	m.expect(t, 0, 0, 0, 1)
}

func TestASessionLostToAKillIsExcusedWhenTheOtherHasTheRoute(t *testing.T) {
	m := newMade()
	m.says(Announce, p1, 1, 2, Acknowledged)
	m.both(p1, 1)
	m.excused["trigger1"] = true
	m.Down(from1, at(20))
	m.Drop(from1, p1, at(20))
	m.expect(t, 0, 0, 0, 0)
}

func TestASessionLostWhileTheOtherDoesNotHaveTheRoute(t *testing.T) {
	m := newMade()
	m.says(Announce, p1, 1, 2, Acknowledged)
	m.Wire.Announce(from1, p1, at(1))
	m.excused["trigger1"] = true
	m.Drop(from1, p1, at(20))
	m.expect(t, 0, 0, 0, 1)
}

func TestASessionLostForNoReason(t *testing.T) {
	m := newMade()
	m.says(Announce, p1, 1, 2, Acknowledged)
	m.says(Announce, p2, 1, 2, Acknowledged)
	m.both(p1, 1)
	m.both(p2, 1)
	m.Drop(from1, p1, at(20))
	m.Drop(from1, p2, at(20))
	m.expect(t, 0, 0, 0, 1) // one loss, told once
}

func TestARestartedTriggerAnnouncesAllBeforeItsEndOfRIB(t *testing.T) {
	m := newMade()
	m.says(Announce, p1, 1, 2, Acknowledged)
	m.both(p1, 1)
	m.excused["trigger1"] = true
	m.Down(from1, at(20)) // the router keeps the route as stale
	m.Up(from1, at(22))
	m.Wire.Withdraw(from1, p1, at(22.5)) // not announced again: End-of-RIB flushed it
	m.expect(t, 0, 0, 0, 1)
}

func TestEqualIndexEqualDigest(t *testing.T) {
	m := newMade()
	d := NewDigests(&m.found)
	d.Note("trigger1", 7, "aa", at(1))
	d.Note("trigger2", 8, "bb", at(1))
	d.Note("trigger2", 7, "aa", at(2))
	d.Note("witness", 7, "", at(2))
	m.expect(t, 0, 0, 0, 0)
	d.Note("witness", 8, "cc", at(3))
	m.expect(t, 0, 0, 1, 0)
}
