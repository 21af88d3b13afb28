package bench

import (
	"context"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"time"
)

// frrsync is a pair of FRRs as triggerd replaces them: people type at the first and
// end with `write memory`; then a script reads `show running-config` of both over
// telnet and replays the difference at the second. Here its sessions stay open,
// which flatters it.
type frrsync struct {
	first, second *frr
}

func newFRRSync(e *env, name string) system {
	return &frrsync{makeFRR(e, name+"-1"), makeFRR(e, name+"-2")}
}

func (s *frrsync) start(ctx context.Context) error {
	if err := s.first.start(ctx); err != nil {
		return err
	}
	return s.second.start(ctx)
}

func (s *frrsync) nodes() []string { return []string{s.first.name, s.second.name} }

func (s *frrsync) processes() []*process { return []*process{s.first.proc, s.second.proc} }

func (s *frrsync) feedAt() netip.AddrPort { return s.first.at }

func (s *frrsync) close() {
	s.first.close()
	s.second.close()
}

func (s *frrsync) open(string) (door, error) {
	d := &syncDoor{pair: s}
	for _, f := range []*frr{s.first, s.second} {
		t, err := f.telnet()
		if err != nil {
			d.close()
			return nil, err
		}
		d.sessions = append(d.sessions, t)
	}
	return d, nil
}

// sync writes both and lets the script run once.
func (s *frrsync) sync(ctx context.Context) error {
	d, err := s.open("")
	if err != nil {
		return err
	}
	defer d.close()
	do, err := d.prepare(change{})
	if err != nil {
		return err
	}
	return do(ctx)
}

// syncDoor is the customer's session at the first router and the script's at both;
// one at the first is enough, since one waits for the other.
type syncDoor struct {
	pair     *frrsync
	sessions []*telnet // the second may be missing when apart
	// apart: the second may be away. The customer does not wait for the script, which
	// runs before the next line, and logs in again when it can.
	apart bool
}

func (d *syncDoor) close() {
	for _, t := range d.sessions {
		t.close()
	}
}

func (d *syncDoor) prepare(c change) (func(context.Context) error, error) {
	if d.apart {
		d.tryReplay()
	}
	customer := d.sessions[0]
	if err := customer.configure(); err != nil {
		return nil, err
	}
	all := append(networkLines(c), "end", "write memory")
	return func(ctx context.Context) error {
		if err := customer.types(ctx, all...); err != nil || d.apart {
			return err
		}
		return d.replay(ctx)
	}, nil
}

// tryReplay runs the script if the second router answers.
func (d *syncDoor) tryReplay() {
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	if len(d.sessions) == 1 {
		t, err := d.pair.second.telnet()
		if err != nil {
			return
		}
		d.sessions = append(d.sessions, t)
	}
	if d.replay(ctx) != nil {
		d.sessions[1].close()
		d.sessions = d.sessions[:1]
	}
}

// replay is the script.
func (d *syncDoor) replay(ctx context.Context) error {
	var running [2][]string
	for i, t := range d.sessions {
		text, err := t.show(ctx, "show running-config")
		if err != nil {
			return err
		}
		running[i] = networksOf(text)
	}
	changes := differences(running[0], running[1])
	if len(changes) == 0 {
		return nil
	}
	enter := []string{"configure terminal", fmt.Sprintf("router bgp %d", triggerAS), "address-family ipv4 unicast"}
	return d.sessions[1].types(ctx, slices.Concat(enter, changes, []string{"end", "write memory"})...)
}

// show asks one question.
func (t *telnet) show(ctx context.Context, question string) (string, error) {
	if deadline, ok := ctx.Deadline(); ok {
		_ = t.conn.SetDeadline(deadline)
		defer func() { _ = t.conn.SetDeadline(time.Time{}) }()
	}
	if _, err := t.conn.Write([]byte(question + "\r")); err != nil {
		return "", err
	}
	return t.until("# ")
}

// networksOf are the `network` lines of a configuration, sorted.
func networksOf(text string) (all []string) {
	for line := range strings.Lines(text) {
		if line = strings.TrimSpace(line); strings.HasPrefix(line, "network ") {
			all = append(all, line)
		}
	}
	slices.Sort(all)
	return all
}

// differences are the lines that make b what a is; both are sorted.
func differences(a, b []string) (all []string) {
	for len(a) > 0 || len(b) > 0 {
		switch {
		case len(b) == 0 || len(a) > 0 && a[0] < b[0]:
			all, a = append(all, a[0]), a[1:]
		case len(a) == 0 || b[0] < a[0]:
			network := strings.Fields(b[0])[1]
			all, b = append(all, "no network "+network), b[1:]
		default:
			a, b = a[1:], b[1:]
		}
	}
	return all
}
