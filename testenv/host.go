package testenv

import (
	"bytes"
	"fmt"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// Host is one machine of the lab: a network namespace and a directory.
type Host struct {
	Name string
	Dir  string // its files; belongs to root, mode 0755

	lab       *Lab
	namespace string
	addrs     []netip.Addr // in the order in which they were given
}

// Addr4 is the host's first IPv4 address.
func (h *Host) Addr4() netip.Addr { return h.first(netip.Addr.Is4) }

// Addr6 is the host's first IPv6 address.
func (h *Host) Addr6() netip.Addr { return h.first(netip.Addr.Is6) }

func (h *Host) first(is func(netip.Addr) bool) netip.Addr {
	for _, a := range h.addrs {
		if is(a) {
			return a
		}
	}
	h.lab.t.Fatalf("%s has no such address yet: %v", h.Name, h.addrs)
	return netip.Addr{}
}

// Do runs f with the calling thread inside the host's network namespace. It is
// for opening sockets, which then work from any goroutine; goroutines that f
// starts are outside.
func (h *Host) Do(f func() error) error {
	return inNamespace(filepath.Join(netnsDir, h.namespace), f)
}

// Command prepares a program to run on the host. `ip netns exec` replaces itself
// with the program, so the id of the process is the program's own.
func (h *Host) Command(program string, args ...string) *exec.Cmd {
	path, err := lookPath(program)
	if err != nil {
		path = program
	}
	cmd := ipCommand(append([]string{"netns", "exec", h.namespace, path}, args...)...)
	cmd.Dir = h.Dir
	return cmd
}

// File writes a file into the host's directory and returns its full name.
func (h *Host) File(name, content string) string {
	h.lab.t.Helper()
	path := filepath.Join(h.Dir, name)
	if err := os.WriteFile(path, []byte(content), 0o644); err != nil {
		h.lab.t.Fatalf("%s: %v", h.Name, err)
	}
	return path
}

// Path is a name in the host's directory.
func (h *Host) Path(name string) string { return filepath.Join(h.Dir, name) }

// IP runs lines of the ip command in the host's namespace, as `ip -batch` takes
// them, and ends the test when one is refused.
func (h *Host) IP(lines ...string) {
	h.lab.t.Helper()
	cmd := ipCommand("-n", h.namespace, "-batch", "-")
	cmd.Stdin = strings.NewReader(strings.Join(lines, "\n") + "\n")
	if out, err := cmd.CombinedOutput(); err != nil {
		h.lab.t.Fatalf("%s: ip: %v\n%s\nlines were:\n%s", h.Name, err, out, strings.Join(lines, "\n"))
	}
}

// Sysctl writes kernel settings of the host's namespace, each as
// "net/ipv4/ip_forward=1".
func (h *Host) Sysctl(settings ...string) {
	h.lab.t.Helper()
	err := h.Do(func() error {
		for _, s := range settings {
			name, value, _ := strings.Cut(s, "=")
			if err := os.WriteFile("/proc/sys/"+name, []byte(value), 0o644); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		h.lab.t.Fatalf("%s: sysctl: %v", h.Name, err)
	}
}

// KernelRoutes is what `ip route` prints for the prefix on this host: what the
// kernel really does with its packets. "" when there is no such route.
func (h *Host) KernelRoutes(p netip.Prefix) string {
	h.lab.t.Helper()
	version := "-4"
	if p.Addr().Is6() {
		version = "-6"
	}
	out, err := ipCommand("-n", h.namespace, version, "route", "show", "exact", p.String()).CombinedOutput()
	if err != nil {
		h.lab.t.Fatalf("%s: ip route: %v: %s", h.Name, err, out)
	}
	return string(bytes.TrimSpace(out))
}

func (h *Host) String() string { return fmt.Sprintf("%s%v", h.Name, h.addrs) }

// ipCommand is the ip program of iproute2, wherever it lies.
func ipCommand(args ...string) *exec.Cmd {
	path, err := lookPath("ip")
	if err != nil {
		path = "ip"
	}
	return exec.Command(path, args...)
}

// WaitRoute waits until the kernel's route for exactly this prefix says what it should,
// "" being no route.
func (h *Host) WaitRoute(p netip.Prefix, want string) {
	t := h.lab.t
	t.Helper()
	family := "-4"
	if p.Addr().Is6() {
		family = "-6"
	}
	Eventually(t, fmt.Sprintf("the kernel of %s has %q for %s", h.Name, want, p), func() (bool, string) {
		out, err := ipCommand("-n", h.namespace, family, "route", "show", p.String()).CombinedOutput()
		text := strings.TrimSpace(string(out))
		return err == nil && (text == "") == (want == "") && strings.Contains(text, want), fmt.Sprint(text, err)
	})
}
