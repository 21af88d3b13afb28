package rtr

import "encoding/binary"

// header is the first eight octets of every PDU (RFC 8210 section 5.1).
func header(b []byte, version uint8, t Type, field uint16, length int) []byte {
	b = append(b, version, byte(t))
	b = binary.BigEndian.AppendUint16(b, field)
	return binary.BigEndian.AppendUint32(b, uint32(length))
}

func flag(announce bool) byte {
	if announce {
		return 1
	}
	return 0
}

// Append encodes the PDU behind b. What its version cannot say (a router key in
// version 0, an ASPA before version 2) appends nothing.
func (p PDU) Append(b []byte) []byte {
	switch p.Type {
	case SerialNotify, SerialQuery:
		return binary.BigEndian.AppendUint32(header(b, p.Version, p.Type, p.Session, 12), p.Serial)
	case ResetQuery, CacheReset:
		return header(b, p.Version, p.Type, 0, 8)
	case CacheResponse:
		return header(b, p.Version, p.Type, p.Session, 8)
	case IPv4Prefix, IPv6Prefix:
		return p.appendPrefix(b)
	case EndOfData:
		return p.appendEnd(b)
	case RouterKeyPDU:
		return p.appendKey(b)
	case ASPAPDU:
		return p.appendASPA(b)
	case ErrorReport:
		return p.appendError(b)
	}
	return b
}

func (p PDU) appendPrefix(b []byte) []byte {
	addr := p.VRP.Prefix.Addr()
	if p.Type == IPv4Prefix != addr.Is4() {
		return b
	}
	b = header(b, p.Version, p.Type, 0, 16+addr.BitLen()/8)
	b = append(b, flag(p.Announce), byte(p.VRP.Prefix.Bits()), p.VRP.MaxLen, 0)
	b = append(b, addr.AsSlice()...)
	return binary.BigEndian.AppendUint32(b, p.VRP.ASN)
}

func (p PDU) appendEnd(b []byte) []byte {
	if p.Version == Version0 { // RFC 6810 section 5.8 has no intervals
		return binary.BigEndian.AppendUint32(header(b, p.Version, p.Type, p.Session, 12), p.Serial)
	}
	b = header(b, p.Version, p.Type, p.Session, 24)
	for _, v := range []uint32{p.Serial, p.Timers.Refresh, p.Timers.Retry, p.Timers.Expire} {
		b = binary.BigEndian.AppendUint32(b, v)
	}
	return b
}

func (p PDU) appendKey(b []byte) []byte {
	if p.Version < Version1 {
		return b
	}
	b = header(b, p.Version, p.Type, uint16(flag(p.Announce))<<8, 32+len(p.Key.SPKI))
	b = append(b, p.Key.SKI[:]...)
	b = binary.BigEndian.AppendUint32(b, p.Key.ASN)
	return append(b, p.Key.SPKI...)
}

func (p PDU) appendASPA(b []byte) []byte {
	if p.Version < Version2 {
		return b
	}
	providers := p.ASPA.Providers
	if !p.Announce {
		providers = nil // a withdrawal names the customer only
	}
	b = header(b, p.Version, p.Type, uint16(flag(p.Announce))<<8, 12+4*len(providers))
	b = binary.BigEndian.AppendUint32(b, p.ASPA.Customer)
	for _, a := range providers {
		b = binary.BigEndian.AppendUint32(b, a)
	}
	return b
}

func (p PDU) appendError(b []byte) []byte {
	b = header(b, p.Version, p.Type, uint16(p.Code), 16+len(p.Inner)+len(p.Text))
	b = binary.BigEndian.AppendUint32(b, uint32(len(p.Inner)))
	b = append(b, p.Inner...)
	b = binary.BigEndian.AppendUint32(b, uint32(len(p.Text)))
	return append(b, p.Text...)
}
