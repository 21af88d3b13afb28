package bench

import (
	"cmp"
	"context"
	"fmt"
	"net/netip"
	"os"
	"strings"
	"time"
)

// env is what one run has.
type env struct {
	ground
	opt       Options
	effort    effort
	routers   *receivers
	report    *Report
	namespace bool
	skipped   map[string]bool
	made      int
}

// startWithin bounds the start of a system, sessions included.
const startWithin = 90 * time.Second

func (e *env) say(format string, args ...any) {
	fmt.Fprintf(e.opt.Log, "bench: %s "+format+"\n", append([]any{time.Now().Format("15:04:05")}, args...)...)
}

// able tells whether a system can run here; if not, it is noted why.
func (e *env) able(system string) bool {
	why := kinds()[system].missing(e.namespace)
	if why != "" {
		e.skip(system, why)
	}
	return why == ""
}

func (e *env) skip(name, why string) {
	if !e.skipped[name+why] {
		e.skipped[name+why] = true
		e.report.Skipped = append(e.report.Skipped, Skip{name, why})
		e.say("%s can not run: %s", name, why)
	}
}

// begin makes a system and starts it with its sessions. An error is noted, and
// nil returned: the others go on.
func (e *env) begin(ctx context.Context, name string) system {
	if !e.able(name) {
		return nil
	}
	e.made++
	s := kinds()[name].make(e, fmt.Sprintf("%s-%d", name, e.made))
	if err := e.launch(ctx, s); err != nil {
		s.close()
		if ctx.Err() == nil {
			e.skip(name, "it did not start: "+err.Error())
		}
		return nil
	}
	return s
}

func (e *env) launch(ctx context.Context, s system) error {
	ctx, cancel := context.WithTimeoutCause(ctx, startWithin, fmt.Errorf("not within %v", startWithin))
	defer cancel()
	if err := s.start(ctx); err != nil {
		return err
	}
	err := e.routers.established(ctx, s.nodes()...)
	if err != nil && len(s.processes()) > 0 {
		err = s.processes()[0].saying(err)
	}
	return err
}

// until asks again and again until there is no error.
func until(ctx context.Context, look func() error) error {
	for {
		err := look()
		if err == nil {
			return nil
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("%w (%w)", err, context.Cause(ctx))
		case <-time.After(20 * time.Millisecond):
		}
	}
}

// pause waits, or returns why it may not.
func pause(ctx context.Context, d time.Duration) error {
	select {
	case <-time.After(d):
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// What is announced: tries come from one block, what stands from the other.
var (
	tryBlock   = netip.MustParsePrefix("198.18.0.0/15")
	standBlock = netip.MustParsePrefix("10.0.0.0/8")
)

// hosts are n addresses of a block from the first on, as blackholes.
func hosts(block netip.Prefix, first, n int) []netip.Prefix {
	all := make([]netip.Prefix, n)
	base := block.Addr().As4()
	start := uint32(base[0])<<24 | uint32(base[1])<<16 | uint32(base[2])<<8 | uint32(base[3])
	for i := range all {
		a := start + uint32(first+i)
		all[i] = netip.PrefixFrom(netip.AddrFrom4([4]byte{byte(a >> 24), byte(a >> 16), byte(a >> 8), byte(a)}), 32)
	}
	return all
}

// write writes a file of a system.
func write(file, text string, mode os.FileMode) error {
	if err := os.WriteFile(file, []byte(text), mode); err != nil {
		return err
	}
	return os.Chmod(file, mode) // also when it was there before
}

// lines joins lines of a configuration.
func lines(all ...string) string { return strings.Join(all, "\n") + "\n" }

// short is the first line of an error, for a cell.
func short(err error) string {
	text, _, _ := strings.Cut(err.Error(), "\n")
	if r := []rune(text); len(r) > 160 {
		text = string(r[:160]) + "..."
	}
	return cmp.Or(text, "failed")
}
