package testenv

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// Cluster is the triggers, witness and speakers of one lab as one cluster.
type Cluster struct {
	Nodes []*Trigger

	lab *Lab
}

// Cluster lets the first node found the cluster and the others join, each in the role
// of its options, and all run when it returns.
func (l *Lab) Cluster(nodes ...*Trigger) *Cluster {
	l.t.Helper()
	first := nodes[0]
	operator := l.key("operator")
	first.Init("noc", operator+".pub")
	first.Start()
	for _, n := range nodes[1:] {
		n.Join(first.Token(n.Name(), n.opts.Role))
		n.Start()
	}
	c := &Cluster{Nodes: nodes, lab: l}
	c.WaitComplete()
	return c
}

// WaitComplete waits until each node says that it has a majority and reaches every
// other one, each in its role: that who may vote does.
func (c *Cluster) WaitComplete() {
	c.lab.t.Helper()
	for _, n := range c.Nodes {
		Eventually(c.lab.t, n.Name()+" sees the whole cluster", func() (bool, string) {
			var status clusterStatus
			if err := n.askJSON("show cluster json", &status); err != nil {
				return false, err.Error()
			}
			return status.complete(c.Nodes), fmt.Sprintf("%+v", status)
		})
	}
}

// clusterStatus is what `show cluster json` prints, as far as needed.
type clusterStatus struct {
	Leader   string
	Majority bool
	Members  []struct {
		Name      string
		Role      Role
		Voting    bool
		Reachable bool
	}
}

func (s clusterStatus) complete(nodes []*Trigger) bool {
	up := map[string]Role{}
	for _, m := range s.Members {
		if m.Reachable && m.Voting == (m.Role != Speaker) {
			up[m.Name] = m.Role
		}
	}
	for _, n := range nodes {
		if up[n.Name()] != n.opts.Role {
			return false
		}
	}
	return s.Majority && len(up) == len(nodes) && len(s.Members) == len(nodes)
}

// Leader is the node that leads, as the first node that answers says; nil when none
// does.
func (c *Cluster) Leader() *Trigger {
	for _, n := range c.Nodes {
		var status clusterStatus
		if n.proc == nil || !n.proc.Running() || n.askJSON("show cluster json", &status) != nil {
			continue
		}
		for _, leader := range c.Nodes {
			if leader.Name() == status.Leader {
				return leader
			}
		}
	}
	return nil
}

// Define makes the customer known to the cluster, typed by an operator at the
// first node.
func (c *Cluster) Define(customer *Customer) {
	c.lab.t.Helper()
	lines := []string{"configure terminal", "customer " + customer.Name, fmt.Sprintf("as-number %d", customer.AS)}
	for _, p := range customer.Prefixes {
		lines = append(lines, "prefix "+p)
	}
	lines = append(lines, "user "+customer.Name, "key "+customer.publicKey(), "end")
	c.Nodes[0].Operator(lines...)
}

// key makes an ed25519 key pair with ssh-keygen, as people do, and returns the name
// of the private half.
func (l *Lab) key(name string) string {
	l.t.Helper()
	Require(l.t, "openssh-client")
	file := filepath.Join(l.dir, "key-"+name)
	out, err := runProgram("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", name, "-f", file)
	if err != nil {
		l.t.Fatalf("ssh-keygen: %v: %s", err, out)
	}
	return file
}

// publicKey is "ssh-ed25519 AAAA..." without the comment.
func (c *Customer) publicKey() string {
	c.lab.t.Helper()
	content, err := os.ReadFile(c.keyFile + ".pub")
	if err != nil {
		c.lab.t.Fatal(err)
	}
	return strings.Join(strings.Fields(string(content))[:2], " ")
}
