package soak

import (
	"fmt"
	"io"
	"time"
)

// Options say what a soak is to do.
type Options struct {
	Binary string        // of triggerd
	Kills  int           // kill -9 of nodes, first of all
	Faults time.Duration // then this long of partitions and other faults
	Only   []string      // kinds of faults; none = all
	Seed   uint64        // of the plan of kills and faults
	Dir    string        // where the cluster's files go; "" = a new folder in the system's temporary one
	Level  string        // of the nodes' logs; "" = info
	Keep   bool          // keep the files also after a good run
	Idle   time.Duration // how long to measure the idle cluster first; 0 = not
	Calm   time.Duration // how long to load the healthy cluster before anything is broken
	Out    io.Writer     // progress, figures and accounts of violations
}

// Result is what came out.
type Result struct {
	Kills, Partitions, Acknowledged      int
	Lost, Revived, Diverged, Withdrawals int
	Kept                                 string // the folder with data and logs, "" when it was removed
}

// String is the soak's last line.
func (r Result) String() string {
	return fmt.Sprintf("soak: kills=%d partitions=%d acknowledged=%d lost=%d revived=%d diverged=%d withdrawals=%d",
		r.Kills, r.Partitions, r.Acknowledged, r.Lost, r.Revived, r.Diverged, r.Withdrawals)
}

// Good tells whether every promise was kept.
func (r Result) Good() bool { return r.Lost+r.Revived+r.Diverged+r.Withdrawals == 0 }
