package clock

import (
	"context"
	"time"
)

// Pacer holds back work that comes too often, so that more of it comes together
// and is done at once. As long as it comes seldom, nothing waits. Owned by one
// goroutine.
type Pacer struct {
	clock Clock
	every time.Duration
	burst time.Duration
	due   time.Time // when the work so far would be done, one piece each `every`
}

// NewPacer returns a pacer that lets work through every so often on average,
// and so many pieces at once after a pause.
func NewPacer(c Clock, every time.Duration, burst int) *Pacer {
	return &Pacer{clock: c, every: every, burst: time.Duration(burst) * every}
}

// Delay notes that there is work now, and returns for how long it is to wait.
func (p *Pacer) Delay() time.Duration {
	now := p.clock.Now()
	if p.due.Before(now) {
		p.due = now
	}
	// However far a clock is set back, nothing waits for longer than once.
	p.due = p.due.Add(p.every)
	if latest := now.Add(p.burst + p.every); p.due.After(latest) {
		p.due = latest
	}
	return max(0, p.due.Sub(now)-p.burst)
}

// Wait returns when the work that there is now may be done, or ctx ends.
func (p *Pacer) Wait(ctx context.Context) {
	d := p.Delay()
	if d <= 0 {
		return
	}
	t := p.clock.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C():
	case <-ctx.Done():
	}
}
