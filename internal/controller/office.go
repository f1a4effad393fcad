package controller

import (
	"context"
	"sync"
	"time"

	"github.com/signet-scheduler/signet/internal/engine"
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
	c.board.clear()
	_, err := c.decide(ctx, func(e *engine.Controller, now int64) (any, error) {
		return nil, e.Lead(int64(term), now)
	})
	if err != nil {
		c.log.Warn("the term couldn't be begun", "term", term, "error", err)
	} else {
		c.log.Info("this Controller leads", "term", term)
		tasks.Go(func() { c.drive(ctx, int64(term)) })
	}
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

// drive keeps a driver for each Agent that is deployed.
func (c *Controller) drive(ctx context.Context, term int64) {
	drivers := map[string]*driver{}
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
			if err := c.hire(ctx, term, drivers); err != nil && ctx.Err() == nil {
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
func (c *Controller) hire(ctx context.Context, term int64, drivers map[string]*driver) error {
	v, err := c.decide(ctx, func(e *engine.Controller, _ int64) (any, error) { return agentAddresses(e), nil })
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
			d, err := c.newDriver(ctx, name, uri, term)
			if err != nil {
				return err
			}
			drivers[name] = d
		}
	}
	return nil
}

// agentAddresses returns the URI of every Agent that is deployed and trusted.
func agentAddresses(e *engine.Controller) map[string]string {
	uris := map[string]string{}
	for _, path := range e.AgentPaths() {
		if a, err := e.AgentItem(path); err == nil {
			uris[path] = a.URI
		}
	}
	return uris
}

// keepTime wakes orders whose time has come.
func (c *Controller) keepTime() {
	for {
		next := c.m.NextWake.Load()
		wait := time.Hour
		if next > 0 {
			wait = time.Duration(next-c.clock.Now().UnixMilli()) * time.Millisecond
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
