package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"strings"
	"unicode"

	"github.com/signet-scheduler/signet/internal/store/rows"
)

// session is a transaction. Owned by one goroutine.
type session struct {
	ctx  context.Context // of the call that the transaction belongs to
	link *link
}

var _ rows.Engine = (*session)(nil)

// Exec implements rows.Engine.
func (t *session) Exec(query string, args ...any) (int64, error) {
	s, err := t.link.stmt(t.ctx, query) //nolint:sqlclosecheck // it is the link's
	if err != nil {
		return 0, err
	}
	r, err := s.ExecContext(t.ctx, args...)
	if err != nil {
		return 0, failure(err)
	}
	n, err := r.RowsAffected()
	return n, failure(err)
}

// Insert implements rows.Engine. RETURNING would do the same, but makes SQLite set
// a savepoint, at which the index of texts is written to disk each time.
func (t *session) Insert(query string, args ...any) (int64, error) {
	s, err := t.link.stmt(t.ctx, query) //nolint:sqlclosecheck // it is the link's
	if err != nil {
		return 0, err
	}
	r, err := s.ExecContext(t.ctx, args...)
	if err != nil {
		return 0, failure(err)
	}
	if n, err := r.RowsAffected(); n == 0 || err != nil {
		return 0, failure(err)
	}
	id, err := r.LastInsertId()
	return id, failure(err)
}

// Later implements rows.Engine, by doing it now.
func (t *session) Later(query string, check func(int64) error, args ...any) error {
	n, err := t.Exec(query, args...)
	if err != nil {
		return err
	}
	return check(n)
}

// One implements rows.Engine.
func (t *session) One(query string, missing error, scan func(rows.Row) error, args ...any) error {
	s, err := t.link.stmt(t.ctx, query) //nolint:sqlclosecheck // it is the link's
	if err != nil {
		return err
	}
	err = scan(s.QueryRowContext(t.ctx, args...))
	if errors.Is(err, sql.ErrNoRows) {
		return missing
	}
	return failure(err)
}

// Each implements rows.Engine.
func (t *session) Each(query string, scan func(rows.Row) error, args ...any) (err error) {
	s, err := t.link.stmt(t.ctx, query) //nolint:sqlclosecheck // it is the link's
	if err != nil {
		return err
	}
	found, err := s.QueryContext(t.ctx, args...)
	if err != nil {
		return failure(err)
	}
	defer func() { err = errors.Join(err, failure(found.Close())) }()
	for found.Next() {
		if err := scan(found); err != nil {
			return failure(err)
		}
	}
	return failure(found.Err())
}

// Contains implements rows.Engine.
func (t *session) Contains(column, text string) (condition string, arg any) {
	return column + " GLOB ?", anywhere(text)
}

// anywhere returns a pattern that finds a text in any capitals. SQLite's LIKE knows
// the capitals of ASCII only.
func anywhere(text string) string {
	var b strings.Builder
	b.WriteByte('*')
	for _, r := range text {
		other := unicode.SimpleFold(r)
		if other == r && !strings.ContainsRune("*?[", r) {
			b.WriteRune(r)
			continue
		}
		b.WriteByte('[')
		b.WriteRune(r)
		for ; other != r; other = unicode.SimpleFold(other) {
			b.WriteRune(other)
		}
		b.WriteByte(']')
	}
	b.WriteByte('*')
	return b.String()
}
