package rtr

import (
	"context"
	"net"
	"testing"
	"time"
)

// Both ends sign: the listener's key is for the address that it listens on, which
// on loopback is the client's too.
func TestACacheIsReachedOverTCPMD5(t *testing.T) {
	listen := net.ListenConfig{Control: md5Control("secret")}
	l, err := listen.Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Skipf("this kernel has no TCP MD5: %v", err)
	}
	defer l.Close()
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			if q, err := ReadPDU(c); err == nil {
				b := PDU{Version: q.Version, Type: CacheResponse, Session: 7}.Append(nil)
				b = PDU{Version: q.Version, Type: IPv4Prefix, Announce: true, VRP: net4}.Append(b)
				c.Write(PDU{Version: q.Version, Type: EndOfData, Session: 7}.Append(b))
			}
		}
	}()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	c := Cache{Addr: l.Addr().String(), Transport: TCPMD5, Password: "secret"}
	if e, err := Fetch(ctx, c); err != nil || !e.Data.VRPs.Has(net4) {
		t.Fatal(err)
	}
	ctx, cancel = context.WithTimeout(t.Context(), 300*time.Millisecond)
	defer cancel()
	c.Password = "wrong"
	if _, err := Fetch(ctx, c); err == nil {
		t.Error("a wrong password connects")
	}
}
