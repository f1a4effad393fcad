//go:build !linux

package joblog

import "os"

// openFile opens a log for writing at its end.
func openFile(path string, create bool) (logFile, error) {
	flags := os.O_WRONLY | os.O_APPEND
	if create {
		flags |= os.O_CREATE | os.O_EXCL
	}
	return os.OpenFile(path, flags, 0o600)
}
