package postgres

import (
	"context"
	"errors"

	"github.com/signet-scheduler/signet/internal/fault"
	"github.com/signet-scheduler/signet/internal/store"
	"github.com/signet-scheduler/signet/internal/store/rows"
)

// The lease is a row with a time until which it holds, by the database's own
// clock: those of the Cockpits don't matter. It needs no lock and no session, so
// that it also runs out for a holder whose connection stays open and says nothing.
const (
	takeLease = `INSERT INTO lease AS l (id, holder, reader, term, until_ms)
		SELECT 1, ?::bytea, ?::bytea, 1, now_ms + ?::bigint FROM clock
		ON CONFLICT (id) DO UPDATE SET
			holder = excluded.holder, until_ms = excluded.until_ms, term = l.term + CASE WHEN l.holder = excluded.holder THEN 0 ELSE 1 END
		WHERE l.holder = excluded.holder OR l.until_ms <= (SELECT now_ms FROM clock)
		RETURNING term, reader`
	ownClock = `WITH clock AS MATERIALIZED (SELECT (extract(epoch FROM clock_timestamp()) * 1000)::bigint AS now_ms) `
)

// Lease implements store.Store.
func (d *DB) Lease(ctx context.Context, q store.LeaseRequest) (l store.Lease, err error) {
	if err := d.turns.Enter(); err != nil {
		return l, err
	}
	defer d.turns.Leave()
	conn, err := d.pool.Acquire(ctx)
	if err != nil {
		return l, failure(err)
	}
	defer conn.Release()
	s := &session{ctx: ctx, conn: conn.Conn()}
	if q.For <= 0 {
		_, err := s.Exec("UPDATE lease SET until_ms = 0 WHERE holder = ?", q.Holder)
		return l, err
	}
	none := errors.New("another has it")
	err = s.One(ownClock+takeLease, none, func(r rows.Row) error { return r.Scan(&l.Term, &l.Reader) }, q.Holder, q.Reader, q.For.Milliseconds())
	if errors.Is(err, none) {
		return store.Lease{}, nil
	}
	l.Held = err == nil
	return l, err
}

// CheckLease implements store.Writer. It needs no lock of the row: whoever gets
// the lease now can write only after this transaction.
func (w *writer) CheckLease(term int64) error {
	lost := fault.New(fault.Conflict, "LeaseLost", "another Cockpit runs the services of this database by now")
	var now int64
	err := w.One("SELECT term FROM lease", lost, func(r rows.Row) error { return r.Scan(&now) })
	if err == nil && now != term {
		return lost
	}
	return err
}
