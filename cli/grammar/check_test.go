package grammar

import (
	"strings"
	"testing"
)

func TestTheQuaggaTableIsSound(t *testing.T) {
	for _, err := range quagga.Check() {
		t.Error(err)
	}
}

func TestCheckFindsWhatIsWrong(t *testing.T) {
	for _, c := range []struct {
		name string
		rows []Row[*session]
		want string // a part of the finding; "" = sound
	}{
		{"a token without help", rowsOf(enableMode, "show nonsense"), `"nonsense" has no help`},
		{"the same row twice", rowsOf(enableMode, "show version", "show version"), "equally well"},
		{"the same line by an option", rowsOf(enableMode, "show ip bgp [summary]", "show ip bgp summary"), "equally well"},
		{"two free words", rowsOf(enableMode, "echo WORD$a", "echo WORD$b"), "equally well"},
		{"ranges that overlap", rowsOf(enableMode, "clear (1-10)", "clear (10-20)"), "equally well"},
		{"two options that could take one word", rowsOf(enableMode, "echo [WORD$a] [WORD$b]"), "equally well"},
		{"one word, two groups", rowsOf(enableMode, "echo [{expire WORD|reason WORD}] [reason WORD]"), "equally well"},
		{"no mode", []Row[*session]{{Pattern: "show version", Run: func(*session, *Match) error { return nil }}}, "needs a mode"},
		{"no handler", []Row[*session]{{Pattern: "show version", Modes: []*Mode{enableMode}}}, "needs a mode and a handler"},
		{"too much help", []Row[*session]{{Pattern: "end", Help: []string{"a", "b"}, Modes: []*Mode{enableMode},
			Run: func(*session, *Match) error { return nil }}}, "more lines of help"},
		{"ranges side by side", rowsOf(enableMode, "clear (1-9)", "clear (10-20)"), ""},
		{"address and prefix", rowsOf(enableMode, "clear A.B.C.D", "clear A.B.C.D/M", "clear X:X::X:X", "clear X:X::X:X/M"), ""},
		{"a keyword beside a free word", rowsOf(enableMode, "echo WORD", "echo version", "echo LINE"), ""},
		{"a longer row", rowsOf(enableMode, "show ip", "show ip bgp"), ""},
		{"other modes", append(rowsOf(enableMode, "end"), rowsOf(configMode, "end")...), ""},
		{"roles that never meet", []Row[*session]{
			{Pattern: "end", Modes: []*Mode{enableMode}, For: customer, Run: func(*session, *Match) error { return nil }},
			{Pattern: "end", Modes: []*Mode{enableMode}, For: operator, Run: func(*session, *Match) error { return nil }},
		}, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			words := map[string]string{"<1-10>": "n", "<10-20>": "n", "<1-9>": "n"}
			for k, v := range quaggaWords {
				words[k] = v
			}
			errs := New(words, c.rows...).Check()
			if c.want == "" && len(errs) > 0 {
				t.Errorf("sound, but: %v", errs)
			}
			if c.want != "" && (len(errs) == 0 || !strings.Contains(errs[0].Error(), c.want)) {
				t.Errorf("got %v", errs)
			}
		})
	}
}

func TestBrokenPatternsAreRefused(t *testing.T) {
	for _, pattern := range []string{
		"", "   ", "show <a|b", "show [a", "show {a|b", "show a]", "show a|b", "show <|a>", "show []", "Show", "show a,b",
		"(5-1)", "(1-", "(x-y)", "(1)", "[show]", "<[a]|b>", "a LINE b", "a [LINE] b", "a {[b]|c}", "a {b|c}...", "a <b c|d>$name",
		"a $name", "a WORD$", "a {b|c}$x", "..", "a ...", "a [{b|c|d|e|f|g|h|i|j|k|l|m|n}]", "a < b | c",
	} {
		if _, err := compile(pattern); err == nil {
			t.Errorf("%q compiles", pattern)
		}
	}
	defer func() {
		if r := recover(); r == nil || !strings.Contains(r.(string), "row 0") {
			t.Errorf("New: %v", r)
		}
	}()
	New(nil, rowsOf(enableMode, "show <a")...)
}
