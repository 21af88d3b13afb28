package cli

import (
	"errors"
	"fmt"
	"net/netip"
	"strconv"
	"strings"
	"time"

	"github.com/triggerd/triggerd/internal/rtbh"
)

// parseLifetime reads 90s, 5m, 2h, 7d, 1w, sums of those (1d12h) or never.
func parseLifetime(s string) (rtbh.Lifetime, error) {
	if s == "never" {
		return rtbh.Forever, nil
	}
	units := map[byte]time.Duration{
		's': time.Second, 'm': time.Minute, 'h': time.Hour, 'd': 24 * time.Hour, 'w': 7 * 24 * time.Hour,
	}
	var total time.Duration
	rest := s
	for rest != "" {
		n := strings.IndexFunc(rest, func(r rune) bool { return r < '0' || r > '9' })
		if n <= 0 {
			return 0, errLifetime
		}
		if n > 14 {
			return 0, errTooLong
		}
		value, _ := strconv.ParseInt(rest[:n], 10, 64) // it has at most 14 digits
		unit, size := units[rest[n]], 1
		if strings.HasPrefix(rest[n:], "ms") { // as the state prints the unusual ones
			unit, size = time.Millisecond, 2
		}
		if unit != 0 && (value > int64(maxLifetime/unit) || total > maxLifetime-time.Duration(value)*unit) {
			return 0, errTooLong
		}
		if unit == 0 {
			return 0, errLifetime
		}
		total += time.Duration(value) * unit
		rest = rest[n+size:]
	}
	if total == 0 {
		return 0, errLifetime
	}
	return rtbh.LifetimeOf(total), nil
}

// maxLifetime bounds what can be typed, so that no sum overflows.
const maxLifetime = 100 * 365 * 24 * time.Hour

var errTooLong = errors.New("a lifetime is at most 36500d; type never for one without an end")

var errLifetime = errors.New("a lifetime is a number with s, m, h, d or w, such as 90s, 2h or 7d, or never")

// parseInstant reads an absolute time: RFC 3339, as the configuration prints
// it, or the same without a zone, which means UTC.
func parseInstant(s string) (rtbh.Instant, error) {
	for _, layout := range []string{
		time.RFC3339Nano, "2006-01-02T15:04:05", "2006-01-02T15:04", "2006-01-02",
	} {
		if t, err := time.Parse(layout, s); err == nil && t.Year() >= 1971 && t.Year() < 3000 {
			return rtbh.InstantOf(t), nil
		}
	}
	return 0, errors.New("a time is written as 2006-01-02T15:04:05Z")
}

// instantText prints t so that parseInstant reads the very same instant.
func instantText(t rtbh.Instant) string {
	if t == rtbh.Never {
		return "never"
	}
	return t.Time().Format(time.RFC3339Nano)
}

var communityNames = map[rtbh.Community]string{
	rtbh.NoExport: "no-export", rtbh.NoAdvertise: "no-advertise", rtbh.NoExportSubconf: "local-AS",
}

// communityText prints c as Quagga's configuration does.
func communityText(c rtbh.Community) string {
	if name, ok := communityNames[c]; ok {
		return name
	}
	return fmt.Sprintf("%d:%d", c>>16, c&0xffff)
}

// parseCommunity reads AA:NN or a well-known name; blackhole is FRR's name for
// 65535:666.
func parseCommunity(s string) (rtbh.Community, error) {
	for c, name := range communityNames {
		if s == name {
			return c, nil
		}
	}
	if s == "blackhole" {
		return rtbh.BlackholeWellKnown, nil
	}
	n, err := parseNumbers(s, 2, 16)
	if err != nil {
		return 0, fmt.Errorf("%q is not a community (AA:NN, no-export, no-advertise or local-AS)", s)
	}
	return rtbh.Community(n[0]<<16 | n[1]), nil
}

func largeText(l rtbh.LargeCommunity) string {
	return fmt.Sprintf("%d:%d:%d", l.Global, l.Local1, l.Local2)
}

func parseLarge(s string) (rtbh.LargeCommunity, error) {
	n, err := parseNumbers(s, 3, 32)
	if err != nil {
		return rtbh.LargeCommunity{}, fmt.Errorf("%q is not a large community (AA:BB:CC)", s)
	}
	return rtbh.LargeCommunity{Global: uint32(n[0]), Local1: uint32(n[1]), Local2: uint32(n[2])}, nil
}

// parseNumbers reads exactly count numbers of at most bits bits, colon between.
func parseNumbers(s string, count, bits int) ([]uint64, error) {
	parts := strings.Split(s, ":")
	if len(parts) != count {
		return nil, errors.New("wrong number of parts")
	}
	out := make([]uint64, count)
	for i, p := range parts {
		n, err := parseNumber(p, bits)
		if err != nil {
			return nil, err
		}
		out[i] = n
	}
	return out, nil
}

// parseNumber is strconv's, without its signs and underscores.
func parseNumber(s string, bits int) (uint64, error) {
	if s == "" || strings.ContainsFunc(s, func(r rune) bool { return r < '0' || r > '9' }) {
		return 0, errors.New("not a number")
	}
	return strconv.ParseUint(s, 10, bits)
}

// Subtypes of extended communities (RFC 4360 sections 4 and 5), the two that
// Quagga's route-maps can set.
const (
	extRouteTarget = 0x02
	extSiteOrigin  = 0x03
)

// extSubtype returns the subtype of e when it is one of the three layouts that
// the command line can write (two-octet AS, IPv4 address, four-octet AS).
func extSubtype(e rtbh.ExtCommunity) (subtype uint8, ok bool) {
	kind, subtype := uint8(e>>56), uint8(e>>48)
	return subtype, kind <= 2 && (subtype == extRouteTarget || subtype == extSiteOrigin)
}

// extText prints the value of an extended community: AA:NN or A.B.C.D:NN.
func extText(e rtbh.ExtCommunity) string {
	switch uint8(e >> 56) {
	case 0:
		return fmt.Sprintf("%d:%d", uint16(e>>32), uint32(e))
	case 1:
		a := uint32(e >> 16)
		return fmt.Sprintf("%s:%d", netip.AddrFrom4([4]byte{byte(a >> 24), byte(a >> 16), byte(a >> 8), byte(a)}), uint16(e))
	}
	return fmt.Sprintf("%d:%d", uint32(e>>16), uint16(e))
}

// parseExt reads the value of a route target or site of origin.
func parseExt(s string, subtype uint8) (rtbh.ExtCommunity, error) {
	bad := fmt.Errorf("%q is not an extended community (ASN:NN or A.B.C.D:NN)", s)
	left, right, ok := strings.Cut(s, ":")
	if !ok {
		return 0, bad
	}
	build := func(kind uint8, value uint64) rtbh.ExtCommunity {
		return rtbh.ExtCommunity(uint64(kind)<<56 | uint64(subtype)<<48 | value)
	}
	if a, err := netip.ParseAddr(left); err == nil && a.Is4() {
		n, err := parseNumber(right, 16)
		if err != nil {
			return 0, bad
		}
		b := a.As4()
		return build(1, (uint64(b[0])<<24|uint64(b[1])<<16|uint64(b[2])<<8|uint64(b[3]))<<16|n), nil
	}
	asn, err := parseNumber(left, 32)
	if err != nil {
		return 0, bad
	}
	if asn <= 0xffff { // RFC 4360 section 3.1: two-octet AS, four octets of number
		n, err := parseNumber(right, 32)
		if err != nil {
			return 0, bad
		}
		return build(0, asn<<32|n), nil
	}
	n, err := parseNumber(right, 16) // RFC 5668: four-octet AS, two octets of number
	if err != nil {
		return 0, bad
	}
	return build(2, asn<<16|n), nil
}

// Prefixes that stand for their families where only the family counts.
var (
	anyIPv4 = netip.PrefixFrom(netip.IPv4Unspecified(), 0)
	anyIPv6 = netip.PrefixFrom(netip.IPv6Unspecified(), 0)
)
