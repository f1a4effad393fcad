package joblog

import (
	"errors"
	"io"
	"os"

	"golang.org/x/sys/unix"
)

// readEnd is the end of a pipe that we read. It is a bare descriptor: Go's
// poller would watch it from the first moment on, and most jobs have ended
// before that has paid.
type readEnd int

// openPipe returns a pipe. The read end doesn't block; the write end does, as it
// goes to a job, and programs break on EAGAIN.
func openPipe(name string) (readEnd, *os.File, error) {
	var p [2]int
	if err := unix.Pipe2(p[:], unix.O_CLOEXEC); err != nil {
		return -1, nil, err
	}
	if _, err := unix.FcntlInt(uintptr(p[0]), unix.F_SETFL, unix.O_NONBLOCK); err != nil {
		return -1, nil, errors.Join(err, unix.Close(p[0]), unix.Close(p[1]))
	}
	return readEnd(p[0]), os.NewFile(uintptr(p[1]), name), nil
}

// read reads what is there. The errors are errEmpty, io.EOF at the pipe's end,
// and those of the system.
func (r readEnd) read(p []byte) (int, error) {
	for {
		n, err := unix.Read(int(r), p)
		switch {
		case err == unix.EINTR:
		case err == unix.EAGAIN:
			return 0, errEmpty
		case err != nil:
			return 0, err
		case n == 0:
			return 0, io.EOF
		default:
			return n, nil
		}
	}
}

func (r readEnd) close() { _ = unix.Close(int(r)) } // nothing was written through it
