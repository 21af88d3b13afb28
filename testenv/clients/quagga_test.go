package clients

import (
	"fmt"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/triggerd/triggerd/testenv"
)

// TestTheKeysTypedAtQuagga types at triggerd, at a terminal of the same size, the
// very keys of sessions that were recorded at a Quagga 1.2.3, and compares what
// comes back burst by burst:
//
//   - the echo, the prompt and what the line editor draws: byte by byte;
//   - errors, and silence where a command succeeds: word by word;
//   - what a show command prints: its first line, numbers aside. The rest has other
//     routes in it and is held by the goldens of the command line;
//   - what `?` prints: two columns, as Quagga has them. The words are another thing:
//     a customer here has fewer;
//   - what Tab lists: Quagga's words are there.
//
// What differs on purpose is in the table `differences`, and nothing else may.
func TestTheKeysTypedAtQuagga(t *testing.T) {
	t.Parallel()
	dir := transcripts(t)
	d := startDev(t)
	d.operator().pipes(0, "configure terminal",
		"ip prefix-list PL seq 5 permit 192.0.2.0/24 ge 32", "ip prefix-list PL seq 10 deny any",
		"ip community-list standard BH permit 65535:666",
		"route-map BLACKHOLE permit 10", "description tag customer blackholes", "set community 65535:666 no-export",
		"set ip next-hop 192.0.2.1", "set ipv6 next-hop global 100::1", "set local-preference 200", "exit",
		"route-map OUT permit 10", "match community BH", "exit").works(t)
	trig1 := d.customer("trig1", []string{"192.0.2.0/24", "2001:db8::/32"},
		"prompt trig1", "landing view", "exit", "route-map BLACKHOLE", "route-map OUT")
	trig1.pipes(1, "enable", "conf t", "router bgp 65534", "network 192.0.2.12/32 route-map BLACKHOLE", "network 192.0.2.13/32",
		"address-family ipv6", "network 2001:db8::1/128 route-map BLACKHOLE").works(t)
	excused := newExcuses()
	for _, name := range []string{
		"02-enable", "03-help", "04-errors", "05-modes", "05b-ctrl", "06-show", "07-enable-errors", "08-lock", "09-paging", "10-paste", "11-eol",
	} {
		// One after the other: they change the same blackholes.
		t.Run(name, func(t *testing.T) {
			if name == "09-paging" { // as many lines as Quagga's configuration had
				lines := []string{"enable", "conf t", "router bgp 65534"}
				for i := range 30 {
					lines = append(lines, fmt.Sprintf("network 192.0.2.%d/32", 100+i))
				}
				trig1.pipes(1, lines...).works(t)
			}
			// No rows, as a telnet that does not tell its size: no paging. Where
			// pages are looked at the size is there from the start, since nothing
			// shows when a change of it has arrived.
			rows := 0
			if name == "09-paging" {
				rows = 10
			}
			p := &player{terminal: trig1.terminal(0, 80, rows), t: t, excuses: excused}
			p.terminal.t = t
			p.until("trig1> ")
			recorded := readTranscript(t, filepath.Join(dir, "quagga-vty-"+name+".vis.txt"))
			for _, x := range recorded[1:] { // the first is the password of the door
				if p.play(x); p.over {
					break
				}
			}
		})
	}
	failed := t.Failed() // then some were not played
	for _, d := range excused.unused() {
		if !failed {
			t.Errorf("this differs no more, take it out of the table: %s (%s)", d.keys, d.why)
		}
	}
}

// player types at triggerd what was typed at Quagga.
type player struct {
	*terminal
	t       *testing.T
	over    bool
	paged   bool   // at --More--
	parted  bool   // the line or the mode is not what it was at Quagga
	denied  bool   // Quagga was given a wrong enable secret
	family  string // last address-family line
	excuses *excuses
}

const (
	more   = " --More-- "
	closed = "[[CLOSED]]"
)

// prompt is Quagga's, and ours.
const prompt = `trig1(?:\([a-z-]+\))?[>#] `

var (
	emptyLine = regexp.MustCompile(`(` + prompt + `)\r\n(` + prompt + `)$`)
	erasing   = regexp.MustCompile("^\b+ +\b+")
	atPrompt  = regexp.MustCompile(`(?:^|\n)(` + prompt + `)[^\r\n]*$`)
)

// play types one burst and compares.
func (p *player) play(x exchange) {
	p.t.Helper()
	if p.skips(x) {
		return
	}
	want := asHere(x)
	got := p.answer(x.keys, want)
	p.over = strings.HasSuffix(want, closed)
	if p.parted { // what there is to erase differs
		want, got = erasing.ReplaceAllString(want, ""), erasing.ReplaceAllString(got, "")
	}
	what := differs(want, got, x.keys[len(x.keys)-1])
	if p.paged {
		what = pageDiffers(want, got)
	}
	if what != "" && !p.excuses.meant(x.keys, got) {
		p.t.Errorf("typed %q\n%s: Quagga %.500q\n   triggerd %.500q", x.keys, what, want, got)
	}
	p.parted = what == "echo" || what == "end"
	p.paged = strings.HasSuffix(want, more)
	p.follow(x.keys, want, got)
}

// skips leaves out what has no meaning here: a wrong enable secret, with what was
// typed before the right one, since no secret is asked for; and Ctrl-R, which
// searches the history here and does nothing at Quagga.
func (p *player) skips(x exchange) bool {
	if strings.HasPrefix(x.keys, "bad") || strings.Contains(x.shown, "Bad enable passwords") {
		p.denied = true
	}
	if p.denied {
		p.denied = !strings.HasPrefix(x.keys, "enable")
	}
	return p.denied || x.keys == "\x12"
}

// asHere is Quagga's answer with what is known to differ everywhere taken out: a
// CRLF is one Enter here and two there, enable asks no secret, the words in front
// of "Unknown command", a NUL behind --More--.
func asHere(x exchange) string {
	s := strings.ReplaceAll(x.shown, "\x00", "")
	s = strings.ReplaceAll(s, "% [BGP] Unknown command", "% Unknown command")
	s = emptyLine.ReplaceAllString(s, "$2")
	s = strings.ReplaceAll(s, "\r\nPassword: \r\nPassword: ", "\r\ntrig1# ")
	if strings.HasSuffix(x.keys, "\r\n") {
		s = strings.TrimSuffix(s, "\r\n"+closed)
		if s != strings.ReplaceAll(x.shown, "\x00", "") && strings.HasSuffix(x.shown, "\r\n"+closed) {
			s += closed
		}
	}
	return s
}

// answer types the keys and returns what is shown until nothing more comes. Nobody
// can see that nothing more comes, so a character is typed behind the keys: once
// its echo is there, all before it is the answer. Then it is taken back. Where the
// keys lead to --More-- a character would turn the page, so that is waited for; and
// the end of the session ends the answer as well.
func (p *player) answer(keys, like string) string {
	p.t.Helper()
	if size, ok := strings.CutPrefix(keys, "\xff\xfa\x1f\x00"); ok { // RFC 1073: telnet's window size
		if err := p.session.WindowChange(int(size[2]), int(size[0])); err != nil {
			p.t.Fatal(err)
		}
		return like
	}
	p.keys(keys)
	switch {
	case strings.HasSuffix(like, more):
		return p.until(more) + more
	case strings.HasSuffix(like, closed):
		return p.close() + closed
	}
	p.keys("~")
	shown := p.until("~")
	p.keys("\b")
	testenv.Eventually(quiet{p.t}, "the character is taken back", func() (bool, string) {
		fresh := p.shown.String()[p.seen:]
		return takenBack(fresh), fresh
	})
	p.seen = len(p.shown.String())
	return shown
}

// takenBack tells whether s is what the editor draws behind an inserted character
// when the k characters to its right are moved by it and back again.
func takenBack(s string) bool {
	if len(s)%4 != 3 {
		return false
	}
	k := len(s) / 4
	tail, back := s[:k], strings.Repeat("\b", k+1)
	return s == tail+back+tail+" "+back
}

// differs names the first thing in which two answers differ, "" when none. key is
// the last one typed.
func differs(want, got string, key byte) string {
	if want == got {
		return ""
	}
	wantEcho, wantBody, wantEnd := parts(want)
	gotEcho, gotBody, gotEnd := parts(got)
	failed := strings.HasPrefix(wantBody, "%") || strings.HasPrefix(gotBody, "%")
	switch {
	case wantEcho != gotEcho:
		return "echo"
	case wantEnd != gotEnd:
		return "end"
	case wantBody == "" || gotBody == "" || failed:
		return "error or silence"
	case key == '?' && !columns.MatchString(gotBody):
		return "the columns of the help"
	case wantEnd == more && strings.Count(wantBody, "\r\n") != strings.Count(gotBody, "\r\n"):
		return "lines of the page"
	case key == '\t' && !within(wantBody, gotBody):
		return "the words to choose from"
	case key != '?' && key != '\t' && wantEnd != more && shape(wantBody) != shape(gotBody):
		return "first line"
	}
	return ""
}

// pageDiffers compares what follows a key at --More--: that it is taken off the
// screen, how many lines come, and what stands behind them.
func pageDiffers(want, got string) string {
	_, wantBody, wantEnd := parts("\r\n" + erasing.ReplaceAllString(want, ""))
	_, gotBody, gotEnd := parts("\r\n" + erasing.ReplaceAllString(got, ""))
	switch {
	case erasing.FindString(want) != erasing.FindString(got):
		return "taking --More-- off"
	case wantEnd != gotEnd && !strings.Contains(wantEnd, "show") && !strings.Contains(wantEnd, "list"):
		return "end of the page"
	case strings.Count(wantBody, "\r\n") != strings.Count(gotBody, "\r\n"):
		return "lines of the page"
	}
	return ""
}

// within tells whether all words of one list are in the other.
func within(few, many string) bool {
	for _, word := range strings.Fields(few) {
		if !slices.Contains(strings.Fields(many), word) {
			return false
		}
	}
	return true
}

// columns are the help's: two spaces, the word, spaces, what it does.
var columns = regexp.MustCompile(`^(  \S+ +(\S.*)?\r\n)+$`)

// parts are the echo with its line end, whole lines, and what stands behind them.
func parts(s string) (echo, body, end string) {
	i := strings.Index(s, "\r\n")
	if i < 0 {
		return s, "", ""
	}
	echo, s = s[:i+2], s[i+2:]
	j := strings.LastIndex(s, "\r\n")
	if j < 0 {
		return echo, "", s
	}
	return echo, s[:j+2], s[j+2:]
}

var numbers = regexp.MustCompile(`[0-9][0-9.:/]*`)

// shape is the first line that is not empty, numbers and the width of columns aside.
func shape(body string) string {
	line, _, _ := strings.Cut(strings.TrimLeft(body, "\r\n"), "\r\n")
	return strings.Join(strings.Fields(numbers.ReplaceAllString(line, "0")), " ")
}

// follow goes to the mode in which Quagga is now, when that is another.
func (p *player) follow(keys, want, got string) {
	p.t.Helper()
	for _, line := range strings.FieldsFunc(keys, func(r rune) bool { return r == '\r' || r == '\n' }) {
		if strings.HasPrefix(line, "address-family") {
			p.family = line
		}
	}
	there, here := atPrompt.FindStringSubmatch(want), atPrompt.FindStringSubmatch(got)
	if there == nil || here == nil || there[1] == here[1] || p.over {
		return
	}
	p.keys("\x15\x1a") // Ctrl-U, Ctrl-Z
	for _, line := range map[string][]string{
		"trig1> ":                   {"disable"},
		"trig1# ":                   {"enable", "echo .."},
		"trig1(config)# ":           {"conf t"},
		"trig1(config-router)# ":    {"conf t", "router bgp 65534"},
		"trig1(config-router-af)# ": {"conf t", "router bgp 65534", p.family},
	}[there[1]] {
		p.keys(line + "\r")
	}
	p.answer("\r", "")
	p.parted = true
}
