package rtbh

import (
	"bytes"
	"fmt"
	"io"
	"net/netip"
	"testing"
)

// crowd is a state with n blackholes of up to 1,000 customers.
func crowd(n int) (*State, uint64) {
	s, index := NewState(), uint64(0)
	apply := func(cmds ...Command) {
		index++
		for _, o := range s.Apply(index, Entry{Stamp: start, Actor: local, Commands: cmds}).Outcomes {
			if o.Refusal != nil {
				panic(o.Refusal.Text)
			}
		}
	}
	apply(EditSettings{Field: SettingsPerCustomer, Value: Settings{PerCustomer: 1_000_000}})
	for c := range 1000 {
		name := fmt.Sprintf("customer%d", c)
		apply(EditCustomer{Name: name}, EditUser{Name: name, Value: User{Role: RoleCustomer, Customer: name}},
			EditCustomer{Name: name, Field: CustomerPrefixes, Value: Customer{Prefixes: []netip.Prefix{pfx(fmt.Sprintf("10.%d.%d.0/22", c/64, c%64*4))}}})
	}
	for i := range n {
		apply(crowdHole(i))
	}
	return s, index
}

func crowdHole(i int) Announce {
	c := i % 1000
	return Announce{Customer: fmt.Sprintf("customer%d", c), Prefix: netip.PrefixFrom(netip.AddrFrom4([4]byte{10, byte(c / 64), byte(c%64*4 + i/256000), byte(i / 1000)}), 32)}
}

func crowds(b *testing.B, run func(b *testing.B, s *State, index uint64)) {
	for _, n := range []int{10, 100_000} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			s, index := crowd(n)
			b.ReportAllocs()
			b.ResetTimer()
			run(b, s, index)
		})
	}
}

func benchApply(b *testing.B, actor Actor, atomic bool, commands func(i int) []Command) {
	crowds(b, func(b *testing.B, s *State, index uint64) {
		for i := 0; b.Loop(); i++ {
			index++
			s.Apply(index, Entry{Stamp: start + Instant(i), Actor: actor, Atomic: atomic, Commands: commands(i)})
		}
	})
}

var benchCustomer = Actor{User: "customer1", Door: DoorSSH}

func BenchmarkApply(b *testing.B) {
	x := Announce{Customer: "customer1", Prefix: pfx("10.0.7.1/32")}
	toggle := func(i int) []Command {
		if i%2 == 0 {
			return []Command{x}
		}
		return []Command{Withdraw{Customer: x.Customer, Prefix: x.Prefix}}
	}
	b.Run("toggle", func(b *testing.B) { benchApply(b, benchCustomer, false, toggle) })
	b.Run("refresh", func(b *testing.B) { benchApply(b, benchCustomer, false, func(int) []Command { return []Command{x} }) })
	b.Run("atomic", func(b *testing.B) { benchApply(b, benchCustomer, true, toggle) })
	b.Run("atomic-refused", func(b *testing.B) {
		benchApply(b, benchCustomer, true, func(int) []Command { return []Command{x, network("customer1", "8.8.8.8/32")} })
	})
	b.Run("over-limit", func(b *testing.B) {
		crowds(b, func(b *testing.B, s *State, index uint64) {
			s.Apply(index+1, Entry{Actor: local, Commands: []Command{EditSettings{Field: SettingsMaxBlackholes, Value: Settings{MaxBlackholes: 10}}}})
			for i := 0; b.Loop(); i++ {
				s.Apply(index+2, Entry{Stamp: start, Actor: benchCustomer, Commands: []Command{x}})
			}
		})
	})
	b.Run("edit-customer", func(b *testing.B) {
		benchApply(b, local, false, func(i int) []Command {
			return []Command{EditCustomer{Name: "customer1", Field: CustomerDescription, Value: Customer{Description: "d"}}}
		})
	})
	b.Run("grant", func(b *testing.B) {
		benchApply(b, local, false, func(i int) []Command {
			return []Command{EditCustomer{Name: "customer1", Field: CustomerROAPrefixes, Value: Customer{ROAPrefixes: []netip.Prefix{pfx("10.0.4.0/24")}}}}
		})
	})
}

func BenchmarkNextEnd(b *testing.B) {
	crowds(b, func(b *testing.B, s *State, _ uint64) {
		for b.Loop() {
			s.NextEnd(start)
		}
	})
}

func BenchmarkDesired(b *testing.B) {
	crowds(b, func(b *testing.B, s *State, _ uint64) {
		for b.Loop() {
			s.Desired(start)
		}
	})
}

func BenchmarkRouteFor(b *testing.B) {
	crowds(b, func(b *testing.B, s *State, _ uint64) {
		for b.Loop() {
			s.RouteFor(crowdHole(7).Prefix, start)
		}
	})
}

func BenchmarkBlackholesOfOne(b *testing.B) {
	crowds(b, func(b *testing.B, s *State, _ uint64) {
		for b.Loop() {
			s.Blackholes("customer1", start)
		}
	})
}

func BenchmarkClone(b *testing.B) {
	crowds(b, func(b *testing.B, s *State, _ uint64) {
		for b.Loop() {
			s.Clone()
		}
	})
}

func BenchmarkDigest(b *testing.B) {
	crowds(b, func(b *testing.B, s *State, _ uint64) {
		for b.Loop() {
			s.Digest()
		}
	})
}

func BenchmarkEncode(b *testing.B) {
	crowds(b, func(b *testing.B, s *State, _ uint64) {
		for b.Loop() {
			if err := s.Encode(io.Discard); err != nil {
				b.Fatal(err)
			}
		}
	})
}

func BenchmarkDecode(b *testing.B) {
	crowds(b, func(b *testing.B, s *State, _ uint64) {
		snapshot := snapshotOf(b, s)
		b.ReportMetric(float64(len(snapshot)), "bytes")
		for b.Loop() {
			if _, err := DecodeState(bytes.NewReader(snapshot)); err != nil {
				b.Fatal(err)
			}
		}
	})
}
