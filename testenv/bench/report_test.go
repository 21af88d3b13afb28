package bench

import (
	"bytes"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

var rewrite = flag.Bool("update", false, "write the golden files anew")

func golden(t *testing.T, name, got string) {
	t.Helper()
	file := filepath.Join("testdata", name)
	if *rewrite {
		if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if string(want) != got {
		t.Errorf("%s differs; -update writes it anew. Now:\n%s", file, got)
	}
}

func sample() *Report {
	tries := number(40, "")
	tries.Note = "cut after 40 tries: 60 s were over"
	return &Report{
		Date: time.Date(2026, 11, 29, 11, 45, 0, 0, time.UTC), Machine: "2 x a processor, 8 GiB", Load: "0.10", Version: "v1.0.0",
		Network: "traffic in a network namespace of its own", Peers: []string{"BIRD version 2.0.12"},
		Skipped: []Skip{{"exabgp", "no exabgp here (Debian package exabgp; as root, testenv/install.sh installs it)"}},
		Sections: []Section{
			{Name: "one", Title: "One blackhole", Text: "How it was measured.", Whole: true, Tables: []Table{{
				Name: "alone", Title: "one blackhole", Columns: []string{"tries", "answer", "from both"},
				Rows: []Row{
					{"triggerd, live SSH session", []Cell{number(200, ""), ofTries(ms(2, 1, 3), ""), ofTries(ms(2, 4), "")}},
					{"two FRR, telnet sync", []Cell{tries, ofTries(ms(86), ""), ofTries([]time.Duration{93_250_000}, "")}},
					{"ExaBGP, pipe", []Cell{nothing("could not run here, see below"), {}, {}}},
				},
			}}},
			{Name: "bulk", Title: "Many at once", Text: "Seconds.", Tables: []Table{{
				Name: "1000", Title: "1000 blackholes", Columns: []string{"last", "memory", "nothing"},
				Rows: []Row{{"BIRD", []Cell{seconds(130 * time.Millisecond), mebibytes(9 << 20), number(0, "%")}}},
			}}},
		},
	}
}

func TestTablesReadAsBefore(t *testing.T) {
	golden(t, "report.md", sample().Markdown())
	var b bytes.Buffer
	if err := sample().WriteJSON(&b); err != nil {
		t.Fatal(err)
	}
	golden(t, "report.json", b.String())
}

const document = `# Performance

Words before.

<!-- bench:one -->
old
<!-- end bench:one -->

Words between.

<!-- bench:bulk -->
old bulk
<!-- end bench:bulk -->
`

func writeDocument(t *testing.T, r *Report, doc string) (string, error) {
	t.Helper()
	file := filepath.Join(t.TempDir(), "doc.md")
	if err := os.WriteFile(file, []byte(doc), 0o644); err != nil {
		t.Fatal(err)
	}
	err := r.WriteDocument(file)
	text, _ := os.ReadFile(file)
	return string(text), err
}

func TestOnlyWhatWasMeasuredWholeGoesIntoTheDocument(t *testing.T) {
	once, err := writeDocument(t, sample(), document)
	if err != nil {
		t.Fatal(err)
	}
	golden(t, "document.md", once)
	twice, err := writeDocument(t, sample(), once)
	if err != nil || twice != once {
		t.Errorf("written again it differs: %v\n%s", err, twice)
	}
	quick := sample()
	quick.Quick = true
	if text, err := writeDocument(t, quick, document); err != nil || text != document {
		t.Errorf("QUICK=1 changed the document: %v\n%s", err, text)
	}
	if _, err := writeDocument(t, sample(), strings.ReplaceAll(document, "end bench:one", "end")); err == nil {
		t.Error("a missing marker is no error")
	}
}

func TestMicroBenchmarksAreRead(t *testing.T) {
	text := "goos: linux\nBenchmarkApply/toggle/10-2 \t 190394\t 6093 ns/op\t 3072 B/op\t 29 allocs/op\nBenchmarkDecode-2 10 2500000 ns/op 132.5 MB/s 1048576 B/op 1 allocs/op\nPASS\n"
	table := Table{Title: "step", Columns: []string{"time", "allocated", "allocations"}, Rows: microRows("./internal/rtbh", text)}
	golden(t, "micro.md", table.Markdown())
}

// What is promised in the Makefile and the documentation can be chosen.
func TestEverySectionCanBeChosen(t *testing.T) {
	list := List(Options{Quick: true})
	for _, want := range []string{"one/alone/ triggerd-ssh", "one/table/ ", "one/follower/ ", "bulk/1000/ ", "restart/1000/ triggerd-leader ", "validation/rov/ triggerd bird", "scale/nodes/\n", "micro/go/\n", " bird "} {
		if !strings.Contains(list, want) {
			t.Errorf("%q is not in the list:\n%s", want, list)
		}
	}
}

// Every section has its place in docs/performance.md.
func TestTheDocumentHasAllMarkers(t *testing.T) {
	text, err := os.ReadFile("../../docs/performance.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range sections() {
		if _, err := between(string(text), s.name, "x"); err != nil {
			t.Errorf("docs/performance.md: %v", err)
		}
	}
}
