package config

import (
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"
)

func drawRPKI(t *rapid.T) *RPKI {
	seconds := func(what string, from, to int) time.Duration {
		if !rapid.Bool().Draw(t, "has "+what) {
			return 0
		}
		return time.Duration(rapid.IntRange(from, to).Draw(t, what)) * time.Second
	}
	p := &RPKI{
		Refresh: seconds("refresh", 1, 86400), Retry: seconds("retry", 1, 7200), Expire: seconds("expire", 600, 172800),
		Union: rapid.Bool().Draw(t, "union"),
	}
	hosts := []string{"192.0.2.33", "2001:db8::33", "rtr.example.net", "tcp", "rtr1"}
	for _, host := range rapid.SliceOfNDistinct(rapid.SampledFrom(hosts), 0, 3, rapid.ID).Draw(t, "caches") {
		p.Caches = append(p.Caches, drawCache(t, host))
	}
	return p
}

func drawCache(t *rapid.T, host string) Cache {
	c := Cache{Host: host, Port: rapid.Uint16Range(1, 65535).Draw(t, "port"), Preference: rapid.Uint8Range(1, 255).Draw(t, "preference")}
	file := rapid.StringMatching(`/[a-z]{1,5}\.pem`)
	switch rapid.IntRange(0, 3).Draw(t, "transport") {
	case 1:
		c.Password = rapid.StringMatching(`[a-zA-Z0-9!?]{1,20}`).Draw(t, "password")
	case 2:
		c.TLS = true
		if rapid.Bool().Draw(t, "ca") {
			c.CA = file.Draw(t, "ca file")
		}
		if rapid.Bool().Draw(t, "certificate") {
			c.Cert, c.Key = file.Draw(t, "cert"), file.Draw(t, "key")
		}
		if rapid.Bool().Draw(t, "named") {
			c.ServerName = "rtr.example.net"
		}
	case 3:
		c.User, c.PrivateKey, c.PublicKey, c.KnownHosts = "rtr", file.Draw(t, "private"), file.Draw(t, "public"), file.Draw(t, "known")
	}
	if rapid.Bool().Draw(t, "source") {
		c.Source = "192.0.2.10"
		if strings.Contains(host, ":") {
			c.Source = "2001:db8::10"
		}
	}
	return c
}

func TestABadCacheIsExplained(t *testing.T) {
	for line, want := range map[string]string{
		"rpki cache 192.0.2.33 3323":                                           "must follow: USER, password, preference, source, tls",
		"rpki cache 192.0.2.300 3323 preference 1":                             "expected an address or a host name",
		"rpki cache 192.0.2.33 3323 source 2001:db8::1 preference 1":           "other address family",
		"rpki cache r 1 preference 1\n rpki cache r 1 preference 2":            "there is a second `rpki cache r 1`",
		"rpki cache r 22 rtr /id /id.pub preference 1":                         "known_hosts",
		"rpki cache r 1 tls certificate /c.pem source 192.0.2.1 preference 1":  `found "192.0.2.1"`,
		"rpki cache r 1 password " + strings.Repeat("x", 81) + " preference 1": "at most 80 bytes",
	} {
		_, _, err := Parse("file", strings.NewReader("hostname t\ncluster listen 192.0.2.1:7600\nrpki\n "+line+"\n"))
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", line, err, want)
		}
	}
}
