package rtr

import (
	"context"
	"errors"
	"fmt"
)

// Fetch asks a cache once for everything that it has and closes the connection.
// It tries the versions from the newest down, as a Client does.
func Fetch(ctx context.Context, cache Cache) (*Epoch, error) {
	dial, err := cache.Dialer()
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	c := NewClient(Options{Name: cache.Addr, Dial: dial, MaxVersion: Latest})
	c.o.OnChange = func() {
		if state := c.Status().State; state == Synced || state == NoData {
			cancel() // Fetch waits for nothing more
		}
	}
	for {
		err := c.connectOnce(ctx)
		if e := c.Epoch(); e != nil {
			c.stopExpiry()
			return e, nil
		}
		if c.Status().State == NoData {
			return nil, errors.New("the cache has no data yet")
		}
		if ctx.Err() != nil {
			return nil, context.Cause(ctx)
		}
		if !c.learn(err) {
			return nil, fmt.Errorf("cache %s: %w", cache.Addr, err)
		}
	}
}
