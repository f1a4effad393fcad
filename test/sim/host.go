package sim

import (
	"errors"
	"fmt"
	"time"

	"github.com/signet-scheduler/signet/internal/consensus"
	"github.com/signet-scheduler/signet/internal/fault"
)

// host is a part with a log: it drives a consensus.Stepper as the goroutines of
// a node do, each step an event of the world.
type host struct {
	*part
	step   *consensus.Stepper
	busy   bool // the disk works on orders
	asides bool
	seen   uint64
	feeds  []*feed
	told   uint64 // entries that the feeds know of
	look   func() // looks at what an input left
}

func (h *host) options() consensus.Options {
	z := &h.w.sizes
	return consensus.Options{
		FS: h.weak, Dir: "/log", Clock: h.clock, Log: h.w.log.With("part", h.name), Tick: z.tick, ElectionTicks: z.election, HungTicks: 60 + z.election,
		SegmentBytes: z.segment, SnapshotBytes: z.snapshot, SnapshotPeriod: 20 * time.Second, KeepEntries: z.keep,
		MaxBatchBytes: 4 << 10, MinFreeSpace: 32 << 10, MaxQueue: 500,
	}
}

// run takes over a stepper that was just opened.
func (h *host) run(s *consensus.Stepper) {
	h.step, h.busy, h.asides = s, false, false
	if s.Recovered().Torn > 0 {
		h.w.reach("torn log")
	}
	h.settle()
	h.tick()
}

func (h *host) tick() {
	h.after(h.w.sizes.tick, "tick", func() {
		h.input(h.step.Tick)
		h.tick()
	})
}

// input puts something into the node and carries out what follows at once.
func (h *host) input(f func()) {
	life := h.life
	f()
	if h.life == life {
		h.settle()
	}
}

func (h *host) settle() {
	h.step.Posted()
	if err := h.step.Err(); err != nil {
		h.broken("its log stopped", err)
		return
	}
	h.look()
	if h.life == nil || h.w.err != nil {
		return
	}
	work := h.step.Work()
	if work.Unwritten > 0 && !h.busy {
		h.busy = true
		h.after(h.diskTime(), "write", h.write)
	}
	if work.Jobs > 0 && !h.asides {
		h.asides = true
		h.after(10*h.diskTime(), "aside", h.aside)
	}
}

func (h *host) diskTime() time.Duration {
	return 20*time.Microsecond + time.Duration(h.rand.ExpFloat64()*float64(100*time.Microsecond))
}

// write carries out one order; when there is no other, all are synced.
func (h *host) write() {
	if h.hung {
		h.after(100*time.Millisecond, "hung", h.write)
		return
	}
	before := h.step.Work().Unwritten
	if err := h.step.WriteOne(); err != nil {
		h.broken("writing", err)
		return
	}
	switch work := h.step.Work(); {
	case work.Unwritten == before && work.Unsynced == 0: // it waits for space
		h.after(100*time.Millisecond, "full", h.write)
		return
	case work.Unwritten > 0 && work.Unwritten < before:
		h.after(h.diskTime(), "write", h.write)
		return
	}
	h.after(5*h.diskTime(), "sync", h.sync)
}

func (h *host) sync() {
	if h.hung {
		h.after(100*time.Millisecond, "hung", h.sync)
		return
	}
	h.busy = false
	life := h.life
	if err := h.step.Sync(); err != nil {
		h.broken("syncing", err)
		return
	}
	if h.life == life {
		h.settle()
	}
}

func (h *host) aside() {
	if h.hung {
		h.after(100*time.Millisecond, "hung", h.aside)
		return
	}
	h.asides = false
	h.input(h.step.RunAside)
}

// stop ends the node with its process.
func (h *host) stop() {
	for _, f := range h.feeds {
		if !f.broken {
			f.broken = true
			f.reset(errLost)
		}
	}
	h.feeds = nil
	if h.step != nil {
		h.step.Kill()
		h.step = nil
	}
}

// entries hands every entry that is committed here and wasn't looked at to f.
func (h *host) entries(f func(consensus.Entry) error) {
	for applied := h.step.Applied(); h.seen < applied; {
		list, err := h.step.Entries(h.seen+1, 1<<20)
		if fault.HasCode(err, "EntriesCompacted") {
			h.seen = h.step.Status().OldestSeq - 1
			continue
		}
		if err != nil {
			h.w.fail(fmt.Errorf("%s: reading its entries: %w", h.name, err))
			return
		}
		if len(list) == 0 {
			return // not readable yet
		}
		for _, e := range list {
			if e.Seq != h.seen+1 {
				h.w.fail(fmt.Errorf("%s: entry %d follows %d", h.name, e.Seq, h.seen))
				return
			}
			if err := f(e); err != nil {
				h.w.fail(fmt.Errorf("%s: %w", h.name, err))
				return
			}
			h.seen = e.Seq
		}
	}
}

// unanswered tells whether an error of a command leaves its outcome open.
func unanswered(err error) bool {
	return fault.HasCode(err, "OutcomeUnknown") || errors.Is(err, errTimeout) || errors.Is(err, errLost)
}
