package rtr

import (
	"fmt"
	"net/netip"
)

// The versions of the protocol.
const (
	Version0 = 0 // RFC 6810
	Version1 = 1 // RFC 8210
	Version2 = 2 // draft-ietf-sidrops-8210bis
)

// Type is the kind of a PDU (RFC 8210 section 5.1).
type Type uint8

// The kinds of PDU. 5 and 8 are in this order in the registry: 8 resets.
const (
	SerialNotify  Type = 0
	SerialQuery   Type = 1
	ResetQuery    Type = 2
	CacheResponse Type = 3
	IPv4Prefix    Type = 4
	IPv6Prefix    Type = 6
	EndOfData     Type = 7
	CacheReset    Type = 8
	RouterKeyPDU  Type = 9 // from version 1 on
	ErrorReport   Type = 10
	ASPAPDU       Type = 11 // from version 2 on
)

var typeNames = map[Type]string{
	SerialNotify: "Serial Notify", SerialQuery: "Serial Query", ResetQuery: "Reset Query", CacheResponse: "Cache Response",
	IPv4Prefix: "IPv4 Prefix", IPv6Prefix: "IPv6 Prefix", EndOfData: "End of Data", CacheReset: "Cache Reset",
	RouterKeyPDU: "Router Key", ErrorReport: "Error Report", ASPAPDU: "ASPA",
}

func (t Type) String() string {
	if s := typeNames[t]; s != "" {
		return s
	}
	return fmt.Sprintf("PDU type %d", uint8(t))
}

// ErrorCode is what an Error Report is about (RFC 8210 section 12).
type ErrorCode uint16

// The codes of errors.
const (
	CorruptData           ErrorCode = 0
	InternalError         ErrorCode = 1
	NoDataAvailable       ErrorCode = 2 // the only one that does not end the session
	InvalidRequest        ErrorCode = 3
	UnsupportedVersion    ErrorCode = 4
	UnsupportedType       ErrorCode = 5
	UnknownWithdrawal     ErrorCode = 6
	DuplicateAnnouncement ErrorCode = 7
	UnexpectedVersion     ErrorCode = 8
	ASPAProviderList      ErrorCode = 9 // version 2
)

var codeNames = map[ErrorCode]string{
	CorruptData: "Corrupt Data", InternalError: "Internal Error", NoDataAvailable: "No Data Available", InvalidRequest: "Invalid Request",
	UnsupportedVersion: "Unsupported Protocol Version", UnsupportedType: "Unsupported PDU Type",
	UnknownWithdrawal: "Withdrawal of Unknown Record", DuplicateAnnouncement: "Duplicate Announcement Received",
	UnexpectedVersion: "Unexpected Protocol Version", ASPAProviderList: "ASPA Provider List Error",
}

func (c ErrorCode) String() string {
	if s := codeNames[c]; s != "" {
		return s
	}
	return fmt.Sprintf("error code %d", uint16(c))
}

// PDU is one protocol data unit, decoded. Which fields count depends on Type.
type PDU struct {
	Version  uint8
	Type     Type
	Session  uint16    // Serial Notify, Serial Query, Cache Response, End of Data
	Serial   uint32    // Serial Notify, Serial Query, End of Data
	Announce bool      // prefixes, router keys, ASPAs: false is a withdrawal
	VRP      VRP       // IPv4 Prefix, IPv6 Prefix
	Key      RouterKey // Router Key
	ASPA     ASPA      // ASPA
	family   uint8     // ASPA in the older form: 4 or 6, the address family that it is for
	Timers   Timers    // End of Data, from version 1 on
	Code     ErrorCode // Error Report
	Inner    []byte    // Error Report: the PDU it is about, or nothing
	Text     string    // Error Report: for people
}

// Timers are the intervals of End of Data in seconds (RFC 8210 section 6).
type Timers struct{ Refresh, Retry, Expire uint32 }

// VRP is a validated ROA payload: ASN may originate Prefix and what lies under
// it down to MaxLen bits (RFC 6811 section 2). It is comparable.
type VRP struct {
	Prefix netip.Prefix // masked; never an IPv4-mapped address
	MaxLen uint8        // from the prefix's length to 32 or 128
	ASN    uint32       // 0: nobody may (RFC 6483 section 4)
}

// String prints a VRP as operators write it: 192.0.2.0/24-24 AS64500.
func (v VRP) String() string { return fmt.Sprintf("%s-%d AS%d", v.Prefix, v.MaxLen, v.ASN) }

// Check tells whether a VRP is possible: its length, its maxLength and the
// address family fit together.
func (v VRP) Check() error {
	switch bits := v.Prefix.Bits(); {
	case !v.Prefix.IsValid() || v.Prefix.Addr().Is4In6():
		return fmt.Errorf("%s is not a prefix", v.Prefix)
	case v.Prefix != v.Prefix.Masked():
		return fmt.Errorf("%s has bits set behind its length", v.Prefix)
	case int(v.MaxLen) < bits || int(v.MaxLen) > v.Prefix.Addr().BitLen():
		return fmt.Errorf("maxLength %d of %s is not between %d and %d", v.MaxLen, v.Prefix, bits, v.Prefix.Addr().BitLen())
	}
	return nil
}

// ASPA is what a customer AS attests about its providers. [0] means that it has
// none.
type ASPA struct {
	Customer  uint32
	Providers []uint32 // ascending, each once
}

// RouterKey is a BGPsec router key (RFC 8635). It is kept and shown, not used.
type RouterKey struct {
	SKI  [20]byte
	ASN  uint32
	SPKI string // the octets of the subject public key info; a string so that the key is comparable
}

// ProtocolError is an offence against the protocol by the other side, with the
// code that an Error Report about it carries.
type ProtocolError struct {
	Code  ErrorCode
	Text  string
	Inner []byte // the PDU that is at fault, perhaps cut
}

func (e *ProtocolError) Error() string {
	if e.Text == "" {
		return e.Code.String()
	}
	return fmt.Sprintf("%s: %s", e.Code, e.Text)
}
