package bench

import (
	"context"
	"fmt"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
)

// change is what is asked of a contestant: to announce prefixes as blackholes, or
// to withdraw them.
type change struct {
	withdraw bool
	prefixes []netip.Prefix
}

// door is one way of telling a system. It is for one goroutine.
type door interface {
	// prepare gets everything ready that the person has done before pressing Enter;
	// do presses it, and returns when the system has said that it is done.
	prepare(change) (do func(context.Context) error, err error)
	close()
}

// system is one daemon, or several that belong together.
type system interface {
	// start starts it with its sessions to both routers, and returns when they are up.
	start(context.Context) error
	// nodes are the names of those that announce; what is typed is typed at the first.
	nodes() []string
	// open opens a door by its name.
	open(name string) (door, error)
	// processes are those of the daemons, in the order of nodes.
	processes() []*process
	close()
}

// contestant is a row: a system and the door by which it is told.
type contestant struct {
	name   string // as in ONLY
	title  string
	system string
	door   string
	silent bool // nothing says when it is done
	each   bool // a command takes one: many are many commands, one after the other
}

// contestants are the rows wherever blackholes are made.
var contestants = []contestant{
	{name: "triggerd-ssh", title: "triggerd, live SSH session", system: "triggerd", door: "shell"},
	{name: "triggerd-command", title: "triggerd, `ssh host command`", system: "triggerd", door: "command", each: true},
	{name: "triggerd-bulk", title: "triggerd, `ssh host < lines`", system: "triggerd", door: "bulk"},
	{name: "frr-sync", title: "two FRR, telnet sync", system: "frrsync", door: "telnet"},
	{name: "frr-telnet", title: "FRR, telnet vty", system: "frr", door: "telnet"},
	{name: "frr-vtysh", title: "FRR, `vtysh -c`", system: "frr", door: "vtysh", each: true},
	{name: "bird", title: "BIRD, `birdc configure`", system: "bird", door: "configure"},
	{name: "exabgp", title: "ExaBGP, pipe", system: "exabgp", door: "pipe", silent: true},
	{name: "openbgpd", title: "OpenBGPD, `bgpctl`", system: "openbgpd", door: "bgpctl"},
	{name: "gobgpd", title: "gobgpd, gRPC", system: "gobgpd", door: "grpc"},
}

// kind says how a system is made, and what it needs.
type kind struct {
	programs map[string]string // program, and the Debian package that has it
	root     bool              // it runs as root only
	version  []string          // the command that prints its version
	make     func(*env, string) system
}

// kinds are the systems. The function breaks a cycle of initialisation.
func kinds() map[string]kind {
	return map[string]kind{
		"triggerd": {programs: map[string]string{"ssh": "openssh-client"}, make: newTriggerd},
		"frr":      {programs: map[string]string{"bgpd": "frr", "/usr/lib/frr/bgpd": "frr", "vtysh": "frr"}, root: true, version: []string{"/usr/lib/frr/bgpd", "--version"}, make: newFRR},
		"frrsync":  {programs: map[string]string{"/usr/lib/frr/bgpd": "frr", "vtysh": "frr"}, root: true, make: newFRRSync},
		"bird":     {programs: map[string]string{"bird": "bird2"}, root: true, version: []string{"bird", "--version"}, make: newBird},
		"exabgp":   {programs: map[string]string{"exabgp": "exabgp"}, root: true, version: []string{"exabgp", "--version"}, make: newExaBGP},
		"openbgpd": {programs: map[string]string{"/usr/sbin/bgpd": "openbgpd", "/usr/sbin/bgpctl": "openbgpd"}, root: true, version: []string{"/usr/sbin/bgpd", "-V"}, make: newOpenBGPD},
		"gobgpd":   {programs: map[string]string{"gobgpd": "gobgpd"}, root: true, version: []string{"gobgpd", "--version"}, make: newGoBGPd},
	}
}

// dirs is where programs lie; FRR's first, since OpenBGPD has a bgpd too.
var dirs = []string{"/usr/lib/frr", "/usr/local/sbin", "/usr/local/bin", "/usr/sbin", "/usr/bin", "/sbin", "/bin"}

// program finds a program, also where Debian puts daemons. An absolute path, a
// file of any kind, is taken as it is.
func program(name string) (string, error) {
	if filepath.IsAbs(name) {
		_, err := os.Stat(name)
		return name, err
	}
	for _, dir := range dirs {
		file := filepath.Join(dir, name)
		if info, err := os.Stat(file); err == nil && info.Mode()&0o111 != 0 {
			return file, nil
		}
	}
	return exec.LookPath(name)
}

// missing says in words why a system can't run here, "" when it can.
func (k kind) missing(namespace bool) string {
	if k.root && (os.Geteuid() != 0 || !namespace) {
		return "needs root and a network namespace of its own"
	}
	for name, pkg := range k.programs {
		if _, err := program(name); err != nil {
			return fmt.Sprintf("no %s here (Debian package %s; as root, testenv/install.sh installs it)", name, pkg)
		}
	}
	return ""
}
