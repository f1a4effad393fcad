package fsys

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
)

// Real is the operating system's file system.
type Real struct{}

var _ FS = Real{}

type realFile struct{ *os.File }

// Create implements FS.
func (Real) Create(name string) (File, error) {
	return open(name, os.O_RDWR|os.O_CREATE|os.O_TRUNC)
}

// Open implements FS.
func (Real) Open(name string) (File, error) { return open(name, os.O_RDONLY) }

// OpenWrite implements FS.
func (Real) OpenWrite(name string) (File, error) { return open(name, os.O_RDWR) }

// Append implements FS.
func (Real) Append(name string) (File, error) {
	return open(name, os.O_RDWR|os.O_CREATE|os.O_APPEND)
}

func open(name string, flag int) (File, error) {
	f, err := os.OpenFile(name, flag, 0o600)
	if err != nil {
		return nil, err
	}
	return realFile{f}, nil
}

// Rename implements FS.
func (Real) Rename(from, to string) error { return os.Rename(from, to) }

// Remove implements FS.
func (Real) Remove(name string) error { return os.Remove(name) }

// List implements FS.
func (Real) List(dir string) ([]Info, error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, err
	}
	list := make([]Info, 0, len(entries))
	for _, e := range entries {
		info, err := e.Info()
		if errors.Is(err, fs.ErrNotExist) {
			continue // removed since the folder was read
		}
		if err != nil {
			return nil, err
		}
		list = append(list, infoOf(info))
	}
	return list, nil
}

func infoOf(i fs.FileInfo) Info {
	return Info{Name: i.Name(), Size: i.Size(), Dir: i.IsDir(), Mode: i.Mode(), ModTime: i.ModTime()}
}

// MkdirAll implements FS.
func (r Real) MkdirAll(dir string) error {
	info, err := os.Stat(dir)
	if err == nil {
		if info.IsDir() {
			return nil
		}
		return &fs.PathError{Op: "mkdir", Path: dir, Err: errNotDir}
	}
	if !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	above := filepath.Dir(dir)
	if err := r.MkdirAll(above); err != nil {
		return err
	}
	if err := os.Mkdir(dir, 0o700); err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	return r.SyncDir(above)
}

// Stat implements FS.
func (Real) Stat(name string) (Info, error) {
	i, err := os.Stat(name)
	if err != nil {
		return Info{}, err
	}
	return infoOf(i), nil
}

// Size implements File.
func (f realFile) Size() (int64, error) {
	i, err := f.Stat()
	if err != nil {
		return 0, err
	}
	return i.Size(), nil
}
