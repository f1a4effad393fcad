package clock

import (
	"context"
	"time"
)

// Pacer holds work back for a moment while there is much of it, so that more
// of it comes together and is done at once. As long as there is little, or one
// thing after the other, nothing waits. Owned by one goroutine.
type Pacer struct {
	clock Clock
	PacerOptions
	due time.Time // when the work so far would be done at the rate
}

// PacerOptions say what is much work.
type PacerOptions struct {
	Rate  int           // pieces a second; up to there nothing is held
	Burst int           // so many pieces at once are no more than that either
	Alone int           // so many come together when there is one thing to do: only those beyond count
	Hold  time.Duration // for how long work is held at most
}

// NewPacer returns a pacer.
func NewPacer(c Clock, o PacerOptions) *Pacer { return &Pacer{clock: c, PacerOptions: o} }

// Delay notes that so many pieces of work were found, and returns for how long
// to hold what comes now.
func (p *Pacer) Delay(pieces int) time.Duration {
	now := p.clock.Now()
	each := time.Second / time.Duration(p.Rate)
	burst := time.Duration(p.Burst) * each
	if p.due.Before(now) {
		p.due = now
	}
	p.due = p.due.Add(time.Duration(min(max(pieces-p.Alone, 0), 1<<20)) * each)
	// However much there was, and however far a clock is set back, what follows
	// is held no longer than once.
	if latest := now.Add(burst + p.Hold); p.due.After(latest) {
		p.due = latest
	}
	return max(0, p.due.Sub(now)-burst)
}

// Wait is Delay that waits as well, or until ctx ends.
func (p *Pacer) Wait(ctx context.Context, pieces int) {
	d := p.Delay(pieces)
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
