package cli

func daemonRows() []row {
	return []row{{Modes: execModes, Pattern: "show daemons [json]", Help: []string{"", "Daemons that this command line speaks for"}, Run: showDaemons}}
}

// showDaemons prints what vtysh prints: the daemons that the command line speaks
// for. Ansible's frr collection asks this first and gives up where it is no
// command; what it looks for are names of FRR's daemons.
func showDaemons(c *call, m *match) error {
	if m.Has("json") {
		c.json(struct {
			Daemons []string `json:"daemons"`
		}{[]string{"bgpd"}})
		return nil
	}
	c.print(" bgpd\n")
	return nil
}
