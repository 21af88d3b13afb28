package config

import (
	"slices"
	"strings"
	"time"
)

func sshRows() []row {
	return []row{
		{Modes: inTop, Pattern: "ssh listen HOST:PORT", Run: sshListen},
		{Modes: inTop, Pattern: "ssh exec-timeout (0-35791)$minutes [(0-59)$seconds]", Run: func(r *reader, m *match) error {
			r.draft.node.SSH.ExecTimeout = time.Duration(m.Number("minutes"))*time.Minute + time.Duration(m.Number("seconds"))*time.Second
			return r.once("ssh exec-timeout")
		}},
		{Modes: inTop, Pattern: "ssh session-timeout (0-35791)$minutes", Run: func(r *reader, m *match) error {
			r.draft.node.SSH.SessionTime = time.Duration(m.Number("minutes")) * time.Minute
			return r.once("ssh session-timeout")
		}},
		sshMaximum("ssh maximum-sessions", func(s *SSH) *int { return &s.Sessions }),
		sshMaximum("ssh maximum-sessions per-user", func(s *SSH) *int { return &s.PerUser }),
		sshMaximum("ssh maximum-sessions per-source", func(s *SSH) *int { return &s.PerSource }),
		sshSeconds("ssh login-grace-time", "(1-600)", func(s *SSH) *time.Duration { return &s.LoginGrace }),
		sshMaximum("ssh maximum-startups", func(s *SSH) *int { return &s.Startups }),
		sshMaximum("ssh maximum-startups per-source", func(s *SSH) *int { return &s.StartupsPer }),
		sshNumber("ssh maximum-authentication-tries", "(1-100)", func(s *SSH) *int { return &s.AuthTries }),
		sshSeconds("ssh client-alive-interval", "(1-3600)", func(s *SSH) *time.Duration { return &s.AliveEvery }),
		{Modes: inTop, Pattern: "ssh banner [LINE]", Run: sshBanner},
		{Modes: inTop, Pattern: "no ssh", Run: func(r *reader, _ *match) error {
			r.draft.node.SSH.Disabled = true
			return r.once("no ssh")
		}},
	}
}

// sshMaximum is a line that bounds sessions or connections.
func sshMaximum(line string, where func(*SSH) *int) row { return sshNumber(line, "(1-10000)", where) }

func sshNumber(line, span string, where func(*SSH) *int) row {
	return row{Modes: inTop, Pattern: line + " " + span + "$number", Run: func(r *reader, m *match) error {
		*where(&r.draft.node.SSH) = int(m.Number("number"))
		return r.once(line)
	}}
}

func sshSeconds(line, span string, where func(*SSH) *time.Duration) row {
	return row{Modes: inTop, Pattern: line + " " + span + "$seconds", Run: func(r *reader, m *match) error {
		*where(&r.draft.node.SSH) = time.Duration(m.Number("seconds")) * time.Second
		return r.once(line)
	}}
}

func sshListen(r *reader, m *match) error {
	text := m.Text("HOST:PORT")
	if why := badEndpoint(text, true); why != "" {
		return at("HOST:PORT", "%s", why)
	}
	if slices.Contains(r.draft.node.SSH.Listen, text) {
		return at("HOST:PORT", "there is a second `ssh listen %s`", text)
	}
	r.draft.node.SSH.Listen = append(r.draft.node.SSH.Listen, text)
	r.first["ssh listen"] = r.line
	return nil
}

// sshBanner takes what follows the keyword and one blank, so that a banner keeps
// its shape.
func sshBanner(r *reader, m *match) error {
	text := r.text[m.Column("banner")-1:]
	if i := strings.IndexAny(text, " \t"); i >= 0 {
		text = strings.TrimRight(text[i+1:], " \t")
	} else {
		text = ""
	}
	r.draft.banner = append(r.draft.banner, text)
	return nil
}
