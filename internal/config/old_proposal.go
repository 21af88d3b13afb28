package config

import (
	"fmt"
	"slices"
	"strings"
)

// Proposal returns the lines of the cluster's configuration that the old file
// means, as an operator types them: lists, route-maps and, for a customer, its
// networks. customer "" leaves the customer out; expire, when it is not "", is the
// lifetime of each network. Lines that begin with "!" are for people.
func (o *Old) Proposal(customer, expire string) []string {
	t := &text{}
	t.add("configure terminal")
	for _, l := range o.lists {
		t.add("%s", l.text)
	}
	for _, m := range o.maps {
		for _, l := range m.lines {
			t.add("%s", l.text)
		}
		t.add("exit")
	}
	switch {
	case customer == "" && len(o.Networks) > 0:
		t.add("! %d network lines are not shown: say whose they are with --customer NAME", len(o.Networks))
	case customer != "":
		o.propose(t, customer, expire)
	}
	t.add("end")
	return t.lines
}

// propose adds the customer's block.
func (o *Old) propose(t *text, customer, expire string) {
	t.add("! The customer's own prefixes (`prefix P`) must be there before its networks.")
	if len(o.Networks) > 0 && expire == "" {
		t.add("! Each network ends after the default lifetime; in Quagga it had no end (--expire never).")
	}
	t.add("customer %s", customer)
	t.when(o.ASN != 0, " as-number %d", o.ASN)
	var used []string
	for _, n := range o.Networks {
		if n.RouteMap != "" && !slices.Contains(used, n.RouteMap) {
			used = append(used, n.RouteMap)
			t.add(" route-map %s", n.RouteMap)
		}
	}
	for _, n := range o.Networks {
		line := fmt.Sprintf(" network %s", n.Prefix)
		if n.RouteMap != "" {
			line += " route-map " + n.RouteMap
		}
		if expire != "" {
			line += " expire " + expire
		}
		t.lines = append(t.lines, line)
	}
	t.add("exit")
}

// Describe says for people what becomes of the file: the node's part and what is
// left out. Each line begins with "! ", so that all may be pasted.
func (o *Old) Describe(name string) []string {
	t := &text{}
	if o.Err != nil {
		t.add("The node's file would not be whole:")
		for l := range strings.Lines(o.Err.Error()) {
			t.add("  %s", strings.TrimRight(l, "\n"))
		}
	} else {
		t.add("The node's file:")
		for _, l := range o.Node.Lines() {
			t.add("  %s", masked(l))
		}
	}
	for _, w := range o.Warnings {
		t.add("%s:%d: %s", name, w.Line, w.Text)
	}
	for _, w := range o.Left {
		t.add("%s:%d: left out: %s", name, w.Line, w.Text)
	}
	for i, l := range t.lines {
		t.lines[i] = strings.TrimRight("! "+printed(l), " ")
	}
	return t.lines
}

// masked hides a neighbor's password: the node's file has it, a screen need not.
func masked(line string) string {
	if i := strings.Index(line, " password "); i >= 0 && strings.HasPrefix(line, " neighbor ") {
		return line[:i] + " password ..."
	}
	return line
}

// printed takes control characters out of what a file said.
func printed(s string) string {
	return strings.Map(func(r rune) rune {
		if r < 0x20 || r >= 0x7f && r < 0xa0 {
			return '?'
		}
		return r
	}, s)
}
