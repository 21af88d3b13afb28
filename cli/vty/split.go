package vty

import "strings"

// SplitScript splits the command of `ssh host "line; line"` into lines: at
// newlines, and at semicolons that do not stand in a word that begins with a
// quote. The word reason takes the rest of its line, semicolons too. Quotes
// stay where they are, and blank lines are left out.
func SplitScript(script string) []string {
	var lines []string
	for text := range strings.Lines(script) {
		for text = strings.TrimRight(text, "\r\n"); text != ""; {
			var line string
			line, text = cutLine(text)
			if line = strings.TrimSpace(line); line != "" {
				lines = append(lines, line)
			}
		}
	}
	return lines
}

// cutLine cuts text behind its first command.
func cutLine(text string) (line, rest string) {
	first := true // no word of this command has been seen
	for i := 0; i < len(text); {
		switch c := text[i]; {
		case c == ' ' || c == '\t':
			i++
		case c == ';':
			return text[:i], text[i+1:]
		default:
			end := wordEnd(text, i)
			if !first && text[i:end] == "reason" {
				return text, ""
			}
			first = false
			i = end
		}
	}
	return text, ""
}

// wordEnd is the end of the word that begins at text[i]. A quote at its
// beginning that is closed later holds spaces and semicolons together.
func wordEnd(text string, i int) int {
	if q := text[i]; q == '"' || q == '\'' {
		if n := strings.IndexByte(text[i+1:], q); n >= 0 {
			return i + 1 + n + 1
		}
	}
	if n := strings.IndexAny(text[i:], " \t;"); n > 0 {
		return i + n
	}
	return len(text)
}
