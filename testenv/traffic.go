package testenv

import (
	"encoding/binary"
	"fmt"
	"net"
	"net/netip"
	"sync"
	"time"
)

// sendEvery is the pause between two packets of a flow.
const sendEvery = 10 * time.Millisecond

// Flow is traffic from one host to one address, counted packet by packet: every
// packet has a number, and the receiver notes which numbers arrived.
//
// Next to each packet goes another one, the same way but to a bystander: an address
// of the same network that nobody blackholes. A packet counts as lost only when a
// later bystander's packet has arrived. So "lost" is certain and not merely late,
// and a lab that has broken down altogether never passes for a blackhole.
type Flow struct {
	Target, Bystander netip.Addr

	// Slips is how many packets of a span may arrive though none should: for an edge
	// that leaves its kernel without the route for a moment when it changes its source.
	Slips int

	lab *Lab

	mu        sync.Mutex
	sent      []bool // by number: the packet to the target left
	came      []bool // by number: it arrived
	passed    int    // highest number whose bystander arrived; -1 at first
	sendError string // the last error of the sender, for people

	stop chan struct{}
	done sync.WaitGroup
}

// slack is how many packets the bystander must be ahead before a packet counts as
// lost. The path keeps the order of packets, but for two processors' queues.
const slack = 3

// Attack sends from one host to target and to bystander, addresses of the victim,
// every 10 ms, until the lab ends.
func (l *Lab) Attack(from, victim *Host, target, bystander netip.Addr) *Flow {
	l.t.Helper()
	f := &Flow{Target: target, Bystander: bystander, lab: l, passed: -1, stop: make(chan struct{})}
	atTarget := f.listen(victim, target)
	atBystander := f.listen(victim, bystander)
	sender := f.listen(from, netip.Addr{})
	f.done.Go(func() { f.receive(atTarget, f.arrived) })
	f.done.Go(func() { f.receive(atBystander, f.bystanderArrived) })
	f.done.Go(func() {
		f.send(sender, addrPort(atTarget), addrPort(atBystander))
	})
	l.onClose(func() {
		close(f.stop)
		atTarget.Close()
		atBystander.Close()
		sender.Close()
		f.done.Wait()
	})
	return f
}

// listen opens a UDP socket on the host; the zero address is any.
func (f *Flow) listen(h *Host, addr netip.Addr) *net.UDPConn {
	f.lab.t.Helper()
	local := &net.UDPAddr{}
	if addr.IsValid() {
		local.IP = addr.AsSlice()
	}
	var conn *net.UDPConn
	err := h.Do(func() (err error) {
		conn, err = net.ListenUDP("udp", local)
		return err
	})
	if err != nil {
		f.lab.t.Fatalf("%s: %v", h.Name, err)
	}
	return conn
}

func addrPort(c *net.UDPConn) netip.AddrPort {
	return c.LocalAddr().(*net.UDPAddr).AddrPort()
}

// send sends pairs of packets until the lab ends. The socket is not connected, so
// what routers answer by ICMP does not stop it.
func (f *Flow) send(conn *net.UDPConn, target, bystander netip.AddrPort) {
	tick := time.NewTicker(sendEvery)
	defer tick.Stop()
	var packet [8]byte
	for n := uint64(0); ; n++ {
		binary.BigEndian.PutUint64(packet[:], n)
		// Noted before it leaves: it may arrive before WriteTo returns.
		f.mu.Lock()
		f.sent, f.came = append(f.sent, true), append(f.came, false)
		f.mu.Unlock()
		if _, err := conn.WriteToUDPAddrPort(packet[:], target); err != nil {
			f.mu.Lock()
			f.sent[n], f.sendError = false, err.Error()
			f.mu.Unlock()
		}
		_, _ = conn.WriteToUDPAddrPort(packet[:], bystander)
		select {
		case <-f.stop:
			return
		case <-tick.C:
		}
	}
}

func (f *Flow) receive(conn *net.UDPConn, note func(n int)) {
	var packet [64]byte
	for {
		size, _, err := conn.ReadFromUDPAddrPort(packet[:])
		if err != nil {
			return // closed at the lab's end
		}
		if size == 8 {
			note(int(binary.BigEndian.Uint64(packet[:8])))
		}
	}
}

func (f *Flow) arrived(n int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if n < len(f.came) {
		f.came[n] = true
	}
}

func (f *Flow) bystanderArrived(n int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.passed = max(f.passed, n)
}

// tally is what became of the packets with numbers from a mark on whose fate is
// known.
type tally struct {
	sent, came int
	lastRun    int  // how many at the end had the same fate
	lastCame   bool // which
	next       int  // the mark that continues it
}

func (t tally) String() string {
	fate := "lost"
	if t.lastCame {
		fate = "arrived"
	}
	return fmt.Sprintf("%d packets sent, %d arrived, the last %d %s", t.sent, t.came, t.lastRun, fate)
}

// since counts from the mark on.
func (f *Flow) since(mark int) tally {
	f.mu.Lock()
	defer f.mu.Unlock()
	t := tally{next: mark}
	for n := mark; n <= f.passed-slack && n < len(f.sent); n++ {
		t.next = n + 1
		if !f.sent[n] {
			continue
		}
		t.sent++
		if f.came[n] {
			t.came++
		}
		if t.lastCame != f.came[n] {
			t.lastCame, t.lastRun = f.came[n], 0
		}
		t.lastRun++
	}
	return t
}

// now is the mark of the next packet to leave.
func (f *Flow) now() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return len(f.sent)
}

// steady is how many packets in a row must have the same fate before the flow
// counts as flowing or stopped.
const steady = 10

// Flows waits until packets sent from now on arrive. It returns the span of time
// that begins there, which can be asked later whether it was unbroken.
func (f *Flow) Flows() *Span { f.lab.t.Helper(); return f.becomes(true, "packets reach") }

// Stops waits until packets sent from now on are lost, while the bystander's arrive.
// It returns the span of time that begins there.
func (f *Flow) Stops() *Span { f.lab.t.Helper(); return f.becomes(false, "packets no longer reach") }

func (f *Flow) becomes(arriving bool, what string) *Span {
	f.lab.t.Helper()
	mark := f.now()
	Eventually(f.lab.t, fmt.Sprintf("%s %s", what, f.Target), func() (bool, string) {
		t := f.since(mark)
		return t.lastRun >= steady && t.lastCame == arriving, f.words(t)
	})
	return &Span{flow: f, mark: f.now(), arriving: arriving}
}

func (f *Flow) words(t tally) string {
	f.mu.Lock()
	defer f.mu.Unlock()
	return fmt.Sprintf("%v; last error of the sender: %q; the bystander %s got packet %d", t, f.sendError, f.Bystander, f.passed)
}

// Span is a span of time in which every packet, or none, must arrive.
type Span struct {
	flow     *Flow
	mark     int // the first packet
	arriving bool
}

// Held waits until packets that leave after this call are accounted for, fails the
// test if any packet since the span began had another fate than the span's, and
// returns how many packets that were. The span goes on and may be asked again.
func (s *Span) Held() (packets int) {
	t := s.flow.lab.t
	t.Helper()
	until := s.flow.now() + steady
	var counted tally
	Eventually(t, fmt.Sprintf("packets sent to %s meanwhile are accounted for", s.flow.Target), func() (bool, string) {
		counted = s.flow.since(s.mark)
		return counted.next >= until, s.flow.words(counted)
	})
	if rule := counted.broke(s.arriving, s.flow.Slips); rule != "" {
		t.Errorf("%s to %s: %v", rule, s.flow.Target, counted)
	}
	return counted.sent
}

// broke names the rule that the packets of a span broke, or "".
func (t tally) broke(arriving bool, slips int) string {
	switch {
	case arriving && (t.came != t.sent || t.sent == 0):
		return "all were to arrive"
	case !arriving && slips > 0 && (t.came > slips || t.sent <= slips):
		return fmt.Sprintf("none but %d were to arrive", slips)
	case !arriving && (t.came > slips || t.sent <= slips):
		return "none was to arrive"
	}
	return ""
}
