package app

import (
	"os"
	"runtime"

	"golang.org/x/sys/unix"
)

// How late the kernel may wake a thread whose time has come, in nanoseconds
// (PR_SET_TIMERSLACK): what every process begins with, and what a part runs
// with. None of our timers needs to be more precise.
const (
	usualSlack = 50_000
	partSlack  = 500_000
)

// gatherTimers lets the kernel wake this process's timers together. Go's
// watcher thread asks to sleep for 20 microseconds, again and again, whenever
// the process has something to do; with the usual slack it wakes 14,000 times a
// second, which was a fifth of the CPU that all parts needed for a short job. A
// thread has its slack from the thread that made it, and the watcher is made
// before main begins: so the process sets the slack and executes its program
// again, once. A slack that somebody has chosen stays.
//
// It does so in the process's first thread only: the signal by which a
// supervisor's death ends this process belongs to that thread, and is lost when
// another executes a program. Main begins there, but for rare cases; then all
// stays as it was.
func gatherTimers() {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	if unix.Gettid() != os.Getpid() || slack() != usualSlack {
		return
	}
	program, err := os.Executable()
	if err != nil || unix.Prctl(unix.PR_SET_TIMERSLACK, partSlack, 0, 0, 0) != nil || slack() != partSlack {
		return // it runs all the same
	}
	if unix.Exec(program, os.Args, os.Environ()) != nil {
		_ = unix.Prctl(unix.PR_SET_TIMERSLACK, usualSlack, 0, 0, 0)
	}
}

// slack returns the calling thread's timer slack, and 0 when there is none.
func slack() int {
	n, err := unix.PrctlRetInt(unix.PR_GET_TIMERSLACK, 0, 0, 0, 0)
	if err != nil {
		return 0
	}
	return n
}
