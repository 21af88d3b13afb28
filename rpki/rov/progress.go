package rov

import (
	"fmt"
	"io"
	"os"
	"strings"
	"sync/atomic"
	"time"
)

// progress draws one line again and again while files are read. A nil *progress
// draws nothing.
type progress struct {
	out   io.Writer
	total int64
	read  atomic.Int64
	stage atomic.Pointer[string]
	stop  chan struct{}
	done  chan struct{}
}

const (
	redraw   = 200 * time.Millisecond
	barWidth = 30
)

// newProgress draws to out, which is nil when nobody looks.
func newProgress(out io.Writer, files []string) *progress {
	if out == nil {
		return nil
	}
	p := &progress{out: out, stop: make(chan struct{}), done: make(chan struct{})}
	for _, name := range files {
		if info, err := os.Stat(name); err == nil {
			p.total += info.Size()
		}
	}
	p.say("reading")
	go p.run()
	return p
}

func (p *progress) run() {
	defer close(p.done)
	tick := time.NewTicker(redraw)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
			fmt.Fprint(p.out, "\r"+p.line())
		case <-p.stop:
			fmt.Fprint(p.out, "\r"+strings.Repeat(" ", len(p.line()))+"\r")
			return
		}
	}
}

func (p *progress) line() string {
	share := 0.0
	if p.total > 0 {
		share = min(float64(p.read.Load())/float64(p.total), 1)
	}
	full := int(share * barWidth)
	return fmt.Sprintf("%-10s [%s%s] %3.0f%%", *p.stage.Load(), strings.Repeat("#", full), strings.Repeat(".", barWidth-full), 100*share)
}

func (p *progress) say(stage string) {
	if p != nil {
		p.stage.Store(&stage)
	}
}

// end removes the line, so that what is printed next stands alone. It may be
// called twice.
func (p *progress) end() {
	if p == nil {
		return
	}
	select {
	case <-p.done:
	default:
		close(p.stop)
		<-p.done
	}
}

// count makes a reader move the bar.
func (p *progress) count(r io.Reader) io.Reader {
	if p == nil {
		return r
	}
	return &counter{r, p}
}

type counter struct {
	io.Reader
	p *progress
}

func (c *counter) Read(b []byte) (int, error) {
	n, err := c.Reader.Read(b)
	c.p.read.Add(int64(n))
	return n, err
}
