package journal

import (
	"bytes"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"testing"
)

func TestLinesAreKeptAndPassedOn(t *testing.T) {
	var out bytes.Buffer
	j := New(slog.NewTextHandler(&out, &slog.HandlerOptions{Level: slog.LevelWarn}))
	log := slog.New(j).With("component", "ssh")
	var followed []string
	stop := j.Follow(func(line string) { followed = append(followed, line) })
	log.Debug("not kept")
	log.Info("ssh login", "user", "alice")
	log.WithGroup("bgp").Warn("neighbor down", "text", "two\nlines \x1b[2J")
	stop()
	log.Error("after the end")

	got := j.Lines()
	for i, want := range []string{
		" INFO ssh login component=ssh user=alice", ` WARN neighbor down component=ssh bgp.text="two\nlines \x1b[2J"`, " ERROR after the end component=ssh",
	} {
		if i >= len(got) || !strings.HasSuffix(got[i], want) {
			t.Errorf("line %d of %q, want it to end in %q", i, got, want)
		}
	}
	if !slices.Equal(followed, got[:2]) {
		t.Errorf("followed %q", followed)
	}
	if text := out.String(); strings.Contains(text, "alice") || strings.Count(text, "\n") != 2 {
		t.Errorf("the log itself has\n%s\nwant warnings and errors", text)
	}
}

func TestOldLinesGoFirst(t *testing.T) {
	j := New(slog.DiscardHandler)
	log := slog.New(j)
	for i := range Keep + 3 {
		log.Info(fmt.Sprint("line ", i))
	}
	log.Info(strings.Repeat("ä", maxLine))
	got := j.Lines()
	if len(got) != Keep || !strings.HasSuffix(got[0], " line 4") {
		t.Errorf("%d lines, the first is %q", len(got), got[0])
	}
	if last := got[Keep-1]; len(last) > maxLine+3 || !strings.HasSuffix(last, "ä...") {
		t.Errorf("a long line is kept with %d bytes", len(last))
	}
}
