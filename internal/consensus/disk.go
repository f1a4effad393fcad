package consensus

import (
	"time"

	"github.com/signet-scheduler/signet/internal/fault"
)

// watchDisk looks at the age of the oldest order that the disk hasn't
// finished. A leader whose disk hangs can't apply, and yet stays leader for
// ever if nobody ends that.
func (c *core) watchDisk() {
	if len(c.writes) == 0 {
		return
	}
	age := c.ticks - c.writes[0].since
	switch {
	case age > uint64(c.o.HungTicks):
		c.stop(fault.New(fault.Unavailable, "DiskHung", "the disk of %s hasn't finished a write for %s; the process must end",
			c.o.Dir, c.o.Tick*time.Duration(age)))
	case age > uint64(c.o.ElectionTicks):
		c.proto.overdue()
	}
}

// probe has the writer look at the disk, once a tick, and drop entries that
// nobody needs any more.
func (c *core) probe() {
	if c.probing || c.err != nil {
		return
	}
	c.probing = true
	w := &write{probe: true}
	w.compact = c.needed()
	c.hand(w)
}

func (c *core) probed(w *write) {
	c.probing = false
	full := w.low || w.free < c.o.MinFreeSpace
	if full != c.noSpace {
		c.log.Warn("space on the log's disk", "full", full, "free", w.free, "needed", c.o.MinFreeSpace)
	}
	c.noSpace = full
	if full {
		c.proto.cramped()
	}
}

// waiting tells that the oldest order waits until the disk has space. That is
// no hanging disk: the member refuses work and stays.
func (c *core) waiting() {
	c.guard(func() {
		if len(c.writes) > 0 {
			c.writes[0].since = c.ticks
		}
		if !c.noSpace {
			c.log.Warn("the log waits for space on its disk")
		}
		c.noSpace = true
		c.proto.cramped()
		c.settle()
	})
}

// needed returns the lowest index that must stay in the log: what the snapshot
// doesn't cover, what readers need, what is being copied, and what is always
// kept.
func (c *core) needed() uint64 {
	meta, _ := c.j.Snapshot()
	keep := meta.Index + 1
	if c.retain > 0 {
		keep = min(keep, c.j.Index(c.retain))
	}
	last := c.j.Last()
	return c.copies.needed(min(keep, last+1-min(c.o.KeepEntries, last)))
}
