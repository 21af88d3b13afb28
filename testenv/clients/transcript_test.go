package clients

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

// exchange is one burst of keys and what the router showed from then on until the
// next burst.
type exchange struct {
	keys  string
	shown string
}

// transcripts finds the recorded sessions: in TRIGGERD_TRANSCRIPTS, else beside
// the repository.
func transcripts(t testing.TB) string {
	t.Helper()
	dir := os.Getenv("TRIGGERD_TRANSCRIPTS")
	if dir == "" {
		dir = filepath.Join("..", "..", "..", "shared", "transcripts")
	}
	if _, err := os.Stat(dir); err != nil {
		if os.Getenv("TESTENV_STRICT") == "1" {
			t.Fatalf("no transcripts of Quagga: %v (TESTENV_STRICT=1 makes this a failure)", err)
		}
		t.Skipf("no transcripts of Quagga: %v", err)
	}
	return dir
}

// readTranscript reads a session recorded byte by byte: sent keys stand between «
// and », control bytes are spelled out, and a line ends in the file where it did
// on the screen.
func readTranscript(t testing.TB, path string) []exchange {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var all []exchange
	parts := strings.Split(strings.ReplaceAll(string(text), "\n", ""), "«")
	for _, part := range parts[1:] {
		keys, shown, ok := strings.Cut(part, "»")
		if !ok {
			t.Fatalf("%s: « without »: %q", path, part)
		}
		all = append(all, exchange{spelled(t, keys), spelled(t, shown)})
	}
	return all
}

// spelled turns \r, \x1b and the like back into bytes.
func spelled(t testing.TB, s string) string {
	t.Helper()
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		if s[i] != '\\' {
			b.WriteByte(s[i])
			continue
		}
		i++
		switch s[i] {
		case 'x':
			n, err := strconv.ParseUint(s[i+1:i+3], 16, 8)
			if err != nil {
				t.Fatal(err)
			}
			b.WriteByte(byte(n))
			i += 2
		case 'r', 'n', 't', 'b':
			b.WriteByte(map[byte]byte{'r': '\r', 'n': '\n', 't': '\t', 'b': '\b'}[s[i]])
		default:
			b.WriteByte(s[i])
		}
	}
	return b.String()
}

func TestTranscriptsAreReadByteByByte(t *testing.T) {
	path := filepath.Join(t.TempDir(), "x")
	if err := os.WriteFile(path, []byte("Password: «a\\r\\n»\\r\\n\ntrig1> «\\x1b[A»\\b \\\\\"\\xff"), 0o600); err != nil {
		t.Fatal(err)
	}
	want := []exchange{{"a\r\n", "\r\ntrig1> "}, {"\x1b[A", "\b \\\"\xff"}}
	got := readTranscript(t, path)
	if len(got) != 2 || got[0] != want[0] || got[1] != want[1] {
		t.Errorf("got %q, want %q", got, want)
	}
}
