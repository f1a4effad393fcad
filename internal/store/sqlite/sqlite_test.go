package sqlite

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/signet-scheduler/signet/internal/fault"
	"github.com/signet-scheduler/signet/internal/fsys"
	"github.com/signet-scheduler/signet/internal/store"
	"github.com/signet-scheduler/signet/internal/store/migration"
	"github.com/signet-scheduler/signet/internal/store/storetest"
)

func open(t testing.TB, file string) *DB {
	t.Helper()
	db, err := Open(context.Background(), Options{File: file})
	if err != nil {
		t.Fatalf("Open: %v", err)
	}
	return db
}

func TestSuite(t *testing.T) {
	storetest.Run(t, storetest.Engine{Open: func(t *testing.T) func() store.Store {
		t.Helper()
		file := filepath.Join(t.TempDir(), "sub?#% dir", "cockpit.db")
		return func() store.Store { return open(t, file) }
	}})
}

func TestFilesAreOurs(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	db := open(t, filepath.Join(dir, "cockpit.db"))
	if err := db.Write(context.Background(), func(w store.Writer) error { return w.SetPosition("c", 0, 1) }); err != nil {
		t.Fatal(err)
	}
	entries, err := os.ReadDir(dir)
	if err != nil || len(entries) < 2 {
		t.Fatalf("%v, %v", entries, err)
	}
	for _, e := range entries {
		info, err := e.Info()
		if err != nil {
			t.Fatal(err)
		}
		if info.Mode().Perm() != 0o600 {
			t.Errorf("%s has mode %v", e.Name(), info.Mode())
		}
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
}

func TestOpenRefuses(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	dir := t.TempDir()
	damaged := filepath.Join(dir, "damaged.db")
	if err := os.WriteFile(damaged, []byte("this is no database, but long enough to be looked at by SQLite as one, surely: a header has 100 bytes"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name string
		o    Options
		kind fault.Kind
	}{
		{"relative", Options{File: "x.db"}, fault.Invalid},
		{"damaged", Options{File: damaged}, fault.Corrupt},
		{"a folder", Options{File: dir}, fault.Unavailable},
		{"no folder to be made", Options{File: "/proc/none/x.db"}, fault.Unavailable},
	} {
		if db, err := Open(ctx, c.o); !fault.Is(err, c.kind) {
			t.Errorf("%s: got %v", c.name, err)
			if err == nil {
				_ = db.Close()
			}
		}
	}
}

// Every operation on the disk that Open makes itself fails once.
func TestOpenFailsWithItsDisk(t *testing.T) {
	t.Parallel()
	for n := 1; ; n++ {
		disk := fsys.NewFailing(fsys.Real{}, fsys.Rule{Nth: n, Err: syscall.ENOSPC})
		db, err := Open(context.Background(), Options{File: filepath.Join(t.TempDir(), "x", "c.db"), FS: disk})
		if disk.Hits() == 0 {
			if err != nil {
				t.Fatal(err)
			}
			if n < 3 {
				t.Errorf("only %d operations", n)
			}
			_ = db.Close()
			return
		}
		if err == nil {
			t.Errorf("operation %d failed, Open didn't", n)
			_ = db.Close()
		}
	}
}

func TestMigrations(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	all, err := migration.Read(files, "migrations")
	if err != nil || len(all) == 0 {
		t.Fatalf("%v, %v", all, err)
	}
	db := open(t, filepath.Join(t.TempDir(), "c.db"))
	defer func() { _ = db.Close() }()
	if err := db.writer.close(); err != nil { // its one connection is needed
		t.Fatal(err)
	}
	next := append(slices.Clone(all), migration.Step{Number: len(all) + 1, Name: "more", Text: "CREATE TABLE more (a INTEGER); INSERT INTO more VALUES (1);", Checksum: "sum"})
	broken := append(slices.Clone(all), migration.Step{Number: len(all) + 1, Name: "more", Text: "CREATE TABLE more (a INTEGER); nonsense;", Checksum: "sum"})
	if err := migrateTo(ctx, db.writes, broken); err == nil {
		t.Error("a broken migration passes")
	}
	if err := migrateTo(ctx, db.writes, next); err != nil {
		t.Errorf("after a broken one: %v", err)
	}
	if err := migrateTo(ctx, db.writes, next); err != nil {
		t.Errorf("again: %v", err)
	}
	if err := migrateTo(ctx, db.writes, all); !fault.HasCode(err, "DatabaseTooNew") {
		t.Errorf("a newer database: %v", err)
	}
	next[0].Checksum = "other"
	if err := migrateTo(ctx, db.writes, next); !fault.HasCode(err, "MigrationChanged") {
		t.Errorf("a changed migration: %v", err)
	}
	db.writer, err = openLink(ctx, db.writes, "BEGIN IMMEDIATE")
	if err != nil {
		t.Fatal(err)
	}
}

// A released migration is never changed: add another one.
func TestReleasedMigrations(t *testing.T) {
	t.Parallel()
	all, err := migration.Read(files, "migrations")
	if err != nil {
		t.Fatal(err)
	}
	const golden = "testdata/migrations.txt"
	var text string
	for _, m := range all {
		text += m.Checksum + " " + m.Name + "\n"
	}
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	if text != string(want) {
		t.Errorf("%s differs from the migrations there are:\n%s", golden, text)
	}
}

// A damaged page is found when the database is opened, and the error names the
// file.
func TestDamagedPages(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "x.db")
	db, err := Open(t.Context(), Options{File: file})
	if err != nil {
		t.Fatal(err)
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	whole, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	const page = 4096
	for at := 100; at < len(whole); at = at/page*page + page { // the page's kind
		whole[at] ^= 0x10
		if err := os.WriteFile(file, whole, 0o600); err != nil {
			t.Fatal(err)
		}
		whole[at] ^= 0x10
		db, err := Open(t.Context(), Options{File: file})
		if err == nil {
			err = db.Close()
			t.Errorf("the damaged page %d is taken for good (%v)", at/page+1, err)
			continue
		}
		if !fault.Is(err, fault.Corrupt) || !strings.Contains(err.Error(), file) || !strings.Contains(err.Error(), "restore a backup") {
			t.Errorf("page %d: %v", at/page+1, err)
		}
	}
}

// A connection that was lost, or left with an open transaction, is replaced.
func TestLinkRecovers(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	db := open(t, filepath.Join(t.TempDir(), "c.db"))
	defer func() { _ = db.Close() }()
	if _, err := db.writer.conn.ExecContext(ctx, "BEGIN IMMEDIATE"); err != nil {
		t.Fatal(err)
	}
	if err := db.Write(ctx, func(w store.Writer) error { return w.SetPosition("c", 0, 1) }); err != nil {
		t.Fatal(err)
	}
	if err := db.writer.conn.Close(); err != nil {
		t.Fatal(err)
	}
	if err := db.Write(ctx, func(w store.Writer) error { return w.SetPosition("c", 1, 2) }); err != nil {
		t.Fatal(err)
	}
}

func BenchmarkWriteStep(b *testing.B) {
	db := open(b, filepath.Join(b.TempDir(), "c.db"))
	defer func() { _ = db.Close() }()
	var event int64
	for b.Loop() {
		err := db.Write(context.Background(), func(w store.Writer) error {
			var errs []error
			for range 100 {
				event++
				errs = append(errs, w.AddStep(store.Step{StepKey: store.StepKey{Controller: "c", Event: event}, OrderID: "O", Root: "O", Position: "[0]"}))
			}
			return errors.Join(errs...)
		})
		if err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(event)/b.Elapsed().Seconds(), "rows/s")
}
