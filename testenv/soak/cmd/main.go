// Command cmd is `make soak`: it soaks a cluster of triggerd and says on its
// last line whether that kept its word. Everything else goes to standard error.
// It holds flags and signals; package soak does the work.
package main

import (
	"context"
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"os/signal"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/triggerd/triggerd/testenv/soak"
)

func main() { os.Exit(run()) }

// run returns the exit status: 0 when every promise was kept, 1 when not, 2 when
// the soak could not be done.
func run() int {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	var opt soak.Options
	var minutes float64
	flag.StringVar(&opt.Binary, "binary", "bin/triggerd", "the triggerd to soak")
	flag.IntVar(&opt.Kills, "kills", 1000, "kill -9 so many processes")
	flag.Float64Var(&minutes, "minutes", 30, "then break things for so long")
	flag.Uint64Var(&opt.Seed, "seed", seed(), "of the plan of kills and faults; default $SEED, or any")
	flag.StringVar(&opt.Dir, "dir", "", "keep data and logs in this folder")
	flag.DurationVar(&opt.Idle, "idle", 10*time.Second, "how long to measure the idle cluster")
	flag.DurationVar(&opt.Calm, "calm", 5*time.Second, "how long to load the healthy cluster first")
	flag.StringVar(&opt.Level, "log-level", "", "of the nodes' logs")
	only := flag.String("only", "", "kinds of faults with commas between them, such as \"frozen,link cut\"; none = all")
	flag.Parse()
	if *only != "" {
		opt.Only = strings.Split(*only, ",")
	}
	opt.Keep = opt.Dir != ""
	opt.Faults = time.Duration(minutes * float64(time.Minute))
	opt.Out = os.Stderr

	fmt.Fprintf(os.Stderr, "soak: SEED=%d KILLS=%d MINUTES=%v (the same seed makes the same plan)\n", opt.Seed, opt.Kills, minutes)
	r, err := soak.Run(ctx, opt)
	if r.Kept != "" {
		fmt.Fprintf(os.Stderr, "soak: SEED=%d; data, logs and the timeline are in %s\n", opt.Seed, r.Kept)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "soak: it could not go on:", err)
	}
	switch {
	case !r.Good():
		fmt.Println(r)
		return 1
	case err != nil:
		return 2 // a last line would look like that of a soak that was done
	}
	fmt.Println(r)
	return 0
}

// seed is what the environment says, or any.
func seed() uint64 {
	if n, err := strconv.ParseUint(os.Getenv("SEED"), 10, 64); err == nil {
		return n
	}
	return rand.Uint64N(1_000_000_000)
}
