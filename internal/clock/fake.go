package clock

import (
	"context"
	"slices"
	"sync"
	"time"
)

// Fake is a clock that stands still until a test moves it. Its zero value is
// not usable; NewFake makes one.
type Fake struct {
	mu      sync.Mutex
	now     time.Time
	waiters []*waiter // not sorted; few
	changed chan struct{}
}

var _ Clock = (*Fake)(nil)

// waiter is a timer or, with a period, a ticker of a Fake; guarded by its mu.
type waiter struct {
	clock  *Fake
	c      chan time.Time
	at     time.Time
	period time.Duration
}

// NewFake returns a clock that shows start.
func NewFake(start time.Time) *Fake {
	return &Fake{now: start, changed: make(chan struct{})}
}

// Now implements Clock.
func (f *Fake) Now() time.Time {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.now
}

// Set shows another time, earlier or later, without waking whoever isn't due:
// a step of the machine's clock. Timers keep the time they wait for.
func (f *Fake) Set(t time.Time) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.fire(t)
}

// Advance moves the clock by d and wakes, in order of their times, everyone
// who is due by then.
func (f *Fake) Advance(d time.Duration) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.fire(f.now.Add(d))
}

// fire shows, one after the other, every time somebody waits for until the
// target, and then that.
func (f *Fake) fire(target time.Time) {
	for {
		var next *waiter
		for _, w := range f.waiters {
			if !w.at.After(target) && (next == nil || w.at.Before(next.at)) {
				next = w
			}
		}
		if next == nil {
			break
		}
		if next.at.After(f.now) {
			f.now = next.at
		}
		select {
		case next.c <- f.now:
		default: // a tick nobody took
		}
		if next.period > 0 {
			next.at = next.at.Add(next.period)
		} else {
			f.drop(next)
		}
	}
	f.now = target
}

// Waiters returns how many timers and tickers are running.
func (f *Fake) Waiters() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return len(f.waiters)
}

// AwaitWaiters waits until at least n timers and tickers are running, so that
// a test can move the clock knowing that the code under test waits on it.
func (f *Fake) AwaitWaiters(ctx context.Context, n int) error {
	for {
		f.mu.Lock()
		have, changed := len(f.waiters), f.changed
		f.mu.Unlock()
		if have >= n {
			return nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// NewTimer implements Clock.
func (f *Fake) NewTimer(d time.Duration) Timer {
	w := &waiter{clock: f, c: make(chan time.Time, 1)}
	w.Reset(d)
	return w
}

// NewTicker implements Clock.
func (f *Fake) NewTicker(d time.Duration) Ticker {
	if d <= 0 {
		panic("clock: a ticker's period must be positive")
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	w := &waiter{clock: f, c: make(chan time.Time, 1), at: f.now.Add(d), period: d}
	f.add(w)
	return fakeTicker{w}
}

func (f *Fake) add(w *waiter) {
	f.waiters = append(f.waiters, w)
	close(f.changed)
	f.changed = make(chan struct{})
}

func (f *Fake) drop(w *waiter) bool {
	i := slices.Index(f.waiters, w)
	if i < 0 {
		return false
	}
	f.waiters = slices.Delete(f.waiters, i, i+1)
	return true
}

// C implements Timer.
func (w *waiter) C() <-chan time.Time { return w.c }

// Stop implements Timer.
func (w *waiter) Stop() bool {
	w.clock.mu.Lock()
	defer w.clock.mu.Unlock()
	return w.stop()
}

func (w *waiter) stop() bool {
	running := w.clock.drop(w)
	select {
	case <-w.c:
	default:
	}
	return running
}

// Reset implements Timer.
func (w *waiter) Reset(d time.Duration) bool {
	w.clock.mu.Lock()
	defer w.clock.mu.Unlock()
	running := w.stop()
	w.at = w.clock.now.Add(d)
	if d <= 0 {
		w.c <- w.clock.now
		return running
	}
	w.clock.add(w)
	return running
}

type fakeTicker struct{ w *waiter }

func (t fakeTicker) C() <-chan time.Time { return t.w.c }
func (t fakeTicker) Stop()               { t.w.Stop() }
