package sink

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
)

// Message types (RFC 4271 section 4.1, RFC 2918).
const (
	msgOpen         = 1
	msgUpdate       = 2
	msgNotification = 3
	msgKeepalive    = 4
	msgRefresh      = 5
)

const (
	headerLen  = 19
	maxMessage = 4096
)

// NOTIFICATION codes used here (RFC 4271 section 4.5).
const (
	codeHeader = 1
	codeOpen   = 2
	codeUpdate = 3
	codeHold   = 4
	codeFSM    = 5
	codeCease  = 6

	ceaseShutdown = 2 // RFC 4486
)

// Notification is a NOTIFICATION message: the reason why one side closes.
type Notification struct {
	Code, Subcode uint8
	Data          []byte
	Sent          bool // by us; otherwise received
}

// Error prints the notification for people.
func (n *Notification) Error() string {
	side := "received"
	if n.Sent {
		side = "sent"
	}
	return fmt.Sprintf("notification %s: code %d subcode %d", side, n.Code, n.Subcode)
}

// malformed is an error in what was received, with the code to answer.
type malformed struct {
	code, subcode uint8
	what          string
}

func (m *malformed) Error() string { return m.what }

func badUpdate(subcode uint8, format string, args ...any) error {
	return &malformed{codeUpdate, subcode, fmt.Sprintf(format, args...)}
}

// Message frames the body of a message of the given type (RFC 4271 section 4.1),
// for [Sink.Send].
func Message(kind uint8, body []byte) []byte {
	m := make([]byte, 0, headerLen+len(body))
	for range 16 {
		m = append(m, 0xff)
	}
	m = binary.BigEndian.AppendUint16(m, uint16(headerLen+len(body)))
	m = append(m, kind)
	return append(m, body...)
}

var errMarker = errors.New("the marker is not all ones")

// parseHeader reads the 19 octets of a header and returns the length of the
// body that follows.
func parseHeader(h []byte) (kind uint8, length int, err error) {
	if len(h) != headerLen {
		return 0, 0, io.ErrUnexpectedEOF
	}
	for _, b := range h[:16] {
		if b != 0xff {
			return 0, 0, &malformed{codeHeader, 1, errMarker.Error()}
		}
	}
	total := int(binary.BigEndian.Uint16(h[16:]))
	if total < headerLen || total > maxMessage {
		return 0, 0, &malformed{codeHeader, 2, fmt.Sprintf("message length %d", total)}
	}
	kind = h[18]
	if kind < msgOpen || kind > msgRefresh {
		return 0, 0, &malformed{codeHeader, 3, fmt.Sprintf("message type %d", kind)}
	}
	return kind, total - headerLen, nil
}

// readMessage reads one message from r.
func readMessage(r io.Reader) (kind uint8, body []byte, err error) {
	var h [headerLen]byte
	if _, err := io.ReadFull(r, h[:]); err != nil {
		return 0, nil, err
	}
	kind, n, err := parseHeader(h[:])
	if err != nil {
		return 0, nil, err
	}
	body = make([]byte, n)
	_, err = io.ReadFull(r, body)
	return kind, body, err
}

func parseNotification(b []byte) error {
	if len(b) < 2 {
		return &malformed{codeHeader, 2, "NOTIFICATION without a code"}
	}
	return &Notification{Code: b[0], Subcode: b[1], Data: b[2:]}
}
