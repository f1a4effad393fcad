// Package fsys is the only way to the disk for what must survive a crash: an
// interface of the few operations we need, the real disk, a disk in memory
// that can lose power, and a wrapper that fails a chosen operation.
//
// It owns what an operation promises about durability (see FS and File). It
// must not know formats, and it never retries: a failed write or sync is the
// caller's to report, since the kernel may have dropped the data already.
// The journal, the consensus package and whoever writes files that count call
// it; code that only reads configuration may use package os.
package fsys

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path/filepath"
	"syscall"
	"time"
)

// FS is a file system. Names are paths of the operating system. Errors are
// *fs.PathError (or *os.LinkError) around a system error, so errors.Is works
// with fs.ErrNotExist and syscall.ENOSPC.
//
// Durability: what is written to a file is durable after its Sync; that a file
// exists under its name (Create, Rename, Remove) is durable after SyncDir of
// the folder. All methods are safe for concurrent use.
type FS interface {
	// Create makes an empty file of mode 0600, or empties the one that is
	// there, and opens it for reading and writing.
	Create(name string) (File, error)
	// Open opens an existing file for reading.
	Open(name string) (File, error)
	// OpenWrite opens an existing file for reading and writing at any place.
	OpenWrite(name string) (File, error)
	// Append opens a file, made with mode 0600 when it is missing, whose Write
	// always goes to its end.
	Append(name string) (File, error)
	// Rename gives a file or a folder another name, in one step. A file of
	// that name is replaced; a folder's new name must be free.
	Rename(from, to string) error
	// Remove removes a file or an empty folder.
	Remove(name string) error
	// List returns what a folder holds, sorted by name.
	List(dir string) ([]Info, error)
	// MkdirAll makes a folder and those above it, of mode 0700. New folders
	// are durable when it returns.
	MkdirAll(dir string) error
	// Stat returns what is known about a file or folder.
	Stat(name string) (Info, error)
	// SyncDir makes the names in a folder durable.
	SyncDir(dir string) error
	// Free returns how many bytes may still be written to the disk that holds dir.
	Free(dir string) (int64, error)
}

// File is an open file. ReadAt and WriteAt may be called concurrently; Read
// and Write share one position.
type File interface {
	io.Reader
	io.Writer
	io.ReaderAt
	io.WriterAt
	io.Closer
	// Name returns the name the file was opened with.
	Name() string
	// Size returns the file's length in bytes.
	Size() (int64, error)
	// Truncate sets the file's length; what is added reads as zero.
	Truncate(size int64) error
	// Allocate makes the file at least size bytes long, and takes the disk's
	// space for them now, so that a later write there can't fail for want of
	// it. What is added reads as zero.
	Allocate(size int64) error
	// Sync makes the file's bytes and length durable. After an error nothing
	// is known about what was written since the last Sync: don't try again.
	Sync() error
}

// Info tells about a file or folder. Name is without its folder.
type Info struct {
	Name    string
	Size    int64
	Dir     bool
	Mode    fs.FileMode
	ModTime time.Time
}

// IsNoSpace tells whether err means that the disk, or the user's share of it, is full.
func IsNoSpace(err error) bool {
	return errors.Is(err, syscall.ENOSPC) || errors.Is(err, errQuota)
}

// ReadFile returns a file's bytes; one longer than limit is refused.
func ReadFile(fsys FS, name string, limit int64) ([]byte, error) {
	f, err := fsys.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, limit+1))
	if err != nil {
		return nil, fmt.Errorf("reading %s: %w", name, err)
	}
	if int64(len(data)) > limit {
		return nil, &fs.PathError{Op: "read", Path: name, Err: fmt.Errorf("longer than %d bytes", limit)}
	}
	return data, nil
}

// WriteFileAtomic replaces the file called name by one that holds data, or
// makes it. After a crash at any instant the file has its old or its new
// content, whole; when nil is returned, the new one, durably.
func WriteFileAtomic(fsys FS, name string, data []byte) error {
	aside := name + ".new"
	f, err := fsys.Create(aside)
	if err != nil {
		return err
	}
	_, err = f.Write(data)
	if err == nil {
		err = f.Sync()
	}
	if cerr := f.Close(); err == nil {
		err = cerr
	}
	if err == nil {
		err = fsys.Rename(aside, name)
	}
	if err != nil {
		// The file aside is useless; that it can't be removed changes nothing.
		_ = fsys.Remove(aside)
		return err
	}
	return fsys.SyncDir(filepath.Dir(name))
}

// RemoveAll removes a file, or a folder with all it holds; what isn't there is fine.
func RemoveAll(fsys FS, name string) error {
	info, err := fsys.Stat(name)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	if info.Dir {
		list, err := fsys.List(name)
		if err != nil {
			return err
		}
		for _, i := range list {
			if err := RemoveAll(fsys, filepath.Join(name, i.Name)); err != nil {
				return err
			}
		}
	}
	if err := fsys.Remove(name); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}
