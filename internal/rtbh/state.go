package rtbh

import (
	"cmp"
	"maps"
	"net/netip"
	"slices"
	"strings"
)

// Budget is the most routes that a node's neighbor takes before it tears the
// session down. Nothing that would exceed the smallest budget is accepted.
type Budget struct {
	Node     string
	Neighbor string
	Max      uint32
}

// RefusedTries counts logins and commands of a known user that were refused
// before they reached the log.
type RefusedTries struct {
	User  string
	Count uint32
	Last  Instant
	From  string
	Why   string
}

// Pending is an announcement that waits for a second operator.
type Pending struct {
	ID       uint64
	At       Instant
	By       Actor
	Request  RequestID
	Announce Announce
}

// remembered is a request that was applied, kept so that its repetition
// changes nothing.
type remembered struct {
	id     RequestID
	typed  Instant
	result Result
}

// State is everything that the cluster has agreed on. Values inside it are
// never changed in place, only replaced, so that a clone can share them. It is
// not safe for concurrent use.
type State struct {
	clusterID string
	created   Instant
	version   uint32
	index     uint64
	stamp     Instant

	settings       Settings
	customers      map[string]Customer
	users          map[string]User
	routeMaps      map[string]RouteMap
	prefixLists    map[string]PrefixList
	communityLists map[string]CommunityList
	members        map[string]Member
	tokens         map[[32]byte]Token
	contacts       map[string]Contact
	budgets        map[[2]string]Budget
	refused        map[string]RefusedTries
	pending        map[uint64]Pending
	nextPending    uint64

	holes   map[string]map[netip.Prefix]*Blackhole // by customer; none is empty
	history tail[Ended]

	audit     tail[AuditRecord]
	auditSeq  uint64
	auditHead [32]byte

	recent  []*remembered // oldest first
	horizon Instant       // requests typed up to then may have been forgotten

	// Derived from the above, never encoded.
	byPrefix  map[netip.Prefix][]*Blackhole // earliest commit first
	holeCount int
	ends      endHeap
	known     map[RequestID]*remembered

	trial *trial // set while an atomic batch is tried
	room  *codec // of the last record's hash, used again for the next
}

// NewState returns the state before the first entry.
func NewState() *State {
	s := &State{
		version:        1,
		customers:      map[string]Customer{},
		users:          map[string]User{},
		routeMaps:      map[string]RouteMap{DefaultRouteMap: defaultRouteMap()},
		prefixLists:    map[string]PrefixList{},
		communityLists: map[string]CommunityList{},
		members:        map[string]Member{},
		tokens:         map[[32]byte]Token{},
		contacts:       map[string]Contact{},
		budgets:        map[[2]string]Budget{},
		refused:        map[string]RefusedTries{},
		pending:        map[uint64]Pending{},
		holes:          map[string]map[netip.Prefix]*Blackhole{},
		settings:       defaultSettings(),
		room:           &codec{},
	}
	s.derive()
	return s
}

// derive rebuilds what follows from the rest of the state.
func (s *State) derive() {
	all := s.sortedHoles("")
	s.byPrefix = make(map[netip.Prefix][]*Blackhole, len(all))
	s.holeCount = len(all)
	s.ends = nil
	s.known = make(map[RequestID]*remembered, len(s.recent))
	for _, b := range all {
		s.byPrefix[b.Prefix] = append(s.byPrefix[b.Prefix], b)
		s.ends.push(b)
	}
	for _, same := range s.byPrefix {
		slices.SortFunc(same, byCommit)
	}
	for _, r := range s.recent {
		s.known[r.id] = r
	}
}

// byCommit orders blackholes of one prefix: the earliest committed decides the
// attributes; one entry may hold two customers' commands, hence the name.
func byCommit(a, b *Blackhole) int {
	if a.Index != b.Index {
		if a.Index < b.Index {
			return -1
		}
		return 1
	}
	return strings.Compare(a.Customer, b.Customer)
}

// Clone returns a copy that shares only values that are never changed.
func (s *State) Clone() *State {
	c := *s
	c.cloneConfiguration()
	c.holes = make(map[string]map[netip.Prefix]*Blackhole, len(s.holes))
	for name, holes := range s.holes {
		c.holes[name] = maps.Clone(holes)
	}
	c.byPrefix = maps.Clone(s.byPrefix)
	c.known = maps.Clone(s.known)
	c.history = s.history.clone()
	c.audit = s.audit.clone()
	// It grows at its end only, so the array can be shared: clipped, the clone's
	// first append moves it to an array of its own.
	c.recent = slices.Clip(s.recent)
	c.ends = slices.Clone(s.ends) // sorted in place
	c.room = &codec{}
	return &c
}

// ClusterID returns the id that InitCluster set, "" before that.
func (s *State) ClusterID() string { return s.clusterID }

// Created returns when the cluster was made.
func (s *State) Created() Instant { return s.created }

// Version returns the newest entry version that all members can read.
func (s *State) Version() uint32 { return s.version }

// Index returns the log index of the last entry applied.
func (s *State) Index() uint64 { return s.index }

// LastStamp returns the log clock of the last entry applied.
func (s *State) LastStamp() Instant { return s.stamp }

// Settings returns the cluster's settings.
func (s *State) Settings() Settings { return s.settings }

func sortedValues[K comparable, V any](m map[K]V, less func(a, b V) int) []V {
	return slices.SortedFunc(maps.Values(m), less)
}

// Customers returns all customers by name.
func (s *State) Customers() []Customer {
	return sortedValues(s.customers, func(a, b Customer) int { return strings.Compare(a.Name, b.Name) })
}

// Customer returns one customer.
func (s *State) Customer(name string) (Customer, bool) { v, ok := s.customers[name]; return v, ok }

// Users returns all users by name.
func (s *State) Users() []User {
	return sortedValues(s.users, func(a, b User) int { return strings.Compare(a.Name, b.Name) })
}

// User returns one user.
func (s *State) User(name string) (User, bool) { v, ok := s.users[name]; return v, ok }

// RouteMaps returns all route-maps by name.
func (s *State) RouteMaps() []RouteMap {
	return sortedValues(s.routeMaps, func(a, b RouteMap) int { return strings.Compare(a.Name, b.Name) })
}

// RouteMap returns one route-map.
func (s *State) RouteMap(name string) (RouteMap, bool) { v, ok := s.routeMaps[name]; return v, ok }

// PrefixLists returns all prefix-lists by name.
func (s *State) PrefixLists() []PrefixList {
	return sortedValues(s.prefixLists, func(a, b PrefixList) int { return strings.Compare(a.Name, b.Name) })
}

// CommunityLists returns all community-lists by name.
func (s *State) CommunityLists() []CommunityList {
	return sortedValues(s.communityLists, func(a, b CommunityList) int { return strings.Compare(a.Name, b.Name) })
}

// Members returns all members by name.
func (s *State) Members() []Member {
	return sortedValues(s.members, func(a, b Member) int { return strings.Compare(a.Name, b.Name) })
}

// Member returns one member.
func (s *State) Member(name string) (Member, bool) { v, ok := s.members[name]; return v, ok }

// Tokens returns the join tokens that were made and not used, by hash.
func (s *State) Tokens() []Token {
	return sortedValues(s.tokens, func(a, b Token) int { return slices.Compare(a.Hash[:], b.Hash[:]) })
}

// Token returns the token of a hash.
func (s *State) Token(hash [32]byte) (Token, bool) { v, ok := s.tokens[hash]; return v, ok }

// Contacts returns all contacts by name.
func (s *State) Contacts() []Contact {
	return sortedValues(s.contacts, func(a, b Contact) int { return strings.Compare(a.Name, b.Name) })
}

// Budgets returns the neighbors' budgets by node and neighbor.
func (s *State) Budgets() []Budget {
	return sortedValues(s.budgets, func(a, b Budget) int {
		if c := strings.Compare(a.Node, b.Node); c != 0 {
			return c
		}
		return strings.Compare(a.Neighbor, b.Neighbor)
	})
}

// Refused returns the refused tries by user.
func (s *State) Refused() []RefusedTries {
	return sortedValues(s.refused, func(a, b RefusedTries) int { return strings.Compare(a.User, b.User) })
}

// Pending returns what waits for a second operator, oldest first.
func (s *State) Pending() []Pending {
	return sortedValues(s.pending, func(a, b Pending) int { return cmp.Compare(a.ID, b.ID) })
}
