package vty

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

func TestNewsStandAboveThePromptAndWhatIsTyped(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		term := NewTerminal(80, 5)
		d := sit(t, term, nil)
		d.shows(t, "show ver\x02\x02", "trig1# show ver\b\b")
		term.Tell("a neighbor is down \x1b[2J")
		term.Tell("and up")
		synctest.Wait()
		if got, want := d.read(), "\r\na neighbor is down \\x1b[2J\r\nand up\r\ntrig1# show ver\b\b"; got != want {
			t.Errorf("shows\n%q\nwant\n%q", got, want)
		}
		d.shows(t, "\x15show lines 9\r", "\b\b\b\b\b\b        \b\b\b\b\b\b\b\bshow lines 9\r\nline 1\r\nline 2\r\nline 3\r\n --More-- ")
		term.Tell("while somebody reads")
		d.shows(t, "q", moreErase+"trig1# \r\nwhile somebody reads\r\ntrig1# ")
	})
}

func TestNewsDoNotKeepASessionAlive(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		term := NewTerminal(80, 24)
		s := &Session{In: neverReads{}, Out: &strings.Builder{}, Shell: &router{term: term}, Term: term, Idle: time.Minute}
		began := time.Now()
		go func() {
			for range 100 {
				time.Sleep(time.Second)
				term.Tell("news")
			}
		}()
		if err := s.Run(t.Context()); !errors.Is(err, ErrIdle) || time.Since(began) != time.Minute {
			t.Errorf("ended after %s: %v", time.Since(began), err)
		}
		select {
		case <-term.Ended():
		default:
			t.Error("what goes on beside the session does not hear of its end")
		}
		time.Sleep(time.Hour) // until the client has gone, too
	})
}

// neverReads is a client that types nothing, for an hour.
type neverReads struct{}

func (neverReads) Read([]byte) (int, error) {
	time.Sleep(time.Hour)
	return 0, errors.New("gone")
}

func TestTooManyNewsAreCounted(t *testing.T) {
	term := NewTerminal(80, 24)
	for i := range maxTold + 5 {
		term.Tell(fmt.Sprint("line ", i))
	}
	got := term.heard()
	if len(got) != maxTold+1 || got[maxTold] != "(5 lines left out)" || len(term.heard()) != 0 {
		t.Errorf("%d lines, the last is %q", len(got), got[len(got)-1])
	}
}
