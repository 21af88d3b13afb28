package beat

import (
	"testing"
	"testing/synctest"
	"time"
)

func TestLoopsThatBeganApartMeet(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		time.Sleep(123 * time.Millisecond)
		first := <-After(time.Second)
		time.Sleep(456 * time.Millisecond)
		other := <-After(200 * time.Millisecond)
		if since := other.Sub(first); since != 600*time.Millisecond {
			t.Errorf("a fifth of a second fell %v after the second", since)
		}
		if second := <-After(time.Second); second.Sub(first) != time.Second {
			t.Errorf("the next second came %v after the first", second.Sub(first))
		}
	})
}

func TestBeatsGoOnWithoutDriftOrDoubles(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		last := <-After(time.Second)
		for range 100 {
			time.Sleep(3 * time.Millisecond) // what the loop does takes a while
			next := <-After(time.Second)
			if next.Sub(last) != time.Second {
				t.Fatalf("%v after the one before", next.Sub(last))
			}
			last = next
		}
	})
}

// The wall clock may have been a little slower than the timer.
func TestBeatThatWasJustHadIsNotHadTwice(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		<-After(time.Second)
		time.Sleep(999 * time.Millisecond)
		if left := Until(time.Second); left != 1001*time.Millisecond {
			t.Errorf("%v until the next", left)
		}
	})
}

func TestBeatsFromNow(t *testing.T) {
	defer phase.Store(phase.Load())
	synctest.Test(t, func(t *testing.T) {
		time.Sleep(10*time.Second + 345*time.Millisecond)
		FromNow()
		for _, every := range []time.Duration{time.Millisecond, time.Second, time.Minute} {
			if left := Until(every); left != every {
				t.Errorf("%v until the next of %v", left, every)
			}
		}
		time.Sleep(700 * time.Millisecond)
		if left := Until(time.Second); left != 300*time.Millisecond {
			t.Errorf("%v until the next", left)
		}
		phase.Add(int64(time.Hour)) // the clock was set back
		if left := Until(time.Second); left != 300*time.Millisecond {
			t.Errorf("%v until the next after the clock was set", left)
		}
	})
}
