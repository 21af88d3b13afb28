package main

import (
	"runtime"
	"runtime/debug"
	"testing"
)

func TestMemoryIsGivenBackOnceItIsQuiet(t *testing.T) {
	const mb = 1 << 20
	k := keeper{}
	for i, step := range []struct {
		what string
		heap heap
		give bool
	}{
		{"starting", heap{20 * mb, 10 * mb, 30 * mb}, false},
		{"a burst", heap{200 * mb, 50 * mb, 130 * mb}, false},
		{"quiet again", heap{202 * mb, 50 * mb, 130 * mb}, true},
		{"given back, but in pieces that are too small", heap{204 * mb, 50 * mb, 90 * mb}, false},
		{"quiet for long: enough has been allocated to look again", heap{207 * mb, 50 * mb, 90 * mb}, false},
		{"", heap{211 * mb, 50 * mb, 90 * mb}, false},
		{"", heap{215 * mb, 50 * mb, 90 * mb}, true},
		{"little to give", heap{218 * mb, 50 * mb, 55 * mb}, false},
		{"much lives here, and little was done", heap{240 * mb, 900 * mb, 1800 * mb}, false},
		{"", heap{241 * mb, 900 * mb, 1800 * mb}, false},
		{"a burst of what ends again", heap{641 * mb, 900 * mb, 1800 * mb}, false},
		{"", heap{642 * mb, 900 * mb, 1800 * mb}, true},
		{"more lives here than is worth a collection", heap{1742 * mb, 3900 * mb, 7800 * mb}, false},
		{"", heap{1743 * mb, 3900 * mb, 7800 * mb}, false},
	} {
		if got := k.look(step.heap); got != step.give {
			t.Errorf("step %d (%s): %v, want %v", i, step.what, got, step.give)
		}
	}
}

func TestTheHeapGrowsFarWhereCollectionsCostMost(t *testing.T) {
	for living, want := range map[uint64]int{11 << 20: 75, 40 << 20: 75, 52 << 20: 75, 60 << 20: 600, 100 << 20: 400, 200 << 20: 200, 500 << 20: 100} {
		if got := percentFor(heap{living: living}); got != want {
			t.Errorf("with %d MiB: %d %%, want %d", living>>20, got, want)
		}
	}
}

func TestEachCollectionIsFollowedByALook(t *testing.T) {
	looks := make(chan int, 10)
	n := 0
	afterCollections(func() bool {
		n++
		looks <- n
		return n < 3
	})
	for want := 1; want <= 3; want++ {
		runtime.GC()
		if got := <-looks; got != want {
			t.Fatalf("look %d, want %d", got, want)
		}
	}
	runtime.GC()
	runtime.GC()
	select {
	case <-looks:
		t.Error("looked once more than was wanted")
	default:
	}
}

var ballast []byte

func TestTheHeapIsMeasured(t *testing.T) {
	before := measureHeap()
	ballast = make([]byte, 32<<20)
	debug.FreeOSMemory() // what lives is known after a collection
	after := measureHeap()
	if after.allocated-before.allocated < 32<<20 || after.living < 32<<20 || after.resident < after.living {
		t.Errorf("before %+v, after %+v", before, after)
	}
	ballast = nil
}
