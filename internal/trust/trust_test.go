package trust_test

import (
	"bytes"
	"crypto"
	"crypto/elliptic"
	"encoding/json"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/signet-scheduler/signet/internal/trust"
	"github.com/signet-scheduler/signet/internal/trust/trusttest"
)

// someone is an identity of one of the types of signature under test.
type someone struct {
	label string
	trusttest.Identity
}

// everyone returns one identity for each type of signature that is accepted.
func everyone(t testing.TB) []someone {
	t.Helper()
	under := func(ca *trusttest.Cert, name string, key crypto.Signer) trusttest.Identity {
		return ca.Identity(t, ca.Issue(t, trusttest.CertOptions{Name: name}, key))
	}
	root := trusttest.NewCA(t, "root", trusttest.ECDSA(t))
	edRoot := trusttest.NewCA(t, "ed root", trusttest.Ed25519(t))
	sub := root.SubCA(t, "intermediate", trusttest.ECDSA(t))
	rsa := trusttest.RSA(t, 3072)
	return []someone{
		{"x509-p256", under(root, "p256", trusttest.ECDSA(t))},
		{"x509-p256-intermediate", under(sub, "p256 below", trusttest.ECDSA(t))},
		{"x509-rsa", under(root, "rsa", rsa)},
		{"x509-ed25519", under(edRoot, "ed", trusttest.Ed25519(t))},
		{"pgp-rsa", trusttest.PGPIdentity(t, trusttest.PGPOptions{Key: rsa})},
		{"pgp-ed25519", trusttest.NewPGP(t, "ed@example.test")},
		{"pgp-ed25519-native", trusttest.PGPIdentity(t, trusttest.PGPOptions{Key: trusttest.Ed25519(t), Native: true})},
		{"pgp-p256-subkey", trusttest.PGPIdentity(t, trusttest.PGPOptions{Key: trusttest.Ed25519(t), Subkey: trusttest.ECDSA(t)})},
		{"ssh-ed25519", trusttest.NewSSH(t, "ed@example.test")},
		{"ssh-p256", trusttest.SSHIdentity(t, "p256@example.test", trusttest.ECDSA(t))},
		{"ssh-rsa", trusttest.SSHIdentity(t, "rsa@example.test", rsa)},
	}
}

// slowOnes returns identities whose keys are accepted, too, but too slow to turn
// every bit of their signatures; their code is that of the others.
func slowOnes(t testing.TB) []someone {
	t.Helper()
	p384 := trusttest.ECDSAOn(t, elliptic.P384())
	root := trusttest.NewCA(t, "slow root", p384)
	return []someone{
		{"x509-p384", root.Identity(t, root.Issue(t, trusttest.CertOptions{Name: "p384"}, p384))},
		{"pgp-p384", trusttest.PGPIdentity(t, trusttest.PGPOptions{Key: p384})},
		{"ssh-p384", trusttest.SSHIdentity(t, "p384@example.test", p384)},
	}
}

func TestSignedDocumentIsVerified(t *testing.T) {
	t.Parallel()
	for _, who := range append(everyone(t), slowOnes(t)...) {
		t.Run(who.label, func(t *testing.T) {
			t.Parallel()
			doc := trusttest.Document(who.label)
			ev := trusttest.Sign(t, who.Key, doc)
			set := trusttest.Set(t, who.Identity)
			v, err := set.Verify(doc, ev, trusttest.Now())
			if err != nil {
				t.Fatal(err)
			}
			if !bytes.Equal(v.Bytes(), doc) {
				t.Errorf("got the document %q, want %q", v.Bytes(), doc)
			}
			if got := v.Signer(); got.Kind != who.Kind || got.Name != who.Name || len(got.KeyID) < 40 {
				t.Errorf("got signer %+v, want %s of kind %s", got, who.Name, who.Kind)
			}
			// A key file leads to the same signer.
			again, err := trust.LoadSigner(who.Private, who.Chain)
			if err != nil {
				t.Fatal(err)
			}
			if got := v.Signer(); again.KeyID() != got.KeyID || again.Kind() != got.Kind {
				t.Errorf("the key says that it is %s %s, its evidence %s %s", again.Kind(), again.KeyID(), got.Kind, got.KeyID)
			}
			if _, err := set.Verify(doc, trusttest.Sign(t, again, doc), trusttest.Now()); err != nil {
				t.Errorf("with the key read from its file: %s", err)
			}
			// Nobody else's set accepts it.
			if _, err := trusttest.Set(t, trusttest.NewX509(t, "other")).Verify(doc, ev, trusttest.Now()); err == nil {
				t.Error("a set that doesn't trust the signer accepted the document")
			}
		})
	}
}

func TestEvidenceKeepsItsForm(t *testing.T) {
	t.Parallel()
	for _, who := range everyone(t) {
		ev := trusttest.Sign(t, who.Key, []byte("doc"))
		text, err := json.Marshal(ev)
		if err != nil {
			t.Fatalf("%s: %s", who.label, err)
		}
		var read trust.Evidence
		if err := json.Unmarshal(text, &read); err != nil {
			t.Fatalf("%s: %s", who.label, err)
		}
		if diff := cmp.Diff(ev, read); diff != "" {
			t.Errorf("%s: through JSON (-want +got):\n%s", who.label, diff)
		}
		read, err = trust.EvidenceFromFiles(ev.Files())
		if err != nil {
			t.Fatalf("%s: %s", who.label, err)
		}
		if diff := cmp.Diff(ev, read); diff != "" {
			t.Errorf("%s: through files (-want +got):\n%s", who.label, diff)
		}
	}
}
