package rtbh

import (
	"bytes"
	"encoding/binary"
	"net/netip"
	"time"
)

// The tests tell stories in the words below: a log that grows entry by entry,
// people at its doors, and a clock that only the test moves.

const (
	second = Instant(1000)
	minute = 60 * second
	hour   = 60 * minute
	day    = 24 * hour

	start = Instant(1_767_225_600_000) // 2026-01-01T00:00:00Z
)

var (
	thenode = Actor{Door: DoorNode, Node: "trigger1"}
	local   = Actor{User: "local", Door: DoorLocal, Node: "trigger1"}
	olga    = Actor{User: "olga", Door: DoorSSH, From: "192.0.2.200:40000", Node: "trigger1"}   // operator
	oscar   = Actor{User: "oscar", Door: DoorSSH, From: "192.0.2.201:40000", Node: "trigger2"}  // operator
	vera    = Actor{User: "vera", Door: DoorSSH, From: "192.0.2.202:40000", Node: "trigger1"}   // viewer
	alice   = Actor{User: "alice", Door: DoorSSH, From: "192.0.2.203:40000", Node: "trigger1"}  // of customer acme
	bob     = Actor{User: "bob", Door: DoorExec, From: "192.0.2.204:40000", Node: "trigger2"}   // of customer bolt
	mallory = Actor{User: "mallory", Door: DoorSSH, From: "192.0.2.66:40000", Node: "trigger2"} // of acme, disabled
)

func pfx(s string) netip.Prefix { return netip.MustParsePrefix(s) }

// story is a log being written. Every entry gets the next index and the stamp
// that the clock shows.
type story struct {
	s       *State
	now     Instant
	index   uint64
	entries []Entry
	drawn   uint64
}

// newStory starts with two customers whose grants overlap in 203.0.113.0/25, and
// with the people above.
func newStory() *story {
	st := &story{s: NewState(), now: start}
	st.must(thenode, InitCluster{ClusterID: "test", Created: start},
		PutMember{Member{Name: "trigger1", Role: Voter, Addr: "127.0.0.1:7600", Joined: start, Speaks: 1, Binary: "1.0"}},
		PutMember{Member{Name: "trigger2", Role: Voter, Addr: "127.0.0.1:7601", Joined: start, Speaks: 1, Binary: "1.0"}})
	st.must(local,
		EditUser{Name: "olga", Value: User{Role: RoleOperator}},
		EditUser{Name: "oscar", Value: User{Role: RoleOperator}},
		EditUser{Name: "vera", Value: User{Role: RoleViewer}},
		EditCustomer{Name: "acme"},
		EditCustomer{Name: "acme", Field: CustomerPrefixes, Value: Customer{Prefixes: []netip.Prefix{pfx("203.0.113.0/24"), pfx("2001:db8:113::/48")}}},
		EditCustomer{Name: "bolt"},
		EditCustomer{Name: "bolt", Field: CustomerPrefixes, Value: Customer{Prefixes: []netip.Prefix{pfx("203.0.113.0/25"), pfx("198.51.100.0/24")}}},
		EditUser{Name: "alice", Value: User{Role: RoleCustomer, Customer: "acme"}},
		EditUser{Name: "mallory", Value: User{Role: RoleCustomer, Customer: "acme"}},
		EditUser{Name: "mallory", Field: UserDisabled, Value: User{Disabled: true}},
		EditUser{Name: "bob", Value: User{Role: RoleCustomer, Customer: "bolt"}})
	return st
}

// nextID returns a request id that was not used before in this story.
func (st *story) nextID() (id RequestID) {
	st.drawn++
	binary.BigEndian.PutUint64(id[:], st.drawn)
	return id
}

func (st *story) entry(a Actor, cmds ...Command) Entry {
	return Entry{Request: st.nextID(), Typed: st.now, Stamp: st.now, Actor: a, Commands: cmds}
}

// commit appends an entry as it is.
func (st *story) commit(e Entry) Result {
	st.index++
	st.entries = append(st.entries, e)
	return st.s.Apply(st.index, e)
}

func (st *story) do(a Actor, cmds ...Command) Result { return st.commit(st.entry(a, cmds...)) }

func (st *story) must(a Actor, cmds ...Command) Result {
	r := st.do(a, cmds...)
	for i, o := range r.Outcomes {
		if o.Refusal != nil {
			panic(o.Refusal.Text + " " + kindName(cmds[i]))
		}
	}
	return r
}

// later moves the clock; nothing is committed.
func (st *story) later(d time.Duration) { st.now = st.now.Add(d) }

// tick commits nothing but the time.
func (st *story) tick() Result { return st.do(thenode, Tick{}) }

func (st *story) isOut(p string) bool {
	_, ok := st.s.RouteFor(pfx(p), st.now)
	return ok
}

func network(customer, p string) Announce { return Announce{Customer: customer, Prefix: pfx(p)} }
func noNetwork(customer, p string) Withdraw {
	return Withdraw{Customer: customer, Prefix: pfx(p)}
}

// refusedAs fails unless the first command was refused by one rule.
func refusedAs(t failer, r Result, code RefusalCode) {
	t.Helper()
	switch got := r.Outcomes[0].Refusal; {
	case got == nil:
		t.Fatalf("accepted, want a refusal by rule %d", code)
	case got.Code != code:
		t.Fatalf("refused by rule %d (%s), want %d", got.Code, got.Text, code)
	}
}

func accepted(t failer, r Result) {
	t.Helper()
	for i, o := range r.Outcomes {
		if o.Refusal != nil {
			t.Fatalf("command %d is refused: %s", i, o.Refusal.Text)
		}
	}
}

// failer is what the tests have in common, rapid's and Go's own.
type failer interface {
	Helper()
	Fatal(...any)
	Fatalf(string, ...any)
}

func restored(t failer, s *State) *State {
	t.Helper()
	var b bytes.Buffer
	if err := s.Encode(&b); err != nil {
		t.Fatal(err)
	}
	back, err := DecodeState(&b)
	if err != nil {
		t.Fatal(err)
	}
	return back
}
