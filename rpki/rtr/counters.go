package rtr

import "sync/atomic"

// The sizes of the arrays of Counters. What has no name is counted in the last
// place.
const (
	Types      = int(ASPAPDU) + 2
	ErrorCodes = int(ASPAProviderList) + 2
)

// Counters count what was exchanged with one cache since its client was made.
type Counters struct {
	In, Out             [Types]uint64      // PDUs by Type
	ErrorsIn, ErrorsOut [ErrorCodes]uint64 // Error Reports by ErrorCode
	Downgrades          uint64             // connections left for a lower version
	Failures            uint64             // connections, and tries to make one, that ended by themselves
}

// Sum adds up the elements of a counter.
func Sum(all []uint64) (sum uint64) {
	for _, n := range all {
		sum += n
	}
	return sum
}

// traffic are the counters that grow with every PDU, from two goroutines.
type traffic struct {
	in, out             [Types]atomic.Uint64
	errorsIn, errorsOut [ErrorCodes]atomic.Uint64
}

func (t *traffic) received(typ Type) { t.in[min(int(typ), Types-1)].Add(1) }

func (t *traffic) sent(p PDU) {
	t.out[min(int(p.Type), Types-1)].Add(1)
	if p.Type == ErrorReport {
		t.errorsOut[min(int(p.Code), ErrorCodes-1)].Add(1)
	}
}

func (t *traffic) reported(c ErrorCode) { t.errorsIn[min(int(c), ErrorCodes-1)].Add(1) }

// total is the number of PDUs received.
func (t *traffic) total() (sum uint64) {
	for i := range t.in {
		sum += t.in[i].Load()
	}
	return sum
}

// fill copies the counters into c.
func (t *traffic) fill(c *Counters) {
	for i := range t.in {
		c.In[i], c.Out[i] = t.in[i].Load(), t.out[i].Load()
	}
	for i := range t.errorsIn {
		c.ErrorsIn[i], c.ErrorsOut[i] = t.errorsIn[i].Load(), t.errorsOut[i].Load()
	}
}
