package config

import (
	"slices"
	"strings"
)

// oldMap is one route-map. It is carried over whole or not at all: without one of
// its matches it would take in more than it did, and without one of its clauses
// less or more.
type oldMap struct {
	name    string
	lines   []oldLine
	lists   []string // prefix-lists it matches, "ip NAME" or "ipv6 NAME", and "community NAME"
	trouble *Warning // why it is not carried over
}

// hearMap begins a clause: route-map NAME permit|deny SEQ.
func (o *Old) hearMap(number int, words []string) {
	if len(words) != 4 {
		o.left(number, "`%s`: expected `route-map NAME permit|deny SEQUENCE`", strings.Join(words, " "))
		return
	}
	i := slices.IndexFunc(o.maps, func(m *oldMap) bool { return m.name == words[1] })
	var m *oldMap
	if i < 0 {
		m = &oldMap{name: words[1]}
	} else { // the last one is the one that lines are added to
		m = o.maps[i]
		o.maps = slices.Delete(o.maps, i, i+1)
	}
	o.maps = append(o.maps, m)
	m.lines = append(m.lines, oldLine{number, strings.Join(words, " ")})
}

// carried are the lines of a route-map's clause that mean the same here, by their
// first words, with how many words may follow.
var carried = []struct {
	words    string
	min, max int
}{
	{"description", 1, 1 << 20},
	{"match community", 1, 1}, {"match ip address prefix-list", 1, 1}, {"match ipv6 address prefix-list", 1, 1},
	{"set community", 1, 64}, {"set large-community", 1, 64}, {"set extcommunity rt", 1, 64}, {"set extcommunity soo", 1, 64},
	{"set ip next-hop", 1, 1}, {"set ipv6 next-hop global", 1, 1}, {"set local-preference", 1, 1}, {"set metric", 1, 1},
	{"set origin", 1, 1}, {"set as-path prepend", 1, 64},
}

// nothingHere are words in those lines that mean something else: the whole is not
// carried over then.
var nothingHere = []string{"none", "internet", "peer-address", "unchanged", "last-as", "exact-match", "rtt", "local-preference", "gshut", "graceful-shutdown"}

// hearClause reads one line of a clause.
func (o *Old) hearClause(number int, words []string) {
	if len(o.maps) == 0 || words[0] == "exit" || words[0] == "quit" || words[0] == "no" {
		return
	}
	m, text := o.maps[len(o.maps)-1], strings.Join(words, " ")
	if strings.HasPrefix(text, "set weight ") { // Quagga's own, never on the wire
		o.left(number, "`%s` of route-map %s: a weight is local to the router and changes nothing here", text, m.name)
		return
	}
	for _, c := range carried {
		value, ok := strings.CutPrefix(text, c.words+" ")
		values := strings.Fields(value)
		if !ok || len(values) < c.min || len(values) > c.max || c.words != "description" && unfit(values) {
			continue
		}
		m.lines = append(m.lines, oldLine{number, " " + text})
		if list := matched(c.words, value); list != "" {
			m.lists = append(m.lists, list)
		}
		return
	}
	if m.trouble == nil {
		m.trouble = &Warning{number, "`" + text + "` has no counterpart here"}
	}
}

// unfit tells whether a value is none that is taken here.
func unfit(values []string) bool {
	return slices.ContainsFunc(values, func(v string) bool {
		return slices.Contains(nothingHere, v) || v[0] == '+' || v[0] == '-'
	})
}

// matched names the list that a match line is about.
func matched(words, name string) string {
	switch words {
	case "match community":
		return "community " + name
	case "match ip address prefix-list":
		return "ip " + name
	case "match ipv6 address prefix-list":
		return "ipv6 " + name
	}
	return ""
}

// hearList reads a prefix-list's or community-list's rule.
func (o *Old) hearList(number int, words []string) {
	text := strings.Join(words, " ")
	kind, words := words[0]+" "+words[1], words[2:]
	switch kind {
	case "ip prefix-list", "ipv6 prefix-list":
		if len(words) > 1 && words[1] == "description" {
			o.left(number, "`%s`: a prefix-list has no description here", text)
			return
		}
	case "ip community-list", "bgp community-list":
		kind = "ip community-list standard"
		if words[0] == "standard" {
			words = words[1:]
		}
		if len(words) == 0 || words[0] == "expanded" || !standard(words[0]) || unfit(words) {
			o.left(number, "`%s`: only standard community-lists are taken, with communities AA:NN", text)
			return
		}
	default: // as-path, access-list, large and extended community-lists
		o.left(number, "`%s` is not carried over: prefix-lists and standard community-lists are", text)
		return
	}
	if len(words) > 1 && (words[1] == "permit" || words[1] == "deny" || words[1] == "seq") {
		o.lists = append(o.lists, oldLine{number, kind + " " + strings.Join(words, " ")})
		return
	}
	o.left(number, "`%s` is not a rule", text)
}

// standard tells whether a community-list of that name is a standard one: of the
// numbers those below 100 are.
func standard(name string) bool {
	digits := strings.Trim(name, "0123456789") == ""
	return !digits || len(name) < 3
}

// renameTwins gives IPv6 prefix-lists that are called as one of IPv4 another name:
// in Quagga each family has its names, here a name is one list.
func (o *Old) renameTwins() {
	names := map[string]bool{} // of IPv4
	for _, l := range o.lists {
		if w := strings.Fields(l.text); w[0] == "ip" && w[1] == "prefix-list" {
			names[w[2]] = true
		}
	}
	told := map[string]bool{}
	for i, l := range o.lists {
		w := strings.Fields(l.text)
		if w[0] != "ipv6" || !names[w[2]] {
			continue
		}
		if !told[w[2]] {
			told[w[2]] = true
			o.left(l.number, "the name of `ipv6 prefix-list %s`: an IPv4 list has it; this one is called %s", w[2], w[2]+twin)
		}
		w[2] += twin
		o.lists[i].text = strings.Join(w, " ")
	}
	for _, m := range o.maps {
		for i, l := range m.lines {
			if name, ok := strings.CutPrefix(l.text, " match ipv6 address prefix-list "); ok && told[name] {
				m.lines[i].text += twin
			}
		}
		for i, l := range m.lists {
			if name, ok := strings.CutPrefix(l, "ipv6 "); ok && told[name] {
				m.lists[i] += twin
			}
		}
	}
}

// twin is put behind the name of an IPv6 prefix-list that an IPv4 one has, too.
const twin = "-ipv6"

// settle leaves out what hangs on something that is not there: route-maps that
// match lists which are not, and networks whose route-map is not.
func (o *Old) settle() {
	o.renameTwins()
	have := map[string]bool{}
	for _, l := range o.lists {
		w := strings.Fields(l.text)
		if w[1] == "prefix-list" {
			have[w[0]+" "+w[2]] = true
		} else {
			have["community "+w[3]] = true
		}
	}
	maps := map[string]bool{}
	o.maps = slices.DeleteFunc(o.maps, func(m *oldMap) bool {
		for _, l := range m.lists {
			if m.trouble == nil && !have[l] {
				m.trouble = &Warning{m.lines[0].number, "it matches the list " + strings.TrimPrefix(l, "community ") + ", which is not carried over"}
			}
		}
		if m.trouble != nil {
			o.left(m.trouble.Line, "route-map %s is left out whole: %s", m.name, m.trouble.Text)
		}
		maps[m.name] = m.trouble == nil
		return m.trouble != nil
	})
	o.Networks = slices.DeleteFunc(o.Networks, func(n OldNetwork) bool {
		if n.RouteMap == "" || maps[n.RouteMap] {
			return false
		}
		o.left(n.Line, "`network %s route-map %s`: that route-map is not carried over, and without it the route would be another", n.Prefix, n.RouteMap)
		return true
	})
	slices.SortStableFunc(o.Left, func(a, b Warning) int { return a.Line - b.Line })
}
