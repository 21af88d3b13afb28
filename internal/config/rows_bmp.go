package config

import (
	"strings"
	"time"

	"github.com/triggerd/triggerd/cli/grammar"
)

var inBMP = []*grammar.Mode{bmpMode}

// bmpRows are FRR's `bmp` lines, as far as they say something here: what is told is
// always what was written to the routers and what they send, in both families.
func bmpRows() []row {
	return concat(
		[]row{
			{Modes: inRouter, Pattern: "bmp targets NAME$targets", Enters: bmpMode, Run: func(r *reader, m *match) error {
				r.draft.bgp.targets = m.Text("targets")
				return r.once("bmp targets " + m.Text("targets"))
			}},
			{Modes: inBMP, Pattern: "bmp connect <A.B.C.D|X:X::X:X|HOST>$host port (1-65535)$port [min-retry (100-86400000)$min] [max-retry (100-86400000)$max]", Run: bmpConnect},
			{Modes: inBMP, Pattern: "bmp stats [interval (100-86400000)$ms]", Run: func(r *reader, m *match) error {
				every := time.Second // FRR's default
				if m.Has("ms") {
					every = time.Duration(m.Number("ms")) * time.Millisecond
				}
				b := r.draft.bgp
				b.statistics[b.targets] = every
				return nil
			}},
			leave("<exit|quit>", bmpMode, routerMode),
		},
		skipped(inBMP, "a station is told what was written to the routers and what they send, in both families", "bmp monitor LINE", "bmp mirror [LINE]"),
		skipped(inBMP, "this node dials its stations", "bmp listener LINE"),
	)
}

// bmpConnect adds a station.
func bmpConnect(r *reader, m *match) error {
	b := r.draft.bgp
	s := BMPStation{
		Targets: b.targets, Host: m.Text("host"), Port: uint16(m.Number("port")),
		MinRetry: time.Duration(m.Number("min")) * time.Millisecond, MaxRetry: time.Duration(m.Number("max")) * time.Millisecond,
	}
	for _, other := range b.stations {
		if other.Host == s.Host && other.Port == s.Port {
			return at("host", "there is a second `bmp connect %s port %d`", s.Host, s.Port)
		}
	}
	if s.MaxRetry != 0 && s.MinRetry > s.MaxRetry {
		return at("min", "min-retry %d is more than max-retry %d", m.Number("min"), m.Number("max"))
	}
	b.stations = append(b.stations, s)
	return nil
}

// bmpStations are the stations when the whole block was read.
func (b *draftBGP) bmpStations() []BMPStation {
	for i := range b.stations {
		b.stations[i].Statistics = b.statistics[b.stations[i].Targets]
	}
	return b.stations
}

// printBMP prints the stations block by block.
func (b BGP) printBMP(t *text) {
	printed := map[string]bool{}
	for _, first := range b.BMP {
		if printed[first.Targets] {
			continue
		}
		printed[first.Targets] = true
		t.add(" !")
		t.add(" bmp targets %s", first.Targets)
		t.when(first.Statistics != 0, "  bmp stats interval %d", first.Statistics.Milliseconds())
		for _, s := range b.BMP {
			if s.Targets == first.Targets {
				s.print(t)
			}
		}
		t.add(" exit")
	}
}

func (s BMPStation) print(t *text) {
	line := &text{}
	line.add("  bmp connect %s port %d", s.Host, s.Port)
	line.when(s.MinRetry != 0, "min-retry %d", s.MinRetry.Milliseconds())
	line.when(s.MaxRetry != 0, "max-retry %d", s.MaxRetry.Milliseconds())
	t.lines = append(t.lines, strings.Join(line.lines, " "))
}
