package joblog

import (
	"errors"
	"time"
)

// Channel says what a frame holds.
type Channel uint8

// The channels of a frame.
const (
	Stdout Channel = 1 // bytes the job wrote to its standard output
	Stderr Channel = 2 // bytes the job wrote to its standard error
	Mark   Channel = 3 // a line of ours about the output, UTF-8, without newline
)

// String returns "stdout", "stderr" or "mark".
func (c Channel) String() string {
	switch c {
	case Stdout:
		return "stdout"
	case Stderr:
		return "stderr"
	case Mark:
		return "mark"
	default:
		return "unknown"
	}
}

// Frame is a piece of output as it was read from the pipe. It may begin and
// end within a line, even within a character.
type Frame struct {
	Channel Channel
	Time    time.Time // when it was read, in milliseconds
	Data    []byte    // valid until the next call of what gave the frame
	Offset  int64     // position of the next frame in the file; reading can resume there
}

// Summary says what became of a task's output.
type Summary struct {
	StdoutBytes    int64  // written by the job, kept or not
	StderrBytes    int64  // written by the job, kept or not
	Cut            int64  // of both, bytes not kept
	LastStderrLine string // last line with something else than white space, at most MaxLine bytes
	Open           bool   // at the end someone still held a pipe open
	Silent         bool   // there was nothing to write, so there is no file
}

// MaxLine is the greatest length of Summary.LastStderrLine in bytes.
const MaxLine = 4096

// DefaultLimit is the size of a task's log when Options.Limit is 0.
const DefaultLimit = 64 << 20

// ErrEnded is returned by Next after the last frame of a finished log.
var ErrEnded = errors.New("the task's log has ended")

// Options configure a Capture.
type Options struct {
	// Limit is the size in bytes from which on output is dropped; 0 means
	// DefaultLimit. The last 64 KiB of output are kept beyond it.
	Limit int64
	// Hub reads the pipes, tells followers of the log and lends buffers; nil
	// means one for this log only, which nobody follows.
	Hub *Hub
	// Now gives the time of frames; nil means time.Now.
	Now func() time.Time
}
