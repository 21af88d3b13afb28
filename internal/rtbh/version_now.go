//go:build !triggerd_next

package rtbh

// Speaks is the newest entry version that this binary reads and writes.
const Speaks uint32 = firstVersion

// neededByNewer is for kinds beyond KindRecordLocal; there are none yet.
func neededByNewer(Kind) uint32 { return Speaks + 1 }

// newerBody walks a command of such a kind.
func (c *codec) newerBody(Kind, Command) (Command, bool) { return nil, false }
