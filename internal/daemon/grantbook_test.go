package daemon

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/triggerd/triggerd/internal/config"
	"github.com/triggerd/triggerd/internal/rtbh"
	"github.com/triggerd/triggerd/rpki/rtr"
	"github.com/triggerd/triggerd/rpki/rtr/rtrtest"
)

// onlooker is a node with one cache that looks at the grant of a customer. The
// state is the cluster's: what a leader tells, all have.
type onlooker struct {
	book grantBook
	data *rtr.Data
	at   time.Time // of its cache's last answer; zero: it does not answer
}

// cluster of onlookers, without any network.
type onlookers struct {
	t     *testing.T
	now   time.Time
	have  []netip.Prefix
	all   []*onlooker
	leads int
}

// says makes a node's cache say this now.
func (c *onlookers) says(node int, all ...string) {
	c.all[node].data, c.all[node].at = &rtr.Data{VRPs: vrpSet(64511, all...)}, c.now
}

// asked makes a node's cache answer what it said before.
func (c *onlookers) asked(node int) { c.all[node].at = c.now }

// after lets all nodes look now and again until some time has passed.
func (c *onlookers) after(d time.Duration, want ...string) {
	c.t.Helper()
	for end := c.now.Add(d); c.now.Before(end); c.now = c.now.Add(lookForGrants) {
		for i, n := range c.all {
			l := look{now: c.now, leader: i == c.leads, customers: []rtbh.Customer{{Name: "acme", OriginAS: []uint32{64511}, ROAPrefixes: c.have}}}
			if n.data != nil {
				l.data = rtr.Effective{Data: n.data}
				l.caches = []rtr.Status{{State: rtr.Synced, InUse: true, HasEpoch: true, Updated: n.at}}
				if n.at.IsZero() {
					l.caches[0].State = rtr.Idle
				}
			}
			commands, _ := n.book.look(l)
			for _, x := range commands {
				c.have = x.(rtbh.EditCustomer).Value.ROAPrefixes
			}
		}
	}
	if !slices.Equal(c.have, prefixes(want...)) {
		c.t.Errorf("granted %v, want %v", c.have, want)
	}
}

func watching(t *testing.T, nodes int) *onlookers {
	c := &onlookers{t: t, now: time.Date(2026, 6, 19, 10, 0, 0, 0, time.UTC)}
	for range nodes {
		c.all = append(c.all, &onlooker{})
	}
	return c
}

func TestAChangeOfLeaderTakesNothingAway(t *testing.T) {
	c := watching(t, 3) // the third has no cache
	c.says(0, "192.0.2.0/24", "198.51.100.0/24")
	c.says(1, "192.0.2.0/24")
	both := []string{"192.0.2.0/24", "198.51.100.0/24"}
	c.after(time.Minute, both...)
	for range 5 { // to and fro
		for _, c.leads = range []int{1, 2, 0} {
			c.asked(0)
			c.asked(1)
			c.after(10*time.Minute, both...)
		}
	}
	// The leader's cache takes one away: that is no stranger to it.
	c.says(0, "192.0.2.0/24")
	c.after(time.Minute, "192.0.2.0/24")
	c.leads = 1
	c.asked(1)
	c.after(10*time.Minute, "192.0.2.0/24")
}

// A new leader whose cache has not heard yet does not give back what is gone.
func TestANewLeaderAsksFirst(t *testing.T) {
	c := watching(t, 2)
	c.says(0, "192.0.2.0/24")
	c.says(1, "192.0.2.0/24")
	c.after(time.Minute, "192.0.2.0/24")
	c.says(0)
	c.after(time.Minute)
	c.leads = 1
	c.after(10 * time.Minute) // it has still the old answer
	c.says(1)
	c.after(10 * time.Minute)
	c.says(1, "203.0.113.0/24")
	c.after(time.Minute, "203.0.113.0/24")
}

func TestALostCacheTakesNothingAway(t *testing.T) {
	c := watching(t, 1)
	c.says(0, "192.0.2.0/24")
	c.after(time.Minute, "192.0.2.0/24")
	c.all[0].at = time.Time{}
	c.after(time.Hour, "192.0.2.0/24")
	c.all[0].data = nil // and expired
	c.after(3*time.Hour, "192.0.2.0/24")
	if !c.all[0].book.stands {
		t.Error("nobody is told that the grants stand still")
	}
	c.says(0, "192.0.2.0/24")
	c.after(time.Minute, "192.0.2.0/24")
	if c.all[0].book.stands {
		t.Error("they do not any more")
	}
	c.says(0)
	c.after(time.Minute)
}

// What vanished while a node was away ends too, but not at once.
func TestAGrantThatNoCacheKnowsEndsInTime(t *testing.T) {
	c := watching(t, 1)
	c.have = prefixes("192.0.2.0/24")
	c.says(0, "198.51.100.0/24")
	c.after(50*time.Minute, "192.0.2.0/24", "198.51.100.0/24")
	c.after(20*time.Minute, "198.51.100.0/24")
}

// member is a node of a real cluster in this process.
type member struct {
	conf  config.Node
	d     *Daemon
	cache *rtrtest.Cache // nil: none
}

// clusterOf starts a cluster; each node has a cache that says this, nil: none.
func clusterOf(t *testing.T, says ...[]rtr.VRP) []*member {
	dir, err := os.MkdirTemp("/tmp", "trg")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	log := slog.New(slog.DiscardHandler)
	var all []*member
	for i, vrps := range says {
		m := &member{}
		block := ""
		if vrps != nil {
			door := listening(t)
			m.cache = rtrtest.New(uint16(i))
			m.cache.Set(&rtr.Data{VRPs: rtr.NewSet(vrps)})
			go m.cache.Listen(door)
			t.Cleanup(func() { door.Close(); m.cache.Drop() })
			block = fmt.Sprintf("rpki\n rpki cache 127.0.0.1 %d preference 1\nexit\n", door.Addr().(*net.TCPAddr).Port)
		}
		m.conf = parse(t, fmt.Sprintf("hostname trigger%d\ndata-directory %s\ncluster listen %s\ncluster boot-wait 1\nno ssh\n%s",
			i+1, filepath.Join(dir, fmt.Sprint(i)), freeAddr(t), block))
		if i == 0 {
			err = Init(m.conf, "1.0.0", "root", nil, log)
		} else {
			var token string
			if token, err = all[0].d.Token(t.Context(), rtbh.Voter, m.conf.Hostname); err == nil {
				err = Join(t.Context(), m.conf, token, "1.0.0")
			}
		}
		if err == nil {
			m.d, err = Start(t.Context(), Options{Config: m.conf, Path: filepath.Join(dir, m.conf.Hostname+".conf"), Version: "1.0.0", Log: log})
		}
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = m.d.Close(context.Background()) })
		all = append(all, m)
	}
	if err := all[0].d.Complete(t.Context(), len(all)); err != nil {
		t.Fatal(err)
	}
	return all
}

// The same in a real cluster: leadership goes round, one node's cache knows less,
// one has none, and the grant stays until the cache of a leader takes it away.
func TestGrantsOutliveTheirLeader(t *testing.T) {
	all := clusterOf(t, []rtr.VRP{vrp4("192.0.2.0/24", 24, 64511), vrp4("198.51.100.0/24", 24, 64511)}, []rtr.VRP{vrp4("192.0.2.0/24", 24, 64511)}, nil)
	granted := func(at *member) (out []netip.Prefix) {
		at.d.node.View(func(s *rtbh.State, _ rtbh.Instant) {
			if c, ok := s.Customer("acme"); ok {
				out = slices.Clone(c.ROAPrefixes)
			}
		})
		return out
	}
	looks := func() {
		for _, m := range all {
			m.d.tellGrantsOnce(t.Context())
		}
	}
	has := func(what string, want ...string) {
		t.Helper()
		eventually(t, what, func() (bool, string) {
			looks()
			for _, m := range all {
				if got := granted(m); !slices.Equal(got, prefixes(want...)) {
					return false, fmt.Sprintf("%s: %v", m.conf.Hostname, got)
				}
			}
			return true, ""
		})
	}
	leads := func(m *member) {
		t.Helper()
		eventually(t, m.conf.Hostname+" leads", func() (bool, string) {
			now := m.d.node.Status(t.Context()).Leader
			for _, o := range all {
				if now == o.conf.Hostname && o != m {
					_ = o.d.node.TransferLeadership(t.Context(), m.conf.Hostname) // may fail, then again
				}
			}
			return m.d.node.Status(t.Context()).Leader == m.conf.Hostname, now
		})
	}
	var out strings.Builder
	if _, err := CLI(t.Context(), all[0].conf, "configure terminal\ncustomer acme\norigin-as 64511 roa\nend", strings.NewReader(""), &out); err != nil {
		t.Fatal(err, out.String())
	}
	leads(all[0])
	has("the leader grants what its cache names", "192.0.2.0/24", "198.51.100.0/24")
	for _, m := range []*member{all[1], all[2], all[1], all[0]} {
		leads(m)
		looks() // it asks its cache
		eventually(t, "the cache of the new leader answers", func() (bool, string) {
			return m.cache == nil || len(m.cache.Queries()) > 1, ""
		})
		for range 3 {
			has(m.conf.Hostname+" goes on", "192.0.2.0/24", "198.51.100.0/24")
		}
	}
	all[0].cache.Set(&rtr.Data{VRPs: rtr.NewSet([]rtr.VRP{vrp4("192.0.2.0/24", 24, 64511)})})
	has("the leader's cache takes one away", "192.0.2.0/24")
}
