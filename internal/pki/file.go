package pki

import (
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/signet-scheduler/signet/internal/fault"
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
func readFile(path string, limit int64, secret bool) ([]byte, error) {
	// Stat before Open, for Open waits for ever on a pipe.
	if info, err := os.Stat(path); err != nil {
		return nil, pathFault(err, path)
	} else if !info.Mode().IsRegular() {
		return nil, fault.New(fault.Invalid, "NotAFile", "%s is not a regular file", path)
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, pathFault(err, path)
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, pathFault(err, path)
	}
	if secret && info.Mode().Perm()&0o077 != 0 {
		return nil, fault.New(fault.Untrusted, "KeyFileExposed",
			"%s has mode %#o: a file with a private key must belong to its owner alone (chmod 600 %s)",
			path, info.Mode().Perm(), path)
	}
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

// writeFile replaces path by data, so that a reader or a crash sees the old or
// the new content, never a part.
func writeFile(path string, data []byte, mode fs.FileMode) (err error) {
	var random [8]byte
	_, _ = rand.Read(random[:])
	temp := path + ".new-" + hex.EncodeToString(random[:])
	f, err := os.OpenFile(temp, os.O_WRONLY|os.O_CREATE|os.O_EXCL, mode)
	if err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	defer func() {
		if err != nil {
			_ = os.Remove(temp)
			err = fmt.Errorf("write %s: %w", path, err)
		}
	}()
	_, err = f.Write(data)
	if err == nil {
		err = f.Sync()
	}
	if closeErr := f.Close(); err == nil {
		err = closeErr
	}
	if err != nil {
		return err
	}
	if err = os.Rename(temp, path); err != nil {
		return err
	}
	return syncDir(filepath.Dir(path))
}

// syncDir makes a rename or a new entry in dir durable.
func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	err = d.Sync()
	if closeErr := d.Close(); err == nil {
		err = closeErr
	}
	return err
}
