package vty

import (
	"fmt"
	"unicode/utf8"
)

// appendClean appends text to dst so that nothing in it can drive a terminal:
// control characters other than newline and tab, C1 controls and bytes that
// are not UTF-8 come out as \x1b and the like. It returns how much of p was
// used: less than all when p ends inside a character and last is false.
func appendClean(dst, p []byte, last bool) ([]byte, int) {
	i := 0
	for i < len(p) {
		b := p[i]
		switch {
		case b == '\n' || b == '\t' || b >= 0x20 && b < 0x7f:
			dst = append(dst, b)
			i++
		case b == '\r':
			i++ // line ends are made by the writer
		case b < utf8.RuneSelf:
			dst = fmt.Appendf(dst, `\x%02x`, b)
			i++
		case !last && !utf8.FullRune(p[i:]):
			return dst, i
		default:
			r, n := utf8.DecodeRune(p[i:])
			if r == utf8.RuneError && n == 1 || r < 0xa0 {
				for _, c := range p[i : i+n] {
					dst = fmt.Appendf(dst, `\x%02x`, c)
				}
			} else {
				dst = append(dst, p[i:i+n]...)
			}
			i += n
		}
	}
	return dst, i
}

// printable is s on one line without anything that drives a terminal.
func printable(s string) string {
	out, _ := appendClean(nil, []byte(s), true)
	for i, b := range out {
		if b == '\n' || b == '\t' {
			out[i] = ' '
		}
	}
	return string(out)
}
