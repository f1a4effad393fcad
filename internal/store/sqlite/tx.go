package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"strings"

	"github.com/signet-scheduler/signet/internal/fault"
	"github.com/signet-scheduler/signet/internal/store"
)

// tx is a transaction. Owned by one goroutine.
type tx struct {
	ctx  context.Context // of the call that the transaction belongs to
	link *link
}

var _ store.Writer = (*tx)(nil)

// exec changes rows and tells how many.
func (t *tx) exec(query string, args ...any) (int64, error) {
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

// insert adds a row and returns its id. RETURNING would do the same, but makes
// SQLite set a savepoint, at which the index of texts is written to disk each time.
func (t *tx) insert(query string, args ...any) (int64, error) {
	s, err := t.link.stmt(t.ctx, query) //nolint:sqlclosecheck // it is the link's
	if err != nil {
		return 0, err
	}
	r, err := s.ExecContext(t.ctx, args...)
	if err != nil {
		return 0, failure(err)
	}
	id, err := r.LastInsertId()
	return id, failure(err)
}

// row is what a scanning function gets.
type row interface{ Scan(into ...any) error }

// one reads one row; missing says what it means that there is none.
func (t *tx) one(query string, missing error, scan func(row) error, args ...any) error {
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

// each reads all rows.
func (t *tx) each(query string, scan func(row) error, args ...any) (err error) {
	s, err := t.link.stmt(t.ctx, query) //nolint:sqlclosecheck // it is the link's
	if err != nil {
		return err
	}
	rows, err := s.QueryContext(t.ctx, args...)
	if err != nil {
		return failure(err)
	}
	defer func() { err = errors.Join(err, failure(rows.Close())) }()
	for rows.Next() {
		if err := scan(rows); err != nil {
			return failure(err)
		}
	}
	return failure(rows.Err())
}

// marks returns n question marks for a list of values.
func marks(n int) string { return strings.TrimSuffix(strings.Repeat("?, ", n), ", ") }

func unknownAccount(name string) error {
	return fault.New(fault.NotFound, "UnknownAccount", "there is no account %q", name).About("Account:" + name)
}

const accountFields = "name, role, password_hash, disabled, created_at"

func scanAccount(r row) (a store.Account, err error) {
	return a, r.Scan(&a.Name, &a.Role, &a.PasswordHash, &a.Disabled, &a.CreatedAt)
}

// Account implements store.Reader.
func (t *tx) Account(name string) (a store.Account, err error) {
	err = t.one("SELECT "+accountFields+" FROM accounts WHERE name = ?", unknownAccount(name), func(r row) (err error) {
		a, err = scanAccount(r)
		return err
	}, name)
	return a, err
}

// Accounts implements store.Reader.
func (t *tx) Accounts() (all []store.Account, err error) {
	err = t.each("SELECT "+accountFields+" FROM accounts ORDER BY name", func(r row) error {
		a, err := scanAccount(r)
		all = append(all, a)
		return err
	})
	return all, err
}

// CountRole implements store.Reader.
func (t *tx) CountRole(role string) (n int, err error) {
	err = t.one("SELECT count(*) FROM accounts WHERE role = ? AND disabled = 0", nil, func(r row) error { return r.Scan(&n) }, role)
	return n, err
}

// AddAccount implements store.Writer.
func (t *tx) AddAccount(a store.Account) error {
	_, err := t.exec("INSERT INTO accounts (name, folded, role, password_hash, disabled, created_at) VALUES (?, ?, ?, ?, ?, ?)",
		a.Name, strings.ToLower(a.Name), a.Role, a.PasswordHash, a.Disabled, a.CreatedAt)
	if fault.Is(err, fault.Conflict) {
		return fault.Wrap(fault.Conflict, "DuplicateAccount", err, "there is an account %q already (capitals make no difference)", a.Name).About("Account:" + a.Name)
	}
	return err
}

// ChangeAccount implements store.Writer.
func (t *tx) ChangeAccount(a store.Account) error {
	n, err := t.exec("UPDATE accounts SET role = ?, password_hash = ?, disabled = ? WHERE name = ?", a.Role, a.PasswordHash, a.Disabled, a.Name)
	if err == nil && n == 0 {
		return unknownAccount(a.Name)
	}
	return err
}

// DeleteAccount implements store.Writer.
func (t *tx) DeleteAccount(name string) error {
	n, err := t.exec("DELETE FROM accounts WHERE name = ?", name)
	if err == nil && n == 0 {
		return unknownAccount(name)
	}
	if err == nil {
		_, err = t.exec("DELETE FROM filters WHERE owner = ?", name)
	}
	return err
}

// Session implements store.Reader.
func (t *tx) Session(hash [32]byte) (s store.Session, err error) {
	s.Hash = hash
	err = t.one("SELECT account, method, certificate, created_at, last_used, expires_at FROM sessions WHERE hash = ?",
		fault.New(fault.NotFound, "UnknownSession", "there is no such session"), func(r row) error {
			return r.Scan(&s.Account, &s.Method, &s.Certificate, &s.CreatedAt, &s.LastUsed, &s.ExpiresAt)
		}, hash[:])
	return s, err
}

// AddSession implements store.Writer.
func (t *tx) AddSession(s store.Session) error {
	_, err := t.exec("INSERT INTO sessions (hash, account, method, certificate, created_at, last_used, expires_at) VALUES (?, ?, ?, ?, ?, ?, ?)",
		s.Hash[:], s.Account, s.Method, s.Certificate, s.CreatedAt, s.LastUsed, s.ExpiresAt)
	return err
}

// TouchSession implements store.Writer.
func (t *tx) TouchSession(hash [32]byte, lastUsed int64) error {
	_, err := t.exec("UPDATE sessions SET last_used = ? WHERE hash = ? AND last_used < ?", lastUsed, hash[:], lastUsed)
	return err
}

// DeleteSession implements store.Writer.
func (t *tx) DeleteSession(hash [32]byte) error {
	_, err := t.exec("DELETE FROM sessions WHERE hash = ?", hash[:])
	return err
}

// DeleteSessionsOf implements store.Writer.
func (t *tx) DeleteSessionsOf(account string, except [32]byte) (gone [][32]byte, err error) {
	err = t.each("SELECT hash FROM sessions WHERE account = ? AND hash <> ?", func(r row) error {
		var hash []byte
		err := r.Scan(&hash)
		if len(hash) == 32 {
			gone = append(gone, [32]byte(hash))
		}
		return err
	}, account, except[:])
	if err != nil {
		return nil, err
	}
	_, err = t.exec("DELETE FROM sessions WHERE account = ? AND hash <> ?", account, except[:])
	return gone, err
}

// DeleteExpiredSessions implements store.Writer.
func (t *tx) DeleteExpiredSessions(now, idleSince int64) error {
	_, err := t.exec("DELETE FROM sessions WHERE expires_at <= ? OR last_used < ?", now, idleSince)
	return err
}
