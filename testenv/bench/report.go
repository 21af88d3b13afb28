package bench

import (
	"encoding/json"
	"fmt"
	"io"
	"time"
)

// Report is everything that one run has measured.
type Report struct {
	Date     time.Time `json:"date"`
	Machine  string    `json:"machine"`
	Load     string    `json:"load"` // load average at the start
	Version  string    `json:"triggerd"`
	Quick    bool      `json:"quick"`
	Network  string    `json:"network"` // where the traffic was
	Peers    []string  `json:"peers"`   // versions of those measured beside it
	Sections []Section `json:"sections"`
	Skipped  []Skip    `json:"skipped"`
}

// Skip is a contestant that could not run here.
type Skip struct {
	Name string `json:"name"`
	Why  string `json:"why"`
}

// Section is one question, with a table for each of its parts.
type Section struct {
	Name   string  `json:"name"` // as in ONLY
	Title  string  `json:"title"`
	Text   string  `json:"text"` // how it was measured
	Whole  bool    `json:"whole"`
	Tables []Table `json:"tables"`
}

// Table is one part of a section.
type Table struct {
	Name    string   `json:"name"` // as in ONLY
	Title   string   `json:"title"`
	Columns []string `json:"columns"`
	Rows    []Row    `json:"rows"`
}

// Row is one contestant, or one size.
type Row struct {
	Name  string `json:"name"`
	Cells []Cell `json:"cells"`
}

// Cell is what was measured: many tries, or one number, or the reason why there
// is nothing.
type Cell struct {
	N     int      `json:"tries,omitempty"`
	P50   *float64 `json:"p50,omitempty"` // milliseconds, like the next two
	P99   *float64 `json:"p99,omitempty"`
	Max   *float64 `json:"max,omitempty"`
	Value *float64 `json:"value,omitempty"`
	Unit  string   `json:"unit,omitempty"` // of Value
	Note  string   `json:"note,omitempty"` // cut after how many tries, or why there is nothing
}

// ofTries is the cell of many durations.
func ofTries(all []time.Duration, note string) Cell {
	if len(all) == 0 {
		return Cell{Note: note}
	}
	s := spreadOf(all)
	p50, p99, most := millis(s.P50), millis(s.P99), millis(s.Max)
	return Cell{N: s.N, P50: &p50, P99: &p99, Max: &most, Note: note}
}

func millis(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }

// number is a cell of one value.
func number(v float64, unit string) Cell { return Cell{Value: &v, Unit: unit} }

// seconds is a cell of one duration.
func seconds(d time.Duration) Cell { return number(d.Seconds(), "s") }

// mebibytes is a cell of a size.
func mebibytes(n int64) Cell { return number(float64(n)/(1<<20), "MiB") }

// nothing is a cell without a value.
func nothing(format string, args ...any) Cell { return Cell{Note: fmt.Sprintf(format, args...)} }

// WriteJSON writes the report.
func (r *Report) WriteJSON(w io.Writer) error {
	e := json.NewEncoder(w)
	e.SetIndent("", "  ")
	return e.Encode(r)
}
