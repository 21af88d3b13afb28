package history

import (
	"fmt"
	"net/netip"
	"slices"
	"sync"
	"time"
)

// Kind is which promise was broken.
type Kind uint8

// The kinds, in the order in which the soak's last line counts them.
const (
	Lost       Kind = iota // acknowledged, and not there
	Revived                // withdrawn, over or never asked for, and there
	Diverged               // two nodes differ at the same index, or a read was stale
	Withdrawal             // a router lost a route without a reason
	kinds
)

// String is the word for people.
func (k Kind) String() string {
	return [...]string{"LOST", "REVIVED", "DIVERGED", "WITHDRAWAL"}[k]
}

// Violation is one broken promise: what, where and when.
type Violation struct {
	Kind   Kind
	Prefix netip.Prefix // not valid: it is not about one prefix
	Where  string       // node, or router and trigger
	At     time.Time
	What   string
	Story  string // the history of the prefix, a line each
}

// String is the whole account.
func (v Violation) String() string {
	about := ""
	if v.Prefix.IsValid() {
		about = " " + v.Prefix.String()
	}
	text := fmt.Sprintf("%s%s at %s, %s: %s", v.Kind, about, v.Where, Clock(v.At), v.What)
	if v.Story != "" {
		text += "\n" + v.Story
	}
	return text
}

// Verdicts collects violations, each once.
type Verdicts struct {
	OnNew func(Violation) // called for each new one; may be nil

	mu  sync.Mutex
	all []Violation
}

// Add notes a violation unless the same is known of the same prefix and place.
func (s *Verdicts) Add(v Violation) {
	s.mu.Lock()
	known := slices.ContainsFunc(s.all, func(o Violation) bool {
		same := o.Kind == v.Kind && o.Prefix == v.Prefix && o.Where == v.Where
		return same && (v.Prefix.IsValid() || o.What == v.What)
	})
	if !known {
		s.all = append(s.all, v)
	}
	s.mu.Unlock()
	if !known && s.OnNew != nil {
		s.OnNew(v)
	}
}

// Count returns how many there are of each kind: lost, revived, diverged,
// withdrawals.
func (s *Verdicts) Count() (n [kinds]int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, v := range s.all {
		n[v.Kind]++
	}
	return n
}

// All returns them in the order in which they were found.
func (s *Verdicts) All() []Violation {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.all)
}
