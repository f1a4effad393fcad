package cockpit

import (
	"context"
	"errors"
	"os"
	"sync"
	"time"

	"github.com/signet-scheduler/signet/internal/conf"
	"github.com/signet-scheduler/signet/internal/fault"
	"github.com/signet-scheduler/signet/internal/fsys"
	"github.com/signet-scheduler/signet/internal/part"
	"github.com/signet-scheduler/signet/internal/pki"
	"github.com/signet-scheduler/signet/internal/seal"
	"github.com/signet-scheduler/signet/internal/store"
	"github.com/signet-scheduler/signet/internal/trust"
)

// The security levels.
const (
	levelLow    = "low"    // the Cockpit signs, with one key
	levelMedium = "medium" // the Cockpit signs, with the key of the account that deploys
	levelHigh   = "high"   // the Cockpit has no private key
)

// checkFacts makes sure that the installation's security level stays as it was
// chosen, and that its sealing key is the one that the accounts' keys were sealed
// with: both are in the database, and not just settings of this Cockpit. The first
// Cockpit notes them. It is one transaction, so that of two that start at once on a
// new database with different settings, one is refused.
func (c *Cockpit) checkFacts(ctx context.Context) error {
	return c.db.Write(ctx, func(w store.Writer) error {
		level, err := noteFact(w, store.FactLevel, c.settings.SecurityLevel)
		if err != nil {
			return err
		}
		if level != c.settings.SecurityLevel {
			return fault.New(fault.Conflict, "SecurityLevelFixed",
				"the security level of this installation is %s, as the database says, and can't be changed to %s: set signet.cockpit.security-level back, or make another installation", level, c.settings.SecurityLevel)
		}
		if c.sealing == nil {
			return nil
		}
		id, err := noteFact(w, store.FactSealingKey, c.sealing.ID())
		if err != nil {
			return err
		}
		if id != c.sealing.ID() {
			return fault.New(fault.Untrusted, codeSealingKeyWrong,
				"the accounts' signing keys are sealed with the key %s, and %s is the key %s: bring the right file back; if it is lost, \"signet cockpit forget-keys\" deletes what it has sealed", id, c.settings.SealingKeyFile, c.sealing.ID())
		}
		return nil
	})
}

// noteFact returns what the database has under a name; where there is nothing, it
// notes the value.
func noteFact(w store.Writer, name, value string) (string, error) {
	there, err := w.Fact(name)
	if err != nil || there != "" {
		return there, err
	}
	return value, w.SetFact(name, value)
}

// ForgetKeys deletes the signing keys of all accounts, when the key is lost that they
// are sealed with, and tells whose they were. The next Cockpit that starts seals with
// the key that it has. What the keys have signed stays good.
func ForgetKeys(ctx context.Context, s *conf.Cockpit, now time.Time) (accounts []string, err error) {
	if s.SecurityLevel != levelMedium {
		return nil, fault.New(fault.Invalid, codeKeyRefused, "only at the security level medium are there signing keys of accounts, and this installation's is %s", s.SecurityLevel)
	}
	there, err := seal.ReadKey(s.SealingKeyFile)
	if err != nil && !fault.HasCode(err, seal.CodeKeyMissing) {
		return nil, err
	}
	db, err := OpenDatabase(ctx, s, fsys.Real{})
	if err != nil {
		return nil, err
	}
	err = db.Write(ctx, func(w store.Writer) error {
		id, err := w.Fact(store.FactSealingKey)
		if err != nil {
			return err
		}
		if there != nil && id == there.ID() {
			return fault.New(fault.Conflict, "SealingKeyThere", "%s is the key that the accounts' signing keys are sealed with: it isn't lost, and nothing was deleted", s.SealingKeyFile)
		}
		keys, err := w.AccountKeys()
		if err != nil {
			return err
		}
		accounts = make([]string, len(keys))
		objects := make([]string, len(keys))
		for i := range keys {
			accounts[i], objects[i] = keys[i].Account, "Account:"+keys[i].Account
			if err := w.DeleteAccountKey(keys[i].Account); err != nil {
				return err
			}
		}
		if _, err := w.AddAudit(store.AuditEntry{Time: now.UnixMilli(), Action: "forgetKeys", Objects: fewObjects(objects), Result: "done"}); err != nil {
			return err
		}
		return w.SetFact(store.FactSealingKey, "")
	})
	if cerr := db.Close(); err == nil {
		err = cerr
	}
	if err != nil {
		return nil, err
	}
	return accounts, nil
}

// loadSealing reads the key that opens the accounts' signing keys; nil where there
// are none.
func loadSealing(s *conf.Cockpit) (*seal.Key, error) {
	if s.SecurityLevel != levelMedium {
		return nil, nil
	}
	k, err := seal.ReadKey(s.SealingKeyFile)
	if fault.HasCode(err, seal.CodeKeyMissing) {
		return nil, fault.Wrap(fault.Invalid, seal.CodeKeyMissing, err,
			"at the security level medium, the accounts' signing keys are sealed with the key in %s, which isn't there: bring it back, or, in a new installation, let \"signet cockpit init\" make it; if it is lost, \"signet cockpit forget-keys\" deletes what it has sealed", s.SealingKeyFile)
	}
	return k, err
}

// The codes of refusals.
const (
	codeNoSigningKey = "NoSigningKey"
	codeKeyRefused   = "KeyRefused"

	codeSealingKeyWrong = "SealingKeyWrong" // not the one that the database's keys are sealed with
)

// signerOfCall returns the key that this call's documents are signed with: the
// installation's, or the account's own. Where the server may not sign, it is an
// Untrusted fault.
func (k *call) signerOfCall() (trust.SignerKey, error) {
	switch {
	case k.settings.SecurityLevel == levelMedium:
		if k.accountSigner == nil {
			k.accountSigner = sync.OnceValues(k.openAccountKey)
		}
		return k.accountSigner()
	case k.signer == nil:
		return nil, fault.New(fault.Untrusted, trust.CodeMissingEvidence, "the document has no signature, and this server signs none (security level %s)", k.settings.SecurityLevel)
	}
	return k.signer, nil
}

// openAccountKey opens the signing key of the account that calls.
func (k *call) openAccountKey() (trust.SignerKey, error) {
	name := k.session.Account.Name
	var key store.AccountKey
	err := k.db.Read(k.r.Context(), func(r store.Reader) (err error) {
		key, err = r.AccountKey(name)
		return err
	})
	if fault.Is(err, fault.NotFound) {
		return nil, fault.New(fault.Untrusted, codeNoSigningKey,
			"the document has no signature, and your account %s has no key to sign it with: make one in your profile, or by \"signet key create\"", name)
	}
	if err != nil {
		return nil, err
	}
	if now := k.clock.Now().UnixMilli(); key.ExpiresAt != 0 && now > key.ExpiresAt {
		return nil, fault.New(fault.Untrusted, codeNoSigningKey, "the certificate of your signing key has ended at %s: make a new one by \"signet key create\"",
			time.UnixMilli(key.ExpiresAt).UTC().Format(time.RFC3339))
	}
	private, err := k.sealing.Open(key.Sealed, placeOf(key.Account, key.KeyID))
	if err != nil {
		return nil, fault.Wrap(fault.Untrusted, codeNoSigningKey, err, "the signing key of the account %s can't be opened: is %s the file that it was sealed with?", name, k.settings.SealingKeyFile)
	}
	return trust.LoadSigner(private, []byte(key.Certificates))
}

// placeOf says where a sealed key belongs (docs/formats/sealed.md).
func placeOf(account, keyID string) []byte {
	return []byte("account-key\x00" + account + "\x00" + keyID)
}

// signingCertificates tells of the certificate in PEM that the server signs with;
// none if it has none, or one that can't be read, which loadSigningFiles has reported.
func signingCertificates(s *conf.Cockpit) []part.Certificate {
	if s.SigningCertFile == "" {
		return nil
	}
	chain, err := pki.ReadCertsPEM(s.SigningCertFile)
	if err != nil {
		return nil
	}
	return part.Certificates(part.ForSigning, chain, nil)
}

// loadSigner reads the key that the server signs documents with, and tells of its
// certificate; a nil key when there is none. The files lie outside of the database: a
// copy of it can't sign.
func loadSigner(s *conf.Cockpit) (trust.SignerKey, []part.Certificate, error) {
	if s.SecurityLevel != levelLow {
		return nil, nil, nil // the server may not sign
	}
	if s.SigningKeystore != "" {
		return loadSigningKeystore(s)
	}
	signer, err := loadSigningFiles(s)
	return signer, signingCertificates(s), err
}

// loadSigningKeystore reads the key from a PKCS#12 keystore. One that is configured
// has to be there.
func loadSigningKeystore(s *conf.Cockpit) (trust.SignerKey, []part.Certificate, error) {
	pair, err := pki.ReadKeystore(s.SigningKeystore, pki.Secret(s.SigningKeystorePassword.Reveal()))
	if err != nil {
		return nil, nil, fault.Wrap(fault.Invalid, "SigningKeyUnreadable", err, "the signing keystore can't be read")
	}
	key, err := pki.EncodeKeyPEM(pair.Key)
	if err != nil {
		return nil, nil, fault.Wrap(fault.Invalid, "SigningKeyUnreadable", err, "the key of the signing keystore %s can't be used", s.SigningKeystore)
	}
	signer, err := trust.LoadSigner(key, pki.EncodeCertsPEM(pair.Chain...))
	return signer, part.Certificates(part.ForSigning, pair.Chain, nil), err
}

func loadSigningFiles(s *conf.Cockpit) (trust.SignerKey, error) {
	if s.SigningKeyFile == "" {
		return nil, nil // it has none
	}
	info, err := os.Stat(s.SigningKeyFile)
	if errors.Is(err, os.ErrNotExist) {
		return nil, nil // nobody gave it a key
	}
	if err != nil {
		return nil, fault.Wrap(fault.Invalid, "SigningKeyUnreadable", err, "the signing key %s can't be read", s.SigningKeyFile)
	}
	if info.Mode().Perm()&0o077 != 0 {
		return nil, fault.New(fault.Untrusted, "KeyFileExposed", "others than its owner can use the signing key %s: chmod 600 it", s.SigningKeyFile)
	}
	key, err := os.ReadFile(s.SigningKeyFile)
	if err != nil {
		return nil, fault.Wrap(fault.Invalid, "SigningKeyUnreadable", err, "the signing key %s can't be read", s.SigningKeyFile)
	}
	var cert []byte
	if s.SigningCertFile != "" {
		cert, err = os.ReadFile(s.SigningCertFile)
		if err != nil && !errors.Is(err, os.ErrNotExist) {
			return nil, fault.Wrap(fault.Invalid, "SigningKeyUnreadable", err, "the signing certificate %s can't be read", s.SigningCertFile)
		}
	}
	return trust.LoadSigner(key, cert)
}
