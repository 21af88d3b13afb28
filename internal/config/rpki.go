package config

import "time"

// RPKI is the `rpki` block: the caches whose data received routes are validated
// against.
type RPKI struct {
	Caches []Cache // as in the file; the first of equal preferences is the better one
	Union  bool    // what any cache says counts, not what the best one says

	// Upper bounds of the intervals that the caches ask for (RFC 8210 section 6),
	// whole seconds; 0 = none.
	Refresh, Retry, Expire time.Duration
}

// Cache is one RTR cache. It is comparable.
type Cache struct {
	Host       string // address or host name
	Port       uint16
	Preference uint8  // lower is better
	Source     string // local address; "" = any
	Password   string // TCP MD5 (RFC 2385); "" = none

	TLS           bool
	CA, Cert, Key string // files of TLS; "" = the system's CAs, no certificate shown
	ServerName    string // what the cache's certificate names; "" = Host

	// Of SSH: who we are, and files. User "" is no SSH. PublicKey is kept since FRR
	// wants it; it is not read. KnownHosts holds the cache's key.
	User, PrivateKey, PublicKey, KnownHosts string
}
