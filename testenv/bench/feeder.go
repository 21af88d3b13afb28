package bench

import (
	"bufio"
	"compress/gzip"
	"encoding/binary"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"iter"
	"math"
	"math/rand/v2"
	"net/netip"
	"os"
	"path/filepath"
	"strconv"

	"github.com/triggerd/triggerd/bgp/sink"
)

// origination is a row of the global table.
type origination struct {
	prefix netip.Prefix
	origin uint32
}

// feed is a whole table, as rows and as raw BGP messages.
type feed struct {
	rows     []origination
	source   string // what it is
	messages []byte
}

// fullTable reads the real table, cut to most rows when that is not 0, or makes
// one up.
func fullTable(most int) (*feed, error) {
	f := &feed{source: "the real table of 2026-06-19"}
	for _, name := range []string{"rib4.csv.gz", "rib6.csv.gz"} {
		err := readCSV(name, func(row []string) {
			p, perr := netip.ParsePrefix(row[0])
			as, aerr := strconv.ParseUint(row[1], 10, 32)
			if perr == nil && aerr == nil && as != 0 {
				f.rows = append(f.rows, origination{p.Masked(), uint32(as)})
			}
		})
		if errors.Is(err, fs.ErrNotExist) {
			f.rows, f.source = synthetic(1_400_000), "a synthetic table (TRIGGERD_TESTDATA names no real one)"
			break
		}
		if err != nil {
			return nil, err
		}
	}
	f.cut(most)
	f.messages = messages(f.rows)
	return f, nil
}

// cut keeps a part of the rows that is like the whole: every n-th.
func (f *feed) cut(most int) {
	if most == 0 || len(f.rows) <= most {
		return
	}
	kept := make([]origination, 0, most)
	for i := range most {
		kept = append(kept, f.rows[i*len(f.rows)/most])
	}
	f.rows = kept
}

// testData is the directory of real data.
func testData() string {
	if dir := os.Getenv("TRIGGERD_TESTDATA"); dir != "" {
		return dir
	}
	return filepath.Join("..", "shared", "data")
}

// readCSV calls row for every row of a compressed file of real data.
func readCSV(name string, row func([]string)) error {
	f, err := os.Open(filepath.Join(testData(), name))
	if err != nil {
		return err
	}
	defer func() { _ = f.Close() }()
	z, err := gzip.NewReader(bufio.NewReaderSize(f, 1<<20))
	if err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	rows := csv.NewReader(z)
	rows.ReuseRecord = true
	for {
		fields, err := rows.Read()
		switch {
		case errors.Is(err, io.EOF):
			return nil
		case err != nil:
			return fmt.Errorf("%s: %w", name, err)
		case len(fields) < 2:
			return fmt.Errorf("%s: a row of %d fields", name, len(fields))
		}
		row(fields)
	}
}

// lengths4 and lengths6 are the shares of prefix lengths in the table of
// 2026-06-19, in thousandths.
var (
	lengths4 = []share{{24, 635}, {23, 108}, {22, 104}, {21, 49}, {20, 43}, {19, 24}, {18, 13}, {16, 12}, {17, 8}, {15, 2}, {14, 1}, {13, 1}}
	lengths6 = []share{
		{48, 461}, {32, 110}, {44, 95}, {40, 87}, {36, 36}, {47, 34}, {46, 29}, {33, 21}, {34, 21}, {29, 19}, {45, 18}, {41, 17},
		{42, 13}, {38, 10}, {35, 7}, {39, 7}, {43, 6}, {37, 5},
	}
)

type share struct{ bits, weight int }

// pick chooses by weight.
func pick(shares []share, rng *rand.Rand) int {
	sum := 0
	for _, s := range shares {
		sum += s.weight
	}
	n := rng.IntN(sum)
	for _, s := range shares {
		if n -= s.weight; n < 0 {
			return s.bits
		}
	}
	return shares[0].bits
}

// synthetic makes a table with the lengths of the real one, four fifths IPv4, and
// its origins: few have many prefixes, most have a few. It is the same each time.
func synthetic(n int) []origination {
	rng := rand.New(rand.NewPCG(2026, 6))
	rows := make([]origination, 0, n)
	seen := make(map[netip.Prefix]bool, n)
	for len(rows) < n {
		p := random4(rng)
		if len(rows) >= n*4/5 {
			p = random6(rng)
		}
		if seen[p] {
			continue
		}
		seen[p] = true
		// One origin in a hundred has the half of all prefixes.
		rows = append(rows, origination{p, 1000 + uint32(math.Pow(rng.Float64(), 6.6)*80_000)})
	}
	return rows
}

func random4(rng *rand.Rand) netip.Prefix {
	var b [4]byte
	binary.BigEndian.PutUint32(b[:], rng.Uint32())
	b[0] = 11 + b[0]%112 // 11 to 122: nothing of ours
	return netip.PrefixFrom(netip.AddrFrom4(b), pick(lengths4, rng)).Masked()
}

func random6(rng *rand.Rand) netip.Prefix {
	var b [16]byte
	binary.BigEndian.PutUint64(b[:], rng.Uint64())
	b[0], b[1] = 0x2a, b[1]&0x0f
	return netip.PrefixFrom(netip.AddrFrom16(b), pick(lengths6, rng)).Masked()
}

// perUpdate is how many prefixes go into one message.
const perUpdate = 200

// messages makes the UPDATEs, up to perUpdate neighboring prefixes of one origin
// in each.
func messages(rows []origination) []byte {
	type group struct {
		origin uint32
		v4     bool
	}
	open := map[group][]netip.Prefix{}
	var order []group
	var out []byte
	for _, r := range rows {
		g := group{r.origin, r.prefix.Addr().Is4()}
		if open[g] == nil {
			order = append(order, g)
		}
		if open[g] = append(open[g], r.prefix); len(open[g]) == perUpdate {
			out = append(out, update(g.origin, open[g])...)
			open[g] = open[g][:0]
		}
	}
	for _, g := range order {
		if len(open[g]) > 0 {
			out = append(out, update(g.origin, open[g])...)
		}
	}
	return out
}

// feederAS is in front of every path of a feed.
const feederAS = 64502

// feederAddr sends a whole table next door.
var feederAddr = netip.MustParseAddr("127.0.1.3")

// feederHop is its routes' next-hop: one on loopback would be refused.
var feederHop = netip.MustParseAddr("192.0.2.3")

// wholeMessages cuts a stream of BGP messages into runs of at most so many octets
// (or one message): the session's keepalives and its End-of-RIB go between two runs,
// and in the middle of a message they would break it.
func wholeMessages(stream []byte, most int) iter.Seq[[]byte] {
	return func(yield func([]byte) bool) {
		for len(stream) > 0 {
			n := 0
			for n < len(stream) {
				next := n + int(binary.BigEndian.Uint16(stream[n+16:])) // RFC 4271 section 4.1
				if n > 0 && next > most {
					break
				}
				n = next
			}
			if !yield(stream[:n]) {
				return
			}
			stream = stream[n:]
		}
	}
}

// update announces prefixes of one family with the path "feederAS origin" (RFC
// 4271 section 4.3; IPv6 by RFC 4760).
func update(origin uint32, prefixes []netip.Prefix) []byte {
	var nlri []byte
	for _, p := range prefixes {
		nlri = append(nlri, byte(p.Bits()))
		nlri = append(nlri, p.Addr().AsSlice()[:(p.Bits()+7)/8]...)
	}
	attrs := []byte{0x40, 1, 1, 0, 0x40, 2, 10, 2, 2}
	attrs = binary.BigEndian.AppendUint32(attrs, feederAS)
	attrs = binary.BigEndian.AppendUint32(attrs, origin)
	body := []byte{0, 0}
	if prefixes[0].Addr().Is4() {
		attrs = append(append(attrs, 0x40, 3, 4), feederHop.AsSlice()...)
		body = binary.BigEndian.AppendUint16(body, uint16(len(attrs)))
		return sink.Message(2, append(append(body, attrs...), nlri...))
	}
	reach := append([]byte{0, 2, 1, 16}, netip.MustParseAddr("2001:db8::2").AsSlice()...)
	reach = append(append(reach, 0), nlri...)
	attrs = append(attrs, 0x90, 14)
	attrs = append(binary.BigEndian.AppendUint16(attrs, uint16(len(reach))), reach...)
	body = binary.BigEndian.AppendUint16(body, uint16(len(attrs)))
	return sink.Message(2, append(body, attrs...))
}
