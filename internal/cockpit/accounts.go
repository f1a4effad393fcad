package cockpit

import (
	"context"
	"time"

	"github.com/signet-scheduler/signet/internal/clock"
	"github.com/signet-scheduler/signet/internal/conf"
	"github.com/signet-scheduler/signet/internal/fault"
	"github.com/signet-scheduler/signet/internal/fsys"
	"github.com/signet-scheduler/signet/internal/identity"
	"github.com/signet-scheduler/signet/internal/store"
)

// accountsIn gives package identity the accounts and sessions in a database.
type accountsIn struct{ db store.Store }

func accountOf(a store.Account) identity.Account {
	return identity.Account{Name: a.Name, Role: identity.Role(a.Role), Hash: a.PasswordHash, Disabled: a.Disabled}
}

// Account implements identity.Accounts.
func (s accountsIn) Account(ctx context.Context, name string) (a identity.Account, err error) {
	err = s.db.Read(ctx, func(r store.Reader) error {
		row, err := r.Account(name)
		a = accountOf(row)
		return err
	})
	return a, err
}

// Rehash implements identity.Accounts.
func (s accountsIn) Rehash(ctx context.Context, name, old, hash string) error {
	return s.db.Write(ctx, func(w store.Writer) error {
		row, err := w.Account(name)
		if err != nil || row.PasswordHash != old {
			return err
		}
		row.PasswordHash = hash
		return w.ChangeAccount(row)
	})
}

// Session implements identity.SessionStore.
func (s accountsIn) Session(ctx context.Context, hash [32]byte) (out identity.Session, err error) {
	err = s.db.Read(ctx, func(r store.Reader) error {
		row, err := r.Session(hash)
		if err != nil {
			return err
		}
		account, err := r.Account(row.Account)
		out = identity.Session{
			Hash: hash, Account: accountOf(account), Method: identity.Method(row.Method), Certificate: row.Certificate,
			LastUsed: time.UnixMilli(row.LastUsed), Expires: time.UnixMilli(row.ExpiresAt),
		}
		return err
	})
	return out, err
}

// AddSession implements identity.SessionStore.
func (s accountsIn) AddSession(ctx context.Context, n identity.Session) error {
	return s.db.Write(ctx, func(w store.Writer) error {
		now := n.LastUsed.UnixMilli()
		return w.AddSession(store.Session{
			Hash: n.Hash, Account: n.Account.Name, Method: string(n.Method), Certificate: n.Certificate,
			CreatedAt: now, LastUsed: now, ExpiresAt: n.Expires.UnixMilli(),
		})
	})
}

// TouchSession implements identity.SessionStore.
func (s accountsIn) TouchSession(ctx context.Context, hash [32]byte, at time.Time) error {
	return s.db.Write(ctx, func(w store.Writer) error { return w.TouchSession(hash, at.UnixMilli()) })
}

// InitOptions says how a Cockpit's database is made.
type InitOptions struct {
	Settings *conf.Cockpit
	Account  string // of the first administrator, "admin"
	// Password is that of the first administrator; "" makes a random one. Who
	// has to keep it gives it, so that it isn't lost between making and keeping.
	Password string
	Clock    clock.Clock
	FS       fsys.FS
	Hash     identity.HashOptions
}

// Init makes the database with the first administrator and returns the password,
// which is kept nowhere but as a hash. It is Conflict, AlreadyInitialized, when
// there are accounts already.
func Init(ctx context.Context, o InitOptions) (password string, err error) {
	if o.Account == "" {
		o.Account = "admin"
	}
	if o.Password == "" {
		o.Password = identity.RandomPassword()
	}
	if o.Clock == nil {
		o.Clock = clock.Real{}
	}
	if o.FS == nil {
		o.FS = fsys.Real{}
	}
	if err := identity.CheckName(o.Account); err != nil {
		return "", err
	}
	hash, err := identity.NewHasher(o.Hash).Hash(ctx, o.Password)
	if err != nil {
		return "", err
	}
	db, err := OpenDatabase(ctx, o.Settings, o.FS)
	if err != nil {
		return "", err
	}
	err = db.Write(ctx, func(w store.Writer) error {
		all, err := w.Accounts()
		if err != nil {
			return err
		}
		if len(all) > 0 {
			return fault.New(fault.Conflict, "AlreadyInitialized", "the database has accounts already; nothing was changed")
		}
		now := o.Clock.Now().UnixMilli()
		if _, err := w.AddAudit(store.AuditEntry{Time: now, Action: "init", Objects: []string{"Account:" + o.Account}, Result: "done"}); err != nil {
			return err
		}
		if err := w.SetFact(store.FactLevel, o.Settings.SecurityLevel); err != nil {
			return err
		}
		return w.AddAccount(store.Account{Name: o.Account, Role: string(identity.Administrator), PasswordHash: hash, CreatedAt: now})
	})
	if cerr := db.Close(); err == nil {
		err = cerr
	}
	if err != nil {
		return "", err
	}
	return o.Password, nil
}
