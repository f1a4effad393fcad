package rows

import (
	"github.com/signet-scheduler/signet/internal/fault"
	"github.com/signet-scheduler/signet/internal/store"
)

// Fact implements store.Reader.
func (t *Tx) Fact(name string) (value string, err error) {
	err = t.Each("SELECT value FROM installation WHERE name = ?", func(r Row) error { return r.Scan(&value) }, name)
	return value, err
}

// SetFact implements store.Writer.
func (t *Tx) SetFact(name, value string) error {
	_, err := t.Exec("INSERT INTO installation (name, value) VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET value = excluded.value", name, value)
	return err
}

const accountKeyFields = "account, kind, key_id, signer, certificates, expires_at, origin, made_at, sealed"

func scanAccountKey(r Row) (k store.AccountKey, err error) {
	return k, r.Scan(&k.Account, &k.Kind, &k.KeyID, &k.Signer, &k.Certificates, &k.ExpiresAt, &k.Origin, &k.MadeAt, &k.Sealed)
}

func unknownAccountKey(account string) error {
	return fault.New(fault.NotFound, "UnknownAccountKey", "the account %s has no signing key", account)
}

// AccountKey implements store.Reader.
func (t *Tx) AccountKey(account string) (k store.AccountKey, err error) {
	err = t.One("SELECT "+accountKeyFields+" FROM account_keys WHERE account = ?", unknownAccountKey(account), func(r Row) error {
		k, err = scanAccountKey(r)
		return err
	}, account)
	return k, err
}

// AccountKeys implements store.Reader.
func (t *Tx) AccountKeys() (all []store.AccountKey, err error) {
	err = t.Each("SELECT "+accountKeyFields+" FROM account_keys ORDER BY account", func(r Row) error {
		k, err := scanAccountKey(r)
		all = append(all, k)
		return err
	})
	return all, err
}

// PutAccountKey implements store.Writer.
func (t *Tx) PutAccountKey(k store.AccountKey) error {
	if _, err := t.Account(k.Account); err != nil {
		return err
	}
	if _, err := t.Exec("DELETE FROM account_keys WHERE account = ?", k.Account); err != nil {
		return err
	}
	_, err := t.Exec("INSERT INTO account_keys ("+accountKeyFields+") VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
		k.Account, k.Kind, k.KeyID, k.Signer, k.Certificates, k.ExpiresAt, k.Origin, k.MadeAt, k.Sealed)
	return err
}

// DeleteAccountKey implements store.Writer.
func (t *Tx) DeleteAccountKey(account string) error {
	n, err := t.Exec("DELETE FROM account_keys WHERE account = ?", account)
	if err == nil && n == 0 {
		return unknownAccountKey(account)
	}
	return err
}

const touchFields = "id, account, name, public_key, rp_id, origin, backup_eligible, made_at, last_used_at"

// Passkeys implements store.Reader.
func (t *Tx) Passkeys(account string) (all []store.Passkey, err error) {
	err = t.Each("SELECT "+touchFields+" FROM passkeys WHERE account = ? ORDER BY made_at, id", func(r Row) error {
		var p store.Passkey
		err := r.Scan(&p.ID, &p.Account, &p.Name, &p.PublicKey, &p.RPID, &p.Origin, &p.BackupEligible, &p.MadeAt, &p.LastUsedAt)
		all = append(all, p)
		return err
	}, account)
	return all, err
}

// AddPasskey implements store.Writer.
func (t *Tx) AddPasskey(p store.Passkey) error {
	if _, err := t.Account(p.Account); err != nil {
		return err
	}
	n, err := t.Exec("INSERT INTO passkeys ("+touchFields+") VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (id) DO NOTHING",
		p.ID, p.Account, p.Name, p.PublicKey, p.RPID, p.Origin, p.BackupEligible, p.MadeAt, p.LastUsedAt)
	if err == nil && n == 0 {
		return fault.New(fault.Conflict, "DuplicatePasskey", "this passkey is registered already")
	}
	return err
}

// passkey runs a statement that concerns one passkey of an account.
func (t *Tx) passkey(statement string, args ...any) error {
	n, err := t.Exec(statement, args...)
	if err == nil && n == 0 {
		return fault.New(fault.NotFound, "UnknownPasskey", "your account has no such passkey")
	}
	return err
}

// RenamePasskey implements store.Writer.
func (t *Tx) RenamePasskey(account string, id []byte, name string) error {
	return t.passkey("UPDATE passkeys SET name = ? WHERE account = ? AND id = ?", name, account, id)
}

// PasskeyUsed implements store.Writer.
func (t *Tx) PasskeyUsed(account string, id []byte, at int64) error {
	return t.passkey("UPDATE passkeys SET last_used_at = ? WHERE account = ? AND id = ?", at, account, id)
}

// DeletePasskey implements store.Writer.
func (t *Tx) DeletePasskey(account string, id []byte) error {
	return t.passkey("DELETE FROM passkeys WHERE account = ? AND id = ?", account, id)
}
