package peer

import (
	"testing"
	"time"
)

func TestKeeper(t *testing.T) {
	r := rhythm{silence: 2 * time.Second, ping: 400 * time.Millisecond, idlePing: 5 * time.Second}
	type look struct {
		at         time.Duration
		busy       bool
		heard      uint64
		ping, dead bool
		next       time.Duration
	}
	for about, looks := range map[string][]look{
		"a call that is answered soon needs no ping": {
			{at: 10 * time.Second, busy: true, next: 400 * time.Millisecond},
			{at: 10400 * time.Millisecond, heard: 1, next: 4600 * time.Millisecond},
			{at: 11 * time.Second, busy: true, heard: 1, next: 400 * time.Millisecond},
			{at: 11400 * time.Millisecond, heard: 2, next: 4600 * time.Millisecond},
			{at: 16 * time.Second, heard: 2, ping: true, next: 2 * time.Second},
			{at: 18 * time.Second, heard: 3, next: 3 * time.Second},
		},
		"one that waits long is told from one that nobody will answer": {
			{at: 10 * time.Second, busy: true, next: 400 * time.Millisecond},
			{at: 10400 * time.Millisecond, busy: true, ping: true, next: 400 * time.Millisecond},
			{at: 10800 * time.Millisecond, busy: true, heard: 1, ping: true, next: 400 * time.Millisecond},
			{at: 11200 * time.Millisecond, busy: true, heard: 2, ping: true, next: 400 * time.Millisecond},
		},
		"silence is counted from the call on": {
			{at: 10 * time.Second, busy: true, next: 400 * time.Millisecond},
			{at: 10400 * time.Millisecond, busy: true, ping: true, next: 400 * time.Millisecond},
			{at: 11900 * time.Millisecond, busy: true, ping: true, next: 100 * time.Millisecond},
			{at: 12 * time.Second, busy: true, dead: true},
		},
		"and from a ping while nobody calls": {
			{at: 10 * time.Second, ping: true, next: 2 * time.Second},
			{at: 12 * time.Second, dead: true},
		},
	} {
		t.Run(about, func(t *testing.T) {
			k, start := keeper{rhythm: r}, time.Unix(1_800_000_000, 0)
			for _, l := range looks {
				ping, dead, next := k.look(start.Add(l.at), l.busy, l.heard)
				if ping != l.ping || dead != l.dead || next != l.next {
					t.Fatalf("at %v: ping %v, dead %v, next %v; want %v, %v, %v", l.at, ping, dead, next, l.ping, l.dead, l.next)
				}
			}
		})
	}
}
