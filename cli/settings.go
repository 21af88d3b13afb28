package cli

import (
	"strings"

	"github.com/triggerd/triggerd/cli/grammar"
	"github.com/triggerd/triggerd/internal/rtbh"
)

// settingsRows are the lines that hold for the whole cluster.
func settingsRows() []row {
	config := []*grammar.Mode{configMode}
	number := func(where func(*rtbh.Settings) *uint32) func(*rtbh.Settings, *match) error {
		return func(v *rtbh.Settings, m *match) error {
			*where(v) = uint32(m.Number("<1-4294967295>"))
			return nil
		}
	}
	var rows []row
	for _, f := range []struct {
		pattern, bare string
		field         rtbh.SettingsField
		set           func(*rtbh.Settings, *match) error
	}{
		{"blackhole default-lifetime LIFETIME", "blackhole default-lifetime", rtbh.SettingsDefaultLife, life(func(v *rtbh.Settings) *rtbh.Lifetime { return &v.DefaultLife })},
		{"blackhole maximum-lifetime LIFETIME", "blackhole maximum-lifetime", rtbh.SettingsMaxLife, life(func(v *rtbh.Settings) *rtbh.Lifetime { return &v.MaxLife })},
		{"blackhole minimum-lifetime LIFETIME", "blackhole minimum-lifetime", rtbh.SettingsMinLife, life(func(v *rtbh.Settings) *rtbh.Lifetime { return &v.MinLife })},
		{"blackhole maximum (1-4294967295)", "blackhole maximum", rtbh.SettingsMaxBlackholes, number(func(v *rtbh.Settings) *uint32 { return &v.MaxBlackholes })},
		{"blackhole maximum-per-customer (1-4294967295)", "blackhole maximum-per-customer", rtbh.SettingsPerCustomer, number(func(v *rtbh.Settings) *uint32 { return &v.PerCustomer })},
		{"blackhole protected <A.B.C.D/M|X:X::X:X/M>$net", "", rtbh.SettingsProtected, func(v *rtbh.Settings, m *match) error {
			v.Protected = append(v.Protected, m.Prefix("net"))
			return nil
		}},
		{"ssh user-ca LINE", "", rtbh.SettingsUserCAs, func(v *rtbh.Settings, m *match) error {
			v.UserCAs = append(v.UserCAs, strings.Join(strings.Fields(m.Text("LINE")), " "))
			return nil
		}},
		{"banner motd line LINE", "banner motd", rtbh.SettingsBanner, text(func(v *rtbh.Settings) *string { return &v.Banner })},
	} {
		run := func(remove bool) func(*call, *match) error {
			return func(c *call, m *match) error {
				cmd := rtbh.EditSettings{Field: f.field, Remove: remove}
				if err := f.set(&cmd.Value, m); err != nil {
					return err
				}
				if !remove && f.field == rtbh.SettingsUserCAs {
					if err := CheckKey(cmd.Value.UserCAs[0]); err != nil {
						return err
					}
				}
				return c.change(cmd)
			}
		}
		rows = append(rows,
			row{Modes: config, Pattern: f.pattern, For: operators, Run: run(false)},
			row{Modes: config, Pattern: "no " + f.pattern, For: operators, Run: run(true)})
		if f.bare != "" {
			rows = append(rows, row{Modes: config, Pattern: "no " + f.bare, For: operators, Run: run(true)})
		}
	}
	return rows
}
