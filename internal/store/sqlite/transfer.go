package sqlite

import (
	"context"
	"iter"
	"strings"

	"github.com/signet-scheduler/signet/internal/fault"
	"github.com/signet-scheduler/signet/internal/store"
	"github.com/signet-scheduler/signet/internal/store/rows"
	"github.com/signet-scheduler/signet/internal/store/transfer"
)

// Export calls f with all tables as they are at one moment.
func (d *DB) Export(ctx context.Context, f func(transfer.Database) error) error {
	return d.Read(ctx, func(r store.Reader) error { return f(&whole{engineOf(r)}) })
}

// Import calls f with all tables, to fill them: wholly, or not at all if f fails.
func (d *DB) Import(ctx context.Context, f func(transfer.Database) error) error {
	return d.Write(ctx, func(w store.Writer) error { return f(&whole{engineOf(w)}) })
}

func engineOf(r store.Reader) rows.Engine {
	tx, _ := r.(*rows.Tx) // it is what we gave
	return tx.Engine
}

// whole is a transaction on all tables.
type whole struct{ rows.Engine }

var (
	_ transfer.Database = (*whole)(nil)
	_ transfer.Whole    = (*DB)(nil)
)

// Form implements transfer.Database.
func (w *whole) Form() (n int, err error) {
	err = w.One("SELECT max(number) FROM migrations", nil, func(r rows.Row) error { return r.Scan(&n) })
	return n, err
}

// Tables implements transfer.Database.
func (w *whole) Tables() (all []transfer.Table, err error) {
	const query = `SELECT t.name, c.name FROM sqlite_schema AS t, pragma_table_info(t.name) AS c
		WHERE t.type = 'table' AND t.name NOT LIKE 'sqlite%' AND t.name NOT IN (SELECT name FROM pragma_table_list WHERE type IN ('virtual', 'shadow'))
			AND t.name <> 'migrations' ORDER BY t.name, c.name`
	err = w.Each(query, func(r rows.Row) error {
		var table, column string
		if err := r.Scan(&table, &column); err != nil {
			return err
		}
		if len(all) == 0 || all[len(all)-1].Name != table {
			all = append(all, transfer.Table{Name: table})
		}
		t := &all[len(all)-1]
		t.Columns = append(t.Columns, column)
		return nil
	})
	return all, err
}

// Load implements transfer.Database.
func (w *whole) Load(t transfer.Table, all iter.Seq2[[]any, error]) error {
	isText := map[string]bool{}
	err := w.Each("SELECT name, type FROM pragma_table_info(?)", func(r rows.Row) error {
		var name, kind string
		err := r.Scan(&name, &kind)
		isText[name] = kind == "TEXT"
		return err
	}, t.Name)
	if err != nil {
		return err
	}
	insert := "INSERT INTO " + t.Name + " (" + t.Quoted() + ") VALUES (" + strings.TrimSuffix(strings.Repeat("?, ", len(t.Columns)), ", ") + ")"
	for values, err := range all {
		if err != nil {
			return err
		}
		for i, v := range values {
			switch b, ok := v.([]byte); {
			case ok && isText[t.Columns[i]]:
				values[i] = string(b)
			case ok && b == nil:
				return fault.New(fault.Internal, "BadRow", "a value of %s is nil without being nothing", t.Name)
			}
		}
		if _, err := w.Exec(insert, values...); err != nil {
			return err
		}
	}
	return nil
}

// Loaded implements transfer.Database. SQLite itself sees which ids were given.
func (w *whole) Loaded() error { return nil }
