package cli

import (
	"github.com/triggerd/triggerd/cli/grammar"
	"github.com/triggerd/triggerd/internal/rtbh"
)

// customerRows are the lines by which operators keep customers. Each line is
// one field of the record, and `no` before it takes the value back.
func customerRows() []row {
	config, in := []*grammar.Mode{configMode}, []*grammar.Mode{customerMode}
	rows := []row{
		{Modes: config, Pattern: "customer NAME", For: operators, Enters: customerMode, Run: enterCustomer},
		{Modes: config, Pattern: "no customer NAME", For: operators, Run: func(c *call, m *match) error {
			return c.change(rtbh.EditCustomer{Name: m.Text("NAME"), Field: rtbh.CustomerExists, Remove: true})
		}},
	}
	for _, f := range customerFields {
		rows = append(rows,
			row{Modes: in, Pattern: f.pattern, For: operators, Run: f.run(false)},
			row{Modes: in, Pattern: "no " + f.pattern, For: operators, Run: f.run(true)})
		if f.bare != "" {
			rows = append(rows, row{Modes: in, Pattern: "no " + f.bare, For: operators, Run: f.run(true)})
		}
	}
	return rows
}

// customerField is one line of a customer: how it is typed and what it sets.
type customerField struct {
	pattern string
	bare    string // what `no` needs, where the value is not needed
	field   rtbh.CustomerField
	set     func(*rtbh.Customer, *match) error
}

var customerFields = []customerField{
	{"description LINE", "description", rtbh.CustomerDescription, text(func(v *rtbh.Customer) *string { return &v.Description })},
	{"contact LINE", "contact", rtbh.CustomerContact, text(func(v *rtbh.Customer) *string { return &v.Contact })},
	{"as-number (1-4294967295)", "as-number", rtbh.CustomerASN, func(v *rtbh.Customer, m *match) error {
		v.ASN = uint32(m.Number("<1-4294967295>"))
		return nil
	}},
	{"prefix <A.B.C.D/M|X:X::X:X/M>$net", "", rtbh.CustomerPrefixes, func(v *rtbh.Customer, m *match) error {
		v.Prefixes = append(v.Prefixes, m.Prefix("net"))
		return nil
	}},
	{"origin-as (1-4294967295) roa", "", rtbh.CustomerOriginAS, func(v *rtbh.Customer, m *match) error {
		v.OriginAS = append(v.OriginAS, uint32(m.Number("<1-4294967295>")))
		return nil
	}},
	{"minimum-length ipv4 (8-32)", "minimum-length ipv4", rtbh.CustomerMinLen4, func(v *rtbh.Customer, m *match) error {
		v.MinLen4 = uint8(m.Number("<8-32>"))
		return nil
	}},
	{"minimum-length ipv6 (19-128)", "minimum-length ipv6", rtbh.CustomerMinLen6, func(v *rtbh.Customer, m *match) error {
		v.MinLen6 = uint8(m.Number("<19-128>"))
		return nil
	}},
	{"approval-length ipv4 (8-32)", "approval-length ipv4", rtbh.CustomerApproveLen4, func(v *rtbh.Customer, m *match) error {
		v.ApproveLen4 = uint8(m.Number("<8-32>"))
		return nil
	}},
	{"approval-length ipv6 (19-128)", "approval-length ipv6", rtbh.CustomerApproveLen6, func(v *rtbh.Customer, m *match) error {
		v.ApproveLen6 = uint8(m.Number("<19-128>"))
		return nil
	}},
	{"maximum-blackholes (1-4294967295)", "maximum-blackholes", rtbh.CustomerMaxBlackholes, func(v *rtbh.Customer, m *match) error {
		v.MaxBlackholes = uint32(m.Number("<1-4294967295>"))
		return nil
	}},
	{"lifetime default LIFETIME", "lifetime default", rtbh.CustomerDefaultLife, life(func(v *rtbh.Customer) *rtbh.Lifetime { return &v.DefaultLife })},
	{"lifetime maximum LIFETIME", "lifetime maximum", rtbh.CustomerMaxLife, life(func(v *rtbh.Customer) *rtbh.Lifetime { return &v.MaxLife })},
	{"lifetime minimum LIFETIME", "lifetime minimum", rtbh.CustomerMinLife, life(func(v *rtbh.Customer) *rtbh.Lifetime { return &v.MinLife })},
	{"route-map NAME", "", rtbh.CustomerRouteMaps, func(v *rtbh.Customer, m *match) error {
		v.RouteMaps = append(v.RouteMaps, m.Text("NAME"))
		return nil
	}},
	{"prompt NAME", "prompt", rtbh.CustomerPrompt, func(v *rtbh.Customer, m *match) error {
		v.Prompt = m.Text("NAME")
		return nil
	}},
}

// text sets a field to the rest of the line.
func text[T any](where func(*T) *string) func(*T, *match) error {
	return func(v *T, m *match) error {
		*where(v) = m.Text("LINE")
		return nil
	}
}

// life sets a field to a lifetime.
func life[T any](where func(*T) *rtbh.Lifetime) func(*T, *match) error {
	return func(v *T, m *match) error {
		if !m.Has("LIFETIME") {
			return nil
		}
		l, err := parseLifetime(m.Text("LIFETIME"))
		*where(v) = l
		return err
	}
}

func (f customerField) run(remove bool) func(*call, *match) error {
	return func(c *call, m *match) error {
		cmd := rtbh.EditCustomer{Name: c.at.customer, Field: f.field, Remove: remove}
		if err := f.set(&cmd.Value, m); err != nil {
			return err
		}
		return c.change(cmd)
	}
}

// change proposes one command whose acceptance needs no words, but for what its
// consequences are.
func (c *call) change(cmd rtbh.Command) error {
	was := c.outlook(cmd)
	if _, err := c.propose(cmd); err != nil {
		return err
	}
	c.consequences(cmd, was)
	return nil
}

// enterCustomer makes the customer when it is new, as Quagga makes what one
// enters.
func enterCustomer(c *call, m *match) error {
	name, known := m.Text("NAME"), false
	c.view(func(s *rtbh.State, _ rtbh.Instant) { _, known = s.Customer(name) })
	if !known {
		if err := c.change(rtbh.EditCustomer{Name: name, Field: rtbh.CustomerExists}); err != nil {
			return err
		}
	}
	c.at = place{customer: name}
	return nil
}
