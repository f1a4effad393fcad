package joblog

import (
	"io"
	"os"

	"golang.org/x/sys/unix"
)

// file is a log's descriptor. An os.File would cost six calls of the system
// more, to learn that Go's poller has no use for it: and a log is opened for each
// burst of output.
type file int

// openFile opens a log for writing at its end.
func openFile(path string, create bool) (logFile, error) {
	flags := unix.O_WRONLY | unix.O_APPEND | unix.O_CLOEXEC
	if create {
		flags |= unix.O_CREAT | unix.O_EXCL
	}
	for {
		fd, err := unix.Open(path, flags, 0o600)
		if err == nil {
			return file(fd), nil
		}
		if err != unix.EINTR {
			return nil, &os.PathError{Op: "open", Path: path, Err: err}
		}
	}
}

func (f file) Write(p []byte) (int, error) {
	done := 0
	for done < len(p) {
		n, err := unix.Write(int(f), p[done:])
		if err == unix.EINTR {
			continue
		}
		if err != nil {
			return done, os.NewSyscallError("write", err)
		}
		if n == 0 {
			return done, io.ErrShortWrite
		}
		done += n
	}
	return done, nil
}

func (f file) Truncate(size int64) error {
	for {
		if err := unix.Ftruncate(int(f), size); err != unix.EINTR {
			return os.NewSyscallError("truncate", err)
		}
	}
}

func (f file) Close() error {
	if err := unix.Close(int(f)); err != nil && err != unix.EINTR { // Linux has closed it then, too
		return os.NewSyscallError("close", err)
	}
	return nil
}
