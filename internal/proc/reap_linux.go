package proc

import (
	"context"
	"log/slog"
	"os"
	"time"

	"golang.org/x/sys/unix"

	"github.com/signet-scheduler/signet/internal/clock"
)

// A child that isn't reaped keeps its number. So the reapers first only learn
// that a child has ended, and take its status away under h.mu, where kill looks
// whether it is still there: no signal ever goes to a stranger, without a
// descriptor per job.

// What is many times, a second, to have slept until a child ends; for how long then
// others are waited for; and how long a call takes at least that has slept.
const (
	manyEnds = 200
	holdEnds = 2 * time.Millisecond
	sleptFor = 100 * time.Microsecond
)

// reapAll reaps every child of this process, until done is closed and the next
// child has ended.
//
// Before it sleeps until a child ends, the kernel looks through all children once.
// So when many end, some are waited for at a time. One job after the other is
// never held.
func (h *host) reapAll(done <-chan struct{}) {
	pacer := clock.NewPacer(clock.Real{}, clock.PacerOptions{Rate: manyEnds, Burst: manyEnds / 5, Hold: holdEnds})
	for {
		began := time.Now()
		err := unix.Waitid(unix.P_ALL, 0, nil, unix.WEXITED|unix.WNOWAIT, nil)
		switch err {
		case nil:
			if time.Since(began) > sleptFor && h.several() {
				pacer.Wait(context.Background(), 1)
			}
			h.reapOne()
		case unix.EINTR:
		default: // ECHILD: there is no child now
			if !h.awaitFork(done) {
				return
			}
		}
	}
}

// awaitFork waits for a new child; false when done is closed.
func (h *host) awaitFork(done <-chan struct{}) bool {
	var late <-chan time.Time
	if h.groups != nil && h.groups.hasSpares() {
		t := time.NewTimer(spareTime)
		defer t.Stop()
		late = t.C
	}
	for {
		select {
		case <-h.forked:
			return true
		case <-done:
			return false
		case <-late:
			h.groups.dropSpares()
		}
	}
}

// reapOne takes the status of one child that has ended. Only one: each look costs
// the kernel a walk over all children, and a look for a second finds none mostly.
func (h *host) reapOne() {
	w := new(waited)
	h.mu.Lock()
	pid, err := unix.Wait4(-1, &w.status, unix.WNOHANG, &w.usage)
	if err != nil || pid <= 0 {
		h.mu.Unlock()
		return // a fork that failed has taken its child's status itself
	}
	j := h.byPID[pid]
	if j == nil {
		// An orphan of some job, or a job whose start isn't done yet.
		if h.forking {
			h.early[pid] = w
		}
		h.mu.Unlock()
		return
	}
	h.reaped(j)
	h.mu.Unlock()
	h.finish(j, w)
}

// reaped notes that a job's main process is gone. h.mu is held.
func (h *host) reaped(j *job) {
	delete(h.byPID, j.PID)
	j.done = true
	h.ending++
	if j.turn == h.turn {
		h.young--
	}
}

// several tells whether more than one job runs of those that were started lately.
func (h *host) several() bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.young > 1
}

// nextTurn tells that another thread forks: the jobs so far are no young ones any
// more.
func (h *host) nextTurn() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.turn++
	h.young = 0
}

// watch waits for one process by its pidfd, in Go's poller: no thread. It is for
// the in-process owner, which must not take other children's status away.
func (h *host) watch(j *job, pidfd int) {
	h.await(j.PID, pidfd)
	w := new(waited)
	h.mu.Lock()
	_, err := wait4(j.PID, &w.status, &w.usage)
	h.reaped(j)
	h.mu.Unlock()
	if err != nil {
		h.log(slog.LevelError, "The end of a process was taken away by another part of this program: "+err.Error())
	}
	h.finish(j, w)
}

// await returns when the process has ended and is not yet reaped.
func (h *host) await(pid, pidfd int) {
	if pidfd >= 0 && unix.SetNonblock(pidfd, true) == nil {
		f := os.NewFile(uintptr(pidfd), "pidfd")
		defer f.Close()
		if raw, err := f.SyscallConn(); err == nil {
			ended := func(fd uintptr) bool {
				var info unix.Siginfo
				err := unix.Waitid(unix.P_PIDFD, int(fd), &info, unix.WEXITED|unix.WNOWAIT|unix.WNOHANG, nil)
				return err != unix.EINTR && (err != nil || info.Signo != 0)
			}
			if raw.Read(ended) == nil {
				return
			}
		}
	}
	for unix.Waitid(unix.P_PID, pid, nil, unix.WEXITED|unix.WNOWAIT, nil) == unix.EINTR {
	}
}

// closeAll kills every job and waits until all is gone, at most for patience.
// Starts are refused from then on by the caller.
func (h *host) closeAll() {
	h.mu.Lock()
	h.closing = true
	for _, j := range h.jobs {
		h.killLocked(j, KilledByClose)
	}
	h.mu.Unlock()
	deadline := time.NewTimer(patience)
	defer deadline.Stop()
	if !h.idle(deadline.C) {
		h.log(slog.LevelError, "Some jobs can't be killed; they are left behind.")
	}
	h.mu.Lock()
	for key, j := range h.jobs {
		if j.done {
			delete(h.jobs, key)
			if j.tree == nil { // else killLocked has it in the sweep
				h.release(j)
			}
		}
	}
	h.mu.Unlock()
	h.idle(deadline.C)
	if h.groups != nil {
		if err := h.groups.remove(); err != nil {
			h.log(slog.LevelWarn, "The cgroup of the jobs can't be removed: "+err.Error())
		}
	} else if h.all {
		// All that is below the starter comes from jobs.
		if left, err := killTrees(os.Getpid(), nil, nil, true, patience); err != nil || len(left) > 0 {
			h.log(slog.LevelError, "Some processes of jobs can't be killed; they are left behind.")
		}
	}
	_ = unix.Close(h.null)
}

// idle waits until no process runs, all ends are told and no clean-up is under way.
func (h *host) idle(deadline <-chan time.Time) bool {
	for {
		h.mu.Lock()
		h.sweepMu.Lock()
		busy := len(h.byPID) > 0 || h.ending > 0 || h.forking || h.cleanup > 0
		changed := h.changed
		h.sweepMu.Unlock()
		h.mu.Unlock()
		if !busy {
			return true
		}
		select {
		case <-changed:
		case <-deadline:
			return false
		}
	}
}
