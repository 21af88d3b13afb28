package history

import (
	"fmt"
	"net/netip"
	"sync"
	"time"
)

// CheckList judges a list of blackholes that a node printed as fresh, asked for
// at from and read by to: it is a read like any other, so it has what was
// acknowledged before from, and nothing that was gone before it.
func (b *Book) CheckList(node string, listed map[netip.Prefix]bool, from, to time.Time, verdicts *Verdicts) {
	for _, p := range b.Due(from, to) {
		if !listed[p] {
			_, since := b.Duty(p, to)
			verdicts.Add(Violation{Kind: Lost, Prefix: p, Where: node, At: to, Story: b.Story(p),
				What: fmt.Sprintf("acknowledged since %s, and `show blackhole` does not list it", Clock(since))})
		}
	}
	for p := range listed {
		// Gone at both ends is not enough: it may have come and gone in between.
		if d, since := b.Duty(p, to); d == Absent && !since.After(from) {
			verdicts.Add(Violation{Kind: Revived, Prefix: p, Where: node, At: to, Story: b.Story(p),
				What: fmt.Sprintf("it has to be gone since %s, and `show blackhole` lists it", Clock(since))})
		}
	}
}

// Digests has the digests that nodes had at each index.
type Digests struct {
	verdicts *Verdicts

	mu sync.Mutex
	at map[uint64]seenDigest
}

type seenDigest struct{ node, digest string }

// maxDigests bounds how many indexes are remembered.
const maxDigests = 100_000

// NewDigests starts without any.
func NewDigests(v *Verdicts) *Digests { return &Digests{verdicts: v, at: map[uint64]seenDigest{}} }

// Note judges one digest: equal index means equal digest, also when the nodes
// were there at different times.
func (d *Digests) Note(node string, index uint64, digest string, now time.Time) {
	if digest == "" {
		return
	}
	d.mu.Lock()
	first, known := d.at[index]
	if !known {
		if len(d.at) >= maxDigests {
			clear(d.at)
		}
		d.at[index] = seenDigest{node, digest}
	}
	d.mu.Unlock()
	if known && first.digest != digest {
		d.verdicts.Add(Violation{Kind: Diverged, Where: node, At: now,
			What: fmt.Sprintf("at index %d its state has digest %.16s, and %s had %.16s there", index, digest, first.node, first.digest)})
	}
}
