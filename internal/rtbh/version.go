package rtbh

// Versions of the log. An entry may hold a command only when the state's
// version is at least the one that the command came with: [RaiseVersion] lets
// it in, and that is refused until every member's binary can read it. So an
// older binary never meets a command that it does not know.

// firstVersion is that of every command up to KindRecordLocal.
const firstVersion = 1

// Needs returns the state version from which on these commands may be in the
// log.
func Needs(cmds []Command) uint32 {
	least := uint32(firstVersion)
	for _, c := range cmds {
		if c != nil && c.kind() > KindRecordLocal {
			least = max(least, neededByNewer(c.kind()))
		}
	}
	return least
}

// CheckVersion refuses commands that some member may not be able to read yet.
func (s *State) CheckVersion(cmds []Command) *Refusal {
	if need := Needs(cmds); need > s.version {
		return refuse(RefusedVersion, "The cluster writes version %d of its log, this command is of version %d: upgrade triggerd on all nodes first.", s.version, need)
	}
	return nil
}
