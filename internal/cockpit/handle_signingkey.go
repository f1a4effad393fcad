package cockpit

import (
	"bytes"
	"encoding/base64"

	"github.com/signet-scheduler/signet/api"
	"github.com/signet-scheduler/signet/internal/fault"
	"github.com/signet-scheduler/signet/internal/pki"
	"github.com/signet-scheduler/signet/internal/store"
	"github.com/signet-scheduler/signet/internal/trust"
)

// The ways in which an account came by its key.
const (
	keyGenerated = "generated"
	keyImported  = "imported"
)

func apiKey(k *store.AccountKey) *api.AccountKey {
	return &api.AccountKey{Kind: k.Kind, KeyId: k.KeyID, Signer: k.Signer, Origin: k.Origin, MadeAt: k.MadeAt, ExpiresAt: k.ExpiresAt}
}

func (k *call) getSigningKey() error {
	if q := k.query(); q.err != nil {
		return q.err
	}
	return k.answerSigningKey()
}

// answerSigningKey tells with which key the call's documents are signed.
func (k *call) answerSigningKey() error {
	out := api.SigningKey{SecurityLevel: api.SigningKeySecurityLevel(k.settings.SecurityLevel)}
	switch k.settings.SecurityLevel {
	case levelLow:
		if k.signer != nil {
			out.Key = &api.AccountKey{Kind: string(k.signer.Kind()), KeyId: k.signer.KeyID(), Signer: k.signer.Name(), Origin: keyImported}
			if len(k.signing) > 0 {
				out.Key.MadeAt, out.Key.ExpiresAt = k.signing[0].NotBefore, k.signing[0].NotAfter
			}
		}
	case levelMedium:
		ca, err := k.authority()
		out.CanGenerate = err == nil && ca.Issues(pki.PurposeSigning)
		err = k.db.Read(k.r.Context(), func(r store.Reader) error {
			key, err := r.AccountKey(k.session.Account.Name)
			if err == nil {
				out.Key = apiKey(&key)
			}
			return err
		})
		if err != nil && !fault.Is(err, fault.NotFound) {
			return err
		}
	}
	return k.answer(out)
}

// makeSigningKey gives the account a key of its own. At no other level than medium
// does this server keep private keys of accounts; at high it keeps none at all.
func (k *call) makeSigningKey() error {
	in, err := decode[api.MakeSigningKeyRequest](k)
	if err != nil {
		return err
	}
	if err := k.keepsKeys(); err != nil {
		return err
	}
	name := k.session.Account.Name
	var key store.AccountKey
	var private []byte
	if in.Key != "" || in.Keystore != "" {
		if key, private, err = importKey(in); err != nil {
			return err
		}
	} else if in.Certificates != "" || in.Password != "" {
		return fault.New(fault.Invalid, "InvalidRequest", "certificates and password belong to a key or a keystore, and there is none")
	}
	if err := k.beginAudit("", []string{"Account:" + name}, in.Reason); err != nil {
		return err
	}
	if private == nil {
		if key, private, err = k.generateKey(name); err != nil {
			return err
		}
	}
	key.Account, key.MadeAt = name, k.clock.Now().UnixMilli()
	key.Sealed = k.sealing.Seal(private, placeOf(name, key.KeyID))
	if err := k.replaceKey(name, &key); err != nil {
		return err
	}
	return k.answerSigningKey()
}

// keepsKeys is Forbidden where no private keys of accounts are kept.
func (k *call) keepsKeys() error {
	switch k.settings.SecurityLevel {
	case levelMedium:
		return nil
	case levelHigh:
		return fault.New(fault.Forbidden, codeKeyRefused, "at the security level high this server keeps no private key: sign elsewhere, by \"signet deploy --sign-with\", or what was exported for signing")
	}
	return fault.New(fault.Forbidden, codeKeyRefused, "at the security level %s accounts have no keys: this server signs with the installation's", k.settings.SecurityLevel)
}

// generateKey makes a key with a certificate of the authority of signers.
func (k *call) generateKey(name string) (key store.AccountKey, private []byte, err error) {
	ca, err := k.authority()
	if err != nil {
		return key, nil, err
	}
	if !ca.Issues(pki.PurposeSigning) {
		return key, nil, fault.New(fault.Conflict, "NoAuthority", "the authority of this Cockpit can't make certificates of signers: import a key that has one")
	}
	issued, err := ca.IssueSigner(pki.SignerParams{Name: name, Now: k.clock.Now()})
	if err != nil {
		return key, nil, err
	}
	if private, err = pki.EncodeKeyPEM(issued.Key); err != nil {
		return key, nil, err
	}
	key, err = describeKey(private, pki.EncodeCertsPEM(issued.Chain...))
	key.Origin = keyGenerated
	return key, private, err
}

// importKey reads a key that its owner has brought.
func importKey(in api.MakeSigningKeyRequest) (key store.AccountKey, private []byte, err error) {
	certificates := []byte(in.Certificates)
	private = []byte(in.Key)
	if in.Keystore != "" {
		if in.Key != "" || in.Certificates != "" {
			return key, nil, fault.New(fault.Invalid, "InvalidRequest", "give a key or a keystore, not both")
		}
		data, err := base64.StdEncoding.DecodeString(in.Keystore)
		if err != nil {
			return key, nil, fault.New(fault.Invalid, "InvalidRequest", "the keystore isn't in base64")
		}
		pair, err := pki.ParseKeystore(data, pki.Secret(in.Password))
		if err != nil { // whatever it is, it is the request that is wrong
			return key, nil, fault.Wrap(fault.Invalid, fault.Of(err).Code, err, "the keystore can't be read: %s", fault.Of(err).Public())
		}
		if private, err = pki.EncodeKeyPEM(pair.Key); err != nil {
			return key, nil, fault.Wrap(fault.Invalid, "InvalidKeystore", err, "the keystore's key can't be used")
		}
		certificates = pki.EncodeCertsPEM(pair.Chain...)
	}
	private = bytes.TrimSpace(private)
	key, err = describeKey(private, certificates)
	key.Origin = keyImported
	return key, private, err
}

// describeKey finds out whether a key can sign, and all about it that is no secret.
func describeKey(private, certificates []byte) (key store.AccountKey, err error) {
	signer, err := trust.LoadSigner(private, certificates)
	if err != nil {
		return key, err
	}
	key = store.AccountKey{Kind: string(signer.Kind()), KeyID: signer.KeyID(), Signer: signer.Name(), Certificates: string(certificates)}
	if len(certificates) > 0 {
		chain, err := pki.ParseCertsPEM(certificates)
		if err != nil {
			return key, err
		}
		key.ExpiresAt = chain[0].NotAfter.UnixMilli()
	}
	_, err = trust.SignChecked(signer, []byte("is it able to?"))
	return key, err
}

func (k *call) withdrawSigningKey() error { return k.withdrawKeyOf(k.session.Account.Name) }

func (k *call) withdrawAccountKey() error { return k.withdrawKeyOf(k.r.PathValue("name")) }

func (k *call) withdrawKeyOf(name string) error {
	if err := k.beginAudit("", []string{"Account:" + clip(name)}, ""); err != nil {
		return err
	}
	if err := k.replaceKey(name, nil); err != nil {
		return err
	}
	return k.done()
}

// replaceKey gives an account another key, or, with nil, none. A certificate that was
// made here for the withdrawn one is revoked: it would be good for nobody.
func (k *call) replaceKey(name string, key *store.AccountKey) error {
	var old store.AccountKey
	err := k.db.Write(k.r.Context(), func(w store.Writer) (err error) {
		old, err = w.AccountKey(name)
		switch {
		case err != nil && (key == nil || !fault.Is(err, fault.NotFound)):
			return err
		case key == nil:
			return w.DeleteAccountKey(name)
		}
		return w.PutAccountKey(*key)
	})
	if err != nil || key != nil { // what was signed with a replaced key stays good
		return err
	}
	return k.revokeGenerated(&old)
}

// revokeGenerated revokes the certificate of a key that was generated here.
func (k *call) revokeGenerated(key *store.AccountKey) error {
	if key.Origin != keyGenerated {
		return nil
	}
	chain, err := pki.ParseCertsPEM([]byte(key.Certificates))
	if err != nil {
		return err
	}
	ca, err := k.authority()
	if err != nil {
		return fault.Wrap(fault.Conflict, "NotRevoked", err, "the key is deleted, but its certificate isn't revoked: do so at the authority, for signer/%s", key.Account)
	}
	return ca.Revoke(pki.Serial(chain[0]), pki.ReasonCessationOfOperation, k.clock.Now())
}
