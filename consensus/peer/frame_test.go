package peer

import (
	"bytes"
	"errors"
	"testing"
	"time"

	"pgregory.net/rapid"
)

func TestFrameFormat(t *testing.T) {
	got := frame{kind: frameRequest, more: true, id: 0x0102, payload: []byte("abc")}.append(nil)
	want := "\x01\x01\x00\x00\x00\x00\x00\x00\x01\x02\x00\x00\x00\x03abc"
	if string(got) != want {
		t.Fatalf("got %q want %q", got, want)
	}
	msg := request{wait: 1500 * time.Millisecond, kind: "status", body: []byte("x")}.encode()
	if want := "\x00\x00\x05\xdc\x06statusx"; string(msg) != want {
		t.Fatalf("got %q want %q", msg, want)
	}
}

// Messages of any length arrive whole when their frames alternate.
func TestMessagesAreCutAndPutTogether(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		lengths := rapid.SliceOfN(rapid.IntRange(0, 3*chunkSize+1), 1, 5).Draw(t, "lengths")
		var want [][]byte
		var queues [][]frame
		for i, n := range lengths {
			m := bytes.Repeat([]byte{byte(i + 1)}, n)
			want, queues = append(want, m), append(queues, split(frameReply, uint64(i), m))
		}
		var p partials
		got := make([][]byte, len(want))
		for left := len(want); left > 0; {
			i := rapid.IntRange(0, len(queues)-1).Draw(t, "next")
			if len(queues[i]) == 0 {
				continue
			}
			f, err := readFrame(bytes.NewReader(queues[i][0].append(nil)))
			if err != nil {
				t.Fatal(err)
			}
			queues[i] = queues[i][1:]
			m, whole, err := p.add(f)
			if err != nil || whole != (len(queues[i]) == 0) {
				t.Fatalf("whole %v, %v", whole, err)
			}
			if whole {
				got[i] = m
				left--
			}
		}
		for i := range want {
			if !bytes.Equal(got[i], want[i]) {
				t.Fatalf("message %d: %d octets, want %d", i, len(got[i]), len(want[i]))
			}
		}
		if p.size != 0 || len(p.parts) != 0 {
			t.Fatalf("%d octets are kept", p.size)
		}
	})
}

func TestEndlessMessagesAreCutOff(t *testing.T) {
	chunk := make([]byte, chunkSize)
	for what, id := range map[string]func(i int) uint64{
		"one message":    func(int) uint64 { return 1 },
		"eight messages": func(i int) uint64 { return uint64(i % 8) },
		"many messages":  func(i int) uint64 { return uint64(i) },
	} {
		var p partials
		var err error
		frames := 0
		for ; err == nil && frames < 2*maxPartial/chunkSize; frames++ {
			_, _, err = p.add(frame{kind: frameRequest, more: true, id: id(frames), payload: chunk})
		}
		if !errors.Is(err, errFrame) || p.size > maxPartial {
			t.Errorf("%s: %v after %d frames, %d octets", what, err, frames, p.size)
		}
	}
	var p partials
	for i := range uint64(maxOpen + 1) { // empty frames cost memory too
		if _, _, err := p.add(frame{kind: frameRequest, more: true, id: i}); (err != nil) != (i == maxOpen) {
			t.Fatalf("message %d: %v", i, err)
		}
	}
}

func FuzzReadFrame(f *testing.F) {
	f.Add(frame{kind: frameRequest, id: 1, payload: request{kind: "echo", body: []byte("x")}.encode()}.append(nil))
	f.Add(frame{kind: frameError, id: 1, payload: encodeError(&RemoteError{CodeBusy, "x"})}.append(nil))
	f.Add(frame{kind: frameRequest, more: true, id: 1}.append(frame{kind: frameCancel, id: 1}.append(nil)))
	f.Add([]byte("\x01\x00\x00\x00\x00\x00\x00\x00\x00\x00\xff\xff\xff\xff"))
	f.Fuzz(func(t *testing.T, b []byte) {
		r := bytes.NewReader(b)
		var p partials
		for {
			before := r.Len()
			fr, err := readFrame(r)
			if err != nil {
				return
			}
			if got := fr.append(nil); !bytes.Equal(got, b[len(b)-before:len(b)-r.Len()]) {
				t.Fatalf("%+v is written as %q", fr, got)
			}
			if fr.kind == frameCancel {
				p.drop(partialKey{frameRequest, fr.id})
				continue
			}
			m, whole, err := p.add(fr)
			if err != nil {
				return
			}
			if !whole {
				continue
			}
			if req, err := decodeRequest(m); err == nil && !bytes.Equal(req.encode(), m) {
				t.Fatalf("request %+v", req)
			}
			if e, err := decodeError(m); err == nil && e == nil {
				t.Fatal("neither error nor not")
			}
		}
	})
}

func FuzzDecodeJoin(f *testing.F) {
	f.Add([]byte(`{"name":"a","advertise":"192.0.2.1:7600","cluster":"c1","secret":"MDEyMzQ1Njc4OWFiY2RlZg==","csr":"eA=="}`))
	f.Add([]byte(`{"reply":{"server_id":"a#1","cert":"eA==","ca_cert":"eA=="}}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		if a, err := DecodeJoinAsk(b); err == nil {
			again, err := a.Encode()
			if err != nil {
				t.Fatal(err)
			}
			if _, err := DecodeJoinAsk(again); err != nil {
				t.Fatalf("%s: %v", again, err)
			}
		}
		if r, err := DecodeJoinReply(b); err == nil {
			if _, err := (joiner{cluster: "c1"}).accept(JoinAsk{}, r); !errors.Is(err, ErrBadReply) {
				t.Fatalf("accepted: %v", err)
			}
		}
	})
}
