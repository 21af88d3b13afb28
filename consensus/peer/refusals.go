package peer

import (
	"maps"
	"sync"
	"time"
)

const (
	logEvery    = 10 * time.Second // one line per source at most this often
	alarmFor    = 10 * time.Minute // an alarm goes when nothing came for so long
	maxSources  = 256              // sources told apart; what comes beyond shares one
	manySources = "many sources"
)

// refusals counts what was refused and decides what deserves a log line and an
// alarm. It is told the time and has no timers, so its rules can be tested.
type refusals struct {
	mu     sync.Mutex
	counts map[string]uint64
	logged map[string]time.Time // by source
	alarms map[string]time.Time // by alarm subject: when it was last seen
}

func newRefusals() *refusals {
	return &refusals{counts: map[string]uint64{}, logged: map[string]time.Time{}, alarms: map[string]time.Time{}}
}

// note records a refusal. It returns whether to log it and the alarm's
// subject, "" for none.
func (r *refusals) note(now time.Time, refusal *Refusal, source string) (log bool, subject string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.counts[refusal.label()]++
	if _, known := r.logged[source]; !known && len(r.logged) >= maxSources {
		source = manySources
	}
	if last, ok := r.logged[source]; !ok || now.Sub(last) >= logEvery {
		log, r.logged[source] = true, now
	}
	if refusal.Reason.quiet() {
		return log, ""
	}
	subject = refusal.label() + " " + source
	if _, up := r.alarms[subject]; !up && len(r.alarms) >= maxSources {
		subject = refusal.label() + " " + manySources
	}
	r.alarms[subject] = now
	return log, subject
}

// sweep forgets what is old and returns the subjects whose alarms are over.
func (r *refusals) sweep(now time.Time) (over []string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for s, at := range r.logged {
		if now.Sub(at) >= logEvery {
			delete(r.logged, s)
		}
	}
	for s, at := range r.alarms {
		if now.Sub(at) >= alarmFor {
			delete(r.alarms, s)
			over = append(over, s)
		}
	}
	return over
}

func (r *refusals) snapshot() map[string]uint64 {
	r.mu.Lock()
	defer r.mu.Unlock()
	return maps.Clone(r.counts)
}
