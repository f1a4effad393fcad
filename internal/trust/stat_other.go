//go:build !linux

package trust

import (
	"errors"
	"io/fs"
	"time"
)

// fileStamp is never made on this system.
type fileStamp struct {
	size    int64
	mode    fs.FileMode
	changed time.Time
}

// stampOf refuses: who could write a trust file can't be found out here, and
// believing it nevertheless would be wrong.
func stampOf(fs.FileInfo) (fileStamp, error) {
	return fileStamp{}, errors.New("trust directories are supported on Linux only")
}

func (fileStamp) checkSecure() error { return nil }
