package testenv

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"
)

// Root is the need for root on Linux with network namespaces. The other needs
// are names of Debian packages.
const Root = "root"

// programs says which program, or file, proves that a Debian package is installed.
var programs = map[string]string{
	"frr":            "bgpd",
	"bird2":          "bird",
	"iproute2":       "ip",
	"iputils-ping":   "ping",
	"procps":         "pgrep",
	"openssh-client": "ssh",
	"exabgp":         "exabgp",
	"openbgpd":       "bgpctl",
	"gobgpd":         "gobgpd",
	"stayrtr":        "stayrtr",
	"bgpdump":        "bgpdump",
	"pmacct":         "pmbmpd",
	"rtr-tools":      "rtrclient",
	"sshpass":        "sshpass",
	"ansible":        "ansible-playbook",
	"rancid":         "/usr/lib/rancid/bin/rancid",
	// FRR's own module, where Debian has it on this machine's architecture.
	"frr-rpki-rtrlib": "bgpd_rpki.so",
	// Modules of Debian's own Python, wherever another one is in PATH.
	"python3-pexpect": "/usr/lib/python3/dist-packages/pexpect/__init__.py",
	"python3-netmiko": "/usr/lib/python3/dist-packages/netmiko/__init__.py",
}

// Require skips the test, with the reason, when the machine lacks one of the
// needs: Root, or a Debian package by its name. With TESTENV_STRICT=1 what is
// missing fails the test, so that it cannot pass unseen.
func Require(t testing.TB, needs ...string) {
	t.Helper()
	var missing []string
	for _, need := range needs {
		if err := check(need); err != nil {
			missing = append(missing, err.Error())
		}
	}
	if len(missing) == 0 {
		return
	}
	reason := "the lab needs " + strings.Join(missing, "; ")
	if os.Getenv("TESTENV_STRICT") == "1" {
		t.Fatalf("%s (TESTENV_STRICT=1 makes this a failure)", reason)
	}
	t.Skip(reason)
}

// check says in words what is missing, or nil.
func check(need string) error {
	if need == Root {
		return haveRoot()
	}
	program, known := programs[need]
	if !known {
		return fmt.Errorf("a package that testenv does not know: %q", need)
	}
	if _, err := os.Stat(program); filepath.IsAbs(program) && err == nil {
		return nil
	}
	if _, err := lookPath(program); err != nil {
		return fmt.Errorf("the Debian package %s (no program %q; as root, testenv/install.sh installs it)", need, program)
	}
	return nil
}

// haveRoot tries the real thing once: root inside a container often may not
// make network namespaces.
var haveRoot = sync.OnceValue(func() error {
	if runtime.GOOS != "linux" {
		return fmt.Errorf("network namespaces, which %s has not (Linux only)", runtime.GOOS)
	}
	if os.Geteuid() != 0 {
		return errors.New("root, for network namespaces")
	}
	if _, err := lookPath("ip"); err != nil {
		return errors.New("the Debian package iproute2")
	}
	name := family + owner() + "-probe"
	if out, err := ipCommand("netns", "add", name).CombinedOutput(); err != nil {
		return fmt.Errorf("the right to make network namespaces (ip netns add: %s)", firstLine(string(out)))
	}
	return ipCommand("netns", "delete", name).Run()
})

// lookPath finds a program also where Debian puts daemons, which is not always
// in PATH (su without a dash). FRR's directory comes first: OpenBGPD has a bgpd
// too, in /usr/sbin, which the lab asks for by its full name.
func lookPath(program string) (string, error) {
	if path, ok := executable("/usr/lib/frr", program); ok {
		return path, nil
	}
	if modules, _ := filepath.Glob("/usr/lib/*/frr/modules/" + program); len(modules) > 0 {
		return modules[0], nil
	}
	if path, err := exec.LookPath(program); err == nil {
		return path, nil
	}
	for _, dir := range []string{"/usr/sbin", "/sbin", "/usr/local/sbin"} {
		if path, ok := executable(dir, program); ok {
			return path, nil
		}
	}
	return "", fmt.Errorf("no program %q in PATH, /usr/lib/frr or /usr/sbin", program)
}

func executable(dir, program string) (string, bool) {
	if filepath.IsAbs(program) {
		return "", false
	}
	path := filepath.Join(dir, program)
	info, err := os.Stat(path)
	return path, err == nil && info.Mode()&0o111 != 0
}

func firstLine(s string) string {
	line, _, _ := strings.Cut(strings.TrimSpace(s), "\n")
	return line
}
