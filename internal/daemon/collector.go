package daemon

import (
	"os"
	"runtime/debug"
	"slices"

	"github.com/triggerd/triggerd/internal/config"
)

// tablePercent is how much the heap grows before it is collected when a neighbor sends a
// whole table: twice what is usual. The heap is then large and made of small things,
// marking it takes both processors for a second or more, and a blackhole has to share
// them. A table of 1.4 million routes needs some 2 GB.
const tablePercent = 200

// tuneCollector looks whether there are monitor sessions. GOGC, when set, is the
// operator's word.
func tuneCollector(c config.BGP) {
	tables := slices.ContainsFunc(c.Neighbors, func(n config.Neighbor) bool { return n.Monitor && !n.Shutdown })
	if _, set := os.LookupEnv("GOGC"); tables && !set {
		debug.SetGCPercent(tablePercent)
	}
}
