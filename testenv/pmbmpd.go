package testenv

import (
	"bufio"
	"encoding/json"
	"fmt"
	"net/netip"
	"os"
	"strings"
)

// bmpPort is where the lab's monitoring stations listen.
const bmpPort = 5000

// BMPStation is a monitoring station (RFC 7854): pmacct's pmbmpd, which writes down
// each message as it understands it.
type BMPStation struct {
	host *Host
	proc *Process
}

// BMPStation makes a station on the host.
func (l *Lab) BMPStation(host *Host) *BMPStation {
	l.t.Helper()
	Require(l.t, "pmacct")
	return &BMPStation{host: host}
}

// Lines are what a node's `router bgp` block needs to talk to the station.
func (s *BMPStation) Lines() []string {
	return []string{" bmp targets LAB", "  bmp stats interval 200",
		fmt.Sprintf("  bmp connect %s port %d min-retry 200 max-retry 500", s.host.Addr4(), bmpPort), " exit"}
}

// Start starts it and waits until it takes connections.
func (s *BMPStation) Start() {
	t := s.host.lab.t
	t.Helper()
	conf := s.host.File("pmbmpd.conf", fmt.Sprintf("daemonize: false\nbmp_daemon_ip: %s\nbmp_daemon_port: %d\nbmp_daemon_max_peers: 10\n"+
		"bmp_daemon_msglog_output: json\nbmp_daemon_msglog_file: %s\n", s.host.Addr4(), bmpPort, s.log()))
	s.proc = s.host.Run(nil, "pmbmpd", "-f", conf)
	Eventually(t, s.host.Name+" waits for BMP data", func() (bool, string) {
		if !s.proc.Running() {
			t.Fatalf("%s", s.proc.Report())
		}
		return strings.Contains(s.proc.Output(), "waiting for BMP data"), s.proc.Output()
	})
}

func (s *BMPStation) log() string { return s.host.Path("bmp.json") }

// Complaints are what the station found wrong with what it was sent.
func (s *BMPStation) Complaints() (lines []string) {
	for line := range strings.Lines(s.proc.Output()) {
		if !strings.HasPrefix(line, "INFO") {
			lines = append(lines, line)
		}
	}
	return lines
}

// BMPMessage is one message, as the station understood it. Which fields it has
// depends on Event.
type BMPMessage struct {
	Event    string `json:"event_type"` // log: routes and the session of the station itself; else bmp
	Type     string `json:"bmp_msg_type"`
	Log      string `json:"log_type"` // update, withdraw
	Neighbor string `json:"peer_ip"`
	AS       uint32 `json:"peer_asn"`
	RouterID string `json:"bgp_id"`

	Out         int    `json:"is_out"` // Adj-RIB-Out (RFC 8671)
	Post        int    `json:"is_post"`
	Filtered    int    `json:"is_filtered"`
	Prefix      string `json:"ip_prefix"`
	NextHop     string `json:"bgp_nexthop"`
	Communities string `json:"comms"`
	ASPath      string `json:"as_path"`

	LocalIP string `json:"local_ip"`
	Reason  int    `json:"reason_type"`
	Counter int    `json:"counter_type"`
	Value   uint64 `json:"counter_value"`

	Raw string `json:"-"`
}

// Messages are all messages so far, in order.
func (s *BMPStation) Messages() (all []BMPMessage) {
	t := s.host.lab.t
	t.Helper()
	f, err := os.Open(s.log())
	if os.IsNotExist(err) {
		return nil
	}
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	for lines := bufio.NewScanner(f); lines.Scan(); {
		m := BMPMessage{Raw: lines.Text()}
		if json.Unmarshal(lines.Bytes(), &m) == nil { // the last one may be half written
			all = append(all, m)
		}
	}
	return all
}

// Wait waits for a message.
func (s *BMPStation) Wait(what string, is func(BMPMessage) bool) (found BMPMessage) {
	t := s.host.lab.t
	t.Helper()
	Eventually(t, s.host.Name+" is told "+what, func() (bool, string) {
		var saw strings.Builder
		for _, m := range s.Messages() {
			if is(m) {
				found = m
				return true, ""
			}
			if m.Type != "stats" {
				fmt.Fprintln(&saw, m.Raw)
			}
		}
		return false, saw.String()
	})
	return found
}

// About says whether the message is about the session with this neighbor.
func (m BMPMessage) About(neighbor netip.Addr) bool { return m.Neighbor == neighbor.String() }
