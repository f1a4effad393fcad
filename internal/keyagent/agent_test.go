package keyagent_test

import (
	"bytes"
	"crypto"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"errors"
	"net"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/crypto/ssh"
	"golang.org/x/crypto/ssh/agent"

	"github.com/signet-scheduler/signet/internal/fault"
	"github.com/signet-scheduler/signet/internal/keyagent"
	"github.com/signet-scheduler/signet/internal/trust"
	"github.com/signet-scheduler/signet/internal/trust/trusttest"
)

var doc = trusttest.Document("a")

// serve makes an agent of the process' own and connects to it.
func serve(t *testing.T, keys agent.Agent) *keyagent.Agent {
	t.Helper()
	socket := filepath.Join(t.TempDir(), "s")
	l, err := net.Listen("unix", socket)
	if err != nil {
		t.Fatal(err)
	}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		conn, err := l.Accept()
		if err != nil {
			return
		}
		_ = agent.ServeAgent(keys, conn) // it ends when the test does
	}()
	a, err := keyagent.Dial(t.Context(), socket)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = a.Close()
		_ = l.Close()
		<-ended
	})
	return a
}

func keyring(t *testing.T, keys ...agent.AddedKey) agent.Agent {
	t.Helper()
	ring := agent.NewKeyring()
	for _, k := range keys {
		if err := ring.Add(k); err != nil {
			t.Fatal(err)
		}
	}
	return ring
}

// Every kind of key makes evidence that those who trust it accept.
func TestSigns(t *testing.T) {
	t.Parallel()
	ca := trusttest.NewCA(t, "ca", trusttest.ECDSA(t))
	ed := trusttest.Ed25519(t)
	for name, tt := range map[string]struct {
		key crypto.Signer
		raw bool
	}{
		"ed25519": {ed, true},
		"p256":    {trusttest.ECDSA(t), true},
		"p384":    {trusttest.ECDSAOn(t, elliptic.P384()), false},
		"rsa":     {trusttest.RSA(t, 3072), true},
	} {
		private := any(tt.key)
		if name == "ed25519" {
			private = &ed
		}
		a := serve(t, keyring(t, agent.AddedKey{PrivateKey: private, Comment: "anna"}))
		key, err := a.Find("anna")
		if err != nil {
			t.Fatal(err)
		}
		signer, err := trust.SSHSignerOf(key, key.Comment())
		if err != nil {
			t.Fatal(err)
		}
		ev, err := trust.SignChecked(signer, doc)
		if err != nil {
			t.Fatalf("%s: %s", name, err)
		}
		who := trusttest.SSHIdentity(t, "anna", tt.key)
		if v, err := trusttest.Set(t, who).Verify(doc, ev, trusttest.Now()); err != nil || v.Signer().Name != "anna" {
			t.Errorf("%s: %v", name, err)
		}
		raw, err := key.Raw()
		if (err == nil) != tt.raw {
			t.Fatalf("%s: %v", name, err)
		}
		if err != nil {
			continue
		}
		issued := ca.Issue(t, trusttest.CertOptions{Name: "anna"}, tt.key)
		if signer, err = trust.X509Signer(raw, issued.ChainPEM()); err != nil {
			t.Fatal(err)
		}
		if ev, err = trust.SignChecked(signer, doc); err != nil {
			t.Fatalf("%s: %s", name, err)
		}
		if _, err := trusttest.Set(t, ca.Identity(t, issued)).Verify(doc, ev, trusttest.Now()); err != nil {
			t.Errorf("%s: %s", name, err)
		}
		if _, err := raw.Sign(rand.Reader, make([]byte, 32), crypto.SHA256); !fault.HasCode(err, "UnusableSigningKey") {
			t.Errorf("%s signs a digest: %v", name, err)
		}
		if _, err := raw.(crypto.MessageSigner).SignMessage(rand.Reader, doc, crypto.SHA384); !fault.HasCode(err, "UnusableSigningKey") {
			t.Errorf("%s signs with SHA-384: %v", name, err)
		}
		// A certificate of another key is of no use.
		if _, err := trust.X509Signer(raw, ca.Issue(t, trusttest.CertOptions{Name: "bert"}, trusttest.ECDSA(t)).ChainPEM()); err == nil {
			t.Errorf("%s: taken with the certificate of another key", name)
		}
	}
}

func TestFind(t *testing.T) {
	t.Parallel()
	one, two, three := trusttest.ECDSA(t), trusttest.ECDSA(t), trusttest.ECDSA(t)
	a := serve(t, keyring(t, agent.AddedKey{PrivateKey: one, Comment: "anna"}, agent.AddedKey{PrivateKey: two, Comment: "both"}, agent.AddedKey{PrivateKey: three, Comment: "both"}))
	public, err := ssh.NewPublicKey(two.Public())
	if err != nil {
		t.Fatal(err)
	}
	line := string(ssh.MarshalAuthorizedKey(public))
	for name, code := range map[string]string{
		"anna": "", ssh.FingerprintSHA256(public): "", line: "", strings.TrimSpace(line) + " another comment": "",
		"both": "AmbiguousKey", "nobody": "NoSuchKey", "": "NoSuchKey", "SHA256:x": "NoSuchKey",
		"ssh-ed25519 x": "InvalidPublicKey", "restrict " + line: "NoSuchKey",
	} {
		key, err := a.Find(name)
		switch {
		case code == "" && err != nil, code != "" && !fault.HasCode(err, code):
			t.Errorf("%q: got %v, want %q", name, err, code)
		case code == "" && name != "anna" && key.Fingerprint() != ssh.FingerprintSHA256(public):
			t.Errorf("%q: found another key", name)
		}
	}
	for _, socket := range []string{"", filepath.Join(t.TempDir(), "none")} {
		if _, err := keyagent.Dial(t.Context(), socket); !fault.HasCode(err, "NoAgent") || !fault.Is(err, fault.Unavailable) {
			t.Errorf("%q: %v", socket, err)
		}
	}
}

// liar is an agent that changes signatures.
type liar struct {
	agent.ExtendedAgent
	change func(*ssh.Signature) error
}

func (l *liar) SignWithFlags(key ssh.PublicKey, data []byte, flags agent.SignatureFlags) (*ssh.Signature, error) {
	sig, err := l.ExtendedAgent.SignWithFlags(key, data, flags)
	if err == nil {
		err = l.change(sig)
	}
	return sig, err
}

func (l *liar) Sign(key ssh.PublicKey, data []byte) (*ssh.Signature, error) {
	return l.SignWithFlags(key, data, 0)
}

// What an agent gives isn't believed.
func TestLyingAgent(t *testing.T) {
	t.Parallel()
	for name, change := range map[string]func(*ssh.Signature) error{
		"wrong":         func(s *ssh.Signature) error { s.Blob[len(s.Blob)-1] ^= 1; return nil },
		"empty":         func(s *ssh.Signature) error { s.Blob = nil; return nil },
		"other form":    func(s *ssh.Signature) error { s.Format = "ssh-rsa"; return nil },
		"with more":     func(s *ssh.Signature) error { s.Rest = []byte{1}; return nil },
		"refuses":       func(*ssh.Signature) error { return errors.New("no") },
		"far too long":  func(s *ssh.Signature) error { s.Blob = bytes.Repeat([]byte{1}, 1<<20); return nil },
		"without digit": func(s *ssh.Signature) error { s.Blob = []byte{0, 0, 0, 0, 0, 0, 0, 0}; return nil },
	} {
		private := trusttest.ECDSA(t)
		key, err := serve(t, &liar{keyring(t, agent.AddedKey{PrivateKey: private, Comment: "anna"}).(agent.ExtendedAgent), change}).Find("anna")
		if err != nil {
			t.Fatal(err)
		}
		signer, err := trust.SSHSignerOf(key, "anna")
		if err != nil {
			t.Fatal(err)
		}
		if _, err := trust.SignChecked(signer, doc); err == nil {
			t.Errorf("%s: taken", name)
		}
		raw, err := key.Raw()
		if err == nil {
			signer, err = trust.X509Signer(raw, nil)
		}
		if err != nil {
			t.Fatal(err)
		}
		if _, err := trust.SignChecked(signer, doc); err == nil {
			t.Errorf("%s: taken as a raw signature", name)
		}
	}
}

// A number with zeros at its front is filled up.
func TestShortRSA(t *testing.T) {
	t.Parallel()
	private := trusttest.RSA(t, 2048)
	key, err := serve(t, &liar{keyring(t, agent.AddedKey{PrivateKey: private, Comment: "x"}).(agent.ExtendedAgent), func(s *ssh.Signature) error {
		s.Blob = bytes.TrimLeft(s.Blob, "\x00")
		return nil
	}}).Find("x")
	if err != nil {
		t.Fatal(err)
	}
	raw, err := key.Raw()
	if err != nil {
		t.Fatal(err)
	}
	ca := trusttest.NewCA(t, "ca", trusttest.ECDSA(t))
	cert := ca.Issue(t, trusttest.CertOptions{Name: "x"}, private).Cert
	short := 0
	for i := range 20_000 {
		message := []byte{byte(i), byte(i >> 8)}
		sig, err := crypto.SignMessage(raw, rand.Reader, message, crypto.SHA512)
		if err != nil {
			t.Fatal(err)
		}
		if sig[0] == 0 {
			short++
		}
		if i%1000 == 0 || sig[0] == 0 {
			if err := cert.CheckSignature(x509.SHA512WithRSA, message, sig); err != nil {
				t.Fatal(err)
			}
		}
		if short == 1 {
			return
		}
	}
	t.Error("no signature began with a zero")
}
