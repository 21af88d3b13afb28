package consensus

import (
	"fmt"
	"slices"

	"github.com/triggerd/triggerd/internal/rtbh"
)

// directory is the membership as of the state, in a form that is read without
// the state's lock. Raft looks members' addresses up for each heartbeat: were it
// to wait there while a large paste is applied, a leader would fall silent and
// lose its lease just when it has most to do. It is never changed, only replaced.
type directory struct {
	all      []rtbh.Member // by name
	byName   map[string]rtbh.Member
	addrs    map[string]string // by server id
	byServer map[string]string // server ids by address
}

func newDirectory(s *rtbh.State) *directory {
	d := &directory{all: s.Members(), byName: map[string]rtbh.Member{}, addrs: map[string]string{}, byServer: map[string]string{}}
	for _, m := range d.all {
		d.byName[m.Name], d.addrs[m.ServerID()] = m, m.Addr
		if _, taken := d.byServer[m.Addr]; !taken {
			d.byServer[m.Addr] = m.ServerID()
		}
	}
	return d
}

// members returns the members by name.
func (n *Node) members() []rtbh.Member { return slices.Clone(n.fsm.directory.Load().all) }

func (n *Node) member(name string) (rtbh.Member, error) {
	m, ok := n.fsm.directory.Load().byName[name]
	if !ok {
		return m, fmt.Errorf("%q: %w", name, ErrUnknownMember)
	}
	return m, nil
}

// addrOf returns where a server is to be dialed: where its record says, and
// only if there is none, where Raft's configuration says. Ids are stable and
// addresses are not; and a change of an address in Raft's configuration races
// with its replication.
func (n *Node) addrOf(serverID, otherwise string) string {
	if addr, ok := n.fsm.directory.Load().addrs[serverID]; ok {
		return addr
	}
	return otherwise
}

// serverAt returns the member that has an address, "" when none has.
func (n *Node) serverAt(addr string) string { return n.fsm.directory.Load().byServer[addr] }
