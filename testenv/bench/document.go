package bench

import (
	"fmt"
	"os"
	"strings"
)

// WriteDocument puts the sections that were measured whole between their markers
// in a Markdown file, each with its date; the rest of the file stays as it is.
// With Quick, or with only a part of a section, nothing is written for it.
//
//	<!-- bench:one -->
//	...
//	<!-- end bench:one -->
func (r *Report) WriteDocument(file string) error {
	text, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	doc := string(text)
	for i := range r.Sections {
		s := &r.Sections[i]
		if !s.Whole || r.Quick {
			continue
		}
		if doc, err = between(doc, s.Name, r.head()+"\n"+s.inner()+r.skippedIn()); err != nil {
			return fmt.Errorf("%s: %w", file, err)
		}
	}
	return os.WriteFile(file, []byte(doc), 0o644)
}

// inner is the section without its heading, which the document has.
func (s *Section) inner() string {
	_, text, _ := strings.Cut(s.Markdown(), "\n\n")
	return text
}

func (r *Report) skippedIn() string {
	if len(r.Skipped) == 0 {
		return ""
	}
	return "\n" + r.skippedText()
}

// between replaces what is between the markers of a section.
func between(doc, name, text string) (string, error) {
	begin, end := "<!-- bench:"+name+" -->\n", "<!-- end bench:"+name+" -->\n"
	before, rest, ok := strings.Cut(doc, begin)
	_, after, closed := strings.Cut(rest, end)
	if !ok || !closed {
		return "", fmt.Errorf("no markers %q and %q", strings.TrimSpace(begin), strings.TrimSpace(end))
	}
	return before + begin + "\n" + text + "\n" + end + after, nil
}
