package vty

import (
	"bytes"
	"context"
	"io"
	"slices"
	"strings"
	"testing"
)

// seer checks at each line that what it was told to come does come.
type seer struct {
	router
	t        *testing.T
	ahead    func() []string
	foretold []string
	most     int // lines foretold at once
}

func (s *seer) Foresee(ahead func() []string) { s.ahead = ahead }

func (s *seer) Execute(ctx context.Context, line string, out io.Writer) Outcome {
	if len(s.foretold) > 0 {
		if line != s.foretold[0] {
			s.t.Errorf("%q was to come, %q came", s.foretold[0], line)
		}
		s.foretold = s.foretold[1:]
	}
	ahead := s.ahead()
	s.most = max(s.most, len(ahead))
	if len(ahead) < len(s.foretold) {
		s.t.Errorf("%q were to come, now only %q", s.foretold, ahead)
	}
	s.foretold = ahead
	return s.router.Execute(ctx, line, out)
}

func foresee(t *testing.T, typed []byte) (shell, script *seer) {
	shell, script = &seer{t: t}, &seer{t: t}
	shell.term = NewTerminal(80, 0)
	script.term = shell.term
	in := func() io.Reader { return bytes.NewReader(typed) }
	_ = (&Session{In: in(), Out: io.Discard, Shell: shell, Term: shell.term}).Run(t.Context())
	if _, err := RunLines(t.Context(), in(), io.Discard, script, 0); err != nil {
		t.Error(err)
	}
	return shell, script
}

func TestLinesThatWaitAreForetold(t *testing.T) {
	paste := strings.Repeat("network 192.0.2.1/32\r\n\r\nnetwork 192.0.2.2/32 reason Überlast\n", 10)
	shell, script := foresee(t, []byte(paste))
	if len(shell.lines) != 20 || !slices.Equal(shell.lines, script.lines) {
		t.Errorf("%q\n%q", shell.lines, script.lines)
	}
	if shell.most != 19 || script.most != 19 {
		t.Errorf("foretold at most %d and %d lines of 19", shell.most, script.most)
	}
}

// FuzzAhead: whatever is typed, nothing is foretold that does not come.
func FuzzAhead(f *testing.F) {
	for _, s := range []string{
		"a\r\nb\r\n\r\nc\n", "a\rb\r\x00c\r", "a\nb?c\nd\n", "a\nb\x03c\nd\n", "a\n\x1b[200~b?\nc\x1b[201~d?\n", "a\nb\x08\nc\n",
		"exit\na\n", "enable\ns3cret!\na\n", "a\n\xff\xfe\nb\n", "a\nb\x16?\nc\n", "\x12a\nb\nc\n", "a\n\u0301b\nc\n",
		"a\n" + strings.Repeat("x", MaxLine+1) + "\nb\n", "show lines 99\na\nb\n",
	} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, typed []byte) { foresee(t, typed) })
}
