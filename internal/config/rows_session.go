package config

// sessionRows are the lines about how a session is kept: distance, timers, restart.
func sessionRows() []row {
	return []row{
		about(inRouter, "", "ebgp-multihop", "ebgp-multihop [(1-255)$ttl]", func(m *match) (func(*Neighbor), error) {
			ttl := uint8(255)
			if m.Has("ttl") {
				ttl = uint8(m.Number("ttl"))
			}
			return func(n *Neighbor) { n.Multihop = ttl }, nil
		}),
		about(inRouter, "", "ttl-security", "ttl-security hops (1-254)$hops", func(m *match) (func(*Neighbor), error) {
			return func(n *Neighbor) { n.TTLSecurity = uint8(m.Number("hops")) }, nil
		}),
		{Modes: inRouter, Pattern: peerToken + "timers (0-65535)$keepalive (0-65535)$hold", Run: func(r *reader, m *match) error {
			p, err := r.peer(m)
			if err != nil {
				return err
			}
			return r.timers(&p.settings, m)
		}},
		about(inRouter, "", "connect", "timers connect (1-65535)$seconds", func(m *match) (func(*Neighbor), error) {
			return func(n *Neighbor) { n.ConnectRetry = uint16(m.Number("seconds")) }, nil
		}),
		about(inRouter, "", "graceful-restart", "graceful-restart [restart-time (1-4095)$seconds]", func(m *match) (func(*Neighbor), error) {
			seconds := uint16(DefaultRestartTime)
			if m.Has("seconds") {
				seconds = uint16(m.Number("seconds"))
			}
			return func(n *Neighbor) { n.RestartTime = seconds }, nil
		}),
		about(inRouter, "", "graceful-restart", "graceful-restart-disable", func(*match) (func(*Neighbor), error) {
			return func(n *Neighbor) { n.RestartTime = 0 }, nil
		}),
	}
}

// groupRows are the lines about peer-groups. A group is written out in its
// members: the node that results has none.
func groupRows() []row {
	return []row{
		{Modes: inRouter, Pattern: "neighbor NAME$peer peer-group", Run: func(r *reader, m *match) error {
			p, err := r.peer(m)
			if err == nil {
				p.isGroup = true
			}
			return err
		}},
		{Modes: inBGP, Pattern: "neighbor <A.B.C.D|X:X::X:X>$peer peer-group NAME$group", Run: func(r *reader, m *match) error {
			p, err := r.peer(m)
			if err != nil {
				return err
			}
			if p.group != "" && p.group != m.Text("group") {
				return at("group", "%s is a member of the peer-group %s already", p.name, p.group)
			}
			p.group = m.Text("group")
			r.note("peer-group", "peer-groups are taken, but the configuration is printed with each neighbor's lines written out")
			return nil
		}},
	}
}
