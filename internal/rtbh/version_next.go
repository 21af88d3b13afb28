//go:build triggerd_next

package rtbh

// This file makes the binary that the upgrade test rolls into a cluster: the
// next version of the log, with one kind of command more. It is in no release.

// Speaks is the newest entry version that this binary reads and writes.
const Speaks uint32 = firstVersion + 1

// KindNext is the number of [Next].
const KindNext = KindRecordLocal + 1

// Next is a command that older binaries do not know. It only leaves a record.
type Next struct{ Text string }

func (Next) kind() Kind { return KindNext }

func neededByNewer(Kind) uint32 { return firstVersion + 1 }

func (c *codec) newerBody(k Kind, v Command) (Command, bool) {
	if k != KindNext {
		return nil, false
	}
	x := as[Next](v)
	text(c, &x.Text)
	return x, true
}
