package joblog

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"syscall"
	"time"

	"github.com/signet-scheduler/signet/internal/fault"
)

// seal is Hub.Seal without the notice.
func seal(path, reason string) (Summary, error) {
	r, err := Open(path)
	if err != nil {
		return Summary{}, err
	}
	defer r.Close()
	var s Summary
	for f, err := range r.Frames() {
		if err != nil {
			if damaged(err) && r.header {
				break // torn by a crash of the machine: what is whole stays
			}
			return s, err
		}
		switch f.Channel {
		case Stdout:
			s.StdoutBytes += int64(len(f.Data))
		case Stderr:
			s.StderrBytes += int64(len(f.Data))
		}
	}
	if done, ended := r.Summary(); ended {
		return done, nil
	}
	return s, appendEnd(path, r, reason, s)
}

func damaged(err error) bool {
	var e *fault.Error
	return errors.As(err, &e) && e.Kind == fault.Corrupt
}

// appendEnd replaces everything from r's offset on by a mark and the end record.
func appendEnd(path string, r *Reader, reason string, s Summary) (err error) {
	f, err := os.OpenFile(path, os.O_WRONLY, 0)
	if err != nil {
		return writeFault(err, "the task's log can't be sealed")
	}
	defer func() {
		if cerr := f.Close(); err == nil && cerr != nil {
			err = writeFault(cerr, "the task's log can't be sealed")
		}
	}()
	var b []byte
	created, at := r.created, r.Offset()
	if !r.header {
		created, at = time.Now(), 0
		b = encodeHeader(created)
	}
	delta := uint64(max(time.Since(created).Milliseconds(), 0))
	b = appendFrame(b, byte(Mark), delta, []byte(reason[:min(len(reason), MaxLine)]))
	e := ending{stdout: s.StdoutBytes, stderr: s.StderrBytes, flags: flagLost}
	b = appendFrame(b, kindEnd, delta, e.encode())
	if err := f.Truncate(at); err != nil {
		return writeFault(err, "the task's log can't be sealed")
	}
	if _, err := f.WriteAt(b, at); err != nil {
		return writeFault(err, "the task's log can't be sealed")
	}
	return nil
}

// writeFault classifies an error of a write.
func writeFault(err error, message string) error {
	kind, code := fault.Internal, "TaskLogUnwritable"
	switch {
	case errors.Is(err, syscall.ENOSPC), errors.Is(err, syscall.EDQUOT):
		kind, code = fault.NoSpace, "DiskFull"
	case errors.Is(err, fs.ErrExist):
		kind, code = fault.Conflict, "TaskLogExists"
	case errors.Is(err, fs.ErrNotExist):
		kind = fault.NotFound
	case errors.Is(err, io.ErrShortWrite):
		kind, code = fault.NoSpace, "DiskFull"
	}
	return fault.Wrap(kind, code, err, "%s", message)
}
