package clients

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/triggerd/triggerd/testenv"
)

// python runs with Debian's own interpreter, whatever else is in PATH: it is the
// one that has Debian's modules.
const python = "/usr/bin/python3"

func file(t testing.TB, path, text string) string {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestScriptThatUsedToTelnet(t *testing.T) {
	t.Parallel()
	testenv.Require(t, "openssh-client", "python3-pexpect")
	d := startDev(t)
	for i, landing := range []string{"landing view", "landing enable"} {
		prefix := fmt.Sprintf("203.0.113.%d/32", 16+i)
		alice := d.customer(fmt.Sprint("alice", i), []string{prefix}, landing)
		ssh := alice.ssh(i, []string{"-tt"})
		args := append([]string{filepath.Join("testdata", "telnet_style.py"), prefix}, ssh.Args...)
		finish(t, exec.Command(python, args...), "").works(t)
	}
	d.sees("203.0.113.16/32", "203.0.113.17/32")
}

func TestNetmiko(t *testing.T) {
	t.Parallel()
	testenv.Require(t, "openssh-client", "python3-netmiko")
	d := startDev(t)
	alice := d.customer("alice", []string{"203.0.113.32/28"}, "landing view")
	host, port := d.address(0)
	cmd := exec.Command(python, filepath.Join("testdata", "cisco_ios.py"), host, port, alice.name, alice.key, "203.0.113.33/32", "198.51.100.1/32")
	finish(t, cmd, "").works(t)
	d.sees("203.0.113.33/32")
}

func TestAnsible(t *testing.T) {
	t.Parallel()
	testenv.Require(t, "openssh-client", "ansible")
	d := startDev(t)
	alice := d.customer("alice", []string{"203.0.113.64/28"})
	host, port := d.address(0)
	inventory := file(t, filepath.Join(alice.home, "hosts"), fmt.Sprintf("[triggers]\ntrigger1 ansible_host=%s ansible_port=%s ansible_user=%s"+
		" ansible_ssh_private_key_file=%s ansible_connection=ansible.netcommon.network_cli ansible_network_os=frr.frr.frr"+
		" ansible_network_cli_ssh_type=paramiko\n", host, port, alice.name, alice.key))
	cmd := exec.Command("ansible-playbook", "-i", inventory, filepath.Join("testdata", "playbook.yml"))
	cmd.Env = append(os.Environ(), "HOME="+alice.home, "ANSIBLE_HOME="+alice.home, "ANSIBLE_LOCAL_TEMP="+alice.home,
		"ANSIBLE_HOST_KEY_CHECKING=False", "ANSIBLE_NOCOWS=1", "ANSIBLE_PERSISTENT_CONTROL_PATH_DIR="+filepath.Join(alice.home, "pc"),
		"ANSIBLE_PERSISTENT_COMMAND_TIMEOUT=60", "ANSIBLE_PERSISTENT_CONNECT_TIMEOUT=10")
	finish(t, cmd, "").works(t)
	d.sees("203.0.113.66/32")
}

func TestRANCID(t *testing.T) {
	t.Parallel()
	testenv.Require(t, "openssh-client", "rancid")
	d := startDev(t)
	alice := d.customer("alice", []string{"203.0.113.96/28"}, "landing view")
	alice.runs(0, "conf t; router bgp 65534; network 203.0.113.97/32").works(t)
	host, port := d.address(0)
	file(t, filepath.Join(alice.home, ".cloginrc"), strings.Join([]string{
		"add method * {ssh:" + port + "}", "add user * {" + alice.name + "}", "add identity * {" + alice.key + "}",
		"add password * {unused} {oldsecret}",
		`add sshcmd * {ssh\ -F\ none\ -o\ StrictHostKeyChecking=no\ -o\ UserKnownHostsFile=/dev/null\ -o\ IdentitiesOnly=yes}`, "",
	}, "\n"))
	cmd := exec.Command("/usr/lib/rancid/bin/rancid", "-t", "frr", host)
	cmd.Dir = alice.home
	cmd.Env = append(os.Environ(), "HOME="+alice.home, "TERM=vt100", "PATH=/usr/lib/rancid/bin:"+os.Getenv("PATH"))
	finish(t, cmd, "").works(t)
	kept, err := os.ReadFile(filepath.Join(alice.home, host+".new"))
	if err != nil {
		t.Fatal(err)
	}
	want := "\nhostname trigger1\n!\nrouter bgp 65534\n network 203.0.113.97/32\n!\nend\n"
	if !strings.HasPrefix(string(kept), "!RANCID-CONTENT-TYPE: frr\n") || !strings.HasSuffix(string(kept), want) ||
		!strings.Contains(string(kept), "!triggerd ") {
		t.Errorf("RANCID keeps\n%s\nwant it to end in\n%s", kept, want)
	}
}

func TestPasswordUserWithSshpass(t *testing.T) {
	t.Parallel()
	testenv.Require(t, "openssh-client", "sshpass")
	d := startDev(t)
	alice := d.customer("alice", []string{"203.0.113.112/28"}, "password a-long-password")
	host, port := d.address(1)
	try := func(password, line string) result {
		return finish(t, exec.Command("sshpass", "-p", password, "ssh", "-F", "none", "-p", port, "-o", "PubkeyAuthentication=no",
			"-o", "IdentityAgent=none", "-o", "NumberOfPasswordPrompts=1", "-o", "LogLevel=ERROR", "-o", "StrictHostKeyChecking=accept-new",
			"-o", "UserKnownHostsFile="+filepath.Join(alice.home, "known_hosts"), alice.name+"@"+host, line), "")
	}
	try("a-long-password", "conf t; router bgp 65534; network 203.0.113.113/32").works(t)
	if r := try("a-wrong-password", "conf t; router bgp 65534; network 203.0.113.114/32"); r.status != 255 || !strings.Contains(r.stderr, "Permission denied") {
		t.Errorf("with a wrong password: %v", r)
	}
	d.sees("203.0.113.113/32")
}
