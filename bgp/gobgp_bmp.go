package bgp

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"log/slog"
	"net/netip"
	"slices"
	"strings"

	gobgp "github.com/osrg/gobgp/v4/pkg/packet/bgp"

	"github.com/triggerd/triggerd/bgp/bmp"
)

// GoBGP has a BMP client, which is not used: it does not know what was written to a
// neighbor, reads received routes through the watch that can end the process (see
// receivedUpdates), and writes to its station without a time limit while what comes
// in waits in memory.

// mirrored reads the record of one UPDATE, sent or received. broken is for one whose
// attributes are: it withdraws whatever it names.
func mirrored(r slog.Record, broken bool) bmp.Update {
	var u bmp.Update
	a := &bmp.Attributes{}
	r.Attrs(func(at slog.Attr) bool {
		switch v := at.Value.Any().(type) {
		case []gobgp.PathNLRI:
			if at.Key == "nlri" {
				u.Announced = appendPrefixes(u.Announced, v)
			} else {
				u.Withdrawn = appendPrefixes(u.Withdrawn, v)
			}
		case []gobgp.PathAttributeInterface:
			for _, attribute := range v {
				mirrorAttribute(&u, a, attribute)
			}
		}
		return true
	})
	if broken {
		u.Withdrawn, u.Announced = append(u.Withdrawn, u.Announced...), nil
	}
	if len(u.Announced) > 0 {
		u.Attributes = a
	}
	return u
}

func mirrorAttribute(u *bmp.Update, a *bmp.Attributes, attribute gobgp.PathAttributeInterface) {
	switch x := attribute.(type) {
	case *gobgp.PathAttributeMpReachNLRI:
		u.Announced = appendPrefixes(u.Announced, x.Value)
		a.NextHop = append(x.Nexthop.AsSlice(), x.LinkLocalNexthop.AsSlice()...)
		return
	case *gobgp.PathAttributeMpUnreachNLRI:
		u.Withdrawn = appendPrefixes(u.Withdrawn, x.Value)
		return
	case *gobgp.PathAttributeAsPath:
		for _, segment := range x.Value {
			_, two := segment.(*gobgp.AsPathParam)
			a.TwoOctets = a.TwoOctets || two
		}
	}
	a.Octets = append(a.Octets, octetsOf(attribute)...)
}

// octetsOf writes an attribute as it was sent; nothing of one that GoBGP can read and
// not write. It runs on the session's goroutine: a panic there would end the process,
// and what a distant AS has put into an attribute may be all there is to cause one.
func octetsOf(attribute gobgp.PathAttributeInterface) (octets []byte) {
	defer func() {
		if recover() != nil {
			octets = nil
		}
	}()
	octets, err := attribute.Serialize()
	if err != nil {
		return nil
	}
	return octets
}

// openOf writes an OPEN message. Nobody tells how it looked on the wire, so it is put
// together from what it said: the capabilities that matter to routes, by code.
func openOf(as uint32, hold uint16, id netip.Addr, caps []gobgp.ParameterCapabilityInterface) []byte {
	short := uint16(gobgp.AS_TRANS)
	if as <= 0xffff {
		short = uint16(as)
	}
	var written [][]byte
	for _, c := range caps {
		if octets := capabilityOf(c); octets != nil {
			written = append(written, octets)
		}
	}
	slices.SortFunc(written, bytes.Compare)
	var parameters []byte
	if all := bytes.Join(written, nil); len(all) > 0 && len(all) < 254 {
		parameters = append([]byte{2, byte(len(all))}, all...) // RFC 5492 section 4
	}
	b := append(bytes.Repeat([]byte{0xff}, 16), 0, byte(29+len(parameters)), 1, 4) // RFC 4271 section 4.2
	b = binary.BigEndian.AppendUint16(binary.BigEndian.AppendUint16(b, short), hold)
	b = append(append(b, id.AsSlice()...), byte(len(parameters)))
	return append(b, parameters...)
}

// capabilityOf writes a capability. GoBGP's own way changes it while it writes, and the
// session may be doing the same.
func capabilityOf(c gobgp.ParameterCapabilityInterface) []byte {
	code := byte(c.Code())
	switch x := c.(type) {
	case *gobgp.CapMultiProtocol:
		afi := x.CapValue.Afi()
		return []byte{code, 4, byte(afi >> 8), byte(afi), 0, x.CapValue.Safi()}
	case *gobgp.CapFourOctetASNumber:
		return binary.BigEndian.AppendUint32([]byte{code, 4}, x.CapValue)
	case *gobgp.CapRouteRefresh, *gobgp.CapEnhancedRouteRefresh:
		return []byte{code, 0}
	case *gobgp.CapGracefulRestart:
		b := binary.BigEndian.AppendUint16([]byte{code, byte(2 + 4*len(x.Tuples))}, uint16(x.Flags)<<12|x.Time&0xfff)
		for _, t := range x.Tuples {
			b = append(b, byte(t.AFI>>8), byte(t.AFI), t.SAFI, t.Flags)
		}
		return b
	}
	return nil
}

// downOf reads GoBGP's words for why a session ended.
func downOf(reason string) bmp.Down {
	d := bmp.Down{ByUs: strings.HasPrefix(reason, "notification-sent") || reason == "admin-down" || reason == "hard-reset" || reason == "dying"}
	if reason == "hold-timer-expired" {
		return bmp.Down{ByUs: true, Code: gobgp.BGP_ERROR_HOLD_TIMER_EXPIRED}
	}
	_, numbers, _ := strings.Cut(reason, " ")
	var words string
	_, _ = fmt.Sscanf(strings.NewReplacer("(", " ", ")", " ").Replace(numbers), "code %d %s subcode %d", &d.Code, &words, &d.Subcode)
	return d
}
