package rtbh

import (
	"runtime"
	"slices"
	"testing"
	"weak"

	"pgregory.net/rapid"
)

// A tail is a slice that is appended to and cut off at its front; a clone of it is
// another.
func TestTailIsASlice(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		type pair struct {
			list tail[int]
			want []int
		}
		pairs, next := []*pair{{}}, 0
		t.Repeat(map[string]func(*rapid.T){
			"add": func(t *rapid.T) {
				p := pairs[rapid.IntRange(0, len(pairs)-1).Draw(t, "list")]
				for range rapid.IntRange(1, 2*tailBlock).Draw(t, "values") {
					p.list.add(next)
					p.want = append(p.want, next)
					next++
				}
			},
			"drop": func(t *rapid.T) {
				p := pairs[rapid.IntRange(0, len(pairs)-1).Draw(t, "list")]
				n := rapid.IntRange(0, len(p.want)).Draw(t, "values")
				p.list.drop(n)
				p.want = slices.Clone(p.want[n:])
			},
			"trim": func(t *rapid.T) {
				p := pairs[rapid.IntRange(0, len(pairs)-1).Draw(t, "list")]
				keep := rapid.IntRange(0, 3*tailBlock).Draw(t, "keep")
				p.list.trim(keep)
				if most := keep + keep/8; len(p.want) > most {
					p.want = slices.Clone(p.want[len(p.want)-keep:])
				}
			},
			"clone": func(t *rapid.T) {
				p := pairs[rapid.IntRange(0, len(pairs)-1).Draw(t, "list")]
				pairs = append(pairs, &pair{p.list.clone(), slices.Clone(p.want)})
			},
			"try": func(t *rapid.T) {
				p := pairs[rapid.IntRange(0, len(pairs)-1).Draw(t, "list")]
				before := p.list
				for range rapid.IntRange(1, 2*tailBlock).Draw(t, "values") {
					p.list.add(-1)
				}
				p.list.trim(rapid.IntRange(1, 3*tailBlock).Draw(t, "keep"))
				p.list = before
				p.list.cutBack()
			},
			"": func(t *rapid.T) {
				for i, p := range pairs {
					var all, parts, backward []int
					for v := range p.list.all() {
						all = append(all, *v)
					}
					for b := range p.list.parts() {
						parts = append(parts, b...)
					}
					for v := range p.list.backward() {
						backward = append(backward, *v)
					}
					slices.Reverse(backward)
					if p.list.len() != len(p.want) || !slices.Equal(all, p.want) || !slices.Equal(parts, p.want) || !slices.Equal(backward, p.want) {
						t.Fatalf("list %d: %d values, want %d", i, p.list.len(), len(p.want))
					}
				}
			},
		})
	})
}

func TestTailKeepsNothingOfWhatItDropped(t *testing.T) {
	var l tail[[64]byte]
	for range 4 * tailBlock {
		l.add([64]byte{1})
	}
	oldest := weak.Make(l.at(0))
	l.drop(2 * tailBlock)
	runtime.GC()
	if oldest.Value() != nil {
		t.Error("a block that was dropped is still held")
	}
	if l.len() != 2*tailBlock || l.at(0)[0] != 1 {
		t.Errorf("%d values are left", l.len())
	}
}
