package peer

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
)

// The protocol versions that this binary speaks, newest and oldest. Fields may
// be added to the JSON without a new version: unknown ones are ignored.
const (
	newestVersion = 1
	oldestVersion = 1
)

const (
	helloMagic  = "rtbh"
	maxHello    = 2048
	maxVerdict  = 4096
	maxSentence = 400 // octets of a verdict's text
)

// The channels: what a connection is for.
const (
	channelRaft = "raft"
	channelCall = "call"
	channelJoin = "join"
)

var errHello = errors.New("not a hello of this protocol")

// hello is what each side says once TLS stands. On the wire: magic (4), newest
// version (1), oldest version (1), length (2, big endian), JSON. A joining
// node knows no generation and has no incarnation; those stay zero.
type hello struct {
	newest, oldest uint8

	Channel     string `json:"channel"`
	Name        string `json:"name"`
	Incarnation uint32 `json:"incarnation,omitempty"`
	Record      Record `json:"record"`
}

func newHello(id Identity, channel string) hello {
	return hello{
		newest: newestVersion, oldest: oldestVersion,
		Channel: channel, Name: id.Name, Incarnation: id.Incarnation, Record: id.Record(),
	}
}

// identity is whom the other side claims to be.
func (h hello) identity() Identity {
	return Identity{Name: h.Name, Incarnation: h.Incarnation}.WithRecord(h.Record)
}

func (h hello) encode() ([]byte, error) {
	body, err := json.Marshal(h)
	if err != nil {
		return nil, fmt.Errorf("hello: %w", err)
	}
	if len(body) > maxHello {
		return nil, fmt.Errorf("hello: %d octets are too many", len(body))
	}
	b := append([]byte(helloMagic), h.newest, h.oldest)
	b = binary.BigEndian.AppendUint16(b, uint16(len(body)))
	return append(b, body...), nil
}

// readHello reads one hello. The error is errHello when the bytes are not one,
// and the reader's when it broke. A hello of a version that this binary does
// not speak has only its versions filled in.
func readHello(r io.Reader) (hello, error) {
	var head [8]byte
	if _, err := io.ReadFull(r, head[:]); err != nil {
		return hello{}, err
	}
	h := hello{newest: head[4], oldest: head[5]}
	n := binary.BigEndian.Uint16(head[6:])
	if string(head[:4]) != helloMagic || h.oldest > h.newest || n > maxHello {
		return hello{}, errHello
	}
	body := make([]byte, n)
	if _, err := io.ReadFull(r, body); err != nil {
		return hello{}, err
	}
	if h.newest < oldestVersion || h.oldest > newestVersion {
		return h, nil
	}
	if err := json.Unmarshal(body, &h); err != nil {
		return hello{}, fmt.Errorf("%w: %v", errHello, err)
	}
	if err := h.check(); err != nil {
		return hello{}, fmt.Errorf("%w: %v", errHello, err)
	}
	return h, nil
}

// check bounds every field before anything else looks at it.
func (h hello) check() error {
	if err := ValidName(h.Name); err != nil {
		return err
	}
	if !isWord(h.Channel) || !isWord(h.Record.Cluster) {
		return errors.New("no channel or no cluster")
	}
	if h.Channel == channelJoin {
		return nil
	}
	return h.identity().Check()
}

// verdict is what a side thinks of the other's hello; no reason is consent.
// On the wire: length (2, big endian), JSON.
type verdict struct {
	Reason Reason `json:"refused,omitempty"`
	Text   string `json:"text,omitempty"`
}

func (v verdict) encode() ([]byte, error) {
	v.Text = tame(v.Text, maxSentence)
	body, err := json.Marshal(v)
	if err != nil {
		return nil, fmt.Errorf("verdict: %w", err)
	}
	return append(binary.BigEndian.AppendUint16(nil, uint16(len(body))), body...), nil
}

func readVerdict(r io.Reader) (verdict, error) {
	var head [2]byte
	if _, err := io.ReadFull(r, head[:]); err != nil {
		return verdict{}, err
	}
	n := binary.BigEndian.Uint16(head[:])
	if n > maxVerdict {
		return verdict{}, errHello
	}
	body := make([]byte, n)
	if _, err := io.ReadFull(r, body); err != nil {
		return verdict{}, err
	}
	var v verdict
	if err := json.NewDecoder(bytes.NewReader(body)).Decode(&v); err != nil {
		return verdict{}, fmt.Errorf("%w: %v", errHello, err)
	}
	v.Reason, v.Text = Reason(tame(string(v.Reason), maxWord)), tame(v.Text, maxSentence)
	return v, nil
}
