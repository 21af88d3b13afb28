package rpki

import (
	"bytes"
	"context"
	"io"
	"net"
	"runtime"
	"sync/atomic"
	"testing"
	"time"

	"github.com/triggerd/triggerd/rpki/rtr"
	"github.com/triggerd/triggerd/rpki/vrp"
)

// replay is a connection on which a cache says what was recorded, whatever it is
// asked.
type replay struct {
	net.Conn
	io.Reader
	answers chan []byte
}

func newReplay(first []byte) *replay {
	return &replay{Reader: bytes.NewReader(first), answers: make(chan []byte, 1)}
}

func (r *replay) Write(b []byte) (int, error) { return len(b), nil }
func (r *replay) Close() error                { return nil }

func (r *replay) Read(b []byte) (int, error) {
	n, err := r.Reader.Read(b)
	if err == io.EOF {
		next, more := <-r.answers
		if !more {
			return 0, io.EOF
		}
		r.Reader = bytes.NewReader(next)
		return r.Reader.Read(b)
	}
	return n, err
}

const recorded = "rtr/stayrtr051_v1_full_reset_response.bin.gz"

// fromBytes is everything from the first octet of a cache to a table that can be
// asked.
func fromBytes(b *testing.B, in []byte) (*vrp.Table, *rtr.Epoch) {
	ctx, cancel := context.WithCancel(b.Context())
	conn := newReplay(in)
	var c *rtr.Client
	synced := make(chan struct{}, 1)
	c = rtr.NewClient(rtr.Options{
		Name: "recorded", MaxVersion: rtr.Version1,
		Dial: func(context.Context) (net.Conn, error) { return conn, nil },
		OnChange: func() {
			if c.Status().Up() {
				select {
				case synced <- struct{}{}:
				default:
				}
			}
		},
	})
	done := make(chan struct{})
	go func() { c.Run(ctx); close(done) }()
	<-synced
	e := c.Epoch()
	table := vrp.New(e.Data.VRPs)
	cancel()
	close(conn.answers)
	<-done
	return table, e
}

func BenchmarkRecordedBytesToTable(b *testing.B) {
	in := []byte(shared(b, recorded))
	empty := heap()
	var table *vrp.Table
	var e *rtr.Epoch
	for b.Loop() {
		table, e = fromBytes(b, in)
	}
	b.ReportMetric((heap()-empty)/1e6, "MB-at-rest")
	b.ReportMetric(float64(e.Data.VRPs.Len()), "VRPs")
	runtime.KeepAlive(table)
}

// The most heap in use while a whole new epoch is received and takes the place of
// the one before. GC is made eager, so that garbage does not count.
func BenchmarkHeapWhileTwoEpochsLive(b *testing.B) {
	in := []byte(shared(b, recorded))
	empty := heap()
	old, e := fromBytes(b, in)
	base := heap()
	var peak atomic.Uint64
	stop := make(chan struct{})
	go func() {
		var m runtime.MemStats
		for {
			select {
			case <-stop:
				return
			case <-time.After(2 * time.Millisecond):
				runtime.ReadMemStats(&m)
				peak.Store(max(peak.Load(), m.HeapAlloc))
			}
		}
	}()
	for b.Loop() {
		table, next := fromBytes(b, in)
		runtime.KeepAlive(table)
		runtime.KeepAlive(next)
		runtime.GC()
	}
	close(stop)
	b.ReportMetric((base-empty)/1e6, "MB-one-epoch")
	b.ReportMetric((float64(peak.Load())-empty)/1e6, "MB-peak")
	runtime.KeepAlive(old)
	runtime.KeepAlive(e)
}
