package rtr

import (
	"net/netip"
	"testing"
)

// BenchmarkDecode reads a whole answer of a cache, 100,000 VRPs, into a set. It
// needs no recorded data.
func BenchmarkDecode(b *testing.B) {
	const n = 100_000
	in := PDU{Version: Version1, Type: CacheResponse, Session: 1}.Append(nil)
	for i := range n {
		p := PDU{Version: Version1, Type: IPv4Prefix, Announce: true, VRP: VRP{MaxLen: 24, ASN: uint32(64500 + i%1000)}}
		if p.VRP.Prefix = netip.PrefixFrom(netip.AddrFrom4([4]byte{byte(11 + i>>16), byte(i >> 8), byte(i)}), 24); i%5 == 0 {
			p.Type, p.VRP.MaxLen = IPv6Prefix, 48
			p.VRP.Prefix = netip.PrefixFrom(netip.AddrFrom16([16]byte{0x2a, byte(i >> 16), byte(i >> 8), byte(i)}), 48)
		}
		in = p.Append(in)
	}
	in = PDU{Version: Version1, Type: EndOfData, Session: 1, Timers: Timers{Refresh: 3600, Retry: 600, Expire: 7200}}.Append(in)
	b.SetBytes(int64(len(in)))
	b.ReportAllocs()
	for b.Loop() {
		if d, _ := receive(b, in, nil); d.VRPs.Len() != n {
			b.Fatal(d.VRPs.Len())
		}
	}
}
