package main

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/triggerd/triggerd/testenv"
)

// world is what `triggerd dev --json` says about itself.
type world struct {
	Triggers []struct{ Name, SSH, BGP string }
	Witness  struct{ Name string }
	Customer struct {
		User, Key string
		ASN       uint32
		Prefixes  []string
	}
	Operator struct{ User, Key string }
	Router   struct{ Table string }
}

// devCluster is a running `triggerd dev --json`.
type devCluster struct {
	*process
	world
	line string
}

// startDev starts it and waits until it says that it is ready.
func startDev(t testing.TB, args ...string) *devCluster {
	t.Helper()
	return awaitDev(t, start(t, append([]string{"dev", "--json"}, args...)...))
}

func awaitDev(t testing.TB, p *process) *devCluster {
	t.Helper()
	began := time.Now()
	d := &devCluster{process: p}
	eventually(t, "triggerd dev is ready", func() (bool, string) {
		if !p.running() {
			t.Fatalf("triggerd dev ended with status %d\n%s", p.wait(), &p.stderr)
		}
		return strings.HasSuffix(p.stdout.String(), "\n"), p.stderr.String()
	})
	t.Logf("ready after %.1f s", time.Since(began).Seconds())
	d.line = p.stdout.String()
	if err := json.Unmarshal([]byte(d.line), &d.world); err != nil {
		t.Fatalf("%v: %s", err, d.line)
	}
	return d
}

// route is one element of the router's table.
type route struct {
	Prefix      string   `json:"prefix"`
	From        string   `json:"from"`
	NextHop     string   `json:"next_hop"`
	Communities []string `json:"communities"`
	ASPath      []uint32 `json:"as_path"`
}

// table asks the router. Fields that people were not told of fail the test.
func (d *devCluster) table() []route {
	d.t.Helper()
	response, err := http.Get(d.Router.Table)
	if err != nil {
		d.t.Fatal(err)
	}
	defer response.Body.Close()
	var routes []route
	decoder := json.NewDecoder(response.Body)
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&routes); err != nil {
		d.t.Fatal(err)
	}
	if routes == nil {
		d.t.Fatal("the empty table is null, not []")
	}
	return routes
}

// sees waits until the router's table is exactly this, in any order.
func (d *devCluster) sees(want ...route) {
	d.t.Helper()
	order := func(a, b route) int { return strings.Compare(a.Prefix+" "+a.From, b.Prefix+" "+b.From) }
	want = append([]route{}, want...)
	slices.SortFunc(want, order)
	eventually(d.t, fmt.Sprintf("the router sees %v", want), func() (bool, string) {
		got := d.table()
		slices.SortFunc(got, order)
		return reflect.DeepEqual(got, want), fmt.Sprint(got)
	})
}

// fromBoth is one blackhole as the router sees it: from each trigger, attributes
// the same.
func fromBoth(prefixes ...string) (routes []route) {
	for _, p := range prefixes {
		nextHop := "192.0.2.1"
		if strings.Contains(p, ":") {
			nextHop = "100::1"
		}
		for _, from := range []string{"trigger1", "trigger2"} {
			routes = append(routes, route{p, from, nextHop, []string{"65535:65281", "65535:666"}, []uint32{64500}})
		}
	}
	return routes
}

// ssh is the real client's command line. args after the options.
func (d *devCluster) ssh(user, key string, trigger int, args ...string) *exec.Cmd {
	d.t.Helper()
	testenv.Require(d.t, "openssh-client")
	host, port, err := net.SplitHostPort(d.Triggers[trigger].SSH)
	if err != nil {
		d.t.Fatal(err)
	}
	return exec.Command("ssh", append([]string{
		"-F", "none", "-p", port, "-i", key, "-o", "BatchMode=yes", "-o", "IdentitiesOnly=yes",
		"-o", "UserKnownHostsFile=/dev/null", "-o", "StrictHostKeyChecking=no", "-o", "LogLevel=ERROR",
		user + "@" + host,
	}, args...)...)
}

// types pipes lines to a login and returns what came back.
func (d *devCluster) types(user, key string, trigger int, lines ...string) result {
	d.t.Helper()
	return runToEnd(d.t, d.ssh(user, key, trigger), strings.Join(lines, "\n")+"\n")
}

// customerTypes is a customer's piped login.
func (d *devCluster) customerTypes(trigger int, lines ...string) result {
	d.t.Helper()
	return d.types(d.Customer.User, d.Customer.Key, trigger, lines...)
}

// customerRuns is `ssh trigger "line; line"`.
func (d *devCluster) customerRuns(trigger int, command string) result {
	d.t.Helper()
	return runToEnd(d.t, d.ssh(d.Customer.User, d.Customer.Key, trigger, command), "")
}

// operatorRuns is the same for the operator.
func (d *devCluster) operatorRuns(trigger int, command string) result {
	d.t.Helper()
	return runToEnd(d.t, d.ssh(d.Operator.User, d.Operator.Key, trigger, command), "")
}

// runToEnd runs another program than triggerd.
func runToEnd(t testing.TB, cmd *exec.Cmd, stdin string) result {
	t.Helper()
	cmd.Stdin = strings.NewReader(stdin)
	var out, errs strings.Builder
	cmd.Stdout, cmd.Stderr = &out, &errs
	err := cmd.Run()
	if cmd.ProcessState == nil {
		t.Fatal(err)
	}
	return result{out.String(), errs.String(), cmd.ProcessState.ExitCode()}
}

// The ports to choose from lie below those that systems give to outgoing
// connections, any of which could take one before its node has started, and below
// those of `triggerd dev`. No two tests get the same.
const firstPort, ports = 10000, 7000

var nextPort atomic.Int64

func init() { nextPort.Store(rand.Int64N(ports)) }

// freePort finds a port that nobody listens on now.
func freePort(t testing.TB) int {
	t.Helper()
	for range ports {
		port := firstPort + int(nextPort.Add(1)%ports)
		if l, err := net.Listen("tcp4", net.JoinHostPort("127.0.0.1", strconv.Itoa(port))); err == nil {
			_ = l.Close()
			return port
		}
	}
	t.Fatal("no free port")
	return 0
}

// shortDir is a temporary directory with a name so short that a unix socket fits
// below it.
func shortDir(t testing.TB) string {
	t.Helper()
	dir, err := os.MkdirTemp("/tmp", "trg")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	return dir
}

func writeFile(t testing.TB, path, text string, mode os.FileMode) string {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), mode); err != nil {
		t.Fatal(err)
	}
	return path
}

func readFile(t testing.TB, path string) string {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}
