package cockpit

import (
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/signet-scheduler/signet/internal/conf"
	"github.com/signet-scheduler/signet/internal/fault"
	"github.com/signet-scheduler/signet/internal/fsys"
	"github.com/signet-scheduler/signet/internal/store"
	"github.com/signet-scheduler/signet/internal/store/postgres"
	"github.com/signet-scheduler/signet/internal/store/sqlite"
	"github.com/signet-scheduler/signet/internal/store/transfer"
)

// Database is a Cockpit's database, whatever its engine is.
type Database interface {
	store.Store
	transfer.Whole
}

// OpenDatabase opens the database that the settings name, and brings it to the
// form of this version.
func OpenDatabase(ctx context.Context, s *conf.Cockpit, disk fsys.FS) (Database, error) {
	if file, ok := strings.CutPrefix(s.Database, "sqlite:"); ok {
		db, err := sqlite.Open(ctx, sqlite.Options{File: file, FS: disk})
		if err != nil {
			return nil, err // not the nil pointer as a database
		}
		return db, nil
	}
	db, err := postgres.Open(ctx, postgres.Options{URL: s.Database, Password: databasePassword(s)})
	if err != nil {
		return nil, err
	}
	return db, nil
}

// databasePassword returns how the password is found out; nil: there is none.
func databasePassword(s *conf.Cockpit) func() (string, error) {
	switch {
	case s.DatabasePasswordFile != "":
		return func() (string, error) { return readPassword(s.DatabasePasswordFile) }
	case !s.DatabasePassword.IsEmpty():
		return func() (string, error) { return s.DatabasePassword.Reveal(), nil }
	}
	return nil
}

// maxPassword bounds a file with a password, in bytes.
const maxPassword = 4096

// readPassword reads a file that holds nothing but a password.
func readPassword(file string) (string, error) {
	unreadable := func(err error) error {
		return fault.Wrap(fault.Invalid, "PasswordUnreadable", err, "the file with the database's password, %s, can't be read", file)
	}
	f, err := os.Open(file)
	if err != nil {
		return "", unreadable(err)
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return "", unreadable(err)
	}
	if info.Mode().Perm()&0o077 != 0 {
		return "", fault.New(fault.Untrusted, "KeyFileExposed", "others than its owner can use the file with the database's password, %s: chmod 600 it", file)
	}
	text, err := io.ReadAll(io.LimitReader(f, maxPassword+1))
	if err == nil && (len(text) > maxPassword || len(text) == 0) {
		err = errors.New("it is empty or too long")
	}
	if err != nil {
		return "", unreadable(err)
	}
	return strings.TrimRight(string(text), "\r\n"), nil
}

// copyName returns where the database is copied to for a backup.
func (c *Cockpit) copyName() string {
	if file, ok := strings.CutPrefix(c.settings.Database, "sqlite:"); ok {
		return file + ".copy"
	}
	return filepath.Join(c.settings.DataDir, "cockpit.db.copy")
}
