package cli

import (
	"cmp"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/triggerd/triggerd/cli/grammar"
	"github.com/triggerd/triggerd/internal/rtbh"
)

func auditRows() []row {
	return []row{
		{Modes: execModes, Pattern: "show audit [since TIME] [json]", Help: auditHelp, Run: showAudit},
		{Modes: execModes, Pattern: "show audit customer NAME [since TIME] [json]", For: operators | viewers, Run: showAudit},
		{Modes: []*grammar.Mode{enableMode}, Pattern: "show audit export [json]", For: operators | viewers, Run: exportAudit},
	}
}

var auditHelp = []string{"", "Who did what", "Not older than this", "A time such as 2026-06-19T10:00:00Z, or how long ago: 2h"}

// AuditLine is one record of the audit as it is shown, and exported as one
// line of JSON.
type AuditLine struct {
	Seq      uint64 `json:"seq"`
	Index    uint64 `json:"index"`
	At       string `json:"at"`
	User     string `json:"user"`
	Door     string `json:"door"`
	From     string `json:"from,omitempty"`
	Node     string `json:"node"`
	Customer string `json:"customer,omitempty"` // whom it is about
	Command  string `json:"command"`
	Outcome  string `json:"outcome"` // "accepted", or why it was refused; exported, by which rule
	Request  string `json:"request"`
	Hash     string `json:"hash"`
	Record   string `json:"record,omitempty"` // base64 of the bytes that Hash is over; exported only
}

// NewAuditLine describes a record.
func NewAuditLine(r rtbh.AuditRecord) AuditLine {
	l := AuditLine{
		Seq: r.Seq, Index: r.Index, At: r.At.String(), User: r.Actor.User, Door: r.Actor.Door.String(), From: r.Actor.From, Node: r.Actor.Node,
		Customer: customerOf(r.Command), Command: commandText(r.Command), Outcome: "accepted",
		Request: r.Request.String(), Hash: hex.EncodeToString(r.Hash[:]),
	}
	if r.Refusal != nil {
		l.Outcome = "refused: " + cmp.Or(r.Refusal.Text, ruleName(r.Refusal.Code))
	}
	switch x := r.Command.(type) {
	case rtbh.RecordLocal:
		l.User = cmp.Or(x.User, l.User)
	case rtbh.CountRefused:
		l.User, l.From, l.Outcome = x.User, x.From, "refused before the log"
	}
	return l
}

// AuditFormat numbers the form of an export.
const AuditFormat = 1

// AuditHead is the first line of an export: what the first record follows.
type AuditHead struct {
	Format  int    `json:"format"`
	Cluster string `json:"cluster"`
	After   uint64 `json:"after"` // sequence number of the record before; 0 = the export begins with the first one
	Anchor  string `json:"anchor"`
	Records int    `json:"records"`
}

// AuditTail is the last line of an export: the chain's head, to be kept
// elsewhere.
type AuditTail struct {
	Seq  uint64 `json:"headSeq"`
	Head string `json:"head"`
}

// showAudit lists who did what. Customers see what their own users did.
func showAudit(c *call, m *match) error {
	since := rtbh.Instant(0)
	if m.Has("TIME") {
		var err error
		if since, err = c.sinceWhen(m.Text("TIME")); err != nil {
			return err
		}
	}
	c.fresh(m)
	name := m.Text("NAME")
	var records []rtbh.AuditRecord
	var head [32]byte
	mine, of := map[string]bool{}, map[string]string{}
	c.view(func(s *rtbh.State, _ rtbh.Instant) {
		records, head = s.Audit()
		for _, u := range s.Users() {
			of[u.Name] = u.Customer
			mine[u.Name] = u.Customer != "" && (u.Customer == c.scope || c.scope == "" && u.Customer == name)
		}
	})
	own := func(r rtbh.AuditRecord) bool {
		if x, ok := r.Command.(rtbh.CountRefused); ok {
			return mine[x.User]
		}
		return mine[r.Actor.User] && r.Actor.Door != rtbh.DoorLocal && r.Actor.Door != rtbh.DoorNode
	}
	lines := []AuditLine{}
	for _, r := range records {
		about := customerOf(r.Command)
		if x, ok := r.Command.(rtbh.EditUser); ok { // the record of an edit names the user only
			about = cmp.Or(about, of[x.Name])
		}
		switch {
		case r.At < since,
			c.scope != "" && !own(r),
			name != "" && !own(r) && about != name:
			continue
		}
		l := NewAuditLine(r)
		l.Customer = about
		lines = append(lines, l)
	}
	if m.Has("json") {
		out := struct {
			Records []AuditLine `json:"records"`
			Head    string      `json:"head,omitempty"`
		}{lines, hex.EncodeToString(head[:])}
		if c.scope != "" {
			out.Head = "" // it moves with what others do
		}
		c.json(out)
		return nil
	}
	c.auditTable(lines)
	if c.scope == "" && len(lines) > 0 {
		c.print("\n%s; the chain's head is %x.\n", count(len(lines), "record"), head)
	}
	return nil
}

// sinceWhen reads a time, or how long ago.
func (c *call) sinceWhen(text string) (at rtbh.Instant, err error) {
	if at, err = parseInstant(text); err == nil {
		return at, nil
	}
	ago, lerr := parseLifetime(text)
	if lerr != nil || ago == rtbh.Forever {
		return 0, fmt.Errorf("%w, or as how long ago: 30m, 2h, 7d", err)
	}
	c.view(func(_ *rtbh.State, now rtbh.Instant) { at = now.Add(-ago.Duration()) })
	return at, nil
}

func (c *call) auditTable(lines []AuditLine) {
	if len(lines) == 0 {
		c.print("No records.\n")
		return
	}
	rows := [][]string{{"Number", "Time", "User", "From", "Node", "Customer", "Outcome", "Command"}}
	for _, l := range lines {
		from := l.Door
		if l.From != "" {
			from += " " + l.From
		}
		outcome, why, _ := strings.Cut(l.Outcome, ": ")
		rows = append(rows, []string{
			fmt.Sprint(l.Seq), strings.NewReplacer("T", " ", "Z", "").Replace(l.At), clean(l.User), clean(from), clean(l.Node),
			clean(l.Customer), outcome, clean(l.Command) + withText("  % ", clean(why)),
		})
	}
	if c.scope != "" {
		for i := range rows {
			rows[i] = slices.Delete(rows[i], 5, 6)
		}
	}
	columns(c.out, rows)
}

// exportAudit prints the whole audit as one line of JSON for each record, with
// the bytes that its hash is over, for `triggerd audit verify`.
func exportAudit(c *call, m *match) error {
	c.fresh(m)
	var records []rtbh.AuditRecord
	var hash [32]byte
	head := AuditHead{Format: AuditFormat}
	c.view(func(s *rtbh.State, _ rtbh.Instant) {
		records, hash = s.Audit()
		head.Cluster = s.ClusterID()
	})
	tail := AuditTail{Head: hex.EncodeToString(hash[:])}
	if n := len(records); n > 0 {
		tail.Seq = records[n-1].Seq
		records = head.anchor(records)
	}
	head.Records = len(records)
	lines := make([]AuditLine, 0, len(records))
	for _, r := range records {
		if r.Refusal != nil { // its words are not under the hash
			r.Refusal = &rtbh.Refusal{Code: r.Refusal.Code}
		}
		l := NewAuditLine(r)
		l.Record = base64.StdEncoding.EncodeToString(r.Encode())
		lines = append(lines, l)
	}
	if m.Has("json") {
		c.json(struct {
			AuditHead
			Lines []AuditLine `json:"audit"`
			AuditTail
		}{head, lines, tail})
		return nil
	}
	c.jsonLine(head)
	for _, l := range lines {
		c.jsonLine(l)
	}
	c.jsonLine(tail)
	return nil
}

// anchor notes what the first record follows. Where older ones are gone, nobody
// can check what the oldest that is kept follows: its hash is the anchor, and it
// is not exported itself.
func (h *AuditHead) anchor(records []rtbh.AuditRecord) []rtbh.AuditRecord {
	first := records[0]
	if first.Seq <= 1 {
		return records
	}
	h.After, h.Anchor = first.Seq, hex.EncodeToString(first.Hash[:])
	return records[1:]
}

// jsonLine prints v on one line, in ASCII.
func (c *call) jsonLine(v any) {
	b, err := json.Marshal(v)
	if err != nil {
		return // no value of ours can fail
	}
	var out strings.Builder
	for _, r := range string(b) {
		switch {
		case r < 0x80:
			out.WriteRune(r)
		case r > 0xffff:
			fmt.Fprintf(&out, `\u%04x\u%04x`, (r-0x10000)>>10+0xd800, (r-0x10000)&0x3ff+0xdc00)
		default:
			fmt.Fprintf(&out, `\u%04x`, r)
		}
	}
	c.print("%s\n", out.String())
}
