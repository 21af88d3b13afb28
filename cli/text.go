package cli

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"
)

// clean makes text that somebody typed safe to print on somebody else's
// terminal: control bytes (C0, DEL, C1), the marks that reorder text, and bytes
// that are no UTF-8 come out as visible escapes. Everything printed that a user
// can choose goes through here, JSON apart, which escapes by itself.
func clean(s string) string {
	if !strings.ContainsFunc(s, unsafeRune) {
		return s
	}
	var b strings.Builder
	for i := 0; i < len(s); {
		r, size := utf8.DecodeRuneInString(s[i:])
		switch {
		case r == utf8.RuneError && size == 1:
			fmt.Fprintf(&b, `\x%02x`, s[i])
		case unsafeRune(r) && r < 0x100:
			fmt.Fprintf(&b, `\x%02x`, r)
		case unsafeRune(r):
			fmt.Fprintf(&b, `\u%04x`, r)
		default:
			b.WriteRune(r)
		}
		i += size
	}
	return b.String()
}

// unsafeRune tells whether r does more on a terminal than appear. RuneError
// counts: it stands for a byte that is no UTF-8.
func unsafeRune(r rune) bool {
	return unicode.IsControl(r) || r == utf8.RuneError || unicode.Is(unicode.Cf, r) ||
		r == '\u2028' || r == '\u2029'
}

// shortDuration prints d with its two largest units: 14s, 3m05s, 2h07m, 6d23h.
func shortDuration(d time.Duration) string {
	s := int64(max(d, 0) / time.Second)
	switch {
	case s < 60:
		return fmt.Sprintf("%ds", s)
	case s < 3600:
		return fmt.Sprintf("%dm%02ds", s/60, s%60)
	case s < 86400:
		return fmt.Sprintf("%dh%02dm", s/3600, s/60%60)
	}
	return fmt.Sprintf("%dd%02dh", s/86400, s/3600%24)
}

// upDown prints how long a session has been as it is, as Quagga does: hh:mm:ss,
// then 1d02h03m, then 01w2d03h.
func upDown(d time.Duration) string {
	s := int64(max(d, 0) / time.Second)
	switch {
	case s < 86400:
		return fmt.Sprintf("%02d:%02d:%02d", s/3600, s/60%60, s%60)
	case s < 7*86400:
		return fmt.Sprintf("%dd%02dh%02dm", s/86400, s/3600%24, s/60%60)
	}
	return fmt.Sprintf("%02dw%dd%02dh", s/(7*86400), s/86400%7, s/3600%24)
}

// columns prints rows in columns as wide as their widest cell, two spaces apart;
// the first row is the heading. Lines end without trailing spaces.
func columns(out io.Writer, rows [][]string) {
	var width []int
	for _, row := range rows {
		for i, cell := range row {
			if i == len(width) {
				width = append(width, 0)
			}
			width[i] = max(width[i], utf8.RuneCountInString(cell))
		}
	}
	for _, row := range rows {
		var b strings.Builder
		for i, cell := range row {
			b.WriteString(cell)
			b.WriteString(strings.Repeat(" ", width[i]-utf8.RuneCountInString(cell)+2))
		}
		fmt.Fprintln(out, strings.TrimRight(b.String(), " "))
	}
}

// writeJSON prints v as indented JSON. Control characters leave it escaped, and
// so does what encoding/json lets pass but a terminal acts on.
func writeJSON(out io.Writer, v any) {
	b, err := json.MarshalIndent(v, "", "  ")
	if err != nil { // no value of ours can fail; still never print half an answer
		fmt.Fprintf(out, "{\"error\": %q}\n", err.Error())
		return
	}
	for i := 0; i < len(b); {
		r, size := utf8.DecodeRune(b[i:])
		if r != '\n' && unsafeRune(r) && r != utf8.RuneError {
			if r > 0xffff {
				hi, lo := (r-0x10000)>>10+0xd800, (r-0x10000)&0x3ff+0xdc00
				fmt.Fprintf(out, `\u%04x\u%04x`, hi, lo)
			} else {
				fmt.Fprintf(out, `\u%04x`, r)
			}
		} else {
			_, _ = out.Write(b[i : i+size])
		}
		i += size
	}
	fmt.Fprintln(out)
}

// count prints n with its noun in the right number.
func count(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}
