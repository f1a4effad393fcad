package cockpit

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/signet-scheduler/signet/internal/clock"
	"github.com/signet-scheduler/signet/internal/codec"
	"github.com/signet-scheduler/signet/internal/engine"
	"github.com/signet-scheduler/signet/internal/fault"
	"github.com/signet-scheduler/signet/internal/mirror"
	"github.com/signet-scheduler/signet/internal/order"
	"github.com/signet-scheduler/signet/internal/store"
)

// follower writes the history of one Controller. It reads the event stream from
// the position in the database on, writes rows and the new position in one
// transaction, and only then confirms to the Controller, which keeps events until
// it does. Whatever is cut off in between is read again and passed over.
//
// On a Cockpit that doesn't run the services, it watches: it reads the same
// stream, writes and confirms nothing, and tells of events when the other
// Cockpit has written them. In both modes, covered is where events come by that
// the database has.
type follower struct {
	id         string // of the Controller
	controller Controller
	db         store.Store
	clock      clock.Clock
	log        *slog.Logger
	signals    *signals
	wakeLogs   func() // there may be logs to fetch
	mirror     *mirror.Mirror
	tell       func(mirror.Change) // what has changed in it
	// confirmEvery is the least time between two confirmations: each is an
	// event of the Controller's log, too.
	confirmEvery time.Duration

	pacer     *clock.Pacer // of transactions
	cache     *orderCache
	cachedAt  int64 // up to which event the cache is
	isOrders  map[string]bool
	toConfirm chan struct{} // capacity 1
	hints     chan struct{} // capacity 1: another may have written

	mu        sync.Mutex
	committed int64
	confirm   int64 // up to here there is something worth confirming
	heard     int64 // up to here another has written
	unsure    bool  // or further
	problem   error
}

// mode says what a follower does with the events.
type mode int

const (
	writing  mode = iota + 1 // it writes and confirms them
	watching                 // another does
)

// Bounds of one transaction: it should be short, and others wait for it.
const (
	maxBatch       = 4000 // events
	maxCachedOrder = 10_000
)

// manyEvents is when events are gathered: transactions of many cost much less
// for each, and an order that comes and goes meanwhile is written once. The
// Controller has held them back already; what is left to be gathered is the pieces
// in which they come.
func manyEvents() clock.PacerOptions {
	return clock.PacerOptions{Rate: 1000, Burst: 300, Alone: engine.EventsOfOne, Hold: 2 * time.Millisecond}
}

// manyOrders is the same for those who look at what has changed: at orders and
// their logs.
func manyOrders() clock.PacerOptions {
	return clock.PacerOptions{Rate: 200, Burst: 50, Alone: 1, Hold: 40 * time.Millisecond}
}

// init makes what isn't given.
func (f *follower) init() *follower {
	f.cache = newOrderCache(maxCachedOrder)
	f.isOrders = orderEventNames()
	f.toConfirm = make(chan struct{}, 1)
	if f.mirror == nil {
		f.mirror = mirror.New()
	}
	if f.tell == nil {
		f.tell = func(mirror.Change) {}
	}
	f.hints = make(chan struct{}, 1)
	f.pacer = clock.NewPacer(f.clock, manyEvents())
	return f
}

// status returns up to which event the history is written, and what keeps it
// from going on.
func (f *follower) status() (event int64, problem error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.committed, f.problem
}

func (f *follower) setProblem(err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if err != nil && (f.problem == nil || fault.Of(err).Code != fault.Of(f.problem).Code) {
		f.log.Warn("history: reading events was interrupted", "controller", f.id, "error", err)
	}
	f.problem = err
}

// run reads until ctx ends. A follower that writes confirms what it has written
// under the name of a reader.
func (f *follower) run(ctx context.Context, as mode, reader string) {
	var wg sync.WaitGroup
	defer wg.Wait()
	if as == writing {
		wg.Go(func() { f.confirmAll(ctx, reader) })
	}
	pause := firstPause
	for ctx.Err() == nil {
		before, _ := f.signals.at()
		err := f.follow(ctx, as)
		if ctx.Err() != nil {
			return
		}
		f.setProblem(err)
		if now, _ := f.signals.at(); now != before {
			pause = firstPause // it has come on
		}
		sleep(ctx, f.clock, pause)
		pause = min(2*pause, lastPause)
	}
}

const (
	firstPause = 20 * time.Millisecond
	lastPause  = 5 * time.Second
)

// sleep waits for a while, or until ctx ends.
func sleep(ctx context.Context, c clock.Clock, d time.Duration) {
	timer := c.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C():
	case <-ctx.Done():
	}
}

// position returns up to which event the history is written.
func (f *follower) position(ctx context.Context) (event int64, err error) {
	err = f.db.Read(ctx, func(r store.Reader) (err error) {
		event, err = r.Position(f.id)
		return err
	})
	return event, err
}

// errStreamEnded stands for the reason that the stream's reader has.
var errStreamEnded = fault.New(fault.Unavailable, "EventStreamEnded", "the event stream has ended")

// follow reads one stream to its end.
func (f *follower) follow(ctx context.Context, as mode) error {
	position, err := f.begin(ctx)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	events, err := f.controller.Events(ctx, position)
	if err != nil {
		return err
	}
	f.setProblem(nil)

	batches := make(chan []engine.Stamped, 64)
	var failed error
	var wg sync.WaitGroup
	wg.Go(func() {
		defer close(batches)
		for {
			batch, err := events.Next()
			if err != nil {
				failed = err
				return
			}
			select {
			case batches <- batch:
			case <-ctx.Done():
				return
			}
		}
	})
	// Closing makes a waiting Next return.
	defer wg.Wait()
	defer func() { _ = events.Close() }()
	defer cancel()
	if as == watching {
		err = f.watch(ctx, batches, position)
	} else {
		err = f.write(ctx, batches, position)
	}
	if errors.Is(err, errStreamEnded) {
		wg.Wait()
		err = failed
	}
	return err
}

// write writes events as they come.
func (f *follower) write(ctx context.Context, from <-chan []engine.Stamped, position int64) error {
	if position != f.cachedAt {
		f.cache = newOrderCache(maxCachedOrder) // another has written meanwhile
	}
	f.cachedAt = position
	for {
		batch, ok := f.gather(ctx, from)
		if !ok {
			if ctx.Err() != nil {
				return ctx.Err()
			}
			return errStreamEnded
		}
		if batch = behind(batch, position); len(batch) == 0 {
			continue
		}
		for len(batch) > 0 {
			part := fewItems(batch)
			if err := f.commit(ctx, position, part); err != nil {
				return err
			}
			position = part[len(part)-1].ID
			f.cachedAt = position
			batch = batch[len(part):]
		}
	}
}

// maxItems is how many documents one transaction takes over: each is indexed,
// and others wait for the transaction.
const maxItems = 300

// fewItems returns the first events of a batch that one transaction takes.
func fewItems(batch []engine.Stamped) []engine.Stamped {
	items := 0
	for i := range batch {
		if _, ok := batch[i].Event.(*engine.ItemAdded); ok {
			items++
		}
		if items > maxItems {
			return batch[:i]
		}
	}
	return batch
}

// begin returns the position in the database, up to which the mirror is brought as
// well.
func (f *follower) begin(ctx context.Context) (position int64, err error) {
	var rows []mirror.Row
	loaded := f.mirror.Position()
	err = f.db.Read(ctx, func(r store.Reader) (err error) {
		if position, err = r.Position(f.id); err != nil || position == loaded && loaded != 0 {
			return err
		}
		rows, err = openOrders(r, f.id)
		return err
	})
	if err != nil {
		return 0, err
	}
	if position != loaded || loaded == 0 {
		f.mirror.Load(position, rows)
		f.tell(mirror.Change{All: true}) // no event tells what was passed over
	}
	f.reached(position)
	return position, nil
}

// openOrders reads all orders that aren't gone.
func openOrders(r store.Reader, controller string) (rows []mirror.Row, err error) {
	const page = 1000
	for after := ""; ; {
		orders, err := r.OpenOrders(controller, after, page)
		if err != nil {
			return nil, err
		}
		for i := range orders {
			o := &order.Order{}
			if err := codec.ReadBinary(orders[i].Body, o); err != nil {
				return nil, fmt.Errorf("reading Order:%s: %w", orders[i].ID, err)
			}
			rows = append(rows, mirror.Row{Order: o, Since: orders[i].Since, Label: orders[i].Label, Job: orders[i].Job})
		}
		if len(orders) < page {
			return rows, nil
		}
		after = orders[page-1].ID
	}
}

// lull is how long the history waits for what follows when nothing has ended:
// an order that runs a short job is then written once. Who waits for its end isn't
// kept waiting, and what people look at may be so late.
const lull = 10 * time.Millisecond

// gather waits for events and takes along what is there already, and, as long as
// no order has ended, what comes in the next moment.
func (f *follower) gather(ctx context.Context, from <-chan []engine.Stamped) (batch []engine.Stamped, ok bool) {
	select {
	case batch, ok = <-from:
		if !ok {
			return nil, false
		}
	case <-ctx.Done():
		return nil, false
	}
	f.pacer.Wait(ctx, len(batch))
	if batch = takeAlong(batch, from); endsOne(batch) {
		return batch, true
	}
	timer := f.clock.NewTimer(lull)
	defer timer.Stop()
	for len(batch) < maxBatch {
		select {
		case more, ok := <-from:
			if !ok {
				return batch, true // what ended it is told by the next call
			}
			batch = append(batch, more...)
			if endsOne(more) {
				return takeAlong(batch, from), true
			}
		case <-timer.C():
			return batch, true
		case <-ctx.Done():
			return nil, false
		}
	}
	return batch, true
}

// takeAlong adds to a batch what is there already.
func takeAlong(batch []engine.Stamped, from <-chan []engine.Stamped) []engine.Stamped {
	for len(batch) < maxBatch {
		select {
		case more, ok := <-from:
			if !ok {
				return batch
			}
			batch = append(batch, more...)
		default:
			return batch
		}
	}
	return batch
}

// endsOne tells whether an order ends with one of the events, or comes to a state
// in which somebody has to do something.
func endsOne(batch []engine.Stamped) bool {
	for i := range batch {
		switch batch[i].Event.(type) {
		case *order.FinishedEvent, *order.CancelledEvent, *order.FailedEvent, *order.StoppedEvent, *order.BrokenEvent, *order.Deleted:
			return true
		}
	}
	return false
}

// behind drops events that are written already.
func behind(batch []engine.Stamped, position int64) []engine.Stamped {
	fresh := batch[:0:0]
	for i := range batch {
		if batch[i].ID > position {
			position = batch[i].ID
			fresh = append(fresh, batch[i])
		}
	}
	return fresh
}

// commit writes a batch and its position, then tells everybody.
func (f *follower) commit(ctx context.Context, from int64, batch []engine.Stamped) error {
	var done *fold
	err := f.db.Write(ctx, func(w store.Writer) error {
		done = &fold{
			controller: f.id, now: f.clock.Now().UnixMilli(), cache: f.cache, w: w, log: f.log,
			orders: map[order.ID]*tracked{}, dirty: map[order.ID]bool{}, at: map[int64]int{}, runs: newRuns(f.id),
		}
		return done.events(from, batch, f.isOrders)
	})
	if err != nil {
		return fmt.Errorf("writing history: %w", err)
	}
	for id := range done.dirty {
		f.cache.put(id, done.orders[id])
	}
	for i := range batch {
		// Confirmations are events themselves: confirming them would never end.
		if _, isConfirmation := batch[i].Event.(*engine.EventsReleased); !isConfirmation {
			f.mu.Lock()
			f.confirm = batch[i].ID
			f.mu.Unlock()
		}
	}
	changed := make(map[string]bool, len(done.dirty))
	for id := range done.dirty {
		root := string(id.Root())
		changed[root] = changed[root] || hasEnded(done.orders[id])
	}
	f.covered(batch[len(batch)-1].ID, batch, changed)
	if done.logs {
		f.wakeLogs()
	}
	select {
	case f.toConfirm <- struct{}{}:
	default:
	}
	return nil
}

// covered follows when events are in the database up to a position, whoever wrote
// them: they go into the mirror, and who waits for orders (roots; true: it has ended)
// is told.
func (f *follower) covered(position int64, batch []engine.Stamped, changed map[string]bool) {
	f.reached(position)
	f.tell(f.mirror.Apply(batch))
	for root, ended := range changed {
		f.signals.changed(root, ended)
	}
}

func (f *follower) reached(position int64) {
	f.mu.Lock()
	f.committed = position
	f.mu.Unlock()
	f.signals.reached(position)
}

// confirmAll tells the Controller, now and then, what is written.
func (f *follower) confirmAll(ctx context.Context, reader string) {
	var confirmed int64
	for {
		select {
		case <-f.toConfirm:
		case <-ctx.Done():
			return
		}
		f.mu.Lock()
		until := f.confirm
		f.mu.Unlock()
		if until <= confirmed {
			continue
		}
		cmd := engine.Command{
			ID: rand.Text(), By: order.Actor{Account: reader, Method: "cockpit"},
			Body: &engine.ReleaseEvents{Reader: reader, Until: until},
		}
		if _, err := f.controller.Command(ctx, cmd); err == nil || fault.HasCode(err, "ReverseReleaseEvents") {
			confirmed = until
		} else if ctx.Err() == nil {
			// The Controller keeps more than it needs to until the next one succeeds.
			f.log.Info("history: events could not be confirmed", "controller", f.id, "error", err)
		}
		sleep(ctx, f.clock, f.confirmEvery)
	}
}
