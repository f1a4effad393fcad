package trust_test

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/pem"
	"io"
	"strings"
	"testing"

	"golang.org/x/crypto/ssh"

	"github.com/signet-scheduler/signet/internal/trust"
	"github.com/signet-scheduler/signet/internal/trust/trusttest"
)

// A passphrase is asked for where it is needed, and a wrong one is told as such.
func TestPassphrases(t *testing.T) {
	t.Parallel()
	key := trusttest.Ed25519(t)
	block, err := ssh.MarshalPrivateKeyWithPassphrase(key, "", []byte("secret"))
	if err != nil {
		t.Fatal(err)
	}
	ring := trusttest.NewPGPKeyring(t, trusttest.PGPOptions{Key: key, Passphrase: "secret"})
	bare := trusttest.NewPGPKeyring(t, trusttest.PGPOptions{Key: key})
	for _, tt := range []struct {
		name, passphrase string
		private          []byte
		words            string
	}{
		{"SSH", "", pem.EncodeToMemory(block), "is protected by a passphrase"},
		{"SSH", "wrong", pem.EncodeToMemory(block), "the SSH private key can't be used"},
		{"SSH", "secret", pem.EncodeToMemory(block), ""},
		{"SSH without", "secret", trusttest.SSHPrivate(t, key), ""},
		{"PGP", "", ring.PrivateArmour(t), "is protected by a passphrase"},
		{"PGP", "wrong", ring.PrivateArmour(t), "the passphrase doesn't open"},
		{"PGP", "secret", ring.PrivateArmour(t), ""},
		{"PGP without", "secret", bare.PrivateArmour(t), ""},
		{"PEM", "secret", pem.EncodeToMemory(&pem.Block{Type: "ENCRYPTED PRIVATE KEY", Bytes: []byte{1}}), "it is protected by a passphrase"},
		{"old PEM", "secret", pem.EncodeToMemory(&pem.Block{Type: "EC PRIVATE KEY", Headers: map[string]string{"DEK-Info": "x"}, Bytes: []byte{1}}), "it is protected by a passphrase"},
	} {
		signer, err := trust.LoadSignerWithPassphrase(tt.private, nil, []byte(tt.passphrase))
		if tt.words == "" && err == nil {
			_, err = trust.SignChecked(signer, doc)
		}
		if tt.words == "" && err != nil || tt.words != "" && (err == nil || !strings.Contains(err.Error(), tt.words)) {
			t.Errorf("%s with %q: got %v, want a message with %q", tt.name, tt.passphrase, err, tt.words)
		}
	}
}

// brokenDevice signs another document than it is given.
type brokenDevice struct{ crypto.Signer }

func (b brokenDevice) Sign(random io.Reader, digest []byte, opts crypto.SignerOpts) ([]byte, error) {
	other := make([]byte, len(digest))
	return b.Signer.Sign(random, other, opts)
}

// A device that computes wrongly leaves no signature behind.
func TestBrokenDevice(t *testing.T) {
	t.Parallel()
	for name, key := range map[string]crypto.Signer{"RSA": trusttest.RSA(t, 3072), "P-256": trusttest.ECDSA(t), "Ed25519": trusttest.Ed25519(t)} {
		for _, broken := range []bool{false, true} {
			device := key
			if broken {
				device = brokenDevice{key}
			}
			signer, err := trust.X509Signer(device, nil)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := trust.SignChecked(signer, doc); (err != nil) != broken {
				t.Errorf("%s, broken: %t: got %v", name, broken, err)
			}
		}
	}
}

// An ECDSA key signs the hash of its size.
func TestECDSAHashes(t *testing.T) {
	t.Parallel()
	sum256, sum512 := sha256.Sum256(doc), sha512.Sum512(doc)
	check := func(name string, key *ecdsa.PrivateKey, digest []byte) {
		signer, err := trust.X509Signer(key, nil)
		if err != nil {
			t.Fatal(err)
		}
		if ev := trusttest.Sign(t, signer, doc); !ecdsa.VerifyASN1(&key.PublicKey, digest, ev.Signature) {
			t.Errorf("%s: another hash was signed", name)
		}
	}
	check("P-256", trusttest.ECDSA(t), sum256[:])
	check("P-384", trusttest.ECDSAOn(t, elliptic.P384()), sum512[:])
}
