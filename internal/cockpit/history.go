package cockpit

import (
	"context"
	"log/slog"
	"slices"
	"sync"
	"time"

	"github.com/signet-scheduler/signet/api"
	"github.com/signet-scheduler/signet/internal/clock"
	"github.com/signet-scheduler/signet/internal/codec"
	"github.com/signet-scheduler/signet/internal/fault"
	"github.com/signet-scheduler/signet/internal/mirror"
	"github.com/signet-scheduler/signet/internal/order"
	"github.com/signet-scheduler/signet/internal/store"
)

// history is what this Cockpit knows of one Controller: the way to it, what was
// read of its events, and the logs of its tasks.
type history struct {
	id          string
	controller  Controller
	db          store.Store
	clock       clock.Clock
	pack        *packer
	signals     *signals
	follower    *follower
	fetcher     *fetcher
	takeOver    *takeOver
	mirror      *mirror.Mirror
	catalog     *catalog
	definitions *definitions
	logs        *logCache
	known       *known
	usual       *usualTimes
}

// historyParts is what a history is made of.
type historyParts struct {
	id           string
	controller   Controller
	db           store.Store
	services     store.Store // the database for what only one Cockpit writes
	clock        clock.Clock
	log          *slog.Logger
	pack         *packer
	confirmEvery time.Duration
	news         *news
}

func newHistory(p historyParts) *history {
	s := newSignals()
	workflows := newCatalog(p.controller)
	tell := func(c mirror.Change) {
		if workflows.change(c.Workflows); c.All {
			workflows.forget()
		}
		p.news.changed(p.id, c)
	}
	f := &fetcher{id: p.id, controller: p.controller, db: p.services, clock: p.clock, log: p.log, signals: s, pack: p.pack, wake: make(chan struct{}, 1)}
	follower := &follower{
		id: p.id, controller: p.controller, db: p.services, clock: p.clock, log: p.log, signals: s,
		wakeLogs: f.wakeUp, confirmEvery: p.confirmEvery, tell: tell,
	}
	h := &history{
		id: p.id, controller: p.controller, db: p.db, clock: p.clock, pack: p.pack, signals: s, follower: follower.init(), fetcher: f, mirror: follower.mirror, catalog: workflows,
		definitions: &definitions{controller: p.controller}, logs: newLogCache(), known: newKnown(p.controller, p.clock), usual: newUsualTimes(),
	}
	h.takeOver = &takeOver{id: p.id, controller: p.controller, db: p.services, clock: p.clock, log: p.log, catchUp: h.catchUp}
	return h
}

// write writes the history, and confirms it as reader, until ctx ends.
func (h *history) write(ctx context.Context, reader string) {
	var wg sync.WaitGroup
	wg.Go(func() { h.follower.run(ctx, writing, reader) })
	wg.Go(func() { h.fetcher.run(ctx) })
	wg.Go(func() { h.takeOver.run(ctx) })
	wg.Wait()
}

// catchUp waits until the history has all that has happened at the Controller
// before the call.
func (h *history) catchUp(ctx context.Context) error {
	goal, err := h.newest(ctx)
	if err != nil {
		return err
	}
	for {
		at, moved := h.signals.at()
		if at >= goal {
			return nil
		}
		select {
		case <-moved:
		case <-ctx.Done():
			return fault.Wrap(fault.Timeout, "HistoryBehind", ctx.Err(), "the history has not caught up with the Controller in time")
		}
	}
}

// newest returns the newest event of the leader: another member may be behind.
func (h *history) newest(ctx context.Context) (int64, error) {
	for {
		s, err := h.controller.Status(ctx)
		if err == nil && s.Leader == s.Name {
			return s.LastEventID, nil
		}
		if err == nil {
			err = fault.New(fault.Unavailable, "NoLeader", "no member of the Controller leads at the moment")
		}
		if !again(err) {
			return 0, err
		}
		if sleep(ctx, h.clock, leaderPause); ctx.Err() != nil {
			return 0, err
		}
	}
}

const leaderPause = 100 * time.Millisecond

// order returns what is known of an order.
func (h *history) order(ctx context.Context, id string) (o store.Order, err error) {
	err = h.db.Read(ctx, func(r store.Reader) (err error) {
		o, err = r.Order(h.id, id)
		return err
	})
	return o, err
}

// orderJSON returns an order as "order show" tells it.
func orderJSON(o store.Order) ([]byte, error) {
	var body order.Order
	if err := codec.ReadBinary(o.Body, &body); err != nil {
		return nil, err
	}
	return codec.JSON(nil, &body), nil
}

// logGrace is how long the log of a step is waited for after its end, when its
// Agent can't be reached.
const logGrace = time.Minute

// wait waits until the orders have ended, and their history and logs are here.
// When time is over it tells how far they are.
func (h *history) wait(ctx context.Context, ids []string) (out api.WaitResponse, err error) {
	out.Orders = make([]api.WaitedOrder, len(ids))
	roots := make([]string, len(ids))
	for i, id := range ids {
		out.Orders[i].Id = id
		roots[i] = string(order.ID(id).Root())
	}
	changes := h.signals.subscribe(roots, true)
	defer changes.end()
	// Without this, an older order with the same id could be taken for this one.
	if err := h.catchUp(ctx); err != nil {
		if ctx.Err() != nil {
			return out, nil
		}
		return out, err
	}
	all, changed := true, map[string]struct{}{}
	pacer := clock.NewPacer(h.clock, manyOrders())
	for {
		err := h.look(ctx, &out, func(i int) bool {
			_, ok := changed[roots[i]]
			return all || ok
		})
		if err != nil && ctx.Err() == nil {
			return out, err
		}
		if out.Complete || ctx.Err() != nil {
			return out, nil
		}
		timer := h.clock.NewTimer(logGrace)
		all = false
		select {
		case <-changes.news:
		case <-timer.C():
			all = true // a log that can't be fetched isn't waited for any longer
		case <-ctx.Done():
		}
		timer.Stop()
		pacer.Wait(ctx, len(changed))
		changed = changes.take()
	}
}

// look finds out which of the orders that were still awaited have ended, of
// those that are worth a look.
func (h *history) look(ctx context.Context, out *api.WaitResponse, worth func(i int) bool) error {
	out.Complete = true
	var ids []string
	at := map[string][]int{}
	for i, w := range out.Orders {
		if w.Ended {
			continue
		}
		out.Complete = false
		if worth(i) {
			if at[w.Id] == nil {
				ids = append(ids, w.Id)
			}
			at[w.Id] = append(at[w.Id], i)
		}
	}
	var ends []store.OrderEnd
	err := h.db.Read(ctx, func(r store.Reader) (err error) {
		ends, err = r.Ends(h.id, ids, h.clock.Now().Add(-logGrace).UnixMilli())
		return err
	})
	if err != nil {
		return err
	}
	for _, e := range ends {
		if e.Ended && e.Awaited == 0 {
			for _, i := range at[e.ID] {
				out.Orders[i] = api.WaitedOrder{Id: e.ID, Ended: true, State: e.State, Successful: e.Successful}
			}
		}
		delete(at, e.ID)
	}
	for _, id := range ids {
		if at[id] != nil {
			return store.UnknownOrder(id)
		}
	}
	out.Complete = !slices.ContainsFunc(out.Orders, func(w api.WaitedOrder) bool { return !w.Ended })
	return nil
}
