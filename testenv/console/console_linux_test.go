package console

import (
	"bufio"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// asParent makes the test's own program start a child and wait to be killed.
const asParent = "TRIGGERD_CONSOLE_TEST_PARENT"

func TestMain(m *testing.M) {
	if os.Getenv(asParent) == "" {
		os.Exit(m.Run())
	}
	child := exec.Command("sleep", "600")
	if err := Start(child); err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
	fmt.Println(child.Process.Pid)
	select {}
}

// Whatever ends the benchmark or the soak ends its nodes: nobody else knows them.
func TestAChildEndsWithAKilledParent(t *testing.T) {
	parent := exec.Command(os.Args[0])
	parent.Env = append(os.Environ(), asParent+"=1")
	out, err := parent.StdoutPipe()
	if err == nil {
		err = parent.Start()
	}
	if err != nil {
		t.Fatal(err)
	}
	line, _ := bufio.NewReader(out).ReadString('\n')
	pid, err := strconv.Atoi(strings.TrimSpace(line))
	if err != nil || syscall.Kill(pid, 0) != nil {
		_ = parent.Process.Kill()
		t.Fatalf("no child: %q", line)
	}
	if group, err := syscall.Getpgid(pid); err != nil || group != pid {
		t.Errorf("the child is in group %d: Ctrl-C would end it too (%v)", group, err)
	}
	_ = parent.Process.Kill()
	_ = parent.Wait()
	for deadline := time.Now().Add(time.Minute); ; time.Sleep(time.Millisecond) {
		if gone(pid) {
			return
		}
		if time.Now().After(deadline) {
			_ = syscall.Kill(pid, syscall.SIGKILL)
			t.Fatal("the child lives on")
		}
	}
}

// gone tells whether a process has ended; one that nobody waits for is left as Z.
func gone(pid int) bool {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	return errors.Is(err, os.ErrNotExist) || err == nil && strings.Contains(string(stat), ") Z ")
}

func TestAFailedSubcommandSaysWhatItSaid(t *testing.T) {
	if out, err := Subcommand(t.Context(), "sh", "-c", "echo yes"); err != nil || out != "yes\n" {
		t.Errorf("%q, %v", out, err)
	}
	_, err := Subcommand(t.Context(), "sh", "-c", "echo no >&2; exit 3")
	if err == nil || !strings.Contains(err.Error(), "status 3: no") {
		t.Errorf("error %v", err)
	}
}
