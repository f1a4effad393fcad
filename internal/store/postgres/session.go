package postgres

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"unicode"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgtype"

	"github.com/signet-scheduler/signet/internal/store/rows"
)

// session is a transaction. Owned by one goroutine.
type session struct {
	ctx     context.Context // of the call that the transaction belongs to
	conn    *pgx.Conn
	waiting pgx.Batch // statements that go together with the next
	checks  []func(int64) error
}

var _ rows.Engine = (*session)(nil)

// maxWaiting is how many statements go together at most: what they hold is kept
// so long.
const maxWaiting = 200

// Later implements rows.Engine. Statements without an answer of interest go
// together, in one round.
func (s *session) Later(query string, check func(int64) error, args ...any) error {
	s.waiting.Queue(numbered(query), plain(args)...)
	s.checks = append(s.checks, check)
	if len(s.checks) >= maxWaiting {
		return s.flush()
	}
	return nil
}

// flush carries out the statements that wait.
func (s *session) flush() error {
	if len(s.checks) == 0 {
		return nil
	}
	batch, checks := s.waiting, s.checks
	s.waiting, s.checks = pgx.Batch{}, nil
	results := s.conn.SendBatch(s.ctx, &batch)
	var failed error
	for _, check := range checks {
		tag, err := results.Exec()
		if err == nil {
			err = check(tag.RowsAffected())
		}
		if failed == nil {
			failed = err // those that follow are about the same
		}
	}
	if err := results.Close(); failed == nil {
		failed = err
	}
	return failure(failed)
}

// drop forgets the statements that wait.
func (s *session) drop() { s.waiting, s.checks = pgx.Batch{}, nil }

// Exec implements rows.Engine.
func (s *session) Exec(query string, args ...any) (int64, error) {
	if err := s.flush(); err != nil {
		return 0, err
	}
	tag, err := s.conn.Exec(s.ctx, numbered(query), plain(args)...)
	if err != nil {
		return 0, failure(err)
	}
	return tag.RowsAffected(), nil
}

// Insert implements rows.Engine.
func (s *session) Insert(query string, args ...any) (id int64, err error) {
	err = s.One(query+" RETURNING id", nil, func(r rows.Row) error { return r.Scan(&id) }, args...)
	return id, err
}

// One implements rows.Engine.
func (s *session) One(query string, missing error, scan func(rows.Row) error, args ...any) error {
	if err := s.flush(); err != nil {
		return err
	}
	err := scan(row{s.conn.QueryRow(s.ctx, numbered(query), plain(args)...)})
	if errors.Is(err, pgx.ErrNoRows) {
		return missing
	}
	return failure(err)
}

// Each implements rows.Engine.
func (s *session) Each(query string, scan func(rows.Row) error, args ...any) error {
	if err := s.flush(); err != nil {
		return err
	}
	found, err := s.conn.Query(s.ctx, numbered(query), plain(args)...)
	if err != nil {
		return failure(err)
	}
	defer found.Close()
	for found.Next() {
		if err := scan(row{found}); err != nil {
			return failure(err)
		}
	}
	return failure(found.Err())
}

// hint names an index, which PostgreSQL chooses itself.
var hint = regexp.MustCompile(` (?:INDEXED BY [a-z0-9_]+|NOT INDEXED)`)

// numbered writes $1, $2 ... where the query has question marks. No text of ours
// has one elsewhere.
func numbered(query string) string {
	var b strings.Builder
	b.Grow(len(query) + 32)
	query = hint.ReplaceAllString(query, "")
	n := 0
	for {
		before, after, found := strings.Cut(query, "?")
		b.WriteString(before)
		if !found {
			return b.String()
		}
		n++
		b.WriteByte('$')
		b.WriteString(strconv.Itoa(n))
		query = after
	}
}

// plain returns arguments as PostgreSQL keeps them: a text as its bytes, which a
// column of type text can't do with all texts, and a truth value as a number.
func plain(args []any) []any {
	for i, a := range args {
		switch v := a.(type) {
		case string:
			args[i] = []byte(v)
		case bool:
			args[i] = number(v)
		}
	}
	return args
}

func number(b bool) int64 {
	if b {
		return 1
	}
	return 0
}

// row scans what plain made of values.
type row struct{ pgx.Row }

// Scan implements rows.Row.
func (r row) Scan(into ...any) error {
	for i, p := range into {
		switch v := p.(type) {
		case *string:
			into[i] = (*text)(v)
		case *bool:
			into[i] = (*truth)(v)
		}
	}
	return r.Row.Scan(into...)
}

type text string

// ScanBytes implements pgtype.BytesScanner.
func (t *text) ScanBytes(b []byte) error {
	*t = text(b)
	return nil
}

type truth bool

// ScanInt64 implements pgtype.Int64Scanner.
func (t *truth) ScanInt64(n pgtype.Int8) error {
	*t = n.Int64 != 0
	return nil
}

// Contains implements rows.Engine. There are no patterns for bytes: they are looked
// at in a form that is ASCII, in which all others are written as their number.
func (s *session) Contains(column, text string) (condition string, arg any) {
	var b strings.Builder
	for _, r := range text {
		b.WriteString("(?:")
		escaped(&b, r)
		for other := unicode.SimpleFold(r); other != r; other = unicode.SimpleFold(other) {
			b.WriteByte('|')
			escaped(&b, other)
		}
		b.WriteByte(')')
	}
	return "encode(" + column + ", 'escape') ~ ?", b.String()
}

// escaped writes a regular expression for a character as encode(..., 'escape') has it.
func escaped(b *strings.Builder, r rune) {
	for _, c := range []byte(string(r)) {
		switch {
		case c == 0 || c >= 0x80:
			fmt.Fprintf(b, `\\%03o`, c)
		case c == '\\':
			b.WriteString(`\\\\`)
		default:
			b.WriteString(regexp.QuoteMeta(string(rune(c))))
		}
	}
}
