package cockpit

import (
	"bytes"
	"cmp"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"net"
	"slices"
	"strings"
	"time"
	"unicode"

	"github.com/signet-scheduler/signet/api"
	"github.com/signet-scheduler/signet/internal/fault"
	"github.com/signet-scheduler/signet/internal/store"
	"github.com/signet-scheduler/signet/internal/trust"
)

// Registering a passkey makes it trusted by nobody: the answer has the file that
// those who administer Controllers and Agents put into their folder of trusted
// passkeys.
const (
	passkeyWithin = 5 * time.Minute // between asking and answering
	mostPasskeys  = 20              // of an account
	maxPasskey    = 100             // bytes of its name
)

// b64 is the form in which browsers' bytes travel.
var b64 = base64.RawURLEncoding

// pageOf returns where the pages of this call are, as browsers say it, and the
// relying party's id of passkeys for them.
func (k *call) pageOf() (rpID, origin string, err error) {
	host := strings.ToLower(k.r.Host)
	name := host
	if n, port, err := net.SplitHostPort(host); err == nil {
		name = n
		if port == "443" {
			host = name
		}
	}
	rpID, origin = cmp.Or(k.settings.PasskeyHost, name), "https://"+host
	switch {
	case net.ParseIP(strings.Trim(name, "[]")) != nil:
		return "", "", fault.New(fault.Invalid, "InvalidPasskey", "browsers make no passkeys for an address: open the pages by the Cockpit's name, as https://localhost")
	case len(k.settings.PasskeyOrigins) > 0 && !slices.Contains(k.settings.PasskeyOrigins, origin):
		return "", "", fault.New(fault.Invalid, "InvalidPasskey", "passkeys are registered at %s, not at %s", strings.Join(k.settings.PasskeyOrigins, " or "), clip(origin))
	case name != rpID && !strings.HasSuffix(name, "."+rpID):
		return "", "", fault.New(fault.Invalid, "InvalidPasskey", "passkeys are made for %s, which these pages at %s don't belong to", rpID, clip(name))
	}
	return rpID, origin, nil
}

// originsOf returns where a passkey may be used: where it was registered, and the
// other addresses of these pages.
func (k *call) originsOf(p *store.Passkey) []string {
	if slices.Contains(k.settings.PasskeyOrigins, p.Origin) {
		return k.settings.PasskeyOrigins
	}
	return []string{p.Origin}
}

// passkeyChallenge returns what a browser has to answer: it is of this session, and
// says when it was made.
func (k *call) passkeyChallenge(at time.Time) []byte {
	stamp := binary.BigEndian.AppendUint64(nil, uint64(at.UnixMilli()))
	mac := hmac.New(sha256.New, k.session.Hash[:])
	mac.Write([]byte("signet passkey registration\x00"))
	mac.Write(stamp)
	return append(stamp, mac.Sum(nil)[:24]...)
}

// newPasskey tells what a browser needs to make a passkey.
func (k *call) newPasskey() error {
	if q := k.query(); q.err != nil {
		return q.err
	}
	rpID, _, err := k.pageOf()
	if err != nil {
		return err
	}
	user := sha256.Sum256([]byte("signet account\x00" + k.session.Account.Name))
	return k.answer(api.NewPasskey{Challenge: b64.EncodeToString(k.passkeyChallenge(k.clock.Now())), RpId: rpID, Account: k.session.Account.Name, UserId: b64.EncodeToString(user[:16])})
}

func (k *call) addPasskey() error {
	in, err := decode[api.AddPasskeyRequest](k)
	if err != nil {
		return err
	}
	p, err := k.registered(in)
	if err != nil {
		return err
	}
	if err := k.beginAudit("", []string{"Passkey:" + clip(p.Name)}, ""); err != nil {
		return err
	}
	err = k.db.Write(k.r.Context(), func(w store.Writer) error {
		all, err := w.Passkeys(p.Account)
		if err == nil && len(all) >= mostPasskeys {
			err = fault.New(fault.Conflict, "TooManyPasskeys", "an account has at most %d passkeys: remove one first", mostPasskeys)
		}
		if err != nil {
			return err
		}
		return w.AddPasskey(p)
	})
	if err != nil {
		return err
	}
	return k.listPasskeys()
}

func passkeyName(text string) (string, error) {
	name := strings.TrimSpace(text)
	if name == "" || len(name) > maxPasskey || strings.ContainsFunc(name, unicode.IsControl) {
		return "", fault.New(fault.Invalid, "InvalidName", "give the passkey a name of at most %d bytes, without control characters", maxPasskey)
	}
	return name, nil
}

// registered checks what a browser has answered.
func (k *call) registered(in api.AddPasskeyRequest) (p store.Passkey, err error) {
	name, err := passkeyName(in.Name)
	if err != nil {
		return p, err
	}
	rpID, origin, err := k.pageOf()
	if err != nil {
		return p, err
	}
	var r trust.Registration
	for text, into := range map[*string]*[]byte{&in.CredentialId: &r.CredentialID, &in.PublicKey: &r.PublicKey, &in.ClientData: &r.ClientData, &in.AuthenticatorData: &r.AuthenticatorData} {
		if *into, err = b64.DecodeString(*text); err != nil {
			return p, fault.New(fault.Invalid, "InvalidPasskey", "what the browser said isn't in base64url without padding")
		}
	}
	challenge, err := k.challengeOf(in.Challenge)
	if err != nil {
		return p, err
	}
	eligible, err := r.Check(challenge, rpID, origin)
	if err != nil {
		return p, err
	}
	p = store.Passkey{
		ID: r.CredentialID, Account: k.session.Account.Name, Name: name, PublicKey: r.PublicKey, RPID: rpID, Origin: origin,
		BackupEligible: eligible, MadeAt: k.clock.Now().UnixMilli(),
	}
	_, err = k.trustable(&p).File() // it is one that machines can trust
	return p, err
}

// challengeOf returns the challenge that a browser says it was given, if it was.
func (k *call) challengeOf(text string) ([]byte, error) {
	given, err := b64.DecodeString(text)
	over := fault.New(fault.Invalid, "InvalidPasskey", "it took longer than %s, or was begun in another session: try again", passkeyWithin)
	if err != nil || len(given) != 32 {
		return nil, over
	}
	at := time.UnixMilli(int64(binary.BigEndian.Uint64(given)))
	if age := k.clock.Now().Sub(at); age < 0 || age > passkeyWithin || !hmac.Equal(given, k.passkeyChallenge(at)) {
		return nil, over
	}
	return given, nil
}

func (k *call) trustable(p *store.Passkey) *trust.EnrolledPasskey {
	return &trust.EnrolledPasskey{
		CredentialID: p.ID, PublicKey: p.PublicKey, RPID: p.RPID, Name: p.Name, Owner: p.Account, Origins: k.originsOf(p), BackupEligible: p.BackupEligible,
	}
}

func (k *call) getPasskeys() error {
	if q := k.query(); q.err != nil {
		return q.err
	}
	return k.listPasskeys()
}

func (k *call) listPasskeys() error {
	var all []store.Passkey
	err := k.db.Read(k.r.Context(), func(r store.Reader) (err error) {
		all, err = r.Passkeys(k.session.Account.Name)
		return err
	})
	if err != nil {
		return err
	}
	out := api.Passkeys{Passkeys: []api.Passkey{}}
	for i := range all {
		p := k.trustable(&all[i])
		file, err := p.File()
		if err != nil {
			return err
		}
		out.Passkeys = append(out.Passkeys, api.Passkey{
			Id: b64.EncodeToString(p.CredentialID), Name: p.Name, KeyId: p.KeyID(), RpId: p.RPID, Origin: all[i].Origin,
			BackupEligible: p.BackupEligible, MadeAt: all[i].MadeAt, LastUsedAt: all[i].LastUsedAt, TrustFile: string(file),
		})
	}
	return k.answer(out)
}

// changePasskey is an audited change of the passkey that the address names.
func (k *call) changePasskey(change func(w store.Writer, id []byte) error) error {
	id, err := b64.DecodeString(k.r.PathValue("id"))
	if err != nil {
		return fault.New(fault.NotFound, "UnknownPasskey", "your account has no such passkey")
	}
	if err := k.beginAudit("", []string{"Passkey:" + clip(k.r.PathValue("id"))}, ""); err != nil {
		return err
	}
	return k.db.Write(k.r.Context(), func(w store.Writer) error { return change(w, id) })
}

func (k *call) renamePasskey() error {
	in, err := decode[api.RenamePasskeyRequest](k)
	if err != nil {
		return err
	}
	name, err := passkeyName(in.Name)
	if err != nil {
		return err
	}
	err = k.changePasskey(func(w store.Writer, id []byte) error {
		all, err := w.Passkeys(k.session.Account.Name)
		if err != nil {
			return err
		}
		for i := range all {
			if all[i].Name = name; bytes.Equal(all[i].ID, id) {
				if _, err := k.trustable(&all[i]).File(); err != nil {
					return err // machines would not take the name
				}
			}
		}
		return w.RenamePasskey(k.session.Account.Name, id, name)
	})
	if err != nil {
		return err
	}
	return k.listPasskeys()
}

func (k *call) deletePasskey() error {
	err := k.changePasskey(func(w store.Writer, id []byte) error { return w.DeletePasskey(k.session.Account.Name, id) })
	if err != nil {
		return err
	}
	return k.done()
}

// passkeysUsed notes that releases were deployed which these passkeys signed, as far
// as they are the caller's. That they weren't noted changes nothing.
func (k *call) passkeysUsed(ids [][]byte) {
	if len(ids) == 0 {
		return
	}
	err := k.db.Write(k.r.Context(), func(w store.Writer) error {
		for _, id := range ids {
			if err := w.PasskeyUsed(k.session.Account.Name, id, k.clock.Now().UnixMilli()); err != nil && !fault.Is(err, fault.NotFound) {
				return err
			}
		}
		return nil
	})
	if err != nil {
		k.log.Warn("the use of a passkey couldn't be noted", "error", err)
	}
}
