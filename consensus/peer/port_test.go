package peer

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/triggerd/triggerd/internal/alarm"
)

// connect opens a plain TCP connection to a node.
func connect(t *testing.T, n *node) net.Conn {
	t.Helper()
	c, err := net.Dial("tcp", n.addr())
	must(t, err)
	t.Cleanup(func() { _ = c.Close() })
	must(t, c.SetDeadline(time.Now().Add(10*time.Second)))
	return c
}

func TestOtherProtocolsAreRefused(t *testing.T) {
	n := newWorld(t, "c1").node("trigger1")
	for i, bytes := range []string{
		"GET / HTTP/1.1\r\nHost: trigger1\r\n\r\n",
		"SSH-2.0-OpenSSH_9.2\r\n",
		strings.Repeat("\x00", 4096),
		strings.Repeat("\xff", 4096),
		"\x16\x03\x01\x00\x05hello", // a TLS record without a handshake in it
	} {
		c := connect(t, n)
		_, err := io.WriteString(c, bytes)
		must(t, err)
		_, _ = io.Copy(io.Discard, c) // until the node has closed it
		eventually(t, "the refusal of "+bytes[:4], func() bool { return n.Refused()["not-tls"] == uint64(i+1) })
	}
	eventually(t, "the log line", func() bool { return n.log.String() != "" })
	if s := n.log.String(); strings.Count(s, "refused") != 1 || !strings.Contains(s, "level=WARN") || !strings.Contains(s, "127.0.0.1") {
		t.Errorf("want one log line for one source:\n%s", s)
	}
	eventually(t, "the alarm", func() bool {
		up := n.alarms.List()
		return len(up) == 1 && up[0].Kind == alarm.PeerRefused && up[0].Subject == "not-tls 127.0.0.1"
	})
}

func TestOldTLSIsRefused(t *testing.T) {
	w := newWorld(t, "c1")
	n := w.node("trigger1")
	c := connect(t, n)
	err := tls.Client(c, &tls.Config{InsecureSkipVerify: true, MaxVersion: tls.VersionTLS12}).Handshake()
	if err == nil {
		t.Fatal("TLS 1.2 was taken")
	}
	n.sees("tls-version")
}

func TestDialingAnOldTLSServerIsRefused(t *testing.T) {
	w := newWorld(t, "c1")
	n := w.node("trigger1")
	l, err := tls.Listen("tcp", "127.0.0.1:0", &tls.Config{Certificates: []tls.Certificate{w.credentials("b#1").chain()}, MaxVersion: tls.VersionTLS12})
	must(t, err)
	defer func() { _ = l.Close() }()
	go serveOnce(l)
	_, err = n.DialRaft(l.Addr().String(), "", 5*time.Second)
	wantRefusal(t, err, OldTLS, false)
}

// serveOnce reads what comes on one connection and says nothing.
func serveOnce(l net.Listener) {
	if c, err := l.Accept(); err == nil {
		_, _ = io.Copy(io.Discard, c)
		_ = c.Close()
	}
}

func TestDialingAnotherProtocolIsRefused(t *testing.T) {
	n := newWorld(t, "c1").node("trigger1")
	l, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	defer func() { _ = l.Close() }()
	go func() {
		if c, err := l.Accept(); err == nil {
			_, _ = io.WriteString(c, "SSH-2.0-OpenSSH_9.2\r\n")
			_, _ = io.Copy(io.Discard, c)
			_ = c.Close()
		}
	}()
	_, err = n.DialRaft(l.Addr().String(), "", 5*time.Second)
	wantRefusal(t, err, NotTLS, false)
	n.sees("not-tls")
}

func wantRefusal(t *testing.T, err error, reason Reason, byPeer bool) {
	t.Helper()
	var r *Refusal
	if !errors.As(err, &r) || r.Reason != reason || r.ByPeer != byPeer {
		t.Fatalf("got %v, want %s (by peer: %v)", err, reason, byPeer)
	}
	if !errors.Is(err, ErrUnreachable) {
		t.Fatalf("%v is not an ErrUnreachable", err)
	}
}

func TestForeignCAIsRefusedOnBothSides(t *testing.T) {
	n, stranger := newWorld(t, "c1").node("trigger1"), newWorld(t, "c1").node("trigger2")
	err := stranger.say(n)
	wantRefusal(t, err, ForeignCert, false) // the dialing side sees it first
	stranger.sees("foreign-certificate")
	n.sees("tls-rejected")
}

// A client that does not mind our certificate shows one of another CA.
func TestForeignClientCertificateIsRefused(t *testing.T) {
	n, foreign := newWorld(t, "c1").node("trigger1"), newWorld(t, "c1")
	cfg := clientConfig(foreign.credentials("trigger2#1"))
	cfg.VerifyConnection = nil
	c := tls.Client(connect(t, n), cfg)
	must(t, c.Handshake())
	_, err := readHello(c)
	if r := tlsRefusal(err, false); r.Reason != TLSRejected {
		t.Errorf("the client understood %v from %v", r, err)
	}
	n.sees("foreign-certificate")
}

func TestExpiredCertificateIsRefused(t *testing.T) {
	w := newWorld(t, "c1")
	n := w.node("trigger1")
	yesterday := time.Now().Add(-24 * time.Hour)
	old := w.node("trigger2", func(o *Options) {
		o.Credentials = w.credentialsFor("trigger2#1", yesterday.Add(-time.Hour), yesterday)
	})
	err := n.say(old) // the server shows it
	wantRefusal(t, err, ForeignCert, false)
	if !strings.Contains(err.Error(), "clock") {
		t.Errorf("the error does not help: %v", err)
	}
	if err := old.say(n); err == nil { // the client shows it
		t.Fatal("admitted")
	}
	eventually(t, "both refusals", func() bool { return n.Refused()["foreign-certificate"] == 2 })
}

// greeting is a client that gets through TLS with the given credentials and
// says whatever a test wants it to say.
func greeting(t *testing.T, n *node, cfg *tls.Config, h hello) verdict {
	t.Helper()
	cfg.InsecureSkipVerify, cfg.VerifyConnection = true, nil
	c := tls.Client(connect(t, n), cfg)
	b, err := h.encode()
	must(t, err)
	_, err = c.Write(b)
	must(t, err)
	_, err = readHello(c)
	must(t, err)
	v, err := readVerdict(c)
	must(t, err)
	must(t, c.Close())
	return v
}

func TestOnlyAJoiningNodeComesWithoutCertificate(t *testing.T) {
	w := newWorld(t, "c1")
	n := w.node("trigger1")
	_ = n.RaftListener()
	for _, channel := range []string{channelRaft, channelCall} {
		if v := greeting(t, n, &tls.Config{}, newHello(w.identity("trigger2"), channel)); v.Reason != NoCert {
			t.Errorf("%s: %+v", channel, v)
		}
	}
	eventually(t, "two refusals", func() bool { return n.Refused()["no-certificate"] == 2 })
}

func TestAnothersNameIsRefused(t *testing.T) {
	w := newWorld(t, "c1")
	n := w.node("trigger1")
	v := greeting(t, n, clientConfig(w.credentials("trigger3#1")), newHello(w.identity("trigger2"), channelCall))
	if v.Reason != WrongName || !strings.Contains(v.Text, "trigger3#1") || !strings.Contains(v.Text, "trigger2#1") {
		t.Fatalf("%+v", v)
	}
	n.sees("wrong-name")
}

func TestUnknownChannelIsRefused(t *testing.T) {
	w := newWorld(t, "c1")
	n := w.node("trigger1")
	v := greeting(t, n, clientConfig(w.credentials("trigger2#1")), newHello(w.identity("trigger2"), "backup"))
	if v.Reason != BadChannel {
		t.Fatalf("%+v", v)
	}
	n.sees("unknown-channel")
}

func TestAnotherProtocolVersionIsRefused(t *testing.T) {
	w := newWorld(t, "c1")
	n := w.node("trigger1")
	h := newHello(w.identity("trigger2"), channelCall)
	h.newest, h.oldest = 3, 2
	v := greeting(t, n, clientConfig(w.credentials("trigger2#1")), h)
	if v.Reason != OtherVersion || !strings.Contains(v.Text, "upgrade") {
		t.Fatalf("%+v", v)
	}
	n.sees("protocol-version")
}

func TestGarbageInsideTLSIsRefused(t *testing.T) {
	w := newWorld(t, "c1")
	n := w.node("trigger1")
	cfg := clientConfig(w.credentials("trigger2#1"))
	for i, garbage := range []string{"GET / HTTP/1.1\r\n\r\n", strings.Repeat("\x00", 100), "rtbh\x01\x01\x00\x05nulls", "rtbh\x01\x01\xff\xff"} {
		c := tls.Client(connect(t, n), cfg)
		_, err := io.WriteString(c, garbage)
		must(t, err)
		_, _ = io.Copy(io.Discard, c)
		eventually(t, "the refusal", func() bool { return n.Refused()["bad-hello"] == uint64(i+1) })
	}
}

// Each of these is found by both sides or by one; the other one is told.
func TestMismatchIsToldToTheOtherSide(t *testing.T) {
	w := newWorld(t, "c1")
	other := w.identity("trigger2")
	other.Cluster = "c2"
	lineage := w.identity("trigger2").WithRecord(w.generation(1, "bbbb"))
	for _, c := range []struct {
		what             string
		a, b             func(*Options)
		aLabel, bLabel   string // what each side counts; a dials
		aReason          Reason
		byPeer           bool
		aMustTell, bTell string
	}{
		{"wrong cluster", nil, as(other), "wrong-cluster", "wrong-cluster", WrongCluster, false, "c2", "c1"},
		{"the acceptor does not know the dialer", nil, members("trigger2#1"),
			"by-peer:not-a-member", "not-a-member", NotMember, true, "trigger1#1 is not a member", "trigger1#1 is not a member"},
		{"the dialer does not know the acceptor", members("trigger1#1"), nil,
			"not-a-member", "by-peer:not-a-member", NotMember, false, "trigger2#1 is not a member", "trigger2#1 is not a member"},
		{"both recovered", nil, as(lineage), "other-lineage", "other-lineage", OtherLineage, false, "choose one", "choose one"},
	} {
		t.Run(c.what, func(t *testing.T) {
			bend := func(f func(*Options)) func(*Options) {
				if f == nil {
					return func(*Options) {}
				}
				return f
			}
			w := &world{t: t, ca: w.ca, record: w.record}
			a, b := w.node("trigger1", bend(c.a)), w.node("trigger2", bend(c.b))
			wantRefusal(t, a.say(b), c.aReason, c.byPeer)
			a.sees(c.aLabel)
			b.sees(c.bLabel)
			eventually(t, "both logs", func() bool {
				return strings.Contains(a.log.String(), c.aMustTell) && strings.Contains(b.log.String(), c.bTell)
			})
			eventually(t, "one alarm on each side", func() bool { return len(a.alarms.List()) == 1 && len(b.alarms.List()) == 1 })
		})
	}
}

// Whoever dials, the node that was left behind learns of the recovery.
func TestRecoveryIsHeardByTheNodeLeftBehind(t *testing.T) {
	w := newWorld(t, "c1")
	next := w.generation(2, "bbbb")
	for _, oldDials := range []bool{true, false} {
		// The recovered side no longer counts the old node as a member.
		recovered := w.node("trigger1", as(w.identity("trigger1").WithRecord(next)), members("trigger1#1"))
		old := w.node("trigger2", members("trigger2#1"))
		var err error
		if oldDials {
			err = old.say(recovered)
			wantRefusal(t, err, NewerGeneration, false)
		} else {
			err = recovered.say(old)
			wantRefusal(t, err, OlderGeneration, false)
		}
		select {
		case r := <-old.fenced:
			if r != next {
				t.Fatalf("heard of %+v", r)
			}
		case <-time.After(10 * time.Second):
			t.Fatal("the old node has heard of nothing")
		}
		old.sees("newer-generation")
		recovered.sees("older-generation")
		if len(recovered.fenced) != 0 {
			t.Fatal("the recovered node was fenced")
		}
	}
}

func TestClaimedGenerationFencesNobody(t *testing.T) {
	w := newWorld(t, "c1")
	forged := w.generation(2, "bbbb")
	forged.Generation = 3
	n, liar := w.node("trigger1"), w.node("trigger2", as(w.identity("trigger2").WithRecord(forged)))
	wantRefusal(t, n.say(liar), Unproven, false)
	wantRefusal(t, liar.say(n), OlderGeneration, false)
	eventually(t, "both refusals", func() bool { return n.Refused()["unproven-generation"] == 2 })
	must(t, n.Close())
	if len(n.fenced) != 0 {
		t.Fatal("the node was fenced by a claim")
	}
}

func TestTheDialedMemberMustAnswer(t *testing.T) {
	w := newWorld(t, "c1")
	a, b := w.node("trigger1"), w.node("trigger2")
	_ = b.RaftListener()
	_, err := a.DialRaft(b.addr(), "witness#1", 5*time.Second)
	wantRefusal(t, err, Unexpected, false)
	b.sees("by-peer:unexpected-member")
	c, err := a.DialRaft(b.addr(), "trigger2#1", 5*time.Second)
	must(t, err)
	must(t, c.Close())
}

func TestNobodyThereIsUnreachableAndNoRefusal(t *testing.T) {
	n := newWorld(t, "c1").node("trigger1")
	l, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	must(t, l.Close())
	_, err = n.Call(context.Background(), l.Addr().String(), "b#1", "echo", nil)
	if !errors.Is(err, ErrUnreachable) || errors.Is(err, ErrLost) {
		t.Fatal(err)
	}
	if len(n.Refused()) != 0 {
		t.Fatalf("counted %v", n.Refused())
	}
}
