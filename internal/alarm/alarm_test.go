package alarm

import (
	"bytes"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// logged returns a registry and what it logs, without the time.
func logged() (*Registry, *bytes.Buffer) {
	var b bytes.Buffer
	return New(slog.New(slog.NewTextHandler(&b, &slog.HandlerOptions{ReplaceAttr: func(_ []string, a slog.Attr) slog.Attr {
		if a.Key == slog.TimeKey {
			return slog.Attr{}
		}
		return a
	}}))), &b
}

func names(all []Alarm) (out []string) {
	for _, a := range all {
		out = append(out, string(a.Kind)+" "+a.Subject)
	}
	return out
}

func TestAnAlarmIsUpFromItsRaiseToItsClear(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, out := logged()
		began := time.Now()
		r.Raise(NeighborDown, "192.0.2.250", "not established for 10s")
		time.Sleep(time.Minute)
		r.Raise(NeighborDown, "192.0.2.250", "not established for 70s")
		want := Alarm{NeighborDown, "192.0.2.250", "not established for 70s", began}
		if got := r.List(); len(got) != 1 || got[0] != want {
			t.Fatalf("%+v", got)
		}
		r.Clear(NeighborDown, "192.0.2.251") // another one
		if len(r.List()) != 1 {
			t.Fatal("clearing one neighbor cleared another")
		}
		r.Clear(NeighborDown, "192.0.2.250")
		r.Clear(NeighborDown, "192.0.2.250")
		if got := r.List(); len(got) != 0 {
			t.Fatalf("still up: %+v", got)
		}
		log := strings.TrimSpace(out.String())
		if want := `level=WARN msg="alarm raised" alarm=neighbor-down subject=192.0.2.250 text="not established for 10s"` + "\n" +
			`level=INFO msg="alarm cleared" alarm=neighbor-down subject=192.0.2.250 after=1m0s`; log != want {
			t.Errorf("the log says\n%s\nwant\n%s", log, want)
		}
	})
}

func TestAnAlarmThatComesBackIsNewAndCountedAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, _ := logged()
		r.Set(true, NoMajority, "", "1 of 3 members can be reached")
		r.Set(true, NoMajority, "", "1 of 3 members can be reached")
		r.Set(false, NoMajority, "", "")
		r.Set(false, NoMajority, "", "")
		time.Sleep(time.Hour)
		r.Set(true, NoMajority, "", "again")
		if a := r.List(); len(a) != 1 || a[0].Since != time.Now() {
			t.Fatalf("%+v", a)
		}
		r.Raise(StoreError, "log", "disk full")
		counts := r.Counts()
		if counts[NoMajority] != 2 || counts[StoreError] != 1 || len(counts) != 2 {
			t.Fatalf("%v", counts)
		}
		counts[NoMajority] = 99
		if r.Counts()[NoMajority] != 2 {
			t.Fatal("the caller's copy is the registry's own")
		}
	})
}

func TestTheListIsOldestFirst(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, _ := logged()
		r.Raise(TableLimit, "b", "")
		time.Sleep(time.Second)
		r.Raise(NoMajority, "", "")
		r.Raise(NeighborDown, "b", "")
		r.Raise(NeighborDown, "a", "")
		time.Sleep(time.Second)
		r.Raise(ClockJump, "", "")
		r.Raise(TableLimit, "b", "a new text does not make it younger")
		want := []string{"table-limit b", "neighbor-down a", "neighbor-down b", "no-majority ", "clock-jump "}
		for range 20 { // the map behind it is in another order each time
			if got := names(r.List()); !slices.Equal(got, want) {
				t.Fatalf("%q", got)
			}
		}
	})
}

func TestANilRegistrySwallowsEverything(t *testing.T) {
	var r *Registry
	r.Raise(DaemonFault, "bgp", "stopped")
	r.Set(true, DaemonFault, "bgp", "stopped")
	r.Set(false, DaemonFault, "bgp", "")
	r.Clear(DaemonFault, "bgp")
	if r.List() != nil || len(r.Counts()) != 0 {
		t.Fatal("a nil registry holds something")
	}
}

func TestManyPartsRaiseAtOnce(t *testing.T) {
	r := New(slog.New(slog.DiscardHandler))
	var parts sync.WaitGroup
	for p := range 8 {
		parts.Go(func() {
			for i := range 200 {
				r.Raise(MemberSilent, "shared", fmt.Sprint(p, i))
				r.Raise(NeighborDown, fmt.Sprint(p), "down")
				r.List()
				r.Counts()
				r.Clear(NeighborDown, fmt.Sprint(p))
			}
		})
	}
	parts.Wait()
	if got := names(r.List()); !slices.Equal(got, []string{"member-silent shared"}) {
		t.Fatalf("left: %q", got)
	}
	if c := r.Counts(); c[NeighborDown] != 8*200 || c[MemberSilent] != 1 {
		t.Fatalf("%v", c)
	}
}
