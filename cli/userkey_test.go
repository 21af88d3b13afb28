package cli

import (
	"strings"
	"testing"

	"github.com/triggerd/triggerd/cli/vty"
)

// TestKeyThatCouldNeverLogInIsRefusedWhenTyped: the operator who copies half a
// line, or takes a customer's old RSA key, hears of it then and there.
func TestKeyThatCouldNeverLogInIsRefusedWhenTyped(t *testing.T) {
	const weakRSA = "ssh-rsa AAAAB3NzaC1yc2EAAAADAQABAAAAgQDJGnp8GqJr7OP/UEuQY/4u2r0DqvmQ3JSzlipQKNWoHwWTHc+tLkF7cj1J1Q44VeYNZ7rg2sO44Rn3CFw47vqkYMneqr0FE01rb4uWY77pxtcHNN1ge2AgTWFBgN5Qwj6bmQbkNQcK4XmzVs8TIpqwVS2EfBIEVkShnrD7vw3PeQ=="
	for _, c := range []struct{ what, key, want string }{
		{"cut off in the middle", "ssh-ed25519 " + strings.Fields(keyA)[1][:40], "not whole"},
		{"without its last bytes", "ssh-ed25519 " + strings.Fields(keyA)[1][:64], "not whole"},
		{"an RSA key of 1024 bits", weakRSA, "less than 2048 bits"},
		{"options before it", `command="x" ` + keyA, "are not taken"},
	} {
		t.Run(c.what, func(t *testing.T) {
			root := busyLab(t).login("root")
			for _, lines := range [][]string{{"customer acme", "user alice", "key " + c.key}, {"ssh user-ca " + c.key}} {
				root.must("configure terminal")
				for _, line := range lines[:len(lines)-1] {
					root.must(line)
				}
				out := root.run(lines[len(lines)-1])
				if root.last.Status != vty.Refused || !strings.Contains(out, c.want) {
					t.Errorf("%s: status %v, %q", lines[len(lines)-1], root.last.Status, out)
				}
				root.must("end")
			}
		})
	}
}
