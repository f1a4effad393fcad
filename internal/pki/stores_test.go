package pki_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/signet-scheduler/signet/internal/fault"
	"github.com/signet-scheduler/signet/internal/fsys"
	"github.com/signet-scheduler/signet/internal/pki"
)

// command runs a program in dir, or skips where it isn't installed.
func command(t *testing.T, dir, name string, args ...string) string {
	t.Helper()
	program, err := exec.LookPath(name)
	if err != nil {
		t.Skipf("%s is not installed", name)
	}
	cmd := exec.CommandContext(t.Context(), program, args...)
	cmd.Dir = dir
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%s %v: %v\n%s", name, args, err, out)
	}
	return string(out)
}

// pem writes a node's key and chain, and the root, into a folder.
func pemFolder(t *testing.T) (dir string, node *pki.Issued) {
	t.Helper()
	ca := newCA(t)
	node, err := ca.IssueNode(pki.NodeParams{Role: pki.RoleAgent, Name: "agent-1", Now: now})
	if err != nil {
		t.Fatal(err)
	}
	dir = t.TempDir()
	pair := node.Keypair()
	for _, err := range []error{
		pki.WriteKeyPEM(fsys.Real{}, filepath.Join(dir, "key.pem"), pair.Key),
		pki.WriteCertsPEM(fsys.Real{}, filepath.Join(dir, "cert.pem"), pair.Chain[0]),
		pki.WriteCertsPEM(fsys.Real{}, filepath.Join(dir, "issuer.pem"), ca.Issuer(pki.PurposeNode)),
		pki.WriteCertsPEM(fsys.Real{}, filepath.Join(dir, "root.pem"), ca.Root(pki.PurposeNode)),
	} {
		if err != nil {
			t.Fatal(err)
		}
	}
	return dir, node
}

func mustBeNode(t *testing.T, what string, node *pki.Issued, pair pki.Keypair, err error) {
	t.Helper()
	if err != nil || len(pair.Chain) != 2 || !pair.Leaf().Equal(node.Cert) {
		t.Errorf("%s: %d certificates, %v", what, len(pair.Chain), err)
	}
}

// TestStoresOfOpenSSL reads what openssl makes, by its algorithms of today and of
// ten years ago.
func TestStoresOfOpenSSL(t *testing.T) {
	t.Parallel()
	dir, node := pemFolder(t)
	for name, more := range map[string][]string{
		"today":  nil,
		"legacy": {"-certpbe", "PBE-SHA1-3DES", "-keypbe", "PBE-SHA1-3DES", "-macalg", "sha1"},
	} {
		keys, trust := name+"-key.p12", name+"-trust.p12"
		command(t, dir, "openssl", append([]string{
			"pkcs12", "-export", "-inkey", "key.pem", "-in", "cert.pem", "-certfile", "issuer.pem", "-name", "agent-1",
			"-out", keys, "-passout", "pass:secret",
		}, more...)...)
		if err := os.Chmod(filepath.Join(dir, keys), 0o600); err != nil {
			t.Fatal(err)
		}
		pair, err := pki.ReadKeystore(filepath.Join(dir, keys), "secret")
		mustBeNode(t, name, node, pair, err)
		for alias, code := range map[string]string{"agent-1": "", "AGENT-1": "", "other": "InvalidKeystore"} {
			pair, err = pki.ReadKeystoreWith(filepath.Join(dir, keys), "secret", pki.KeyChoice{Alias: alias})
			if code == "" {
				mustBeNode(t, name+" by alias "+alias, node, pair, err)
			} else if !fault.HasCode(err, code) {
				t.Errorf("%s by alias %s: %v", name, alias, err)
			}
		}
		if _, err := pki.ReadKeystoreWith(filepath.Join(dir, keys), "wrong", pki.KeyChoice{Alias: "agent-1"}); !fault.HasCode(err, "WrongPassword") {
			t.Errorf("%s with a wrong password: %v", name, err)
		}
		if _, err := pki.ReadKeystoreWith(filepath.Join(dir, keys), "secret", pki.KeyChoice{Password: "wrong"}); !fault.HasCode(err, "WrongPassword") {
			t.Errorf("%s with a wrong password of the key: %v", name, err)
		}
		command(t, dir, "openssl", append([]string{"pkcs12", "-export", "-nokeys", "-in", "root.pem", "-out", trust, "-passout", "pass:secret"}, more...)...)
		certs, err := pki.ReadTruststore(filepath.Join(dir, trust), "secret")
		if err != nil || len(certs) != 1 {
			t.Errorf("%s truststore: %d, %v", name, len(certs), err)
		}
		if _, err := pki.ReadTruststore(filepath.Join(dir, trust), "wrong"); !fault.HasCode(err, "WrongPassword") {
			t.Errorf("%s truststore with a wrong password: %v", name, err)
		}
		if _, err := pki.ReadTruststore(filepath.Join(dir, keys), "secret"); err == nil {
			t.Errorf("%s: a keystore is taken for a truststore", name)
		}
	}
}

// TestStoresOfKeytool reads what Java's keytool makes of the same certificates.
func TestStoresOfKeytool(t *testing.T) {
	t.Parallel()
	dir, node := pemFolder(t)
	command(t, dir, "openssl", "pkcs12", "-export", "-inkey", "key.pem", "-in", "cert.pem", "-certfile", "issuer.pem", "-name", "agent-1", "-out", "from.p12", "-passout", "pass:secret")
	// keytool says that it ignores a key's password of its own in PKCS#12.
	said := command(t, dir, "keytool", "-importkeystore", "-srckeystore", "from.p12", "-srcstoretype", "PKCS12", "-srcstorepass", "secret", "-alias", "agent-1",
		"-destkeystore", "key.p12", "-deststoretype", "PKCS12", "-deststorepass", "storepass", "-destkeypass", "storepass", "-noprompt")
	t.Log(said)
	command(t, dir, "keytool", "-importcert", "-noprompt", "-alias", "root", "-file", "root.pem", "-keystore", "trust.p12", "-storetype", "PKCS12", "-storepass", "storepass")
	command(t, dir, "keytool", "-importcert", "-noprompt", "-alias", "root", "-file", "root.pem", "-keystore", "key.p12", "-storetype", "PKCS12", "-storepass", "storepass")
	said = command(t, dir, "keytool", "-genkeypair", "-alias", "second", "-keyalg", "EC", "-groupname", "secp256r1", "-dname", "CN=second", "-keystore", "key.p12",
		"-storetype", "PKCS12", "-storepass", "storepass", "-keypass", "another")
	if !strings.Contains(said, "Different store and key passwords not supported for PKCS12") {
		t.Errorf("keytool no longer says that it ignores a key's password:\n%s", said)
	}
	store := filepath.Join(dir, "key.p12")
	if err := os.Chmod(store, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := pki.ReadKeystore(store, "storepass"); !fault.HasCode(err, "InvalidKeystore") {
		t.Errorf("two keys, none chosen: %v", err)
	}
	pair, err := pki.ReadKeystoreWith(store, "storepass", pki.KeyChoice{Alias: "agent-1"})
	mustBeNode(t, "keytool", node, pair, err)
	pair, err = pki.ReadKeystoreWith(store, "storepass", pki.KeyChoice{Alias: "second", Password: "storepass"})
	if err != nil || pair.Leaf().Subject.CommonName != "second" {
		t.Errorf("the other key: %v", err)
	}
	certs, err := pki.ReadTruststore(filepath.Join(dir, "trust.p12"), "storepass")
	if err != nil || len(certs) != 1 {
		t.Errorf("truststore: %d, %v", len(certs), err)
	}
}

// TestStoresFromKeytool reads stores that keytool has made once.
func TestStoresFromKeytool(t *testing.T) {
	t.Parallel()
	data, err := os.ReadFile("testdata/keytool-key.p12")
	if err != nil {
		t.Fatal(err)
	}
	for _, key := range []pki.KeyChoice{{}, {Alias: "agent"}, {Password: "storepw"}} {
		pair, err := pki.ParseKeystoreWith(data, "storepw", key)
		if err != nil || len(pair.Chain) != 1 || pki.SubjectText(pair.Leaf()) != "CN=agent, O=Company, C=DE" {
			t.Errorf("alias %q: %d certificates, %v", key.Alias, len(pair.Chain), err)
		}
	}
	if data, err = os.ReadFile("testdata/keytool-trust.p12"); err != nil {
		t.Fatal(err)
	}
	certs, err := pki.ParseTruststore(data, "storepw")
	if err != nil || len(certs) != 1 || certs[0].Subject.CommonName != "Company Root" {
		t.Errorf("%d, %v", len(certs), err)
	}
}

// TestKeyWithAPasswordOfItsOwn: Java programs, other than keytool, can make such a
// store. testdata/README.md tells how this one was made.
func TestKeyWithAPasswordOfItsOwn(t *testing.T) {
	t.Parallel()
	data, err := os.ReadFile("testdata/two-passwords.p12")
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct{ store, key, code string }{
		{"storepw", "otherpw", ""},
		{"storepw", "", "InvalidKeystore"},
		{"storepw", "wrong", "WrongPassword"},
		{"otherpw", "otherpw", "WrongPassword"},
		{"wrong", "otherpw", "WrongPassword"},
	} {
		pair, err := pki.ParseKeystoreWith(data, pki.Secret(c.store), pki.KeyChoice{Password: pki.Secret(c.key)})
		if c.code == "" && (err != nil || pair.Leaf().Subject.CommonName != "agent") || c.code != "" && !fault.HasCode(err, c.code) {
			t.Errorf("%s, %s: %v", c.store, c.key, err)
		}
	}
	// No bit of it can change unseen; each takes tens of thousands of rounds of hashing.
	for i := 0; i < len(data); i += 17 {
		changed := append([]byte{}, data...)
		changed[i] ^= 1 << (i % 8)
		pair, err := pki.ParseKeystoreWith(changed, "storepw", pki.KeyChoice{Password: "otherpw"})
		if err == nil && pair.Leaf().Subject.CommonName != "agent" {
			t.Errorf("a flipped bit in byte %d gives %s", i, pair.Leaf().Subject)
		}
	}
}
