package consensus

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"os"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/triggerd/triggerd/consensus/peer"
	"github.com/triggerd/triggerd/internal/rtbh"
)

// TestChaos lets a cluster of five live through two virtual hours of partitions,
// crashes, restarts of machines, wall clocks that jump, members that leave, come
// back, change their role, and recoveries of a cut-off survivor. What must hold
// all the time:
//
//   - what was acknowledged is there, what was withdrawn is gone;
//   - equal index, equal digest;
//   - no node withdraws a route without a reason: neither by a restart, nor by a
//     fencing, nor while it fetches a state anew;
//   - a blackhole's end comes on time on every node that knows the time.
//
// Under the race detector, which makes everything ten times as slow, it is ten
// virtual minutes and at most a minute of real time; `make test` runs both.
// CONSENSUS_CHAOS=24h makes it as long as that takes; CONSENSUS_SEED repeats a
// run, as far as the order of goroutines allows.
func TestChaos(t *testing.T) {
	length, patience := 2*time.Hour, 2*time.Hour
	if testing.Short() || raceDetector {
		length, patience = 10*time.Minute, time.Minute
	}
	if v := os.Getenv("CONSENSUS_CHAOS"); v != "" {
		var err error
		if length, err = time.ParseDuration(v); err != nil {
			t.Fatal(err)
		}
		patience = length
	}
	seed := rand.Uint64()
	if v := os.Getenv("CONSENSUS_SEED"); v != "" {
		seed, _ = strconv.ParseUint(v, 10, 64)
	}
	t.Logf("seed %d, %s (repeat with CONSENSUS_SEED and CONSENSUS_CHAOS)", seed, length)
	if _, err := os.Stat("/dev/shm"); err == nil {
		t.Setenv("TMPDIR", "/dev/shm") // a thousand restarts flush a lot
	}
	until := bootTime() + patience // not virtual
	synctest.Test(t, func(t *testing.T) {
		c := newChaos(t, seed)
		defer c.closeAll()
		c.run(length, until)
	})
}

// lasting are blackholes that are never withdrawn: whoever has shown one must
// show it ever after.
var lasting = []string{"10.1.0.1/32", "10.1.0.2/32", "10.1.0.3/32", "10.1.0.4/32", "10.1.0.5/32"}

var weeks = rtbh.LifetimeOf(29 * 24 * time.Hour)

type chaos struct {
	generation uint64 // of the last recovery
	*sim
	rng      *rand.Rand
	want     map[string]bool // acknowledged last
	doubt    map[string]bool // the last command's outcome is unknown
	newest   uint64          // highest acknowledged index
	digests  map[string][32]byte
	compared map[*simNode]string     // where its digest was last looked at
	ends     map[string]rtbh.Instant // acknowledged deadlines of what ends by itself
	shown    map[*simNode]map[string]bool
	told     map[*Node]bool // has an onlooker
	serial   int
	count    map[string]int
}

func newChaos(t *testing.T, seed uint64) *chaos {
	s := newSim(t, tuning{snapshotEvery: 30 * time.Second, snapshotAfter: 40, trailing: 20},
		append(twoTriggersAndWitness, rtbh.Speaker, rtbh.Speaker)...)
	c := &chaos{
		sim: s, rng: rand.New(rand.NewPCG(seed, 1)), want: map[string]bool{}, doubt: map[string]bool{},
		digests: map[string][32]byte{}, compared: map[*simNode]string{}, ends: map[string]rtbh.Instant{}, shown: map[*simNode]map[string]bool{},
		told: map[*Node]bool{}, count: map[string]int{},
	}
	for _, p := range lasting {
		e := announce(p)
		e.Commands = []rtbh.Command{rtbh.Announce{Customer: "acme", Prefix: netip.MustParsePrefix(p), Life: weeks}}
		mustAccept(t, s.leader().Node, e)
	}
	return c
}

func (c *chaos) run(length, until time.Duration) {
	began, settled := time.Now(), time.Now()
	for time.Since(began) < length && (bootTime() < until || !c.enough()) && !c.t.Failed() {
		if c.rng.IntN(4) == 0 {
			c.fault()
		}
		c.look()
		c.write()
		c.look()
		time.Sleep(time.Duration(c.rng.IntN(3000)) * time.Millisecond)
		if time.Since(settled) > settleEvery {
			c.settle()
			settled = time.Now()
		}
	}
	if c.t.Failed() {
		return
	}
	c.settle()
	c.t.Logf("%s: %v; %d indexes compared", time.Since(began).Round(time.Minute), c.count, len(c.digests))
	if !c.enough() {
		c.t.Error("too little happened for this test to mean anything")
	}
}

// enough tells whether so much has happened that the test means something. A
// slow machine gets the time for it.
func (c *chaos) enough() bool {
	return c.count["accepted"] >= 50 && c.count["recovered"]+c.count["removed"] > 0
}

// settleEvery is how often everything is held against what was acknowledged: a
// prefix is written again some minutes later, which would bury a loss.
const settleEvery = 3 * time.Minute

// settle repairs everything, waits until all agree, and looks whether they have
// what was acknowledged and nothing that was withdrawn.
func (c *chaos) settle() {
	c.t.Helper()
	c.healAll()
	c.allFresh(c.nodes)
	c.mustAgree()
	c.look()
	// A node that was cut off while all others lost their power carries another
	// time than they, until it meets them.
	time.Sleep(3 * time.Second)
	c.clocksAgree()
	for p, want := range c.want {
		for _, n := range c.nodes {
			if got := n.holds(p); got != want && !c.doubt[p] {
				c.t.Errorf("%s: %s announced=%v, acknowledged %v", n.name, p, got, want)
			}
		}
	}
}

// write has one node propose something.
func (c *chaos) write() {
	n := c.nodes[c.rng.IntN(len(c.nodes))]
	if n.Node == nil || c.leftBehind(n) {
		return
	}
	p := fmt.Sprintf("10.2.0.%d/32", c.rng.IntN(40))
	on := c.rng.IntN(2) == 0
	e := withdraw(p)
	ending := false
	switch {
	case on && c.rng.IntN(3) == 0: // another prefix each time: it ends once
		ending = true
		c.serial++
		p = fmt.Sprintf("10.3.%d.%d/32", c.serial/250, c.serial%250+1)
		life := rtbh.LifetimeOf(time.Duration(5+c.rng.IntN(10)) * time.Minute)
		e.Commands = []rtbh.Command{rtbh.Announce{Customer: "acme", Prefix: netip.MustParsePrefix(p), Life: life}}
	case on:
		e.Commands = []rtbh.Command{rtbh.Announce{Customer: "acme", Prefix: netip.MustParsePrefix(p), Life: weeks}}
	}
	r, err := n.Propose(context.Background(), e)
	var unsure *NotConfirmed
	switch {
	case err == nil:
		c.count["accepted"]++
		c.newest = max(c.newest, r.Result.Index)
		if o := r.Result.Outcomes[0]; o.Refusal != nil && (on || o.Refusal.Code != rtbh.RefusedAbsent) {
			c.t.Errorf("%s: %v", p, o.Refusal)
		}
		if ending {
			if o := r.Result.Outcomes[0]; o.Refusal == nil {
				c.ends[p] = o.Deadline
			}
			return
		}
		c.want[p] = on
		delete(c.doubt, p)
	case errors.As(err, &unsure):
		c.count["unknown"]++
		if !ending {
			c.doubt[p] = true
		}
	default:
		c.count["refused"]++
	}
}

// leftBehind tells whether the cluster was recovered without this node and it has
// not met the new generation yet. Such nodes may still be a majority among
// themselves, and what they accept until they are fenced is lost: that is what
// an operator is asked about before a recovery, and no promise is broken.
func (c *chaos) leftBehind(n *simNode) bool { return n.identity().Generation < c.generation }

// look holds everything that must be so at any moment.
func (c *chaos) look() {
	for _, n := range c.running() {
		c.lookAt(n)
	}
}

func (c *chaos) lookAt(n *simNode) {
	if !c.told[n.Node] {
		c.told[n.Node] = true
		nd := n.Node
		nd.OnApply(func([]netip.Prefix, bool) {
			if n.Node == nd {
				c.lookAtRoutes(n, nd)
			}
		})
	}
	c.lookAtRoutes(n, n.Node)
	c.lookAtEnds(n)
	if c.rng.IntN(3) == 0 {
		c.lookAtDigest(n)
	}
}

func (c *chaos) lookAtDigest(n *simNode) {
	var key string
	var digest [32]byte
	id := n.identity()
	n.fsm.view(func(s *rtbh.State) {
		key = fmt.Sprintf("%s/%d", id.Lineage, s.Index())
		if c.compared[n] != key {
			digest = s.Digest()
		}
	})
	if c.compared[n] == key || strings.HasSuffix(key, "/0") {
		return
	}
	c.compared[n] = key
	if was, ok := c.digests[key]; ok && was != digest {
		c.t.Errorf("%s has digest %x at %s, another node had %x", n.name, digest[:4], key, was[:4])
	}
	c.digests[key] = digest
}

// lookAtRoutes notes what a node shows, and what it shows no more.
func (c *chaos) lookAtRoutes(n *simNode, nd *Node) {
	c.net.mu.Lock() // it may be called from the node's own goroutines
	if c.shown[n] == nil {
		c.shown[n] = map[string]bool{}
	}
	shown := c.shown[n]
	c.net.mu.Unlock()
	for _, p := range lasting {
		held := nd.holds(p)
		c.net.mu.Lock()
		if !held && shown[p] {
			c.t.Errorf("%s withdrew %s without a reason (%s, held %v)", n.name, p, nd.identity().ServerID(), nd.fsm.holding())
			shown[p] = false
		}
		shown[p] = shown[p] || held
		c.net.mu.Unlock()
	}
}

// lookAtEnds compares with the deadlines. The margin is what the log's clock may
// be apart between nodes.
func (c *chaos) lookAtEnds(n *simNode) {
	if !n.clock.isLive() {
		return
	}
	now := n.Now()
	for p, end := range c.ends {
		if held := n.holds(p); held && now > end.Add(time.Second) {
			c.t.Errorf("%s: %s should have ended at %s, it is %s", n.name, p, end, now)
		}
		if now > end.Add(20*time.Minute) {
			delete(c.ends, p)
		}
	}
}

// fault does one bad thing, repairs one, or changes the membership.
func (c *chaos) fault() {
	switch c.rng.IntN(14) {
	case 0:
		c.removeOne()
	case 1:
		c.changeRole()
	case 2:
		c.recoverOne()
	case 3:
		c.restartAll()
	default:
		c.count["faults"]++
		c.randomFault(c.rng)
	}
}

// removeOne takes a member out for good, and lets a machine of the same name
// join again with an empty disk.
func (c *chaos) removeOne() {
	n := c.nodes[c.rng.IntN(len(c.nodes))]
	asked := c.anyoneBut(n)
	if asked == nil {
		return
	}
	wiped := n.Node != nil && c.rng.IntN(2) == 0
	if wiped || n.Node != nil {
		n.down()
	}
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	err := asked.Remove(ctx, local, n.name)
	var unsure *NotConfirmed
	if err != nil && !errors.As(err, &unsure) {
		n.upOr()
		return
	}
	if unsure != nil {
		n.upOr() // it may still count, and the others may have no majority without it
	}
	c.settleOthers(n)
	if _, there := c.leader().member(n.name); there == nil {
		n.upOr()
		return
	}
	if n.Node != nil {
		n.down()
	}
	c.count["removed"]++
	c.rejoinEmpty(n)
}

// anyoneBut returns a running node that knows a leader.
func (c *chaos) anyoneBut(n *simNode) *simNode {
	for _, o := range c.running() {
		if id, _, _, _ := o.leader.get(); o != n && id != "" {
			return o
		}
	}
	return nil
}

func (n *simNode) upOr() {
	if n.Node == nil {
		n.up()
	}
}

// settleOthers waits until everybody but n is up and has a leader.
func (c *chaos) settleOthers(n *simNode) {
	c.t.Helper()
	for _, o := range n.others() {
		o.heal()
		o.upOr()
	}
	c.allFresh(n.others())
}

// allFresh waits until these nodes have what the cluster has.
func (c *chaos) allFresh(nodes []*simNode) {
	c.t.Helper()
	for _, n := range nodes {
		for tries := 0; ; tries++ {
			if _, fresh := n.Fresh(context.Background()); fresh {
				break
			}
			time.Sleep(100 * time.Millisecond)
			if tries > 300 {
				c.t.Fatalf("%s is never fresh\n%s", n.name, c)
			}
		}
	}
}

// String says where every node stands.
func (c *chaos) String() string {
	var b strings.Builder
	for _, n := range c.nodes {
		if n.Node == nil {
			fmt.Fprintf(&b, "%s is down\n", n.name)
			continue
		}
		leader, _, _, _ := n.leader.get()
		seen, stopped := n.fsm.position()
		m, _ := n.member(n.name)
		_, err := n.running()
		fmt.Fprintf(&b, "%s generation %d leader %q seen %d stopped %v held %v aside %v running %v record %+v voters %v alarms %v\n", n.identity().ServerID(),
			n.identity().Generation, leader, seen, stopped, n.fsm.holding(), n.life().aside.Load(), err, m, n.voters(), n.alarms.List())
	}
	return b.String()
}

// rejoinEmpty joins a node anew, under an incarnation that it never had.
func (c *chaos) rejoinEmpty(n *simNode) {
	c.t.Helper()
	n.heal()
	must2(c.t, os.RemoveAll(n.dir))
	delete(c.shown, n)
	var m rtbh.Member
	c.until(n.name+" is taken in", func() bool {
		l := c.leader()
		incarnation, err := l.nextIncarnation(context.Background(), n.name)
		if err != nil {
			return false
		}
		m = rtbh.Member{Name: n.name, Incarnation: incarnation, Role: rtbh.Speaker, Addr: n.addr, Joined: l.Now(), Speaks: rtbh.Speaks}
		if strings.HasPrefix(n.name, "witness") {
			m.Role = rtbh.Witness
		} else if n.name == "trigger1" || n.name == "trigger2" {
			m.Role = rtbh.Voter
		}
		return l.propose(context.Background(), l.asNode(), rtbh.PutMember{Member: m}) == nil
	})
	id := c.leader().identity()
	ca, err := peer.LoadCA(c.leader().dir)
	must2(c.t, err)
	made, err := claim(n.dir)
	must2(c.t, err)
	id.Name, id.Incarnation = n.name, m.Incarnation
	must2(c.t, errors.Join(createDisk(n.dir), peer.SaveCA(n.dir, ca), peer.SaveIdentity(n.dir, id), made.done()))
	n.up()
	n.mustBeReady()
}

// changeRole promotes or demotes a speaker.
func (c *chaos) changeRole() {
	n, asked := c.trigger("trigger4"), c.anyoneBut(nil)
	if asked == nil {
		return
	}
	role := rtbh.Speaker
	if c.rng.IntN(2) == 0 {
		role = rtbh.Voter
	}
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	if asked.SetRole(ctx, local, n.name, role) == nil {
		c.count["role"]++
	}
}

// recoverOne cuts one voter that has everything off from all others, recovers
// the cluster there, and lets the others come back. Nothing is written while
// two sides exist, so that nothing acknowledged can be lost by intent.
func (c *chaos) recoverOne() {
	n := c.nodes[c.rng.IntN(3)]
	if n.Node == nil || n.fsm.holding() || n.life().aside.Load() != nil {
		return
	}
	if seen, _ := n.fsm.position(); seen < c.newest || n.identity().Generation < c.generation || !contains(n.voters(), n.identity().ServerID()) {
		return
	}
	n.isolate()
	time.Sleep(3 * time.Second)
	p, err := n.PlanRecovery(context.Background())
	if err != nil || p.Joining {
		n.heal()
		return
	}
	if err := n.Recover(context.Background(), local, p.Names()); err != nil {
		c.t.Errorf("recover at %s: %v", n.name, err)
	}
	c.count["recovered"]++
	c.generation = p.Generation
	n.heal()
	if c.rng.IntN(2) == 0 {
		c.settleOthers(n)
	}
}

// restartAll is a site that loses its power.
func (c *chaos) restartAll() {
	c.count["all off"]++
	for _, n := range c.nodes {
		if n.Node != nil {
			n.down()
		}
		n.reboot()
	}
	for _, n := range c.nodes {
		n.skew.Store(0)
		n.up()
	}
}
