package postgres

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/signet-scheduler/signet/internal/fault"
	"github.com/signet-scheduler/signet/internal/store"
	"github.com/signet-scheduler/signet/internal/store/rows"
	"github.com/signet-scheduler/signet/internal/store/turn"
)

// writing is the number of the lock that whoever writes holds until its
// transaction ends: so that there is one writing transaction at a time, however
// many Cockpits there are, and none has to be repeated.
const writing = 0x5167_6e65_7400

// Write runs f in the writing transaction, which callers who wait share.
func (d *DB) Write(ctx context.Context, f func(store.Writer) error) error {
	return d.turns.Write(ctx, f)
}

// commit runs the jobs in one transaction.
func (d *DB) commit(batch []*turn.Job) error {
	// No context of a single caller may end the transaction of all.
	ctx, cancel := context.WithTimeout(context.Background(), writeTime)
	defer cancel()
	live := batch[:0:0]
	for _, j := range batch {
		if err := j.Ctx.Err(); err != nil {
			j.Err = failure(err)
		} else {
			live = append(live, j)
		}
	}
	if len(live) == 0 {
		return nil
	}
	// Each statement sees what was committed before it: whoever holds the lock is
	// the only one who commits. The transaction's number comes with it.
	conn, results, err := d.begin(ctx, fmt.Sprintf("BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE; SELECT pg_advisory_xact_lock(%d); SELECT txid_current()", writing))
	if err != nil {
		return err
	}
	defer conn.Release()
	s := &session{ctx: ctx, conn: conn.Conn()}
	w := &writer{Tx: rows.Tx{Engine: s}, session: s, sender: d.sender}
	run := w.nested
	if len(live) == 1 {
		run = w.alone
	}
	wanted := false
	for _, j := range live {
		if err := run(ctx, conn.Conn(), j); err != nil {
			undo(conn)
			return err
		}
		wanted = wanted || j.Err == nil
	}
	if !wanted {
		undo(conn)
		return nil
	}
	return d.finish(ctx, conn, results)
}

// begin takes a connection and begins a transaction by some statements, of which
// the last one's value is returned. A connection that turns out to be lost is
// replaced, as nothing has happened yet.
func (d *DB) begin(ctx context.Context, statements string) (*pgxpool.Conn, string, error) {
	for attempt := 0; ; attempt++ {
		conn, err := d.pool.Acquire(ctx)
		if err != nil {
			return nil, "", failure(err)
		}
		results, err := conn.Conn().PgConn().Exec(ctx, statements).ReadAll()
		if err == nil {
			value := ""
			if last := results[len(results)-1]; len(last.Rows) == 1 {
				value = string(last.Rows[0][0])
			}
			return conn, value, nil
		}
		lost := conn.Conn().IsClosed()
		undo(conn)
		conn.Release()
		if !lost || attempt > 0 || ctx.Err() != nil {
			return nil, "", failure(err)
		}
		d.pool.Reset() // the others are as old
	}
}

// undo takes a transaction back. A connection that can't is closed, which does it
// too.
func undo(conn *pgxpool.Conn) {
	if conn.Conn().IsClosed() {
		return
	}
	// Not with a caller's context: a transaction that has begun has to end.
	ctx, cancel := context.WithTimeout(context.Background(), settleTime)
	defer cancel()
	if _, err := say(ctx, conn.Conn(), "ROLLBACK"); err != nil {
		_ = conn.Conn().Close(ctx)
	}
}

// say runs a statement that has no arguments and no rows, in one round.
func say(ctx context.Context, conn *pgx.Conn, statement string) (pgconn.CommandTag, error) {
	results, err := conn.PgConn().Exec(ctx, statement).ReadAll()
	if err != nil {
		return pgconn.CommandTag{}, err
	}
	return results[len(results)-1].CommandTag, nil
}

// finish commits. When the connection is lost meanwhile, it finds out by the
// transaction's number whether it was committed.
func (d *DB) finish(ctx context.Context, conn *pgxpool.Conn, number string) error {
	tag, err := say(ctx, conn.Conn(), "COMMIT")
	if err == nil {
		if tag.String() != "COMMIT" {
			return fault.New(fault.Internal, "DatabaseFailed", "the database failed: a statement of the transaction had failed, and all was taken back")
		}
		return nil
	}
	if !conn.Conn().IsClosed() {
		undo(conn)
		return failure(err)
	}
	done, outcomeErr := d.outcome(number)
	switch {
	case outcomeErr != nil:
		return fault.Wrap(fault.Timeout, "DatabaseOutcomeUnknown", errors.Join(err, outcomeErr), "the connection to the database was lost while it stored a change; whether it did isn't known")
	case done:
		return nil
	}
	return failure(err)
}

// outcome tells whether a transaction was committed.
func (d *DB) outcome(number string) (committed bool, err error) {
	ctx, cancel := context.WithTimeout(context.Background(), settleTime)
	defer cancel()
	pause := time.NewTicker(100 * time.Millisecond)
	defer pause.Stop()
	for {
		var status *string
		err = d.pool.QueryRow(ctx, "SELECT txid_status($1::text::bigint)", number).Scan(&status)
		switch {
		case err == nil && status == nil:
			return false, errors.New("the server has forgotten the transaction")
		case err == nil && *status != "in progress":
			return *status == "committed", nil
		}
		select {
		case <-pause.C:
		case <-ctx.Done():
			return false, errors.Join(err, ctx.Err())
		}
	}
}

// writer is the writing transaction.
type writer struct {
	rows.Tx
	session *session
	sender  string
}

// do runs a job, with all that its function left for later.
func (w *writer) do(j *turn.Job) {
	if j.Run(w); j.Err == nil {
		j.Err = w.session.flush()
	}
	w.session.drop()
}

// alone runs the only job of a transaction, which is taken back as a whole when
// it fails.
func (w *writer) alone(_ context.Context, _ *pgx.Conn, j *turn.Job) error {
	w.do(j)
	return nil
}

// nested runs one job of several; when it fails, what it did is taken back. The error is
// about the transaction as a whole.
func (w *writer) nested(ctx context.Context, conn *pgx.Conn, j *turn.Job) error {
	if _, err := say(ctx, conn, "SAVEPOINT job"); err != nil {
		return failure(err)
	}
	w.do(j)
	if j.Err != nil {
		if _, err := say(ctx, conn, "ROLLBACK TO SAVEPOINT job"); err != nil {
			return failure(err)
		}
	}
	// A statement that failed unseen makes this fail, and with it all.
	if _, err := say(ctx, conn, "RELEASE SAVEPOINT job"); err != nil {
		return failure(err)
	}
	return nil
}

// Read runs f in a transaction that sees one moment.
func (d *DB) Read(ctx context.Context, f func(store.Reader) error) error {
	if err := d.turns.Enter(); err != nil {
		return err
	}
	defer d.turns.Leave()
	select {
	case d.readers <- struct{}{}:
	case <-ctx.Done():
		return failure(ctx.Err())
	}
	defer func() { <-d.readers }()
	conn, _, err := d.begin(ctx, "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY")
	if err != nil {
		return err
	}
	defer conn.Release()
	defer undo(conn)
	return f(&rows.Tx{Engine: &session{ctx: ctx, conn: conn.Conn()}})
}
