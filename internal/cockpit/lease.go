package cockpit

import (
	"context"
	"log/slog"
	"sync/atomic"
	"time"

	"github.com/signet-scheduler/signet/internal/clock"
	"github.com/signet-scheduler/signet/internal/store"
)

// The times of the lease. Another takes it at the latest leaseFor + leaseEvery after
// its holder was heard last, so that its services run within 10 s.
const (
	leaseFor    = 6 * time.Second
	leaseEvery  = 1500 * time.Millisecond
	leaseMargin = 500 * time.Millisecond // clocks that run at another speed
	leaseTry    = 2 * time.Second        // one request
)

// keeper sees to it that of all Cockpits on a database one runs the services: it
// asks for the lease, extends it, and ends the services before it runs out.
type keeper struct {
	db     store.Store
	clock  clock.Clock
	log    *slog.Logger
	holder string // this process
	reader string // its name as reader of events
}

// phase is what runs while this Cockpit leads, or while it doesn't.
type phase struct {
	cancel context.CancelFunc
	done   chan struct{}
}

func begin(ctx context.Context, f func(context.Context)) *phase {
	ctx, cancel := context.WithCancel(ctx)
	p := &phase{cancel, make(chan struct{})}
	go func() {
		defer close(p.done)
		f(ctx)
	}()
	return p
}

// end ends the phase and waits for it. A nil phase is none.
func (p *phase) end() {
	if p != nil {
		p.cancel()
		<-p.done
	}
}

// run calls lead while this Cockpit has the lease, and stand while it hasn't,
// never both at once, until ctx ends. They have to return when theirs ends.
func (k *keeper) run(ctx context.Context, lead func(context.Context, store.Lease), stand func(context.Context)) {
	var now *phase
	var term int64 // of the lease that this Cockpit has; 0: none
	var until time.Time
	defer func() {
		now.end()
		if term != 0 {
			k.giveBack()
		}
	}()
	for ctx.Err() == nil {
		asked := k.clock.Now()
		l, err := k.ask(ctx, term != 0, until)
		if ctx.Err() != nil {
			return
		}
		lost := term != 0 && (err == nil && (!l.Held || l.Term != term) || err != nil && !k.clock.Now().Before(until))
		if lost {
			k.log.Warn("this Cockpit doesn't run the services any more: its lease was lost", "error", err)
			now.end()
			now, term = nil, 0
		}
		switch {
		case err == nil && l.Held && term == 0 && !lost:
			now.end()
			if !l.Forever {
				k.log.Info("this Cockpit runs the services", "term", l.Term)
			}
			term, until = l.Term, asked.Add(leaseFor-leaseMargin)
			now = begin(ctx, func(ctx context.Context) { lead(ctx, l) })
		case err == nil && l.Held && !lost:
			until = asked.Add(leaseFor - leaseMargin)
		case now == nil:
			now = begin(ctx, stand)
		}
		if err == nil && l.Forever {
			<-ctx.Done()
			return
		}
		sleep(ctx, k.clock, k.pause(term != 0, until))
	}
}

// pause returns how long to wait before the next request.
func (k *keeper) pause(leading bool, until time.Time) time.Duration {
	if !leading {
		return leaseEvery
	}
	return max(0, min(leaseEvery, until.Sub(k.clock.Now())))
}

// ask asks for the lease. Who has it waits for the answer no longer than it has it.
func (k *keeper) ask(ctx context.Context, leading bool, until time.Time) (store.Lease, error) {
	limit := leaseTry
	if leading {
		limit = max(0, min(limit, until.Sub(k.clock.Now())))
	}
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	return k.db.Lease(ctx, store.LeaseRequest{Holder: k.holder, Reader: k.reader, For: leaseFor})
}

// giveBack lets another take the lease at once.
func (k *keeper) giveBack() {
	ctx, cancel := context.WithTimeout(context.Background(), leaseTry)
	defer cancel()
	if _, err := k.db.Lease(ctx, store.LeaseRequest{Holder: k.holder}); err != nil {
		k.log.Info("the lease of the services wasn't given back; it runs out", "error", err)
	}
}

// fenced is the database as the services see it: what they write is refused as
// soon as another has got the lease.
type fenced struct {
	store.Store
	term atomic.Int64
}

// Write implements store.Store.
func (d *fenced) Write(ctx context.Context, f func(store.Writer) error) error {
	return d.Store.Write(ctx, func(w store.Writer) error {
		if err := w.CheckLease(d.term.Load()); err != nil {
			return err
		}
		return f(w)
	})
}
