package sqlite

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
)

// link is one connection with its prepared statements. Owned by whoever took it.
type link struct {
	db    *sql.DB
	begin string
	conn  *sql.Conn
	stmts map[string]*sql.Stmt
}

func openLink(ctx context.Context, db *sql.DB, begin string) (*link, error) {
	l := &link{db: db, begin: begin}
	return l, l.connect(ctx)
}

func (l *link) connect(ctx context.Context) error {
	conn, err := l.db.Conn(ctx)
	if err != nil {
		return failure(err)
	}
	l.conn, l.stmts = conn, map[string]*sql.Stmt{}
	return nil
}

// start begins a transaction; a connection that was lost is opened anew.
func (l *link) start(ctx context.Context) error {
	_, err := l.conn.ExecContext(ctx, l.begin)
	if err == nil || ctx.Err() != nil {
		return failure(err)
	}
	// Whatever was wrong with it, perhaps an unfinished transaction: a fresh one
	// knows nothing of it. This error makes database/sql drop the old one.
	_ = l.conn.Raw(func(any) error { return driver.ErrBadConn })
	_ = l.close()
	if err := l.connect(ctx); err != nil {
		return err
	}
	_, err = l.conn.ExecContext(ctx, l.begin)
	return failure(err)
}

// maxStatements is how many statements a connection keeps prepared. Filters make
// many different texts.
const maxStatements = 200

// finish commits, or takes back.
func (l *link) finish(commit bool) error {
	defer l.forget()
	// Not with a caller's context: a transaction that has begun has to end.
	ctx := context.Background()
	if commit {
		_, err := l.conn.ExecContext(ctx, "COMMIT")
		if err == nil {
			return nil
		}
		// Some errors leave the transaction open; when they don't, this one
		// fails, which is fine.
		_, _ = l.conn.ExecContext(ctx, "ROLLBACK")
		return failure(err)
	}
	_, err := l.conn.ExecContext(ctx, "ROLLBACK")
	return failure(err)
}

// stmt returns a statement, which is prepared once: queries are texts of ours.
func (l *link) stmt(ctx context.Context, query string) (*sql.Stmt, error) {
	if s, ok := l.stmts[query]; ok {
		return s, nil
	}
	s, err := l.conn.PrepareContext(ctx, query)
	if err != nil {
		return nil, failure(err)
	}
	l.stmts[query] = s
	return s, nil
}

// forget lets go of the statements when they have become too many: between
// transactions nobody uses them.
func (l *link) forget() {
	if len(l.stmts) <= maxStatements {
		return
	}
	for _, s := range l.stmts {
		_ = s.Close() // what it could tell, the next statement tells too
	}
	clear(l.stmts)
}

func (l *link) close() error {
	errs := make([]error, 0, len(l.stmts)+1)
	for _, s := range l.stmts {
		errs = append(errs, s.Close())
	}
	errs = append(errs, l.conn.Close())
	return errors.Join(errs...)
}
