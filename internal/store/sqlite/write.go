package sqlite

import (
	"context"
	"errors"
	"fmt"

	"github.com/signet-scheduler/signet/internal/fault"
	"github.com/signet-scheduler/signet/internal/store"
)

// maxShared is how many calls of Write share one commit at most.
const maxShared = 64

// job is a waiting call of Write.
type job struct {
	ctx  context.Context // of the call that waits
	f    func(store.Writer) error
	err  error
	done chan bool // true: the result is in err; false: it is this caller's turn to write
}

// Write runs f in the writing transaction. Whoever comes while others write
// waits; when they are done, the first of those who wait writes for all of them,
// so that one sync serves many.
func (d *DB) Write(ctx context.Context, f func(store.Writer) error) error {
	j := &job{ctx: ctx, f: f, done: make(chan bool, 1)}
	d.mu.Lock()
	if d.closed {
		d.mu.Unlock()
		return errClosed()
	}
	d.queue = append(d.queue, j)
	if d.busy {
		d.mu.Unlock()
		if <-j.done {
			return j.err
		}
		d.mu.Lock()
	}
	d.busy = true
	batch := d.queue[:min(len(d.queue), maxShared)]
	d.queue = d.queue[len(batch):]
	d.mu.Unlock()

	d.writeAll(batch)
	d.handOver()
	for _, other := range batch {
		if other != j {
			other.done <- true
		}
	}
	return j.err
}

// handOver lets the next who waits write.
func (d *DB) handOver() {
	d.mu.Lock()
	defer d.mu.Unlock()
	if len(d.queue) > 0 {
		d.queue[0].done <- false
		return
	}
	d.queue = nil
	d.busy = false
	d.idle.Broadcast()
}

func errClosed() error {
	return fault.New(fault.Unavailable, "DatabaseClosed", "the database is closed: the program is stopping")
}

// writeAll runs the jobs in one transaction and sets their results.
func (d *DB) writeAll(batch []*job) {
	err := d.commit(batch)
	if err == nil {
		return
	}
	for _, j := range batch {
		if j.err == nil {
			j.err = err
		}
	}
}

func (d *DB) commit(batch []*job) error {
	// No context of a single caller may end the transaction of all.
	ctx := context.Background()
	if err := d.writer.start(ctx); err != nil {
		return err
	}
	t := &tx{ctx: ctx, link: d.writer}
	run := t.nested
	if len(batch) == 1 {
		run = t.alone
	}
	wanted := false
	for _, j := range batch {
		if err := j.ctx.Err(); err != nil {
			j.err = failure(err)
			continue
		}
		if err := run(j); err != nil {
			return errors.Join(err, d.writer.finish(false))
		}
		wanted = wanted || j.err == nil
	}
	return d.writer.finish(wanted)
}

// alone runs the only job of a transaction. When it fails, the transaction is
// taken back as a whole: that needs no copy of each page before its change, as
// going back to a savepoint does.
func (t *tx) alone(j *job) error {
	j.err = call(j.f, t)
	return nil
}

// nested runs one job of several; when it fails, what it did is taken back. The error is
// about the transaction as a whole.
func (t *tx) nested(j *job) error {
	if _, err := t.link.conn.ExecContext(t.ctx, "SAVEPOINT job"); err != nil {
		return failure(err)
	}
	j.err = call(j.f, t)
	end := "RELEASE job"
	if j.err != nil {
		end = "ROLLBACK TO job; RELEASE job"
	}
	if _, err := t.link.conn.ExecContext(t.ctx, end); err != nil {
		return failure(err)
	}
	return nil
}

// call keeps a panic of one caller from the others who share the transaction.
func call(f func(store.Writer) error, t *tx) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fault.Wrap(fault.Internal, "InternalError", fmt.Errorf("panic: %v", p), "internal error")
		}
	}()
	return f(t)
}

// Read runs f in a transaction that sees one moment.
func (d *DB) Read(ctx context.Context, f func(store.Reader) error) error {
	d.mu.Lock()
	if d.closed {
		d.mu.Unlock()
		return errClosed()
	}
	d.reading++
	d.mu.Unlock()
	defer func() {
		d.mu.Lock()
		d.reading--
		d.idle.Broadcast()
		d.mu.Unlock()
	}()
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
	err := f(&tx{ctx: ctx, link: l})
	return errors.Join(err, l.finish(false))
}
