package config

import (
	"strings"

	"github.com/triggerd/triggerd/cli/grammar"
)

// The lines of this file are those of a Quagga or FRR configuration that have no
// work to do here. None is shown as expected in errors.

// quiet makes rows that are taken without a word: they change nothing for a
// router that announces its own routes and takes in none.
func quiet(modes []*grammar.Mode, patterns ...string) []row {
	var rows []row
	for _, p := range patterns {
		rows = append(rows, row{Modes: modes, Pattern: p, Hidden: true, Run: nothing})
	}
	return rows
}

// skipped makes rows that are named in a warning: one warning for each pattern.
func skipped(modes []*grammar.Mode, why string, patterns ...string) []row {
	var rows []row
	for _, p := range patterns {
		name := spoken(p)
		rows = append(rows, row{Modes: modes, Pattern: p, Hidden: true, Run: func(r *reader, _ *match) error {
			r.note("skipped "+name, "`%s` is skipped: %s", name, why)
			return nil
		}})
	}
	return rows
}

// spoken is the part of a pattern by which a warning calls it: its keywords.
func spoken(pattern string) string {
	var name []string
	for _, w := range strings.Fields(pattern) {
		if w != "[no]" && strings.ToLower(w) == w && !strings.ContainsAny(w, "<[(") {
			name = append(name, w)
		}
	}
	return strings.Join(name, " ")
}

const (
	forUsers   = "users, keys and passwords belong to the cluster: make them there with `customer ...`"
	forImport  = "it belongs to the cluster now, not to a node's file; `triggerd import FILE` proposes it for a customer"
	forFilters = "route-maps and lists belong to the cluster now, not to a node's file; `triggerd import FILE` is for them"
	forLogs    = "the log goes to standard error; see `triggerd run --help`"
	noInbound  = "nothing that a neighbor sends is taken in, so there is nothing to filter"
)

func oldTopRows() []row {
	return concat(
		quiet(inTop, "frr version LINE", "frr defaults LINE", "[no] service LINE", "[no] ip forwarding", "[no] ipv6 forwarding",
			"bgp multiple-instance", "bgp config-type WORD", "agentx", "[no] banner motd LINE", "no banner motd"),
		skipped(inTop, forUsers, "password LINE", "enable password LINE", "no enable password", "username LINE"),
		skipped(inTop, forLogs, "[no] log LINE", "[no] debug LINE", "dump LINE"),
		skipped(inTop, forFilters, "[no] access-list LINE", "[no] ip access-list LINE", "[no] ip prefix-list LINE",
			"[no] ip as-path LINE", "[no] ip community-list LINE", "[no] ip extcommunity-list LINE", "[no] ip large-community-list LINE",
			"[no] ipv6 access-list LINE", "[no] ipv6 prefix-list LINE", "[no] bgp as-path LINE", "[no] bgp community-list LINE",
			"[no] bgp extcommunity-list LINE", "[no] bgp large-community-list LINE", "no route-map LINE"),
	)
}

func oldRouterRows() []row {
	rows := concat(
		quiet(inRouter, "[no] bgp log-neighbor-changes", "[no] bgp ebgp-requires-policy", "[no] bgp network import-check [exact]",
			"[no] bgp default <show-hostname|show-nexthop-hostname>", "[no] bgp suppress-duplicates", "[no] bgp deterministic-med",
			"[no] bgp always-compare-med", "[no] bgp fast-external-failover", "[no] bgp enforce-first-as", "[no] bgp bestpath LINE",
			"[no] bgp dampening [LINE]", "[no] bgp cluster-id LINE", "[no] bgp scan-time [LINE]", "[no] bgp client-to-client reflection", "[no] bgp route-reflector LINE",
			"[no] synchronization", "[no] auto-summary"),
		quiet(inBGP, "[no] maximum-paths LINE", "[no] distance LINE"),
		skipped(inRouter, "what is announced is set by the route-map of each blackhole", "bgp default local-preference (0-4294967295)"),
		skipped(inRouter, "say it for each neighbor: `neighbor A graceful-restart`", "bgp graceful-restart [LINE]"),
		skipped(inBGP, forImport, "[no] network LINE"),
		skipped(inBGP, "only blackholes are announced", "[no] redistribute LINE", "[no] aggregate-address LINE"),
	)
	for _, family := range []string{"<ipv4|ipv6> <multicast|vpn|labeled-unicast|flowspec|encap>", "<vpnv4|vpnv6|encap|encapv6> [unicast]", "l2vpn evpn"} {
		rows = append(rows, row{Modes: inRouter, Pattern: "address-family " + family, Hidden: true, Enters: familyMode, Run: func(r *reader, _ *match) error {
			r.note("family", "an `address-family` other than ipv4 and ipv6 unicast is skipped: blackholes are unicast")
			return nil
		}})
	}
	return rows
}

func oldNeighborRows() []row {
	const peer = "neighbor <A.B.C.D|X:X::X:X|NAME> "
	return concat(
		quiet(inBGP, peer+"soft-reconfiguration inbound", peer+"send-community [LINE]", peer+"disable-connected-check",
			peer+"graceful-restart-helper", peer+"capability LINE", peer+"strict-capability-match", peer+"route-reflector-client",
			peer+"route-server-client", peer+"maximum-prefix LINE", peer+"weight LINE", peer+"allowas-in [LINE]", peer+"enforce-first-as",
			"no "+peer+"enforce-first-as"),
		named(inBGP, noInbound, "neighbor ... in", peer+"<prefix-list|filter-list|distribute-list|route-map> WORD in"),
		named(inBGP, forFilters, "neighbor ... out", peer+"<prefix-list|filter-list|distribute-list> WORD out"),
		named(inBGP, "the next-hop of a blackhole is set by its route-map", "neighbor ... next-hop-self", peer+"next-hop-self [LINE]"),
		named(inRouter, "routes leave at once", "neighbor ... advertisement-interval", peer+"advertisement-interval (0-600)"),
		named(inBGP, "a blackhole is announced with its communities", "no neighbor ... send-community", "no "+peer+"send-community [LINE]"),
		named(inBGP, "only blackholes are announced", "neighbor ... default-originate", peer+"default-originate [LINE]"),
		named(inBGP, "route-maps set the attributes of blackholes", "neighbor ... unsuppress-map", peer+"unsuppress-map WORD"),
		named(inBGP, "route-maps set the attributes of blackholes", "neighbor ... attribute-unchanged", peer+"attribute-unchanged [LINE]"),
		named(inBGP, "the AS path of a blackhole has only the node's own AS", "neighbor ... remove-private-AS", peer+"remove-private-AS [LINE]"),
		named(inRouter, "capabilities are always negotiated", "neighbor ... dont-capability-negotiate", peer+"<dont-capability-negotiate|override-capability>"),
		named(inRouter, "BFD here knows one hop and its own timers", "neighbor ... bfd", peer+"bfd <check-control-plane-failure|profile WORD|strict>"),
	)
}

// named is skipped with a name of its own for the warning.
func named(modes []*grammar.Mode, why, name, pattern string) []row {
	return []row{{Modes: modes, Pattern: pattern, Hidden: true, Run: func(r *reader, _ *match) error {
		r.note(name, "`%s` is skipped: %s", name, why)
		return nil
	}}}
}

// oldBlockRows are whole blocks that are skipped. Only lines that such a block can
// have are skipped with it, so that nothing behind it is lost.
func oldBlockRows() []row {
	inMap, inVTY, inFamily := []*grammar.Mode{mapMode}, []*grammar.Mode{vtyMode}, []*grammar.Mode{familyMode}
	return concat(
		[]row{
			{Modes: inTop, Pattern: "route-map LINE", Hidden: true, Enters: mapMode, Run: func(r *reader, _ *match) error {
				r.note("route-map", "`route-map` is skipped: %s", forFilters)
				return nil
			}},
			{Modes: inTop, Pattern: "line vty", Hidden: true, Enters: vtyMode, Run: func(r *reader, _ *match) error {
				r.note("line vty", "`line vty` is skipped: the door is `ssh listen HOST:PORT`, its idle time `ssh exec-timeout MINUTES`")
				return nil
			}},
		},
		quiet(inMap, "[no] description LINE", "[no] match LINE", "[no] set LINE", "on-match LINE", "call LINE", "continue [LINE]"),
		quiet(inVTY, "[no] exec-timeout [LINE]", "[no] login", "[no] access-class LINE", "[no] ipv6 access-class LINE"),
		quiet(inFamily, "[no] neighbor LINE", "[no] network LINE", "[no] redistribute LINE", "[no] aggregate-address LINE",
			"[no] maximum-paths LINE", "[no] distance LINE", "advertise-all-vni"),
		[]row{
			leave("<exit|quit>", mapMode, topMode), leave("<exit|quit>", vtyMode, topMode),
			leave("<exit|quit>", familyMode, routerMode),
			leave("exit-address-family", familyMode, routerMode),
		},
	)
}
