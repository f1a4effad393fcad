package postgres

import (
	"context"
	"errors"
	"fmt"
	"iter"

	"github.com/jackc/pgx/v5"

	"github.com/signet-scheduler/signet/internal/store/rows"
	"github.com/signet-scheduler/signet/internal/store/sqlite"
	"github.com/signet-scheduler/signet/internal/store/transfer"
)

// patient takes the bounds of time from a transaction that takes as long as there
// are rows, some of which go to a slow disk.
const patient = "SET LOCAL statement_timeout = 0; SET LOCAL idle_in_transaction_session_timeout = 0"

// Export calls f with all tables as they are at one moment.
func (d *DB) Export(ctx context.Context, f func(transfer.Database) error) error {
	if err := d.turns.Enter(); err != nil {
		return err
	}
	defer d.turns.Leave()
	conn, _, err := d.begin(ctx, "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY; "+patient)
	if err != nil {
		return err
	}
	defer conn.Release()
	defer undo(conn)
	return f(&whole{session{ctx: ctx, conn: conn.Conn()}})
}

// Import calls f with all tables, to fill them: wholly, or not at all if f fails.
// Nobody else writes meanwhile.
func (d *DB) Import(ctx context.Context, f func(transfer.Database) error) error {
	if err := d.turns.Enter(); err != nil {
		return err
	}
	defer d.turns.Leave()
	conn, number, err := d.begin(ctx, fmt.Sprintf("BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE; "+patient+"; SELECT pg_advisory_xact_lock(%d); SELECT txid_current()", writing))
	if err != nil {
		return err
	}
	defer conn.Release()
	if err := f(&whole{session{ctx: ctx, conn: conn.Conn()}}); err != nil {
		undo(conn)
		return err
	}
	return d.finish(ctx, conn, number)
}

// Backup implements store.Store. The copy is an SQLite database, as every backup
// has it: it can be restored to either engine.
func (d *DB) Backup(ctx context.Context, file string) (err error) {
	copied, err := sqlite.Open(ctx, sqlite.Options{File: file, Readers: 1})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, copied.Close()) }()
	_, err = transfer.Fill(ctx, d, copied, func(transfer.Progress) {})
	if err != nil {
		return fmt.Errorf("backing up the database: %w", err)
	}
	return nil
}

// whole is a transaction on all tables.
type whole struct{ session }

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
	const query = `SELECT table_name::text::bytea, column_name::text::bytea FROM information_schema.columns
		WHERE table_schema = current_schema() AND table_name NOT IN ('migrations', 'lease', 'object_pieces')
		ORDER BY table_name::text COLLATE "C", column_name::text COLLATE "C"`
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

// Load implements transfer.Database. The rows are streamed.
func (w *whole) Load(t transfer.Table, all iter.Seq2[[]any, error]) error {
	next, stop := iter.Pull2(all)
	defer stop()
	_, err := w.conn.CopyFrom(w.ctx, pgx.Identifier{t.Name}, t.Columns, &source{next: next})
	return failure(err)
}

// source gives rows to COPY.
type source struct {
	next   func() ([]any, error, bool)
	values []any
	err    error
}

// Next implements pgx.CopyFromSource.
func (s *source) Next() bool {
	var more bool
	s.values, s.err, more = s.next()
	return more && s.err == nil
}

// Values implements pgx.CopyFromSource.
func (s *source) Values() ([]any, error) { return s.values, nil }

// Err implements pgx.CopyFromSource.
func (s *source) Err() error { return s.err }

// Loaded implements transfer.Database: ids that the database gives follow those
// that were loaded.
func (w *whole) Loaded() error {
	const query = `SELECT table_name::text, column_name::text FROM information_schema.columns
		WHERE table_schema = current_schema() AND is_identity = 'YES'`
	found, err := w.conn.Query(w.ctx, query)
	if err != nil {
		return failure(err)
	}
	type identity struct{ Table, Column string }
	all, err := pgx.CollectRows(found, pgx.RowToStructByPos[identity])
	if err != nil {
		return failure(err)
	}
	for _, i := range all {
		table, column := pgx.Identifier{i.Table}.Sanitize(), pgx.Identifier{i.Column}.Sanitize()
		_, err := w.conn.Exec(w.ctx, "SELECT setval(pg_get_serial_sequence($1, $2), max("+column+")) FROM "+table+" HAVING max("+column+") IS NOT NULL", table, i.Column)
		if err != nil {
			return failure(err)
		}
	}
	return nil
}
