package consensus

import (
	"log/slog"
	"time"

	"github.com/triggerd/triggerd/internal/alarm"
)

// Options are what [Open] needs.
type Options struct {
	Dir       string        // the node's directory, as init or join left it
	Listen    string        // host:port to listen on
	Advertise string        // host:port that other members dial; "" = as recorded in the cluster
	BootWait  time.Duration // how long Ready waits for the cluster; 0 = 30s
	Version   string        // of this binary, for people
	Log       *slog.Logger  // nil discards
	Alarms    *alarm.Registry
	Time      TimeSource // zero = the system's

	tuning tuning
}

// tuning is what tests change; zero values are replaced by the defaults.
type tuning struct {
	heartbeat, election, lease, commit time.Duration
	snapshotEvery                      time.Duration
	snapshotAfter, trailing            uint64
	cached                             int           // newest entries kept in memory, so that they are not read back for each follower
	renewEvery                         time.Duration // how often a certificate's end is looked at
	noPush                             bool          // leave out the commit push
	noSync                             bool          // don't flush the log: for tests that kill no power
}

// The rhythm of everything that is not Raft's own.
const (
	defaultBootWait = 30 * time.Second
	pollEvery       = time.Second            // status of the other members
	pollTimeout     = 800 * time.Millisecond // of one status call
	leaderless      = 2 * time.Second        // without a leader so long, proposals are refused at once
	answerWithin    = 5 * time.Second        // longest that Propose takes to say what became of it
	appliedWithin   = time.Second            // longest that it waits for the other announcing members
	appliedAtLeast  = 250 * time.Millisecond // of that, after the commit
	freshWithin     = time.Second            // longest that Fresh waits
	tickEvery       = 10 * time.Second       // how soon the log takes note of what has ended
	tickAtLeast     = 10 * time.Minute       // oldest stamp that the log may end with
	wallJump        = 2 * time.Minute        // wall clock and log clock may differ by so much
	promoteLag      = 64                     // entries that a member may be behind and still be promoted
)

func (o Options) withDefaults() Options {
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.BootWait == 0 {
		o.BootWait = defaultBootWait
	}
	o.Time = o.Time.orSystem()
	t := &o.tuning
	defaultTo(&t.heartbeat, 500*time.Millisecond)
	defaultTo(&t.election, 500*time.Millisecond)
	defaultTo(&t.lease, 450*time.Millisecond)
	defaultTo(&t.commit, 250*time.Millisecond)
	defaultTo(&t.snapshotEvery, 2*time.Minute)
	defaultTo(&t.snapshotAfter, 8192)
	defaultTo(&t.trailing, 10240)
	defaultTo(&t.cached, 512)
	defaultTo(&t.renewEvery, time.Hour)
	return o
}

func defaultTo[T comparable](v *T, d T) {
	var zero T
	if *v == zero {
		*v = d
	}
}
