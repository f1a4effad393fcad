package rows

import (
	"encoding/json"
	"fmt"
	"slices"

	"github.com/signet-scheduler/signet/internal/fault"
	"github.com/signet-scheduler/signet/internal/store"
)

const pendingFields = "controller, name, author, reason, digest, objects, made_at, expires_at, signatures"

// pending reads the fields of a release that waits for signatures, and what follows.
func pending(r Row, more ...any) (p store.PendingRelease, err error) {
	var signatures string
	err = r.Scan(append([]any{&p.ID, &p.Controller, &p.Name, &p.Author, &p.Reason, &p.Digest, &p.Objects, &p.MadeAt, &p.ExpiresAt, &signatures}, more...)...)
	if err == nil && json.Unmarshal([]byte(signatures), &p.Signatures) != nil {
		err = fault.New(fault.Corrupt, "BadRow", "the signatures of the release %d can't be read", p.ID)
	}
	return p, err
}

func signaturesText(all []store.PendingSignature) (string, error) {
	if all == nil {
		all = []store.PendingSignature{}
	}
	text, err := json.Marshal(all)
	if err != nil {
		return "", fmt.Errorf("writing signatures: %w", err)
	}
	return string(text), nil
}

// PendingReleases implements store.ReleaseReader.
func (t *Tx) PendingReleases() (all []store.PendingRelease, err error) {
	err = t.Each("SELECT id, "+pendingFields+" FROM pending_releases ORDER BY id DESC", func(r Row) error {
		p, err := pending(r)
		all = append(all, p)
		return err
	})
	return all, err
}

// PendingRelease implements store.ReleaseReader.
func (t *Tx) PendingRelease(id int64) (p store.PendingRelease, body []byte, err error) {
	err = t.One("SELECT id, "+pendingFields+", body FROM pending_releases WHERE id = ?", store.UnknownRelease(), func(r Row) error {
		p, err = pending(r, &body)
		return err
	}, id)
	return p, body, err
}

// AddPendingRelease implements store.ReleaseWriter.
func (t *Tx) AddPendingRelease(p store.PendingRelease, body []byte, most int) (id int64, err error) {
	var n int
	if err := t.One("SELECT count(*) FROM pending_releases", nil, func(r Row) error { return r.Scan(&n) }); err != nil {
		return 0, err
	}
	if n >= most {
		return 0, fault.New(fault.TooLarge, "TooManyReleases", "%d releases wait for signatures; give one up first", n)
	}
	signatures, err := signaturesText(p.Signatures)
	if err != nil {
		return 0, err
	}
	const add = "INSERT INTO pending_releases (" + pendingFields + ", body) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?) RETURNING id"
	err = t.One(add, nil, func(r Row) error { return r.Scan(&id) }, p.Controller, p.Name, p.Author, p.Reason, p.Digest, p.Objects, p.MadeAt, p.ExpiresAt, signatures, body)
	return id, err
}

// SignPendingRelease implements store.ReleaseWriter.
func (t *Tx) SignPendingRelease(id int64, s store.PendingSignature, most int) error {
	p, _, err := t.PendingRelease(id)
	if err != nil {
		return err
	}
	before, err := signaturesText(p.Signatures)
	if err != nil {
		return err
	}
	own := slices.IndexFunc(p.Signatures, func(x store.PendingSignature) bool { return x.Account != "" && x.Account == s.Account })
	switch {
	case own >= 0:
		p.Signatures[own] = s
	case len(p.Signatures) >= most:
		return fault.New(fault.TooLarge, "TooManySignatures", "the release has %d signatures, the most that it may have", len(p.Signatures))
	default:
		p.Signatures = append(p.Signatures, s)
	}
	after, err := signaturesText(p.Signatures)
	if err != nil {
		return err
	}
	n, err := t.Exec("UPDATE pending_releases SET signatures = ? WHERE id = ? AND signatures = ?", after, id, before)
	if err == nil && n == 0 {
		err = fault.New(fault.Conflict, "ReleaseSigned", "somebody else signed the release at the same time: sign it again")
	}
	return err
}

// DeletePendingRelease implements store.ReleaseWriter.
func (t *Tx) DeletePendingRelease(id int64) error {
	n, err := t.Exec("DELETE FROM pending_releases WHERE id = ?", id)
	if err == nil && n == 0 {
		return store.UnknownRelease()
	}
	return err
}

// DeletePendingReleases implements store.ReleaseWriter.
func (t *Tx) DeletePendingReleases(before int64) error {
	_, err := t.Exec("DELETE FROM pending_releases WHERE expires_at < ?", before)
	return err
}
