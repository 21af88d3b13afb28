package cli

import (
	"strings"
	"time"

	gossh "golang.org/x/crypto/ssh"
)

// Door is the SSH server, as operators look at it.
type Door interface {
	// Status is false while no server runs.
	Status() (DoorStatus, bool)
}

// DoorStatus is what an SSH server does, and has done since its start.
type DoorStatus struct {
	Listen   []string     `json:"listen"`
	HostKeys []string     `json:"hostKeys"` // type and SHA-256 fingerprint each
	Open     int          `json:"connections"`
	Entering int          `json:"loggingIn"`
	Limits   ServerLimits `json:"-"`
	Counters Counters     `json:"counters"`
}

// Status describes the server.
func (s *Server) Status() DoorStatus {
	st := DoorStatus{Listen: []string{}, HostKeys: []string{}, Limits: s.opts.Limits, Counters: s.Counters()}
	for _, a := range s.Addrs() {
		st.Listen = append(st.Listen, a.String())
	}
	for _, h := range s.hosts {
		st.HostKeys = append(st.HostKeys, h.PublicKey().Type()+" "+gossh.FingerprintSHA256(h.PublicKey()))
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for g := range s.guards {
		if g.in() {
			st.Open++
		} else {
			st.Entering++
		}
	}
	return st
}

func sshRows() []row {
	return []row{{Modes: execModes, Pattern: "show ssh [json]", For: operators | viewers, Run: showSSH}}
}

// showSSH prints what has been let in and kept out at this node's SSH server
// since its start. Who was kept out is in the log, and for known users in
// `show users` and the audit.
func showSSH(c *call, m *match) error {
	var st DoorStatus
	runs := false
	if c.ports.Door != nil {
		st, runs = c.ports.Door.Status()
	}
	if m.Has("json") {
		c.json(struct {
			Running bool `json:"running"`
			DoorStatus
			Limits doorLimits `json:"limits"`
		}{runs, st, doorLimits{
			Most: st.Limits.HalfOpen, MostOfSource: st.Limits.HalfOpenPerSource, Grace: int(st.Limits.Handshake / time.Second), Tries: st.Limits.AuthTries,
		}})
		return nil
	}
	if !runs {
		c.print("No SSH server runs at this node.\n")
		return nil
	}
	c.print("Listening on %s\n", strings.Join(st.Listen, ", "))
	for _, k := range st.HostKeys {
		c.print("Host key %s\n", k)
	}
	c.print("%s logged in; %d logging in, of at most %d (%d from one source)\n",
		count(st.Open, "connection"), st.Entering, st.Limits.HalfOpen, st.Limits.HalfOpenPerSource)
	c.print("A login may take %s and %d tries\n\nSince the start of this node:\n", st.Limits.Handshake, st.Limits.AuthTries)
	for _, line := range st.Counters.lines() {
		c.print("  %-52s %10d\n", line.what, line.n)
	}
	return nil
}

// doorLimits is what who logs in is held to.
type doorLimits struct {
	Most         int `json:"loggingIn"`
	MostOfSource int `json:"loggingInFromOneSource"`
	Grace        int `json:"loginGraceSeconds"`
	Tries        int `json:"tries"`
}

type counterLine struct {
	what string
	n    uint64
}

func (k Counters) lines() []counterLine {
	return []counterLine{
		{"Connections taken", k.Connections},
		{"Logins", k.Logins},
		{"Logins refused", k.LoginsRefused},
		{"Keys and passwords refused", k.TriesRefused},
		{"Connections that ended without a try to log in", k.HandshakeFailed},
		{"Connections cut: too many were logging in", k.HalfOpenRefused},
		{"Sessions and connections refused: beyond a limit", k.SessionsRefused},
		{"Forwardings refused", k.ForwardsRefused},
		{"Connections cut: no answer", k.Silent},
		{"Log lines left out: there were too many", k.LogsSuppressed},
	}
}
