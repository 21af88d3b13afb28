package cli

import (
	"fmt"
	"net/netip"

	"github.com/triggerd/triggerd/cli/grammar"
	"github.com/triggerd/triggerd/internal/rtbh"
)

// networkOptions may follow the prefix of a `network` line, and are let pass in
// a `no network` line, so that a printed line is taken back by putting `no`
// before it.
const networkOptions = " [{route-map NAME|expire <at TIME|LIFETIME>|ticket WORD}] [reason LINE]"

// networkRows are the lines that this is all about. Quagga takes three more
// forms that would take a whole network down here; each of them is refused by
// its own row, which says what to type instead.
func networkRows() []row {
	v4 := []*grammar.Mode{routerMode, ipv4Mode}
	v6 := []*grammar.Mode{ipv6Mode}
	both := []*grammar.Mode{customerMode}
	who := customers | operators
	type form struct {
		modes   []*grammar.Mode
		pattern string
		hidden  bool
		prefix  func(*match) (netip.Prefix, error)
	}
	var rows []row
	for _, f := range []form{
		{v4, "A.B.C.D/M", false, typedPrefix("A.B.C.D/M")},
		{both, "A.B.C.D/M", false, typedPrefix("A.B.C.D/M")},
		{v6, "X:X::X:X/M", false, typedPrefix("X:X::X:X/M")},
		{both, "X:X::X:X/M", false, typedPrefix("X:X::X:X/M")},
		{v4, "A.B.C.D$address mask A.B.C.D$mask", false, maskedPrefix},
		{both, "A.B.C.D$address mask A.B.C.D$mask", false, maskedPrefix},
		{v4, "A.B.C.D$address", true, bareAddress},
		{both, "A.B.C.D$address", true, bareAddress},
		{v6, "X:X::X:X$address", true, bareAddress},
		{both, "X:X::X:X$address", true, bareAddress},
		{v4, "X:X::X:X/M$prefix", true, wrongFamily("IPv6", "ipv6")},
		{v4, "X:X::X:X$prefix", true, wrongFamily("IPv6", "ipv6")},
		{v6, "A.B.C.D/M$prefix", true, wrongFamily("IPv4", "ipv4")},
		{v6, "A.B.C.D$prefix", true, wrongFamily("IPv4", "ipv4")},
		{v6, "A.B.C.D$prefix mask A.B.C.D$mask", true, wrongFamily("IPv4", "ipv4")},
	} {
		rows = append(rows,
			row{Modes: f.modes, Pattern: "network " + f.pattern + networkOptions, For: who, Hidden: f.hidden,
				Run: func(c *call, m *match) error { return c.announce(m, f.prefix) }},
			row{Modes: f.modes, Pattern: "no network " + f.pattern + networkOptions, For: who, Hidden: f.hidden,
				Run: func(c *call, m *match) error { return c.withdraw(m, f.prefix) }})
	}
	return rows
}

// typedPrefix returns the prefix as it was typed: host bits are the state's to
// refuse.
func typedPrefix(name string) func(*match) (netip.Prefix, error) {
	return func(m *match) (netip.Prefix, error) { return m.Prefix(name), nil }
}

// maskedPrefix takes the old form with a mask, for one host only: in Quagga it
// is where a slip of the mask hurts most.
func maskedPrefix(m *match) (netip.Prefix, error) {
	a, mask := m.Addr("address"), m.Addr("mask")
	if mask != netip.AddrFrom4([4]byte{255, 255, 255, 255}) {
		return netip.Prefix{}, saying(fmt.Sprintf(
			"%% Only the mask 255.255.255.255 is taken in this form; type the network as A.B.C.D/M, or `network %s/32` for this one address.", a))
	}
	return netip.PrefixFrom(a, 32), nil
}

// bareAddress refuses an address without a mask.
func bareAddress(m *match) (netip.Prefix, error) {
	a := m.Addr("address")
	one := "network " + netip.PrefixFrom(a, a.BitLen()).String()
	if m.Has("no") {
		one = "no " + one
	}
	text := fmt.Sprintf("%% The mask is missing; type `%s` for this one address.", one)
	if a.Is4() {
		if whole, err := a.Prefix(classLength(a)); err == nil {
			text = fmt.Sprintf("%% The mask is missing: Quagga would take the whole of %s for %s. Type `%s` for this one address.", whole, a, one)
		}
	}
	return netip.Prefix{}, saying(text)
}

// classLength is the mask that Quagga adds to an address without one.
func classLength(a netip.Addr) int {
	switch b := a.As4()[0]; {
	case b < 128:
		return 8
	case b < 192:
		return 16
	}
	return 24
}

// wrongFamily refuses a network of the other address family. Quagga runs it in
// the mode above, where it is not what was meant.
func wrongFamily(is, family string) func(*match) (netip.Prefix, error) {
	return func(m *match) (netip.Prefix, error) {
		return netip.Prefix{}, saying(fmt.Sprintf(
			"%% %s is an %s network; type `address-family %s` first.", m.Text("prefix"), is, family))
	}
}

// announce is `network P`.
func (c *call) announce(m *match, prefix func(*match) (netip.Prefix, error)) error {
	p, err := prefix(m)
	if err != nil {
		return err
	}
	cmd := rtbh.Announce{Prefix: p, RouteMap: m.Text("NAME"), Ticket: m.Text("WORD"), Reason: m.Text("LINE")}
	if err := c.swallowed(cmd.Reason); err != nil {
		return err
	}
	if cmd.Customer, err = c.forCustomer(); err != nil {
		return err
	}
	if m.Has("LIFETIME") {
		if cmd.Life, err = parseLifetime(m.Text("LIFETIME")); err != nil {
			return err
		}
	}
	if m.Has("TIME") {
		if cmd.Until, err = parseInstant(m.Text("TIME")); err != nil {
			return err
		}
	}
	return c.networkLine(cmd)
}

// networkLine gets a `network` or `no network` line decided and says what came
// of it. A line that is only planned is handed back to whoever plans.
func (c *call) networkLine(cmd rtbh.Command) error {
	switch {
	case c.planned != nil:
		*c.planned = append(*c.planned, cmd)
		return nil
	case c.batch != nil:
		err := c.collect(cmd)
		if x, ok := cmd.(rtbh.Announce); ok && err == nil {
			c.warnRPKI(x)
		}
		return err
	}
	return c.conclude(c.ask(cmd))
}

// conclude says what became of a `network` or `no network` line.
func (c *call) conclude(a answer) error {
	err := c.deliver(a)
	if _, ok := a.cmd.(rtbh.Withdraw); ok && isAbsent(err) {
		return absent
	}
	if x, ok := a.cmd.(rtbh.Announce); ok && err == nil {
		c.receipt(x, a)
		c.warnRPKI(x)
	}
	return err
}

// withdraw is `no network P`.
func (c *call) withdraw(m *match, prefix func(*match) (netip.Prefix, error)) error {
	p, err := prefix(m)
	if err != nil {
		return err
	}
	cmd := rtbh.Withdraw{Prefix: p, Reason: m.Text("LINE")}
	if err := c.swallowed(cmd.Reason); err != nil {
		return err
	}
	if cmd.Customer, err = c.forCustomer(); err != nil {
		return err
	}
	return c.networkLine(cmd)
}

// forCustomer is whose blackhole a line is about: the user's own customer, or
// the one that an operator has entered.
func (c *call) forCustomer() (string, error) {
	switch {
	case c.mode == customerMode:
		return c.at.customer, nil
	case c.scope != "":
		return c.scope, nil
	}
	return "", saying("% A blackhole belongs to a customer: type `customer NAME`, then `network P` there.")
}
