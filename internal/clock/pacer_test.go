package clock_test

import (
	"context"
	"testing"
	"time"

	"github.com/signet-scheduler/signet/internal/clock"
)

// TestPacer: what comes seldom isn't held, what comes often is spaced.
func TestPacer(t *testing.T) {
	t.Parallel()
	c := clock.NewFake(start)
	p := clock.NewPacer(c, time.Millisecond, 3)
	for i, want := range []time.Duration{0, 0, 0, time.Millisecond} {
		if got := p.Delay(); got != want {
			t.Errorf("piece %d of a burst is held for %v, want %v", i+1, got, want)
		}
	}
	for range 5 {
		c.Advance(time.Millisecond)
		if got := p.Delay(); got != time.Millisecond {
			t.Errorf("at the pace itself, a piece is held for %v", got)
		}
	}
	c.Advance(time.Hour)
	for range 3 {
		if got := p.Delay(); got != 0 {
			t.Errorf("after a pause a piece is held for %v", got)
		}
	}
	c.Set(start.Add(-time.Hour))
	if got := p.Delay(); got > time.Millisecond {
		t.Errorf("with a clock set back, a piece is held for %v", got)
	}
}

// TestPacerWaits: Wait returns when the time has come, or its context ends.
func TestPacerWaits(t *testing.T) {
	t.Parallel()
	c := clock.NewFake(start)
	p := clock.NewPacer(c, time.Minute, 1)
	p.Wait(context.Background())
	done := make(chan struct{})
	go func() {
		defer close(done)
		p.Wait(context.Background())
	}()
	if err := c.AwaitWaiters(context.Background(), 1); err != nil {
		t.Fatal(err)
	}
	c.Advance(time.Minute)
	<-done
	ended, cancel := context.WithCancel(context.Background())
	cancel()
	p.Wait(ended)
}
