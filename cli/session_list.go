package cli

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"sync"
	"time"
)

// SessionList is the list of who is logged in at this node, through all of its
// doors, and the limits on how many may be. It is what `who` prints.
type SessionList struct {
	limits SessionLimits

	mu       sync.Mutex
	lastID   int
	sessions map[int]*seat
}

// SessionLimits bounds sessions; 0 stands for the default.
type SessionLimits struct {
	PerUser   int // default 20
	PerSource int // of one IPv4 address or IPv6 /64; default 40
	Total     int // default 500
}

// seat is one session's place.
type seat struct {
	info   SessionInfo
	source netip.Prefix
	end    context.CancelCauseFunc
}

// ErrTooManySessions is wrapped by the refusal of a session beyond a limit.
var ErrTooManySessions = errors.New("too many sessions")

// errCleared is what a session is told that an operator ends.
var errCleared = errors.New("this session has been closed by an operator")

// NewSessionList makes an empty list.
func NewSessionList(limits SessionLimits) *SessionList {
	def := func(n *int, d int) {
		if *n == 0 {
			*n = d
		}
	}
	def(&limits.PerUser, 20)
	def(&limits.PerSource, 40)
	def(&limits.Total, 500)
	return &SessionList{limits: limits, sessions: map[int]*seat{}}
}

// List is everybody who is logged in, by session number.
func (l *SessionList) List() []SessionInfo {
	l.mu.Lock()
	defer l.mu.Unlock()
	list := make([]SessionInfo, 0, len(l.sessions))
	for _, s := range l.sessions {
		list = append(list, s.info)
	}
	slices.SortFunc(list, func(a, b SessionInfo) int { return a.ID - b.ID })
	return list
}

// End ends the session with that number, as `clear session` does; false when
// there is none.
func (l *SessionList) End(id int) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	s, ok := l.sessions[id]
	if ok {
		s.end(errCleared)
	}
	return ok
}

// EndUser ends all sessions of a user, for instance because it has been
// disabled, and returns how many there were.
func (l *SessionList) EndUser(name string) int {
	l.mu.Lock()
	defer l.mu.Unlock()
	n := 0
	for _, s := range l.sessions {
		if s.info.User == name {
			s.end(errCleared)
			n++
		}
	}
	return n
}

// enter takes a seat for login, whose Session number it sets. end is called to
// end the session. The root-only local door is never refused: it is the way
// back in when everything else is taken.
func (l *SessionList) enter(login *Login, door string, end context.CancelCauseFunc) (leave func(), err error) {
	source := sourceOf(login.From)
	l.mu.Lock()
	defer l.mu.Unlock()
	if source.IsValid() {
		if err := l.full(login.User.Name, source); err != nil {
			return nil, err
		}
	}
	l.lastID++
	id := l.lastID
	login.Session = id
	from := ""
	if login.From.IsValid() {
		from = login.From.String()
	}
	l.sessions[id] = &seat{
		info:   SessionInfo{ID: id, User: login.User.Name, Door: door, From: from, Client: login.Client, Since: time.Now()},
		source: source, end: end,
	}
	return func() {
		l.mu.Lock()
		defer l.mu.Unlock()
		delete(l.sessions, id)
	}, nil
}

// rename sets the door of a session once it is known what it is used for.
func (l *SessionList) rename(id int, door string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if s, ok := l.sessions[id]; ok {
		s.info.Door = door
	}
}

// full tells which limit, if any, one more session would pass.
func (l *SessionList) full(user string, source netip.Prefix) error {
	users, sources, total := 0, 0, 0
	for _, s := range l.sessions {
		if !s.source.IsValid() {
			continue
		}
		total++
		if s.info.User == user {
			users++
		}
		if s.source == source {
			sources++
		}
	}
	switch {
	case users >= l.limits.PerUser:
		return fmt.Errorf("%w: %d of this user are open, which is the limit; close one", ErrTooManySessions, users)
	case sources >= l.limits.PerSource:
		return fmt.Errorf("%w: %d from %s are open, which is the limit; close one", ErrTooManySessions, sources, source)
	case total >= l.limits.Total:
		return fmt.Errorf("%w: %d are open at this node, which is the limit; try again later", ErrTooManySessions, total)
	}
	return nil
}

// sourceOf is what is counted as one source: an IPv4 address, or the /64 that
// one IPv6 site has addresses from to its heart's content.
func sourceOf(from netip.AddrPort) netip.Prefix {
	if !from.IsValid() {
		return netip.Prefix{}
	}
	addr := from.Addr().Unmap().WithZone("")
	bits := 32
	if addr.Is6() {
		bits = 64
	}
	p, err := addr.Prefix(bits)
	if err != nil {
		return netip.Prefix{}
	}
	return p
}
