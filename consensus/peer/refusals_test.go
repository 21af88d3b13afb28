package peer

import (
	"fmt"
	"slices"
	"testing"
	"time"
)

var noon = time.Date(2026, 1, 1, 12, 0, 0, 0, time.UTC)

func TestOneLogLinePerSourceInTenSeconds(t *testing.T) {
	r, no := newRefusals(), refuse(NotTLS, "no")
	lines := 0
	for s := range 30 {
		if log, _ := r.note(noon.Add(time.Duration(s)*time.Second), no, "192.0.2.1"); log {
			lines++
		}
	}
	if lines != 3 {
		t.Errorf("%d lines in 30 s, want 3", lines)
	}
	if log, _ := r.note(noon.Add(29*time.Second), no, "192.0.2.2"); !log {
		t.Error("another source was kept quiet")
	}
	if n := r.snapshot()["not-tls"]; n != 31 {
		t.Errorf("counted %d, want 31", n)
	}
}

func TestRefusalAlarmEndsAfterTenQuietMinutes(t *testing.T) {
	r := newRefusals()
	_, subject := r.note(noon, refuse(NotMember, "no"), "192.0.2.1")
	if subject != "not-a-member 192.0.2.1" {
		t.Fatalf("subject %q", subject)
	}
	r.note(noon.Add(5*time.Minute), refuse(NotMember, "no"), "192.0.2.1")
	if over := r.sweep(noon.Add(14 * time.Minute)); len(over) != 0 {
		t.Fatalf("over already: %v", over)
	}
	if over := r.sweep(noon.Add(15 * time.Minute)); !slices.Equal(over, []string{subject}) {
		t.Fatalf("over: %v", over)
	}
	if over := r.sweep(noon.Add(time.Hour)); len(over) != 0 {
		t.Fatalf("over twice: %v", over)
	}
}

// A member that restarts or goes away in the handshake is no intruder.
func TestOrdinaryLifeRaisesNoAlarm(t *testing.T) {
	r := newRefusals()
	for _, reason := range []Reason{NotReady, Incomplete, TooMany} {
		if _, subject := r.note(noon, refuse(reason, "no"), "192.0.2.1"); subject != "" {
			t.Errorf("%s raises %q", reason, subject)
		}
	}
}

// A scan from very many addresses fills neither the memory nor `show alarms`.
func TestManySourcesShareOneAlarm(t *testing.T) {
	r := newRefusals()
	up, lines := map[string]bool{}, 0
	for i := range 10000 {
		log, subject := r.note(noon, refuse(NotTLS, "no"), fmt.Sprintf("2001:db8::%x", i))
		up[subject] = true
		if log {
			lines++
		}
	}
	if len(up) > maxSources+1 || lines > maxSources+1 || len(r.logged) > maxSources+1 || len(r.alarms) > maxSources+1 {
		t.Fatalf("%d alarms, %d lines, %d sources, %d subjects kept", len(up), lines, len(r.logged), len(r.alarms))
	}
	r.sweep(noon.Add(time.Hour))
	if len(r.logged) != 0 || len(r.alarms) != 0 {
		t.Fatal("sources stay")
	}
}
