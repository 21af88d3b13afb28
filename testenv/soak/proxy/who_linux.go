package proxy

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
)

// ByProcess finds out who dialed by the processes that hold the socket. pids
// returns the nodes' names by process id, as of now.
func ByProcess(pids func() map[int]string) Who {
	return func(from, to *net.TCPAddr) string {
		inode := socketOf(from, to)
		if inode == "" {
			return ""
		}
		for pid, name := range pids() {
			if holds(pid, "socket:["+inode+"]") {
				return name
			}
		}
		return ""
	}
}

// socketOf looks the dialer's end of a connection up in the kernel's table,
// whose lines are
//
//	sl  local_address rem_address st tx_queue:rx_queue tr:tm->when retrnsmt uid timeout inode ...
func socketOf(local, remote *net.TCPAddr) (inode string) {
	table, err := os.ReadFile("/proc/net/tcp")
	if err != nil {
		return ""
	}
	want := []byte(" " + hexAddr(local) + " " + hexAddr(remote) + " ")
	lines := bufio.NewScanner(bytes.NewReader(table))
	for lines.Scan() {
		if bytes.Contains(lines.Bytes(), want) {
			if fields := strings.Fields(lines.Text()); len(fields) > 9 {
				return fields[9]
			}
		}
	}
	return ""
}

// hexAddr prints an address as the kernel does: the IPv4 address as a number in
// the order of this machine (little-endian on everything that runs a soak).
func hexAddr(a *net.TCPAddr) string {
	return fmt.Sprintf("%08X:%04X", binary.LittleEndian.Uint32(a.IP.To4()), a.Port)
}

// holds tells whether a process has a file open.
func holds(pid int, link string) bool {
	dir := fmt.Sprintf("/proc/%d/fd", pid)
	fds, err := os.ReadDir(dir)
	if err != nil {
		return false
	}
	for _, fd := range fds {
		if to, err := os.Readlink(filepath.Join(dir, fd.Name())); err == nil && to == link {
			return true
		}
	}
	return false
}
