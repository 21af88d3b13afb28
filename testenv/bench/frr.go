package bench

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// frr is FRR's bgpd alone, with `network` lines and no zebra.
type frr struct {
	single
	vty     netip.AddrPort // telnet
	more    []string       // arguments
	conf    string         // lines of the configuration
	cache   content        // of the RTR cache
	imports string         // lines about what the feeder sends, in both families
}

func newFRR(e *env, name string) system { return makeFRR(e, name) }

func makeFRR(e *env, name string) *frr {
	return &frr{single: newSingle(e, name), vty: loopback(e.nextPort())}
}

// frrPassword opens the telnet vty.
const frrPassword = "bench"

func (f *frr) start(ctx context.Context) error {
	conf, err := f.file("bgpd.conf", f.config(), 0o640)
	if err != nil {
		return err
	}
	for _, file := range []string{f.dir, conf} {
		if err := giveToFRR(file); err != nil {
			return err
		}
	}
	if err := f.restart(ctx); err != nil {
		return err
	}
	if err := f.answers(ctx, func() error { _, err := f.vtysh(ctx, "show version"); return err }); err != nil {
		return err
	}
	// It looks at its route-maps a second later; what is announced and withdrawn before
	// that may stay for good, and nothing tells when it is over.
	if err := pause(ctx, 2*time.Second); err != nil {
		return err
	}
	return f.dialed()
}

// restart starts bgpd on the files that are there.
func (f *frr) restart(context.Context) error {
	args := []string{"-Z", "-u", "frr", "-g", "frr", "-f", filepath.Join(f.dir, "bgpd.conf"), "-i", filepath.Join(f.dir, "bgpd.pid"),
		"--vty_socket", f.dir, "-A", f.vty.Addr().String(), "-P", fmt.Sprint(f.vty.Port()), "-l", f.at.Addr().String(), "-p", fmt.Sprint(f.at.Port()),
		"--log", "stdout", "--log-level", "warn"}
	return f.run(nil, "bgpd", append(args, f.more...)...)
}

// giveToFRR lets the daemon, which runs as frr, write there.
func giveToFRR(file string) error {
	u, err := user.Lookup("frr")
	if err != nil {
		return err
	}
	uid, _ := strconv.Atoi(u.Uid)
	gid, _ := strconv.Atoi(u.Gid)
	return os.Chown(file, uid, gid)
}

// config is as the lab's, with the checks off that would hold a blackhole back.
func (f *frr) config() string {
	var b strings.Builder
	line := func(format string, args ...any) { fmt.Fprintf(&b, format+"\n", args...) }
	line("hostname %s\npassword %s\nenable password %s", f.name, frrPassword, frrPassword)
	line("bgp route-map delay-timer 1") // after a restart the lines wait for their route-map; 5 by default, never with 0
	b.WriteString(f.conf)
	line("router bgp %d\n bgp router-id 192.0.2.22\n no bgp default ipv4-unicast\n no bgp network import-check\n no bgp ebgp-requires-policy", triggerAS)
	line(" bgp graceful-restart-disable")
	for _, a := range routerAddrs {
		line(" neighbor %s remote-as %d\n neighbor %s passive\n neighbor %s disable-connected-check\n neighbor %s ebgp-multihop 2", a, routerAS, a, a, a)
		line(" neighbor %s advertisement-interval 0", a)
	}
	line(" neighbor %s remote-as %d\n neighbor %s passive\n neighbor %s disable-connected-check\n neighbor %s ebgp-multihop 2", feederAddr, feederAS, feederAddr, feederAddr, feederAddr)
	line(" address-family ipv4 unicast")
	for _, a := range routerAddrs {
		line("  neighbor %s activate\n  neighbor %s route-map OWN out\n  neighbor %s route-map NOTHING in", a, a, a)
	}
	line("  neighbor %s activate\n  neighbor %s route-map NOTHING out\n%s exit-address-family", feederAddr, feederAddr, f.imports)
	line(" address-family ipv6 unicast\n  neighbor %s activate\n  neighbor %s route-map NOTHING out\n%s exit-address-family", feederAddr, feederAddr, f.imports)
	line("bgp community-list standard BLACKHOLE seq 5 permit blackhole")
	line("route-map OWN permit 10\n match community BLACKHOLE\nexit\nroute-map NOTHING deny 10\nexit")
	line("route-map RTBH permit 10\n set community blackhole\n set ip next-hop 192.0.2.1\nexit")
	return b.String()
}

// networkLines are the lines of a change.
func networkLines(c change) (all []string) {
	for _, p := range c.prefixes {
		if c.withdraw {
			all = append(all, "no network "+p.String())
		} else {
			all = append(all, "network "+p.String()+" route-map RTBH")
		}
	}
	return all
}

// vtysh runs the program with commands.
func (f *frr) vtysh(ctx context.Context, commands ...string) (string, error) {
	file, err := program("vtysh")
	if err != nil {
		return "", err
	}
	args := []string{"--vty_socket", f.dir}
	for _, c := range commands {
		args = append(args, "-c", c)
	}
	out, err := exec.CommandContext(ctx, file, args...).CombinedOutput()
	if err == nil && bytes.Contains(out, []byte("% ")) {
		err = errors.New("refused")
	}
	if err != nil {
		err = fmt.Errorf("vtysh: %w: %s", err, bytes.TrimSpace(out))
	}
	return string(out), err
}

func (f *frr) open(name string) (door, error) {
	if name == "vtysh" {
		return vtyshDoor{f}, nil
	}
	t, err := f.telnet()
	if err != nil {
		return nil, err
	}
	if err := t.configure(); err != nil {
		t.close()
		return nil, err
	}
	return telnetDoor{t}, nil
}

type vtyshDoor struct{ *frr }

func (d vtyshDoor) close() {}

func (d vtyshDoor) prepare(c change) (func(context.Context) error, error) {
	commands := append([]string{"configure terminal", fmt.Sprintf("router bgp %d", triggerAS), "address-family ipv4 unicast"}, networkLines(c)...)
	return func(ctx context.Context) error { _, err := d.vtysh(ctx, commands...); return err }, nil
}

// telnet is a session on FRR's (and Quagga's) telnet vty.
type telnet struct {
	conn net.Conn
	read []byte
}

func (f *frr) telnet() (*telnet, error) {
	conn, err := net.DialTimeout("tcp", f.vty.String(), 5*time.Second)
	if err != nil {
		return nil, err
	}
	t := &telnet{conn: conn}
	_ = conn.SetDeadline(time.Now().Add(10 * time.Second))
	for _, step := range []struct{ wait, say string }{
		{"Password: ", frrPassword}, {"> ", "enable"}, {"Password: ", frrPassword}, {"# ", "terminal length 0"}, {"# ", ""},
	} {
		if _, err := t.until(step.wait); err != nil {
			_ = conn.Close()
			return nil, err
		}
		if step.say != "" {
			if _, err := io.WriteString(conn, step.say+"\r"); err != nil {
				_ = conn.Close()
				return nil, err
			}
		}
	}
	_ = conn.SetDeadline(time.Time{})
	return t, nil
}

func (t *telnet) close() { _ = t.conn.Close() }

// until reads up to a prompt at the end of what has come, and returns that without
// the negotiation of options (three octets each, RFC 854).
func (t *telnet) until(prompt string) (string, error) {
	buf := make([]byte, 64<<10)
	for !bytes.HasSuffix(t.read, []byte(prompt)) {
		n, err := t.conn.Read(buf)
		t.read = append(t.read, buf[:n]...)
		if err != nil {
			return "", fmt.Errorf("telnet: %w after %q", err, tail(t.read))
		}
	}
	said := t.read
	t.read = nil
	for i := bytes.IndexByte(said, 0xff); i >= 0 && i+3 <= len(said); i = bytes.IndexByte(said, 0xff) {
		said = append(said[:i:i], said[i+3:]...)
	}
	return string(said), nil
}

// configure goes to where `network` lines are typed.
func (t *telnet) configure() error {
	return t.types(context.Background(), "configure terminal", fmt.Sprintf("router bgp %d", triggerAS), "address-family ipv4 unicast")
}

// types sends lines, each ended by CR alone: to this vty CR LF is two lines, with a
// prompt each. It sends as fast as they are taken, and reads until each has had its
// prompt.
func (t *telnet) types(ctx context.Context, all ...string) error {
	if deadline, ok := ctx.Deadline(); ok {
		_ = t.conn.SetDeadline(deadline)
		defer func() { _ = t.conn.SetDeadline(time.Time{}) }()
	}
	sent := make(chan error, 1)
	go func() {
		_, err := io.WriteString(t.conn, strings.Join(all, "\r")+"\r")
		sent <- err
	}()
	prompts, buf := 0, make([]byte, 64<<10)
	for prompts < len(all) {
		n, err := t.conn.Read(buf)
		// A prompt that comes in two parts is counted with its second.
		t.read = append(t.read, buf[:n]...)
		if i := bytes.LastIndex(t.read, []byte("# ")); i >= 0 {
			if bytes.Contains(t.read[:i], []byte("% ")) {
				return fmt.Errorf("refused: %q", tail(t.read))
			}
			prompts += bytes.Count(t.read[:i+2], []byte("# "))
			t.read = append([]byte(nil), t.read[i+2:]...)
		}
		if err != nil {
			return fmt.Errorf("telnet: %w", err)
		}
	}
	return <-sent
}

type telnetDoor struct{ *telnet }

func (d telnetDoor) prepare(c change) (func(context.Context) error, error) {
	all := networkLines(c)
	return func(ctx context.Context) error { return d.types(ctx, all...) }, nil
}
