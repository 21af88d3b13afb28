package consensus

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/triggerd/triggerd/internal/alarm"
	"github.com/triggerd/triggerd/internal/rtbh"
)

// The test binary is also a node that takes its orders on standard input, so
// that a cluster can be made of two binaries: this one, and this one built with
// what the next version brings.

const asNodeIn = "CONSENSUS_TEST_NODE"

func TestMain(m *testing.M) {
	if dir := os.Getenv(asNodeIn); dir != "" {
		if err := nodeMain(dir); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// procStatus is what a node says of itself.
type procStatus struct {
	Leader  string
	Version uint32
	Speaks  uint32
	Newest  int // commands of the next version in its audit
	Holes   int
	Unknown bool // it met an entry that it can't read
	Voting  int
	Fresh   bool
}

func nodeMain(dir string) error {
	alarms := alarm.New(testLog(nil, "node"))
	n, err := Open(Options{Dir: dir, Listen: os.Getenv(asNodeIn + "_ADDR"), BootWait: time.Minute, Version: fmt.Sprintf("v%d", rtbh.Speaks), Alarms: alarms, Log: testLog(nil, os.Getenv(asNodeIn))})
	if err != nil {
		return err
	}
	fmt.Println("ready", n.Ready(context.Background()))
	in := bufio.NewScanner(os.Stdin)
	for in.Scan() {
		verb, arg, _ := strings.Cut(in.Text(), " ")
		fmt.Println(n.order(verb, arg, alarms))
	}
	return n.Close()
}

// order does one thing and says what came of it in one line.
func (n *Node) order(verb, arg string, alarms *alarm.Registry) string {
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	var err error
	switch verb {
	case "status":
		return n.procStatus(ctx, alarms)
	case "announce":
		err = n.proposeAs(ctx, local, announce(arg).Commands...)
	case "newest":
		err = n.propose(ctx, local, newest(arg))
	case "transfer":
		err = n.TransferLeadership(ctx, arg)
	default:
		err = fmt.Errorf("no such order: %s", verb)
	}
	if err != nil {
		return "error " + strings.ReplaceAll(err.Error(), "\n", " ")
	}
	return "ok"
}

func (n *Node) procStatus(ctx context.Context, alarms *alarm.Registry) string {
	var s procStatus
	_, s.Fresh = n.Fresh(ctx)
	s.Leader, s.Speaks, s.Voting = n.Status(ctx).Leader, rtbh.Speaks, len(n.voters())
	n.View(func(st *rtbh.State, now rtbh.Instant) {
		s.Version, s.Holes = st.Version(), len(st.Blackholes("", now))
		all, _ := st.Audit()
		for _, r := range all {
			if isNewest(r.Command) && r.Refusal == nil {
				s.Newest++
			}
		}
	})
	for _, a := range alarms.List() {
		s.Unknown = s.Unknown || a.Kind == alarm.UnknownEntry
	}
	out, err := json.Marshal(s)
	if err != nil {
		return "error " + err.Error()
	}
	return string(out)
}

// proc is a node in a process of its own.
type proc struct {
	t         testing.TB
	name      string
	dir, addr string
	cmd       *exec.Cmd
	in        io.WriteCloser
	out       *bufio.Scanner
	mu        sync.Mutex
	log       strings.Builder
}

// up starts the node with a binary.
func (p *proc) up(binary string) {
	p.t.Helper()
	p.mu.Lock()
	defer p.mu.Unlock()
	p.cmd = exec.Command(binary)
	p.cmd.Env = append(os.Environ(), asNodeIn+"="+p.dir, asNodeIn+"_ADDR="+p.addr)
	p.cmd.Stderr = &p.log
	var err error
	p.in, err = p.cmd.StdinPipe()
	must2(p.t, err)
	out, err := p.cmd.StdoutPipe()
	must2(p.t, err)
	must2(p.t, p.cmd.Start())
	p.out = bufio.NewScanner(out)
	if !p.out.Scan() || p.out.Text() != "ready true" {
		p.t.Errorf("%s: %q", p.name, p.out.Text())
	}
}

func must2(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// says gives an order; "" when the node is not up.
func (p *proc) says(format string, args ...any) string {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.cmd == nil {
		return ""
	}
	fmt.Fprintf(p.in, format+"\n", args...)
	if !p.out.Scan() {
		return "gone"
	}
	return p.out.Text()
}

func (p *proc) status() (s procStatus) {
	p.t.Helper()
	if text := p.says("status"); json.Unmarshal([]byte(text), &s) != nil {
		p.t.Errorf("%s: %q", p.name, text)
	}
	return s
}

// down ends the node as an administrator does.
func (p *proc) down() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.cmd == nil {
		return
	}
	_ = p.in.Close()
	for p.out.Scan() {
	}
	if err := p.cmd.Wait(); err != nil {
		p.t.Errorf("%s: %v\n%s", p.name, err, p.log.String())
	}
	p.cmd = nil
}

// newProcs makes a cluster's directories: two triggers, a witness, a speaker.
func newProcs(t testing.TB) (all []*proc) {
	first := initReal(t)
	add := func(name string, dir, addr string) {
		p := &proc{t: t, name: name, dir: dir, addr: addr}
		t.Cleanup(p.down)
		all = append(all, p)
	}
	add("trigger1", first.dir, first.addr)
	for _, m := range []struct {
		name string
		role rtbh.MemberRole
	}{{"trigger2", rtbh.Voter}, {"witness", rtbh.Witness}, {"pop1", rtbh.Speaker}} {
		token, err := first.Token(ctxFor(t, 5*time.Second), local, m.role, m.name, time.Minute)
		must2(t, err)
		dir, addr := filepath.Join(t.TempDir(), m.name), freeAddr(t)
		_, err = Join(ctxFor(t, 10*time.Second), JoinOptions{Dir: dir, Name: m.name, Advertise: addr, Token: token, Version: "v1"})
		must2(t, err)
		add(m.name, dir, addr)
	}
	must2(t, first.Close())
	return all
}
