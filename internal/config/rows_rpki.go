package config

import (
	"errors"
	"net"
	"net/netip"
	"slices"
	"strconv"
	"time"

	"github.com/triggerd/triggerd/cli/grammar"
)

var inRPKI = []*grammar.Mode{rpkiMode}

// cacheLine begins every line about a cache. FRR 10 writes the transport before
// the host, FRR 8 does not.
const (
	cacheHost  = "<A.B.C.D|X:X::X:X|HOST>$host (1-65535)$port"
	preference = "preference (1-255)$preference"
	tlsFiles   = "[{ca FILE$ca|certificate FILE$cert key FILE$key|server-name HOST$name}]"
)

// rpkiRows are FRR's `rpki` block, with TLS, TCP MD5 and unions besides.
func rpkiRows() []row {
	return concat(
		[]row{
			{Modes: inTop, Pattern: "rpki", Enters: rpkiMode, Run: func(r *reader, _ *match) error {
				if r.draft.node.RPKI == nil {
					r.draft.node.RPKI = &RPKI{}
				}
				return nil
			}},
			interval("rpki polling_period (1-86400)$seconds", func(p *RPKI) *time.Duration { return &p.Refresh }),
			interval("rpki retry_interval (1-7200)$seconds", func(p *RPKI) *time.Duration { return &p.Retry }),
			interval("rpki expire_interval (600-172800)$seconds", func(p *RPKI) *time.Duration { return &p.Expire }),
			{Modes: inRPKI, Pattern: "rpki union", Run: func(r *reader, _ *match) error {
				r.draft.node.RPKI.Union = true
				return nil
			}},
			leave("<exit|quit>", rpkiMode, topMode),
		},
		cacheRows("rpki cache "+cacheHost, ""),
		cacheRows("rpki cache tcp "+cacheHost, ""),
		cacheRows("rpki cache "+cacheHost, "tls "+tlsFiles),
		cacheRows("rpki cache "+cacheHost, "password WORD$password"),
		cacheRows("rpki cache "+cacheHost, "USER$user PRIVATE-KEY$private PUBLIC-KEY$public KNOWN-HOSTS$known"),
		[]row{{Modes: inRPKI, Pattern: "rpki cache " + cacheHost + " USER$user PRIVATE-KEY PUBLIC-KEY " + preference, Hidden: true, Run: noHostKey}},
		quiet(inRPKI, "no rpki LINE", "rpki timeout LINE", "rpki initial-synchronisation-timeout LINE", "rpki reset"),
	)
}

// cacheRows are one form of a cache's line, with and without a local address.
func cacheRows(head, middle string) []row {
	if middle != "" {
		head += " " + middle
	}
	return []row{
		{Modes: inRPKI, Pattern: head + " [source <A.B.C.D|X:X::X:X>$source] " + preference, Run: rpkiCache},
	}
}

// noHostKey refuses FRR's form that believes any cache.
func noHostKey(*reader, *match) error {
	return errors.New("SSH needs the cache's own key: write the path of a known_hosts file that has it behind the public key")
}

func interval(pattern string, of func(*RPKI) *time.Duration) row {
	return row{Modes: inRPKI, Pattern: pattern, Run: func(r *reader, m *match) error {
		*of(r.draft.node.RPKI) = time.Duration(m.Number("seconds")) * time.Second
		return nil
	}}
}

func rpkiCache(r *reader, m *match) error {
	c := Cache{
		Host: m.Text("host"), Port: uint16(m.Number("port")), Preference: uint8(m.Number("preference")),
		Password: m.Text("password"), TLS: m.Has("tls"), CA: m.Text("ca"), Cert: m.Text("cert"), Key: m.Text("key"), ServerName: m.Text("name"),
		User: m.Text("user"), PrivateKey: m.Text("private"), PublicKey: m.Text("public"), KnownHosts: m.Text("known"),
	}
	if a := m.Addr("host"); a.IsValid() {
		c.Host = a.String()
	} else if !isHostName(c.Host) {
		return at("host", "found the host %q, expected an address or a host name", c.Host)
	}
	if a := m.Addr("source"); a.IsValid() {
		c.Source = a.String()
		if host := m.Addr("host"); host.IsValid() && host.Is4() != a.Is4() {
			return at("source", "the local address %s is of the other address family than the cache %s", a, host)
		}
	}
	if len(c.Password) > MaxPassword {
		return at("password", "a TCP MD5 key has at most %d bytes", MaxPassword)
	}
	p := r.draft.node.RPKI
	if slices.ContainsFunc(p.Caches, func(o Cache) bool { return o.Endpoint() == c.Endpoint() }) {
		return at("host", "there is a second `rpki cache %s %d`", c.Host, c.Port)
	}
	p.Caches = append(p.Caches, c)
	return nil
}

// Endpoint is where the cache is: HOST:PORT.
func (c Cache) Endpoint() string { return net.JoinHostPort(c.Host, strconv.Itoa(int(c.Port))) }

// SourceAddr is the local address of the connection; invalid: any.
func (c Cache) SourceAddr() netip.Addr {
	a, _ := netip.ParseAddr(c.Source)
	return a
}

func (p RPKI) print(t *text) {
	t.add("rpki")
	t.when(p.Refresh != 0, " rpki polling_period %d", p.Refresh/time.Second)
	t.when(p.Retry != 0, " rpki retry_interval %d", p.Retry/time.Second)
	t.when(p.Expire != 0, " rpki expire_interval %d", p.Expire/time.Second)
	t.when(p.Union, " rpki union")
	for _, c := range p.Caches {
		t.add(" rpki cache %s", c)
	}
	t.add("exit")
}

// String prints the cache as in its line.
func (c Cache) String() string {
	line := c.Host + " " + strconv.Itoa(int(c.Port))
	add := func(word, value string) {
		if value != "" {
			line += " " + word + value
		}
	}
	switch {
	case c.TLS:
		line += " tls"
		add("ca ", c.CA)
		add("certificate ", c.Cert)
		add("key ", c.Key)
		add("server-name ", c.ServerName)
	case c.User != "":
		line += " " + c.User + " " + c.PrivateKey + " " + c.PublicKey + " " + c.KnownHosts
	}
	add("password ", c.Password)
	add("source ", c.Source)
	return line + " preference " + strconv.Itoa(int(c.Preference))
}
