// Package trusttest makes keys, certificates and trust directories for the tests
// of whatever verifies or makes signatures. Everything is made anew in each test
// process; no key is stored. It also makes what no tool would: it is the forger
// of package trust's own tests.
package trusttest

import (
	"crypto"
	"crypto/ecdh"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"golang.org/x/crypto/ssh"

	"github.com/signet-scheduler/signet/internal/trust"
)

// Identity is somebody who can sign, and the trust file that makes machines
// believe them.
type Identity struct {
	Kind    trust.Kind
	Name    string
	Key     trust.SignerKey
	Trusted []byte // content of the trust file
	Private []byte // the private key as LoadSigner takes it
	Chain   []byte // the certificates as LoadSigner takes them; X509 only
}

// Document returns a small document that differs for each name.
func Document(name string) []byte {
	return fmt.Appendf(nil, `{"TYPE":"Workflow","path":%q,"versionId":"v1","instructions":[]}`, name)
}

// NewX509 returns someone with a P-256 key, whose certificate is issued by a CA
// of their own; the CA is what is to be trusted.
func NewX509(t testing.TB, name string) Identity {
	t.Helper()
	ca := NewCA(t, name+" CA", ECDSA(t))
	return ca.Identity(t, ca.Issue(t, CertOptions{Name: name}, ECDSA(t)))
}

// NewSSH returns someone with an Ed25519 SSH key.
func NewSSH(t testing.TB, name string) Identity {
	t.Helper()
	return SSHIdentity(t, name, Ed25519(t))
}

// SSHIdentity returns someone with an SSH key made of that private key.
func SSHIdentity(t testing.TB, name string, key crypto.Signer) Identity {
	t.Helper()
	public, err := ssh.NewPublicKey(key.Public())
	must(t, err)
	private := SSHPrivate(t, key)
	signer, err := trust.SSHSigner(private)
	must(t, err)
	line := string(ssh.MarshalAuthorizedKey(public))
	return Identity{
		Kind: trust.SSH, Name: name, Key: signer, Private: private,
		Trusted: []byte(line[:len(line)-1] + " " + name + "\n"),
	}
}

// NewPGP returns someone with an Ed25519 OpenPGP key.
func NewPGP(t testing.TB, name string) Identity {
	t.Helper()
	return PGPIdentity(t, PGPOptions{UserID: name, Key: Ed25519(t)})
}

// PGPIdentity returns someone with that OpenPGP key. Key is nil if it can't sign.
func PGPIdentity(t testing.TB, o PGPOptions) Identity {
	t.Helper()
	k := NewPGPKeyring(t, o)
	private := k.PrivateArmour(t)
	signer, _ := trust.PGPSigner(private, nil)
	return Identity{Kind: trust.PGP, Name: k.Options.UserID, Key: signer, Private: private, Trusted: k.PublicArmour(t)}
}

// SSHPrivate returns the key as ssh-keygen stores it.
func SSHPrivate(t testing.TB, key crypto.Signer) []byte {
	t.Helper()
	block, err := ssh.MarshalPrivateKey(key, "")
	must(t, err)
	return pem.EncodeToMemory(block)
}

// Set returns the set that trusts these.
func Set(t testing.TB, identities ...Identity) *trust.Set {
	t.Helper()
	files := map[trust.Kind][][]byte{}
	for _, i := range identities {
		files[i.Kind] = append(files[i.Kind], i.Trusted)
	}
	set, err := trust.NewSet(trust.Policy{}, files[trust.X509], files[trust.PGP], files[trust.SSH], files[trust.Passkey]...)
	must(t, err)
	return set
}

// Dirs makes trust directories below root, named as a part's configuration names
// them, that trust these.
func Dirs(t testing.TB, root string, identities ...Identity) trust.Dirs {
	t.Helper()
	dirs := trust.Dirs{
		X509: filepath.Join(root, "trusted-x509-keys"),
		PGP:  filepath.Join(root, "trusted-pgp-keys"),
		SSH:  filepath.Join(root, "trusted-ssh-keys"),

		Passkey: filepath.Join(root, "trusted-passkeys"),
	}
	for _, dir := range []string{dirs.X509, dirs.PGP, dirs.SSH, dirs.Passkey} {
		must(t, os.MkdirAll(dir, 0o755))
	}
	for i, identity := range identities {
		path := map[trust.Kind]string{
			trust.X509: filepath.Join(dirs.X509, fmt.Sprintf("%d.pem", i)),
			trust.PGP:  filepath.Join(dirs.PGP, fmt.Sprintf("%d.asc", i)),
			trust.SSH:  filepath.Join(dirs.SSH, fmt.Sprintf("%d.pub", i)),

			trust.Passkey: filepath.Join(dirs.Passkey, fmt.Sprintf("%d.json", i)),
		}[identity.Kind]
		must(t, os.WriteFile(path, identity.Trusted, 0o644))
	}
	return dirs
}

// Sign returns evidence over doc.
func Sign(t testing.TB, key trust.SignerKey, doc []byte) trust.Evidence {
	t.Helper()
	ev, err := key.Sign(doc)
	must(t, err)
	return ev
}

// ECDSA returns a new P-256 key.
func ECDSA(t testing.TB) *ecdsa.PrivateKey { return ECDSAOn(t, elliptic.P256()) }

// ECDSAOn returns a new key on that curve.
func ECDSAOn(t testing.TB, curve elliptic.Curve) *ecdsa.PrivateKey {
	t.Helper()
	key, err := ecdsa.GenerateKey(curve, rand.Reader)
	must(t, err)
	return key
}

// Ed25519 returns a new key.
func Ed25519(t testing.TB) ed25519.PrivateKey {
	t.Helper()
	_, key, err := ed25519.GenerateKey(rand.Reader)
	must(t, err)
	return key
}

// rsaKeys holds one key for each size, since they take long to make.
var rsaKeys = map[int]func() (*rsa.PrivateKey, error){
	1024: rsaOnce(1024),
	2048: rsaOnce(2048),
	3072: rsaOnce(3072),
}

func rsaOnce(bits int) func() (*rsa.PrivateKey, error) {
	return sync.OnceValues(func() (*rsa.PrivateKey, error) { return rsa.GenerateKey(rand.Reader, bits) })
}

// RSA returns the process' key of 1024, 2048 or 3072 bits.
func RSA(t testing.TB, bits int) *rsa.PrivateKey {
	t.Helper()
	key, err := rsaKeys[bits]()
	must(t, err)
	return key
}

// PrivatePEM returns the key as PKCS #8.
func PrivatePEM(t testing.TB, key crypto.Signer) []byte {
	t.Helper()
	der, err := x509.MarshalPKCS8PrivateKey(key)
	must(t, err)
	return pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der})
}

// ECDHPrivatePEM returns a key that can't sign.
func ECDHPrivatePEM(t testing.TB) []byte {
	t.Helper()
	key, err := ecdh.X25519().GenerateKey(rand.Reader)
	must(t, err)
	der, err := x509.MarshalPKCS8PrivateKey(key)
	must(t, err)
	return pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der})
}

// Now is the time of the fixtures: certificates are valid from an hour before to
// a day after the start of the process.
func Now() time.Time { return started() }

var started = sync.OnceValue(func() time.Time { return time.Now().Truncate(time.Second) })

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
