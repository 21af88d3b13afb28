package vty

import "unicode"

// span is an inclusive range of code points.
type span struct{ lo, hi rune }

// wide are the code points that terminals show two cells wide: East Asian
// Wide and Fullwidth of Unicode's UAX #11, and the emoji blocks, in few ranges.
var wide = []span{
	{0x1100, 0x115f}, {0x231a, 0x231b}, {0x2329, 0x232a}, {0x23e9, 0x23ec}, {0x2e80, 0x303e},
	{0x3041, 0x33ff}, {0x3400, 0x4dbf}, {0x4e00, 0x9fff}, {0xa000, 0xa4cf}, {0xa960, 0xa97f},
	{0xac00, 0xd7a3}, {0xf900, 0xfaff}, {0xfe10, 0xfe19}, {0xfe30, 0xfe6f}, {0xff00, 0xff60},
	{0xffe0, 0xffe6}, {0x1f300, 0x1f64f}, {0x1f680, 0x1f6ff}, {0x1f900, 0x1f9ff}, {0x20000, 0x3fffd},
}

// cells is how many columns r takes: 0 for marks that combine with the
// character before and for invisible format characters, 2 for wide ones.
func cells(r rune) int {
	switch {
	case r < 0x300:
		return 1
	case unicode.In(r, unicode.Mn, unicode.Me, unicode.Cf):
		return 0
	}
	for _, s := range wide {
		if r >= s.lo && r <= s.hi {
			return 2
		}
	}
	return 1
}

// width is the sum of the cells of rs.
func width(rs []rune) int {
	n := 0
	for _, r := range rs {
		n += cells(r)
	}
	return n
}
