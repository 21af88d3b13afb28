package rtr_test

import (
	"bufio"
	"bytes"
	"net"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/triggerd/triggerd/rpki/rtr"
)

// BenchmarkStayRTR fetches all real VRPs from Debian's StayRTR, beside Debian's
// rtrclient in the same run. Both take turns, so that whatever else the machine
// does hits both. StayRTR itself needs most of the time.
func BenchmarkStayRTR(b *testing.B) {
	client := needs(b, "rtrclient", "rtr-tools")
	server := &stayrtr{t: b, addr: freePort(b), file: filepath.Join(b.TempDir(), "vrps.json"), log: &lockedBuffer{}}
	want := 0
	roas := make([]map[string]any, 0, 800_000)
	lines := bufio.NewScanner(bytes.NewReader(rtr.Shared(b, "vrps.csv.gz")))
	for lines.Scan() {
		f := strings.Split(lines.Text(), ",")
		asn, err := strconv.Atoi(strings.TrimPrefix(f[0], "AS"))
		if err != nil {
			continue // the heading
		}
		longest, err := strconv.Atoi(f[2])
		if err != nil {
			b.Fatal(err)
		}
		roas, want = append(roas, jsonROA(asn, f[1], longest)), want+1
	}
	server.write(roas, nil)
	server.patience = 5 * time.Minute // it reads for 10 s on a quiet machine
	server.start(needs(b, "stayrtr", "stayrtr"))
	host, port, _ := net.SplitHostPort(server.addr)
	var ours, theirs []time.Duration
	for b.Loop() {
		start := time.Now()
		e, err := rtr.Fetch(b.Context(), rtr.Cache{Addr: server.addr})
		if err != nil || e.Data.VRPs.Len() != want {
			b.Fatalf("%v, want %d VRPs", err, want)
		}
		ours = append(ours, time.Since(start))
		start = time.Now()
		out, err := exec.CommandContext(b.Context(), client, "-e", "-o", "/dev/null", "tcp", host, port).CombinedOutput()
		if err != nil {
			b.Fatalf("rtrclient: %v: %s", err, out)
		}
		theirs = append(theirs, time.Since(start))
	}
	slices.Sort(ours)
	slices.Sort(theirs)
	b.ReportMetric(ours[len(ours)/2].Seconds(), "s-ours")
	b.ReportMetric(theirs[len(theirs)/2].Seconds(), "s-rtrclient")
}
