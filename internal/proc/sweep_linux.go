package proc

import (
	"errors"
	"fmt"
	"log/slog"
	"os"
	"slices"
	"time"
)

// begin and end count clean-ups, which closeAll waits for.
func (h *host) begin() {
	h.sweepMu.Lock()
	defer h.sweepMu.Unlock()
	h.cleanup++
}

func (h *host) end() {
	h.sweepMu.Lock()
	h.cleanup--
	h.sweepMu.Unlock()
	h.mu.Lock()
	h.notify()
	h.mu.Unlock()
}

// sweepPause is how long trees of jobs that have ended are gathered for one walk,
// which costs about 20 us for every process of the machine.
const sweepPause = 250 * time.Millisecond

// sweep puts a job's tree to those that one goroutine kills by walks, many trees
// with one walk; an urgent one at once.
func (h *host) sweep(j *job, urgent bool) {
	if urgent {
		select {
		case h.urgent <- struct{}{}:
		default:
		}
	}
	h.sweepMu.Lock()
	defer h.sweepMu.Unlock()
	h.sweeps = append(h.sweeps, j)
	if !h.sweeper {
		h.sweeper = true
		h.cleanup++
		go h.runSweeper()
	}
}

func (h *host) runSweeper() {
	defer h.end()
	for h.moreSweeps() {
		select {
		case <-h.urgent:
		case <-time.After(sweepPause):
		}
		h.sweepMu.Lock()
		batch := h.sweeps
		h.sweeps = nil
		h.sweepMu.Unlock()
		h.killBatch(batch)
	}
}

// moreSweeps reports whether there is more for the sweeper, which else ends.
func (h *host) moreSweeps() bool {
	h.sweepMu.Lock()
	defer h.sweepMu.Unlock()
	h.sweeper = len(h.sweeps) > 0
	return h.sweeper
}

func (h *host) killBatch(batch []*job) {
	victims := make([]*tree, 0, len(batch))
	for _, j := range batch {
		victims = append(victims, j.tree)
	}
	var others []*tree
	h.mu.Lock()
	for _, j := range h.jobs {
		if j.tree != nil && !slices.Contains(victims, j.tree) {
			others = append(others, j.tree)
		}
	}
	h.mu.Unlock()
	left, err := killTrees(os.Getpid(), victims, others, false, patience)
	if !h.all {
		reapSeen(victims)
	}
	if err != nil || len(left) > 0 {
		h.log(slog.LevelError, fmt.Sprintf("Processes of jobs can't be killed: %v %v", left, errors.Join(err)))
	}
}
