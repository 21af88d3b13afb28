package cli

import (
	"context"
	"fmt"
	"net/netip"
	"strings"
	"time"

	"github.com/triggerd/triggerd/internal/alarm"
	"github.com/triggerd/triggerd/internal/config"
	"github.com/triggerd/triggerd/internal/rtbh"
)

// Ports is everything outside that a [Shell] needs. Cluster, Node and Version
// must be there; the rest may be nil, and what they would show is then said to
// be absent. Mind Go's typed nil: leave a field nil rather than setting it to a
// nil pointer of a concrete type.
type Ports struct {
	Cluster  Cluster
	Node     NodeConfig
	Version  string   // of this binary, as `show version` prints it
	Speaker  Speaker  // nil on a witness
	Alarms   Alarms   // nil: `show alarms` is always empty
	Tracer   Tracer   // nil: `show blackhole P` knows no routers
	Sessions Sessions // nil: `who` lists nobody
	Members  Members  // nil: `cluster ...` is refused
	Repair   Repair   // nil: recovery, backup and roles are refused
	Local    Local    // nil: what operators do at this node alone is refused
	RPKI     RPKI     // nil: `show rpki ...` has nothing to show
	Table    Table    // nil: no neighbor sends anything that is kept
	Journal  Journal  // nil: there is no log to read
	Door     Door     // nil: `show ssh` knows no server
	Refusals Refusals // nil: refused lines that do not reach the log are not counted
}

// Cluster is the replicated side, as one session needs it. All methods are
// called from many sessions at once.
type Cluster interface {
	// Propose puts e into the log and returns when this node's state has
	// reached it and every reachable trigger has applied it, or has not for a
	// second. Its errors are [*NotAccepted] and [*NotConfirmed]; anything else
	// is taken as not confirmed.
	Propose(ctx context.Context, e rtbh.Entry) (Receipt, error)
	// View calls f with the state and the log's clock under a read lock. f must
	// not keep s.
	View(f func(s *rtbh.State, now rtbh.Instant))
	// Fresh waits up to a second until this node's state has reached the
	// cluster's newest index. When it has not, asOf is where the state stands.
	Fresh(ctx context.Context) (asOf uint64, fresh bool)
	// Sync waits until every reachable node has applied what is committed now
	// and returns that index. Errors as for Propose.
	Sync(ctx context.Context) (Synced, error)
	// Status describes the cluster as this node sees it, without waiting for
	// anybody: what it says of others may be a second old.
	Status(ctx context.Context) ClusterStatus
}

// Receipt is what an accepted proposal did.
type Receipt struct {
	Result rtbh.Result
	Silent []Silent // triggers that have not confirmed it
}

// Silent is a node that does not answer.
type Silent struct {
	Name string
	For  time.Duration // since it was last heard; 0 = never heard since this node's start
}

// String prints the node and for how long it has been silent: "trigger2 14s".
func (s Silent) String() string {
	if s.For <= 0 {
		return s.Name
	}
	return s.Name + " " + shortDuration(s.For)
}

// Synced is the answer to [Cluster.Sync].
type Synced struct {
	Index  uint64   // every node that is not silent has applied up to here
	Silent []Silent // nodes that have not
}

// NotAccepted is the error of a proposal of which it is certain that nothing
// happened. Err says why when it was not for want of a majority.
type NotAccepted struct {
	Reaches int      // members that this node reaches, itself included
	Members int      // members of the cluster that vote; 0 = not known
	Silent  []Silent // the others
	Err     error
}

func (e *NotAccepted) Error() string {
	why := ""
	if e.Err != nil {
		why = strings.TrimSuffix(e.Err.Error(), ".")
	}
	switch {
	case why == "" && e.Members == 0:
		return "NOT accepted: no leader is known."
	case e.Members == 0 || len(e.Silent) == 0 && why != "":
		return "NOT accepted: " + why + "."
	}
	text := fmt.Sprintf("NOT accepted: this node reaches %d of %d cluster members", e.Reaches, e.Members)
	if len(e.Silent) > 0 {
		names := make([]string, 0, len(e.Silent))
		for _, s := range e.Silent {
			names = append(names, s.String())
		}
		text += " (silent: " + strings.Join(names, ", ") + ")"
	}
	return text + "."
}

// Unwrap returns the cause.
func (e *NotAccepted) Unwrap() error { return e.Err }

// NotConfirmed is the error of a proposal that may or may not take effect yet.
type NotConfirmed struct{ Err error }

func (e *NotConfirmed) Error() string {
	return "NOT CONFIRMED: may still take effect. Repeating the command is safe."
}

// Unwrap returns the cause.
func (e *NotConfirmed) Unwrap() error { return e.Err }

// ClusterStatus is the cluster as one node sees it.
type ClusterStatus struct {
	ID         string
	Generation uint64 // raised by each recovery
	Node       string // the node that answers
	Leader     string // "" = none known
	Term       uint64
	Commit     uint64 // newest committed index known here
	Applied    uint64 // of the answering node's state
	Majority   bool   // writes can be accepted, as far as this node knows
	Members    []MemberStatus
}

// MemberStatus is one node of the cluster as another one sees it.
type MemberStatus struct {
	Name      string
	Role      rtbh.MemberRole
	Voting    bool // false also for a voter that is still catching up
	Addr      string
	Binary    string
	Reachable bool
	Silent    time.Duration // since it was last heard, when not reachable
	Halted    bool          // it answers, but takes nothing in until it is started again
	Applied   uint64        // index that its state has reached, as far as known
	Digest    string        // of its state at DigestAt, in hex; "" = not known
	Routes    string        // of what it announces then, in hex; "" = not known
	DigestAt  uint64        // index at which its state had that digest
	Agrees    bool          // its digest was equal when both were last compared
	Stoppable bool          // it can be stopped without losing the majority
}

// Speaker is this node's BGP side.
type Speaker interface {
	Neighbors() []NeighborStatus
	// Announced returns what GoBGP was told to announce, sorted by prefix.
	Announced() []rtbh.Route
	// Export tells what a neighbor is sent of a route that is announced, or why
	// it is sent nothing: rule is for people, "" when nothing was in the way.
	Export(neighbor netip.Addr, r rtbh.Route) (out rtbh.Route, rule string, sent bool)
	// Reset closes the session with a neighbor; it opens again by itself.
	Reset(neighbor netip.Addr) error
	// Refresh sends a neighbor all routes again (out), or asks it for its own
	// (in), while the session stays.
	Refresh(neighbor netip.Addr, in, out bool) error
}

// NeighborStatus is one BGP session.
type NeighborStatus struct {
	Addr        netip.Addr
	RemoteAS    uint32
	LocalAS     uint32
	Description string
	State       string    // RFC 4271 section 8.2.2: Idle, Connect, Active, OpenSent, OpenConfirm, Established
	Since       time.Time // when it came into that state; zero = never was established
	RouterID    netip.Addr
	Shutdown    bool // by configuration
	Passive     bool
	Monitor     bool   // sends us tables to validate, is sent nothing
	Password    bool   // TCP MD5 is on; the password itself never comes here
	IPv4, IPv6  bool   // address families activated
	Hold        uint16 // seconds, negotiated or configured
	Keepalive   uint16
	RestartTime uint16 // graceful restart (RFC 4724) in seconds; 0 = off
	Multihop    uint8
	TTLSecurity uint8
	RouteMapOut string
	LocalRole   string // what we are to it (RFC 9234), "" = no role
	LastError   string // of the last session, "" = none

	MsgRcvd, MsgSent         uint64
	OpensRcvd, OpensSent     uint64
	UpdatesRcvd, UpdatesSent uint64
	KeepalivesRcvd           uint64
	KeepalivesSent           uint64
	NotificationsRcvd        uint64
	NotificationsSent        uint64
	RefreshRcvd, RefreshSent uint64
	PfxRcd4, PfxSnt4         uint32 // prefixes received, and written to it
	PfxRcd6, PfxSnt6         uint32
	Flaps                    uint32 // times an established session was lost
}

// Tracer asks the announcing nodes what became of one prefix.
type Tracer interface {
	// Trace returns one element per announcing node, sorted by name. It waits
	// at most about a second for slow ones.
	Trace(ctx context.Context, p netip.Prefix) []Placement
}

// Placement says how far one prefix has got at one node.
type Placement struct {
	Node       string
	Answered   bool
	Silent     time.Duration // since it was last heard, when it did not answer
	Applied    uint64        // index of its state
	Announced  bool          // its speaker was told to announce it
	Suppressed bool          // an operator keeps this node from announcing it
	Routers    int           // announcing neighbors configured at it
	Written    int           // of these, those to whose socket the route was written
}

// Alarms is the node's registry of what is wrong now.
type Alarms interface{ List() []alarm.Alarm }

// NodeConfig is the node-scope configuration.
type NodeConfig interface {
	// Current is the configuration that runs.
	Current() config.Node
	// Lines prints it as configuration lines in Quagga's syntax, without the
	// enclosing "!" and "end".
	Lines() []string
	// Save writes it to its file, atomically, and names that file.
	Save() (path string, err error)
	// Startup reads that file: the lines that the next start takes.
	Startup() (path string, lines []string, err error)
	// Apply makes c what runs, as far as it can while the node runs: neighbors.
	// An error means that c is not what runs now.
	Apply(ctx context.Context, c config.Node) error
}

// Local is what operators do at this one node, with or without a majority.
type Local interface {
	// Record puts text, without secrets, into the audit under who's name: now,
	// or when there is a majority again.
	Record(who rtbh.Actor, text string) error
	// Suppress stops this node from announcing a prefix, and Unsuppress lets it
	// again; both tell whether that was a change.
	Suppress(p netip.Prefix, who rtbh.Actor) bool
	Unsuppress(p netip.Prefix, who rtbh.Actor) bool
	// Suppressed lists what is suppressed, sorted.
	Suppressed() []Suppressed
}

// Suppressed is a prefix that one node does not announce although the cluster
// wants it.
type Suppressed struct {
	Prefix netip.Prefix `json:"prefix"`
	By     string       `json:"by"`
	Since  time.Time    `json:"since"`
	// Lifts tells that it ends by itself when the majority is back.
	Lifts bool `json:"untilMajority"`
}

// Sessions knows who is logged in at this node.
type Sessions interface {
	List() []SessionInfo
	// End ends a session; false when there is none of that number.
	End(id int) bool
}

// SessionInfo is one login.
type SessionInfo struct {
	ID     int       `json:"id"`
	User   string    `json:"user"`
	Door   string    `json:"door"`             // ssh, exec, stdin, local
	From   string    `json:"from"`             // address and port
	Client string    `json:"client,omitempty"` // its software, as it names itself
	Since  time.Time `json:"since"`
}

// Members changes the cluster's membership. Rights are checked again by the
// state; who is an [rtbh.Actor] of an operator.
type Members interface {
	// Token makes a one-time join token. name "" lets any name join.
	Token(ctx context.Context, who rtbh.Actor, role rtbh.MemberRole, name string) (token string, expires rtbh.Instant, err error)
	// Remove takes a member out for good.
	Remove(ctx context.Context, who rtbh.Actor, name string) error
	// Transfer hands leadership to name, or to any trigger with "". It returns
	// who leads now.
	Transfer(ctx context.Context, who rtbh.Actor, name string) (leader string, err error)
}
