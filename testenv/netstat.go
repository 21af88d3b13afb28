package testenv

import (
	"fmt"
	"os"
	"strconv"
	"strings"
)

// NetStat is one of the counters that the kernel keeps for the host's namespace, as
// `nstat` names them: "TcpExtTCPMD5Failure". 0 when there is no such counter.
func (h *Host) NetStat(name string) int {
	h.lab.t.Helper()
	var content []byte
	err := h.Do(func() (err error) {
		// /proc/net would be that of the process's first thread.
		content, err = os.ReadFile("/proc/thread-self/net/netstat")
		return err
	})
	if err != nil {
		h.lab.t.Fatalf("%s: %v", h.Name, err)
	}
	return netStat(string(content), name)
}

// netStat reads the file's pairs of lines: "TcpExt: A B", "TcpExt: 1 2".
func netStat(content, name string) int {
	lines := strings.Split(strings.TrimSpace(content), "\n")
	for i := 0; i+1 < len(lines); i += 2 {
		names, values := strings.Fields(lines[i]), strings.Fields(lines[i+1])
		for j := 1; j < len(names) && j < len(values); j++ {
			if strings.TrimSuffix(names[0], ":")+names[j] == name {
				n, _ := strconv.Atoi(values[j])
				return n
			}
		}
	}
	return 0
}

// WaitRefusedMD5 waits until the host's kernel has dropped at least three segments
// because of a missing or wrong TCP MD5 signature.
func (h *Host) WaitRefusedMD5() {
	h.lab.t.Helper()
	Eventually(h.lab.t, h.Name+" drops segments that are not signed as they should be", func() (bool, string) {
		wrong, missing := h.NetStat("TcpExtTCPMD5Failure"), h.NetStat("TcpExtTCPMD5NotFound")
		return wrong+missing >= 3, fmt.Sprintf("%d with a wrong signature, %d with none", wrong, missing)
	})
}
