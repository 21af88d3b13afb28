package config

import "github.com/triggerd/triggerd/cli/grammar"

// The blocks of the file. All are open: a line that a block does not know is
// looked for in the one around it, and ends the block.
var (
	topMode    = &grammar.Mode{Name: "file", Open: true}
	routerMode = &grammar.Mode{Name: "router bgp", Parent: topMode, Open: true}
	rpkiMode   = &grammar.Mode{Name: "rpki", Parent: topMode}
	bmpMode    = &grammar.Mode{Name: "bmp targets", Parent: routerMode}
	ipv4Mode   = &grammar.Mode{Name: "address-family ipv4", Parent: routerMode}
	ipv6Mode   = &grammar.Mode{Name: "address-family ipv6", Parent: routerMode}

	// Blocks of other daemons' files that are skipped as a whole.
	familyMode = &grammar.Mode{Name: "other address-family", Parent: routerMode}
	mapMode    = &grammar.Mode{Name: "route-map", Parent: topMode}
	vtyMode    = &grammar.Mode{Name: "line vty", Parent: topMode}

	inTop    = []*grammar.Mode{topMode}
	inRouter = []*grammar.Mode{routerMode}
	inBGP    = []*grammar.Mode{routerMode, ipv4Mode, ipv6Mode}
)

type (
	row   = grammar.Row[*reader]
	match = grammar.Match
)

var table = grammar.New(words, concat(topRows(), sshRows(), routerRows(), neighborRows(), sessionRows(), groupRows(), rpkiRows(), bmpRows(),
	oldTopRows(), oldRouterRows(), oldNeighborRows(), oldBlockRows())...)

func concat(parts ...[]row) []row {
	var all []row
	for _, p := range parts {
		all = append(all, p...)
	}
	return all
}

// Manual returns the lines that a node's file may have, for the manual.
func Manual() []grammar.Entry { return table.Manual() }

func nothing(*reader, *match) error { return nil }

// leave makes a row that goes to a mode.
func leave(pattern string, from, to *grammar.Mode) row {
	return row{Modes: []*grammar.Mode{from}, Pattern: pattern, Hidden: true, Enters: to, Run: nothing}
}
