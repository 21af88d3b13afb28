package testenv

import (
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
)

// family starts the name of everything that a lab leaves outside its own
// processes: namespaces and directories. The full form is
// tdlab-PID-START-RANDOM[-HOST], PID and START being those of the test process.
const family = "tdlab-"

// netnsDir is where `ip netns` keeps its names.
const netnsDir = "/run/netns"

// Main is TestMain of a package of scenarios: it removes what killed runs left
// behind, runs the tests, and removes the binary that was built for them. Ctrl-C
// and SIGTERM remove this run's labs first; after a SIGKILL or the timeout of
// `go test` the next run does.
func Main(m *testing.M) {
	sweep(orphan)
	interrupted := make(chan os.Signal, 1)
	signal.Notify(interrupted, os.Interrupt, syscall.SIGTERM)
	go func() {
		<-interrupted
		sweep(func(name string) bool { return strings.HasPrefix(name, family+owner()+"-") })
		fmt.Fprintln(os.Stderr, "interrupted: the labs are removed")
		os.Exit(1)
	}()
	// Scenarios wait for daemons more than they compute: more at a time than there
	// are processors, but where -parallel says otherwise.
	flag.Parse()
	if f := flag.Lookup("test.parallel"); f.Value.String() == f.DefValue {
		_ = f.Value.Set("4")
	}
	status := m.Run()
	removeBuilt()
	os.Exit(status)
}

// owner names this process so that a later one can tell whether it still runs.
var owner = sync.OnceValue(func() string {
	pid := os.Getpid()
	return fmt.Sprintf("%d-%s", pid, startOf(pid))
})

// startOf is the start time of a process in clock ticks since boot, "0" when
// there is none: with it a process id that was given out again is not taken for
// the old one. It is field 22 of /proc/PID/stat; field 2 may hold blanks.
func startOf(pid int) string {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return "0"
	}
	_, rest, _ := strings.Cut(string(stat), ") ")
	fields := strings.Fields(rest)
	if len(fields) < 20 {
		return "0"
	}
	return fields[19]
}

// orphan says whether the name is one of the lab's family and its owner is gone.
func orphan(name string) bool {
	parts := strings.Split(name, "-")
	if !strings.HasPrefix(name, family) || len(parts) < 3 {
		return false
	}
	pid, err := strconv.Atoi(parts[1])
	return err == nil && startOf(pid) != parts[2]
}

// sweep removes the chosen namespaces with the processes in them, and the chosen
// directories. Errors are left alone: another run may sweep at this moment.
func sweep(chosen func(name string) bool) {
	namespaces, _ := os.ReadDir(netnsDir)
	for _, entry := range namespaces {
		if chosen(entry.Name()) {
			killAllIn(entry.Name())
			_ = ipCommand("netns", "delete", entry.Name()).Run()
		}
	}
	dirs, _ := os.ReadDir(os.TempDir())
	for _, entry := range dirs {
		if chosen(entry.Name()) {
			_ = os.RemoveAll(filepath.Join(os.TempDir(), entry.Name()))
		}
	}
}

// killAllIn ends what runs in a namespace of the lab's family. Nobody but a lab
// starts processes there.
func killAllIn(namespace string) {
	out, err := ipCommand("netns", "pids", namespace).Output()
	if err != nil {
		return
	}
	for _, field := range strings.Fields(string(out)) {
		if pid, err := strconv.Atoi(field); err == nil && pid > 1 && pid != os.Getpid() {
			_ = syscall.Kill(pid, syscall.SIGKILL)
		}
	}
}
