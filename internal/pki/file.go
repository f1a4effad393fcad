package pki

import (
	"errors"
	"io"
	"io/fs"

	"github.com/signet-scheduler/signet/internal/fault"
	"github.com/signet-scheduler/signet/internal/fsys"
)

// Bounds on files, in bytes. Each is far above what is sensible.
const (
	maxKeyFile      = 64 << 10
	maxCertFile     = 4 << 20
	maxKeystoreFile = 1 << 20
	maxCRLFile      = 16 << 20
	maxIndexFile    = 256 << 20
)

// readFile reads a regular file of at most limit bytes. A secret file that its
// group or others can touch is refused: its content must be taken as known.
func readFile(disk fsys.FS, path string, limit int64, secret bool) ([]byte, error) {
	// Stat before Open, for Open waits for ever on a pipe.
	info, err := disk.Stat(path)
	if err != nil {
		return nil, pathFault(err, path)
	}
	if !info.Mode.IsRegular() {
		return nil, fault.New(fault.Invalid, "NotAFile", "%s is not a regular file", path)
	}
	if secret && info.Mode.Perm()&0o077 != 0 {
		return nil, fault.New(fault.Untrusted, "KeyFileExposed",
			"%s has mode %#o: a file with a private key must be open to its owner alone (chmod 600 %s)",
			path, info.Mode.Perm(), path)
	}
	f, err := disk.Open(path)
	if err != nil {
		return nil, pathFault(err, path)
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, limit+1))
	if err != nil {
		return nil, pathFault(err, path)
	}
	if int64(len(data)) > limit {
		return nil, fault.New(fault.TooLarge, "FileTooLarge", "%s has more than %d bytes", path, limit)
	}
	return data, nil
}

func pathFault(err error, path string) error {
	if errors.Is(err, fs.ErrNotExist) {
		return fault.Wrap(fault.NotFound, "FileNotFound", err, "%s does not exist", path)
	}
	return fault.Wrap(fault.Unavailable, "FileUnreadable", err, "%s can't be read", path)
}

// writeFile replaces path by data, of mode 0600, so that a reader or a crash
// sees the old or the new content, never a part.
func writeFile(disk fsys.FS, path string, data []byte) error {
	err := fsys.WriteFileAtomic(disk, path, data)
	switch {
	case err == nil:
		return nil
	case fsys.IsNoSpace(err):
		return fault.Wrap(fault.NoSpace, "DiskFull", err, "%s can't be written: the disk is full", path)
	}
	return fault.Wrap(fault.Unavailable, "FileUnwritable", err, "%s can't be written", path)
}
