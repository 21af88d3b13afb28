// Package alarm is the node's registry of what is wrong now. Every part raises
// into it and clears from it; `show alarms`, the log and the metrics read it.
//
// It must not know who raises, and it decides nothing: an alarm changes no
// behaviour. Raising what is up already changes only its text, so callers may
// raise at every look instead of remembering whether they did.
package alarm

import (
	"log/slog"
	"slices"
	"strings"
	"sync"
	"time"
)

// Kind names what is wrong, in a word that operators can search for.
type Kind string

// The kinds that exist. A part that needs another adds it here, so that this
// list is the whole vocabulary of `show alarms`.
const (
	NoMajority     Kind = "no-majority"     // writes are refused
	Unconfirmed    Kind = "unconfirmed"     // booted alone, state as of the applied mark
	ClockJump      Kind = "clock-jump"      // the wall clock jumped by minutes
	StoreError     Kind = "store-error"     // the log or the mark cannot be written or read
	NeighborDown   Kind = "neighbor-down"   // a configured session is not established
	NeighborConfig Kind = "neighbor-config" // a neighbor could not be set up (MD5, address)
	NeighborStuck  Kind = "neighbor-stuck"  // a neighbor has stopped reading what it is sent
	AnnounceFailed Kind = "announce-failed" // the speaker refuses a route; it is retried
	UnknownEntry   Kind = "unknown-entry"   // the log holds an entry type this binary cannot read
	DigestMismatch Kind = "digest-mismatch" // this node's state differs from the cluster's
	Fenced         Kind = "fenced"          // a newer generation of the cluster exists
	PeerRefused    Kind = "peer-refused"    // somebody was refused on the cluster port
	MemberSilent   Kind = "member-silent"   // a member does not answer
	MemberStopped  Kind = "member-stopped"  // a member answers, but its log or state has stopped
	CertExpiry     Kind = "certificate"     // a certificate ends soon or cannot be renewed
	TableLimit     Kind = "table-limit"     // a neighbor sends more routes than expected
	BMPStation     Kind = "bmp-station"     // a BMP station cannot be told anything
	SpeakerStalled Kind = "speaker-stalled" // a write waited too long for the speaker
	Suppressed     Kind = "suppressed"      // an operator keeps this node from announcing a blackhole
	AuditWaits     Kind = "audit-waits"     // what was done at this node is not in the cluster's audit yet
	Shutdown       Kind = "shutdown"        // a neighbor is kept down by configuration
	Cleared        Kind = "cleared"         // an operator has lately ended many blackholes at once
	OverBudget     Kind = "over-budget"     // more routes are announced than a neighbor is said to take
	CacheDown      Kind = "rpki-cache"      // an RPKI cache gives no data
	NoVRPs         Kind = "rpki-no-data"    // no cache has usable data: every route is not-found
	VRPsHeld       Kind = "rpki-held"       // a sudden loss of VRPs is held off
	DaemonFault    Kind = "fault"           // a part stopped with an error
)

// Alarm is one thing that is wrong. Kind and Subject together are its identity.
type Alarm struct {
	Kind    Kind      `json:"kind"`
	Subject string    `json:"subject,omitempty"` // which one: a neighbor, a member; "" for the node
	Text    string    `json:"text"`              // one line for people
	Since   time.Time `json:"since"`
}

type key struct {
	kind    Kind
	subject string
}

// Registry holds the alarms that are up. The zero value is not usable; a nil
// *Registry swallows everything, so that parts can be built without one.
type Registry struct {
	log *slog.Logger

	mu     sync.Mutex
	up     map[key]Alarm
	raised map[Kind]uint64
}

// New returns an empty registry that logs each change to log.
func New(log *slog.Logger) *Registry {
	return &Registry{log: log, up: map[key]Alarm{}, raised: map[Kind]uint64{}}
}

// Raise puts an alarm up, or changes the text of the one that is up.
func (r *Registry) Raise(kind Kind, subject, text string) {
	if r == nil {
		return
	}
	r.mu.Lock()
	k := key{kind, subject}
	a, was := r.up[k]
	if !was {
		a = Alarm{Kind: kind, Subject: subject, Since: time.Now()}
		r.raised[kind]++
	}
	a.Text = text
	r.up[k] = a
	r.mu.Unlock()
	if !was {
		r.log.Warn("alarm raised", "alarm", kind, "subject", subject, "text", text)
	}
}

// Clear takes an alarm down; it does nothing when the alarm is not up.
func (r *Registry) Clear(kind Kind, subject string) {
	if r == nil {
		return
	}
	r.mu.Lock()
	k := key{kind, subject}
	a, was := r.up[k]
	delete(r.up, k)
	r.mu.Unlock()
	if was {
		r.log.Info("alarm cleared", "alarm", kind, "subject", subject, "after", time.Since(a.Since))
	}
}

// Set raises when wrong is true and clears when it is false.
func (r *Registry) Set(wrong bool, kind Kind, subject, text string) {
	if wrong {
		r.Raise(kind, subject, text)
	} else {
		r.Clear(kind, subject)
	}
}

// List returns what is up now, oldest first, then by kind and subject.
func (r *Registry) List() []Alarm {
	if r == nil {
		return nil
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	all := make([]Alarm, 0, len(r.up))
	for _, a := range r.up {
		all = append(all, a)
	}
	slices.SortFunc(all, func(a, b Alarm) int {
		if c := a.Since.Compare(b.Since); c != 0 {
			return c
		}
		if c := strings.Compare(string(a.Kind), string(b.Kind)); c != 0 {
			return c
		}
		return strings.Compare(a.Subject, b.Subject)
	})
	return all
}

// Counts returns how often each kind was raised since the start.
func (r *Registry) Counts() map[Kind]uint64 {
	out := map[Kind]uint64{}
	if r == nil {
		return out
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	for k, n := range r.raised {
		out[k] = n
	}
	return out
}
