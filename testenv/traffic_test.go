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
