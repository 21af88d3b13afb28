package vty

import (
	"fmt"
	"slices"
	"time"
)

// maxTold bounds the lines that wait to be shown.
const maxTold = 200

// Tell shows a line to the user as soon as nothing else is being done: above the
// prompt and what has been typed at it. It never waits; of lines that come faster
// than they are read some are left out, and how many is said.
func (t *Terminal) Tell(line string) {
	if t == nil {
		return
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if len(t.told) >= maxTold {
		t.lost++
		return
	}
	t.told = append(t.told, line)
	poke(t.news)
}

// Ended is closed when the session is over, for what goes on beside it; nil, which
// never ends, on a nil Terminal.
func (t *Terminal) Ended() <-chan struct{} {
	if t == nil {
		return nil
	}
	return t.ended
}

// heard takes the lines that wait to be shown.
func (t *Terminal) heard() []string {
	t.mu.Lock()
	defer t.mu.Unlock()
	lines := slices.Clone(t.told)
	if t.lost > 0 {
		lines = append(lines, fmt.Sprintf("(%d lines left out)", t.lost))
	}
	t.told, t.lost = nil, 0
	return lines
}

// key waits for a key, and shows meanwhile what the session is told. News do not
// keep an idle session alive.
func (r *run) key() error {
	began := time.Now()
	for {
		left := r.Idle
		if r.Idle > 0 {
			if left -= time.Since(began); left <= 0 {
				return ErrIdle
			}
		}
		news := r.Term.news
		if r.ed.mute {
			news = nil // what is typed may be a secret that is not shown yet
		}
		told, err := r.in.waitOr(r.ctx, left, news)
		if err != nil || !told {
			return err
		}
		r.tell(r.Term.heard())
		if err := r.w.Flush(); err != nil {
			return err
		}
	}
}

// tell prints lines where the prompt is, and the prompt and its line again.
func (r *run) tell(lines []string) {
	if len(lines) == 0 {
		return
	}
	at := r.ed.cur
	r.ed.newline()
	for _, l := range lines {
		_, _ = r.w.WriteString(printable(l) + "\r\n") // the caller sees the error at its flush
	}
	r.ed.resume(r.Shell.Prompt(), r.Term.Columns())
	r.ed.moveTo(at)
}
