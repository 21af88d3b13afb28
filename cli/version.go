package cli

func versionRows() []row {
	return []row{{Modes: execModes, Pattern: "show version [json]", Run: showVersion}}
}

// compatible is the version that tools look for: Ansible's frr collection reads
// "FRRouting N (NAME)" out of the first line.
const compatible = "8.4.4"

func showVersion(c *call, m *match) error {
	host := c.ports.Node.Current().Hostname
	if m.Has("json") {
		c.json(struct {
			Version    string `json:"version"`
			Compatible string `json:"compatibleWith"`
			Hostname   string `json:"hostname"`
		}{c.ports.Version, "FRRouting " + compatible, host})
		return nil
	}
	c.print("triggerd %s, command line compatible with FRRouting %s (%s)\n", c.ports.Version, compatible, host)
	return nil
}
