package bmp

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"log/slog"
	"net"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"pgregory.net/rapid"

	"github.com/triggerd/triggerd/internal/alarm"
)

var at = time.Unix(1_700_000_000, 123_456_000)

func session() Session {
	return Session{
		Neighbor: netip.MustParseAddr("192.0.2.20"), AS: 64501, RouterID: netip.MustParseAddr("10.0.0.1"), Up: at,
		Local: netip.MustParseAddrPort("192.0.2.10:179"), RemotePort: 40000, Sent: []byte("SENT"), Received: []byte("RCVD"),
	}
}

// The messages octet for octet, by the figures of RFC 7854 sections 4.1 to 4.10.
func TestMessagesAreAsTheRFCDrawsThem(t *testing.T) {
	const peer = "0000000000000000" + "000000000000000000000000c0000214" + "0000fbf5" + "0a000001" + "6553f1000001e240"
	six := session()
	six.Neighbor, six.Local = netip.MustParseAddr("2001:db8::20"), netip.MustParseAddrPort("[2001:db8::10]:179")
	for _, c := range []struct {
		name string
		got  []byte
		want string
	}{
		{"initiation", initiation("t1", "v"), "03 00000011 04 0001 0001 76 0002 0002 7431"},
		{"termination", termination(), "03 0000000c 05 0001 0002 0000"},
		{"peer up", peerUp(session()), "03 0000004c 03 00 00 " + peer + "000000000000000000000000c000020a 00b3 9c40" + hex.EncodeToString([]byte("SENTRCVD"))},
		{"peer up, IPv6", peerUp(six), "03 0000004c 03 00 80 0000000000000000 20010db8000000000000000000000020 0000fbf5 0a000001 6553f1000001e240" +
			"20010db8000000000000000000000010 00b3 9c40" + hex.EncodeToString([]byte("SENTRCVD"))},
		{"down by us", peerDown(session(), Down{ByUs: true, Code: 6, Subcode: 2}, at), "03 00000046 02 00 00 " + peer + "01" + strings.Repeat("ff", 16) + "0015 03 06 02"},
		{"down by us, silent", peerDown(session(), Down{ByUs: true}, at), "03 00000033 02 00 00 " + peer + "02 0000"},
		{"down by it", peerDown(session(), Down{Code: 4}, at), "03 00000046 02 00 00 " + peer + "03" + strings.Repeat("ff", 16) + "0015 03 04 00"},
		{"gone", peerDown(session(), Down{}, at), "03 00000031 02 00 00 " + peer + "04"},
		{"sent", routeMonitoring(session(), Out, false, at, []byte{1}), "03 00000031 00 00 50 " + peer + "01"},
		{"received from an old speaker", routeMonitoring(session(), In, true, at, []byte{1}), "03 00000031 00 00 20 " + peer + "01"},
		{"statistics", statistics(session(), 1, 2, at), "03 0000004c 01 00 00 " + peer + "00000002 0007 0008 0000000000000001 000f 0008 0000000000000002"},
	} {
		want, err := hex.DecodeString(strings.ReplaceAll(c.want, " ", ""))
		if err != nil || !bytes.Equal(c.got, want) {
			t.Errorf("%s: %v\n got %x\nwant %x", c.name, err, c.got, want)
		}
	}
}

// However many prefixes there are, each is in exactly one message, and none is too long.
func TestUpdatesHoldEveryPrefixOnce(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var prefixes []netip.Prefix
		for i := range rapid.IntRange(0, 3000).Draw(t, "prefixes") {
			prefixes = append(prefixes, netip.PrefixFrom(netip.AddrFrom4([4]byte{10, 0, byte(i >> 8), byte(i)}), 32))
			if i%3 == 0 {
				prefixes = append(prefixes, netip.PrefixFrom(netip.AddrFrom16([16]byte{0x20, 1, 14: byte(i >> 8), 15: byte(i)}), 128))
			}
		}
		a := &Attributes{Octets: make([]byte, rapid.IntRange(0, 3000).Draw(t, "octets")), NextHop: make([]byte, rapid.SampledFrom([]int{16, 32}).Draw(t, "hop"))}
		for what, messages := range map[string][][]byte{"announced": a.updates(prefixes), "withdrawn": withdrawals(prefixes)} {
			before := map[string]int{"announced": len(a.Octets)}[what]
			var got []netip.Prefix
			for _, m := range messages {
				if len(m) > maxMessage || len(m) != int(binary.BigEndian.Uint16(m[16:])) {
					t.Fatalf("%s: a message of %d octets says %d", what, len(m), binary.BigEndian.Uint16(m[16:]))
				}
				got = append(got, named(m, before)...)
			}
			slices.SortFunc(got, netip.Prefix.Compare)
			want := slices.SortedFunc(slices.Values(prefixes), netip.Prefix.Compare)
			if !slices.Equal(got, want) {
				t.Fatalf("%s: %d prefixes came out of %d", what, len(got), len(want))
			}
		}
	})
}

// named reads the prefixes that a message announces or withdraws, those of IPv6 behind
// so many octets of other attributes.
func named(m []byte, attributes int) (out []netip.Prefix) {
	b := m[19:]
	withdrawn, b := cut(b)
	all, nlri := cut(b)
	read := func(b []byte, octets int) {
		for len(b) > 0 {
			raw := make([]byte, octets)
			n := (int(b[0]) + 7) / 8
			copy(raw, b[1:1+n])
			a, _ := netip.AddrFromSlice(raw)
			out = append(out, netip.PrefixFrom(a, int(b[0])))
			b = b[1+n:]
		}
	}
	read(withdrawn, 4)
	read(nlri, 4)
	if len(all) > attributes {
		mp := all[attributes:]
		value, _ := cut(mp[2:])
		if mp[1] == 14 {
			read(value[5+int(value[3]):], 16)
		} else {
			read(value[3:], 16)
		}
	}
	return out
}

func cut(b []byte) (head, rest []byte) {
	n := int(binary.BigEndian.Uint16(b))
	return b[2 : 2+n], b[2+n:]
}

// A station that reads nothing is given up before it costs much memory, and is an
// alarm; whoever tells never waits.
func TestAStationThatDoesNotReadIsGivenUp(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	port := netip.MustParseAddrPort(l.Addr().String()).Port()
	alarms := alarm.New(slog.New(slog.DiscardHandler))
	x := New(Options{Alarms: alarms, Stations: []Station{{Host: "127.0.0.1", Port: port, MinRetry: time.Hour}}})
	x.Open()
	defer x.Close()
	conn, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	s := session()
	x.SessionUp(s.Neighbor)
	x.SessionKnown(s)
	a := &Attributes{Octets: make([]byte, 3000)}
	for end := time.Now().Add(time.Minute); len(alarms.List()) == 0; {
		if time.Now().After(end) {
			t.Fatal("no alarm")
		}
		x.Routes(s.Neighbor, Out, Update{Announced: []netip.Prefix{netip.MustParsePrefix("192.0.2.1/32")}, Attributes: a})
	}
	if text := alarms.List()[0].Text; !strings.Contains(text, "does not read") {
		t.Error(text)
	}
}

// What is said of a session that has gone already, or of the one before, tells no lie.
func TestSessionsThatFlapAreToldInOrder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		x := New(Options{})
		x.Open()
		defer x.Close()
		b, _ := x.follow(t.Context(), func() {})
		first, second := session(), session()
		second.RemotePort = 40001
		x.SessionKnown(first) // before its session comes up: nothing is there to tell of
		x.SessionUp(first.Neighbor)
		x.SessionKnown(first)
		x.SessionKnown(first)
		x.SessionDown(first.Neighbor, Down{Code: 6})
		x.SessionDown(first.Neighbor, Down{Code: 6})
		x.Routes(first.Neighbor, In, Update{})
		x.SessionUp(first.Neighbor)
		x.SessionKnown(first) // late
		x.SessionKnown(second)
		synctest.Wait()
		var kinds []byte
		all, _ := b.take()
		for _, m := range all {
			if kind := m[5]; kind != typeRouteMonitoring {
				kinds = append(kinds, kind)
			}
		}
		if !bytes.Equal(kinds, []byte{typeInitiation, typePeerUp, typePeerDown, typePeerUp, typePeerDown, typePeerUp}) {
			t.Errorf("told % d", kinds)
		}
	})
}

// A station that is not there is an alarm, as long as somebody wants it told.
func TestAnAbsentStationIsAnAlarm(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		alarms := alarm.New(slog.New(slog.DiscardHandler))
		x := New(Options{Alarms: alarms, Stations: []Station{{Host: "127.0.0.1", Port: 0}}}) // nobody listens on port 0
		x.Open()
		time.Sleep(time.Hour)
		synctest.Wait()
		if len(alarms.List()) != 1 {
			t.Error(alarms.List())
		}
		x.Close()
		if len(alarms.List()) != 0 {
			t.Error("the alarm outlives the exporter")
		}
	})
}
