package rtr

import (
	"maps"
	"slices"
)

// draft collects the answer to one query, from Cache Response to End of Data.
// Nobody sees any of it before finish has made whole Data of it.
type draft struct {
	session  uint16
	version  uint8
	four     []rec4
	six      []rec6
	others   []PDU // ASPAs and router keys, in the order in which they came
	withdraw bool  // a prefix was withdrawn
}

// take adds one PDU, given as its octets; prefixes take the short way.
func (d *draft) take(raw []byte) *ProtocolError {
	switch Type(raw[1]) {
	case IPv4Prefix:
		if r, ok := read4(raw); ok {
			d.four = append(d.four, r)
			d.withdraw = d.withdraw || r.op == withdraw
			return nil
		}
	case IPv6Prefix:
		if r, ok := read6(raw); ok {
			d.six = append(d.six, r)
			d.withdraw = d.withdraw || r.op == withdraw
			return nil
		}
	}
	p, err := decode(raw)
	if err == nil {
		d.others = append(d.others, p)
	}
	return err
}

func (d *draft) put(v VRP, o op) {
	if v.Prefix.Addr().Is4() {
		r := pack4(v)
		r.op = o
		d.four = append(d.four, r)
	} else {
		r := pack6(v)
		r.op = o
		d.six = append(d.six, r)
	}
	d.withdraw = d.withdraw || o == withdraw
}

func (d *draft) putAll(all []VRP, o op) {
	for _, v := range all {
		d.put(v, o)
	}
}

// finish makes the new data: base with the changes, or, when base is nil, what
// the answer to a Reset Query says. base itself stays as it is.
func (d *draft) finish(base *Data) (*Data, *ProtocolError) {
	var set *Set
	var err *ProtocolError
	if base.Set().Len() == 0 && !d.withdraw {
		set, err = newSet(d.four, d.six)
	} else {
		set, err = base.Set().apply(d.four, d.six)
	}
	if err != nil {
		err.Inner = d.stamped(err.Inner)
		return nil, err
	}
	data := &Data{VRPs: set, ASPAs: base.Attestations(), Keys: base.RouterKeys()}
	if base != nil {
		data.parts = base.parts
	}
	if len(d.others) > 0 {
		err = d.finishOthers(base, data)
	}
	return data, err
}

// stamped gives the PDU that an error is about the version of the session.
func (d *draft) stamped(inner []byte) []byte {
	if len(inner) > 0 {
		inner[0] = d.version
	}
	return inner
}

func (d *draft) finishOthers(base, data *Data) *ProtocolError {
	parts := base.partsOf()
	keys := map[RouterKey]bool{}
	for _, k := range data.Keys {
		keys[k] = true
	}
	for _, p := range d.others {
		var err *ProtocolError
		if p.Type == ASPAPDU {
			err = takeASPA(parts, p)
		} else {
			err = takeKey(keys, p)
		}
		if err != nil {
			return err
		}
	}
	data.parts, data.ASPAs = parts, joined(parts)
	data.Keys = slices.SortedFunc(maps.Keys(keys), byKey)
	return nil
}

// takeASPA: an announcement replaces the one before (8210bis section 5.12).
func takeASPA(all map[part][]uint32, p PDU) *ProtocolError {
	key := part{p.ASPA.Customer, p.family}
	if p.Announce {
		all[key] = p.ASPA.Providers
		return nil
	}
	now, there := all[key]
	if !there {
		return bad(UnknownWithdrawal, p.Append(nil), "the ASPA of AS%d", p.ASPA.Customer)
	}
	// The older form names the providers that end. StayRTR 0.5 sends the
	// withdrawal of an ASPA behind what has replaced it: that one stays.
	if p.family == 0 || slices.Equal(now, p.ASPA.Providers) {
		delete(all, key)
	}
	return nil
}

func takeKey(all map[RouterKey]bool, p PDU) *ProtocolError {
	if p.Announce == all[p.Key] {
		code := UnknownWithdrawal
		if p.Announce {
			code = DuplicateAnnouncement
		}
		return bad(code, p.Append(nil), "a router key of AS%d", p.Key.ASN)
	}
	if p.Announce {
		all[p.Key] = true
	} else {
		delete(all, p.Key)
	}
	return nil
}
