package consensus

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/triggerd/triggerd/consensus/peer"
)

const (
	asideFile  = "aside.json"
	asideStamp = "20060102T150405.000Z"
	keepAsides = 2 // directories of logs that were set aside
)

// aside says that the node's log was set aside, and where it is. As long as the
// file is there, what the node shows is the state in that directory: through
// any number of restarts, until the new state is complete.
type aside struct {
	Dir    string      `json:"dir"`    // in the node's directory
	Record peer.Record `json:"record"` // the generation in which the node comes back
	Why    string      `json:"why"`
	Alarm  string      `json:"alarm"`  // kind of the alarm that is up meanwhile
	Joined bool        `json:"joined"` // the node's own log is that of its new incarnation
}

// loadAside reads the file; nil when there is none.
func loadAside(dir string) (*aside, error) {
	raw, err := os.ReadFile(filepath.Join(dir, asideFile))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", asideFile, err)
	}
	var a aside
	if err := json.Unmarshal(raw, &a); err != nil || a.Dir == "" || a.Dir != filepath.Base(a.Dir) {
		return nil, fmt.Errorf("%s: %w: %s", filepath.Join(dir, asideFile), ErrBroken, peer.WayBack)
	}
	return &a, nil
}

func (a *aside) save(dir string) error {
	raw, err := json.MarshalIndent(a, "", "  ")
	if err != nil {
		return fmt.Errorf("write %s: %w", asideFile, err)
	}
	return peer.WriteFile(dir, asideFile, 0o600, append(raw, '\n'))
}

// asideName returns a name that is not taken.
func asideName(dir, what string, generation uint64, now time.Time) string {
	name := fmt.Sprintf("%s.%s-%d-%s", raftDir, what, generation, now.UTC().Format(asideStamp))
	for i := 2; ; i++ {
		if _, err := os.Lstat(filepath.Join(dir, name)); errors.Is(err, fs.ErrNotExist) {
			return name
		}
		name = fmt.Sprintf("%s-%d", strings.TrimSuffix(name, fmt.Sprintf("-%d", i-1)), i)
	}
}

// move brings log and mark to where a says. It may have been interrupted
// before: each step is done only when it was not.
func (a *aside) move(dir string) error {
	to := filepath.Join(dir, a.Dir)
	if _, err := os.Lstat(to); errors.Is(err, fs.ErrNotExist) {
		if err := os.Rename(filepath.Join(dir, raftDir), to); err != nil {
			return fmt.Errorf("set the log aside: %w", err)
		}
	}
	// The mark names its log, so where the rename was lost in a crash, the file
	// that is found here can only be the old one: a new one comes after this.
	if _, err := os.Lstat(filepath.Join(to, markFile)); errors.Is(err, fs.ErrNotExist) {
		if err := os.Rename(filepath.Join(dir, markFile), filepath.Join(to, markFile)); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("set the mark aside: %w", err)
		}
	}
	return peer.SyncDir(dir)
}

// clearHalfMade removes the log of an incarnation that was never completed.
func (a *aside) clearHalfMade(dir string) error {
	return errors.Join(os.RemoveAll(filepath.Join(dir, raftDir)), os.RemoveAll(filepath.Join(dir, markFile)))
}

// restore loads the state of a log that was set aside.
func (a *aside) restore(n *Node) error {
	dir := filepath.Join(n.opt.Dir, a.Dir)
	d, err := openDiskAt(dir, n.opt.tuning.noSync, n.opt.Log)
	if err != nil {
		return err
	}
	raw, err := os.ReadFile(filepath.Join(dir, markFile))
	if err != nil {
		return errors.Join(fmt.Errorf("read mark: %w", err), d.close())
	}
	m := newestMark(raw, d.id)
	n.clock.resume(m.Clock)
	return errors.Join(preload(d, m, n.fsm), d.close())
}

// done takes the file away, and old directories with it.
func (a *aside) done(dir string) error {
	if err := os.Remove(filepath.Join(dir, asideFile)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("remove %s: %w", asideFile, err)
	}
	return errors.Join(peer.SyncDir(dir), pruneAsides(dir))
}

// pruneAsides keeps the newest directories of logs that were set aside.
func pruneAsides(dir string) error {
	all, err := filepath.Glob(filepath.Join(dir, raftDir+".*-*"))
	if err != nil {
		return err
	}
	age := func(path string) int64 {
		if i, err := os.Lstat(path); err == nil {
			return i.ModTime().UnixNano()
		}
		return 0
	}
	slices.SortFunc(all, func(x, y string) int { return int((age(y) - age(x)) / int64(time.Millisecond)) })
	for _, old := range all[min(keepAsides, len(all)):] {
		err = errors.Join(err, os.RemoveAll(old))
	}
	return err
}
