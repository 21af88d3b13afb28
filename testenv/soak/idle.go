package soak

import (
	"context"
	"fmt"
	"strings"
	"time"
)

// measureIdle measures what the cluster uses when nobody asks anything of it.
func (s *soak) measureIdle(ctx context.Context) error {
	if s.opt.Idle == 0 {
		return nil
	}
	before, err := s.cpuTimes()
	if err != nil {
		s.log.say("idle CPU is not measured: %v", err)
		return nil
	}
	began := time.Now()
	if err := wait(ctx, s.opt.Idle); err != nil {
		return err
	}
	took := time.Since(began)
	after, err := s.cpuTimes()
	if err != nil {
		return err
	}
	var parts []string
	var sum float64
	for i, n := range s.nodes {
		part := 100 * (after[i] - before[i]).Seconds() / took.Seconds()
		sum += part
		parts = append(parts, fmt.Sprintf("%s %.1f %%", n.name, part))
	}
	s.idle = fmt.Sprintf("%.1f %% of a core over %.0f s (%s)", sum, took.Seconds(), strings.Join(parts, ", "))
	s.log.say("idle cluster: %s", s.idle)
	return nil
}

func (s *soak) cpuTimes() (all []time.Duration, err error) {
	for _, n := range s.nodes {
		d, err := cpuTime(n.pid())
		if err != nil {
			return nil, err
		}
		all = append(all, d)
	}
	return all, nil
}

// report prints the figures.
func (s *soak) report() {
	idle := s.idle
	if idle == "" {
		idle = "not measured"
	}
	fmt.Fprintf(s.opt.Out, "Figures:\n%s  %-46s %s\n", s.figures, "idle CPU of the three processes", idle)
}
