package consensus

// turn is a lock for those who may have to wait for one another for long, as
// while Raft stops. Unlike a sync.Mutex it is a wait that virtual time passes
// over.
type turn chan struct{}

func newTurn() turn { return make(turn, 1) }

// Lock waits until nobody else has the turn.
func (t turn) Lock() { t <- struct{}{} }

// Unlock passes it on.
func (t turn) Unlock() { <-t }
