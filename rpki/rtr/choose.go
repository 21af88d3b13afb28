package rtr

import (
	"iter"
	"time"
)

// wanted is what would count if no loss were held off. The caller holds the
// lock.
func (g *Group) wanted(now time.Time) (Effective, time.Time) {
	var next time.Time
	var live, stale []*Epoch
	for _, m := range g.members {
		e, s := m.client.Epoch(), m.client.Status()
		switch {
		case e == nil:
		case s.Up():
			live = append(live, e)
		case now.Sub(s.Down) < grace:
			live = append(live, e)
			next = sooner(next, s.Down.Add(grace))
		default:
			stale = append(stale, e)
		}
	}
	// The data of a cache that is away are as good as they were, until they
	// expire; but a cache that answers is better (RFC 8210 section 10).
	usable := append(live, stale...)
	if len(usable) == 0 {
		return Effective{}, next
	}
	if g.o.Mode == Unite {
		return g.unite(usable), next
	}
	return effective(usable[0].Data, usable[:1]), next
}

// effective describes data that come from epochs. The newest answer is named as
// the cause; the data live as long as the one that lives longest.
func effective(d *Data, epochs []*Epoch) Effective {
	out := Effective{Data: d}
	for _, e := range epochs {
		out.From = append(out.From, e.Cache)
		if e.At.After(out.At) || out.Cache == "" {
			out.Cache, out.Session, out.Serial, out.At = e.Cache, e.Session, e.Serial, e.At
		}
		if e.Expires.After(out.Expires) {
			out.Expires = e.Expires
		}
	}
	return out
}

// union remembers the last union, since most wake-ups change no data.
type union struct {
	of  []*Data
	sum *Data
}

func (g *Group) unite(epochs []*Epoch) Effective {
	same := len(epochs) == len(g.united.of)
	for i, e := range epochs {
		same = same && g.united.of[i] == e.Data
	}
	if !same {
		g.united = union{}
		for _, e := range epochs {
			g.united.of = append(g.united.of, e.Data)
			g.united.sum = MergeData(g.united.sum, e.Data)
		}
	}
	return effective(g.united.sum, epochs)
}

// Difference is what two caches do not agree on.
type Difference struct {
	A, B         string // names; A is the better one
	OnlyA, OnlyB int    // VRPs
	SampleA      []VRP  // the first of those that only A has
	SampleB      []VRP
}

func (d *Difference) count(v VRP, onlyB bool, sample int) {
	n, some := &d.OnlyA, &d.SampleA
	if onlyB {
		n, some = &d.OnlyB, &d.SampleB
	}
	*n++
	if len(*some) < sample {
		*some = append(*some, v)
	}
}

// Differences compares the best cache that has data with every other that has,
// with at most sample VRPs of each.
func (g *Group) Differences(sample int) []Difference {
	var out []Difference
	var first *Epoch
	for e := range g.epochs() {
		if first == nil {
			first = e
			continue
		}
		d := Difference{A: first.Cache, B: e.Cache}
		for v, onlyB := range Diff(first.Data.VRPs, e.Data.VRPs) {
			d.count(v, onlyB, sample)
		}
		out = append(out, d)
	}
	return out
}

func (g *Group) epochs() iter.Seq[*Epoch] {
	return func(yield func(*Epoch) bool) {
		for _, m := range g.members {
			if e := m.client.Epoch(); e != nil && !yield(e) {
				return
			}
		}
	}
}
