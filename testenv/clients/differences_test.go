package clients

import "regexp"

// difference is one place where triggerd answers otherwise than Quagga on purpose:
// what was typed there (line end and leading Ctrl-U left out), and what stands in
// the answer here. Both are regular expressions.
type difference struct {
	why        string
	keys, here string
}

var differences = []difference{
	{"the blackholes of a whole network by a line without a mask, as Quagga's classes would have it, are refused",
		`(no )?network [0-9.]+`, `% The mask is missing: Quagga would take the whole of `},
	{"nothing is announced that was not typed", `network \S+/(24|64)`, `% \S+ has bits set beyond its mask; type `},
	{"a route-map that does not exist would announce a route without its community",
		`network \S+ route-map NOPE`, `% Route-map NOPE is not defined for you; nothing was announced\.`},
	{"a customer has its own prefixes only", `network (0\.0\.0\.0/0|224\.0\.0\.1/32)`, `% \S+ is not within your prefixes \(`},
	{"what was not accepted is not there", `no network (0\.0\.0\.0/0|224\.0\.0\.1/32)`, `% Can't find specified static route configuration\.`},
	{"the error says what to type", `(no )?network 2001:\S+`, `% (\S+ is an IPv6 network; type .address-family ipv6. first|The mask is missing; type )`},
	{"an IPv4 line below address-family ipv6 does not run in the mode above", `network 192\.0\.2\.1/32`, `% \S+ is an IPv4 network; type .address-family ipv4. first\.`},

	{"the name of a node is no customer's to change", `hostname \w+`, `% Unknown command: hostname `},
	{"configuration is saved to the cluster's log", `w|wr|wr m|wr mem|write|write memory|write file|copy running-config startup-config`,
		`^[a-z -]+\r\nConfiguration saved to cluster log \(index \d+\)\r\n\[OK\]\r\n`},
	{"show version is one line that Ansible reads", `show ver(sion)?`, `triggerd \S+, command line compatible with FRRouting 8\.4\.4 \(trigger1\)`},
	{"who names the user", `who`, ` vty\[\d+\] trig1 connected from 127\.0\.0\.1\.\r\n`},
	{"Ctrl-Z leaves the line, too, which at Quagga stands unseen in front of the next one", "conf t", `^conf t\r\ntrig1\(config\)# $`},

	{"better: JSON, pipes and more show commands", `show .* json`, `\{\r\n`},
	{"better: pipes", `show .* \| include .*`, `192`},
	{"better: pipes", `show ip bgp \| grep 192`, `% Unknown command: after \| there may be include, exclude, begin or count\.`},
	{"better: this Quagga has no RPKI", `show rpki .*`, `^show rpki [^%]*trig1# $`},
	{"better", `show clock`, `UTC`},
	{"better", `show users`, `trig1 +customer`},
	{"better", `terminal width 511`, `^terminal width 511\r\ntrig1# $`},
	{"better: the part of the configuration", `show run bgp|show running-config bgpd`, `\r\nrouter bgp 65534\r\n`},

	{"a customer has fewer commands: an abbreviation is ambiguous among what it may type", `d`, `^d\r\ntrig1> $`},
	{"a customer has fewer commands", `c\t`, `trig1# c\x08co$`},
	{"a customer has fewer commands", `ne\t`, `ne\x08\x08network $`},
	{"a customer has fewer commands, and more options", `network 192.0.2.1/32 r\t`, `reason     route-map  \r\n`},
	{"a customer has fewer commands", `clear ip bgp .*|show (ip )?(prefix-list|community-list|as-path-access-list).*`, `% Unknown command: `},
	{"list and show history list what was typed and may be typed here", `list|show history`, `\r\n  terminal length`},
	{"the neighbors are others", `show ip bgp neighbors 127.0.0.2.*`, `% (No such neighbor|Unknown command: show ip bgp neighbors 127.0.0.2 )`},
	{"the neighbors are others", `show bgp ipv6 unicast summary`, `BGP router identifier`},
	{"no ` not found`: Ansible takes that for a failure wherever it stands", `show route-map NOPE`, `% There is no route-map NOPE\.`},
	{"what is no prefix is no command", `show ip bgp 1\.2\.3`, `% Unknown command: show ip bgp 1\.2\.3`},
	{"the log and the memory of the process are the operators'", `show (memory|logging)`, `% Unknown command: `},
	{"the part that is the customer's, with the heading of the running configuration", `show startup-config`, `\r\nCurrent configuration:\r\n`},
}

// excuses are the differences while transcripts are played.
type excuses struct {
	keys, here []*regexp.Regexp
	used       []bool
}

func newExcuses() *excuses {
	e := &excuses{used: make([]bool, len(differences))}
	for _, d := range differences {
		e.keys = append(e.keys, regexp.MustCompile("^\x15?(?:"+d.keys+")(?:\r\n)?$"))
		e.here = append(e.here, regexp.MustCompile("(?s)"+d.here))
	}
	return e
}

// meant tells whether the answer to these keys differs on purpose.
func (e *excuses) meant(keys, answer string) bool {
	for i := range differences {
		if e.keys[i].MatchString(keys) && e.here[i].MatchString(answer) {
			e.used[i] = true
			return true
		}
	}
	return false
}

// unused are the differences that are none any more.
func (e *excuses) unused() (all []difference) {
	for i, used := range e.used {
		if !used {
			all = append(all, differences[i])
		}
	}
	return all
}
