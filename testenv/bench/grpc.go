package bench

import (
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
	"io"
	"net/http"
	"net/netip"
)

// grpcDoor speaks just enough gRPC to gobgpd 3: HTTP/2 in the clear, messages with
// a length in front, and its protobuf written out by hand. A generated client
// would be one more dependency for two calls.
type grpcDoor struct {
	client *http.Client
	base   string
}

func newGRPC(at netip.AddrPort) *grpcDoor {
	t := &http.Transport{}
	t.Protocols = new(http.Protocols)
	t.Protocols.SetUnencryptedHTTP2(true)
	return &grpcDoor{client: &http.Client{Transport: t}, base: "http://" + at.String() + "/apipb.GobgpApi/"}
}

func (d *grpcDoor) close() { d.client.CloseIdleConnections() }

// ping asks for the global configuration.
func (d *grpcDoor) ping() error {
	_, err := d.call(context.Background(), "GetBgp", frame(nil))
	return err
}

// call makes a call with framed messages and returns the answer's, framed too.
func (d *grpcDoor) call(ctx context.Context, method string, framed []byte) ([]byte, error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, d.base+method, bytes.NewReader(framed))
	if err != nil {
		return nil, err
	}
	r.Header.Set("Content-Type", "application/grpc")
	r.Header.Set("TE", "trailers")
	answer, err := d.client.Do(r)
	if err != nil {
		return nil, err
	}
	defer func() { _ = answer.Body.Close() }()
	body, err := io.ReadAll(answer.Body)
	if err != nil {
		return nil, err
	}
	status, text := answer.Trailer.Get("Grpc-Status"), answer.Trailer.Get("Grpc-Message")
	if status == "" { // without a body, trailers come as headers
		status, text = answer.Header.Get("Grpc-Status"), answer.Header.Get("Grpc-Message")
	}
	if status != "0" {
		return nil, fmt.Errorf("gRPC %s: status %q of HTTP %s: %s", method, status, answer.Status, text)
	}
	return body, nil
}

// frame puts the prefix of a message before it: not compressed, and its length.
func frame(message []byte) []byte {
	b := binary.BigEndian.AppendUint32([]byte{0}, uint32(len(message)))
	return append(b, message...)
}

// The two wire types of protobuf that are needed.
func number64(b []byte, field int, v uint64) []byte {
	b = binary.AppendUvarint(b, uint64(field)<<3)
	return binary.AppendUvarint(b, v)
}

func octets(b []byte, field int, v []byte) []byte {
	b = binary.AppendUvarint(b, uint64(field)<<3|2)
	b = binary.AppendUvarint(b, uint64(len(v)))
	return append(b, v...)
}

// anyOf is a google.protobuf.Any of gobgp's.
func anyOf(kind string, message []byte) []byte {
	return octets(octets(nil, 1, []byte("type.googleapis.com/apipb."+kind)), 2, message)
}

// gobgpPath is gobgp's message Path: nlri 1, pattrs 2, family 9.
func gobgpPath(p netip.Prefix) []byte {
	prefix := octets(number64(nil, 1, uint64(p.Bits())), 2, []byte(p.Addr().String()))
	b := octets(nil, 1, anyOf("IPAddressPrefix", prefix))
	b = octets(b, 2, anyOf("OriginAttribute", number64(nil, 1, 0)))
	b = octets(b, 2, anyOf("NextHopAttribute", octets(nil, 1, []byte("192.0.2.1"))))
	b = octets(b, 2, anyOf("CommunitiesAttribute", octets(nil, 1, binary.AppendUvarint(nil, 65535<<16|666))))
	return octets(b, 9, ipv4Unicast)
}

var ipv4Unicast = number64(number64(nil, 1, 1), 2, 1)

func (d *grpcDoor) prepare(c change) (func(context.Context) error, error) {
	method, framed := "AddPath", []byte(nil)
	switch {
	case c.withdraw && len(c.prefixes) == 1: // family 3, path 4
		method, framed = "DeletePath", frame(octets(octets(nil, 3, ipv4Unicast), 4, gobgpPath(c.prefixes[0])))
	case c.withdraw:
		return nil, fmt.Errorf("gobgpd takes withdrawals one by one")
	case len(c.prefixes) == 1: // path 3
		framed = frame(octets(nil, 3, gobgpPath(c.prefixes[0])))
	default: // paths 3, in messages of a stream
		method = "AddPathStream"
		const perMessage = 500
		for i := 0; i < len(c.prefixes); i += perMessage {
			var m []byte
			for _, p := range c.prefixes[i:min(i+perMessage, len(c.prefixes))] {
				m = octets(m, 3, gobgpPath(p))
			}
			framed = append(framed, frame(m)...)
		}
	}
	return func(ctx context.Context) error { _, err := d.call(ctx, method, framed); return err }, nil
}
