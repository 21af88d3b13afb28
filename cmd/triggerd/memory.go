package main

import (
	"context"
	"os"
	"runtime"
	"runtime/debug"
	"runtime/metrics"
	"time"

	"github.com/triggerd/triggerd/internal/beat"
)

// A collection visits the whole heap, so how often there is one decides what a
// burst of blackholes costs: by default a third of the processor time of loading
// 100,000. The heap may therefore grow by a fixed room between two, seven times what
// lives at most, and what is left over goes back to the system once it is quiet. A
// small heap is collected sooner: what a burst leaves behind between what lives
// would stay. So is one that is large beside the room. What is decided holds from a
// moment after the collection on, so the heap must not be allowed much while it is
// still small.
const (
	gcSmall    = 75
	gcMost     = 600
	gcLarge    = 100
	small      = 52 << 20  // living heap up to which it is small
	room       = 400 << 20 // to grow in between two collections
	memoryLook = 5 * time.Second
	quiet      = 4 << 20 // allocated between two looks, at most
	worthwhile = 6 << 20 // kept without need, at least
	largest    = 3 << 30 // living heap: beyond it a collection more costs too much
)

// tendMemory sets that up until ctx ends. $GOGC goes before it.
func tendMemory(ctx context.Context) {
	if os.Getenv("GOGC") == "" {
		growByNeed(ctx)
	}
	k := keeper{}
	for {
		select {
		case <-ctx.Done():
			return
		case <-beat.After(memoryLook):
			if k.look(measureHeap()) {
				debug.FreeOSMemory()
			}
		}
	}
}

// growByNeed decides after each collection, when what lives is known, how far the
// heap may grow until the next, until ctx ends.
func growByNeed(ctx context.Context) {
	percent := gcSmall
	debug.SetGCPercent(percent)
	afterCollections(func() (again bool) {
		if to := percentFor(measureHeap()); to != percent {
			debug.SetGCPercent(to)
			percent = to
		}
		return ctx.Err() == nil
	})
}

// afterCollections calls f after each collection for as long as f wants it: an
// object that nobody holds is found by every one.
func afterCollections(f func() (again bool)) {
	type wire struct{ _ *byte }
	var cut func(*wire)
	cut = func(w *wire) {
		if f() {
			runtime.SetFinalizer(w, cut)
		}
	}
	runtime.SetFinalizer(&wire{}, cut)
}

// heap is what the runtime says of its memory, in bytes.
type heap struct {
	allocated uint64 // ever
	living    uint64 // at the last collection
	resident  uint64 // of the heap, used or not
}

func measureHeap() heap {
	s := []metrics.Sample{
		{Name: "/gc/heap/allocs:bytes"}, {Name: "/gc/heap/live:bytes"},
		{Name: "/memory/classes/heap/objects:bytes"}, {Name: "/memory/classes/heap/unused:bytes"}, {Name: "/memory/classes/heap/free:bytes"},
	}
	metrics.Read(s)
	return heap{allocated: s[0].Value.Uint64(), living: s[1].Value.Uint64(), resident: s[2].Value.Uint64() + s[3].Value.Uint64() + s[4].Value.Uint64()}
}

// percentFor is how far the heap may grow between two collections.
func percentFor(h heap) int {
	living := int(h.living)
	if living <= small {
		return gcSmall
	}
	return min(max(gcLarge, 100*room/living), gcMost)
}

// keeper remembers what was seen before.
type keeper struct {
	allocated uint64 // at the last look
	given     uint64 // allocated when memory was given back last
}

// look tells whether to give memory back now: nothing is going on, there is much
// to give, and there may be more than last time.
func (k *keeper) look(h heap) bool {
	calm := h.allocated-k.allocated <= quiet
	k.allocated = h.allocated
	if !calm || h.living > largest || h.resident < h.living+worthwhile || h.allocated-k.given < max(worthwhile, h.living/4) {
		return false
	}
	k.given = h.allocated
	return true
}
