package trust_test

import (
	"crypto/ed25519"
	"crypto/sha256"
	"io"
	"slices"
	"testing"

	"golang.org/x/crypto/ssh"

	"github.com/signet-scheduler/signet/internal/trust"
	"github.com/signet-scheduler/signet/internal/trust/trusttest"
)

// securityKey signs as a security key in an agent does.
type securityKey struct {
	public ssh.PublicKey
	key    ed25519.PrivateKey
	flags  byte
}

func (s *securityKey) PublicKey() ssh.PublicKey { return s.public }

func (s *securityKey) Sign(_ io.Reader, data []byte) (*ssh.Signature, error) {
	application, message := sha256.Sum256([]byte("ssh:")), sha256.Sum256(data)
	more := []byte{s.flags, 0, 0, 0, 7}
	text := append(append(application[:], more...), message[:]...)
	return &ssh.Signature{Format: s.public.Type(), Blob: ed25519.Sign(s.key, text), Rest: more}, nil
}

// A security key's signature carries its flags and counter; one that was made
// without a touch isn't left behind.
func TestSecurityKeySigns(t *testing.T) {
	t.Parallel()
	key := trusttest.Ed25519(t)
	wireForm := wire([]byte("sk-ssh-ed25519@openssh.com"), key.Public().(ed25519.PublicKey), []byte("ssh:"))
	public, err := ssh.ParsePublicKey(wireForm)
	if err != nil {
		t.Fatal(err)
	}
	set, err := trust.NewSet(trust.Policy{}, nil, nil, [][]byte{keyLine(wireForm)})
	if err != nil {
		t.Fatal(err)
	}
	for flags, ok := range map[byte]bool{1: true, 0: false} {
		signer, err := trust.SSHSignerOf(&securityKey{public, key, flags}, "anna's key")
		if err != nil {
			t.Fatal(err)
		}
		ev, err := trust.SignChecked(signer, doc)
		if (err == nil) != ok {
			t.Errorf("flags %d: %v", flags, err)
		}
		if err != nil {
			continue
		}
		if v, err := set.Verify(doc, ev, trusttest.Now()); err != nil || !v.Signer().Hardware {
			t.Errorf("%+v, %v", v, err)
		}
	}
}

// wrongSigner makes evidence that is another document's.
type wrongSigner struct{ trust.SignerKey }

func (w wrongSigner) Sign(document []byte) (trust.Evidence, error) {
	return w.SignerKey.Sign(append(slices.Clip(document), ' '))
}

// Every kind of signer checks itself; one that doesn't know how isn't believed.
func TestSignChecked(t *testing.T) {
	t.Parallel()
	alone, err := trust.X509Signer(trusttest.ECDSA(t), nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, key := range []trust.SignerKey{
		alone, trusttest.NewX509(t, "a").Key, trusttest.NewPGP(t, "a").Key, trusttest.NewSSH(t, "a").Key,
		trusttest.SSHIdentity(t, "a", trusttest.RSA(t, 2048)).Key,
	} {
		if _, err := trust.SignChecked(key, doc); err != nil {
			t.Errorf("%s: %s", key.Name(), err)
		}
		if _, err := trust.SignChecked(wrongSigner{key}, doc); err == nil {
			t.Errorf("%s: a wrong signature was taken", key.Name())
		}
	}
}
