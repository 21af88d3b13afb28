package deptest

import (
	"path"
	"slices"
	"strings"
	"testing"
)

// door is a foreign module that only one room may know, and in that room only
// the files that match one of the patterns, each with its reason. Tests of the
// room may use it anywhere.
type door struct {
	module string // as a prefix of import paths
	room   string
	files  map[string]string
}

var doors = []door{
	{"github.com/osrg/gobgp", "bgp", map[string]string{
		"bgp/gobgp*.go": "the engine, behind plain functions; everything else in bgp sees our own values",
	}},
	{"github.com/gliderlabs/ssh", "cli", map[string]string{
		"cli/sshd*.go": "the SSH server; a shell sees an io.ReadWriter and an identity",
	}},
	{"github.com/spf13/cobra", "cmd", map[string]string{
		"cmd/triggerd/*.go": "flags and subcommands, which is all that is there",
	}},
	// Raft is what consensus is made of, so one file is not enough. Each one
	// here implements one of the library's interfaces or drives its node; what
	// people call (View, Propose, Status) speaks in values of our own.
	{"github.com/hashicorp/", "consensus", map[string]string{
		"consensus/backup.go":     "writes a restored state as the first snapshot",
		"consensus/boot.go":       "reads log and snapshots before the node starts",
		"consensus/disk.go":       "opens the stores",
		"consensus/duties.go":     "hands the leadership on",
		"consensus/fsm.go":        "raft.FSM: entries to the state",
		"consensus/init.go":       "writes the first configuration",
		"consensus/leader.go":     "hears of a new leader",
		"consensus/raftlog.go":    "hclog to slog",
		"consensus/membership.go": "adds and removes servers",
		"consensus/life.go":       "starts and stops the raft node, also within the process",
		"consensus/peers.go":      "reads the configuration",
		"consensus/port.go":       "raft's transport over the cluster port",
		"consensus/propose.go":    "raft.Apply and its errors",
		"consensus/push.go":       "the commit push, one AppendEntries more",
		"consensus/recover.go":    "rewrites the configuration of a survivor",
		"consensus/rhythm.go":     "watches a follower's contact with the leader",
		"consensus/snapshot.go":   "raft.FSMSnapshot and the snapshot store",
		"consensus/store.go":      "raft.LogStore and StableStore that report errors",
		"consensus/transport.go":  "names the transport interface that consensus/peer fills",
		"consensus/votes.go":      "raft's transport, asking again for a vote on a broken connection",
	}},
}

func (d door) imports(s source) bool {
	return slices.ContainsFunc(s.imports, func(p string) bool { return strings.HasPrefix(p, d.module) })
}

// pattern returns the pattern that lets a file through this door, "" for none.
func (d door) pattern(file string) string {
	for p := range d.files {
		if ok, _ := path.Match(p, file); ok {
			return p
		}
	}
	return ""
}

func TestForeignTypesStopAtTheDoors(t *testing.T) {
	all := sources(t)
	for _, d := range doors {
		used := map[string]bool{}
		for _, s := range all {
			if !d.imports(s) {
				continue
			}
			room, _ := roomOf(s.dir)
			p := d.pattern(s.path)
			used[p] = true
			switch {
			case room != d.room:
				t.Errorf("%s imports %s, which only %s may", s.path, d.module, d.room)
			case !s.test && p == "":
				t.Errorf("%s imports %s: move that to the files where its types stop, or give it a line and a reason in the table of doors", s.path, d.module)
			}
		}
		for p := range d.files {
			if !used[p] {
				t.Errorf("%s does not import %s (any more): take it out of the table of doors", p, d.module)
			}
		}
	}
}
