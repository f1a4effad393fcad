// Package clock is the only way to time for code that is tested with time: an
// interface, the real clock, and one that a test moves by hand.
//
// It must not know calendars or time zones (package calendar does). Whoever
// waits, or stamps something with the time, is given a Clock.
package clock

import "time"

// Clock tells the time and wakes at times. All methods are safe for
// concurrent use.
type Clock interface {
	// Now returns the time.
	Now() time.Time
	// NewTimer returns a timer that sends once, after d.
	NewTimer(d time.Duration) Timer
	// NewTicker returns a ticker that sends every d, which must be positive.
	// Ticks nobody takes are dropped.
	NewTicker(d time.Duration) Ticker
}

// Timer sends the time on its channel once.
type Timer interface {
	// C returns the channel, of capacity one.
	C() <-chan time.Time
	// Stop keeps the timer from sending; it tells whether it came in time.
	// After Stop returns, nothing stale is received from C.
	Stop() bool
	// Reset starts the timer anew with d; it tells whether it was running.
	Reset(d time.Duration) bool
}

// Ticker sends the time on its channel again and again.
type Ticker interface {
	// C returns the channel, of capacity one.
	C() <-chan time.Time
	// Stop ends it. The channel isn't closed.
	Stop()
}

// Real is the machine's clock.
type Real struct{}

var _ Clock = Real{}

// Now implements Clock.
func (Real) Now() time.Time { return time.Now() }

// NewTimer implements Clock.
func (Real) NewTimer(d time.Duration) Timer { return realTimer{time.NewTimer(d)} }

// NewTicker implements Clock.
func (Real) NewTicker(d time.Duration) Ticker { return realTicker{time.NewTicker(d)} }

type realTimer struct{ t *time.Timer }

func (t realTimer) C() <-chan time.Time        { return t.t.C }
func (t realTimer) Stop() bool                 { return t.t.Stop() }
func (t realTimer) Reset(d time.Duration) bool { return t.t.Reset(d) }

type realTicker struct{ t *time.Ticker }

func (t realTicker) C() <-chan time.Time { return t.t.C }
func (t realTicker) Stop()               { t.t.Stop() }
