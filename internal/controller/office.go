package controller

import (
	"context"
	"sync"
	"time"

	"github.com/signet-scheduler/signet/internal/engine"
	"github.com/signet-scheduler/signet/internal/fault"
	"github.com/signet-scheduler/signet/internal/handover"
)

// office is what a leader does and nobody else: it begins the term in the
// machine, and runs a driver for each Agent.
type office struct {
	mu      sync.Mutex
	leads   bool
	term    uint64
	changed chan struct{}
	agents  chan struct{} // the set of Agents may have changed
}

// leadership is called by the loop goroutine.
func (c *Controller) leadership(leads bool, term uint64) {
	o := &c.office
	o.mu.Lock()
	defer o.mu.Unlock()
	o.leads, o.term = leads, term
	if o.changed == nil {
		o.changed = make(chan struct{}, 1)
	}
	select {
	case o.changed <- struct{}{}:
	default:
	}
}

func (c *Controller) leading() (leads bool, term uint64, changed <-chan struct{}) {
	o := &c.office
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.changed == nil {
		o.changed = make(chan struct{}, 1)
	}
	return o.leads, o.term, o.changed
}

// keepOffice runs one term after the other.
func (c *Controller) keepOffice() {
	for {
		leads, term, changed := c.leading()
		if !leads {
			select {
			case <-changed:
				continue
			case <-c.ctx.Done():
				return
			}
		}
		c.runTerm(term, changed)
		if c.ctx.Err() != nil {
			return
		}
	}
}

// runTerm leads until the leadership ends.
func (c *Controller) runTerm(term uint64, changed <-chan struct{}) {
	ctx, cancel := context.WithCancel(c.ctx)
	var tasks sync.WaitGroup
	defer tasks.Wait()
	defer cancel()
	c.board.Clear()
	tasks.Go(func() {
		if c.persist(ctx, "the term couldn't be begun", func(e *engine.Controller, now int64) (any, error) {
			err := begin(e, int64(term), now)
			if fault.HasCode(err, "SecurityLevelFixed") || fault.HasCode(err, "InstallationFixed") {
				c.fail(err) // no other try will end better
			}
			return nil, err
		}) {
			c.log.Info("this Controller leads", "term", term)
			tasks.Go(func() { c.keepTrust(ctx) })
			c.drive(ctx, int64(term))
		}
	})
	for {
		select {
		case <-c.ctx.Done():
			return
		case <-changed:
			if leads, now, _ := c.leading(); !leads || now != term {
				c.log.Info("this Controller leads no more", "term", term)
				return
			}
		}
	}
}

// begin begins a term. What was verified in an earlier one counts no more: the
// trust set may have changed while somebody else led.
func begin(e *engine.Controller, term, now int64) error {
	if err := e.TrustChanged(now); err != nil {
		return err
	}
	return e.Lead(term, now)
}

// persist has the machine carry out what must not be left undone because the
// disk is full or too much waits. It returns false when ctx ended first.
func (c *Controller) persist(ctx context.Context, problem string, f decision) bool {
	for {
		_, err := c.decide(ctx, f)
		if err == nil {
			return true
		}
		if ctx.Err() != nil {
			return false
		}
		c.log.Warn(problem+"; trying again", "error", err)
		t := c.clock.NewTimer(decideRetry)
		select {
		case <-t.C():
		case <-ctx.Done():
			t.Stop()
			return false
		}
	}
}

// decideRetry is how long persist waits.
const decideRetry = time.Second

// keepTrust has the documents verified anew whenever the trust set changes.
func (c *Controller) keepTrust(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-c.trust:
			c.persist(ctx, "the documents couldn't be verified anew", func(e *engine.Controller, now int64) (any, error) { return nil, e.TrustChanged(now) })
		}
	}
}

// drive keeps a driver for each Agent that is deployed.
func (c *Controller) drive(ctx context.Context, term int64) {
	drivers, links := map[string]*driver{}, map[string]*handover.Link{}
	defer func() {
		for _, d := range drivers {
			d.close()
		}
	}()
	seen := int64(-1)
	for {
		_, last, grown := c.m.Index.Position()
		if last != seen {
			seen = last
			if err := c.hire(ctx, term, drivers, links); err != nil && ctx.Err() == nil {
				c.log.Warn("the Agents can't be listed", "error", err)
			}
		}
		if !c.pause(ctx, grown, time.Second) {
			return
		}
	}
}

// pause waits for a moment, and then for news.
func (c *Controller) pause(ctx context.Context, news <-chan struct{}, least time.Duration) bool {
	t := c.clock.NewTimer(least)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-t.C():
	case <-c.hireNow():
		return true
	}
	select {
	case <-ctx.Done():
		return false
	case <-news:
	case <-c.hireNow():
	}
	return true
}

// hireNow tells that an Agent's document was deployed.
func (c *Controller) hireNow() <-chan struct{} {
	o := &c.office
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.agents == nil {
		o.agents = make(chan struct{}, 1)
	}
	return o.agents
}

func (c *Controller) agentsChanged() {
	c.hireNow()
	select {
	case c.office.agents <- struct{}{}:
	default:
	}
}

// hire starts drivers for new Agents, and ends those of Agents that are gone
// or have moved.
// The link to an Agent stays the same for the whole term, whoever drives.
func (c *Controller) hire(ctx context.Context, term int64, drivers map[string]*driver, links map[string]*handover.Link) error {
	v, err := c.look(ctx, func(e *engine.Controller) (any, error) { return handover.Addresses(e), nil })
	if err != nil {
		return err
	}
	uris, _ := v.(map[string]string)
	for name, d := range drivers {
		if uris[name] != d.uri {
			d.close()
			delete(drivers, name)
		}
	}
	for name, uri := range uris {
		if drivers[name] == nil {
			if links[name] == nil {
				links[name] = handover.NewLink(c.board, c.set.ID, c.estate(), name, term, c.set.AgentBatch)
			}
			d, err := c.newDriver(ctx, uri, links[name])
			if err != nil {
				return err
			}
			drivers[name] = d
		}
	}
	return nil
}

// longestWait is how long keepTime waits before it looks at the clock again:
// timers don't notice that the clock was set forward, or that the machine slept.
const longestWait = 10 * time.Second

// keepTime wakes orders whose time has come.
func (c *Controller) keepTime() {
	for {
		next := c.m.NextWake.Load()
		wait := longestWait
		if next > 0 {
			wait = min(wait, time.Duration(next-c.clock.Now().UnixMilli())*time.Millisecond)
		}
		if wait <= 0 {
			_, _ = c.decide(c.ctx, func(e *engine.Controller, now int64) (any, error) { return nil, e.Tick(now) }) // not leading: somebody else does it
			wait = 10 * time.Millisecond
			if leads, _, _ := c.leading(); !leads {
				wait = time.Second
			}
		}
		t := c.clock.NewTimer(wait)
		select {
		case <-c.ctx.Done():
			t.Stop()
			return
		case <-t.C():
		case <-c.m.WakeSet:
			t.Stop()
		}
	}
}
