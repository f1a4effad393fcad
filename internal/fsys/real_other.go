//go:build !linux

package fsys

import (
	"errors"
	"math"
	"os"
	"runtime"
	"syscall"
)

// The system errors that need a name in common code.
var (
	errQuota  = errors.New("quota exceeded")
	errNotDir = syscall.ENOTDIR
)

// SyncDir implements FS. Windows keeps names durable by itself and can't sync
// a folder.
func (Real) SyncDir(dir string) error {
	if runtime.GOOS == "windows" {
		return nil
	}
	f, err := os.Open(dir)
	if err != nil {
		return err
	}
	err = f.Sync()
	if cerr := f.Close(); err == nil {
		err = cerr
	}
	return err
}

// Free implements FS. These systems have no common call for it, so nothing is
// refused early there; a full disk shows when space is allocated.
func (Real) Free(string) (int64, error) { return math.MaxInt64, nil }

// Allocate implements File.
func (f realFile) Allocate(size int64) error { return writeZeros(f, size) }
