package config

import (
	"errors"
	"fmt"
	"io"
	"net/netip"
	"strconv"
	"strings"

	"github.com/triggerd/triggerd/cli/grammar"
)

// Old is the bgpd.conf of a Quagga or FRR that triggerd takes the place of, read
// for `triggerd import`: what of it is a node's file, and what belongs to the
// cluster. What cannot be carried over as it is, is left out and named.
type Old struct {
	Node     Node
	Err      error     // why Node is not whole; for people
	Warnings []Warning // about lines of the node
	ASN      uint32    // of `router bgp`, 0 = none
	Networks []OldNetwork
	Left     []Warning // lines that are left out, and why

	lists []oldLine // prefix-lists and community-lists, as here
	maps  []*oldMap
}

// OldNetwork is one `network` line.
type OldNetwork struct {
	Line     int
	Prefix   netip.Prefix // masked, as Quagga announces it
	RouteMap string       // "" = none
}

// oldLine is a line of the cluster's configuration.
type oldLine struct {
	number int
	text   string
}

// OldGiven is what an old file may lack and a node needs.
type OldGiven struct {
	Hostname string     // "" = the file's
	RouterID netip.Addr // not valid: the file's; Quagga chooses one itself where there is none
}

// maxLeft bounds the lines that are no lines of a bgpd.conf: beyond it the file is
// another thing.
const maxLeft = 200

// ReadOld reads an old file. name is how messages call it. The error says that it
// is no bgpd.conf at all; anything less is in the value.
func ReadOld(name string, from io.Reader, given OldGiven) (*Old, error) {
	data, err := io.ReadAll(io.LimitReader(from, maxFile+1))
	if err != nil {
		return nil, fmt.Errorf("reading %s: %w", name, err)
	}
	if len(data) > maxFile {
		return nil, &Error{File: name, Text: fmt.Sprintf("the file is larger than %d MiB: this is no bgpd.conf", maxFile>>20)}
	}
	o, r := &Old{}, &reader{file: name, mode: topMode, first: map[string]int{}}
	r.heard = func(line int, in *grammar.Mode, text string) { o.hear(line, in, strings.Fields(text)) }
	if err := o.read(r, strings.TrimPrefix(string(data), "\ufeff")); err != nil {
		return nil, err
	}
	o.finish(r, given)
	return o, nil
}

// read reads all lines. One that is none of a bgpd.conf is left out, with the block
// that it opens: the lines behind it that are indented further.
func (o *Old) read(r *reader, text string) error {
	wrong, deeper := 0, -1
	for line := range strings.Lines(text) {
		r.line++
		r.text = strings.TrimRight(line, "\r\n")
		depth := len(r.text) - len(strings.TrimLeft(r.text, " \t"))
		if deeper >= 0 && depth > deeper && !blank(r.text) {
			continue
		}
		deeper = -1
		r.text = internalAS(r)
		err := r.one()
		if err == nil {
			continue
		}
		if wrong++; wrong > maxLeft {
			return &Error{File: r.file, Text: fmt.Sprintf("more than %d lines are none of a bgpd.conf", maxLeft)}
		}
		if strings.HasPrefix(r.text[depth:], "router ") { // two routers in one file are two files
			return err
		}
		deeper = depth
		if zebras(strings.Fields(r.text)) {
			o.left(r.line, "`%s` is not bgpd's: interfaces and static routes stay with the routers", shortened(r.text[depth:]))
			continue
		}
		o.left(r.line, "`%s`: %s", shortened(r.text[depth:]), err.Text)
	}
	return nil
}

// internalAS writes FRR's `remote-as internal` out; `external` says no number that
// could be written.
func internalAS(r *reader) string {
	words := strings.Fields(r.text)
	if n := len(words); r.draft.bgp == nil || n != 4 || words[0] != "neighbor" || words[2] != "remote-as" || words[3] != "internal" {
		return r.text
	}
	return strings.TrimSuffix(strings.TrimRight(r.text, " \t"), "internal") + strconv.FormatUint(uint64(r.draft.bgp.as), 10)
}

// zebras tells whether a line belongs to another daemon, as in FRR's one file for all.
func zebras(words []string) bool {
	if len(words) > 1 && words[0] == "no" {
		words = words[1:]
	}
	switch {
	case len(words) == 0:
		return false
	case words[0] == "interface" || words[0] == "vrf" || words[0] == "pbr-map":
		return true
	}
	return len(words) > 1 && (words[0] == "ip" || words[0] == "ipv6") && (words[1] == "route" || words[1] == "nht" || words[1] == "router-id" || words[1] == "protocol")
}

// shortened is as much of a line as is worth repeating.
func shortened(s string) string {
	const most = 80
	if len(s) <= most {
		return s
	}
	return strings.ToValidUTF8(s[:most], "") + "..."
}

// finish fills in what is given besides and makes the node.
func (o *Old) finish(r *reader, given OldGiven) {
	if given.Hostname != "" {
		r.draft.node.Hostname = given.Hostname
	}
	if r.draft.bgp != nil {
		if o.ASN = r.draft.bgp.as; given.RouterID.IsValid() {
			r.draft.bgp.routerID = given.RouterID
		}
	}
	o.Node, o.Err = r.finish()
	for _, w := range r.warnings() {
		// What goes into the proposal is not lost, and needs no warning.
		if !strings.Contains(w.Text, "triggerd import FILE") {
			o.Warnings = append(o.Warnings, w)
		}
	}
	o.settle()
}

func (o *Old) left(line int, format string, args ...any) {
	o.Left = append(o.Left, Warning{Line: line, Text: fmt.Sprintf(format, args...)})
}

// hear takes the lines that belong to the cluster.
func (o *Old) hear(number int, in *grammar.Mode, words []string) {
	switch {
	case in == mapMode:
		o.hearClause(number, words)
	case in != topMode && words[0] == "network":
		o.hearNetwork(number, words[1:])
	case in != topMode:
	case words[0] == "route-map":
		o.hearMap(number, words)
	case words[0] == "access-list", len(words) > 2 && (words[1] == "as-path" || strings.HasSuffix(words[1], "-list")) && words[0] != "no":
		o.hearList(number, words)
	}
}

// hearNetwork reads what stands behind `network`.
func (o *Old) hearNetwork(number int, words []string) {
	text := strings.Join(words, " ")
	p, err := netip.ParsePrefix(words[0])
	rest := words[1:]
	if err != nil && len(rest) >= 2 && rest[0] == "mask" {
		p, err = maskedNetwork(words[0], rest[1])
		rest = rest[2:]
	}
	n := OldNetwork{Line: number, Prefix: p.Masked()}
	switch {
	case err != nil:
		o.left(number, "`network %s` names no mask: Quagga announces the whole class A, B or C network for it; "+
			"if that is not meant, type the address with its mask", text)
		return
	case len(rest) == 2 && rest[0] == "route-map":
		n.RouteMap = rest[1]
	case len(rest) > 0:
		o.left(number, "`network %s`: only `route-map NAME` can follow the prefix here", text)
		return
	}
	o.Networks = append(o.Networks, n)
}

// maskedNetwork reads A mask M.
func maskedNetwork(address, mask string) (netip.Prefix, error) {
	a, err := netip.ParseAddr(address)
	m, merr := netip.ParseAddr(mask)
	if err != nil || merr != nil || !a.Is4() || !m.Is4() {
		return netip.Prefix{}, errors.New("no address with a mask")
	}
	bits := m.As4()
	n := 0
	for ; n < 32 && bits[n/8]&(0x80>>(n%8)) != 0; n++ {
	}
	p := netip.PrefixFrom(a, n)
	if want := netip.PrefixFrom(netip.AddrFrom4([4]byte{255, 255, 255, 255}), n).Masked().Addr(); want != m {
		return netip.Prefix{}, fmt.Errorf("%s is no mask", mask)
	}
	return p, nil
}
