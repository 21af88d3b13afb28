package rtrtest

import (
	"slices"

	"github.com/triggerd/triggerd/rpki/rtr"
)

func (c *Cache) answer(to *conn, q rtr.PDU) {
	if b, end, handled := c.misbehaves(q); handled {
		if len(b) > 0 {
			to.put(b)
		}
		if end {
			to.put(nil)
		}
		return
	}
	if q.Type == rtr.ErrorReport {
		to.put(nil) // as some caches do: an error is the end
		return
	}
	version := q.Version
	if version > c.Max || version < c.Min {
		switch c.Unknown {
		case Report:
			to.put(rtr.PDU{Version: c.Max, Type: rtr.ErrorReport, Code: rtr.UnsupportedVersion, Text: "no"}.Append(nil))
			to.put(nil)
			return
		case Silent:
			to.put(nil)
			return
		}
		version = c.Max
	}
	c.mu.Lock()
	to.version = version
	b := c.reply(version, q)
	c.mu.Unlock()
	to.put(b)
}

func (c *Cache) misbehaves(q rtr.PDU) ([]byte, bool, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.fault == nil {
		return nil, false, false
	}
	return c.fault(q)
}

// reply is an honest answer; the caller holds the lock.
func (c *Cache) reply(version uint8, q rtr.PDU) []byte {
	switch base := c.history[q.Serial]; {
	case c.data == nil:
		return rtr.PDU{Version: version, Type: rtr.ErrorReport, Code: rtr.NoDataAvailable}.Append(nil)
	case q.Type == rtr.ResetQuery:
		return c.Answer(version, nil, c.data)
	case q.Session != c.session || base == nil:
		return rtr.PDU{Version: version, Type: rtr.CacheReset}.Append(nil)
	default:
		return c.Answer(version, base, c.data)
	}
}

// Answer is the octets from Cache Response to End of Data that lead from one
// state (nil: none) to another, under the session and serial of now.
func (c *Cache) Answer(version uint8, from, to *rtr.Data) []byte {
	b := rtr.PDU{Version: version, Type: rtr.CacheResponse, Session: c.session}.Append(nil)
	b = appendVRPs(b, version, from, to)
	if version >= rtr.Version1 {
		b = appendKeys(b, version, from, to)
	}
	if version >= rtr.Version2 {
		b = appendASPAs(b, version, from, to)
	}
	return rtr.PDU{Version: version, Type: rtr.EndOfData, Session: c.session, Serial: c.serial, Timers: c.Timers}.Append(b)
}

// Prefix is the PDU of one VRP.
func Prefix(version uint8, announce bool, v rtr.VRP) []byte {
	p := rtr.PDU{Version: version, Type: rtr.IPv6Prefix, Announce: announce, VRP: v}
	if v.Prefix.Addr().Is4() {
		p.Type = rtr.IPv4Prefix
	}
	return p.Append(nil)
}

func appendVRPs(b []byte, version uint8, from, to *rtr.Data) []byte {
	for v, added := range rtr.Diff(from.Set(), to.Set()) {
		b = append(b, Prefix(version, added, v)...)
	}
	return b
}

func appendKeys(b []byte, version uint8, from, to *rtr.Data) []byte {
	for _, k := range from.RouterKeys() {
		if !slices.Contains(to.RouterKeys(), k) {
			b = rtr.PDU{Version: version, Type: rtr.RouterKeyPDU, Key: k}.Append(b)
		}
	}
	for _, k := range to.RouterKeys() {
		if !slices.Contains(from.RouterKeys(), k) {
			b = rtr.PDU{Version: version, Type: rtr.RouterKeyPDU, Announce: true, Key: k}.Append(b)
		}
	}
	return b
}

func appendASPAs(b []byte, version uint8, from, to *rtr.Data) []byte {
	find := func(d *rtr.Data, customer uint32) []uint32 {
		for _, a := range d.Attestations() {
			if a.Customer == customer {
				return a.Providers
			}
		}
		return nil
	}
	for _, a := range from.Attestations() {
		if find(to, a.Customer) == nil {
			b = rtr.PDU{Version: version, Type: rtr.ASPAPDU, ASPA: a}.Append(b)
		}
	}
	for _, a := range to.Attestations() {
		if !slices.Equal(find(from, a.Customer), a.Providers) {
			b = rtr.PDU{Version: version, Type: rtr.ASPAPDU, Announce: true, ASPA: a}.Append(b)
		}
	}
	return b
}
