package cockpit

import (
	"context"
	"errors"
	"os"
	"sync"
	"time"

	"github.com/signet-scheduler/signet/internal/conf"
	"github.com/signet-scheduler/signet/internal/fault"
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

// checkLevel makes sure that the installation's security level stays as it was
// chosen: it is in the database, and not just a setting of this Cockpit.
func (c *Cockpit) checkLevel(ctx context.Context) error {
	var level string
	err := c.db.Read(ctx, func(r store.Reader) (err error) {
		level, err = r.Fact(store.FactLevel)
		return err
	})
	switch {
	case err != nil:
		return err
	case level == "": // the database is older than this
		return c.db.Write(ctx, func(w store.Writer) error { return w.SetFact(store.FactLevel, c.settings.SecurityLevel) })
	case level != c.settings.SecurityLevel:
		return fault.New(fault.Conflict, "SecurityLevelFixed",
			"the security level of this installation is %s, as the database says, and can't be changed to %s: set signet.cockpit.security-level back, or make another installation", level, c.settings.SecurityLevel)
	}
	return nil
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
			"at the security level medium, the accounts' signing keys are sealed with the key in %s, which isn't there: bring it back, or, in a new installation, let \"signet cockpit init\" make it", s.SealingKeyFile)
	}
	return k, err
}

// The codes of refusals to sign.
const (
	codeNoSigningKey = "NoSigningKey"
	codeKeyRefused   = "KeyRefused"
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

// signingCertificates tells of the certificate that the server signs with; none
// if it has none, or one that can't be read, which loadSigner has reported.
func signingCertificates(s *conf.Cockpit) []part.Certificate {
	if s.SecurityLevel != levelLow || s.SigningCertFile == "" {
		return nil
	}
	chain, err := pki.ReadCertsPEM(s.SigningCertFile)
	if err != nil {
		return nil
	}
	return part.Certificates(part.ForSigning, chain, nil)
}

// loadSigner reads the key that the server signs documents with; nil when there
// is none. The files lie outside of the database: a copy of it can't sign.
func loadSigner(s *conf.Cockpit) (trust.SignerKey, error) {
	if s.SecurityLevel != levelLow || s.SigningKeyFile == "" {
		return nil, nil // the server may not sign
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
