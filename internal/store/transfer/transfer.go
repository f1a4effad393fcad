// Package transfer copies all rows of one database into another that is empty,
// whatever their engines are: a backup, a restoration, and the way from SQLite to
// PostgreSQL.
//
// It owns what "all rows" and "the same" mean. It must not know what the rows
// tell, nor an engine: each gives it a Database. The engines and the programs
// call it.
package transfer

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"iter"
	"slices"
	"strings"

	"github.com/signet-scheduler/signet/internal/fault"
	"github.com/signet-scheduler/signet/internal/store/rows"
)

// Table is a table that is copied.
type Table struct {
	Name    string
	Columns []string // in the same order in every engine: by name
}

// Quoted returns the columns as a statement has them: some are called like a word
// of SQL.
func (t Table) Quoted() string { return `"` + strings.Join(t.Columns, `", "`) + `"` }

// Database is one transaction on all tables of a database. What an engine has
// for itself, like what it knows of migrations, or the index of texts, which is made
// anew, is not among them.
type Database interface {
	rows.Engine
	// Form is the number of the last migration: the same number means the same
	// tables.
	Form() (int, error)
	// Tables returns the tables by name.
	Tables() ([]Table, error)
	// Load adds rows to a table. Values are int64, []byte, or nil.
	Load(t Table, all iter.Seq2[[]any, error]) error
	// Loaded follows when all rows of all tables are there.
	Loaded() error
}

// Whole is a database of which all can be copied, or which can be filled.
type Whole interface {
	// Export calls f with all tables as they are at one moment.
	Export(ctx context.Context, f func(Database) error) error
	// Import calls f with all tables, to fill them: wholly, or not at all if f
	// fails.
	Import(ctx context.Context, f func(Database) error) error
}

// Fill copies all rows of one database into another, in one transaction.
func Fill(ctx context.Context, from, into Whole, tell func(Progress)) (done []Progress, err error) {
	err = from.Export(ctx, func(source Database) error {
		return into.Import(ctx, func(target Database) error {
			done, err = Copy(source, target, tell)
			return err
		})
	})
	if err != nil {
		return nil, err
	}
	return done, nil
}

// Progress tells how far a copy has come.
type Progress struct {
	Table   string `json:"table"`
	Rows    int64  `json:"rows"`
	Of      int64  `json:"of"`
	Checked bool   `json:"checked"` // and read back
}

// tellEvery is after how many rows progress is told.
const tellEvery = 10_000

// Copy copies all rows, then reads them back and compares them with what was
// copied. The target has to be empty: Conflict, DatabaseNotEmpty. What is wrong
// makes the whole transaction wrong; the caller takes it back.
func Copy(from, to Database, tell func(Progress)) ([]Progress, error) {
	tables, err := same(from, to)
	if err != nil {
		return nil, err
	}
	for _, t := range tables {
		if n, err := count(to, t); err != nil {
			return nil, err
		} else if n > 0 {
			return nil, fault.New(fault.Conflict, "DatabaseNotEmpty", "the database to be filled isn't empty: its table %s has %d rows; nothing was changed", t.Name, n)
		}
	}
	done := make([]Progress, len(tables))
	sums := make([]sum, len(tables))
	for i, t := range tables {
		if done[i], sums[i], err = load(from, to, t, tell); err != nil {
			return nil, fmt.Errorf("copying table %s: %w", t.Name, err)
		}
	}
	if err := to.Loaded(); err != nil {
		return nil, err
	}
	for i, t := range tables {
		got, err := read(to, t)
		if err != nil {
			return nil, fmt.Errorf("reading table %s back: %w", t.Name, err)
		}
		if got != sums[i] {
			return nil, fault.New(fault.Corrupt, "CopyDiffers", "table %s isn't what was copied: %d rows of %d, or others; nothing was changed", t.Name, got.rows, sums[i].rows)
		}
		done[i].Checked = true
		tell(done[i])
	}
	return done, nil
}

// same returns the tables of both.
func same(from, to Database) ([]Table, error) {
	formFrom, err := from.Form()
	if err != nil {
		return nil, err
	}
	formTo, err := to.Form()
	if err != nil {
		return nil, err
	}
	if formFrom != formTo {
		return nil, fault.New(fault.Conflict, "FormsDiffer", "one database has form %d, the other form %d: start this program once on each", formFrom, formTo)
	}
	a, err := from.Tables()
	if err != nil {
		return nil, err
	}
	b, err := to.Tables()
	if err != nil {
		return nil, err
	}
	if !slices.EqualFunc(a, b, func(a, b Table) bool { return a.Name == b.Name && slices.Equal(a.Columns, b.Columns) }) {
		return nil, fault.New(fault.Internal, "FormsDiffer", "the tables of both databases differ: %v and %v", a, b)
	}
	return a, nil
}

func count(d Database, t Table) (n int64, err error) {
	err = d.One("SELECT count(*) FROM "+t.Name, nil, func(r rows.Row) error { return r.Scan(&n) })
	return n, err
}

func load(from, to Database, t Table, tell func(Progress)) (Progress, sum, error) {
	p := Progress{Table: t.Name}
	var s sum
	var err error
	if p.Of, err = count(from, t); err != nil {
		return p, s, err
	}
	tell(p)
	err = to.Load(t, func(yield func([]any, error) bool) {
		for values, err := range all(from, t) {
			if err == nil {
				s.add(values)
				if p.Rows++; p.Rows%tellEvery == 0 {
					tell(p)
				}
			}
			if !yield(values, err) {
				return
			}
		}
	})
	if err != nil {
		return p, s, err
	}
	tell(p)
	return p, s, nil
}

func read(d Database, t Table) (s sum, err error) {
	for values, err := range all(d, t) {
		if err != nil {
			return s, err
		}
		s.add(values)
	}
	return s, nil
}

// all returns the rows of a table, one at a time.
func all(d Database, t Table) iter.Seq2[[]any, error] {
	return func(yield func([]any, error) bool) {
		stopped := false
		values, into := make([]any, len(t.Columns)), make([]any, len(t.Columns))
		for i := range values {
			into[i] = &values[i]
		}
		err := d.Each("SELECT "+t.Quoted()+" FROM "+t.Name, func(r rows.Row) error {
			if err := r.Scan(into...); err != nil {
				return err
			}
			for i, v := range values {
				if text, ok := v.(string); ok {
					values[i] = []byte(text)
				}
			}
			if !yield(values, nil) {
				stopped = true
				return fault.New(fault.Internal, "CopyStopped", "the copy was left off")
			}
			return nil
		})
		if err != nil && !stopped {
			yield(nil, err)
		}
	}
}

// sum is what tells whether two tables have the same rows, in whatever order: how
// many they are, and the sum of the hashes of all.
type sum struct {
	rows  int64
	lanes [4]uint64
}

func (s *sum) add(values []any) {
	h := sha256.New()
	var b []byte
	for _, v := range values {
		switch v := v.(type) {
		case int64:
			b = binary.BigEndian.AppendUint64(append(b[:0], 'i'), uint64(v))
			h.Write(b)
		case []byte:
			b = binary.BigEndian.AppendUint64(append(b[:0], 'b'), uint64(len(v)))
			h.Write(b)
			h.Write(v)
		default:
			h.Write([]byte{'n'})
		}
	}
	s.rows++
	digest := h.Sum(b[:0])
	for i := range s.lanes {
		s.lanes[i] += binary.BigEndian.Uint64(digest[8*i:])
	}
}
