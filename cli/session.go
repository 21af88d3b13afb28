package cli

import (
	"net/netip"

	"github.com/triggerd/triggerd/cli/vty"
	"github.com/triggerd/triggerd/internal/rtbh"
)

// Login is who came in, from where, by which door. A door makes it once the
// user has proved who it is, and hands it to the Shells function that makes
// the session's interpreter. It does not change later: rights are looked up in
// the state each time that a command is run.
type Login struct {
	// User is a copy of the record that the login was checked against.
	User rtbh.User
	// Door is rtbh.DoorSSH for a terminal, rtbh.DoorExec for a command on the
	// client's command line, rtbh.DoorStdin for piped input and rtbh.DoorLocal
	// for the node's own socket, whatever the kind of session.
	Door rtbh.Door
	// From is the client's address and port; not valid at the local socket.
	From netip.AddrPort
	// Session is unique among the sessions of this process since its start.
	Session int
	// Credential says what proved the identity: "publickey SHA256:...",
	// "certificate ID serial N by SHA256:...", "password" or "socket uid N".
	Credential string
	// Client is how the SSH client names its software, such as
	// "SSH-2.0-OpenSSH_9.2"; readable ASCII, "" at the local socket.
	Client string
	// AtEnable is true where the session starts at "# " whatever the user's
	// record says: in exec.
	AtEnable bool
	// Terminal is what `terminal length` and `show history` work on. It is
	// nil, which its methods allow, in a session without a terminal.
	Terminal *vty.Terminal
}

// Shells makes the interpreter of one new session.
type Shells func(Login) vty.Interpreter
