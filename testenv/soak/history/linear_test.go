package history

import (
	"math/rand/v2"
	"testing"
	"time"

	"pgregory.net/rapid"
)

func call(client int, v Verb, start, end float64) Call {
	return Call{Client: client, Verb: v, Start: at(start), End: at(end), Outcome: Acknowledged, Node: "trigger1"}
}

func read(client int, start, end float64, present bool) Call {
	c := call(client, Read, start, end)
	c.Present = present
	return c
}

func unknown(c Call) Call {
	c.Outcome = Unknown
	return c
}

func TestHistoriesOfOnePrefix(t *testing.T) {
	for name, c := range map[string]struct {
		calls []Call
		want  Judgement
	}{
		"nothing":                                   {nil, Linear},
		"announced and read":                        {[]Call{call(1, Announce, 0, 1), read(2, 2, 3, true)}, Linear},
		"a stale read":                              {[]Call{call(1, Announce, 0, 1), read(2, 2, 3, false)}, NotLinear},
		"a stale read after a withdrawal":           {[]Call{call(1, Announce, 0, 1), call(1, Withdraw, 2, 3), read(2, 4, 5, true)}, NotLinear},
		"a read during the announcement, old":       {[]Call{call(1, Announce, 0, 4), read(2, 1, 2, false)}, Linear},
		"a read during the announcement, new":       {[]Call{call(1, Announce, 0, 4), read(2, 1, 2, true)}, Linear},
		"new, then old again":                       {[]Call{call(1, Announce, 0, 9), read(2, 1, 2, true), read(3, 3, 4, false)}, NotLinear},
		"a withdrawal of nothing":                   {[]Call{call(1, Withdraw, 0, 1)}, NotLinear},
		"an unknown one, read later":                {[]Call{unknown(call(1, Announce, 0, 1)), read(2, 2, 3, false), read(2, 4, 5, true)}, Linear},
		"an unknown one, never seen":                {[]Call{unknown(call(1, Announce, 0, 1)), read(2, 2, 3, false)}, Linear},
		"an unknown one, seen and gone":             {[]Call{unknown(call(1, Announce, 0, 1)), read(2, 2, 3, true), read(2, 4, 5, false)}, NotLinear},
		"an unknown withdrawal of nothing":          {[]Call{unknown(call(1, Withdraw, 0, 1)), call(2, Announce, 2, 3), read(2, 4, 5, false)}, Linear},
		"seen before it was sent":                   {[]Call{unknown(call(1, Announce, 2, 3)), read(2, 0, 1, true)}, NotLinear},
		"two clients announce, one withdraws twice": {[]Call{call(1, Announce, 0, 1), call(2, Announce, 0, 1), call(1, Withdraw, 2, 3), call(1, Withdraw, 4, 5)}, NotLinear},
	} {
		if got := Linearizable(c.calls, time.Minute); got != c.want {
			t.Errorf("%s: %v, want %v\n%s", name, got, c.want, CallStory(c.calls))
		}
	}
}

// Calls that really took effect at one moment within their time are linearizable,
// whatever the times; with one read turned around that nothing concurrent can
// explain they are not.
func TestWhatHappenedInSomeOrderIsLinearizableAndAStaleReadInItIsNot(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		rng := rand.New(rand.NewPCG(rapid.Uint64().Draw(t, "seed"), 1))
		var calls []Call
		present := false
		for i := range 60 {
			// It takes effect at second i, and begins and ends up to three seconds off.
			c := call(i, Verb(rng.IntN(3)), float64(i)-3*rng.Float64(), float64(i)+3*rng.Float64())
			switch c.Verb {
			case Announce:
				present = true
			case Withdraw:
				if !present {
					continue
				}
				present = false
			}
			c.Present = present
			calls = append(calls, c)
		}
		if Linearizable(calls, time.Minute) != Linear {
			t.Fatalf("not linearizable:\n%s", CallStory(calls))
		}
		// Nothing else is under way when the last write ends, so only one answer is right.
		calls = append(calls, call(98, Announce, 64, 66))
		last := read(99, 70, 71, true)
		if Linearizable(append(calls, last), time.Minute) != Linear {
			t.Fatal("a fresh read is not explained")
		}
		last.Present = false
		if Linearizable(append(calls, last), time.Minute) != NotLinear {
			t.Fatalf("the stale read was not caught:\n%s", CallStory(append(calls, last)))
		}
	})
}
