package bench

import (
	"io"
	"regexp"
	"time"
)

// Options say what is measured and for how long.
type Options struct {
	Binary string         // the triggerd that is measured
	Only   *regexp.Regexp // of section/part/row; nil = everything
	Quick  bool           // fewer tries and smaller sizes: everything in five minutes
	Tries  int            // of one blackhole; 0 = 200, or 12 with Quick
	Dir    string         // where data and logs are left; "" = removed at the end
	Source string         // the module's root, for the micro-benchmarks; "" = they are left out
	Log    io.Writer      // progress
}

// effort is how much is done, by Quick or not.
type effort struct {
	tries    int
	cell     time.Duration // the longest that one cell may take
	standing []int         // blackholes that stand while one more is made
	bulk     []int
	restart  []int // blackholes standing at a kill -9
	scale    []int
	nodes    []int // members of the cluster, with atNodes blackholes
	atNodes  int
	table    int           // routes of the table next door; 0 = the whole
	vrps     int           // 0 = all
	idle     time.Duration // a minute has one of everything that is done now and then
	micro    string        // -benchtime
}

func (o Options) effort() effort {
	e := effort{
		tries: 200, cell: 60 * time.Second, standing: []int{10_000, 100_000}, bulk: []int{1000, 10_000, 100_000},
		restart: []int{10_000, 100_000}, scale: []int{1000, 10_000, 100_000, 1_000_000}, nodes: []int{3, 5, 13, 53}, atNodes: 10_000,
		idle: 60 * time.Second, micro: "1s",
	}
	if o.Quick {
		e = effort{
			tries: 12, cell: 5 * time.Second, standing: []int{10_000}, bulk: []int{1000, 10_000},
			restart: []int{1000}, scale: []int{1000, 10_000}, nodes: []int{3, 5}, atNodes: 1000, table: 100_000, vrps: 50_000,
			idle: 5 * time.Second, micro: "50ms",
		}
	}
	if o.Tries > 0 {
		e.tries = o.Tries
	}
	return e
}

// wants tells whether any of the names was asked for.
func (o Options) wants(name string) bool { return o.Only == nil || o.Only.MatchString(name) }
