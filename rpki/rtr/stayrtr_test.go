package rtr_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/triggerd/triggerd/rpki/rtr"
)

// stayrtr is the real thing from Debian, on a port of this machine.
type stayrtr struct {
	t    testing.TB
	addr string
	file string
	cmd  *exec.Cmd
	log  *lockedBuffer

	patience time.Duration // until it listens; 0: as for anything else
}

type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lockedBuffer) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(b)
}

func (l *lockedBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

// needs skips the test without a program; TESTENV_STRICT=1 makes that a failure.
func needs(t testing.TB, program, pkg string) string {
	t.Helper()
	path, err := exec.LookPath(program)
	if err != nil {
		reason := fmt.Sprintf("needs the Debian package %s (no program %q)", pkg, program)
		if os.Getenv("TESTENV_STRICT") == "1" {
			t.Fatal(reason)
		}
		t.Skip(reason)
	}
	return path
}

// eventually waits for a condition of the real world.
func eventually(t testing.TB, what string, f func() bool) {
	t.Helper()
	soon(t, patience, what, f)
}

const patience = 15 * time.Second

func soon(t testing.TB, limit time.Duration, what string, f func() bool) {
	t.Helper()
	late := time.After(limit)
	for !f() {
		select {
		case <-late:
			t.Fatalf("%s: did not happen", what)
		case <-time.After(20 * time.Millisecond):
		}
	}
}

func freePort(t testing.TB) string {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

func startStayRTR(t testing.TB, roas, aspas []map[string]any) *stayrtr {
	program := needs(t, "stayrtr", "stayrtr")
	s := &stayrtr{t: t, addr: freePort(t), file: filepath.Join(t.TempDir(), "vrps.json"), log: &lockedBuffer{}}
	s.write(roas, aspas)
	s.start(program)
	return s
}

func (s *stayrtr) start(program string) {
	s.t.Helper()
	s.cmd = exec.Command(program, "-bind", s.addr, "-metrics.addr", "127.0.0.1:0", "-cache", s.file, "-checktime=false", "-refresh", "86400")
	s.cmd.Stdout, s.cmd.Stderr = s.log, s.log
	if err := s.cmd.Start(); err != nil {
		s.t.Fatal(err)
	}
	cmd := s.cmd
	s.t.Cleanup(func() { cmd.Process.Kill(); cmd.Wait() })
	soon(s.t, max(s.patience, patience), "StayRTR listens: "+s.log.String(), func() bool {
		c, err := net.Dial("tcp", s.addr)
		if err == nil {
			c.Close()
		}
		return err == nil
	})
}

func (s *stayrtr) write(roas, aspas []map[string]any) {
	b, err := json.Marshal(map[string]any{
		"metadata": map[string]any{"vrps": len(roas)}, "roas": roas, "provider_authorizations": map[string]any{"ipv4": aspas, "ipv6": aspas},
	})
	if err == nil {
		err = os.WriteFile(s.file, b, 0o600)
	}
	if err != nil {
		s.t.Fatal(err)
	}
}

func (s *stayrtr) reload(roas, aspas []map[string]any) {
	s.write(roas, aspas)
	if err := s.cmd.Process.Signal(syscall.SIGHUP); err != nil {
		s.t.Fatal(err)
	}
}

func jsonROA(asn int, prefix string, longest int) map[string]any {
	return map[string]any{"asn": asn, "prefix": prefix, "maxLength": longest, "ta": "test"}
}

func jsonASPA(customer int, providers ...int) map[string]any {
	return map[string]any{"customer_asid": customer, "providers": providers}
}

// A reload while we are connected, a new session after a restart, and the end.
func TestStayRTRIsFollowed(t *testing.T) {
	one, two, three := jsonROA(64500, "192.0.2.0/24", 24), jsonROA(64501, "198.51.100.0/24", 24), jsonROA(64502, "2001:db8::/32", 48)
	server := startStayRTR(t, []map[string]any{one, two}, []map[string]any{jsonASPA(64500, 1, 2), jsonASPA(64501, 3)})
	dial, err := rtr.Cache{Addr: server.addr}.Dialer()
	if err != nil {
		t.Fatal(err)
	}
	client := rtr.NewClient(rtr.Options{Name: server.addr, Dial: dial, MaxVersion: rtr.Latest})
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() { client.Run(ctx); close(done) }()
	defer func() { cancel(); <-done }()

	has := func(what string, vrps, aspas int) *rtr.Epoch {
		t.Helper()
		defer func() {
			if t.Failed() {
				t.Logf("%+v\n%s", client.Status(), server.log)
			}
		}()
		eventually(t, what, func() bool {
			e := client.Epoch()
			return e != nil && e.Data.VRPs.Len() == vrps && len(e.Data.ASPAs) == aspas
		})
		return client.Epoch()
	}
	first := has("the first answer", 2, 2)
	if first.Version != rtr.Version2 || !first.Data.VRPs.Has(vrp("192.0.2.0/24-24 AS64500")) {
		t.Errorf("%+v", first)
	}
	server.reload([]map[string]any{one, three}, []map[string]any{jsonASPA(64500, 2, 5)})
	second := has("the reload", 2, 1)
	if second.Session != first.Session || second.Serial == first.Serial || !second.Data.VRPs.Has(vrp("2001:db8::/32-48 AS64502")) ||
		fmt.Sprint(second.Data.ASPAs) != "[{64500 [2 5]}]" {
		t.Errorf("%+v %v", second, second.Data.ASPAs)
	}
	if s := client.Status(); s.Connects != 1 || s.Epochs != 2 {
		t.Errorf("the reload was not followed on the connection that there was: %+v", s)
	}

	server.cmd.Process.Kill()
	server.cmd.Wait()
	eventually(t, "the end is noticed", func() bool { return !client.Status().Up() })
	has("the old data serve", 2, 1)
	server.write([]map[string]any{two}, nil)
	server.start(needs(t, "stayrtr", "stayrtr"))
	client.Refresh()
	third := has("the new session", 1, 0)
	if third.Session == first.Session {
		t.Log("StayRTR has chosen the same session again")
	}
}
