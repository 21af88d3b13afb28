package daemon

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"github.com/triggerd/triggerd/internal/alarm"
	"github.com/triggerd/triggerd/internal/rtbh"
)

// localAudit carries what operators do at this node alone into the cluster's
// audit. Each act is written to a small file in the data directory first, so
// that it gets there also when there is no majority now and the node restarts
// before there is one.
type localAudit struct {
	path    string
	node    string
	alarms  *alarm.Registry
	now     func() rtbh.Instant
	propose func(context.Context, rtbh.Entry) error
	wake    chan struct{} // one slot

	mu      sync.Mutex
	acts    []act
	waiting []chan struct{} // who waits until all acts were tried
}

// act is one line of the file.
type act struct {
	Request rtbh.RequestID `json:"request"` // the same entry is never recorded twice
	At      rtbh.Instant   `json:"at"`
	User    string         `json:"user"`
	From    string         `json:"from,omitempty"`
	Door    rtbh.Door      `json:"door"`
	Text    string         `json:"text"`
}

// maxActs bounds the file; operators do not do thousands of things by hand.
const maxActs = 10000

var errTooManyActs = errors.New("too many records wait for a majority already")

// openLocalAudit reads what waits since before.
func openLocalAudit(dir, node string, alarms *alarm.Registry, now func() rtbh.Instant, propose func(context.Context, rtbh.Entry) error) (*localAudit, error) {
	a := &localAudit{
		path: filepath.Join(dir, "local-audit.jsonl"), node: node, alarms: alarms, now: now, propose: propose, wake: make(chan struct{}, 1),
	}
	b, err := os.ReadFile(a.path)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("reading what waits for the audit: %w", err)
	}
	for line := range bytes.Lines(b) {
		var x act
		if json.Unmarshal(line, &x) != nil {
			break // torn by a power cut: it is the last one
		}
		a.acts = append(a.acts, x)
	}
	return a, nil
}

// recordWait is how long Record waits for the cluster, so that whoever did
// something finds it in the audit at once; without a majority it comes later.
const recordWait = time.Second

// Record keeps text and sends it on as soon as possible.
func (a *localAudit) Record(who rtbh.Actor, text string) error {
	tried, err := a.keep(who, text)
	if err != nil {
		return err
	}
	select {
	case <-tried:
	case <-time.After(recordWait):
	}
	return nil
}

// keep writes an act down. The channel is closed when it has been sent, or
// could not be.
func (a *localAudit) keep(who rtbh.Actor, text string) (tried <-chan struct{}, err error) {
	x := act{Request: newRequest(), At: a.now(), User: who.User, From: who.From, Door: who.Door, Text: text}
	a.mu.Lock()
	defer a.mu.Unlock()
	if len(a.acts) >= maxActs {
		return nil, errTooManyActs
	}
	a.acts = append(a.acts, x)
	done := make(chan struct{})
	a.waiting = append(a.waiting, done)
	select {
	case a.wake <- struct{}{}:
	default:
	}
	return done, a.write()
}

// write replaces the file; the lock is held.
func (a *localAudit) write() error {
	if len(a.acts) == 0 {
		if err := os.Remove(a.path); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("removing what waited for the audit: %w", err)
		}
		return nil
	}
	var b bytes.Buffer
	for _, x := range a.acts {
		if err := json.NewEncoder(&b).Encode(x); err != nil {
			return fmt.Errorf("writing for the audit: %w", err)
		}
	}
	return writeFile(a.path, b.Bytes())
}

// auditRetry is the pause after a record that could not be proposed.
const auditRetry = 5 * time.Second

// tend sends on what waits, until ctx ends.
func (a *localAudit) tend(ctx context.Context) {
	for ctx.Err() == nil {
		done := a.send(ctx)
		a.answer()
		a.alarms.Set(!done, alarm.AuditWaits, "", "what operators did at this node is not in the cluster's audit yet; it is sent when there is a majority")
		var again <-chan time.Time
		if !done {
			again = time.After(auditRetry)
		}
		select {
		case <-ctx.Done():
		case <-a.wake:
		case <-again:
		}
	}
}

// answer tells those who wait that what was there has been tried.
func (a *localAudit) answer() {
	a.mu.Lock()
	defer a.mu.Unlock()
	for _, done := range a.waiting {
		close(done)
	}
	a.waiting = nil
}

// send proposes what waits, in order, and tells whether nothing is left.
func (a *localAudit) send(ctx context.Context) bool {
	for {
		x, ok := a.first()
		if !ok {
			return true
		}
		if err := a.propose(ctx, a.entry(x)); err != nil {
			return false
		}
		a.mu.Lock()
		a.acts = slices.Delete(a.acts, 0, 1)
		_ = a.write() // at worst it is sent again, under the same request id
		a.mu.Unlock()
	}
}

func (a *localAudit) first() (act, bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if len(a.acts) == 0 {
		return act{}, false
	}
	return a.acts[0], true
}

func (a *localAudit) entry(x act) rtbh.Entry {
	return rtbh.Entry{
		Request: x.Request, Actor: rtbh.Actor{Door: rtbh.DoorNode, Node: a.node, From: x.From},
		Commands: []rtbh.Command{rtbh.RecordLocal{At: x.At, Node: a.node, User: x.User, Text: x.Text}},
	}
}
