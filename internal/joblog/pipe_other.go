//go:build !linux

package joblog

import (
	"errors"
	"os"
)

var errLinuxOnly = errors.New("the output of jobs can be captured on Linux only")

// readEnd is the end of a pipe that we read; there is none here.
type readEnd int

func openPipe(string) (readEnd, *os.File, error) { return -1, nil, errLinuxOnly }

func (readEnd) read([]byte) (int, error) { return 0, errLinuxOnly }

func (readEnd) close() {}

func openFile(string, bool) (logFile, error) { return nil, errLinuxOnly }

// watcher reads the pipes of running jobs; there are none here.
type watcher struct{}

// watch is what the watcher knows of a capture.
type watch struct{}

func newWatcher() *watcher { return nil }

func (*watcher) add(*Capture) error { return errLinuxOnly }

func (*watcher) rearm(*Capture, int) {}

func (*watcher) await(*Capture, [2]bool) <-chan struct{} { return nil }

func (*watcher) leave(*Capture) {}

func (*watcher) close() {}
