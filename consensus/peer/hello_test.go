package peer

import (
	"bytes"
	"errors"
	"io"
	"strings"
	"testing"
)

func someHello() hello {
	return newHello(Identity{Cluster: "c1", Generation: 3, Lineage: "aaaa", Name: "trigger1", Incarnation: 2, Seal: "xx"}, channelRaft)
}

func TestHelloReadsBack(t *testing.T) {
	b, err := someHello().encode()
	must(t, err)
	got, err := readHello(bytes.NewReader(b))
	must(t, err)
	if got != someHello() {
		t.Fatalf("%+v", got)
	}
	for n := range b {
		if _, err := readHello(bytes.NewReader(b[:n])); !errors.Is(err, io.ErrUnexpectedEOF) && !errors.Is(err, io.EOF) {
			t.Fatalf("cut at %d: %v", n, err)
		}
	}
}

// What a hello of version 1 looks like is fixed: a newer binary must read it.
func TestHelloFormat(t *testing.T) {
	b, err := someHello().encode()
	must(t, err)
	want := "rtbh\x01\x01\x00\x7a" + `{"channel":"raft","name":"trigger1","incarnation":2,"record":{"cluster":"c1","generation":3,"lineage":"aaaa","seal":"xx"}}`
	if string(b) != want {
		t.Fatalf("got  %q\nwant %q", b, want)
	}
	later := "rtbh\x02\x01\x00\x8a" + `{"channel":"raft","name":"trigger1","incarnation":2,"record":{"cluster":"c1","generation":3,"lineage":"aaaa","seal":"xx"},"later":"x"}`
	later = strings.Replace(later, "\x8a", string([]byte{byte(len(later) - 8)}), 1)
	got, err := readHello(strings.NewReader(later))
	must(t, err)
	if got.newest != 2 || got.Name != "trigger1" {
		t.Fatalf("%+v", got)
	}
}

func TestHelloIsBounded(t *testing.T) {
	ok := someHello()
	for what, bend := range map[string]func(*hello){
		"no name":        func(h *hello) { h.Name = "" },
		"control octets": func(h *hello) { h.Name = "a\x1b[2J" },
		"long name":      func(h *hello) { h.Name = strings.Repeat("a", 64) },
		"no channel":     func(h *hello) { h.Channel = "" },
		"no cluster":     func(h *hello) { h.Record.Cluster = "" },
		"generation 0":   func(h *hello) { h.Record.Generation = 0 },
		"no incarnation": func(h *hello) { h.Incarnation = 0 },
		"long lineage":   func(h *hello) { h.Record.Lineage = strings.Repeat("a", 65) },
	} {
		h := ok
		bend(&h)
		b, err := h.encode()
		must(t, err)
		if _, err := readHello(bytes.NewReader(b)); !errors.Is(err, errHello) {
			t.Errorf("%s: %v", what, err)
		}
	}
	if _, err := readHello(strings.NewReader("rtbh\x01\x01\xff\xff" + strings.Repeat("x", 70000))); !errors.Is(err, errHello) {
		t.Errorf("64 KiB: %v", err)
	}
	if _, err := readHello(strings.NewReader("rtbh\x01\x02\x00\x02{}")); !errors.Is(err, errHello) {
		t.Errorf("oldest above newest: %v", err)
	}
}

func FuzzReadHello(f *testing.F) {
	b, _ := someHello().encode()
	f.Add(b)
	f.Add([]byte("rtbh\x01\x01\x00\x02{}"))
	f.Add([]byte("GET / HTTP/1.1\r\n\r\n"))
	f.Fuzz(func(t *testing.T, b []byte) {
		h, err := readHello(bytes.NewReader(b))
		if err != nil {
			return
		}
		// Whatever is taken can be judged, and says nothing unprintable.
		r := judgement{self: Identity{Cluster: "c1", Generation: 1, Lineage: "x"}, heard: h, cert: "a#1"}
		r.caCert = fuzzCA.Cert
		if refusal := r.judge(); refusal != nil {
			if s := refusal.Error(); s != tame(s, len(s)) {
				t.Fatalf("%q", s)
			}
		}
		if h.newest >= oldestVersion && h.oldest <= newestVersion && ValidName(h.Name) != nil {
			t.Fatalf("name %q", h.Name)
		}
	})
}

var fuzzCA, _ = NewCA("c1")

func FuzzReadVerdict(f *testing.F) {
	for _, v := range []verdict{{}, {Reason: NotMember, Text: "no"}} {
		b, _ := v.encode()
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		v, err := readVerdict(bytes.NewReader(b))
		if err != nil {
			return
		}
		r := &Refusal{Reason: v.Reason, Text: v.Text, ByPeer: true}
		if s := r.Error(); s != tame(s, len(s)) {
			t.Fatalf("unprintable: %q", s)
		}
		if l := r.label(); l != "by-peer:other" && !reasons[Reason(strings.TrimPrefix(l, "by-peer:"))] {
			t.Fatalf("a peer invented the counter %q", l)
		}
	})
}

func TestJudgement(t *testing.T) {
	w := newWorld(t, "c1")
	self := w.identity("a")
	self.Generation, self.Lineage = 5, "mine"
	at := func(n uint64, lineage string) Record { return w.generation(n, lineage) }
	claimed := at(6, "new")
	claimed.Seal = at(7, "new").Seal
	ok := newHello(Identity{Name: "b", Incarnation: 1}.WithRecord(at(5, "mine")), channelRaft)
	onlyA := func(id string) (bool, bool) { return id == "a#1", true }
	for _, c := range []struct {
		what string
		bend func(*judgement)
		want Reason
	}{
		{"a member of the same generation", func(j *judgement) {}, ""},
		{"a membership not known yet", func(j *judgement) { j.member = func(string) (bool, bool) { return false, false } }, ""},
		{"the member that was dialed", func(j *judgement) { j.expect = "b#1" }, ""},
		{"another than was dialed", func(j *judgement) { j.expect = "c#1" }, Unexpected},
		{"an earlier life of the dialed one", func(j *judgement) { j.expect = "b#2" }, Unexpected},
		{"removed", func(j *judgement) { j.member = onlyA }, NotMember},
		{"no certificate", func(j *judgement) { j.cert = "" }, NoCert},
		{"another's certificate", func(j *judgement) { j.cert = "a#1" }, WrongName},
		{"its own earlier certificate", func(j *judgement) { j.heard.Incarnation = 2 }, WrongName},
		{"another cluster", func(j *judgement) { j.heard.Record.Cluster = "c2" }, WrongCluster},
		{"left behind", func(j *judgement) { j.heard.Record = at(4, "mine") }, OlderGeneration},
		{"recovered", func(j *judgement) { j.heard.Record = at(6, "new") }, NewerGeneration},
		{"recovered without us", func(j *judgement) { j.heard.Record, j.member = at(6, "new"), onlyA }, NewerGeneration},
		{"claims to be recovered", func(j *judgement) { j.heard.Record = claimed }, Unproven},
		{"recovered apart from us", func(j *judgement) { j.heard.Record = at(5, "theirs") }, OtherLineage},
		{"a newer protocol only", func(j *judgement) { j.heard.newest, j.heard.oldest = 9, 8 }, OtherVersion},
		{"a joining node", func(j *judgement) { j.heard = newHello(Identity{Cluster: "c1", Name: "z"}, channelJoin); j.cert = "" }, ""},
		{"a node that joins another cluster", func(j *judgement) { j.heard = newHello(Identity{Cluster: "c2", Name: "z"}, channelJoin) }, WrongCluster},
	} {
		j := judgement{self: self, caCert: w.ca.Cert, heard: ok, cert: "b#1"}
		c.bend(&j)
		got := Reason("")
		if r := j.judge(); r != nil {
			got = r.Reason
		}
		if got != c.want {
			t.Errorf("%s: %q, want %q", c.what, got, c.want)
		}
	}
}
