package daemon

import (
	"testing"
	"time"

	"github.com/triggerd/triggerd/cli"
)

func TestTheFileSaysWhatTheDoorHoldsStrangersTo(t *testing.T) {
	n := parse(t, conf("ssh session-timeout 60", "ssh maximum-sessions per-user 100", "ssh login-grace-time 45", "ssh maximum-startups 600",
		"ssh maximum-startups per-source 60", "ssh maximum-authentication-tries 10", "ssh client-alive-interval 15"))
	want := cli.ServerLimits{
		SessionTime: time.Hour, ConnsPerUser: 200, Handshake: 45 * time.Second, HalfOpen: 600,
		HalfOpenPerSource: 60, AuthTries: 10, Keepalive: 15 * time.Second,
	}
	if got := doorLimits(n.SSH); got != want {
		t.Errorf("got %+v, want %+v", got, want)
	}
	if got := doorLimits(parse(t, conf()).SSH); got != (cli.ServerLimits{}) {
		t.Errorf("without such lines: %+v", got)
	}
}
