package bmp

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"strconv"
	"time"

	"github.com/triggerd/triggerd/internal/alarm"
)

// Station is a monitoring station to which the node connects.
type Station struct {
	Targets    string // the name of the block it is in
	Host       string // address or host name
	Port       uint16
	MinRetry   time.Duration // pause after the first failure; doubles; 0 = 30 s
	MaxRetry   time.Duration // the longest pause; 0 = 12 min
	Statistics time.Duration // between two reports; 0 = none
}

// FRR's pauses between two attempts (RFC 7854 section 3.2 wants them to grow).
const (
	minRetry = 30 * time.Second
	maxRetry = 720 * time.Second
)

const (
	dialTimeout  = 10 * time.Second
	writeTimeout = 30 * time.Second // for one write: the station's kernel takes nothing
	lastWords    = time.Second
)

func (s Station) address() string { return net.JoinHostPort(s.Host, strconv.Itoa(int(s.Port))) }

// serve keeps a station connected until ctx ends.
func (x *Exporter) serve(ctx context.Context, s Station) {
	least, most := cmp.Or(s.MinRetry, minRetry), cmp.Or(s.MaxRetry, maxRetry)
	defer x.o.Alarms.Clear(alarm.BMPStation, s.address())
	for pause := least; ; pause = min(2*pause, max(most, least)) {
		err := x.connection(ctx, s, func() {
			pause = least
			x.o.Alarms.Clear(alarm.BMPStation, s.address())
		})
		if ctx.Err() != nil {
			return
		}
		x.o.Alarms.Raise(alarm.BMPStation, s.address(), fmt.Sprintf(
			"BMP station %s is told nothing: %v; trying again every %s at most", s.address(), err, max(most, least)))
		select {
		case <-ctx.Done():
			return
		case <-time.After(pause):
		}
	}
}

// connection is one connection, from dialing to its end. up is called when it stands.
func (x *Exporter) connection(ctx context.Context, s Station, up func()) error {
	d := net.Dialer{Timeout: dialTimeout}
	conn, err := d.DialContext(ctx, "tcp", s.address())
	if err != nil {
		return err
	}
	defer func() { _ = conn.Close() }()
	b, ok := x.follow(ctx, func() { _ = conn.Close() })
	if !ok {
		return ctx.Err()
	}
	defer x.unfollow(b)
	x.o.Log.Info("BMP station connected", "station", s.address())
	up()
	err = x.pass(ctx, s, conn, b)
	if _, slow := b.take(); slow != nil {
		err = slow
	}
	if ctx.Err() != nil {
		_ = conn.SetWriteDeadline(time.Now().Add(lastWords))
		_, _ = conn.Write(termination())
	}
	return err
}

// pass writes what waits, until the station goes or ctx ends.
func (x *Exporter) pass(ctx context.Context, s Station, conn net.Conn, b *backlog) error {
	gone := make(chan struct{})
	go func() { // a station says nothing that counts
		defer close(gone)
		_, _ = io.Copy(io.Discard, conn)
	}()
	stopped := context.AfterFunc(ctx, func() { _ = conn.SetWriteDeadline(time.Now().Add(lastWords)) })
	defer stopped()
	var tick <-chan time.Time
	if s.Statistics > 0 {
		t := time.NewTicker(s.Statistics)
		defer t.Stop()
		tick = t.C
	}
	for {
		waiting, err := b.take()
		if err != nil {
			return err
		}
		for _, m := range waiting {
			if ctx.Err() != nil {
				return ctx.Err()
			}
			_ = conn.SetWriteDeadline(time.Now().Add(writeTimeout))
			if _, err := conn.Write(m); err != nil {
				return err
			}
		}
		if len(waiting) > 0 {
			continue
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-gone:
			return errors.New("it has closed the connection")
		case <-tick:
			x.report(b)
		case <-b.bell:
		}
	}
}
