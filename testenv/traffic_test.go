package testenv

import "testing"

// flow makes a Flow from a picture: one letter a packet, a arrived, l did not, u was
// never sent; the bystander's packets came up to number passed.
func flow(picture string, passed int) *Flow {
	f := &Flow{passed: passed}
	for _, fate := range picture {
		f.sent = append(f.sent, fate != 'u')
		f.came = append(f.came, fate == 'a')
	}
	return f
}

func TestTally(t *testing.T) {
	for _, c := range []struct {
		about         string
		picture       string
		passed, mark  int
		sent, came    int
		run           int
		runIsArriving bool
	}{
		{"all arrive", "aaaaaaaa", 7, 0, 5, 5, 5, true},
		{"the newest may still come, so they do not count as lost", "aaaallll", 6, 0, 4, 4, 4, true},
		{"lost for certain when the bystander is ahead", "aalllaaa", 7, 0, 5, 2, 3, false},
		{"one that arrives breaks a silence", "lllalllll", 8, 0, 6, 1, 2, false},
		{"what was before the mark does not count", "aaalllll", 7, 3, 2, 0, 2, false},
		{"what never left is not lost", "lulul", 7, 0, 3, 0, 3, false},
		{"nothing is known while the bystander gets nothing", "llllllll", -1, 0, 0, 0, 0, false},
	} {
		got := flow(c.picture, c.passed).since(c.mark)
		if got.sent != c.sent || got.came != c.came || got.lastRun != c.run || got.lastCame != c.runIsArriving {
			t.Errorf("%s: %q: %+v", c.about, c.picture, got)
		}
	}
}

func TestWhatBreaksASpan(t *testing.T) {
	for _, c := range []struct {
		sent, came int
		arriving   bool
		slips      int
		broken     bool
	}{
		{sent: 50, came: 50, arriving: true, broken: false},
		{sent: 50, came: 49, arriving: true, slips: 3, broken: true}, // slips are for silences
		{sent: 50, came: 0, broken: false},
		{sent: 50, came: 1, broken: true},
		{sent: 50, came: 3, slips: 3, broken: false},
		{sent: 50, came: 4, slips: 3, broken: true},
		{sent: 3, came: 3, slips: 3, broken: true}, // so few prove nothing
		{sent: 0, came: 0, broken: true},
		{sent: 0, came: 0, arriving: true, broken: true},
	} {
		if got := (tally{sent: c.sent, came: c.came}).broke(c.arriving, c.slips); (got != "") != c.broken {
			t.Errorf("%+v: %q", c, got)
		}
	}
}
