package daemon

import (
	"context"
	"log/slog"
	"net/netip"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/triggerd/triggerd/cli"
	"github.com/triggerd/triggerd/internal/alarm"
	"github.com/triggerd/triggerd/internal/rtbh"
)

var (
	p1 = netip.MustParsePrefix("203.0.113.1/32")
	p2 = netip.MustParsePrefix("203.0.113.2/32")
)

// TestASuppressionForWantOfAMajorityEndsWhenItIsBack, and one that was asked for
// while there was a majority does not.
func TestASuppressionForWantOfAMajorityEndsWhenItIsBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		alarms := alarm.New(slog.New(slog.DiscardHandler))
		var majority atomic.Bool
		majority.Store(true)
		var woken []netip.Prefix
		s := newSuppression(alarms, majority.Load, func(p []netip.Prefix) { woken = append(woken, p...) })
		ctx, stop := context.WithCancel(t.Context())
		var lifted []netip.Prefix
		go s.tend(ctx, func(x cli.Suppressed) { lifted = append(lifted, x.Prefix) })
		who := rtbh.Actor{User: "root"}
		if !s.Suppress(p1, who) || s.Suppress(p1, who) {
			t.Error("suppressing twice is two changes")
		}
		majority.Store(false)
		s.Suppress(p2, who)
		time.Sleep(time.Minute)
		synctest.Wait()
		if !s.has(p1) || !s.has(p2) || len(alarms.List()) != 2 || !strings.Contains(alarms.List()[1].Text, "until the majority is back") {
			t.Errorf("without a majority: %v, alarms %v", s.Suppressed(), alarms.List())
		}
		majority.Store(true)
		time.Sleep(2 * suppressEvery)
		synctest.Wait()
		if !s.has(p1) || s.has(p2) || len(lifted) != 1 || lifted[0] != p2 || len(alarms.List()) != 1 {
			t.Errorf("with the majority back: %v, lifted %v, alarms %v", s.Suppressed(), lifted, alarms.List())
		}
		if !s.Unsuppress(p1, who) || s.Unsuppress(p1, who) || len(alarms.List()) != 0 {
			t.Error("no suppress")
		}
		if len(woken) != 4 {
			t.Errorf("the speaker was woken for %v", woken)
		}
		stop()
	})
}
