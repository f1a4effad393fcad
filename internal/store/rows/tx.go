package rows

import (
	"strings"

	"github.com/signet-scheduler/signet/internal/fault"
	"github.com/signet-scheduler/signet/internal/store"
)

// Row is what a scanning function gets.
type Row interface{ Scan(into ...any) error }

// Engine is a transaction of an engine. Queries have a question mark for each
// argument, and may name an index (INDEXED BY, NOT INDEXED), which an engine that
// chooses for itself leaves out. Arguments and what is scanned are integers, truth values (kept as 0
// and 1), texts, which are kept byte by byte, and bytes. Errors are faults.
type Engine interface {
	// Exec changes rows and tells how many.
	Exec(query string, args ...any) (int64, error)
	// Insert adds a row and returns its id, which the database gives; 0 when it was
	// left out (ON CONFLICT DO NOTHING).
	Insert(query string, args ...any) (id int64, err error)
	// Later is Exec that may be carried out later, with others, but before what
	// follows it, and within the transaction. Check judges how many rows were changed;
	// what it returns, or the database, ends the transaction, if not now. What
	// arguments point to must stay as it is.
	Later(query string, check func(changed int64) error, args ...any) error
	// One reads one row; missing says what it means that there is none.
	One(query string, missing error, scan func(Row) error, args ...any) error
	// Contains returns a condition that a column holds a text somewhere, in any
	// capitals, and its argument.
	Contains(column, text string) (condition string, arg any)
	// Each reads all rows.
	Each(query string, scan func(Row) error, args ...any) error

	// AddPieces gives what an object is called, and its texts, to the index by which
	// objects are found; DropPieces takes an object out. Indexed is the query for the
	// ids of those that are in it.
	AddPieces(object int64, names, texts string) error
	DropPieces(object int64) error
	Indexed() string
	// WithPieces selects, as far as the index tells, the objects that have a text of
	// at least three characters in what they are called, or in their texts; of a
	// shorter one it isn't ok.
	WithPieces(names bool, text string) (p Pieces, ok bool)
}

// Tx is a transaction as the Cockpit knows it. Owned by one goroutine.
//
// No statement of it fails for what a caller may reasonably try, like adding what
// is there already: PostgreSQL would end the transaction.
type Tx struct{ Engine }

var _ store.Writer = (*Tx)(nil)

// CheckLease implements store.Writer, for an engine whose lease nobody can lose.
func (t *Tx) CheckLease(int64) error { return nil }

// Tell implements store.Writer, for an engine that nobody else uses.
func (t *Tx) Tell(string) error { return nil }

// oneRow returns a check that a row was changed; missing says what it means that
// there was none.
func oneRow(missing func() error) func(int64) error {
	return func(n int64) error {
		if n == 0 {
			return missing()
		}
		return nil
	}
}

// anyNumber is a check that is content with any number of rows.
func anyNumber(int64) error { return nil }

// marks returns n question marks for a list of values.
func marks(n int) string { return strings.TrimSuffix(strings.Repeat("?, ", n), ", ") }

func unknownAccount(name string) error {
	return fault.New(fault.NotFound, "UnknownAccount", "there is no account %q", name).About("Account:" + name)
}

const accountFields = "name, role, password_hash, disabled, created_at"

func scanAccount(r Row) (a store.Account, err error) {
	return a, r.Scan(&a.Name, &a.Role, &a.PasswordHash, &a.Disabled, &a.CreatedAt)
}

// Account implements store.Reader.
func (t *Tx) Account(name string) (a store.Account, err error) {
	err = t.One("SELECT "+accountFields+" FROM accounts WHERE name = ?", unknownAccount(name), func(r Row) (err error) {
		a, err = scanAccount(r)
		return err
	}, name)
	return a, err
}

// Accounts implements store.Reader.
func (t *Tx) Accounts() (all []store.Account, err error) {
	err = t.Each("SELECT "+accountFields+" FROM accounts ORDER BY name", func(r Row) error {
		a, err := scanAccount(r)
		all = append(all, a)
		return err
	})
	return all, err
}

// CountRole implements store.Reader.
func (t *Tx) CountRole(role string) (n int, err error) {
	err = t.One("SELECT count(*) FROM accounts WHERE role = ? AND disabled = 0", nil, func(r Row) error { return r.Scan(&n) }, role)
	return n, err
}

// AddAccount implements store.Writer.
func (t *Tx) AddAccount(a store.Account) error {
	n, err := t.Exec("INSERT INTO accounts (name, folded, role, password_hash, disabled, created_at) VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING",
		a.Name, strings.ToLower(a.Name), a.Role, a.PasswordHash, a.Disabled, a.CreatedAt)
	if err == nil && n == 0 {
		return fault.New(fault.Conflict, "DuplicateAccount", "there is an account %q already (capitals make no difference)", a.Name).About("Account:" + a.Name)
	}
	return err
}

// ChangeAccount implements store.Writer.
func (t *Tx) ChangeAccount(a store.Account) error {
	n, err := t.Exec("UPDATE accounts SET role = ?, password_hash = ?, disabled = ? WHERE name = ?", a.Role, a.PasswordHash, a.Disabled, a.Name)
	if err == nil && n == 0 {
		return unknownAccount(a.Name)
	}
	return err
}

// DeleteAccount implements store.Writer.
func (t *Tx) DeleteAccount(name string) error {
	n, err := t.Exec("DELETE FROM accounts WHERE name = ?", name)
	if err == nil && n == 0 {
		return unknownAccount(name)
	}
	if err == nil {
		_, err = t.Exec("DELETE FROM filters WHERE owner = ?", name)
	}
	if err == nil {
		_, err = t.Exec("DELETE FROM account_keys WHERE account = ?", name)
	}
	if err == nil {
		_, err = t.Exec("DELETE FROM passkeys WHERE account = ?", name)
	}
	return err
}

// Session implements store.Reader.
func (t *Tx) Session(hash [32]byte) (s store.Session, err error) {
	s.Hash = hash
	err = t.One("SELECT account, method, certificate, created_at, last_used, expires_at FROM sessions WHERE hash = ?",
		fault.New(fault.NotFound, "UnknownSession", "there is no such session"), func(r Row) error {
			return r.Scan(&s.Account, &s.Method, &s.Certificate, &s.CreatedAt, &s.LastUsed, &s.ExpiresAt)
		}, hash[:])
	return s, err
}

// AddSession implements store.Writer.
func (t *Tx) AddSession(s store.Session) error {
	_, err := t.Exec("INSERT INTO sessions (hash, account, method, certificate, created_at, last_used, expires_at) VALUES (?, ?, ?, ?, ?, ?, ?)",
		s.Hash[:], s.Account, s.Method, s.Certificate, s.CreatedAt, s.LastUsed, s.ExpiresAt)
	return err
}

// TouchSession implements store.Writer.
func (t *Tx) TouchSession(hash [32]byte, lastUsed int64) error {
	_, err := t.Exec("UPDATE sessions SET last_used = ? WHERE hash = ? AND last_used < ?", lastUsed, hash[:], lastUsed)
	return err
}

// DeleteSession implements store.Writer.
func (t *Tx) DeleteSession(hash [32]byte) error {
	_, err := t.Exec("DELETE FROM sessions WHERE hash = ?", hash[:])
	return err
}

// DeleteSessionsOf implements store.Writer.
func (t *Tx) DeleteSessionsOf(account string, except [32]byte) (gone [][32]byte, err error) {
	err = t.Each("SELECT hash FROM sessions WHERE account = ? AND hash <> ?", func(r Row) error {
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
	_, err = t.Exec("DELETE FROM sessions WHERE account = ? AND hash <> ?", account, except[:])
	return gone, err
}

// DeleteExpiredSessions implements store.Writer.
func (t *Tx) DeleteExpiredSessions(now, idleSince int64) error {
	_, err := t.Exec("DELETE FROM sessions WHERE expires_at <= ? OR last_used < ?", now, idleSince)
	return err
}
