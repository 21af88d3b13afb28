package cli

import (
	"bytes"
	"context"
	"errors"
	"io"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/triggerd/triggerd/cli/vty"
	"github.com/triggerd/triggerd/internal/rtbh"
)

// backDoor is a local door under test.
type backDoor struct {
	*LocalDoor
	path string
	log  *logBook
	stop context.CancelFunc
	done chan error
}

func openBackDoor(t *testing.T) *backDoor {
	t.Helper()
	b := &backDoor{path: filepath.Join(shortDir(t), "run", "cli"), log: &logBook{}, done: make(chan error, 1)}
	door, err := ListenLocal(LocalOptions{
		Path: b.path, Shells: func(l Login) vty.Interpreter { return &parrot{login: l} },
		Log: slog.New(slog.NewTextHandler(b.log, nil)), Greeting: func() string { return "Hello.\n" },
	})
	if err != nil {
		t.Fatal(err)
	}
	b.LocalDoor = door
	ctx, cancel := context.WithCancel(t.Context())
	b.stop = cancel
	go func() { b.done <- door.Serve(ctx) }()
	t.Cleanup(cancel)
	return b
}

// shortDir is a temporary directory whose path leaves room for a socket's
// name, which may have about 100 bytes.
func shortDir(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "door")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	return dir
}

// script runs `triggerd cli -c`.
func (b *backDoor) script(t *testing.T, lines string) (string, int) {
	t.Helper()
	var out bytes.Buffer
	status, err := LocalClient{Path: b.path, Stdin: strings.NewReader("ignored\n"), Stdout: &out, Script: &lines}.Run(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return out.String(), status
}

func TestOperatorComesInByTheLocalDoor(t *testing.T) {
	b := openBackDoor(t)
	if out, status := b.script(t, "whoami"); out != "local by local\n" || status != 0 {
		t.Errorf("%q, status %d", out, status)
	}
	if out, status := b.script(t, "bogus; whoami"); out != "% Unknown command: bogus\n" || status != 1 {
		t.Errorf("%q, status %d", out, status)
	}
	if _, status := b.script(t, "maybe"); status != 2 {
		t.Errorf("status %d", status)
	}
	var out bytes.Buffer
	status, err := LocalClient{Path: b.path, Stdin: strings.NewReader("whoami\nbogus\nconf t\nnetwork 192.0.2.1/32"), Stdout: &out}.Run(t.Context())
	want := "trigger1# whoami\nlocal by local\ntrigger1# bogus\n% Unknown command: bogus\ntrigger1# conf t\ntrigger1(config)# network 192.0.2.1/32\n"
	if out.String() != want || status != 1 || err != nil {
		t.Errorf("shows %q, want %q; status %d, %v", out.String(), want, status, err)
	}
	if !strings.Contains(b.log.String(), "local session opened") {
		t.Error("no trace in the log:", b.log)
	}
}

func TestTheLocalDoorIsForRootOnly(t *testing.T) {
	b := openBackDoor(t)
	for path, mode := range map[string]os.FileMode{b.path: 0o600, filepath.Dir(b.path): 0o700} {
		if info, err := os.Stat(path); err != nil || info.Mode().Perm() != mode {
			t.Errorf("%s: %v, %v", path, info.Mode(), err)
		}
	}
	if localUser.Role != rtbh.RoleOperator || localUser.Name != "local" {
		t.Error("who comes in is", localUser)
	}
}

func TestTerminalAtTheLocalDoor(t *testing.T) {
	b := openBackDoor(t)
	conn, err := net.Dial("unix", b.path)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	frames := &frameWriter{w: conn}
	var out logBook
	ended := make(chan int, 1)
	go func() {
		status, _ := LocalClient{Stdout: &out}.show(conn)
		ended <- status
	}()
	send := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	send(frames.hello(frameHello, localHello{TTY: true, Cols: 100, Rows: 30}))
	send(frames.frame(frameData, []byte("size\r")))
	until(t, "the size is seen", func() bool { return strings.Contains(out.String(), "\r\n100x30\r\n") })
	send(frames.hello(frameWindow, localHello{TTY: true, Cols: 90, Rows: 20}))
	send(frames.frame(frameData, []byte("size\rexit\r")))
	if status := <-ended; status != 0 {
		t.Errorf("status %d", status)
	}
	if got, want := out.String(), "Hello.\r\ntrigger1# size\r\n100x30\r\ntrigger1# size\r\n90x20\r\ntrigger1# exit\r\n"; got != want {
		t.Errorf("shows %q, want %q", got, want)
	}
}

func TestStoppingTellsLocalSessions(t *testing.T) {
	b := openBackDoor(t)
	pr, pw := io.Pipe()
	defer pw.Close()
	var out logBook
	done := make(chan error, 1)
	go func() {
		_, err := LocalClient{Path: b.path, Stdin: pr, Stdout: &out}.Run(t.Context())
		done <- err
	}()
	_, _ = io.WriteString(pw, "whoami\n")
	until(t, "the session is there", func() bool { return strings.Contains(out.String(), "local by local") })
	b.stop()
	if err := <-b.done; err != nil {
		t.Error(err)
	}
	<-done
	if !strings.Contains(out.String(), "% triggerd is stopping on this node") {
		t.Errorf("shows %q", out.String())
	}
	if _, err := os.Stat(b.path); !errors.Is(err, os.ErrNotExist) {
		t.Error("the socket is still there:", err)
	}
	_, err := LocalClient{Path: b.path, Stdin: strings.NewReader(""), Stdout: io.Discard}.Run(t.Context())
	if !errors.Is(err, ErrNoDoor) {
		t.Errorf("got %v", err)
	}
}

func TestLeftOverSocketIsReplacedAndNothingElse(t *testing.T) {
	listen := func(path string) error {
		door, err := ListenLocal(LocalOptions{Path: path, Shells: func(Login) vty.Interpreter { return &parrot{} }})
		if err == nil {
			err = door.Close()
		}
		return err
	}
	t.Run("left over by a killed process", func(t *testing.T) {
		path := filepath.Join(shortDir(t), "cli")
		l, err := net.ListenUnix("unix", &net.UnixAddr{Name: path})
		if err != nil {
			t.Fatal(err)
		}
		l.SetUnlinkOnClose(false)
		l.Close()
		if err := listen(path); err != nil {
			t.Error(err)
		}
	})
	t.Run("in use", func(t *testing.T) {
		b := openBackDoor(t)
		if err := listen(b.path); err == nil || !strings.Contains(err.Error(), "another triggerd answers") {
			t.Errorf("got %v", err)
		}
		if out, _ := b.script(t, "whoami"); out != "local by local\n" {
			t.Errorf("the other one does not answer any more: %q", out)
		}
	})
	t.Run("a file", func(t *testing.T) {
		path := filepath.Join(shortDir(t), "cli")
		if err := os.WriteFile(path, []byte("dear data"), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := listen(path); err == nil {
			t.Error("no error")
		}
		if text, _ := os.ReadFile(path); string(text) != "dear data" {
			t.Error("the file is gone")
		}
	})
	t.Run("in a directory open to all", func(t *testing.T) {
		dir := shortDir(t)
		if err := os.Chmod(dir, 0o755); err != nil {
			t.Fatal(err)
		}
		if err := listen(filepath.Join(dir, "cli")); err == nil || !strings.Contains(err.Error(), "chmod 700") {
			t.Errorf("got %v", err)
		}
	})
}

func TestGarbageAtTheLocalSocketDoesNoHarm(t *testing.T) {
	b := openBackDoor(t)
	for _, garbage := range []string{"", "GET / HTTP/1.0\r\n\r\n", "h\xff\xff\xff\xff", "h\x00\x00\x00\x02{]", "d\x00\x00\x00\x00", strings.Repeat("\x00", 4096)} {
		conn, err := net.Dial("unix", b.path)
		if err != nil {
			t.Fatal(err)
		}
		_, _ = io.WriteString(conn, garbage)
		_ = conn.(*net.UnixConn).CloseWrite()
		_ = conn.SetReadDeadline(time.Now().Add(5 * time.Second))
		if _, err := io.Copy(io.Discard, conn); isTimeout(err) {
			t.Errorf("%q is still being listened to", garbage)
		}
		conn.Close()
	}
	if out, _ := b.script(t, "whoami"); out != "local by local\n" {
		t.Errorf("got %q", out)
	}
}

func FuzzFrames(f *testing.F) {
	f.Add([]byte("h\x00\x00\x00\x02{}d\x00\x00\x00\x01x"))
	f.Fuzz(func(t *testing.T, stream []byte) {
		in, typed := io.Pipe()
		go func() { _, _ = io.Copy(io.Discard, in) }()
		r := bytes.NewReader(stream)
		_, _ = readHello(r, frameHello)
		_ = receive(r, typed, vty.NewTerminal(80, 24))
		_ = typed.Close()
	})
}
