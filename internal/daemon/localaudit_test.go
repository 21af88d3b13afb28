package daemon

import (
	"context"
	"errors"
	"log/slog"
	"os"
	"testing"
	"testing/synctest"

	"github.com/triggerd/triggerd/internal/alarm"
	"github.com/triggerd/triggerd/internal/rtbh"
)

// TestWhatIsDoneWithoutAMajorityIsAuditedLater: also when the node restarts in
// between, in order, and under the same request.
func TestWhatIsDoneWithoutAMajorityIsAuditedLater(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dir := t.TempDir()
		alarms := alarm.New(slog.New(slog.DiscardHandler))
		var got []rtbh.Entry
		majority := false
		open := func() *localAudit {
			a, err := openLocalAudit(dir, "trigger1", alarms, func() rtbh.Instant { return 7 }, func(_ context.Context, e rtbh.Entry) error {
				got = append(got, e)
				if !majority {
					return errors.New("no majority")
				}
				return nil
			})
			if err != nil {
				t.Fatal(err)
			}
			return a
		}
		a := open()
		ctx, stop := context.WithCancel(t.Context())
		go a.tend(ctx)
		for _, text := range []string{"suppress 203.0.113.1/32", "neighbor 192.0.2.20 shutdown"} {
			if err := a.Record(rtbh.Actor{User: "root", From: "192.0.2.9:50000"}, text); err != nil {
				t.Fatal(err)
			}
		}
		synctest.Wait()
		if len(got) == 0 || len(alarms.List()) != 1 || alarms.List()[0].Kind != alarm.AuditWaits {
			t.Fatalf("tried %d times, alarms %v", len(got), alarms.List())
		}
		first := got[0]
		stop()
		synctest.Wait()

		majority, got = true, nil
		b := open()
		if b.send(t.Context()); len(got) != 2 || got[0].Request != first.Request {
			t.Fatalf("after the restart %+v", got)
		}
		x := got[1].Commands[0].(rtbh.RecordLocal)
		if x.User != "root" || x.At != 7 || x.Node != "trigger1" || x.Text != "neighbor 192.0.2.20 shutdown" || got[1].Actor.From != "192.0.2.9:50000" {
			t.Errorf("%+v", got[1])
		}
		if _, err := os.Stat(b.path); !os.IsNotExist(err) {
			t.Error("the file is still there:", err)
		}
	})
}

func TestATornLineOfTheLocalAuditIsLeftOut(t *testing.T) {
	dir := t.TempDir()
	a, _ := openLocalAudit(dir, "trigger1", nil, func() rtbh.Instant { return 1 }, nil)
	if _, err := a.keep(rtbh.Actor{User: "root"}, "clear ip bgp *"); err != nil {
		t.Fatal(err)
	}
	f, err := os.OpenFile(a.path, os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	_, _ = f.WriteString(`{"request":[1,2`)
	_ = f.Close()
	if b, err := openLocalAudit(dir, "trigger1", nil, nil, nil); err != nil || len(b.acts) != 1 {
		t.Errorf("%v, %+v", err, b)
	}
}
