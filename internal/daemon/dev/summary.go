package dev

import (
	"fmt"
	"net/netip"
	"strings"
)

// summary is the line that `triggerd dev --json` prints.
type summary struct {
	Triggers []triggerSummary `json:"triggers"`
	Witness  nameSummary      `json:"witness"`
	Customer customerSummary  `json:"customer"`
	Operator userSummary      `json:"operator"`
	Router   routerSummary    `json:"router"`
}

type nameSummary struct {
	Name string `json:"name"`
}

type triggerSummary struct {
	Name string `json:"name"`
	SSH  string `json:"ssh"`
	BGP  string `json:"bgp"`
}

type userSummary struct {
	User string `json:"user"`
	Key  string `json:"key"`
}

type customerSummary struct {
	userSummary
	ASN      uint32         `json:"asn"`
	Prefixes []netip.Prefix `json:"prefixes"`
}

type routerSummary struct {
	Table string `json:"table"`
}

func (w *world) summary() summary {
	s := summary{
		Witness: nameSummary{w.witness.name},
		Customer: customerSummary{
			userSummary: userSummary{User: customerName, Key: w.customer},
			ASN:         customerAS, Prefixes: customerPrefixes,
		},
		Operator: userSummary{User: "operator", Key: w.operator},
		Router:   routerSummary{Table: w.tableURL()},
	}
	for _, t := range w.triggers {
		s.Triggers = append(s.Triggers, triggerSummary{Name: t.name, SSH: t.sshAddr(), BGP: t.bgpAddr().String()})
	}
	return s
}

func (w *world) tableURL() string { return "http://" + w.router.addr + "/table" }

// login is the command line with which somebody logs in. The host keys are as
// made up as the rest, so the user's own known_hosts stays out of it.
func login(key, user, addr string) string {
	host, port, _ := strings.Cut(addr, ":")
	return fmt.Sprintf("ssh -p %s -i %s -o UserKnownHostsFile=/dev/null -o StrictHostKeyChecking=no -o LogLevel=ERROR %s@%s", port, key, user, host)
}

// welcome says what runs and what to type.
func (w *world) welcome() string {
	var b strings.Builder
	fmt.Fprintf(&b, "\nTwo triggers, a witness and a router run on this machine. Ctrl-C ends them.\n\n")
	for _, t := range w.triggers {
		fmt.Fprintf(&b, "The customer at %s:\n  %s\n", t.name, login(w.customer, customerName, t.sshAddr()))
	}
	fmt.Fprintf(&b, "An operator at %s:\n  %s\n", w.triggers[0].name, login(w.operator, "operator", w.triggers[0].sshAddr()))
	fmt.Fprintf(&b, "The router's table:\n  curl %s\n\n", w.tableURL())
	fmt.Fprintf(&b, "Log in as the customer and type:\n  configure terminal\n  router bgp %d\n  network 203.0.113.7/32\n\n", customerAS)
	fmt.Fprintf(&b, "What the router sees:\n")
	return b.String()
}
