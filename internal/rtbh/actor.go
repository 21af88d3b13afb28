package rtbh

import "encoding/hex"

// RequestID makes a request recognisable, so that repeating it is safe. It is
// drawn at random where the command was typed.
type RequestID [16]byte

// String prints the id in hex.
func (r RequestID) String() string { return hex.EncodeToString(r[:]) }

// Door is the way by which a command came in.
type Door uint8

// The doors.
const (
	DoorNode  Door = iota // the cluster itself: clock, membership, checkpoints
	DoorLocal             // the root-only unix socket of a node
	DoorSSH               // an interactive SSH shell
	DoorExec              // ssh host "command"
	DoorStdin             // ssh host < file, without a terminal
	DoorAPI               // HTTP
)

// String names the door as the audit shows it.
func (d Door) String() string {
	return [...]string{"node", "local", "ssh", "exec", "stdin", "api"}[min(d, DoorAPI)]
}

// Actor is who typed a command, from where and through which door. It says
// nothing about rights: those are looked up in the state when it is applied.
type Actor struct {
	User string // "local" at the node's own socket; "" for the cluster itself
	Door Door
	From string // source address and port as text, "" when there is none
	Node string // the node at which it was typed
}

// Role is what a user may do.
type Role uint8

// The roles, from the least.
const (
	RoleCustomer Role = iota // its own customer's blackholes
	RoleViewer               // reads everything, changes nothing
	RoleOperator             // everything
)

// String names the role as the configuration writes it.
func (r Role) String() string {
	return [...]string{"customer", "viewer", "operator"}[min(r, RoleOperator)]
}

// Level is where a user lands after login.
type Level uint8

// The levels.
const (
	LandEnable Level = iota // "# ", the default
	LandView                // "> "
)
