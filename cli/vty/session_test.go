package vty

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"runtime"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// shows checks what a key press makes the session show.
func (d *desk) shows(t *testing.T, keys, want string) {
	t.Helper()
	if got := d.types(t, keys); got != want {
		t.Fatalf("%q shows\n%q\nwant\n%q", keys, got, want)
	}
}

func TestWhatIsTypedAheadIsKept(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := sit(t, NewTerminal(80, 24), nil)
		d.slow = 500 * time.Millisecond
		d.shows(t, "slow\r", "trig1# slow\r\n")
		d.shows(t, "echo one\rech", "")
		d.shows(t, "o two\r\x03", "") // Ctrl-C so early is for the prompt
		time.Sleep(d.slow)
		synctest.Wait()
		if got, want := d.read(), "trig1# echo one\r\none\r\ntrig1# echo two\r\ntwo\r\ntrig1# \r\ntrig1# "; got != want {
			t.Errorf("shows\n%q\nwant\n%q", got, want)
		}
	})
}

func TestCtrlCStopsACommandThatTakesLong(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := sit(t, NewTerminal(80, 24), nil)
		d.slow = time.Hour
		d.shows(t, "slow\r", "trig1# slow\r\n")
		time.Sleep(2 * time.Second)
		d.shows(t, "echo never\r\x03", "% Interrupted.\r\ntrig1# ")
		d.shows(t, "echo again\r", "echo again\r\nagain\r\ntrig1# ")
	})
}

func TestCtrlCQuitsThePagerHoweverLongItWaited(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := sit(t, NewTerminal(80, 5), nil)
		d.shows(t, "show lines 9\r", "trig1# show lines 9\r\nline 1\r\nline 2\r\nline 3\r\n --More-- ")
		time.Sleep(time.Minute)
		d.shows(t, "\x03", moreErase+"trig1# ")
	})
}

// A paste with a long show in it loses nothing, whether it is all there when
// the page is full or still coming.
func TestPasteIsNotTakenForAnswersToThePager(t *testing.T) {
	want := "show lines 9\r\n"
	for i := range 9 {
		want += fmt.Sprintf("line %d\r\n", i+1)
	}
	t.Run("at once", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			d := sit(t, NewTerminal(80, 5), nil)
			d.shows(t, "show lines 9\recho b\recho c\r", "trig1# "+want+"trig1# echo b\r\nb\r\ntrig1# echo c\r\nc\r\ntrig1# ")
		})
	})
	t.Run("in pieces", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			d := sit(t, NewTerminal(80, 5), nil)
			d.types(t, "show lines 9\r")
			got := d.types(t, "echo b\recho c\r")
			if !strings.HasSuffix(got, "line 9\r\ntrig1# echo b\r\nb\r\ntrig1# echo c\r\nc\r\ntrig1# ") {
				t.Errorf("shows %q", got)
			}
		})
	})
}

func TestPagerCountsTheRowsOfLongLines(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := sit(t, NewTerminal(20, 6), nil)
		long := strings.Repeat("x", 50)
		d.shows(t, "echo "+long+"\r", "trig1# echo "+long+"\r\n"+long+"\r\ntrig1# ")
		long = strings.Repeat("y", 110) // six rows, of which four fit beside the line typed
		got := d.types(t, "echo "+long+"\r")
		if want := "\r\n" + long[:80] + more; !strings.HasSuffix(got, want) {
			t.Errorf("shows %q", got)
		}
		d.shows(t, " ", moreErase+long[80:]+"\r\ntrig1# ")
	})
}

func TestResizeTakesEffectAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		term := NewTerminal(0, 0)
		d := sit(t, term, nil)
		if got := d.types(t, "show lines 100\r"); strings.Contains(got, more) {
			t.Error("a window of 0x0 pages")
		}
		term.Resize(80, 10)
		if got := d.types(t, "show lines 100\r"); strings.Count(got, "\r\nline ") != 8 {
			t.Errorf("shows %q", got)
		}
		term.Resize(80, 20)
		if got := d.types(t, " "); strings.Count(got, "line ") != 19 {
			t.Errorf("shows %q", got)
		}
		d.types(t, "q")
		term.SetLength(0)
		if got := d.types(t, "show lines 100\r"); strings.Contains(got, more) {
			t.Error("terminal length 0 pages")
		}
		term.SetLength(-1)
		if got := d.types(t, "show lines 100\r"); !strings.Contains(got, more) {
			t.Error("terminal no length does not page")
		}
	})
}

func TestNarrowAndUnknownWindowsDoNotWrap(t *testing.T) {
	for _, cols := range []int{0, 1, 19} {
		synctest.Test(t, func(t *testing.T) {
			d := sit(t, NewTerminal(cols, 0), nil)
			line := strings.Repeat("abc ", 100)
			if got := d.types(t, line+"\x01\x05\x17"); strings.Contains(got, "\x1b") {
				t.Errorf("%d columns: an escape sequence in %q", cols, got)
			}
		})
	}
}

func TestLineThatIsTooLongIsDroppedToItsEnd(t *testing.T) {
	for name, one := range map[string]string{"ascii": "x", "three bytes": "漢", "garbage": "\xff"} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				d := sit(t, NewTerminal(80, 24), nil)
				d.read()
				var before, after runtime.MemStats
				runtime.ReadMemStats(&before)
				for range 16 { // a megabyte
					d.types(t, strings.Repeat(one, 65536/len(one)))
				}
				runtime.ReadMemStats(&after)
				if n := after.HeapAlloc; n > before.HeapAlloc+8<<20 {
					t.Errorf("the heap grew by %d bytes", n-before.HeapAlloc)
				}
				d.shows(t, "; no network 192.0.2.1/32\r", "\r\n% Line too long: at most 16384 bytes are taken; nothing was done.\r\ntrig1# ")
				d.shows(t, "echo ok\r", "echo ok\r\nok\r\ntrig1# ")
				if !slices.Equal(d.lines, []string{"echo ok"}) {
					t.Errorf("executed %.200q", d.lines)
				}
			})
		})
	}
}

// What one user puts into a reason must not drive another's terminal.
func TestOutputCannotDriveTheTerminal(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := sit(t, NewTerminal(80, 24), nil)
		d.read()
		var p bytes.Buffer
		for _, part := range []string{"a\x1b[2J\a\x00\tb\r\nc\x9b1m\u009b1m ü", "\xc3", "\xbc\xe2\x82", "\n\x7f\n"} {
			p.WriteString(part)
		}
		clean, _ := appendClean(nil, p.Bytes(), true)
		if got, want := string(clean), "a\\x1b[2J\\x07\\x00\tb\nc\\x9b1m\\xc2\\x9b1m üü\\xe2\\x82\n\\x7f\n"; got != want {
			t.Errorf("got %q, want %q", got, want)
		}
		d.mode = "\x1b]0;owned\a"
		d.shows(t, "\r", "\r\ntrig1\\x1b]0;owned\\x07# ")
	})
}

// Characters that are cut in two by Write come out whole.
func TestOutputInPieces(t *testing.T) {
	text := "a漢ü\x1b€\r\n\xff漢"
	want, _ := appendClean(nil, []byte(text), true)
	for size := 1; size < len(text); size++ {
		var out bytes.Buffer
		RunScript(t.Context(), "x", &out, pieces{text: text, size: size}, false)
		if got := strings.TrimSuffix(out.String(), "\n"); got != string(want) {
			t.Errorf("in pieces of %d: %q, want %q", size, got, want)
		}
	}
}

// pieces writes a text a few bytes at a time.
type pieces struct {
	*router
	text string
	size int
}

func (p pieces) Execute(_ context.Context, _ string, out io.Writer) Outcome {
	for c := range slices.Chunk([]byte(p.text), p.size) {
		_, _ = out.Write(c)
	}
	return Outcome{}
}

func TestIdleSessionEndsWithQuaggasWords(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := sit(t, NewTerminal(80, 24), func(s *Session) { s.Idle = 10 * time.Minute })
		d.read()
		time.Sleep(9 * time.Minute)
		d.shows(t, "x", "x")
		time.Sleep(9 * time.Minute)
		d.shows(t, "y", "y")
		time.Sleep(10 * time.Minute)
		synctest.Wait()
		if got := d.read(); got != "\r\nVty connection is timed out.\r\n" {
			t.Errorf("shows %q", got)
		}
		if err := <-d.done; !errors.Is(err, ErrIdle) {
			t.Error(err)
		}
	})
}

func TestEndOfInputEndsTheSession(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := sit(t, NewTerminal(80, 24), nil)
		d.shows(t, "echo done\recho not finis", "trig1# echo done\r\ndone\r\ntrig1# echo not finis")
		_ = d.keys.Close()
		if err := <-d.done; err != nil {
			t.Error(err)
		}
		if !slices.Equal(d.lines, []string{"echo done"}) {
			t.Errorf("executed %q", d.lines)
		}
	})
}

func TestHistoryIsBounded(t *testing.T) {
	term := NewTerminal(80, 24)
	for i := range 1000 {
		term.remember(fmt.Sprintf("line %d", i))
		term.remember(fmt.Sprintf("line %d", i))
	}
	if h := term.History(); len(h) != maxHistory || h[0] != "line 900" || h[maxHistory-1] != "line 999" {
		t.Errorf("%d lines, from %q", len(h), h[0])
	}
	for i := range 20 {
		term.remember(strings.Repeat(string(rune('a'+i)), MaxLine))
	}
	if n := len(strings.Join(term.History(), "")); n > maxHistoryBytes {
		t.Errorf("%d bytes", n)
	}
}

// FuzzSession types arbitrary bytes. Whatever comes, the session neither
// panics nor hangs, keeps to its bounds and writes nothing to the terminal but
// text and the few sequences it knows.
func FuzzSession(f *testing.F) {
	f.Add([]byte("conf t\rrouter bgp 65534\r\x1b[A\x12bgp\r\x03\x1a\x04"), 20)
	f.Add([]byte("\x1b[200~a?\tb\x1b[201~\x1b[1;5C\x1bOA\xff\xc3漢\x08\x7f\x14"), 21)
	f.Add([]byte("show lines 99\r q\x16\x0c\x0ex\x10\x1bb\x1bd\x1b\x7f?"), 80)
	f.Add([]byte("enable\rs3cret!\r\nsh\tr\t?"), 0)
	f.Fuzz(func(t *testing.T, keys []byte, cols int) {
		term := NewTerminal(cols%200, 10)
		var out bytes.Buffer
		s := &Session{In: bytes.NewReader(keys), Out: &out, Shell: &router{term: term}, Term: term}
		if err := s.Run(t.Context()); err != nil {
			t.Fatal(err)
		}
		screen := emulator{cols: term.Columns()}
		if err := screen.feed(strings.ReplaceAll(out.String(), "\t", " ")); err != nil {
			t.Fatal(err)
		}
	})
}

// FuzzDecoder checks that keys do not depend on anything but the bytes, and
// that the decoder's memory stays small.
func FuzzDecoder(f *testing.F) {
	f.Add([]byte("a\x1b[1;5C\x1b[200~\x1b[201~\r\n\x00\xe2\x82\xac"))
	f.Fuzz(func(t *testing.T, keys []byte) {
		var d decoder
		for _, b := range keys {
			d.next(b)
			if len(d.args) > maxSequence || len(d.partial) > 3 {
				t.Fatalf("keeps %d and %d bytes", len(d.args), len(d.partial))
			}
		}
	})
}

func benchmarkPaste(b *testing.B, run func(in io.Reader, shell *router)) {
	var lines bytes.Buffer
	for i := range 1000 {
		fmt.Fprintf(&lines, "network 192.0.%d.%d/32 route-map BLACKHOLE\r", i/256, i%256)
	}
	b.ReportAllocs()
	for b.Loop() {
		shell := &router{}
		run(bytes.NewReader(lines.Bytes()), shell)
		if len(shell.lines) != 1000 {
			b.Fatalf("%d lines arrived", len(shell.lines))
		}
	}
	b.ReportMetric(float64(b.N)*1000/b.Elapsed().Seconds(), "lines/s")
}

func BenchmarkPastedLines(b *testing.B) {
	benchmarkPaste(b, func(in io.Reader, shell *router) {
		term := NewTerminal(80, 24)
		if err := (&Session{In: in, Out: io.Discard, Shell: shell, Term: term}).Run(b.Context()); err != nil {
			b.Fatal(err)
		}
	})
}

func BenchmarkPipedLines(b *testing.B) {
	benchmarkPaste(b, func(in io.Reader, shell *router) {
		if _, err := RunLines(b.Context(), in, io.Discard, shell, 0); err != nil {
			b.Fatal(err)
		}
	})
}
