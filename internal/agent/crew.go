package agent

import (
	"context"
	"sync"
)

// crew runs functions beside each other in goroutines that it uses again: a
// fresh one has to grow its stack first, and starting and ending a job is
// little else. Safe for concurrent use.
type crew struct {
	ctx   context.Context
	group *sync.WaitGroup // waits for all of them
	work  chan func()
	idle  chan struct{} // a place for each of the goroutines that stay
}

// crewIdle is how many goroutines stay when there is nothing to do.
const crewIdle = 16

func newCrew(ctx context.Context, group *sync.WaitGroup) *crew {
	return &crew{ctx: ctx, group: group, work: make(chan func()), idle: make(chan struct{}, crewIdle)}
}

// run has f run soon, and doesn't wait.
func (c *crew) run(f func()) {
	select {
	case c.work <- f:
	default:
		c.group.Go(func() { c.serve(f) })
	}
}

func (c *crew) serve(f func()) {
	for {
		f()
		select {
		case c.idle <- struct{}{}:
		default:
			return // enough others stay
		}
		select {
		case f = <-c.work:
			<-c.idle
		case <-c.ctx.Done():
			return
		}
	}
}
