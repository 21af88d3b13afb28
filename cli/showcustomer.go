package cli

import (
	"fmt"
	"strings"

	"github.com/triggerd/triggerd/internal/rtbh"
)

func showCustomerRows() []row {
	return []row{
		{Modes: execModes, Pattern: "show customer [json]", Run: showCustomers},
		{Modes: execModes, Pattern: "show customer NAME [json]", Run: showCustomer},
	}
}

// showCustomers lists the customers; a customer sees itself.
func showCustomers(c *call, m *match) error {
	if c.scope != "" {
		return c.oneCustomer(m, c.scope)
	}
	c.fresh(m)
	st, now := c.snapshot()
	if m.Has("json") {
		all := []customerJSON{}
		for _, cu := range st.Customers() {
			all = append(all, customerAsJSON(st, cu, now))
		}
		c.json(struct {
			Customers []customerJSON `json:"customers"`
		}{all})
		return nil
	}
	rows := [][]string{{"Customer", "AS", "Blackholes", "At most", "Users", "Prefixes"}}
	for _, cu := range st.Customers() {
		j := customerAsJSON(st, cu, now)
		rows = append(rows, []string{
			clean(cu.Name), fmt.Sprint(cu.ASN), fmt.Sprint(j.Blackholes), limitText(j.Maximum),
			fmt.Sprint(len(j.Users)), prefixesText(cu.Granted()),
		})
	}
	if len(rows) == 1 {
		c.print("No customers.\n")
		return nil
	}
	columns(c.out, rows)
	return nil
}

func limitText(n uint32) string {
	if n == 0 {
		return "no limit"
	}
	return fmt.Sprint(n)
}

// showCustomer prints one. What is not there and what is not its own are the
// same to a customer.
func showCustomer(c *call, m *match) error {
	name := m.Text("NAME")
	if c.scope != "" && name != c.scope {
		return noCustomer(name)
	}
	return c.oneCustomer(m, name)
}

func noCustomer(name string) error {
	return saying(fmt.Sprintf("%% There is no customer %q.", name))
}

func (c *call) oneCustomer(m *match, name string) error {
	c.fresh(m)
	st, now := c.snapshot()
	cu, ok := st.Customer(name)
	if !ok {
		return noCustomer(name)
	}
	j := customerAsJSON(st, cu, now)
	if c.scope != "" {
		j.Description, j.Contact = "", "" // the operators' own notes
	}
	if m.Has("json") {
		c.json(j)
		return nil
	}
	b := st.Lifetimes(name)
	t := &configText{}
	t.add("Customer %s", clean(cu.Name))
	t.opt(j.Description != "", "  Description:  %s", clean(j.Description))
	t.opt(j.Contact != "", "  Contact:      %s", clean(j.Contact))
	t.opt(cu.ASN != 0, "  AS number:    %d", cu.ASN)
	t.add("  Prefixes:     %s", orNone(prefixesText(cu.Prefixes)))
	t.opt(len(cu.OriginAS) > 0, "  From ROAs:    of AS %s: %s", joined(cu.OriginAS, asnText), orNone(prefixesText(cu.ROAPrefixes)))
	t.add("  Masks:        IPv4 /%d and longer, IPv6 /%d and longer", j.MinLen4, j.MinLen6)
	t.opt(j.ApproveLen4+j.ApproveLen6 > 0, "  Approval:     by a second operator for %s, and as near as that to what is protected", j.approvalText())
	t.add("  Blackholes:   %d now, at most %s", j.Blackholes, limitText(j.Maximum))
	t.add("  Lifetime:     %s by default, from %s to %s", b.Default, b.Min, b.Max)
	t.add("  Route-maps:   %s", strings.Join(j.RouteMaps, ", "))
	t.add("  Users:        %s", orNone(strings.Join(j.Users, ", ")))
	c.print("%s\n", strings.Join(t.lines, "\n"))
	return nil
}

func orNone(s string) string {
	if s == "" {
		return "none"
	}
	return s
}

type customerJSON struct {
	Name        string   `json:"name"`
	Description string   `json:"description,omitempty"`
	Contact     string   `json:"contact,omitempty"`
	ASN         uint32   `json:"asn"`
	Prefixes    []string `json:"prefixes"`
	OriginAS    []uint32 `json:"originAS,omitempty"`
	ROAPrefixes []string `json:"roaPrefixes,omitempty"`
	MinLen4     int      `json:"minimumLengthIPv4"`
	MinLen6     int      `json:"minimumLengthIPv6"`
	ApproveLen4 int      `json:"approvalLengthIPv4,omitempty"` // 0 = nothing needs approval
	ApproveLen6 int      `json:"approvalLengthIPv6,omitempty"`
	Maximum     uint32   `json:"maximumBlackholes"` // 0 = no limit
	Blackholes  int      `json:"blackholes"`
	DefaultLife string   `json:"lifetimeDefault"`
	MinLife     string   `json:"lifetimeMinimum"`
	MaxLife     string   `json:"lifetimeMaximum"`
	RouteMaps   []string `json:"routeMaps"`
	Users       []string `json:"users"`
}

// approvalText names the masks that need a second operator.
func (j customerJSON) approvalText() string {
	var parts []string
	if j.ApproveLen4 > 0 {
		parts = append(parts, fmt.Sprintf("IPv4 shorter than /%d", j.ApproveLen4))
	}
	if j.ApproveLen6 > 0 {
		parts = append(parts, fmt.Sprintf("IPv6 shorter than /%d", j.ApproveLen6))
	}
	return strings.Join(parts, ", ")
}

func customerAsJSON(st *rtbh.State, cu rtbh.Customer, now rtbh.Instant) customerJSON {
	b := st.Lifetimes(cu.Name)
	out := customerJSON{
		Name: cu.Name, Description: cu.Description, Contact: cu.Contact, ASN: cu.ASN, Prefixes: []string{},
		OriginAS: cu.OriginAS, Maximum: cu.MaxBlackholes, Blackholes: len(st.Blackholes(cu.Name, now)),
		DefaultLife: b.Default.String(), MinLife: b.Min.String(), MaxLife: b.Max.String(),
		RouteMaps: append([]string{rtbh.DefaultRouteMap}, cu.RouteMaps...), Users: []string{},
	}
	out.ApproveLen4, out.ApproveLen6 = int(cu.ApproveLen4), int(cu.ApproveLen6)
	for _, p := range cu.Prefixes {
		out.Prefixes = append(out.Prefixes, p.String())
	}
	for _, p := range cu.ROAPrefixes {
		out.ROAPrefixes = append(out.ROAPrefixes, p.String())
	}
	if out.Maximum == 0 {
		out.Maximum = st.Settings().PerCustomer
	}
	out.MinLen4, out.MinLen6 = cu.MinLen(anyIPv4), cu.MinLen(anyIPv6)
	for _, u := range st.Users() {
		if u.Customer == cu.Name {
			out.Users = append(out.Users, u.Name)
		}
	}
	return out
}
