package consensus

import (
	"context"
	"time"
)

// lookWithin is how long a reader waits for news of the other members.
const lookWithin = 300 * time.Millisecond

// Look asks every other member where it stands, so that a [Node.Status] after
// it is of now and not of up to a second ago. It waits a moment only: who has
// not answered by then is shown as last heard.
func (n *Node) Look(ctx context.Context) {
	asked := make(chan struct{})
	if !n.spawn(func() {
		defer close(asked)
		ctx, cancel := context.WithTimeout(n.ctx, pollTimeout)
		defer cancel()
		n.askAll(ctx)
	}) {
		return
	}
	late := time.NewTimer(lookWithin)
	defer late.Stop()
	select {
	case <-asked:
	case <-late.C:
	case <-ctx.Done():
	}
}
