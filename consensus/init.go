package consensus

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/hashicorp/raft"
	"github.com/triggerd/triggerd/consensus/peer"
	"github.com/triggerd/triggerd/internal/rtbh"
)

// InitOptions say what cluster to make.
type InitOptions struct {
	Dir          string // empty or missing
	Name         string // of this node, the first voter
	Advertise    string // host:port that other members will dial
	Operator     string // first operator's user name; "" for none
	OperatorKeys []string
	Commands     []rtbh.Command // done last, as the local operator
	Version      string
	Log          *slog.Logger
	Time         TimeSource
}

// Init makes a cluster of one node in an empty directory: CA, identity,
// certificate, a log with one voter, and the first entries in it. When it
// fails the directory is left as it was found.
func Init(opt InitOptions) error {
	c, err := claim(opt.Dir)
	if err != nil {
		return err
	}
	if err := initialise(opt); err != nil {
		return errors.Join(fmt.Errorf("init: %w", err), c.undo())
	}
	return c.done()
}

func initialise(opt InitOptions) error {
	id, err := makeIdentity(opt.Dir, opt.Name)
	if err != nil {
		return err
	}
	if err := createDisk(opt.Dir); err != nil {
		return err
	}
	d, err := openDisk(opt.Dir, false, slog.New(slog.DiscardHandler))
	if err != nil {
		return err
	}
	lone := newLoneTransport(opt.Advertise)
	first := raft.Configuration{Servers: []raft.Server{{ID: raft.ServerID(id.ServerID()), Address: raft.ServerAddress(opt.Advertise)}}}
	conf := raft.DefaultConfig()
	conf.LocalID = raft.ServerID(id.ServerID())
	if err := raft.BootstrapCluster(conf, d.logs, d.stable, d.snaps, lone.raft, first); err != nil {
		return errors.Join(err, d.close())
	}
	n, err := openNode(Options{
		Dir: opt.Dir, Advertise: opt.Advertise, Log: opt.Log, Version: opt.Version, Time: opt.Time,
		// Alone, an election needs nobody's patience.
		tuning: tuning{heartbeat: 20 * time.Millisecond, election: 20 * time.Millisecond, lease: 10 * time.Millisecond},
	}, id, peer.Credentials{}, d, wiring{connect: func(*Node, *life) (transport, error) { return lone, nil }})
	if err != nil {
		return err
	}
	err = n.populate(opt)
	if err = errors.Join(err, n.Close()); err != nil {
		return err
	}
	// Last: a directory without an identity is no node.
	return peer.SaveIdentity(opt.Dir, id)
}

// makeIdentity makes the CA and the first node's certificate.
func makeIdentity(dir, name string) (peer.Identity, error) {
	cluster := peer.NewLineage()
	ca, err := peer.NewCA(cluster)
	if err != nil {
		return peer.Identity{}, err
	}
	record, err := peer.SignGeneration(ca, peer.Record{Cluster: cluster, Generation: 1, Lineage: peer.NewLineage()})
	if err != nil {
		return peer.Identity{}, err
	}
	id := peer.Identity{Name: name, Incarnation: 1}.WithRecord(record)
	if err := id.Check(); err != nil {
		return peer.Identity{}, err
	}
	key, err := peer.NewKey()
	if err != nil {
		return peer.Identity{}, err
	}
	csr, err := peer.NewCSR(key, name)
	if err != nil {
		return peer.Identity{}, err
	}
	cert, err := ca.Sign(csr, id.ServerID(), peer.NodeLifetime)
	if err != nil {
		return peer.Identity{}, err
	}
	creds, err := peer.NewCredentials(ca.Cert, cert, key)
	if err != nil {
		return peer.Identity{}, err
	}
	return id, errors.Join(peer.SaveCA(dir, ca), peer.SaveCredentials(dir, creds))
}

// populate writes the first entries.
func (n *Node) populate(opt InitOptions) error {
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	if _, err := n.catchUp(ctx); err != nil { // it tries until ctx ends
		return fmt.Errorf("the first node did not become leader: %w", err)
	}
	now := n.clock.now()
	self := rtbh.Member{
		Name: n.identity().Name, Incarnation: n.identity().Incarnation, Role: rtbh.Voter, Addr: opt.Advertise,
		Joined: now, Speaks: rtbh.Speaks, Binary: opt.Version,
	}
	if err := n.propose(ctx, n.asNode(), rtbh.InitCluster{ClusterID: n.identity().Cluster, Created: now}, rtbh.PutMember{Member: self}); err != nil {
		return err
	}
	cmds := opt.Commands
	if opt.Operator != "" {
		u := rtbh.User{Name: opt.Operator, Role: rtbh.RoleOperator, Keys: opt.OperatorKeys}
		cmds = append([]rtbh.Command{
			rtbh.EditUser{Name: u.Name, Field: rtbh.UserExists, Value: u},
			rtbh.EditUser{Name: u.Name, Field: rtbh.UserKeys, Value: u},
		}, cmds...)
	}
	if len(cmds) == 0 {
		return nil
	}
	return n.proposeAs(ctx, rtbh.Actor{User: "local", Door: rtbh.DoorLocal, Node: n.identity().Name}, cmds...)
}

// loneTransport is that of a node without others.
type loneTransport struct{ raft *raft.InmemTransport }

func newLoneTransport(addr string) *loneTransport {
	_, t := raft.NewInmemTransport(raft.ServerAddress(addr))
	return &loneTransport{raft: t}
}

func (t *loneTransport) raftTransport() raft.Transport { return t.raft }
func (t *loneTransport) handle(string, handler)        {}
func (t *loneTransport) recheck()                      {}

func (t *loneTransport) setCredentials(peer.Credentials) error { return nil }

func (t *loneTransport) close() { _ = t.raft.Close() } // it returns nil

func (t *loneTransport) call(context.Context, string, string, string, []byte) ([]byte, error) {
	return nil, errUnreachable
}
