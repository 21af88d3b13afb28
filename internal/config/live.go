package config

import (
	"errors"
	"net/netip"
	"slices"
	"strings"

	"github.com/triggerd/triggerd/cli/grammar"
)

// LiveLine is a line about a neighbor that an operator may type while the node
// runs: what changes sessions without a restart.
type LiveLine struct {
	Pattern string   // of cli/grammar, with $peer for the neighbor
	Help    []string // of its tokens, in order
	Family  string   // address family that it is typed under: "", "ipv4" or "ipv6"
	Remove  string   // what `no` before it takes away: the words behind the neighbor that the printed lines begin with; "" = the line is taken as it stands
}

// livePeer is the neighbor in a live line: peer-groups exist in files only.
const livePeer = "neighbor <A.B.C.D|X:X::X:X>$peer "

// LiveLines returns them, made from the rows by which the file is read.
func LiveLines() []LiveLine {
	all := []LiveLine{{Pattern: "no " + strings.TrimSpace(livePeer), Remove: " "}}
	for _, r := range concat(neighborRows(), sessionRows()) {
		prefix, rest, ok := strings.Cut(r.Pattern, peerToken)
		if !ok {
			continue
		}
		for _, m := range r.Modes {
			family := map[string]string{ipv4Mode.Name: "ipv4", ipv6Mode.Name: "ipv6"}[m.Name]
			all = append(all, LiveLine{Pattern: prefix + livePeer + rest, Family: family})
			if words, value := keywords(rest); prefix == "" && family == "" && words != "shutdown" && words != "graceful-restart-disable" {
				no := LiveLine{Pattern: strings.TrimSpace("no " + livePeer + words + " " + optionally(value)), Remove: words}
				if words == "remote-as" { // as in Quagga: without its AS there is no neighbor
					no.Remove = " "
				}
				all = append(all, no)
			}
		}
	}
	for i := range all {
		rows := grammar.New(words, grammar.Row[int]{Modes: inTop, Pattern: all[i].Pattern})
		for _, token := range rows.Manual()[0].Tokens {
			all[i].Help = append(all[i].Help, token.Help)
		}
	}
	return all
}

// keywords splits a pattern where its first value stands.
func keywords(pattern string) (words, value string) {
	parts := strings.SplitAfter(pattern, " ")
	n := slices.IndexFunc(parts, func(p string) bool { return strings.ContainsAny(p[:1], "[(<{") || strings.ToUpper(p[:1]) == p[:1] })
	if n < 0 {
		n = len(parts)
	}
	return strings.TrimSpace(strings.Join(parts[:n], "")), strings.Join(parts[n:], "")
}

func optionally(value string) string {
	if value == "" || strings.HasPrefix(value, "[") {
		return value
	}
	return "[" + value + "]"
}

// errNoRouter is a live line at a node that has no speaker.
var errNoRouter = errors.New("this node has no `router bgp` block; add one to its file and restart it")

// With returns the node as it is when one more line stands in its `router bgp`
// block, under an address family when that is not "". A later line about a
// neighbor replaces an earlier one.
func (n Node) With(family, line string, peer netip.Addr) (Node, []Warning, error) {
	if n.BGP == nil {
		return n, nil, errNoRouter
	}
	lines := n.Lines()
	if words := strings.Fields(line); len(words) > 2 && strings.HasPrefix("remote-as", words[2]) {
		lines = without(lines, peer, "remote-as") // the file may say it only once
	}
	if family != "" {
		line = "address-family " + family + "\n" + line + "\nexit-address-family"
	}
	return parseLive(append(lines, line))
}

// Without returns the node without the lines about a neighbor whose words behind
// its address begin with words; " " stands for all of them.
func (n Node) Without(peer netip.Addr, words string) (Node, []Warning, error) {
	if n.BGP == nil {
		return n, nil, errNoRouter
	}
	was := n.Lines()
	lines := without(was, peer, strings.TrimSpace(words))
	if len(lines) == len(was) {
		return n, nil, errors.New("there is no such line in this node's configuration")
	}
	return parseLive(lines)
}

func without(lines []string, peer netip.Addr, words string) []string {
	about := "neighbor " + peer.String() + " "
	return slices.DeleteFunc(slices.Clone(lines), func(l string) bool {
		l = strings.TrimPrefix(strings.TrimSpace(l), "no ")
		rest, ok := strings.CutPrefix(l, about)
		if !ok || words == "" {
			return ok
		}
		connect := words == "timers" && strings.HasPrefix(rest, "timers connect ")
		return !connect && (rest == words || strings.HasPrefix(rest, words+" "))
	})
}

func parseLive(lines []string) (Node, []Warning, error) {
	return Parse("", strings.NewReader(strings.Join(lines, "\n")+"\n"))
}
