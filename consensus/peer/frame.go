package peer

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"
	"time"
)

const (
	// MaxBody is the most octets that a call may carry in either direction.
	MaxBody = 16 << 20

	chunkSize  = 16 << 10 // payload of one frame; a longer message takes several
	maxMessage = MaxBody + 4 + 1 + maxWord
	frameHead  = 1 + 1 + 8 + 4
	maxPartial = 64 << 20 // octets of unfinished messages on one connection
	maxOpen    = 1024     // requests being handled on one connection
	bigAtOnce  = 3        // messages of several frames sent at once; bounds the partial ones
)

var (
	errFrame = errors.New("broken frame")
	// ErrTooLarge is a request over MaxBody; it was not sent.
	ErrTooLarge = errors.New("the message is larger than 16 MiB")
)

type frameKind uint8

const (
	frameRequest frameKind = iota + 1
	frameReply
	frameError
	frameCancel // the caller has stopped waiting
	framePing
	framePong
)

// frame is a piece of a message. On the wire: kind (1), more (1), id (8),
// length (4), payload; big endian. Frames of several messages may alternate,
// so that a large one does not hold up the small ones and the pings.
type frame struct {
	kind    frameKind
	more    bool // the message goes on in another frame with the same id
	id      uint64
	payload []byte
}

func (f frame) append(b []byte) []byte {
	more := byte(0)
	if f.more {
		more = 1
	}
	b = append(b, byte(f.kind), more)
	b = binary.BigEndian.AppendUint64(b, f.id)
	b = binary.BigEndian.AppendUint32(b, uint32(len(f.payload)))
	return append(b, f.payload...)
}

// readFrame reads one frame; errFrame for octets that are none.
func readFrame(r io.Reader) (frame, error) {
	var head [frameHead]byte
	if _, err := io.ReadFull(r, head[:]); err != nil {
		return frame{}, err
	}
	f := frame{kind: frameKind(head[0]), more: head[1] == 1, id: binary.BigEndian.Uint64(head[2:])}
	n := binary.BigEndian.Uint32(head[10:])
	message := f.kind == frameRequest || f.kind == frameReply || f.kind == frameError
	switch {
	case f.kind < frameRequest || f.kind > framePong, head[1] > 1, n > chunkSize:
		return frame{}, errFrame
	case !message && (f.more || n != 0):
		return frame{}, errFrame
	}
	f.payload = make([]byte, n)
	if _, err := io.ReadFull(r, f.payload); err != nil {
		return frame{}, err
	}
	return f, nil
}

// split cuts a message into frames.
func split(kind frameKind, id uint64, message []byte) []frame {
	var all []frame
	for len(message) > chunkSize {
		all = append(all, frame{kind: kind, more: true, id: id, payload: message[:chunkSize]})
		message = message[chunkSize:]
	}
	return append(all, frame{kind: kind, id: id, payload: message})
}

type partialKey struct {
	kind frameKind
	id   uint64
}

// partials puts messages together again.
type partials struct {
	parts map[partialKey][]byte
	size  int
}

// add takes a frame of a message. whole is true when message is complete; the
// error is errFrame when the other side keeps to no limit.
func (p *partials) add(f frame) (message []byte, whole bool, err error) {
	key := partialKey{f.kind, f.id}
	before, begun := p.parts[key]
	if !begun && !f.more {
		return f.payload, true, nil
	}
	if len(before)+len(f.payload) > maxMessage || p.size+len(f.payload) > maxPartial || (!begun && len(p.parts) >= maxOpen) {
		return nil, false, fmt.Errorf("%w: too much of a message", errFrame)
	}
	message = append(before, f.payload...)
	if !f.more {
		p.drop(key)
		return message, true, nil
	}
	if p.parts == nil {
		p.parts = map[partialKey][]byte{}
	}
	p.parts[key] = message
	p.size += len(f.payload)
	return nil, false, nil
}

func (p *partials) drop(key partialKey) {
	p.size -= len(p.parts[key])
	delete(p.parts, key)
}

// request is what a request message holds: the time that the caller will wait
// in milliseconds (4; 0 for no limit), the kind's length (1), kind, body.
type request struct {
	wait time.Duration
	kind string
	body []byte
}

func (r request) encode() []byte {
	ms := uint32(min(max(r.wait.Milliseconds(), 0), math.MaxUint32))
	if r.wait > 0 && ms == 0 {
		ms = 1
	}
	b := make([]byte, 0, 5+len(r.kind)+len(r.body))
	b = binary.BigEndian.AppendUint32(b, ms)
	b = append(b, byte(len(r.kind)))
	b = append(b, r.kind...)
	return append(b, r.body...)
}

func decodeRequest(b []byte) (request, error) {
	if len(b) < 5 || len(b) < 5+int(b[4]) {
		return request{}, errFrame
	}
	n := int(b[4])
	return request{
		wait: time.Duration(binary.BigEndian.Uint32(b)) * time.Millisecond,
		kind: string(b[5 : 5+n]), body: b[5+n:],
	}, nil
}
