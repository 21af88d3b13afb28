package rtbh

import (
	"net/netip"
	"testing"

	"pgregory.net/rapid"
)

// TestBlackholesAtAnyTime: what was announced at a time, asked later, is what was
// announced then.
func TestBlackholesAtAnyTime(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		s := NewState()
		local := Actor{User: "local", Door: DoorLocal}
		now := Instant(1_000_000)
		apply := func(cmd Command) { s.Apply(s.Index()+1, Entry{Actor: local, Stamp: now, Commands: []Command{cmd}}) }
		apply(EditCustomer{Name: "acme", Field: CustomerExists})
		apply(EditCustomer{Name: "acme", Field: CustomerPrefixes, Value: Customer{Prefixes: []netip.Prefix{netip.MustParsePrefix("203.0.113.0/24")}}})
		type seen struct {
			at    Instant
			holes map[netip.Prefix]bool
		}
		var notes []seen
		for range rapid.IntRange(1, 30).Draw(r, "steps") {
			p := netip.PrefixFrom(netip.AddrFrom4([4]byte{203, 0, 113, byte(rapid.IntRange(1, 3).Draw(r, "host"))}), 32)
			switch rapid.IntRange(0, 3).Draw(r, "what") {
			case 0:
				apply(Withdraw{Customer: "acme", Prefix: p})
			case 1:
				apply(Announce{Customer: "acme", Prefix: p, Life: Lifetime(rapid.IntRange(60, 200).Draw(r, "life")) * 1000})
			case 2:
				apply(Announce{Customer: "acme", Prefix: p, Life: 86_400_000})
			}
			n := seen{now, map[netip.Prefix]bool{}}
			for _, b := range s.Blackholes("", now) {
				n.holes[b.Prefix] = true
			}
			notes = append(notes, n)
			now += Instant(rapid.IntRange(1, 100_000).Draw(r, "pause"))
		}
		for _, n := range notes {
			past, complete := s.BlackholesAt(n.at, now, "")
			if !complete {
				r.Fatal("a short history is not complete")
			}
			got := map[netip.Prefix]bool{}
			for _, b := range past {
				if got[b.Prefix] {
					r.Fatalf("%s is there twice", b.Prefix)
				}
				got[b.Prefix] = true
			}
			if len(got) != len(n.holes) {
				r.Fatalf("at %d: %v, was %v", n.at, got, n.holes)
			}
			for p := range n.holes {
				if !got[p] {
					r.Fatalf("at %d %s is missing", n.at, p)
				}
			}
		}
	})
}

func TestAnAuditRecordIsReadAsItWasWritten(t *testing.T) {
	s := NewState()
	s.Apply(1, Entry{Actor: Actor{Door: DoorNode}, Stamp: 5, Commands: []Command{InitCluster{ClusterID: "c", Created: 5}}})
	s.Apply(2, Entry{Actor: Actor{User: "nobody", Door: DoorSSH}, Stamp: 6, Commands: []Command{Withdraw{Customer: "acme"}}})
	records, head := s.Audit()
	var prev [32]byte
	for _, r := range records {
		back, err := DecodeAuditRecord(r.Encode())
		if err != nil || !back.Follows(prev) || back.Hash != r.Hash || (back.Refusal == nil) != (r.Refusal == nil) {
			t.Errorf("%+v, %v", back, err)
		}
		back.Index++
		if back.Follows(prev) {
			t.Error("a changed record still follows")
		}
		prev = r.Hash
	}
	if prev != head {
		t.Error("the head is not the last record's hash")
	}
}

func TestARequestIsKnownOnceItWasApplied(t *testing.T) {
	s, id := NewState(), RequestID{1}
	if _, ok := s.Requested(id); ok {
		t.Error("known before")
	}
	s.Apply(1, Entry{Request: id, Stamp: 5, Actor: Actor{Door: DoorLocal}, Commands: []Command{Clear{}, Clear{}}})
	if r, ok := s.Requested(id); !ok || r.Index != 1 || len(r.Outcomes) != 2 {
		t.Errorf("%+v, %v", r, ok)
	}
}

func TestTheDecidingClauseIsNamed(t *testing.T) {
	s := NewState()
	p := netip.MustParsePrefix("203.0.113.1/32")
	v := s.RunRouteMap(DefaultRouteMap, Plain(p))
	if !v.Exists || !v.Permit || v.Seq != 10 || len(v.Route.Communities) != 2 {
		t.Errorf("%+v", v)
	}
	if v := s.RunRouteMap("NOPE", Plain(p)); v.Exists || v.Permit {
		t.Errorf("%+v", v)
	}
}
