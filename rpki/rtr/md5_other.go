//go:build !linux

package rtr

import (
	"errors"
	"syscall"
)

// errNoMD5 is what TCP MD5 is answered with where a program cannot set its key.
var errNoMD5 = errors.New("TCP MD5 towards a cache works on Linux only: use tls or ssh")

func md5Control(string) func(network, address string, c syscall.RawConn) error {
	return func(string, string, syscall.RawConn) error { return errNoMD5 }
}
