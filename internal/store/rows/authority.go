package rows

import (
	"encoding/json"

	"github.com/signet-scheduler/signet/internal/fault"
	"github.com/signet-scheduler/signet/internal/store"
)

// Bulletins implements store.Reader.
func (t *Tx) Bulletins() (all []store.Bulletin, err error) {
	err = t.Each("SELECT kind, id, version, text FROM bulletins ORDER BY kind, id", func(r Row) error {
		var b store.Bulletin
		err := r.Scan(&b.Kind, &b.ID, &b.Version, &b.Text)
		all = append(all, b)
		return err
	})
	return all, err
}

// PutBulletin implements store.Writer.
func (t *Tx) PutBulletin(b store.Bulletin) error {
	_, err := t.Exec("INSERT INTO bulletins (kind, id, version, text) VALUES (?, ?, ?, ?) ON CONFLICT (kind, id) DO UPDATE SET version = excluded.version, text = excluded.text",
		b.Kind, b.ID, b.Version, b.Text)
	return err
}

const enrolmentFields = "hash, role, name, hosts, controller, authority, made_by, made_at, expires_at, used_at"

func scanEnrolment(r Row) (e store.Enrolment, err error) {
	var hash []byte
	var hosts string
	if err := r.Scan(&hash, &e.Role, &e.Name, &hosts, &e.Controller, &e.Authority, &e.MadeBy, &e.MadeAt, &e.ExpiresAt, &e.UsedAt); err != nil {
		return e, err
	}
	if copy(e.Hash[:], hash) != len(e.Hash) || json.Unmarshal([]byte(hosts), &e.Hosts) != nil {
		return e, fault.New(fault.Corrupt, "BadRow", "the enrolment of %s can't be read", e.Name)
	}
	return e, nil
}

// Enrolment implements store.Reader.
func (t *Tx) Enrolment(hash [32]byte) (e store.Enrolment, err error) {
	err = t.One("SELECT "+enrolmentFields+" FROM enrolments WHERE hash = ?", fault.New(fault.NotFound, "UnknownEnrolment", "there is no such token"), func(r Row) error {
		e, err = scanEnrolment(r)
		return err
	}, hash[:])
	return e, err
}

// AddEnrolment implements store.Writer.
func (t *Tx) AddEnrolment(e store.Enrolment) error {
	if e.Hosts == nil {
		e.Hosts = []string{}
	}
	hosts, err := json.Marshal(e.Hosts)
	if err != nil {
		return fault.Wrap(fault.Internal, "EncodingFailed", err, "the enrolment can't be encoded")
	}
	if _, err := t.Exec("DELETE FROM enrolments WHERE role = ? AND name = ?", e.Role, e.Name); err != nil {
		return err
	}
	_, err = t.Exec("INSERT INTO enrolments ("+enrolmentFields+") VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
		e.Hash[:], e.Role, e.Name, string(hosts), e.Controller, e.Authority, e.MadeBy, e.MadeAt, e.ExpiresAt, e.UsedAt)
	return err
}

// UseEnrolment implements store.Writer.
func (t *Tx) UseEnrolment(hash [32]byte, now int64) error {
	n, err := t.Exec("UPDATE enrolments SET used_at = ? WHERE hash = ? AND used_at = 0 AND expires_at > ?", now, hash[:], now)
	if err == nil && n == 0 {
		return fault.New(fault.Conflict, "EnrolmentOver", "the token was used, has expired, or was replaced by another")
	}
	return err
}

// DeleteEnrolments implements store.Writer.
func (t *Tx) DeleteEnrolments(before int64) error {
	_, err := t.Exec("DELETE FROM enrolments WHERE expires_at < ?", before)
	return err
}
