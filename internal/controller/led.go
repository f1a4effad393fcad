package controller

import (
	"context"
	"sync"
	"time"

	"github.com/signet-scheduler/signet/internal/fault"
)

// A member that is cut off from the leader tells readers nothing new, and they
// can't know. So it sends those away that want to follow; another member has
// the news. leaderlessTime lets an election pass.
const (
	leaderlessTime  = time.Second
	leaderlessLooks = 4
)

// led is an error while this member knows no leader.
func (c *Controller) led() error {
	if c.node.Status().Leader == 0 {
		return fault.New(fault.Unavailable, "NoLeader", "%s knows no leader at the moment; another member may", c.set.Name)
	}
	return nil
}

// whileLed returns a channel that is closed when this member has known no leader
// for a while, or ends. stop ends the watch.
func (c *Controller) whileLed() (end <-chan struct{}, stop func()) {
	closed := make(chan struct{})
	ctx, cancel := context.WithCancel(c.ctx)
	var watch sync.WaitGroup
	watch.Go(func() {
		defer close(closed)
		ticker := c.clock.NewTicker(leaderlessTime / leaderlessLooks)
		defer ticker.Stop()
		for without := 0; without < leaderlessLooks; {
			select {
			case <-ctx.Done():
				return
			case <-ticker.C():
			}
			without++
			if c.led() == nil {
				without = 0
			}
		}
		c.log.Info("readers of the event stream are sent away: there is no leader")
	})
	return closed, func() { cancel(); watch.Wait() }
}
