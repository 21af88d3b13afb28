package rtbh

// Encode writes a record for keeping it outside of the cluster: all that its hash
// is over, so of a refusal the rule and not its words.
func (r AuditRecord) Encode() []byte {
	c := &codec{writing: true, bare: true}
	c.audit(&r)
	return c.buf
}

// DecodeAuditRecord reads what [AuditRecord.Encode] wrote.
func DecodeAuditRecord(b []byte) (AuditRecord, error) {
	c := &codec{buf: b, bare: true}
	var r AuditRecord
	c.audit(&r)
	if err := c.done(); err != nil {
		return AuditRecord{}, err
	}
	return r, nil
}

// Follows tells whether r is the record after one of that hash, unchanged. The
// very first record follows the zero hash.
func (r AuditRecord) Follows(prev [32]byte) bool { return r.chained(prev) == r.Hash }
