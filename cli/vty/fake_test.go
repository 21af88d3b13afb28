package vty

import (
	"context"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"
)

// router is a small Quagga: enough modes and commands to play the transcripts.
type router struct {
	mode  string // "", "(config)", "(config-router)"
	term  *Terminal
	lines []string // executed, in order
	slow  time.Duration
}

var routerHelp = map[string]string{
	"clear": "Clear stored data", "configure": "Configuration from vty interface", "copy": "Copy configuration",
	"show": "Show running system information", "terminal": "Set terminal line parameters", "list": "Print command list",
}

var routerNext = map[string][]string{
	"":                           {"clear", "configure", "copy", "list", "show", "terminal"},
	"show ":                      {"bgp", "history", "ip", "ipv6", "route-map", "running-config", "version"},
	"show ip bgp 192.0.2.12/32 ": {"bestpath", "longer-prefixes", "multipath"},
	"network 192.0.2.1/32 ":      {"route-map"},
}

func (r *router) Prompt() string {
	return "trig1" + r.mode + "# "
}

func (r *router) Interrupt() { r.mode = "" }
func (r *router) End()       { r.mode = "" }

func (r *router) Execute(ctx context.Context, line string, out io.Writer) Outcome {
	r.lines = append(r.lines, line)
	switch {
	case line == "enable":
		return Outcome{Hush: true}
	case line == "s3cret!":
		return Outcome{Forget: true}
	case line == "configure terminal" || line == "conf t":
		r.mode = "(config)"
	case line == "router bgp 65534" && r.mode != "":
		r.mode = "(config-router)"
	case line == "end":
		r.mode = ""
	case line == "exit":
		if r.mode == "" {
			return Outcome{Close: true}
		}
		r.mode = ""
	case line == "show history":
		for _, h := range r.term.History() {
			fmt.Fprintf(out, "  %s\n", h)
		}
	case strings.HasPrefix(line, "show lines "):
		var n int
		_, _ = fmt.Sscanf(line, "show lines %d", &n)
		for i := range min(n, 1000) {
			if _, err := fmt.Fprintf(out, "line %d\n", i+1); err != nil {
				break
			}
		}
	case strings.HasPrefix(line, "terminal length "):
		var n int
		_, _ = fmt.Sscanf(line, "terminal length %d", &n)
		r.term.SetLength(n)
	case line == "slow":
		select {
		case <-time.After(r.slow):
		case <-ctx.Done():
			fmt.Fprintln(out, "% Interrupted.")
			return Outcome{Status: NotConfirmed}
		}
	case strings.HasPrefix(line, "echo "):
		_, _ = io.WriteString(out, line[5:])
	case strings.HasPrefix(line, "network "), strings.HasPrefix(line, "no network "), line == "write memory", line == "show ver":
	case line == "maybe":
		return Outcome{Status: NotConfirmed}
	default:
		fmt.Fprintf(out, "%% Unknown command: %s\n", line)
		return Outcome{Status: Refused}
	}
	return Outcome{}
}

func (r *router) candidates(line string) (word string, found []string) {
	i := strings.LastIndexByte(line, ' ') + 1
	before, word := line[:i], line[i:]
	if strings.HasPrefix(before, "sh ") {
		before = "show " + before[3:]
	}
	for _, w := range routerNext[before] {
		if strings.HasPrefix(w, word) {
			found = append(found, w)
		}
	}
	return word, found
}

func (r *router) Describe(line string) string {
	_, found := r.candidates(line)
	if len(found) == 0 {
		return "% There is no matched command.\n"
	}
	var b strings.Builder
	long := len(slices.MaxFunc(found, func(a, b string) int { return len(a) - len(b) }))
	for _, w := range found {
		fmt.Fprintf(&b, "  %-*s  %s\n", long, w, routerHelp[w])
	}
	return b.String()
}

func (r *router) Complete(line string) (string, []string) {
	word, found := r.candidates(line)
	switch len(found) {
	case 0:
		return "", nil
	case 1:
		return found[0][len(word):] + " ", found
	}
	return "", found
}
