package trust

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"syscall"
	"time"
)

// fileStamp changes when a file is written, replaced, or gets other rights. It
// holds what stat tells.
type fileStamp struct {
	size    int64
	mode    fs.FileMode
	written time.Time
	changed time.Time
	inode   uint64
	device  uint64
	owner   uint32
}

func stampOf(info fs.FileInfo) (fileStamp, error) {
	st, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		return fileStamp{}, errors.New("its owner can't be found out")
	}
	return fileStamp{
		size: info.Size(), mode: info.Mode(), written: info.ModTime(),
		changed: time.Unix(st.Ctim.Unix()), inode: st.Ino, device: st.Dev, owner: st.Uid,
	}, nil
}

// checkSecure refuses what others than root and this process' user could write.
func (s fileStamp) checkSecure() error {
	if s.mode.Perm()&0o022 != 0 {
		return fmt.Errorf("it is writable for its group or for everybody (mode %04o); run chmod go-w", s.mode.Perm())
	}
	if isForeign(s.owner, os.Geteuid()) {
		return fmt.Errorf("it belongs to user %d; it must belong to root or to the user %d that runs Signet", s.owner, os.Geteuid())
	}
	return nil
}
