package postgres

import (
	"context"
	"iter"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/signet-scheduler/signet/internal/fault"
	"github.com/signet-scheduler/signet/internal/store"
	"github.com/signet-scheduler/signet/internal/store/postgres/postgrestest"
	"github.com/signet-scheduler/signet/internal/store/sqlite"
	"github.com/signet-scheduler/signet/internal/store/storetest"
	"github.com/signet-scheduler/signet/internal/store/transfer"
)

func openFile(t *testing.T, file string) *sqlite.DB {
	t.Helper()
	db, err := sqlite.Open(t.Context(), sqlite.Options{File: file})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	return db
}

func tables(t *testing.T, export func(context.Context, func(transfer.Database) error) error) (all []transfer.Table) {
	t.Helper()
	err := export(t.Context(), func(d transfer.Database) (err error) {
		all, err = d.Tables()
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// Both engines have the same tables.
func TestSameTables(t *testing.T) {
	t.Parallel()
	db := open(t, postgrestest.Database(t))
	defer db.Close()
	here, there := tables(t, db.Export), tables(t, openFile(t, filepath.Join(t.TempDir(), "x.db")).Export)
	if d := cmp.Diff(there, here); d != "" || len(here) == 0 {
		t.Errorf("SQLite has (-), PostgreSQL has (+):\n%s", d)
	}
}

// A backup is an SQLite database; filled into another PostgreSQL database, it gives the
// same again. Not a table is left out.
func TestThereAndBack(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	first, second := open(t, postgrestest.Database(t)), open(t, postgrestest.Database(t))
	defer first.Close()
	defer second.Close()
	if err := first.Write(ctx, storetest.Fill); err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "copy.db")
	if err := first.Backup(ctx, file); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(file + "-wal"); err == nil {
		t.Error("a part of the backup is beside it")
	}
	middle := openFile(t, file)
	var told []transfer.Progress
	fill := func() ([]transfer.Progress, error) {
		return transfer.Fill(ctx, middle, second, func(p transfer.Progress) { told = append(told, p) })
	}
	done, err := fill()
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range done {
		if p.Rows == 0 || p.Rows != p.Of || !p.Checked {
			t.Errorf("copied: %+v", p)
		}
	}
	if len(told) != 3*len(done) {
		t.Errorf("told %d times of %d tables", len(told), len(done))
	}
	// Ids go on, and the engines' own kinds of values are back.
	err = second.Write(ctx, func(w store.Writer) error {
		id, err := w.AddAudit(store.AuditEntry{})
		if id != 2 {
			t.Errorf("the next audit entry has id %d", id)
		}
		s, err2 := w.Step(store.StepKey{Controller: "c", Event: 1000})
		if s.OrderID != "O|x\x00" || s.ReturnCode != nil || err2 != nil {
			t.Errorf("step: %+v, %v", s, err2)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	err = middle.Read(ctx, func(r store.Reader) error {
		found, err := r.Steps(store.StepQuery{Controller: "c", Root: "O", Order: "O", Limit: 9})
		if len(found) != 2 {
			t.Errorf("texts aren't texts in the copy: %d steps", len(found))
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := fill(); !fault.HasCode(err, "DatabaseNotEmpty") {
		t.Errorf("filling it again: %v", err)
	}
}

// forgetful loses or changes a row on its way.
type forgetful struct {
	transfer.Database
	change func(n int, values []any) bool // false: it is left out
}

func (f *forgetful) Load(t transfer.Table, all iter.Seq2[[]any, error]) error {
	return f.Database.Load(t, func(yield func([]any, error) bool) {
		n := 0
		for values, err := range all {
			if n++; t.Name == "steps" && !f.change(n, values) {
				continue
			}
			if !yield(values, err) {
				return
			}
		}
	})
}

// What isn't copied as it was is noticed, and all is taken back.
func TestCopyIsChecked(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	first, second := openFile(t, filepath.Join(t.TempDir(), "x.db")), open(t, postgrestest.Database(t))
	defer second.Close()
	if err := first.Write(ctx, storetest.Fill); err != nil {
		t.Fatal(err)
	}
	for name, change := range map[string]func(int, []any) bool{
		"lost":    func(n int, _ []any) bool { return n != 2 },
		"changed": func(n int, values []any) bool { values[0] = append(values[0].([]byte), 0); return true },
	} {
		err := first.Export(ctx, func(from transfer.Database) error {
			return second.Import(ctx, func(to transfer.Database) error {
				_, err := transfer.Copy(from, &forgetful{to, change}, func(transfer.Progress) {})
				return err
			})
		})
		if !fault.HasCode(err, "CopyDiffers") {
			t.Errorf("%s: %v", name, err)
		}
		if p := position(t, second); p != 0 {
			t.Errorf("%s: something is left", name)
		}
	}
}
