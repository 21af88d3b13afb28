package config

import (
	"net/netip"
	"slices"
	"time"

	"github.com/triggerd/triggerd/internal/route"
)

// Node is what one node needs before there is a majority: its name, its
// addresses and its neighbors. Everything that must be the same everywhere
// (customers, users, route-maps) is in the replicated state instead.
type Node struct {
	Hostname string // 1 to 63 of letters, digits, '-', '_' and '.'
	DataDir  string // absolute; default DefaultDataDir
	Cluster  Cluster
	SSH      SSH
	BGP      *BGP  // nil: the node has no speaker, as a witness
	RPKI     *RPKI // nil: nothing is validated
}

// Cluster is the node-to-node side.
type Cluster struct {
	Listen    string        // host:port this node listens on; default DefaultClusterListen
	Advertise string        // host:port other members dial; default Listen, or the router-id when that names no host
	BootWait  time.Duration // how long to wait for the cluster before announcing alone; whole seconds; default DefaultBootWait
}

// SSH is the customers' and operators' door.
type SSH struct {
	Listen      []string      // host:port each, as typed; default DefaultSSHListen; empty with Disabled
	Disabled    bool          // no SSH at all, as on a witness
	ExecTimeout time.Duration // idle time before a shell is closed; whole seconds; 0 = never; default DefaultExecTimeout
	SessionTime time.Duration // longest time of a session; whole minutes; 0 = no limit
	Sessions    int           // most sessions at once; 0 = as the door has it
	PerUser     int           // of one user
	PerSource   int           // of one IPv4 address or IPv6 /64
	LoginGrace  time.Duration // from connecting to login; whole seconds; 0 = as the door has it, and so below
	Startups    int           // connections that have not logged in
	StartupsPer int           // of one IPv4 address or IPv6 /64; at most Startups
	AuthTries   int           // keys and passwords that a connection may be refused
	AliveEvery  time.Duration // between questions whether the client is still there; whole seconds
	Banner      string        // printed before the first prompt; lines joined by \n, without one at the end
}

// Equal tells whether two doors are the same.
func (s SSH) Equal(o SSH) bool {
	return slices.Equal(s.Listen, o.Listen) && s.Disabled == o.Disabled && s.ExecTimeout == o.ExecTimeout && s.SessionTime == o.SessionTime &&
		s.Sessions == o.Sessions && s.PerUser == o.PerUser && s.PerSource == o.PerSource &&
		s.LoginGrace == o.LoginGrace && s.Startups == o.Startups && s.StartupsPer == o.StartupsPer && s.AuthTries == o.AuthTries &&
		s.AliveEvery == o.AliveEvery && s.Banner == o.Banner
}

// The defaults of a node. An empty host means all addresses, IPv4 and IPv6.
const (
	DefaultDataDir       = "/var/lib/triggerd"
	DefaultClusterListen = ":7600"
	DefaultSSHListen     = ":2222"
	DefaultBootWait      = 30 * time.Second
	DefaultExecTimeout   = 10 * time.Minute
	DefaultStartups      = 300 // connections that may be logging in
	DefaultBGPPort       = 179
	DefaultRestartTime   = 20  // seconds, of `neighbor A graceful-restart` without a number
	MaxReason            = 128 // bytes of a shutdown message: what RFC 8203 allowed, so that old neighbors take it
	MaxPassword          = 80  // bytes of a TCP MD5 key (TCP_MD5SIG_MAXKEYLEN)
)

// BGP is one `router bgp` block.
type BGP struct {
	ASN       uint32
	RouterID  netip.Addr       // IPv4
	Listen    []netip.AddrPort // all with the same port; default 0.0.0.0:179 and [::]:179
	NoListen  bool             // only active sessions, no listener; Listen is empty
	Neighbors []Neighbor       // sorted by address

	Ranges        []Range          // sorted by prefix
	BMP           []BMPStation     // as in the file
	MonitorListen []netip.AddrPort // for monitor sessions; all with the same port; default none
}

// BMPStation is a monitoring station that is told what the sessions carry (RFC
// 7854). It is comparable.
type BMPStation struct {
	Targets            string // the block that it is in
	Host               string // address or host name
	Port               uint16
	MinRetry, MaxRetry time.Duration // pauses between attempts, whole milliseconds; 0 = default
	Statistics         time.Duration // between two reports; 0 = none
}

// Range takes in neighbors that nobody has named: whoever connects from Prefix,
// as a neighbor with the settings of a peer-group.
type Range struct {
	Prefix   netip.Prefix // masked
	Group    string
	Neighbor Neighbor // its Addr is the zero value
}

// Neighbor is one BGP session. It is comparable: two equal values are the same
// configuration, and a reload touches only neighbors whose value differs.
type Neighbor struct {
	Addr         netip.Addr
	RemoteAS     uint32
	LocalAS      uint32 // 0: the router's own
	Description  string
	Password     string     // TCP MD5 (RFC 2385)
	Port         uint16     // remote port; 0 = 179
	UpdateSource netip.Addr // local address; invalid = any
	Multihop     uint8      // ebgp-multihop TTL; 0 = off; only eBGP
	TTLSecurity  uint8      // GTSM hops (RFC 5082); 0 = off; excludes Multihop
	Passive      bool
	Shutdown     bool
	Reason       string // why it is shut down, sent to the neighbor (RFC 9003); at most MaxReason bytes
	BFD          BFD
	Keepalive    uint16     // seconds; 0 = default 60; both or none of Keepalive and Hold are set
	Hold         uint16     // seconds; 0 = default 180
	ConnectRetry uint16     // seconds; 0 = default
	IPv4, IPv6   bool       // address families activated; at least one
	RestartTime  uint16     // graceful restart (RFC 4724) in seconds; 0 = off
	MaxAnnounced uint32     // the most routes it may be sent; 0 = unlimited
	Monitor      bool       // sends us tables to validate, is sent nothing
	RouteMapOut  string     // export route-map of the replicated configuration; "" = none
	Role         route.Role // what it is to us (RFC 9234); the file says our side, `local-role`; only eBGP
}

// BFD watches the path to a neighbor (RFC 5880, single hop). Zero numbers are
// defaults: 3 times 300 ms.
type BFD struct {
	Enabled    bool
	Multiplier uint8  // packets missed before the neighbor counts as down
	Rx, Tx     uint16 // milliseconds between packets, at least
}

// Warning is a line that was skipped or means something else here than in
// Quagga. It never stops a node.
type Warning struct {
	Line int // the first such line, from 1
	Text string
}
