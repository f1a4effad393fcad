package clock_test

import (
	"context"
	"testing"
	"time"

	"github.com/signet-scheduler/signet/internal/clock"
)

// TestPacer: little work isn't held, much is, but never for longer than once.
func TestPacer(t *testing.T) {
	t.Parallel()
	c := clock.NewFake(start)
	p := clock.NewPacer(c, clock.PacerOptions{Rate: 1000, Burst: 10, Hold: 5 * time.Millisecond})
	look := func(pieces int, want time.Duration) {
		t.Helper()
		if got := p.Delay(pieces); got != want {
			t.Errorf("after %d pieces more, what comes is held for %v, want %v", pieces, got, want)
		}
	}
	look(10, 0)
	look(1, time.Millisecond)
	look(2, 3*time.Millisecond)
	look(1_000_000_000, 5*time.Millisecond)
	for range 5 { // at the rate itself
		c.Advance(time.Millisecond)
		look(1, 5*time.Millisecond)
	}
	c.Advance(5 * time.Millisecond)
	look(0, 0)
	c.Advance(time.Hour)
	look(10, 0)
	c.Set(start.Add(-time.Hour))
	look(0, 5*time.Millisecond)
}

// TestPacerAlone: one thing after the other is never much.
func TestPacerAlone(t *testing.T) {
	t.Parallel()
	p := clock.NewPacer(clock.NewFake(start), clock.PacerOptions{Rate: 1, Burst: 1, Alone: 3, Hold: time.Minute})
	for range 1000 {
		if d := p.Delay(3); d != 0 {
			t.Fatalf("held for %v", d)
		}
	}
	if p.Delay(5); p.Delay(0) == 0 {
		t.Error("more than that isn't held")
	}
}

// TestPacerWaits: Wait returns when the time has come, or its context ends.
func TestPacerWaits(t *testing.T) {
	t.Parallel()
	c := clock.NewFake(start)
	p := clock.NewPacer(c, clock.PacerOptions{Rate: 1, Burst: 1, Hold: time.Minute})
	p.Wait(context.Background(), 1)
	done := make(chan struct{})
	go func() {
		defer close(done)
		p.Wait(context.Background(), 1)
	}()
	if err := c.AwaitWaiters(context.Background(), 1); err != nil {
		t.Fatal(err)
	}
	c.Advance(time.Minute)
	<-done
	ended, cancel := context.WithCancel(context.Background())
	cancel()
	p.Wait(ended, 1000)
}
