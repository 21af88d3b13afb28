package vrp

import (
	"net/netip"
	"testing"

	"github.com/triggerd/triggerd/rpki/rtr"
)

// BenchmarkValidate gives routes their state against 100,000 made-up VRPs: valid,
// invalid and not-found ones in turn.
func BenchmarkValidate(b *testing.B) {
	all := make([]rtr.VRP, 100_000)
	prefix := func(i, bits int) netip.Prefix {
		return netip.PrefixFrom(netip.AddrFrom4([4]byte{byte(11 + i>>16), byte(i >> 8), byte(i)}), bits)
	}
	for i := range all {
		all[i] = rtr.VRP{Prefix: prefix(i, 24), MaxLen: 24, ASN: uint32(64500 + i%1000)}
	}
	t := New(rtr.NewSet(all))
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		n := i % len(all)
		switch i % 3 {
		case 0:
			t.Validate(prefix(n, 24), Origin{ASN: uint32(64500 + n%1000)})
		case 1:
			t.Validate(prefix(n, 24), Origin{ASN: 1})
		default:
			t.Validate(netip.PrefixFrom(netip.AddrFrom4([4]byte{200, byte(i >> 8), byte(i)}), 24), Origin{ASN: 1})
		}
	}
}
