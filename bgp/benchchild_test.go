package bgp

import (
	"bufio"
	"fmt"
	"io"
	"net/netip"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/triggerd/triggerd/bgp/sink"
)

// The routers of a benchmark are processes of their own, as they are in life: in the
// speaker's own process their goroutines would wait for its collector, and the figures
// would say how long that takes.

// benchRole tells a child of a benchmark what it is.
const benchRole = "TRIGGERD_BENCH_ROLE"

// child runs what this process is started for; false when that is the tests.
func child() bool {
	role, args, _ := strings.Cut(os.Getenv(benchRole), " ")
	switch role {
	case "router":
		routerChild(strings.Fields(args))
	case "feeder":
		feederChild(strings.Fields(args))
	default:
		return false
	}
	return true
}

// routerChild says when it has read each announcement from its socket.
func routerChild(args []string) {
	out := bufio.NewWriter(os.Stdout)
	s := childSink(args, sink.Config{RouterID: adr("10.255.0.9"), OnEvent: func(e sink.Event) {
		switch e.Kind {
		case sink.Established:
			fmt.Fprintln(out, "up", e.At.UnixNano())
		case sink.Announce:
			fmt.Fprintln(out, e.Route.Prefix, e.At.UnixNano())
		default:
			return
		}
		_ = out.Flush()
	}})
	_, _ = io.Copy(io.Discard, os.Stdin)
	s.Close()
}

// feederChild sends a whole table and keeps its session until it is told to go.
func feederChild(args []string) {
	table, err := os.ReadFile(args[3])
	if err != nil {
		panic(err)
	}
	up := make(chan struct{}, 1)
	s := childSink(args, sink.Config{RouterID: adr("10.255.0.10"), Hold: 240 * time.Second, OnEvent: func(e sink.Event) {
		if e.Kind == sink.Established {
			up <- struct{}{}
		}
	}})
	<-up
	for len(table) > 0 {
		n := min(1<<16, len(table))
		if s.Send("trigger", table[:n]) != nil {
			break
		}
		table = table[n:]
	}
	_, _ = io.Copy(io.Discard, os.Stdin)
	s.Close()
}

// childSink dials: arguments are the AS, the local address and the speaker's.
func childSink(args []string, c sink.Config) *sink.Sink {
	as, err := strconv.ParseUint(args[0], 10, 32)
	if err != nil {
		panic(err)
	}
	c.LocalAS = uint32(as)
	s, err := sink.New(c)
	if err == nil {
		err = s.Dial("trigger", netip.MustParseAddrPort(args[2]), adr(args[1]))
	}
	if err != nil {
		panic(err)
	}
	return s
}

// process is a child.
type process struct {
	cmd   *exec.Cmd
	stdin io.Closer
	lines *bufio.Scanner
}

// spawn starts this binary as a child.
func spawn(b *testing.B, role string, args ...any) *process {
	b.Helper()
	self, err := os.Executable()
	if err != nil {
		b.Fatal(err)
	}
	p := &process{cmd: exec.Command(self)}
	p.cmd.Env = append(os.Environ(), benchRole+"="+role+" "+strings.TrimSpace(fmt.Sprintln(args...)))
	p.cmd.Stderr = os.Stderr
	in, err := p.cmd.StdinPipe()
	if err != nil {
		b.Fatal(err)
	}
	out, err := p.cmd.StdoutPipe()
	if err != nil {
		b.Fatal(err)
	}
	if err := p.cmd.Start(); err != nil {
		b.Fatal(err)
	}
	p.stdin, p.lines = in, bufio.NewScanner(out)
	return p
}

// end ends the child by closing its input.
func (p *process) end() {
	_ = p.stdin.Close()
	_ = p.cmd.Wait()
}

// arrivals calls f for each line of a router: what it has read, and when.
func (p *process) arrivals(f func(what string, at time.Time)) {
	for p.lines.Scan() {
		what, nanos, _ := strings.Cut(p.lines.Text(), " ")
		if n, err := strconv.ParseInt(nanos, 10, 64); err == nil {
			f(what, time.Unix(0, n))
		}
	}
}
