package app

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"

	"github.com/signet-scheduler/signet/internal/fault"
)

// lockDir takes the one lock of a data directory, which is made if it is
// missing. It is held until the file is closed or the process ends.
func lockDir(dir string) (*os.File, error) {
	unusable := func(err error) error {
		return fault.Wrap(fault.Invalid, "DataDirectory", err, "the data directory %s can't be used: %s", dir, err)
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, unusable(err)
	}
	f, err := os.OpenFile(filepath.Join(dir, "lock"), os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, unusable(err)
	}
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		holder := make([]byte, 20)
		n, _ := f.Read(holder) // the number is for people; without it the message still holds
		f.Close()
		if err != syscall.EWOULDBLOCK {
			return nil, unusable(err)
		}
		return nil, fault.New(fault.Conflict, "DataDirectoryInUse", "the data directory %s is in use by process %s: end it first, or name another directory", dir, strings.TrimSpace(string(holder[:n])))
	}
	if err := f.Truncate(0); err == nil {
		_, _ = fmt.Fprintln(f, os.Getpid()) // for people
	}
	return f, nil
}
