package consensus

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"

	"github.com/hashicorp/raft"
	"github.com/triggerd/triggerd/consensus/peer"
	"github.com/triggerd/triggerd/internal/rtbh"
)

// A backup is the replicated state in one file, good for making a new cluster:
// magic (8), length (4, big endian), information as JSON, the state as
// rtbh.State.Encode writes it, SHA-256 of everything before it. Neither the
// CA's key nor a node's is in it.
const (
	backupMagic   = "TRGBACK1"
	maxBackupInfo = 64 << 10
	maxBackup     = 4 << 30
)

// ErrBackup means that a backup is damaged or none at all.
var ErrBackup = errors.New("this is no whole backup of triggerd")

// BackupInfo says what a backup holds.
type BackupInfo struct {
	Cluster    string       `json:"cluster"`
	Generation uint64       `json:"generation"`
	Node       string       `json:"node"` // that it was taken from
	Binary     string       `json:"binary"`
	At         rtbh.Instant `json:"at"`
	Index      uint64       `json:"index"`
	Digest     string       `json:"digest"` // of the state, hex
	Customers  int          `json:"customers"`
	Blackholes int          `json:"blackholes"` // active at that time
}

// Backup writes the state as this node has it now. It copies the state under
// the lock and writes outside.
func (n *Node) Backup(w io.Writer) (BackupInfo, error) {
	var s *rtbh.State
	n.fsm.show(func(shown *rtbh.State) { s = shown.Clone() })
	now := n.Now()
	id := n.identity()
	info := BackupInfo{
		Cluster: id.Cluster, Generation: id.Generation, Node: id.Name, Binary: n.opt.Version, At: now,
		Index: s.Index(), Digest: fmt.Sprintf("%x", s.Digest()), Customers: len(s.Customers()), Blackholes: len(s.Blackholes("", now)),
	}
	head, err := json.Marshal(info)
	if err != nil {
		return info, fmt.Errorf("backup: %w", err)
	}
	sum := sha256.New()
	out := io.MultiWriter(w, sum)
	for _, b := range [][]byte{[]byte(backupMagic), binary.BigEndian.AppendUint32(nil, uint32(len(head))), head} {
		if _, err := out.Write(b); err != nil {
			return info, fmt.Errorf("backup: %w", err)
		}
	}
	if err := s.Encode(out); err != nil {
		return info, fmt.Errorf("backup: %w", err)
	}
	if _, err := w.Write(sum.Sum(nil)); err != nil {
		return info, fmt.Errorf("backup: %w", err)
	}
	return info, nil
}

// CheckBackup reads a backup whole and checks all its digests.
func CheckBackup(r io.Reader) (BackupInfo, error) {
	info, _, err := readBackup(r)
	return info, err
}

func readBackup(r io.Reader) (info BackupInfo, s *rtbh.State, err error) {
	all, err := io.ReadAll(io.LimitReader(r, maxBackup))
	if err != nil {
		return info, nil, fmt.Errorf("read backup: %w", err)
	}
	const fixed = len(backupMagic) + 4
	if len(all) < fixed+sha256.Size || string(all[:len(backupMagic)]) != backupMagic {
		return info, nil, ErrBackup
	}
	body, sum := all[:len(all)-sha256.Size], all[len(all)-sha256.Size:]
	if got := sha256.Sum256(body); !bytes.Equal(got[:], sum) {
		return info, nil, fmt.Errorf("%w: its digest differs", ErrBackup)
	}
	size := binary.BigEndian.Uint32(body[len(backupMagic):])
	if size > maxBackupInfo || int(size) > len(body)-fixed {
		return info, nil, ErrBackup
	}
	if err := json.Unmarshal(body[fixed:fixed+int(size)], &info); err != nil {
		return info, nil, fmt.Errorf("%w: %w", ErrBackup, err)
	}
	if s, err = rtbh.DecodeState(bytes.NewReader(body[fixed+int(size):])); err != nil {
		return info, nil, fmt.Errorf("read backup: %w", err)
	}
	if digest := fmt.Sprintf("%x", s.Digest()); digest != info.Digest || s.Index() != info.Index {
		return info, nil, fmt.Errorf("%w: the state in it is not the one that was saved", ErrBackup)
	}
	return info, s, nil
}

// Restore makes a new cluster of one node in an empty directory, with the
// customers, users, route-maps and blackholes of a backup. Membership, CA and
// cluster id are new: nodes of the old cluster are strangers to it. Operator
// and Commands of opt are not used. When it fails the directory is left as it
// was found.
func Restore(opt InitOptions, backup io.Reader) (BackupInfo, error) {
	info, s, err := readBackup(backup)
	if err != nil {
		return info, err
	}
	if s.Version() > rtbh.Speaks {
		return info, fmt.Errorf("the backup is of version %d, this binary reads only %d: install a newer triggerd", s.Version(), rtbh.Speaks)
	}
	c, err := claim(opt.Dir)
	if err != nil {
		return info, err
	}
	if err := restore(opt, s); err != nil {
		return info, errors.Join(fmt.Errorf("restore: %w", err), c.undo())
	}
	return info, c.done()
}

func restore(opt InitOptions, s *rtbh.State) error {
	id, err := makeIdentity(opt.Dir, opt.Name)
	if err != nil {
		return err
	}
	s.Rehome(id.Cluster, rtbh.Member{
		Name: id.Name, Incarnation: id.Incarnation, Role: rtbh.Voter, Addr: opt.Advertise,
		Joined: s.LastStamp(), Speaks: rtbh.Speaks, Binary: opt.Version,
	})
	if err := createDisk(opt.Dir); err != nil {
		return err
	}
	d, err := openDisk(opt.Dir, false, slog.New(slog.DiscardHandler))
	if err != nil {
		return err
	}
	if err := errors.Join(plant(d, id, opt.Advertise, s), d.close()); err != nil {
		return err
	}
	return peer.SaveIdentity(opt.Dir, id) // last: a directory without an identity is no node
}

// plant makes the state a snapshot that a first voter starts from.
func plant(d *disk, id peer.Identity, addr string, s *rtbh.State) error {
	const term = 1
	if err := d.stable.SetUint64([]byte("CurrentTerm"), term); err != nil { // as Raft names it
		return err
	}
	self := raft.Configuration{Servers: []raft.Server{{ID: raft.ServerID(id.ServerID()), Address: raft.ServerAddress(addr)}}}
	sink, err := d.snaps.Create(raft.SnapshotVersionMax, max(1, s.Index()), term, self, 1, newLoneTransport(addr).raft)
	if err != nil {
		return err
	}
	return (&snapshot{state: s, seen: max(1, s.Index())}).Persist(sink)
}
