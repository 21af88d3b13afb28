package peer

import "time"

// keep pings, and ends the line when the other side has not made a sound for
// too long after it was asked to.
func (l *line) keep() {
	k := keeper{rhythm: l.w.rhythm}
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		select {
		case <-l.w.done:
			return
		case <-timer.C:
		case <-l.nudge:
		}
		busy, over := l.busy(k.rhythm.idle)
		if over {
			l.w.fail(errIdle)
			return
		}
		ping, dead, next := k.look(time.Now(), busy, l.w.heard.Load())
		if dead {
			l.w.fail(errSilent)
			return
		}
		if ping {
			l.w.urge(framePing)
		}
		timer.Reset(next)
	}
}

// keeper decides when to ping and when to give up.
type keeper struct {
	rhythm rhythm
	pinged time.Time // the last ping, or call after none waited
	asked  time.Time // the first of these since something was heard; zero when none
	heard  uint64    // what had been heard at that time
	busy   bool      // a call waited when it last looked
}

// look is told the time, whether a call waits and how much has been heard. It
// returns whether to ping, whether the other side is dead, and when to look again.
func (k *keeper) look(now time.Time, busy bool, heard uint64) (ping, dead bool, next time.Duration) {
	if heard != k.heard {
		k.asked = time.Time{}
	}
	if !k.asked.IsZero() && now.Sub(k.asked) >= k.rhythm.silence {
		return false, true, 0
	}
	every := k.rhythm.idlePing
	if busy {
		every = k.rhythm.ping
	}
	asks := busy && !k.busy // the call itself does, and most are answered before a ping is due
	k.busy = busy
	if ping = !asks && now.Sub(k.pinged) >= every; ping || asks {
		k.pinged = now
		if k.asked.IsZero() {
			k.asked, k.heard = now, heard
		}
	}
	next = every - now.Sub(k.pinged)
	if !k.asked.IsZero() {
		next = min(next, k.rhythm.silence-now.Sub(k.asked))
	}
	return ping, false, next
}
