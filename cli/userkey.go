package cli

import (
	"strings"

	gossh "golang.org/x/crypto/ssh"

	"github.com/triggerd/triggerd/internal/rtbh"
)

// CheckKey refuses a line of a .pub file that nobody could log in with: one
// that was cut off when it was copied, or a key that is too weak. The core
// looks at its form only. Taken without a word, such a key would be missed in
// an emergency.
func CheckKey(line string) error {
	if refusal := rtbh.CheckKey(line); refusal != nil {
		return refusal
	}
	key, _, _, rest, err := gossh.ParseAuthorizedKey([]byte(line))
	switch {
	case err != nil || len(rest) > 0 || key.Type() != strings.Fields(line)[0]:
		return saying("% The key is not whole; copy the whole line of the .pub file.")
	case weak(key):
		return saying("% An RSA key of less than 2048 bits can't log in; make a new one, best with `ssh-keygen -t ed25519`.")
	}
	return nil
}
