package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"path/filepath"
	"time"

	"modernc.org/sqlite" // the driver, and its errors

	"github.com/signet-scheduler/signet/internal/fault"
	"github.com/signet-scheduler/signet/internal/fsys"
	"github.com/signet-scheduler/signet/internal/store"
	"github.com/signet-scheduler/signet/internal/store/turn"
)

// Options says how a database is opened.
type Options struct {
	File string  // absolute path
	FS   fsys.FS // makes the file and its folder; nil: the disk
	// Readers is how many views may be open at once; 0 means 4.
	Readers int
}

// DB is an open database. Safe for concurrent use.
type DB struct {
	file    string
	writes  *sql.DB
	reads   *sql.DB
	writer  *link      // owned by whoever writes
	readers chan *link // those that nobody uses

	turns *turn.Queue
}

var _ store.Store = (*DB)(nil)

// Open opens the database, makes it where it is missing (mode 0600), and brings
// its tables to the form of this version. A database of a later version is
// refused (Conflict, DatabaseTooNew), one whose past differs from ours too
// (Corrupt, MigrationChanged).
func Open(ctx context.Context, o Options) (*DB, error) {
	if o.FS == nil {
		o.FS = fsys.Real{}
	}
	if o.Readers <= 0 {
		o.Readers = 4
	}
	if !filepath.IsAbs(o.File) {
		return nil, fault.New(fault.Invalid, "InvalidDatabase", "the database's path %s is not absolute", o.File)
	}
	if err := create(o.FS, o.File); err != nil {
		return nil, err
	}
	db := &DB{file: o.File, readers: make(chan *link, o.Readers)}
	db.turns = turn.NewQueue(db.commit)
	if err := db.connect(ctx, o); err != nil {
		return nil, errors.Join(fmt.Errorf("opening the database %s: %w", o.File, err), db.Close())
	}
	return db, nil
}

func (d *DB) connect(ctx context.Context, o Options) error {
	var err error
	if d.writes, err = sql.Open("sqlite", dsn(o.File, false)); err != nil {
		return failure(err)
	}
	d.writes.SetMaxOpenConns(1)
	if err := check(ctx, d.writes); err != nil {
		return err
	}
	if err := migrate(ctx, d.writes); err != nil {
		return err
	}
	if d.writer, err = openLink(ctx, d.writes, "BEGIN IMMEDIATE"); err != nil {
		return err
	}
	if d.reads, err = sql.Open("sqlite", dsn(o.File, true)); err != nil {
		return failure(err)
	}
	d.reads.SetMaxOpenConns(o.Readers)
	for range o.Readers {
		l, err := openLink(ctx, d.reads, "BEGIN")
		if err != nil {
			return err
		}
		d.readers <- l
	}
	return nil
}

// checkTime is how long a database is looked at when it is opened: enough for
// 2 GB. Whoever waits for the Cockpit shouldn't wait for more.
const checkTime = 5 * time.Second

// check looks whether the database is built as it should be. It doesn't notice
// a changed value: SQLite keeps no checksums.
func check(ctx context.Context, db *sql.DB) error {
	limited, cancel := context.WithTimeout(ctx, checkTime)
	defer cancel()
	var found string
	err := db.QueryRowContext(limited, "PRAGMA quick_check(1)").Scan(&found)
	if err != nil && limited.Err() != nil && ctx.Err() == nil {
		return nil // what was looked at is good
	}
	if err != nil {
		return failure(err)
	}
	if found != "ok" {
		return fault.New(fault.Corrupt, "DatabaseCorrupt", "the database is damaged (%s); nothing was changed: check the disk, and restore a backup", found)
	}
	return nil
}

// create makes the file before SQLite does, which would let others read it; the
// files beside it get its mode.
func create(disk fsys.FS, file string) error {
	_, err := disk.Stat(file)
	if err == nil {
		return nil
	}
	if !errors.Is(err, fs.ErrNotExist) {
		return fault.Wrap(fault.Unavailable, "DatabaseUnreachable", err, "the database %s can't be opened", file)
	}
	dir := filepath.Dir(file)
	if err := disk.MkdirAll(dir); err != nil {
		return cannotCreate(file, err)
	}
	f, err := disk.Create(file)
	if err != nil {
		return cannotCreate(file, err)
	}
	if err := f.Close(); err != nil {
		return cannotCreate(file, err)
	}
	if err := disk.SyncDir(dir); err != nil {
		return cannotCreate(file, err)
	}
	return nil
}

func cannotCreate(file string, err error) error {
	if fsys.IsNoSpace(err) {
		return fault.Wrap(fault.NoSpace, "NoSpace", err, "the disk is full: the database %s can't be made", file)
	}
	return fault.Wrap(fault.Unavailable, "DatabaseUnreachable", err, "the database %s can't be made", file)
}

// dsn returns the address of the file with the settings of a connection.
func dsn(file string, readOnly bool) string {
	q := url.Values{}
	q.Add("_pragma", "busy_timeout(10000)")
	q.Add("_pragma", "journal_mode(WAL)")
	// What was confirmed to a Controller must survive a power cut.
	q.Add("_pragma", "synchronous(FULL)")
	q.Add("_pragma", "journal_size_limit(67108864)")
	q.Add("_pragma", "cache_size(-16384)")
	q.Add("_pragma", "trusted_schema(OFF)")
	if readOnly {
		q.Add("_pragma", "query_only(ON)")
	}
	u := url.URL{Scheme: "file", Path: file, RawQuery: q.Encode()}
	return u.String()
}

// Close waits for the transactions that run and closes the database.
func (d *DB) Close() error {
	if !d.turns.Close() {
		return nil
	}
	var errs []error
	if d.writer != nil {
		errs = append(errs, d.writer.close())
	}
	for len(d.readers) > 0 {
		errs = append(errs, (<-d.readers).close())
	}
	for _, db := range []*sql.DB{d.reads, d.writes} {
		if db != nil {
			errs = append(errs, db.Close())
		}
	}
	return errors.Join(errs...)
}

// Backup writes a copy of one moment; others read and write meanwhile.
func (d *DB) Backup(ctx context.Context, file string) (err error) {
	// A connection of its own: readers may not write, and the writer has no time.
	db, err := sql.Open("sqlite", dsn(d.file, false))
	if err != nil {
		return failure(err)
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	if _, err := db.ExecContext(ctx, "VACUUM INTO ?", file); err != nil {
		return fmt.Errorf("backing up the database: %w", failure(err))
	}
	return nil
}

// failure makes a fault of what SQLite reports.
func failure(err error) error {
	var known *fault.Error
	if err == nil || errors.As(err, &known) {
		return err
	}
	if errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		return fault.Wrap(fault.Timeout, "DatabaseTimeout", err, "the database was not waited for any longer")
	}
	var e *sqlite.Error
	if !errors.As(err, &e) {
		return fault.Wrap(fault.Internal, "DatabaseFailed", err, "the database failed")
	}
	switch e.Code() & 0xff {
	case codeBusy, codeLocked:
		return fault.Wrap(fault.Unavailable, "DatabaseBusy", err, "the database is busy; is another program using it?")
	case codeFull:
		return fault.Wrap(fault.NoSpace, "NoSpace", err, "the disk with the database is full")
	case codeCorrupt, codeNotADB:
		return fault.Wrap(fault.Corrupt, "DatabaseCorrupt", err, "the database is damaged; nothing was changed: check the disk, and restore a backup")
	case codeCantOpen, codePerm, codeReadOnly, codeIO:
		return fault.Wrap(fault.Unavailable, "DatabaseUnreachable", err, "the database can't be read or written")
	case codeConstraint:
		return fault.Wrap(fault.Conflict, "DuplicateRow", err, "it exists already")
	}
	return fault.Wrap(fault.Internal, "DatabaseFailed", err, "the database failed")
}

// Primary result codes of SQLite.
const (
	codePerm       = 3
	codeBusy       = 5
	codeLocked     = 6
	codeReadOnly   = 8
	codeIO         = 10
	codeCorrupt    = 11
	codeFull       = 13
	codeCantOpen   = 14
	codeConstraint = 19
	codeNotADB     = 26
)
