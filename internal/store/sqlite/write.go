package sqlite

import (
	"context"
	"errors"

	"github.com/signet-scheduler/signet/internal/store"
	"github.com/signet-scheduler/signet/internal/store/rows"
	"github.com/signet-scheduler/signet/internal/store/turn"
)

// Write runs f in the writing transaction, which callers who wait share.
func (d *DB) Write(ctx context.Context, f func(store.Writer) error) error {
	return d.turns.Write(ctx, f)
}

// commit runs the jobs in one transaction.
func (d *DB) commit(batch []*turn.Job) error {
	// No context of a single caller may end the transaction of all.
	ctx := context.Background()
	if err := d.writer.start(ctx); err != nil {
		return err
	}
	t := &session{ctx: ctx, link: d.writer}
	run := t.nested
	if len(batch) == 1 {
		run = t.alone
	}
	wanted := false
	for _, j := range batch {
		if err := j.Ctx.Err(); err != nil {
			j.Err = failure(err)
			continue
		}
		if err := run(j); err != nil {
			return errors.Join(err, d.writer.finish(false))
		}
		wanted = wanted || j.Err == nil
	}
	return d.writer.finish(wanted)
}

// alone runs the only job of a transaction. When it fails, the transaction is
// taken back as a whole: that needs no copy of each page before its change, as
// going back to a savepoint does.
func (t *session) alone(j *turn.Job) error {
	j.Run(&rows.Tx{Engine: t})
	return nil
}

// nested runs one job of several; when it fails, what it did is taken back. The error is
// about the transaction as a whole.
func (t *session) nested(j *turn.Job) error {
	if _, err := t.link.conn.ExecContext(t.ctx, "SAVEPOINT job"); err != nil {
		return failure(err)
	}
	j.Run(&rows.Tx{Engine: t})
	end := "RELEASE job"
	if j.Err != nil {
		end = "ROLLBACK TO job; RELEASE job"
	}
	if _, err := t.link.conn.ExecContext(t.ctx, end); err != nil {
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
	var l *link
	select {
	case l = <-d.readers:
	case <-ctx.Done():
		return failure(ctx.Err())
	}
	defer func() { d.readers <- l }()
	if err := l.start(ctx); err != nil {
		return err
	}
	err := f(&rows.Tx{Engine: &session{ctx: ctx, link: l}})
	return errors.Join(err, l.finish(false))
}
