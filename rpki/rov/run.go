package rov

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"runtime"
	"slices"
	"sync"

	"github.com/triggerd/triggerd/rpki/rtr"
	"github.com/triggerd/triggerd/rpki/vrp"
)

// Options say what to validate and what to print.
type Options struct {
	RIBs     []string       // files, or Stdin
	VRPs     string         // a file, Stdin or rtr://HOST:PORT
	ASNs     []uint32       // only routes of these origins ...
	Prefixes []netip.Prefix // ... or in these prefixes; none of both is everything
	Invalid  bool           // print only invalid routes; the totals count all
	Summary  bool           // print the totals only, as JSON
	Format   Format
	Stdin    io.Reader
	Progress io.Writer // where the bar is drawn; nil: nowhere
}

// Summary counts verdicts. A route is a prefix with its origin, however many
// neighbors sent it.
type Summary struct {
	Routes        int `json:"routes"`
	Valid         int `json:"valid"`
	Invalid       int `json:"invalid"`
	InvalidAS     int `json:"invalid_as"`
	InvalidLength int `json:"invalid_length"`
	NotFound      int `json:"not_found"`
}

// ErrPartial wraps what went wrong with a table of which a part was read. What
// that part says was printed.
var ErrPartial = errors.New("the result is not complete")

// Run validates and prints.
func Run(ctx context.Context, o Options, out io.Writer) (Summary, error) {
	if len(o.RIBs) == 0 || o.VRPs == "" {
		return Summary{}, errors.New("a table and VRPs are needed")
	}
	files := append(slices.Clone(o.RIBs), o.VRPs)
	if i := slices.Index(files, Stdin); i >= 0 && slices.Contains(files[i+1:], Stdin) {
		return Summary{}, errors.New("the standard input (-) can be only one of the files")
	}
	p := newProgress(o.Progress, files)
	defer p.end()
	all, table, partial, err := load(ctx, o, p)
	if err != nil {
		return Summary{}, err
	}
	p.say("validating")
	j := job{o: o, table: table, all: o.chosen(tidy(all))}
	j.validate()
	sum := j.sum()
	p.end()
	w := bufio.NewWriterSize(out, 1<<16)
	if o.Summary {
		err = j.printSummary(w, sum)
	} else {
		err = j.print(w, sum)
	}
	if err == nil {
		err = w.Flush()
	}
	if err != nil {
		return sum, fmt.Errorf("print: %w", err)
	}
	return sum, partial
}

// load reads everything at once: VRPs and each table in a goroutine. partial is
// what went wrong with tables that gave something.
func load(ctx context.Context, o Options, p *progress) (all []record, table *vrp.Table, partial, err error) {
	var set *rtr.Set
	var failed error
	tables, errs := make([][]record, len(o.RIBs)), make([]error, len(o.RIBs))
	slots := make(chan struct{}, runtime.GOMAXPROCS(0))
	var work sync.WaitGroup
	work.Go(func() {
		if set, failed = loadVRPs(ctx, o.VRPs, o.Stdin, p); failed == nil {
			table = vrp.New(set)
		}
	})
	for i, name := range o.RIBs {
		work.Go(func() {
			slots <- struct{}{}
			defer func() { <-slots }()
			in, err := open(name, o.Stdin, p)
			if err != nil {
				errs[i] = err
				return
			}
			defer in.Close()
			tables[i], errs[i] = readTable(in)
		})
	}
	work.Wait()
	if failed != nil {
		return nil, nil, nil, fmt.Errorf("VRPs: %w", failed)
	}
	for i, err := range errs {
		if err != nil && len(tables[i]) == 0 {
			return nil, nil, nil, err
		}
	}
	if err := errors.Join(errs...); err != nil {
		partial = fmt.Errorf("%w: %w", ErrPartial, err)
	}
	return slices.Concat(tables...), table, partial, nil
}

// chosen keeps what --asn and --prefix ask for.
func (o Options) chosen(all []record) []record {
	if len(o.ASNs)+len(o.Prefixes) == 0 {
		return all
	}
	return slices.DeleteFunc(all, func(r record) bool {
		if !r.none && slices.Contains(o.ASNs, r.origin) {
			return false
		}
		p := r.prefix()
		return !slices.ContainsFunc(o.Prefixes, func(wide netip.Prefix) bool {
			return wide.Bits() <= p.Bits() && wide.Contains(p.Addr())
		})
	})
}

// job is one validation.
type job struct {
	o      Options
	table  *vrp.Table
	all    []record
	states []vrp.State
}

// validate uses all processors.
func (j *job) validate() {
	j.states = make([]vrp.State, len(j.all))
	share := len(j.all)/runtime.GOMAXPROCS(0) + 1
	var work sync.WaitGroup
	for from := 0; from < len(j.all); from += share {
		work.Go(func() {
			for i := from; i < min(from+share, len(j.all)); i++ {
				j.states[i] = j.table.Validate(j.all[i].prefix(), j.all[i].claims())
			}
		})
	}
	work.Wait()
}

func (j *job) sum() Summary {
	s := Summary{Routes: len(j.all)}
	for _, state := range j.states {
		switch state {
		case vrp.Valid:
			s.Valid++
		case vrp.InvalidAS:
			s.InvalidAS++
		case vrp.InvalidLength:
			s.InvalidLength++
		default:
			s.NotFound++
		}
	}
	s.Invalid = s.InvalidAS + s.InvalidLength
	return s
}
