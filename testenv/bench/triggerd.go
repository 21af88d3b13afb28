package bench

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"strings"

	"github.com/triggerd/triggerd/internal/config"
	"github.com/triggerd/triggerd/testenv/console"
)

// customerAS is what the customer types behind `router bgp`.
const customerAS = 65534

// triggerd is a cluster: triggers with BGP and SSH, and a witness.
type triggerd struct {
	env      *env
	name     string
	dir      string
	members  []*member
	triggers int // the first so many of the members announce
	rpki     string
	monitor  bool
	customer person
}

// member is one node.
type member struct {
	name string
	role string
	dir  string
	conf config.Node
	bgp  netip.AddrPort
	mon  netip.AddrPort // where a whole table may be sent
	proc *process
}

// newTriggerd is the normal cluster: two triggers and a witness.
func newTriggerd(e *env, name string) system { return newCluster(e, name, 2, 0) }

// newCluster makes a cluster of triggers that vote, a witness, and further nodes
// that only announce.
func newCluster(e *env, name string, triggers, speakers int) *triggerd {
	t := &triggerd{env: e, name: name, triggers: triggers, monitor: true}
	for i := range triggers {
		t.members = append(t.members, &member{name: fmt.Sprintf("%s-trigger%d", name, i+1), role: "voter"})
	}
	for i := range speakers {
		t.members = append(t.members, &member{name: fmt.Sprintf("%s-speaker%d", name, i+1), role: "speaker"})
		t.triggers++
	}
	t.members = append(t.members, &member{name: name + "-witness", role: "witness"})
	return t
}

func loopback(port uint16) netip.AddrPort {
	return netip.AddrPortFrom(netip.AddrFrom4([4]byte{127, 0, 0, 1}), port)
}

// nodes are the triggers.
func (t *triggerd) nodes() (names []string) {
	for _, m := range t.members[:t.triggers] {
		names = append(names, m.name)
	}
	return names
}

func (t *triggerd) processes() (all []*process) {
	for _, m := range t.members {
		all = append(all, m.proc)
	}
	return all
}

// start founds the cluster as an operator does: init, then token and join.
func (t *triggerd) start(ctx context.Context) (err error) {
	if t.dir, err = t.env.dirFor(t.name); err != nil {
		return err
	}
	operator, err := newPerson(t.dir, "operator")
	if err != nil {
		return err
	}
	if t.customer, err = newPerson(t.dir, "alice"); err != nil {
		return err
	}
	for i, m := range t.members {
		if err := t.configure(m, i); err != nil {
			return err
		}
		if err := t.join(ctx, i, m, operator); err != nil {
			return err
		}
	}
	if err := until(ctx, func() error { return t.complete(ctx) }); err != nil {
		return err
	}
	return t.define(ctx)
}

// join makes a node a member and starts it.
func (t *triggerd) join(ctx context.Context, i int, m *member, operator person) error {
	first := t.members[0]
	if i == 0 {
		if _, err := t.subcommand(ctx, "init", "-c", m.file(), "--operator", operator.user, "--key", operator.file+".pub"); err != nil {
			return err
		}
	} else {
		token, err := t.subcommand(ctx, "token", "-c", first.file(), "--role", m.role, "--name", m.name)
		if err != nil {
			return err
		}
		token, _, _ = strings.Cut(token, "\n")
		if _, err := t.subcommand(ctx, "join", "-c", m.file(), strings.TrimSpace(token)); err != nil {
			return err
		}
	}
	if err := t.run(m); err != nil {
		return err
	}
	if i < t.triggers {
		if err := t.env.routers.dial(m.name, m.bgp); err != nil {
			return err
		}
	}
	err := until(ctx, func() error { _, err := m.types(ctx, "show version"); return err })
	if err != nil {
		return m.proc.saying(err)
	}
	return nil
}

// run starts a node's process.
func (t *triggerd) run(m *member) (err error) {
	m.proc, err = t.env.ground.start(m.name, m.dir, nil, t.env.opt.Binary, "run", "-c", m.file(), "--log-level", "warn")
	return err
}

func (m *member) file() string { return filepath.Join(m.dir, "triggerd.conf") }

// configure writes the node's file.
func (t *triggerd) configure(m *member, i int) (err error) {
	if m.dir, err = t.env.dirFor(filepath.Join(t.name, m.name)); err != nil {
		return err
	}
	m.conf = config.Node{
		Hostname: m.name, DataDir: filepath.Join(m.dir, "data"),
		Cluster: config.Cluster{Listen: loopback(t.env.nextPort()).String(), BootWait: config.DefaultBootWait},
	}
	m.conf.Cluster.Advertise = m.conf.Cluster.Listen
	if m.role == "witness" {
		m.conf.SSH.Disabled = true
	} else {
		m.conf.SSH = config.SSH{Listen: []string{loopback(t.env.nextPort()).String()}}
		m.bgp, m.mon = loopback(t.env.nextPort()), loopback(t.env.nextPort())
		m.conf.BGP = t.speaker(m, byte(11+i%200))
	}
	return write(m.file(), m.conf.String()+t.rpki, 0o600)
}

// speaker is the `router bgp` block: both routers dial the node, and who sends a
// whole table does.
func (t *triggerd) speaker(m *member, id byte) *config.BGP {
	b := &config.BGP{ASN: triggerAS, RouterID: netip.AddrFrom4([4]byte{192, 0, 2, id}), Listen: []netip.AddrPort{m.bgp}}
	for _, a := range routerAddrs {
		b.Neighbors = append(b.Neighbors, config.Neighbor{Addr: a, RemoteAS: routerAS, Passive: true, Multihop: 2, IPv4: true})
	}
	if t.monitor && m.role != "speaker" {
		b.MonitorListen = []netip.AddrPort{m.mon}
		b.Neighbors = append(b.Neighbors, config.Neighbor{
			Addr: feederAddr, RemoteAS: feederAS, Passive: true, Multihop: 2, IPv4: true, IPv6: true, Monitor: true,
		})
	}
	return b
}

// subcommand runs a subcommand of triggerd to its end.
func (t *triggerd) subcommand(ctx context.Context, args ...string) (string, error) {
	return console.Subcommand(ctx, t.env.opt.Binary, args...)
}

// types types lines at the operator's own door of the node.
func (m *member) types(ctx context.Context, lines ...string) (string, error) {
	return console.Type(ctx, &m.conf, lines...)
}

// asks asks for something that is printed as JSON.
func (m *member) asks(ctx context.Context, question string, into any) error {
	return console.Ask(ctx, &m.conf, question, into)
}

// clusterJSON is what `show cluster json` prints, as far as needed.
type clusterJSON struct {
	Leader  string
	Members []struct {
		Name         string
		Voting       bool
		Reachable    bool
		AppliedIndex uint64
	}
}

// complete is nil when every member is reached, and votes if it is to.
func (t *triggerd) complete(ctx context.Context) error {
	var c clusterJSON
	if err := t.members[0].asks(ctx, "show cluster json", &c); err != nil {
		return err
	}
	ready := 0
	for _, m := range c.Members {
		if m.Reachable && (m.Voting || strings.Contains(m.Name, "-speaker")) {
			ready++
		}
	}
	if ready < len(t.members) || c.Leader == "" {
		return fmt.Errorf("%d of %d members are complete", ready, len(t.members))
	}
	return nil
}

// define makes the customer known.
func (t *triggerd) define(ctx context.Context) error {
	_, err := t.members[0].types(ctx, "configure terminal", "blackhole maximum-per-customer 3000000", "blackhole maximum 3000000",
		"customer alice", fmt.Sprintf("as-number %d", customerAS), "prefix "+tryBlock.String(), "prefix "+standBlock.String(),
		"user alice", "key "+t.customer.public, "end")
	return err
}

// leader is the place of the leader among the members.
func (t *triggerd) leader(ctx context.Context) (int, error) {
	for i, m := range t.members {
		var c clusterJSON
		if !m.proc.running() || m.asks(ctx, "show cluster json", &c) != nil {
			continue
		}
		for j, o := range t.members {
			if o.name == c.Leader {
				return j, nil
			}
		}
		return i, errors.New("no leader is known")
	}
	return 0, errors.New("no node answers")
}

func (t *triggerd) open(name string) (door, error) { return t.openAt(name, 0) }

// openAt opens a door of one of the nodes.
func (t *triggerd) openAt(name string, node int) (door, error) {
	at := t.members[node].conf.SSH.Listen[0]
	switch name {
	case "shell":
		return openShell(at, t.customer)
	case "command":
		return newCommand(at, t.customer)
	}
	return openBulk(at, t.customer)
}

func (t *triggerd) close() {
	for _, m := range t.members {
		if m.proc != nil && m.proc.running() {
			m.proc.kill9()
		}
	}
	_ = os.RemoveAll(t.dir) // a million blackholes are large
}
