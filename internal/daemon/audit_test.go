package daemon

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net/netip"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/triggerd/triggerd/cli"
	"github.com/triggerd/triggerd/cli/vty"
	"github.com/triggerd/triggerd/internal/config"
	"github.com/triggerd/triggerd/internal/rtbh"
)

// stateOnly is a cluster that shows one state.
type stateOnly struct {
	cli.Cluster
	cli.NodeConfig
	s *rtbh.State
}

func (o stateOnly) View(f func(*rtbh.State, rtbh.Instant)) { f(o.s, o.s.LastStamp()) }
func (o stateOnly) Fresh(context.Context) (uint64, bool)   { return o.s.Index(), true }
func (o stateOnly) Current() config.Node                   { return config.Node{Hostname: "trigger1"} }

// export is what `show audit export` prints of a state with n networks.
func export(t *testing.T, n int) []string {
	t.Helper()
	s := rtbh.NewState()
	local := rtbh.Actor{User: "local", Door: rtbh.DoorLocal, Node: "trigger1"}
	apply := func(a rtbh.Actor, cmd rtbh.Command) {
		s.Apply(s.Index()+1, rtbh.Entry{Request: rtbh.RequestID{byte(s.Index() >> 8), byte(s.Index()), 1}, Typed: 1e12, Stamp: 1e12, Actor: a, Commands: []rtbh.Command{cmd}})
	}
	apply(rtbh.Actor{Door: rtbh.DoorNode}, rtbh.InitCluster{ClusterID: "c0ffee", Created: 1e12})
	apply(local, rtbh.EditCustomer{Name: "acme", Field: rtbh.CustomerExists})
	apply(local, rtbh.EditCustomer{Name: "acme", Field: rtbh.CustomerPrefixes, Value: rtbh.Customer{Prefixes: []netip.Prefix{netip.MustParsePrefix("203.0.113.0/24")}}})
	for i := range n {
		apply(local, rtbh.Announce{Customer: "acme", Prefix: netip.PrefixFrom(netip.AddrFrom4([4]byte{203, 0, byte(113 + i%2), byte(i)}), 32), Reason: "<&> Überlast"})
	}
	o := stateOnly{s: s}
	var out bytes.Buffer
	status := vty.RunScript(t.Context(), "show audit export", &out, cli.NewShell(cli.Ports{Cluster: o, Node: o}, cli.Login{Door: rtbh.DoorLocal}), false)
	if status != 0 {
		t.Fatal(out.String())
	}
	return strings.SplitAfter(strings.TrimSuffix(out.String(), "\n"), "\n")
}

func verify(lines []string) (Audit, error) {
	return VerifyAudit(strings.NewReader(strings.Join(lines, "")))
}

func TestAWholeExportIsWhole(t *testing.T) {
	lines := export(t, 20)
	a, err := verify(lines)
	if err != nil || a.Records != 23 || a.Last != 23 || a.Cluster != "c0ffee" || len(a.Head) != 64 {
		t.Errorf("%+v, %v", a, err)
	}
}

// TestAnExportWhoseBeginningIsGone begins after a record that is not in it.
func TestAnExportWhoseBeginningIsGone(t *testing.T) {
	lines := export(t, 20)
	var l cli.AuditLine
	if err := json.Unmarshal([]byte(lines[5]), &l); err != nil {
		t.Fatal(err)
	}
	head := fmt.Sprintf(`{"format":1,"cluster":"c0ffee","after":5,"anchor":%q,"records":18}`+"\n", l.Hash)
	a, err := verify(append([]string{head}, lines[6:]...))
	if err != nil || a.After != 5 || a.Last != 23 || a.Records != 18 {
		t.Errorf("%+v, %v", a, err)
	}
	var bad *BadAudit
	if _, err := verify(append([]string{head}, lines[7:]...)); !errors.As(err, &bad) || bad.Seq != 6 {
		t.Errorf("a record is missing behind the anchor: %v", err)
	}
}

// TestAnyChangeOfAnExportShows: whatever is done to one line, verifying fails,
// at that line or the one behind it.
func TestAnyChangeOfAnExportShows(t *testing.T) {
	whole := export(t, 20)
	rapid.Check(t, func(r *rapid.T) {
		lines := append([]string(nil), whole...)
		i := rapid.IntRange(1, len(lines)-2).Draw(r, "line") // record i
		switch rapid.SampledFrom([]string{"drop", "swap", "twice", "text", "bytes", "cut"}).Draw(r, "how") {
		case "drop":
			lines = append(lines[:i:i], lines[i+1:]...)
		case "swap":
			if i+1 >= len(lines)-1 {
				r.Skip()
			}
			lines[i], lines[i+1] = lines[i+1], lines[i]
		case "twice":
			lines = append(lines[:i+1:i+1], lines[i:]...)
		case "text":
			var l cli.AuditLine
			if err := json.Unmarshal([]byte(lines[i]), &l); err != nil {
				r.Fatal(err)
			}
			fields := []*string{&l.At, &l.User, &l.Door, &l.From, &l.Node, &l.Customer, &l.Command, &l.Outcome, &l.Request, &l.Hash}
			*fields[rapid.IntRange(0, len(fields)-1).Draw(r, "field")] += "x"
			lines[i] = encoded(r, l)
		case "bytes":
			var l cli.AuditLine
			if err := json.Unmarshal([]byte(lines[i]), &l); err != nil {
				r.Fatal(err)
			}
			b, _ := base64.StdEncoding.DecodeString(l.Record)
			b[rapid.IntRange(0, len(b)-1).Draw(r, "byte")] ^= byte(rapid.IntRange(1, 255).Draw(r, "bits"))
			l.Record = base64.StdEncoding.EncodeToString(b)
			if rec, err := rtbh.DecodeAuditRecord(b); err == nil { // as a forger would
				said := cli.NewAuditLine(rec)
				said.Record = l.Record
				l = said
			}
			lines[i] = encoded(r, l)
		case "cut":
			lines = lines[:i+1]
		}
		_, err := verify(lines)
		var bad *BadAudit
		if !errors.As(err, &bad) {
			r.Fatalf("line %d changed, verifying says %v", i, err)
		}
		if bad.Seq < uint64(i) || bad.Seq > uint64(i)+1 {
			r.Fatalf("line %d changed, verifying blames %d (%v)", i, bad.Seq, err)
		}
	})
}

func encoded(t *rapid.T, l cli.AuditLine) string {
	b, err := json.Marshal(l)
	if err != nil {
		t.Fatal(err)
	}
	return string(b) + "\n"
}

func TestWhatIsNoExportIsNone(t *testing.T) {
	for _, text := range []string{"", "\n", "hello\n", "{}\n", `{"format":99}` + "\n", strings.Repeat("x", maxAuditLine+1)} {
		if _, err := VerifyAudit(strings.NewReader(text)); err == nil {
			t.Errorf("%.20q is taken", text)
		}
	}
}

// FuzzVerifyAudit: nothing that is read ends the program.
func FuzzVerifyAudit(f *testing.F) {
	f.Add([]byte(fmt.Sprintln(`{"format":1,"cluster":"c","after":0,"anchor":"","records":1}`) + fmt.Sprintln(`{"seq":1,"record":"AQE="}`) + `{"headSeq":1,"head":"00"}`))
	f.Fuzz(func(_ *testing.T, b []byte) { _, _ = VerifyAudit(bytes.NewReader(b)) })
}
