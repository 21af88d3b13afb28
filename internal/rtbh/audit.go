package rtbh

import "crypto/sha256"

// AuditRecord is one command with its outcome. Records are chained: Hash is
// SHA-256 over the hash before it and this record's own bytes, so a changed
// past shows to whoever kept a later hash. Of a refusal only the rule counts:
// another version of triggerd may say it in other words.
type AuditRecord struct {
	Seq     uint64
	Index   uint64
	At      Instant
	Actor   Actor
	Request RequestID
	Command Command // password hashes are taken out
	Refusal *Refusal
	Hash    [32]byte
}

// auditKept bounds the audit in the state; older records are exported or lost.
const auditKept = 20000

// chained returns the hash of r when it follows prev.
func (r AuditRecord) chained(prev [32]byte) [32]byte {
	return r.hashed(prev, &codec{})
}

// hashed is chained with the room of a codec that was used before.
func (r AuditRecord) hashed(prev [32]byte, c *codec) [32]byte {
	r.Hash = prev
	*c = codec{writing: true, bare: true, buf: c.buf[:0], inner: c.inner}
	c.audit(&r)
	return sha256.Sum256(c.buf)
}

// record appends to the audit what one command did.
func (s *State) record(index uint64, e *Entry, cmd Command, refusal *Refusal) {
	switch x := cmd.(type) {
	case Tick, Checkpoint:
		return // the cluster's own heartbeat is no act of anybody
	case EditUser:
		if x.Value.Password != "" {
			x.Value.Password = "(changed)"
		}
		cmd = x
	}
	s.auditSeq++
	r := AuditRecord{
		Seq: s.auditSeq, Index: index, At: s.stamp, Actor: e.Actor, Request: e.Request,
		Command: cmd, Refusal: refusal,
	}
	r.Hash = r.hashed(s.auditHead, s.room)
	s.auditHead = r.Hash
	s.audit.add(r)
	s.audit.trim(auditKept)
}

// Audit returns the records kept, oldest first, and the head of the chain.
func (s *State) Audit() ([]AuditRecord, [32]byte) {
	all := make([]AuditRecord, 0, s.audit.len())
	for part := range s.audit.parts() {
		all = append(all, part...)
	}
	return all, s.auditHead
}

// VerifyAudit tells whether records follow one another without a change; the
// first is taken on trust. It returns the sequence number of the first bad one.
func VerifyAudit(records []AuditRecord) (bad uint64, ok bool) {
	for i := 1; i < len(records); i++ {
		r := records[i]
		if r.Seq != records[i-1].Seq+1 || r.chained(records[i-1].Hash) != r.Hash {
			return r.Seq, false
		}
	}
	return 0, true
}
