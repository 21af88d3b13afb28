package bench

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// inside names the variable by which the second run of this program knows that it
// is in the namespace already.
const inside = "TRIGGERD_BENCH_NAMESPACE"

// Enter runs this program again in namespaces of its own, and returns its exit
// status: a network where nothing but loopback is, and processes that all end
// with it. ran is false in that second run, and where no namespaces may be made;
// why then says so.
func Enter() (status int, ran bool, why error) {
	if os.Getenv(inside) != "" {
		return 0, false, errors.Join(mountProc(), raiseLoopback())
	}
	runtime.LockOSThread() // Pdeathsig counts the thread's life
	self, err := os.Executable()
	if err != nil {
		return 0, false, err
	}
	cmd := exec.Command(self, os.Args[1:]...)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, os.Stdout, os.Stderr
	cmd.Env = append(os.Environ(), inside+"=1")
	cmd.SysProcAttr = &syscall.SysProcAttr{
		Cloneflags: syscall.CLONE_NEWNET | syscall.CLONE_NEWPID | syscall.CLONE_NEWNS, Pdeathsig: syscall.SIGKILL,
	}
	// What is typed at the terminal goes to both; what is sent to this one alone, on.
	signals := make(chan os.Signal, 4)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM)
	defer signal.Stop(signals)
	if err := cmd.Start(); err != nil {
		return 0, false, fmt.Errorf("no network namespace of its own: %w", err)
	}
	go func() {
		for s := range signals {
			_ = cmd.Process.Signal(s)
		}
	}()
	err = cmd.Wait()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		return 2, true, err
	}
	return max(cmd.ProcessState.ExitCode(), 0), true, nil
}

// mountProc makes /proc that of the namespace, for nobody outside.
func mountProc() error {
	if err := unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""); err != nil {
		return err
	}
	return unix.Mount("proc", "/proc", "proc", 0, "")
}

func raiseLoopback() error {
	s, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return err
	}
	defer func() { _ = unix.Close(s) }()
	request, err := unix.NewIfreq("lo")
	if err != nil {
		return err
	}
	request.SetUint16(unix.IFF_UP | unix.IFF_RUNNING)
	return unix.IoctlIfreq(s, unix.SIOCSIFFLAGS, request)
}

// endGroup ends a process with the helpers that it has started.
func endGroup(pid int, s syscall.Signal) { _ = syscall.Kill(-pid, s) }

// ticksPerSecond is USER_HZ, in which the kernel tells times; it is 100 on every
// architecture that Go runs on.
const ticksPerSecond = 100

// usage is what a process, with its helpers, uses.
type usage struct {
	cpu  time.Duration // so far
	rss  int64         // bytes resident now
	peak int64         // and at most
}

// usageOf adds up a process group: some daemons are several processes.
func usageOf(group int) (sum usage) {
	entries, _ := os.ReadDir("/proc")
	for _, e := range entries {
		pid, err := strconv.Atoi(e.Name())
		if err != nil {
			continue
		}
		stat, err := os.ReadFile("/proc/" + e.Name() + "/stat")
		if err != nil {
			continue // it has ended
		}
		_, rest, _ := strings.Cut(string(stat), ") ") // the name before it may hold blanks
		f := strings.Fields(rest)
		if len(f) < 22 || f[2] != strconv.Itoa(group) {
			continue
		}
		user, _ := strconv.ParseInt(f[11], 10, 64)
		system, _ := strconv.ParseInt(f[12], 10, 64)
		sum.cpu += time.Duration(user+system) * time.Second / ticksPerSecond
		rss, peak := memory(pid)
		sum.rss += rss
		sum.peak += peak
	}
	return sum
}

// memory reads VmRSS and VmHWM of proc(5).
func memory(pid int) (rss, peak int64) {
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return 0, 0
	}
	for line := range strings.Lines(string(status)) {
		name, value, _ := strings.Cut(line, ":")
		kib, _ := strconv.ParseInt(strings.TrimSuffix(strings.TrimSpace(value), " kB"), 10, 64)
		switch name {
		case "VmRSS":
			rss = kib << 10
		case "VmHWM":
			peak = kib << 10
		}
	}
	return rss, peak
}

// machine says what this is, without a name.
func machine() string {
	model := "unknown processor"
	info, _ := os.ReadFile("/proc/cpuinfo")
	for line := range strings.Lines(string(info)) {
		if name, value, _ := strings.Cut(line, ":"); strings.TrimSpace(name) == "model name" {
			model = strings.TrimSpace(value)
			break
		}
	}
	var u unix.Utsname
	_ = unix.Uname(&u)
	var m unix.Sysinfo_t
	_ = unix.Sysinfo(&m)
	return fmt.Sprintf("%d x %s, %d GiB, Linux %s, %s", runtime.NumCPU(), model,
		(uint64(m.Totalram)*uint64(m.Unit)+(1<<29))>>30, unix.ByteSliceToString(u.Release[:]), runtime.Version())
}

// load is the load average of the last minute, which tells whether the machine
// was doing something else.
func load() string {
	text, _ := os.ReadFile("/proc/loadavg")
	one, _, _ := strings.Cut(string(text), " ")
	return one
}
