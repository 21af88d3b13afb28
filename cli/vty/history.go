package vty

import "strings"

// browser is where in the history Ctrl-P and Ctrl-N stand.
type browser struct {
	lines []string // nil while not browsing
	at    int      // len(lines): at the line that was being typed
	draft []rune
}

func (b *browser) reset() { *b = browser{} }

// browse shows the line before or after in the history; after the newest comes
// what was being typed.
func (r *run) browse(older bool) {
	h := &r.hist
	if h.lines == nil {
		h.lines = r.Term.History()
		h.at = len(h.lines)
		h.draft = append([]rune(nil), r.ed.line...)
	}
	switch {
	case older && h.at > 0:
		h.at--
	case !older && h.at < len(h.lines):
		h.at++
	default:
		return
	}
	if h.at == len(h.lines) {
		r.replace(h.draft)
		return
	}
	r.replace([]rune(h.lines[h.at]))
}

// replace puts another line in the place of the one being typed.
func (r *run) replace(line []rune) {
	r.ed.set(line)
	r.size = len(string(line))
}

// search is Ctrl-R: the newest line that contains what is typed.
type search struct {
	lines   []string
	at      int // index of the match; len(lines) = none yet
	pattern []rune
	before  []rune // the line before the search
}

func (r *run) startSearch() {
	lines := r.Term.History()
	r.search = &search{lines: lines, at: len(lines), before: append([]rune(nil), r.ed.line...)}
	r.showSearch()
}

// showSearch draws the search in the place of the line.
func (r *run) showSearch() {
	s := r.search
	r.ed.set([]rune("(search '" + string(s.pattern) + "') " + s.match()))
}

// match is the line found, "" when there is none.
func (s *search) match() string {
	if s.at < len(s.lines) {
		return s.lines[s.at]
	}
	return ""
}

// find moves to the newest match before index end and stays when there is none.
func (s *search) find(end int) {
	for i := min(end, len(s.lines)) - 1; i >= 0; i-- {
		if strings.Contains(s.lines[i], string(s.pattern)) {
			s.at = i
			return
		}
	}
}

// searching does what k means during a search. It returns true when the search
// has ended and k is still to be done.
func (r *run) searching(k key) bool {
	s := r.search
	switch k.kind {
	case keyText:
		if len(s.pattern) < slowTail {
			s.pattern = append(s.pattern, k.r)
		}
		s.find(s.at + 1)
	case keySearch:
		s.find(s.at)
	case keyBackspace:
		s.pattern = s.pattern[:max(len(s.pattern)-1, 0)]
		s.at = len(s.lines)
		if len(s.pattern) > 0 {
			s.find(s.at)
		}
	case keyCancel:
		r.search = nil
		r.replace(s.before)
		return false
	default: // the match becomes the line
		r.search = nil
		line := s.before
		if m := s.match(); m != "" {
			line = []rune(m)
		}
		r.replace(line)
		return true
	}
	r.showSearch()
	return false
}
