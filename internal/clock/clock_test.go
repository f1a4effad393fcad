package clock_test

import (
	"context"
	"testing"
	"time"

	"github.com/signet-scheduler/signet/internal/clock"
)

var start = time.Date(2030, 1, 1, 0, 0, 0, 0, time.UTC)

func TestFakeTimers(t *testing.T) {
	t.Parallel()
	c := clock.NewFake(start)
	late, early := c.NewTimer(2*time.Second), c.NewTimer(time.Second)
	if c.Waiters() != 2 {
		t.Fatalf("%d timers run, want 2", c.Waiters())
	}
	c.Advance(time.Second)
	if got := <-early.C(); !got.Equal(start.Add(time.Second)) {
		t.Errorf("the first timer says %v", got)
	}
	select {
	case <-late.C():
		t.Error("the second timer came early")
	default:
	}
	if !late.Stop() || late.Stop() {
		t.Error("stopping a running timer, and a stopped one")
	}
	if late.Reset(time.Minute) {
		t.Error("a stopped timer was running")
	}
	c.Advance(time.Hour)
	if late.Reset(0) {
		t.Error("a timer that fired was running")
	}
	if got := <-late.C(); !got.Equal(start.Add(time.Hour + time.Second)) {
		t.Errorf("a timer of no time says %v", got)
	}
	select {
	case <-late.C():
		t.Error("a stale tick was left by Reset")
	default:
	}
}

func TestFakeTicker(t *testing.T) {
	t.Parallel()
	c := clock.NewFake(start)
	tick := c.NewTicker(time.Second)
	for i := 1; i <= 3; i++ {
		c.Advance(time.Second)
		if got := <-tick.C(); !got.Equal(start.Add(time.Duration(i) * time.Second)) {
			t.Errorf("tick %d says %v", i, got)
		}
	}
	c.Advance(5 * time.Second) // nobody takes them: one stays
	<-tick.C()
	select {
	case <-tick.C():
		t.Error("ticks nobody took were kept")
	default:
	}
	tick.Stop()
	c.Set(start.Add(-time.Hour))
	if !c.Now().Equal(start.Add(-time.Hour)) || c.Waiters() != 0 {
		t.Errorf("at %v with %d waiters", c.Now(), c.Waiters())
	}
}

func TestAwaitWaiters(t *testing.T) {
	t.Parallel()
	c := clock.NewFake(start)
	done := make(chan time.Time)
	go func() { done <- <-c.NewTimer(time.Hour).C() }()
	if err := c.AwaitWaiters(context.Background(), 1); err != nil {
		t.Fatal(err)
	}
	c.Advance(time.Hour)
	if got := <-done; !got.Equal(start.Add(time.Hour)) {
		t.Errorf("woken at %v", got)
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if err := c.AwaitWaiters(ctx, 1); err == nil {
		t.Error("waiting for nobody ended")
	}
}

func TestReal(t *testing.T) {
	t.Parallel()
	var c clock.Clock = clock.Real{}
	began := c.Now()
	timer, ticker := c.NewTimer(time.Millisecond), c.NewTicker(time.Millisecond)
	<-timer.C()
	<-ticker.C()
	ticker.Stop()
	if timer.Stop() || timer.Reset(time.Hour) || !timer.Stop() {
		t.Error("the timer doesn't know whether it runs")
	}
	if c.Now().Before(began) {
		t.Error("the clock went backwards")
	}
}
