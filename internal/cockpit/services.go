package cockpit

import (
	"context"
	"crypto/rand"
	"sync"

	"github.com/signet-scheduler/signet/internal/store"
)

// takeTurns runs the services while this Cockpit has the lease, and else follows
// what the one that has it writes, until ctx ends.
func (c *Cockpit) takeTurns(ctx context.Context) {
	k := &keeper{db: c.db, clock: c.clock, log: c.log, holder: c.settings.Name + "-" + rand.Text(), reader: c.settings.Name}
	k.run(ctx, c.lead, c.standBy)
}

// lead runs what only one of the Cockpits on a database runs: what writes history
// and what is deployed, fetches logs, deletes what is old, and completes the index
// of the search.
func (c *Cockpit) lead(ctx context.Context, l store.Lease) {
	c.services.term.Store(l.Term)
	c.leading.Store(true)
	defer c.leading.Store(false)
	var wg sync.WaitGroup
	for _, h := range c.histories {
		wg.Go(func() { h.write(ctx, l.Reader) })
	}
	wg.Go(func() { c.housekeep(ctx) })
	wg.Go(func() { c.findAll(ctx) })
	wg.Wait()
}

// standBy reads along, so that those who wait for an order here are told, too.
func (c *Cockpit) standBy(ctx context.Context) {
	var wg sync.WaitGroup
	for _, h := range c.histories {
		wg.Go(func() { h.follower.run(ctx, watching, "") })
	}
	wg.Wait()
}

// hearOthers hears what other Cockpits commit, until ctx ends.
func (c *Cockpit) hearOthers(ctx context.Context) {
	pause := firstPause
	for ctx.Err() == nil {
		err := c.db.Watch(ctx, func(n store.News) {
			pause = firstPause
			c.hear(n)
		})
		if ctx.Err() != nil {
			return
		}
		c.log.Warn("news of other Cockpits don't come", "error", err)
		sleep(ctx, c.clock, pause)
		pause = min(2*pause, lastPause)
	}
}

// hear passes on news to those who wait for them.
func (c *Cockpit) hear(n store.News) {
	if n.Cockpit != "" {
		c.others.hear(n.Cockpit, c.clock.Now())
		return
	}
	if n.Session != ([32]byte{}) {
		c.live.end(n.Session)
		return
	}
	if n.Topic == topicTrust || n.Everything {
		c.hearTrust()
	}
	switch {
	case n.Topic == topicTrust:
		return
	case n.Topic != "":
		c.news.tell(n.Topic)
		return
	case n.Everything:
		c.news.tell(topicAudit)
		c.news.tell(topicInventory)
	}
	for _, h := range c.histories {
		switch {
		case n.Everything:
			h.follower.hear(0)
			h.signals.everything()
		case n.Controller != h.id:
		case n.Position > 0:
			h.follower.hear(n.Position)
		case n.Root != "":
			h.signals.changed(n.Root, true)
		}
	}
}
