package config

import (
	"fmt"
	"net"
	"net/netip"
	"path"
	"strconv"
	"strings"
	"time"
)

func topRows() []row {
	return []row{
		{Modes: inTop, Pattern: "hostname WORD", Run: hostname},
		{Modes: inTop, Pattern: "data-directory LINE", Run: dataDirectory},
		{Modes: inTop, Pattern: "cluster listen HOST:PORT", Run: func(r *reader, m *match) error {
			r.draft.node.Cluster.Listen = m.Text("HOST:PORT")
			return r.endpoint("cluster listen", m, true)
		}},
		{Modes: inTop, Pattern: "cluster advertise HOST:PORT", Run: func(r *reader, m *match) error {
			r.draft.node.Cluster.Advertise = m.Text("HOST:PORT")
			return r.endpoint("cluster advertise", m, false)
		}},
		{Modes: inTop, Pattern: "cluster boot-wait (0-3600)$seconds", Run: func(r *reader, m *match) error {
			r.draft.node.Cluster.BootWait = time.Duration(m.Number("seconds")) * time.Second
			return r.once("cluster boot-wait")
		}},
		{Modes: inTop, Pattern: "router bgp (1-4294967295)$as", Enters: routerMode, Run: routerBGP},
		leave("exit", topMode, topMode),
		leave("quit", topMode, topMode),
		leave("end", topMode, topMode),
	}
}

func hostname(r *reader, m *match) error {
	name := m.Text("WORD")
	ok := len(name) <= 63
	for i := range len(name) {
		c := name[i]
		letter := 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9'
		ok = ok && (letter || i > 0 && (c == '-' || c == '_' || c == '.'))
	}
	if !ok {
		return at("WORD", "found %q, expected a name of 1 to 63 letters, digits, '-', '_' and '.' that begins with a letter or a digit", name)
	}
	r.draft.node.Hostname = name
	return r.once("hostname")
}

func dataDirectory(r *reader, m *match) error {
	dir := m.Text("LINE")
	if !path.IsAbs(dir) {
		return at("LINE", "found %q, expected a path that begins with /", dir)
	}
	r.draft.node.DataDir = dir
	return r.once("data-directory")
}

// endpoint checks the HOST:PORT of a line of which there can be one.
func (r *reader) endpoint(what string, m *match, listens bool) error {
	if why := badEndpoint(m.Text("HOST:PORT"), listens); why != "" {
		return at("HOST:PORT", "%s", why)
	}
	return r.once(what)
}

// badEndpoint says what is wrong with a HOST:PORT. One that listens may leave the
// host out; one that is dialled names a host.
func badEndpoint(text string, listens bool) string {
	form := "192.0.2.1:7600, [2001:db8::1]:7600 or a host name in place of the address"
	host, port, err := net.SplitHostPort(text)
	if err != nil {
		return fmt.Sprintf("found %q, expected HOST:PORT such as %s", text, form)
	}
	if n, err := strconv.ParseUint(port, 10, 16); err != nil || n == 0 {
		return fmt.Sprintf("found the port %q, expected a number from 1 to 65535", port)
	}
	if host == "" || isWildcard(host) {
		if listens {
			return ""
		}
		return fmt.Sprintf("%q names no host that others could dial; expected HOST:PORT such as %s", text, form)
	}
	if _, err := netip.ParseAddr(host); err != nil && !isHostName(host) {
		return fmt.Sprintf("found the host %q, expected %s", host, form)
	}
	return ""
}

func isWildcard(host string) bool {
	a, err := netip.ParseAddr(host)
	return err == nil && a.IsUnspecified()
}

// isHostName knows RFC 1123 section 2.1, with '_' besides. A name whose last label
// is a number would be a mistyped address.
func isHostName(host string) bool {
	labels := strings.Split(strings.TrimSuffix(host, "."), ".")
	for _, label := range labels {
		if label == "" || len(label) > 63 || label[0] == '-' || label[len(label)-1] == '-' {
			return false
		}
		for i := range len(label) {
			c := label[i]
			if !('a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' || c == '-' || c == '_') {
				return false
			}
		}
	}
	_, err := strconv.ParseUint(labels[len(labels)-1], 10, 64)
	return err != nil && len(host) <= 253
}
