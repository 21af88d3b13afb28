package bench

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"os/exec"
	"regexp"
	"strconv"
	"strings"
)

// How each validates, and how it is asked.

// errOther is the state that is not asked for.
var errOther = errors.New("the route's state is another")

// is compares what was found with what was asked for.
func is(found, valid bool) error {
	if found != valid {
		return errOther
	}
	return nil
}

func (t *triggerd) useCache(at netip.AddrPort, _ content) {
	t.rpki = lines("rpki", fmt.Sprintf(" rpki cache %s %d preference 1", at.Addr(), at.Port()), "exit")
}

func (t *triggerd) loaded(ctx context.Context) (n int, err error) {
	var shown struct {
		Caches []struct {
			IPv4 int `json:"ipv4PrefixCount"`
			IPv6 int `json:"ipv6PrefixCount"`
		}
	}
	if err := t.members[0].asks(ctx, "show rpki cache-connection detail json", &shown); err != nil {
		return 0, err
	}
	for _, c := range shown.Caches {
		n += c.IPv4 + c.IPv6
	}
	return n, nil
}

func (t *triggerd) state(ctx context.Context, p netip.Prefix, valid bool) error {
	out, err := t.members[0].types(ctx, "show rpki rov prefix "+p.String()+" json")
	if err != nil {
		return err
	}
	want := `"rpkiValidationState": "invalid"`
	if valid {
		want = `"rpkiValidationState": "valid"`
	}
	if !strings.Contains(out, want) {
		return errOther
	}
	return nil
}

func (b *bird) useCache(at netip.AddrPort, _ content) { b.rpki = at }

// validation is the tables, the cache, and a filter that rejects what is invalid.
func (b *bird) validation() string {
	if !b.rpki.IsValid() {
		return ""
	}
	return lines("roa4 table r4;", "roa6 table r6;",
		fmt.Sprintf("protocol rpki cache { roa4 { table r4; }; roa6 { table r6; }; remote %s port %d; refresh keep 3600; }", b.rpki.Addr(), b.rpki.Port()),
		"filter rov4 { if roa_check(r4, net, bgp_path.last_nonaggregated) = ROA_INVALID then reject; accept; }",
		"filter rov6 { if roa_check(r6, net, bgp_path.last_nonaggregated) = ROA_INVALID then reject; accept; }")
}

func (b *bird) imports(family string) string {
	if !b.rpki.IsValid() {
		return "import all"
	}
	return "import table on; import filter rov" + family
}

var birdCount = regexp.MustCompile(`(\d+) of \d+ routes`)

func (b *bird) loaded(ctx context.Context) (sum int, err error) {
	for _, table := range []string{"r4", "r6"} {
		answer, err := b.ask(ctx, "show route count table "+table)
		if err != nil {
			return 0, err
		}
		m := birdCount.FindStringSubmatch(strings.Join(answer, " "))
		if m == nil {
			return 0, fmt.Errorf("BIRD counts %q", answer)
		}
		n, _ := strconv.Atoi(m[1])
		sum += n
	}
	return sum, nil
}

func (b *bird) state(ctx context.Context, p netip.Prefix, valid bool) error {
	answer, err := b.ask(ctx, "show route "+p.String())
	if err != nil && !strings.Contains(err.Error(), "not found") {
		return err
	}
	return is(strings.Contains(strings.Join(answer, " "), p.String()), valid)
}

func (f *frr) useCache(at netip.AddrPort, c content) {
	f.more, f.cache = []string{"-M", "rpki"}, c
	f.conf = lines("rpki", " rpki polling_period 3600", fmt.Sprintf(" rpki cache %s %d preference 1", at.Addr(), at.Port()), "exit",
		"route-map ROV deny 10", " match rpki invalid", "exit", "route-map ROV permit 20", "exit")
	f.imports = lines(fmt.Sprintf("  neighbor %s soft-reconfiguration inbound\n  neighbor %s route-map ROV in", feederAddr, feederAddr))
}

// loaded looks for the last: FRR 8 does not count them but by printing them all.
func (f *frr) loaded(ctx context.Context) (int, error) {
	out, err := f.vtysh(ctx, "show rpki prefix "+f.cache.last.String())
	if err != nil || !strings.Contains(out, f.cache.last.Addr().String()) {
		return 0, err
	}
	return f.cache.all, nil
}

func (f *frr) state(ctx context.Context, p netip.Prefix, valid bool) error {
	out, err := f.vtysh(ctx, "show bgp ipv4 unicast "+p.String()+" json")
	if err != nil && !strings.Contains(out, "not in table") {
		return err
	}
	return is(strings.Contains(out, p.String()), valid)
}

func (o *openbgpd) useCache(at netip.AddrPort, c content) {
	o.rtr, o.cache = at, c
	o.rules = lines("deny from any ovs invalid", "deny to any")
}

var setCount = regexp.MustCompile(`(?m)^ROA\s.*?(\d+)\s+(\d+)\s`)

// loaded looks whether there are any: they come into use all at once, after the
// end of the data, and fewer than were sent, since what others cover is left out.
func (o *openbgpd) loaded(ctx context.Context) (int, error) {
	out, err := o.ctl(ctx, "", "show", "sets")
	m := setCount.FindStringSubmatch(out)
	if err != nil || m == nil {
		return 0, errors.Join(err, fmt.Errorf("bgpctl show sets: %q", out))
	}
	four, _ := strconv.Atoi(m[1])
	six, _ := strconv.Atoi(m[2])
	if four+six == 0 {
		return 0, nil
	}
	return o.cache.all, nil
}

func (o *openbgpd) state(ctx context.Context, p netip.Prefix, valid bool) error {
	out, err := o.ctl(ctx, "", "show", "rib", p.String())
	if err != nil {
		return err
	}
	return is(strings.Contains(out, p.String()), valid)
}

func (g *gobgpd) useCache(at netip.AddrPort, _ content) { g.rtr = at }

// tool runs the gobgp command.
func (g *gobgpd) tool(ctx context.Context, args ...string) (string, error) {
	file, err := program("gobgp")
	if err != nil {
		return "", err
	}
	out, err := exec.CommandContext(ctx, file, append([]string{"-p", fmt.Sprint(g.api.Port())}, args...)...).CombinedOutput()
	if err != nil {
		err = fmt.Errorf("gobgp %s: %w: %s", strings.Join(args, " "), err, out)
	}
	return string(out), err
}

var recordCount = regexp.MustCompile(`(\d+)/(\d+)`)

func (g *gobgpd) loaded(ctx context.Context) (int, error) {
	out, err := g.tool(ctx, "rpki", "server")
	m := recordCount.FindStringSubmatch(out)
	if err != nil || m == nil {
		return 0, errors.Join(err, fmt.Errorf("gobgp rpki server: %q", out))
	}
	four, _ := strconv.Atoi(m[1])
	six, _ := strconv.Atoi(m[2])
	return four + six, nil
}

// state asks for the mark: what a policy has let in stays in, whatever becomes of
// its state.
func (g *gobgpd) state(ctx context.Context, p netip.Prefix, valid bool) error {
	out, err := g.tool(ctx, "global", "rib", p.String())
	if err != nil {
		return err
	}
	mark := "I*"
	if valid {
		mark = "V*"
	}
	if !strings.Contains(out, mark) {
		return fmt.Errorf("%w: %q", errOther, out)
	}
	return nil
}
