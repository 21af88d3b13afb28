package cli

import (
	"fmt"
)

func writeRows() []row {
	var rows []row
	for _, pattern := range []string{"write", "write memory", "write file", "copy running-config startup-config"} {
		rows = append(rows, row{Modes: enabledModes, Pattern: pattern, Run: save})
	}
	return rows
}

// save is `write memory`. What was accepted is durable already, so nothing is
// left to write; it waits until it is applied everywhere, which is what whoever
// types it wants to know.
func save(c *call, _ *match) error {
	done, err := c.ports.Cluster.Sync(c.ctx)
	if err != nil {
		return err
	}
	for _, s := range done.Silent {
		c.print("%s\n", notice{}.note(s, 0))
	}
	c.print("Configuration saved to cluster log (index %d)\n", done.Index)
	if c.role == operators {
		path, err := c.ports.Node.Save()
		if err != nil {
			return fmt.Errorf("the node's file could not be written: %w", err)
		}
		c.print("Configuration saved to %s\n", clean(path))
	}
	c.print("[OK]\n")
	return nil
}
