package rpki

import (
	"fmt"
	"time"

	"github.com/triggerd/triggerd/internal/alarm"
	"github.com/triggerd/triggerd/rpki/rtr"
)

// Caches returns the state of every cache, best first.
func (s *Service) Caches() []rtr.Status { return s.caches().Status() }

// Differences returns what the caches do not agree on, with at most sample VRPs
// for each pair.
func (s *Service) Differences(sample int) []rtr.Difference { return s.caches().Differences(sample) }

// Refresh asks every cache for what is new.
func (s *Service) Refresh() { s.caches().Refresh() }

// Accept believes a loss of VRPs that is held off; false: none is.
func (s *Service) Accept() bool { return s.caches().Accept() }

func (s *Service) caches() *rtr.Group {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.group
}

// Reconfigure changes the caches. The data of the old ones serve until the new
// ones have answered; a configuration without caches has no data.
func (s *Service) Reconfigure(o rtr.GroupOptions) {
	g := s.newGroup(o)
	s.mu.Lock()
	s.group = g
	s.mu.Unlock()
	select {
	case s.replaced <- struct{}{}:
	default:
	}
	if len(o.Caches) == 0 {
		s.take(rtr.Effective{})
	}
}

// downAfter is how long a cache may be away until that is an alarm.
const downAfter = time.Minute

// watch raises and clears the alarms about caches.
func (s *Service) watch() {
	group := s.caches()
	all, e := group.Status(), group.Effective()
	s.mu.Lock()
	defer s.mu.Unlock()
	seen := map[string]bool{}
	for _, c := range all {
		seen[c.Name] = true
		down := away(c) >= downAfter || c.LastError != "" && !c.HasEpoch
		s.alarmed[c.Name] = s.alarmed[c.Name] || down
		s.o.Alarms.Set(down, alarm.CacheDown, c.Name, downText(c))
	}
	for name := range s.alarmed {
		if !seen[name] {
			s.o.Alarms.Clear(alarm.CacheDown, name)
			delete(s.alarmed, name)
		}
	}
	// With a cache configured and no data, every route is not-found: nothing that
	// is shown as such means anything.
	lost := len(all) > 0 && e.Data == nil && !starting(all)
	s.o.Alarms.Set(lost, alarm.NoVRPs, "", "no RPKI cache has usable data: every route is not-found")
	text := ""
	if e.Held != nil {
		text = fmt.Sprintf("%s takes away %d of %d VRPs at once: the old ones serve until %s or `rpki accept`",
			e.Held.Cache, e.Held.Lost, e.Held.Of, e.Held.Until.UTC().Format(time.RFC3339))
	}
	s.o.Alarms.Set(e.Held != nil, alarm.VRPsHeld, "", text)
}

// starting tells whether no cache has had the time to answer yet.
func starting(all []rtr.Status) bool {
	for _, c := range all {
		if c.Epochs > 0 || away(c) >= downAfter || c.LastError != "" {
			return false
		}
	}
	return true
}

// away is for how long a cache has not been up.
func away(c rtr.Status) time.Duration {
	if c.Down.IsZero() {
		return 0
	}
	return time.Since(c.Down)
}

func downText(c rtr.Status) string {
	text := "no complete answer"
	if !c.Down.IsZero() {
		text += " since " + c.Down.UTC().Format(time.RFC3339)
	}
	if c.LastError != "" {
		text += ": " + c.LastError
	}
	if c.HasEpoch {
		text += fmt.Sprintf("; its data serve until %s", c.Expires.UTC().Format(time.RFC3339))
	}
	return text
}
