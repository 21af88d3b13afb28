package testenv

import (
	"fmt"
	"net/netip"
	"os"
	"os/user"
	"slices"
	"strconv"
	"strings"
)

// FRR is an edge router of zebra, staticd and bgpd. It takes blackholes as the
// router guide tells operators to: host routes that carry 65535:666 get the discard
// next-hop, which a static route sends to Null0.
type FRR struct {
	host    *Host
	opts    RouterOptions
	daemons []*Process // zebra, staticd, bgpd; empty when it does not run
	zebra   bool       // false: bgpd alone, its routes do not reach the kernel
}

// FRR makes an FRR edge router on the host.
func (l *Lab) FRR(host *Host, opts RouterOptions) *FRR {
	l.t.Helper()
	Require(l.t, "frr")
	return &FRR{host: host, opts: opts, zebra: true}
}

// FRRSpeaker makes a bgpd without zebra: a stand-in for a trigger that announces
// opts.Originate.
func (l *Lab) FRRSpeaker(host *Host, opts RouterOptions) *FRR {
	l.t.Helper()
	Require(l.t, "frr")
	return &FRR{host: host, opts: opts}
}

// Name is the host's name.
func (f *FRR) Name() string { return f.host.Name }

// Start writes the configuration and starts the daemons in FRR's own order.
func (f *FRR) Start() {
	t := f.host.lab.t
	t.Helper()
	f.giveDirToFRR()
	f.daemons = nil
	if f.opts.Text != "" {
		f.runZebra()
		f.run("staticd", f.opts.Static)
		f.run("bgpd", f.opts.Text)
		return
	}
	var more []string
	if len(f.opts.Caches) > 0 {
		more = []string{"-M", "rpki"}
	}
	if f.zebra {
		f.runZebra()
		f.run("staticd", "ip route 192.0.2.1/32 Null0\nipv6 route 100::1/128 Null0\n")
		f.run("bgpd", f.config(), more...)
		return
	}
	f.run("bgpd", f.config(), append(more, "-Z")...)
}

// Process is the running bgpd, to freeze it or to read its log.
func (f *FRR) Process() *Process { return f.daemons[len(f.daemons)-1] }

// runZebra starts zebra as the router guide tells operators to: without the option it
// replaces an IPv6 route in the kernel by deleting it and adding it again, and packets
// pass in between whenever the better of two triggers comes or goes.
func (f *FRR) runZebra() {
	f.host.lab.t.Helper()
	f.run("zebra", "hostname "+f.Name()+"\n", "--v6-rr-semantics")
}

// run starts one daemon and waits until its vty answers.
func (f *FRR) run(program, config string, more ...string) {
	t := f.host.lab.t
	t.Helper()
	dir := f.host.Dir
	file := f.host.File(program+".conf", config)
	socket := f.host.Path(program + ".vty")
	_ = os.Remove(socket)
	// -u root dies (it is not in the group of the vty), so the daemons run as frr.
	args := append([]string{"-u", "frr", "-g", "frr", "-f", file, "-i", dir + "/" + program + ".pid",
		"-z", dir + "/zserv.api", "--vty_socket", dir, "-P", "0", "--log", "stdout"}, more...)
	p := f.host.Run(nil, program, args...)
	f.daemons = append(f.daemons, p)
	Eventually(t, f.Name()+" answers on the vty of "+program, func() (bool, string) {
		if !p.Running() {
			t.Fatalf("%s", p.Report())
		}
		_, err := askVty(socket, "show version")
		return err == nil, fmt.Sprint(err)
	})
	// It goes on without a line that it does not understand, such as a password.
	if strings.Contains(p.Output(), "No such command on config line") {
		t.Fatalf("%s does not take its whole configuration\n%s", f.Name(), p.Report())
	}
}

// giveDirToFRR lets the daemons, which run as frr, write their sockets.
func (f *FRR) giveDirToFRR() {
	t := f.host.lab.t
	t.Helper()
	u, err := user.Lookup("frr")
	if err != nil {
		t.Fatalf("the frr package makes the user frr: %v", err)
	}
	uid, _ := strconv.Atoi(u.Uid)
	gid, _ := strconv.Atoi(u.Gid)
	if err := os.Chown(f.host.Dir, uid, gid); err != nil {
		t.Fatal(err)
	}
}

// Kill9 ends all daemons as a power cut would.
func (f *FRR) Kill9() {
	f.host.lab.t.Helper()
	f.each((*Process).Kill9)
}

// Stop ends all daemons, bgpd first.
func (f *FRR) Stop() {
	f.host.lab.t.Helper()
	f.each((*Process).Stop)
}

func (f *FRR) each(do func(*Process)) {
	f.host.lab.t.Helper()
	for _, p := range slices.Backward(f.daemons) {
		do(p)
	}
	f.daemons = nil
}

// Ask runs commands on bgpd and returns the answer to the last.
func (f *FRR) Ask(commands ...string) string {
	t := f.host.lab.t
	t.Helper()
	answers, err := askVty(f.host.Path("bgpd.vty"), commands...)
	if err != nil {
		t.Fatalf("%s: %v", f.Name(), err)
	}
	return answers[len(answers)-1]
}

// Configure types configuration lines at bgpd.
func (f *FRR) Configure(lines ...string) {
	f.host.lab.t.Helper()
	f.Ask(slices.Concat([]string{"enable", "configure terminal"}, lines, []string{"end"})...)
}

// WaitEstablished waits for the sessions with the peers.
func (f *FRR) WaitEstablished(peers ...netip.Addr) {
	t := f.host.lab.t
	t.Helper()
	for _, peer := range peers {
		Eventually(t, fmt.Sprintf("%s has a session with %s", f.Name(), f.host.lab.nameOf(peer)), func() (bool, string) {
			return f.established(peer)
		})
	}
}

// WaitDown waits until there is no session with the peer.
func (f *FRR) WaitDown(peer netip.Addr) {
	t := f.host.lab.t
	t.Helper()
	Eventually(t, fmt.Sprintf("%s has lost %s", f.Name(), f.host.lab.nameOf(peer)), func() (bool, string) {
		up, saw := f.established(peer)
		return !up, saw
	})
}

// Withdrawals is how often the peer has withdrawn the prefix since bgpd started,
// by its own log (`debug bgp updates in`).
func (f *FRR) Withdrawals(peer netip.Addr, p netip.Prefix) (count int) {
	f.host.lab.t.Helper()
	for line := range strings.Lines(f.daemons[len(f.daemons)-1].Output()) {
		if strings.Contains(line, "rcvd UPDATE about "+p.String()+" ") && strings.Contains(line, "withdrawn") && strings.Contains(line, peer.String()) {
			count++
		}
	}
	return count
}

// AllWithdrawals is Withdrawals for every prefix together.
func (f *FRR) AllWithdrawals(peer netip.Addr) (count int) {
	f.host.lab.t.Helper()
	for line := range strings.Lines(f.daemons[len(f.daemons)-1].Output()) {
		if strings.Contains(line, "rcvd UPDATE about ") && strings.Contains(line, "withdrawn") && strings.Contains(line, peer.String()) {
			count++
		}
	}
	return count
}

// TakesAllAsSent takes this router's own import policy away from a neighbor, so that
// its table is what it was sent.
func (f *FRR) TakesAllAsSent(n Neighbor) {
	f.host.lab.t.Helper()
	for _, family := range []string{"ipv4", "ipv6"} {
		f.Configure(fmt.Sprintf("router bgp %d", f.opts.AS), "address-family "+family+" unicast",
			fmt.Sprintf("no neighbor %s route-map RTBH-IN-%s in", n.Addr, family))
	}
}

// Reflects makes a neighbor of the router's own AS a client: it is sent what others send.
func (f *FRR) Reflects(client Neighbor) {
	f.host.lab.t.Helper()
	for _, family := range []string{"ipv4", "ipv6"} {
		f.Configure(fmt.Sprintf("router bgp %d", f.opts.AS), "address-family "+family+" unicast",
			fmt.Sprintf("neighbor %s route-reflector-client", client.Addr), fmt.Sprintf("no neighbor %s route-map NOTHING out", client.Addr))
	}
}

func (f *FRR) established(peer netip.Addr) (bool, string) {
	var neighbors map[string]struct {
		BGPState         string `json:"bgpState"`
		LastResetDueTo   string `json:"lastResetDueTo"`
		LastNotification string `json:"lastNotificationReason"`
	}
	err := askVtyJSON(f.host.Path("bgpd.vty"), "show bgp neighbors json", &neighbors)
	if err != nil {
		return false, err.Error()
	}
	n := neighbors[peer.String()]
	return n.BGPState == "Established", fmt.Sprintf("state %q, last reset %q %s", n.BGPState, n.LastResetDueTo, n.LastNotification)
}

// config is bgpd's file.
func (f *FRR) config() string {
	var b strings.Builder
	line := func(format string, args ...any) { fmt.Fprintf(&b, format+"\n", args...) }
	line("hostname %s", f.Name())
	line("debug bgp updates in")
	line("bgp route-map delay-timer 0")
	line("router bgp %d", f.opts.AS)
	line(" bgp router-id %s", f.host.Addr4())
	line(" bgp log-neighbor-changes")
	line(" no bgp default ipv4-unicast")
	line(" no bgp network import-check")
	line(" no bgp ebgp-requires-policy")
	if !f.zebra {
		line(" bgp graceful-restart-disable") // else BIRD takes its long-lived form for granted
	}
	for _, n := range f.opts.Neighbors {
		line(" neighbor %s remote-as %d", n.Addr, n.AS)
		if n.Password != "" {
			line(" neighbor %s password %s", n.Addr, n.Password)
		}
		switch {
		case n.GTSM:
			line(" neighbor %s ttl-security hops 1", n.Addr)
			line(" neighbor %s disable-connected-check", n.Addr)
		case n.AS != f.opts.AS:
			// The discard next-hop is not on the shared network: without multihop, or with
			// the check, an eBGP route through it would not be taken.
			line(" neighbor %s ebgp-multihop 2", n.Addr)
			line(" neighbor %s disable-connected-check", n.Addr)
		}
		line(" neighbor %s timers 3 %d", n.Addr, f.opts.hold())
		line(" neighbor %s timers connect 1", n.Addr)
	}
	f.family(line, "ipv4", netip.Addr.Is4, func(n Neighbor) bool { return n.IPv4 })
	f.family(line, "ipv6", netip.Addr.Is6, func(n Neighbor) bool { return n.IPv6 })
	b.WriteString(frrPolicy)
	if len(f.opts.Caches) > 0 {
		b.WriteString(strings.Join(RPKI(f.opts.Caches...), "\n") + "\n")
	}
	return b.String()
}

// family prints one address-family block.
func (f *FRR) family(line func(string, ...any), name string, is func(netip.Addr) bool, on func(Neighbor) bool) {
	line(" address-family %s unicast", name)
	for _, p := range f.opts.Originate {
		if is(p.Addr()) {
			line("  network %s route-map ORIGINATE-%s", p, name)
		}
	}
	for _, n := range f.opts.Neighbors {
		if !on(n) {
			continue
		}
		line("  neighbor %s activate", n.Addr)
		line("  neighbor %s soft-reconfiguration inbound", n.Addr)
		if f.opts.Originate == nil {
			line("  neighbor %s route-map RTBH-IN-%s in", n.Addr, name)
			line("  neighbor %s route-map NOTHING out", n.Addr)
		}
	}
	line(" exit-address-family")
}

// frrPolicy is what an edge does with what its triggers announce. ORIGINATE is for a
// bgpd that plays the trigger; without no-export, with which FRR would not send it
// over eBGP at all.
const frrPolicy = `
bgp community-list standard BLACKHOLE seq 5 permit blackhole
ip prefix-list HOST seq 5 permit 0.0.0.0/0 ge 32
ipv6 prefix-list HOST seq 5 permit ::/0 ge 128
route-map RTBH-IN-ipv4 permit 10
 match community BLACKHOLE
 match ip address prefix-list HOST
 set ip next-hop 192.0.2.1
 set community no-export additive
exit
route-map RTBH-IN-ipv6 permit 10
 match community BLACKHOLE
 match ipv6 address prefix-list HOST
 set ipv6 next-hop global 100::1
 set community no-export additive
exit
route-map NOTHING deny 10
exit
route-map ORIGINATE-ipv4 permit 10
 set community blackhole
 set ip next-hop 192.0.2.1
exit
route-map ORIGINATE-ipv6 permit 10
 set community blackhole
 set ipv6 next-hop global 100::1
exit
`
