package peer

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
)

// A joining node sends one JoinAsk and gets one joinAnswer, each as length (4,
// big endian) and JSON.
const (
	maxJoinAsk   = 64 << 10
	maxJoinReply = 1 << 20
)

// JoinRequest is what the joining node says about itself.
type JoinRequest struct {
	Name      string `json:"name"`      // the name that it wants, see ValidName
	Advertise string `json:"advertise"` // host:port where members will dial it
	Binary    string `json:"binary"`    // version of its binary, for people
	Speaks    uint32 `json:"speaks"`    // newest log entry version that it can read
}

// JoinAsk is a join request as the handler gets it, and as one member forwards
// it to another.
type JoinAsk struct {
	JoinRequest
	Cluster string `json:"cluster"`
	Secret  []byte `json:"secret,omitempty"` // of the token; none when a node rejoins
	CSR     []byte `json:"csr"`              // DER

	// Holder is the server id in the certificate that the node showed, which
	// the CA has signed and which is still good; "" without one. The accepting
	// port sets it, never the joining node. It proves who the node was, not
	// that it may come back.
	Holder string `json:"holder,omitempty"`
}

// Encode returns the request in the form that DecodeJoinAsk reads.
func (a JoinAsk) Encode() ([]byte, error) { return json.Marshal(a) }

// DecodeJoinAsk reads a request and bounds every field.
func DecodeJoinAsk(b []byte) (JoinAsk, error) {
	var a JoinAsk
	if err := json.Unmarshal(b, &a); err != nil {
		return JoinAsk{}, fmt.Errorf("join request: %w", err)
	}
	if err := a.check(); err != nil {
		return JoinAsk{}, fmt.Errorf("join request: %w", err)
	}
	return a, nil
}

func (a JoinAsk) check() error {
	if err := ValidName(a.Name); err != nil {
		return err
	}
	if err := checkAddr(a.Advertise); err != nil {
		return err
	}
	switch {
	case !isWord(a.Cluster):
		return errors.New("no cluster id")
	case len(a.Secret) != 0 && (len(a.Secret) < minSecret || len(a.Secret) > maxSecret):
		return errors.New("the secret has a wrong length")
	case len(a.CSR) == 0 || len(a.Binary) > maxAddr:
		return errors.New("no certificate request, or the version's name is too long")
	}
	return nil
}

// Member is a member as a joining node is told of it.
type Member struct {
	ServerID string `json:"server_id"`
	Addr     string `json:"addr"` // host:port
	Role     string `json:"role"`
}

// JoinReply is what the cluster gives a node that it takes in.
type JoinReply struct {
	ServerID string   `json:"server_id"`
	Role     string   `json:"role"`
	Cert     []byte   `json:"cert"`    // DER, for the request's key and ServerID
	CACert   []byte   `json:"ca_cert"` // DER
	Record   Record   `json:"record"`
	Members  []Member `json:"members"`
	CAKey    []byte   `json:"ca_key,omitempty"` // PKCS #8, only for a voter
}

// Encode returns the reply in the form that DecodeJoinReply reads. It may hold
// the CA's key: it belongs on a connection between members, never in a log.
func (r JoinReply) Encode() ([]byte, error) { return json.Marshal(r) }

// DecodeJoinReply reads a forwarded reply. What is in it is checked by the
// node that joins.
func DecodeJoinReply(b []byte) (JoinReply, error) {
	var r JoinReply
	if err := json.Unmarshal(b, &r); err != nil {
		return JoinReply{}, fmt.Errorf("join reply: %w", err)
	}
	return r, nil
}

// joinAnswer is a reply or an error.
type joinAnswer struct {
	Reply *JoinReply `json:"reply,omitempty"`
	Code  string     `json:"code,omitempty"`
	Text  string     `json:"text,omitempty"`
}

func readJoinAnswer(r io.Reader) (JoinReply, error) {
	b, err := readMessage(r, maxJoinReply)
	if err != nil {
		return JoinReply{}, fmt.Errorf("%w: %w", ErrLost, err)
	}
	var a joinAnswer
	if err := json.NewDecoder(bytes.NewReader(b)).Decode(&a); err != nil {
		return JoinReply{}, fmt.Errorf("%w: %w: %w", ErrLost, ErrBadReply, err)
	}
	if a.Reply == nil {
		return JoinReply{}, &RemoteError{Code: tame(a.Code, maxWord), Text: tame(a.Text, maxSentence)}
	}
	return *a.Reply, nil
}

func writeMessage(w io.Writer, b []byte) error {
	_, err := w.Write(append(binary.BigEndian.AppendUint32(nil, uint32(len(b))), b...))
	return err
}

func readMessage(r io.Reader, limit int) ([]byte, error) {
	var head [4]byte
	if _, err := io.ReadFull(r, head[:]); err != nil {
		return nil, err
	}
	n := binary.BigEndian.Uint32(head[:])
	if n > uint32(limit) {
		return nil, errFrame
	}
	b := make([]byte, n)
	_, err := io.ReadFull(r, b)
	return b, err
}
