package sim

import (
	"time"

	"github.com/signet-scheduler/signet/internal/clock"
)

// partClock is the clock of one machine: the world's, shifted and drifting. Its
// timers are never used: what waits, waits in the world's queue.
type partClock struct {
	clock.Clock
	w     *world
	base  int64 // own time, in microseconds, at the world's moment from
	from  int64
	drift int64 // microseconds too many a second
}

func newPartClock(w *world) *partClock { return &partClock{w: w, base: start, from: start} }

// micros returns the time that the machine shows.
func (c *partClock) micros() int64 {
	passed := c.w.now - c.from
	return c.base + passed + passed/1_000_000*c.drift
}

// Now implements clock.Clock.
func (c *partClock) Now() time.Time { return time.UnixMicro(c.micros()).UTC() }

// set shows another time from now on.
func (c *partClock) set(micros, drift int64) {
	c.w.latest = max(c.w.latest, c.micros(), micros)
	c.base, c.from, c.drift = micros, c.w.now, drift
}
