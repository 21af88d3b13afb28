package testenv

import (
	"encoding/json"
	"fmt"
	"net"
	"net/netip"
	"os"
	"strconv"
	"strings"
	"syscall"
)

// RTRPort is where the lab's caches listen.
const RTRPort = 3323

// StayRTR is an RPKI cache: it serves what a file says.
type StayRTR struct {
	host *Host
	proc *Process
}

// StayRTR makes a cache on the host. It has nothing to say before Serve.
func (l *Lab) StayRTR(host *Host) *StayRTR {
	l.t.Helper()
	Require(l.t, "stayrtr")
	return &StayRTR{host: host}
}

// Addr is where it listens.
func (s *StayRTR) Addr() netip.AddrPort { return netip.AddrPortFrom(s.host.Addr4(), RTRPort) }

// Serve gives the cache VRPs such as "192.0.2.0/24-24 AS64500", and starts it or
// lets it read its file again.
func (s *StayRTR) Serve(vrps ...string) {
	t := s.host.lab.t
	t.Helper()
	s.write(vrps)
	if s.proc != nil && s.proc.Running() {
		s.proc.signal(syscall.SIGHUP)
		return
	}
	s.proc = s.host.Run(nil, "stayrtr", "-bind", s.Addr().String(), "-metrics.addr", "127.0.0.1:0",
		"-cache", s.host.Path("vrps.json"), "-checktime=false", "-refresh", "86400")
	Eventually(t, s.host.Name+" serves VRPs", func() (bool, string) {
		if !s.proc.Running() {
			t.Fatalf("%s", s.proc.Report())
		}
		err := s.host.Do(func() error {
			c, err := net.Dial("tcp", s.Addr().String())
			if err == nil {
				_ = c.Close()
			}
			return err
		})
		return err == nil, fmt.Sprint(err)
	})
}

// Kill9 ends the cache as a power cut would.
func (s *StayRTR) Kill9() { s.host.lab.t.Helper(); s.proc.Kill9() }

func (s *StayRTR) write(vrps []string) {
	t := s.host.lab.t
	t.Helper()
	type roa struct {
		ASN    int    `json:"asn"`
		Prefix string `json:"prefix"`
		Max    int    `json:"maxLength"`
		TA     string `json:"ta"`
	}
	roas := []roa{}
	for _, v := range vrps {
		prefix, origin, _ := strings.Cut(v, " AS")
		prefix, longest, _ := strings.Cut(prefix, "-")
		asn, err := strconv.Atoi(origin)
		if err != nil {
			t.Fatalf("%q: %v", v, err)
		}
		most, err := strconv.Atoi(longest)
		if err != nil {
			t.Fatalf("%q: %v", v, err)
		}
		roas = append(roas, roa{asn, prefix, most, "lab"})
	}
	b, err := json.Marshal(map[string]any{"metadata": map[string]int{"vrps": len(roas)}, "roas": roas})
	if err == nil { // renamed into place: a reload never finds half of it
		err = os.WriteFile(s.host.Path("vrps.json.new"), b, 0o644)
	}
	if err == nil {
		err = os.Rename(s.host.Path("vrps.json.new"), s.host.Path("vrps.json"))
	}
	if err != nil {
		t.Fatal(err)
	}
}
