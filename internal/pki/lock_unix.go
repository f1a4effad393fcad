//go:build unix

package pki

import (
	"golang.org/x/sys/unix"

	"github.com/signet-scheduler/signet/internal/fault"
)

// lockDir waits for the lock on the authority's directory, which orders the
// changes of several processes, and returns what gives it back. The system
// frees it when a process dies. A directory that only a file system in memory
// has needs none.
func lockDir(dir string) (unlock func(), err error) {
	fd, err := unix.Open(dir, unix.O_RDONLY|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err == unix.ENOENT {
		return func() {}, nil
	}
	if err != nil {
		return nil, pathFault(err, dir)
	}
	for {
		err = unix.Flock(fd, unix.LOCK_EX)
		if err == nil {
			return func() { _ = unix.Close(fd) }, nil
		}
		if err != unix.EINTR {
			_ = unix.Close(fd)
			return nil, fault.Wrap(fault.Unavailable, "NotLocked", err, "the authority in %s can't be locked", dir)
		}
	}
}
