package daemon

import (
	"bufio"
	"bytes"
	"context"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/triggerd/triggerd/cli"
	"github.com/triggerd/triggerd/internal/config"
	"github.com/triggerd/triggerd/internal/rtbh"
)

// ExportAudit writes the audit of the node that runs here to out, one line of
// JSON for each record, and the chain's head last.
func ExportAudit(ctx context.Context, c config.Node, out io.Writer) error {
	var b bytes.Buffer
	status, err := CLI(ctx, c, "show audit export", strings.NewReader(""), &b)
	if err != nil {
		return err
	}
	if status != 0 {
		return errors.New(strings.TrimPrefix(strings.TrimSpace(b.String()), "% "))
	}
	for line := range bytes.Lines(b.Bytes()) {
		if line[0] != '{' {
			continue // says as of which index the export is
		}
		if _, err := out.Write(line); err != nil {
			return fmt.Errorf("writing the audit: %w", err)
		}
	}
	return nil
}

// Audit is what an export holds, once it has been found to be whole.
type Audit struct {
	Cluster string
	After   uint64 // number of the record that the first one follows, which is not in the export
	Records int
	Last    uint64 // number of the last record
	Head    string // hash of the last record: compare it with one that was kept elsewhere
}

// BadAudit is the first record of an export that is not as it was written.
type BadAudit struct {
	Seq uint64
	Why string
}

func (e *BadAudit) Error() string { return fmt.Sprintf("record %d: %s", e.Seq, e.Why) }

// maxAuditLine bounds one line of an export.
const maxAuditLine = 1 << 20

// VerifyAudit checks an export without any node: that every record follows the
// one before, and that each line says what its bytes say. The error is a
// *[BadAudit] where a record is to blame.
func VerifyAudit(from io.Reader) (Audit, error) {
	v := verifier{}
	lines := bufio.NewScanner(from)
	lines.Buffer(nil, maxAuditLine)
	for lines.Scan() {
		if err := v.line(lines.Bytes()); err != nil {
			return v.found, err
		}
	}
	if err := lines.Err(); err != nil {
		return v.found, fmt.Errorf("reading the export: %w", err)
	}
	return v.found, v.end()
}

type verifier struct {
	began, ended bool
	head         cli.AuditHead
	found        Audit
	last         [32]byte
}

func (v *verifier) line(b []byte) error {
	switch {
	case len(bytes.TrimSpace(b)) == 0:
		return nil
	case v.ended:
		return &BadAudit{v.found.Last + 1, "something stands behind the chain's head"}
	case !v.began:
		return v.begin(b)
	case bytes.Contains(b, []byte(`"headSeq"`)) && !bytes.Contains(b, []byte(`"record"`)):
		return v.tail(b)
	}
	return v.record(b)
}

func (v *verifier) begin(b []byte) error {
	if err := json.Unmarshal(b, &v.head); err != nil || v.head.Format == 0 {
		return errors.New("this is no export of an audit: its first line says no format")
	}
	if v.head.Format != cli.AuditFormat {
		return fmt.Errorf("this export has format %d, and this version of triggerd reads %d", v.head.Format, cli.AuditFormat)
	}
	if v.head.After > 0 {
		anchor, err := hex.DecodeString(v.head.Anchor)
		if err != nil || len(anchor) != len(v.last) {
			return &BadAudit{v.head.After, "its hash, which the export begins with, is not readable"}
		}
		v.last = [32]byte(anchor)
	}
	v.began = true
	v.found = Audit{Cluster: v.head.Cluster, After: v.head.After, Last: v.head.After}
	return nil
}

func (v *verifier) record(b []byte) error {
	next := v.found.Last + 1
	var l cli.AuditLine
	if err := json.Unmarshal(b, &l); err != nil {
		return &BadAudit{next, "its line is not readable"}
	}
	raw, err := base64.StdEncoding.DecodeString(l.Record)
	if err != nil {
		return &BadAudit{next, "its bytes are not readable"}
	}
	r, err := rtbh.DecodeAuditRecord(raw)
	if err != nil {
		return &BadAudit{next, "its bytes are no record"}
	}
	if _, ok := rtbh.VerifyAudit([]rtbh.AuditRecord{{Seq: v.found.Last, Hash: v.last}, r}); !ok {
		return &BadAudit{next, "it does not follow the record before: one of them was changed, or some are missing"}
	}
	said := cli.NewAuditLine(r)
	said.Record = l.Record
	if said != l {
		return &BadAudit{r.Seq, "its line does not say what its bytes say"}
	}
	v.last, v.found.Last = r.Hash, r.Seq
	v.found.Records++
	return nil
}

func (v *verifier) tail(b []byte) error {
	var t cli.AuditTail
	if err := json.Unmarshal(b, &t); err != nil {
		return errors.New("the last line, with the chain's head, is not readable")
	}
	v.ended = true
	v.found.Head = hex.EncodeToString(v.last[:])
	if t.Seq != v.found.Last || t.Head != v.found.Head {
		return &BadAudit{v.found.Last + 1, "the chain's head is of another record: some are missing at the end, or the head was changed"}
	}
	return nil
}

func (v *verifier) end() error {
	switch {
	case !v.began:
		return errors.New("this is no export of an audit: it is empty")
	case !v.ended:
		return &BadAudit{v.found.Last + 1, "the export ends here, without the chain's head"}
	case v.found.Records != v.head.Records:
		return &BadAudit{v.found.Last + 1, fmt.Sprintf("the export has %d records, and its first line says %d", v.found.Records, v.head.Records)}
	}
	return nil
}
