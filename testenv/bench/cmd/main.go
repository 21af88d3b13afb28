// Command cmd is `make bench`: it measures triggerd beside what people use today,
// prints the tables, and writes them where it is told to. Progress goes to standard
// error. It holds flags and signals; package bench does the work.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"regexp"
	"syscall"

	"github.com/triggerd/triggerd/testenv/bench"
)

func main() { os.Exit(run()) }

// run returns the exit status: 0, or 1 when something could not be measured that
// should have been, 2 when nothing could.
func run() int {
	var opt bench.Options
	flag.StringVar(&opt.Binary, "binary", "bin/triggerd", "the triggerd to measure")
	flag.BoolVar(&opt.Quick, "quick", os.Getenv("QUICK") == "1", "few tries and small sizes, done in five minutes; default $QUICK")
	flag.IntVar(&opt.Tries, "tries", 0, "how often one blackhole is made; 0 = 200, or 12 with -quick")
	flag.StringVar(&opt.Dir, "dir", "", "leave data and logs in this folder")
	flag.StringVar(&opt.Source, "source", ".", "the module's root, for the micro-benchmarks")
	only := flag.String("only", os.Getenv("ONLY"), "`regexp` of section/part/row, such as one/alone/triggerd; default $ONLY")
	list := flag.Bool("list", false, "list what -only chooses from, and end")
	asJSON := flag.String("json", "", "write the result to this `file` as JSON")
	document := flag.String("doc", "", "put the sections that were measured whole into this Markdown `file`")
	compare := flag.Bool("compare", false, "compare the micro-benchmarks with those of -base by benchstat, and end")
	base := flag.String("base", os.Getenv("BASE"), "`revision` for -compare; default $BASE, or the newest tag")
	count := flag.Int("count", 6, "runs of each benchmark for -compare")
	flag.Parse()
	if *compare {
		return comparison(bench.Comparison{Source: opt.Source, Base: *base, Count: *count, Time: "200ms", Log: os.Stderr})
	}
	if *list {
		fmt.Print(bench.List(opt))
		return 0
	}
	var err error
	if *only != "" {
		if opt.Only, err = regexp.Compile(*only); err != nil {
			fmt.Fprintln(os.Stderr, "bench: -only:", err)
			return 2
		}
	}
	status, ran, why := bench.Enter()
	if ran {
		return status
	}
	if why != nil {
		fmt.Fprintln(os.Stderr, "bench:", why)
	}
	opt.Log = os.Stderr
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	report, err := bench.Run(ctx, opt, why == nil)
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
	}
	if len(report.Sections) == 0 {
		return 2
	}
	fmt.Print(report.Markdown())
	return write(report, *asJSON, *document, err)
}

// comparison is `make bench-compare`.
func comparison(c bench.Comparison) int {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	text, err := bench.Compare(ctx, c)
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		return 1
	}
	fmt.Print(text)
	return 0
}

// write writes the files.
func write(r *bench.Report, asJSON, document string, err error) int {
	status := 0
	if err != nil {
		status = 1
	}
	if asJSON != "" {
		f, err := os.Create(asJSON)
		if err == nil {
			err = r.WriteJSON(f)
		}
		if err == nil {
			err = f.Close()
		}
		if err != nil {
			fmt.Fprintln(os.Stderr, "bench:", err)
			status = 1
		}
	}
	if document != "" {
		if err := r.WriteDocument(document); err != nil {
			fmt.Fprintln(os.Stderr, "bench:", err)
			status = 1
		}
	}
	return status
}
