//go:build !linux

package bgp

import "github.com/triggerd/triggerd/internal/config"

// probePassword has nothing to ask here: [CheckNeighbor] knows what these
// platforms cannot do.
func probePassword(config.Neighbor) error { return nil }
