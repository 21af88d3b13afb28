package bench

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"os/exec"
	"strconv"
	"strings"
)

const microText = `Single steps by themselves, as go test measures them. make bench-compare sets them beside an older revision, by benchstat.`

// step is a micro-benchmark of a package.
type step struct{ pkg, pattern string }

// steps are what the daemon does most: of a state with 10 and with 100,000
// blackholes where that matters.
var steps = []step{
	{"./internal/rtbh", "^BenchmarkApply$/^(toggle|refresh|atomic)$"},
	{"./internal/rtbh", "^Benchmark(Desired|RouteFor|Encode|Decode)$"},
	{"./bgp", "^BenchmarkDifference$"},
	{"./cli/grammar", "^Benchmark(NetworkLine|ShowLine)$"},
	{"./rpki/rtr", "^BenchmarkDecode$"},
	{"./rpki/vrp", "^BenchmarkValidate$"},
}

func microParts(*env) []string { return []string{"go"} }

// goTest runs one step and returns what was printed.
func goTest(ctx context.Context, source string, s step, benchtime string, count int) (string, error) {
	cmd := exec.CommandContext(ctx, "go", "test", "-run", "^$", "-bench", s.pattern, "-benchtime", benchtime, "-count", strconv.Itoa(count), "-benchmem", s.pkg)
	cmd.Dir = source
	var errs bytes.Buffer
	cmd.Stderr = &errs
	out, err := cmd.Output()
	if err != nil {
		err = fmt.Errorf("go test -bench %s %s: %w: %s%s", s.pattern, s.pkg, err, out, &errs)
	}
	return string(out), err
}

func microSection(ctx context.Context, e *env, out *Section) error {
	t := Table{Name: "go", Title: "step", Columns: []string{"time", "allocated", "allocations"}}
	if e.opt.Source == "" {
		return nil
	}
	for _, s := range steps {
		e.say("micro: %s %s", s.pkg, s.pattern)
		text, err := goTest(ctx, e.opt.Source, s, e.effort.micro, 1)
		if err != nil {
			e.skip("micro-benchmarks", short(err))
			return ctx.Err()
		}
		t.Rows = append(t.Rows, microRows(s.pkg, text)...)
	}
	out.Tables = append(out.Tables, t)
	return nil
}

// microRows reads lines such as
//
//	BenchmarkApply/toggle/10-2   190394   6093 ns/op   3104 B/op   29 allocs/op
func microRows(pkg, text string) (rows []Row) {
	scanner := bufio.NewScanner(strings.NewReader(text))
	for scanner.Scan() {
		f := strings.Fields(scanner.Text())
		if len(f) < 4 || !strings.HasPrefix(f[0], "Benchmark") {
			continue
		}
		name := strings.TrimPrefix(f[0], "Benchmark")
		if i := strings.LastIndexByte(name, '-'); i > 0 {
			name = name[:i]
		}
		cells := make([]Cell, 3)
		for i := 2; i+1 < len(f); i += 2 {
			v, err := strconv.ParseFloat(f[i], 64)
			if err != nil {
				continue
			}
			switch f[i+1] {
			case "ns/op":
				cells[0] = duration(v)
			case "B/op":
				cells[1] = number(v/1024, "KiB")
			case "allocs/op":
				cells[2] = number(v, "")
			}
		}
		rows = append(rows, Row{strings.TrimPrefix(pkg, "./") + " " + name, cells})
	}
	return rows
}

// duration is a cell of nanoseconds in the unit that fits.
func duration(ns float64) Cell {
	switch {
	case ns < 1000:
		return number(ns, "ns")
	case ns < 1e6:
		return number(ns/1000, "µs")
	}
	return number(ns/1e6, "ms")
}
