package peer

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// What LoadIdentity can say.
var (
	ErrNoIdentity      = errors.New("this directory belongs to no cluster yet: run `triggerd init` or `triggerd join`")
	ErrUnfinished      = errors.New("`triggerd init`, `join` or `restore` was interrupted here before it was done, so this is no node yet: type it again (to join, with a new token)")
	ErrLostIdentity    = errors.New("the identity file is missing although this directory holds a node's files: restore it from a copy, or " + WayBack)
	ErrCorruptIdentity = errors.New("the identity file is damaged: restore it from a copy, or " + WayBack)
)

// WayBack is what to type for a node whose directory can't be trusted any more.
const WayBack = "move the directory away and join again with a token of `triggerd token` at another member; if this was the only member, `triggerd restore` a backup"

// UnfinishedFile lies in a directory from the first file that makes a node of
// it to the last, the identity.
const UnfinishedFile = "unfinished"

const (
	identityFile = "identity.json"
	maxName      = 63 // octets, as a DNS label (RFC 1035 section 2.3.4)
)

// Identity is who a node is. It lies outside the raft directory, so that
// setting a fenced log aside keeps it. Two identities are the same node in the
// same life when they are ==.
type Identity struct {
	Cluster     string `json:"cluster"`     // the cluster's id
	Generation  uint64 `json:"generation"`  // 1 for a new cluster; each recovery adds one
	Lineage     string `json:"lineage"`     // random, chosen together with the generation
	Name        string `json:"name"`        // the node's name, see ValidName
	Incarnation uint32 `json:"incarnation"` // from 1; raised when the node comes back without its log
	Seal        string `json:"seal"`        // the CA's signature over the first three, see SignGeneration
}

// ServerID is name#incarnation: the node's name in Raft and in its certificate.
func (id Identity) ServerID() string { return ServerID(id.Name, id.Incarnation) }

// Record is the generation part of the identity, with its proof.
func (id Identity) Record() Record {
	return Record{Cluster: id.Cluster, Generation: id.Generation, Lineage: id.Lineage, Seal: id.Seal}
}

// WithRecord returns the identity moved to another generation.
func (id Identity) WithRecord(r Record) Identity {
	id.Cluster, id.Generation, id.Lineage, id.Seal = r.Cluster, r.Generation, r.Lineage, r.Seal
	return id
}

// Check names the first field that cannot be.
func (id Identity) Check() error {
	if err := ValidName(id.Name); err != nil {
		return err
	}
	if id.Incarnation == 0 {
		return errors.New("an incarnation counts from 1")
	}
	return id.Record().check()
}

// ServerID joins a name and an incarnation.
func ServerID(name string, incarnation uint32) string {
	return name + "#" + strconv.FormatUint(uint64(incarnation), 10)
}

// ParseServerID takes a server id apart; only the form that ServerID prints is
// accepted.
func ParseServerID(s string) (name string, incarnation uint32, err error) {
	name, number, _ := strings.Cut(s, "#")
	n, err := strconv.ParseUint(number, 10, 32)
	if err != nil || n == 0 || ValidName(name) != nil || ServerID(name, uint32(n)) != s {
		return "", 0, fmt.Errorf("%.80q is not a server id: expected NAME#INCARNATION, as in trigger1#1", s)
	}
	return name, uint32(n), nil
}

// ValidName says what is wrong with a node's name: it has 1 to 63 letters,
// digits, `-`, `_` or `.`, and begins with a letter or a digit.
func ValidName(name string) error {
	if len(name) == 0 || len(name) > maxName {
		return fmt.Errorf("a node's name has 1 to %d characters, this has %d", maxName, len(name))
	}
	for i := range len(name) {
		c := name[i]
		switch {
		case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', '0' <= c && c <= '9':
		case i > 0 && (c == '-' || c == '_' || c == '.'):
		default:
			return fmt.Errorf("a node's name has letters, digits, `-`, `_` and `.` and begins with a letter or a digit; %q does not", name)
		}
	}
	return nil
}

// LoadIdentity reads the identity that SaveIdentity wrote into dir. Without a
// file the error is ErrNoIdentity, ErrUnfinished or ErrLostIdentity, with a torn or foreign one ErrCorruptIdentity;
// any other error means that the file could not be read.
func LoadIdentity(dir string) (Identity, error) {
	path := filepath.Join(dir, identityFile)
	raw, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return Identity{}, fmt.Errorf("%s: %w", path, withoutIdentity(dir))
	}
	if err != nil {
		return Identity{}, fmt.Errorf("read identity: %w", err)
	}
	var id Identity
	if err := json.Unmarshal(raw, &id); err != nil {
		return Identity{}, fmt.Errorf("%s: %w (%v)", path, ErrCorruptIdentity, err)
	}
	if err := id.Check(); err != nil {
		return Identity{}, fmt.Errorf("%s: %w (%v)", path, ErrCorruptIdentity, err)
	}
	return id, nil
}

// withoutIdentity says what a directory is that has no identity file.
func withoutIdentity(dir string) error {
	for _, sign := range []struct {
		file string
		says error
	}{{UnfinishedFile, ErrUnfinished}, {certFile, ErrLostIdentity}, {keyFile, ErrLostIdentity}, {"raft", ErrLostIdentity}} {
		if _, err := os.Lstat(filepath.Join(dir, sign.file)); err == nil {
			return sign.says
		}
	}
	return ErrNoIdentity
}

// SaveIdentity writes the identity into dir, atomically and readable by the
// owner only. When a node joins it is written last: a directory without an
// identity has not joined.
func SaveIdentity(dir string, id Identity) error {
	if err := id.Check(); err != nil {
		return fmt.Errorf("save identity: %w", err)
	}
	raw, err := json.MarshalIndent(id, "", "  ")
	if err != nil {
		return fmt.Errorf("save identity: %w", err)
	}
	return writeFile(dir, identityFile, 0o600, append(raw, '\n'))
}
