package testenv

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"net/netip"
	"os/exec"
	"strings"
	"syscall"
	"time"
)

// Role is a member's role in the cluster.
type Role string

// The roles that triggerd has.
const (
	Voter   Role = "voter"
	Witness Role = "witness"
	Speaker Role = "speaker"
)

// Ports on which every node of the lab listens: the defaults, each host being a
// machine of its own.
const (
	clusterPort = 7600
	sshPort     = 2222
)

// TriggerOptions say what a node's configuration file says.
type TriggerOptions struct {
	Role        Role
	AS          uint32
	Neighbors   []Neighbor
	RestartTime int      // graceful restart with every neighbor, in seconds; 0 = off
	Hold        int      // BGP hold time in seconds; 0 = 9
	Extra       []string // lines at the end of the file
}

// Trigger is a node of triggerd: the real binary with a file and a data directory.
type Trigger struct {
	Host *Host

	opts   TriggerOptions
	lines  map[netip.Addr][]string // more about single neighbors
	binary string
	proc   *Process
}

// Trigger makes a node on the host. A Cluster makes it a member and starts it.
func (l *Lab) Trigger(host *Host, opts TriggerOptions) *Trigger {
	l.t.Helper()
	d := &Trigger{Host: host, opts: opts, binary: RequireTriggerd(l.t)}
	host.File("triggerd.conf", d.config())
	return d
}

// Name is the host's name, which is also the node's.
func (d *Trigger) Name() string { return d.Host.Name }

func (d *Trigger) conf() string { return d.Host.Path("triggerd.conf") }

// Neighbor adds a line about one neighbor to the file, for the next start or Reload.
func (d *Trigger) Neighbor(addr netip.Addr, line string) {
	d.Host.lab.t.Helper()
	if d.lines == nil {
		d.lines = map[netip.Addr][]string{}
	}
	d.lines[addr] = append(d.lines[addr], line)
	d.Host.File("triggerd.conf", d.config())
}

// Start starts the node and returns when its operator's door answers.
func (d *Trigger) Start() {
	t := d.Host.lab.t
	t.Helper()
	d.proc = d.Host.Run(nil, d.binary, "run", "-c", d.conf())
	Eventually(t, d.Name()+" answers at its operator's door", func() (bool, string) {
		if !d.proc.Running() {
			t.Fatalf("%s", d.proc.Report())
		}
		out, err := d.ask("show version")
		return err == nil, fmt.Sprintf("%v: %s", err, out)
	})
}

// Upgrade makes another build of triggerd the node's binary from its next start
// on.
func (d *Trigger) Upgrade() {
	d.Host.lab.t.Helper()
	binary, err := nextTriggerd()
	if err != nil {
		d.Host.lab.t.Fatal(err)
	}
	d.binary = binary
}

// SetPassword changes the password of a neighbor in the file.
func (d *Trigger) SetPassword(addr netip.Addr, password string) {
	d.Host.lab.t.Helper()
	for i := range d.opts.Neighbors {
		if d.opts.Neighbors[i].Addr == addr {
			d.opts.Neighbors[i].Password = password
		}
	}
	d.Host.File("triggerd.conf", d.config())
}

// Reload makes the node read its file again (SIGHUP).
func (d *Trigger) Reload() { d.proc.signal(syscall.SIGHUP) }

// Kill9 ends the node as a power cut would.
func (d *Trigger) Kill9() {
	d.Host.lab.t.Helper()
	d.proc.Kill9()
}

// Stop ends the node as an administrator would.
func (d *Trigger) Stop() {
	d.Host.lab.t.Helper()
	d.proc.Stop()
}

// Process is the running node, to freeze it or to read its log.
func (d *Trigger) Process() *Process { return d.proc }

// subcommandPatience bounds one run of a subcommand.
const subcommandPatience = 20 * time.Second

// run runs a subcommand of triggerd on the host. Standard output and standard error
// come back apart.
func (d *Trigger) run(stdin string, args ...string) (stdout, stderr string, err error) {
	ctx, cancel := context.WithTimeout(context.Background(), subcommandPatience)
	defer cancel()
	plain := d.Host.Command(d.binary, args...)
	cmd := exec.CommandContext(ctx, plain.Path, plain.Args[1:]...)
	cmd.Dir = plain.Dir
	var out, errs strings.Builder
	cmd.Stdin, cmd.Stdout, cmd.Stderr = strings.NewReader(stdin), &out, &errs
	err = cmd.Run()
	return out.String(), errs.String(), err
}

// mustRun is run for what has to succeed.
func (d *Trigger) mustRun(stdin string, args ...string) string {
	t := d.Host.lab.t
	t.Helper()
	stdout, stderr, err := d.run(stdin, args...)
	if err != nil {
		t.Fatalf("%s: triggerd %s: %v\n%s%s", d.Name(), strings.Join(args, " "), err, stdout, stderr)
	}
	return stdout
}

// Check runs `triggerd check` on the node's file.
func (d *Trigger) Check() {
	d.Host.lab.t.Helper()
	d.mustRun("", "check", d.conf())
}

// Init makes the cluster on this node, with its first operator.
func (d *Trigger) Init(operator, publicKeyFile string) {
	d.Host.lab.t.Helper()
	d.mustRun("", "init", "-c", d.conf(), "--operator", operator, "--key", publicKeyFile)
}

// Token asks this node, which must run, for a token with which another may join.
func (d *Trigger) Token(name string, role Role) string {
	d.Host.lab.t.Helper()
	return strings.TrimSpace(d.mustRun("", "token", "-c", d.conf(), "--role", string(role), "--name", name))
}

// Join makes this node, which must not run, a member.
func (d *Trigger) Join(token string) {
	d.Host.lab.t.Helper()
	d.mustRun("", "join", "-c", d.conf(), token)
}

// Operator types lines at the operator's door of this node, all of which must be
// accepted, and returns what was printed.
func (d *Trigger) Operator(lines ...string) string {
	t := d.Host.lab.t
	t.Helper()
	stdout, stderr, err := d.run(strings.Join(lines, "\n")+"\n", "cli", "-c", d.conf())
	if err != nil || refused(stdout) {
		t.Fatalf("%s: the operator's lines were not all accepted: %v\n%s%s", d.Name(), err, stdout, stderr)
	}
	return stdout
}

// Show runs one command at the operator's door and returns what it printed, without
// anything around it.
func (d *Trigger) Show(command string) string {
	t := d.Host.lab.t
	t.Helper()
	out, err := d.ask(command)
	if err != nil {
		t.Fatalf("%s: %v", d.Name(), err)
	}
	return out
}

// ask runs one command at the operator's door and returns what it printed.
func (d *Trigger) ask(command string) (string, error) {
	stdout, stderr, err := d.run("", "cli", "-c", d.conf(), command)
	if err != nil {
		return "", fmt.Errorf("%q: %w: %s%s", command, err, stdout, stderr)
	}
	return stdout, nil
}

// askJSON runs a show command in its json form.
func (d *Trigger) askJSON(command string, into any) error {
	out, err := d.ask(command)
	if err != nil {
		return err
	}
	if err := json.Unmarshal([]byte(out), into); err != nil {
		return fmt.Errorf("%q answered no JSON: %w\n%s", command, err, out)
	}
	return nil
}

// refused says whether the output has a line that starts with %.
func refused(output string) bool {
	return strings.HasPrefix(output, "%") || strings.Contains(output, "\n%")
}

// WaitEstablished waits until the node itself says that it has the sessions.
func (d *Trigger) WaitEstablished(peers ...netip.Addr) {
	t := d.Host.lab.t
	t.Helper()
	for _, peer := range peers {
		Eventually(t, fmt.Sprintf("%s has a session with %s", d.Name(), d.Host.lab.nameOf(peer)), func() (bool, string) {
			out, err := d.ask("show ip bgp neighbors " + peer.String())
			return strings.Contains(out, "BGP state = Established"), fmt.Sprintf("%s %v", out, err)
		})
	}
}

// WaitShows waits until a command at the operator's door prints all of these.
func (d *Trigger) WaitShows(command string, want ...string) {
	t := d.Host.lab.t
	t.Helper()
	Eventually(t, fmt.Sprintf("%s at %s prints %q", command, d.Name(), want), func() (bool, string) {
		out, err := d.ask(command)
		for _, w := range want {
			if !strings.Contains(out, w) {
				return false, fmt.Sprintf("%s %v", out, err)
			}
		}
		return err == nil, out
	})
}

// Routes is what the node itself holds to be announced, with no attributes: those
// are asked from the routers.
func (d *Trigger) Routes() []Route {
	d.Host.lab.t.Helper()
	var shown struct {
		Blackholes []struct{ Prefix netip.Prefix }
	}
	if err := d.askJSON("show blackhole json", &shown); err != nil {
		d.Host.lab.t.Fatalf("%s: %v", d.Name(), err)
	}
	var routes []Route
	for _, b := range shown.Blackholes {
		routes = append(routes, Route{Prefix: b.Prefix})
	}
	sortRoutes(routes)
	return routes
}

// config is the node's file.
func (d *Trigger) config() string {
	var b strings.Builder
	line := func(format string, args ...any) { fmt.Fprintf(&b, format+"\n", args...) }
	addr := d.Host.Addr4()
	line("hostname %s", d.Name())
	line("data-directory %s", d.Host.Path("data"))
	line("cluster listen %s", netip.AddrPortFrom(addr, clusterPort))
	line("cluster advertise %s", netip.AddrPortFrom(addr, clusterPort))
	if d.opts.Role == Witness {
		line("no ssh")
	} else {
		line("ssh listen %s", netip.AddrPortFrom(addr, sshPort))
	}
	if d.opts.Neighbors != nil {
		d.router(line)
	}
	for _, extra := range d.opts.Extra {
		line("%s", extra)
	}
	return b.String()
}

// router prints the router bgp block.
func (d *Trigger) router(line func(string, ...any)) {
	line("router bgp %d", d.opts.AS)
	line(" bgp router-id %s", d.Host.Addr4())
	for _, n := range d.opts.Neighbors {
		line(" neighbor %s remote-as %d", n.Addr, n.AS)
		if n.Password != "" {
			line(" neighbor %s password %s", n.Addr, n.Password)
		}
		switch {
		case n.GTSM:
			line(" neighbor %s ttl-security hops 1", n.Addr)
		case n.AS != d.opts.AS && !n.BFD:
			line(" neighbor %s ebgp-multihop 2", n.Addr)
		}
		if d.opts.RestartTime > 0 {
			line(" neighbor %s graceful-restart restart-time %d", n.Addr, d.opts.RestartTime)
		}
		line(" neighbor %s timers 3 %d", n.Addr, cmp.Or(d.opts.Hold, 9))
		for _, more := range d.lines[n.Addr] {
			line(" neighbor %s %s", n.Addr, more)
		}
		if n.BFD {
			line(" neighbor %s bfd", n.Addr)
		}
		if !n.IPv4 {
			line(" no neighbor %s activate", n.Addr)
		}
	}
	line(" address-family ipv6")
	for _, n := range d.opts.Neighbors {
		if n.IPv6 {
			line("  neighbor %s activate", n.Addr)
		}
	}
	line(" exit-address-family")
}
