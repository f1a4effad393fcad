package cli

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/signet-scheduler/signet/internal/fault"
)

// readBounded reads a file of at most limit bytes. The error is NotFound,
// TooLarge, or Invalid for a file that can't be read.
func readBounded(path string, limit int64) ([]byte, error) {
	f, err := os.Open(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, fault.Wrap(fault.NotFound, "FileNotFound", err, "the file %s doesn't exist", path)
	case err != nil:
		return nil, fault.Wrap(fault.Invalid, "CannotRead", err, "%s", err)
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, limit+1))
	if err != nil {
		return nil, fault.Wrap(fault.Invalid, "CannotRead", err, "%s can't be read: %s", path, err)
	}
	if int64(len(data)) > limit {
		return nil, fault.New(fault.TooLarge, "FileTooLarge", "%s has more than %d bytes", path, limit)
	}
	return data, nil
}

// writeFile replaces a file in one step.
func writeFile(path string, data []byte, mode fs.FileMode) error {
	failed := func(err error) error {
		return fault.Wrap(fault.Invalid, "CannotWrite", err, "%s can't be written: %s", path, err)
	}
	f, err := os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path)+".*")
	if err != nil {
		return failed(err)
	}
	_, err = f.Write(data)
	err = errors.Join(err, f.Chmod(mode), f.Sync(), f.Close())
	if err == nil {
		err = os.Rename(f.Name(), path)
	}
	if err != nil {
		return failed(errors.Join(err, os.Remove(f.Name())))
	}
	return nil
}

// input reads what --flag names: a text itself, @FILE, or - for standard input.
func (s *session) input(text string, limit int64) ([]byte, error) {
	switch {
	case text == "-":
		return s.readIn(limit)
	case len(text) > 1 && text[0] == '@':
		return readBounded(text[1:], limit)
	}
	return []byte(text), nil
}

// readIn reads standard input to its end.
func (s *session) readIn(limit int64) ([]byte, error) {
	data, err := io.ReadAll(io.LimitReader(s.io.In, limit+1))
	if err != nil {
		return nil, fmt.Errorf("reading standard input: %w", err)
	}
	if int64(len(data)) > limit {
		return nil, fault.New(fault.TooLarge, "InputTooLarge", "standard input has more than %d bytes", limit)
	}
	return data, nil
}

// exists tells whether there is a file or folder of that name.
func exists(path string) bool {
	_, err := os.Lstat(path)
	return err == nil
}
