package trust_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/signet-scheduler/signet/internal/fault"
	"github.com/signet-scheduler/signet/internal/trust"
	"github.com/signet-scheduler/signet/internal/trust/trusttest"
)

// bench is a folder in which other people's tools work.
type bench struct {
	t   *testing.T
	dir string
}

// newBench skips the test where a tool is missing; where CI is set it must be
// there.
func newBench(t *testing.T, tools ...string) *bench {
	t.Helper()
	if testing.Short() {
		t.Skip("it runs installed programs")
	}
	for _, tool := range tools {
		if _, err := exec.LookPath(tool); err != nil {
			if os.Getenv("CI") != "" {
				t.Fatalf("%s is missing", tool)
			}
			t.Skipf("%s is missing", tool)
		}
	}
	b := &bench{t, t.TempDir()}
	b.write("doc", doc)
	return b
}

func (b *bench) path(name string) string { return filepath.Join(b.dir, name) }

func (b *bench) write(name string, content []byte) {
	b.t.Helper()
	if err := os.WriteFile(b.path(name), content, 0o600); err != nil {
		b.t.Fatal(err)
	}
}

func (b *bench) read(name string) []byte {
	b.t.Helper()
	content, err := os.ReadFile(b.path(name))
	if err != nil {
		b.t.Fatal(err)
	}
	return content
}

// run runs a command in the folder and returns what it wrote.
func (b *bench) run(command string, args ...string) string {
	b.t.Helper()
	out, err := b.try(command, args...)
	if err != nil {
		b.t.Fatalf("%s %s: %s\n%s", command, strings.Join(args, " "), err, out)
	}
	return out
}

func (b *bench) try(command string, args ...string) (string, error) {
	cmd := exec.Command(command, args...)
	cmd.Dir = b.dir
	cmd.Env = append(os.Environ(), "GNUPGHOME="+b.dir, "LC_ALL=C")
	out, err := cmd.CombinedOutput()
	return string(out), err
}

// verify reads evidence files and verifies doc with the set.
func (b *bench) verify(set *trust.Set, files map[string]string) {
	b.t.Helper()
	contents := map[string][]byte{}
	for suffix, name := range files {
		contents[suffix] = b.read(name)
	}
	ev, err := trust.EvidenceFromFiles(contents)
	if err != nil {
		b.t.Fatal(err)
	}
	if _, err := set.Verify(doc, ev, time.Now()); err != nil {
		b.t.Error(err)
	}
	if _, err := set.Verify(doc[1:], ev, time.Now()); !fault.HasCode(err, trust.CodeSignatureInvalid) {
		b.t.Errorf("another document: got %v", err)
	}
}

func (b *bench) set(x509, pgp, ssh string) *trust.Set {
	b.t.Helper()
	file := func(name string) [][]byte {
		if name == "" {
			return nil
		}
		return [][]byte{b.read(name)}
	}
	set, err := trust.NewSet(trust.Policy{}, file(x509), file(pgp), file(ssh))
	if err != nil {
		b.t.Fatal(err)
	}
	if len(set.Warnings()) > 0 {
		b.t.Errorf("got warnings %v", set.Warnings())
	}
	return set
}

const opensslConfig = `
[req]
distinguished_name = dn
prompt = no
[dn]
CN = Example root
[root]
basicConstraints = critical,CA:TRUE
keyUsage = critical,keyCertSign,cRLSign
[sub]
basicConstraints = critical,CA:TRUE,pathlen:0
keyUsage = critical,keyCertSign,cRLSign
[leaf]
basicConstraints = CA:FALSE
keyUsage = critical,digitalSignature
extendedKeyUsage = codeSigning
`

// openssl makes CA, intermediate, certificate and signature; we verify. Then we
// sign with the key that openssl wrote, and openssl verifies.
func TestOpenSSL(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		genkey []string
		digest []string // of `openssl dgst`; none for Ed25519
		ours   string   // the digest that we sign with
	}{
		"P-256 with SHA-256": {[]string{"ecparam", "-name", "prime256v1", "-genkey"}, []string{"-sha256"}, "-sha256"},
		"P-256 with SHA-512": {[]string{"ecparam", "-name", "prime256v1", "-genkey"}, []string{"-sha512"}, "-sha256"},
		"P-384 with SHA-512": {[]string{"genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-384"}, []string{"-sha512"}, "-sha512"},
		"RSA with SHA-512":   {[]string{"genrsa", "3072"}, []string{"-sha512"}, "-sha512"},
		"RSA with SHA-256":   {[]string{"genrsa", "-traditional", "3072"}, []string{"-sha256"}, "-sha512"},
		"Ed25519":            {[]string{"genpkey", "-algorithm", "ED25519"}, nil, ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := newBench(t, "openssl")
			b.write("openssl.cnf", []byte(opensslConfig))
			certify := func(who, section string, genkey []string, by ...string) {
				b.write(who+".key", []byte(cutPEM(b.run("openssl", genkey...))))
				b.run("openssl", "req", "-new", "-config", "openssl.cnf", "-subj", "/CN="+who, "-key", who+".key", "-out", who+".csr")
				args := []string{"x509", "-req", "-in", who + ".csr", "-days", "2", "-extfile", "openssl.cnf", "-extensions", section, "-out", who + ".pem"}
				b.run("openssl", append(args, by...)...)
			}
			ec := []string{"ecparam", "-name", "prime256v1", "-genkey"}
			certify("root", "root", ec, "-signkey", "root.key")
			certify("sub", "sub", ec, "-CA", "root.pem", "-CAkey", "root.key", "-CAcreateserial")
			certify("leaf", "leaf", tt.genkey, "-CA", "sub.pem", "-CAkey", "sub.key", "-CAcreateserial")
			b.write("chain.pem", append(b.read("leaf.pem"), b.read("sub.pem")...))
			if tt.digest != nil {
				b.run("openssl", append(append([]string{"dgst"}, tt.digest...), "-sign", "leaf.key", "-out", "raw.sig", "doc")...)
			} else {
				b.run("openssl", "pkeyutl", "-sign", "-rawin", "-inkey", "leaf.key", "-in", "doc", "-out", "raw.sig")
			}
			b.run("openssl", "base64", "-in", "raw.sig", "-out", "doc.sig")
			b.verify(b.set("root.pem", "", ""), map[string]string{".sig": "doc.sig", ".pem": "chain.pem"})
			b.verify(b.set("leaf.pem", "", ""), map[string]string{".sig": "doc.sig"})
			b.verify(b.set("sub.pem", "", ""), map[string]string{".asc": "doc.sig", ".pem": "leaf.pem"})

			key, err := trust.LoadSigner(b.read("leaf.key"), b.read("chain.pem"))
			if err != nil {
				t.Fatal(err)
			}
			b.write("our.sig", trusttest.Sign(t, key, doc).Files()[".sig"])
			b.run("openssl", "base64", "-d", "-in", "our.sig", "-out", "our.raw")
			b.run("openssl", "pkey", "-in", "leaf.key", "-pubout", "-out", "leaf.pub")
			if tt.ours != "" {
				b.run("openssl", "dgst", tt.ours, "-verify", "leaf.pub", "-signature", "our.raw", "doc")
			} else {
				b.run("openssl", "pkeyutl", "-verify", "-rawin", "-pubin", "-inkey", "leaf.pub", "-in", "doc", "-sigfile", "our.raw")
			}
		})
	}
}

// cutPEM leaves out what openssl tells beside the key.
func cutPEM(out string) string {
	if at := strings.Index(out, "-----BEGIN"); at >= 0 {
		return out[at:]
	}
	return out
}

// gpg makes keys and signatures; we verify. Then we sign with the key that gpg
// exports, and gpg verifies.
func TestGPG(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		algo   string
		subkey string
	}{
		"Ed25519":               {"ed25519", ""},
		"RSA-3072":              {"rsa3072", ""},
		"P-256":                 {"nistp256", ""},
		"Ed25519 below RSA":     {"rsa3072", "ed25519"},
		"P-384 below Ed25519":   {"ed25519", "nistp384/ecdsa"},
		"encryption subkey too": {"ed25519", "cv25519"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := newBench(t, "gpg")
			t.Cleanup(func() { _, _ = b.try("gpgconf", "--kill", "all") })
			gpg := func(args ...string) string {
				t.Helper()
				return b.run("gpg", append([]string{"--batch", "--yes", "--quiet", "--passphrase", "", "--pinentry-mode", "loopback"}, args...)...)
			}
			const uid = "Signer <signer@example.test>"
			gpg("--quick-gen-key", uid, tt.algo, "cert,sign", "1d")
			switch tt.subkey {
			case "":
			case "cv25519":
				gpg("--quick-add-key", b.fingerprint(), tt.subkey, "encr", "1d")
			default:
				gpg("--quick-add-key", b.fingerprint(), tt.subkey, "sign", "1d")
			}
			gpg("--armor", "--output", "signer.asc", "--export")
			gpg("--armor", "--output", "doc.asc", "--detach-sign", "doc")
			set := b.set("", "signer.asc", "")
			b.verify(set, map[string]string{".asc": "doc.asc"})
			gpg("--armor", "--comment", "by hand", "--emit-version", "--output", "commented.asc", "--detach-sign", "doc")
			b.verify(set, map[string]string{".asc": "commented.asc"})

			// Text mode isn't over the exact bytes.
			gpg("--armor", "--textmode", "--output", "text.asc", "--detach-sign", "doc")
			ev, err := trust.EvidenceFromFiles(map[string][]byte{".asc": b.read("text.asc")})
			if err == nil {
				_, err = set.Verify(doc, ev, time.Now())
			}
			if !fault.HasCode(err, trust.CodeMalformedSignature) {
				t.Errorf("text mode: got %v", err)
			}

			gpg("--armor", "--output", "private.asc", "--export-secret-keys")
			key, err := trust.LoadSigner(b.read("private.asc"), nil)
			if err != nil {
				t.Fatal(err)
			}
			ours := trusttest.Sign(t, key, doc)
			if _, err := set.Verify(doc, ours, time.Now()); err != nil {
				t.Errorf("our own: %s", err)
			}
			b.write("our.asc", ours.Files()[".asc"])
			b.run("gpg", "--batch", "--verify", "our.asc", "doc")

			// A revoked key stops at once what it has signed.
			revocation, err := filepath.Glob(b.path("openpgp-revocs.d/*.rev"))
			if err != nil || len(revocation) != 1 {
				t.Fatalf("gpg left the revocation certificates %v (%v)", revocation, err)
			}
			text, err := os.ReadFile(revocation[0])
			if err != nil {
				t.Fatal(err)
			}
			b.write("revocation.asc", []byte(strings.ReplaceAll(string(text), ":-----BEGIN", "-----BEGIN")))
			gpg("--import", "revocation.asc")
			gpg("--armor", "--output", "revoked.asc", "--export")
			if _, err := b.set("", "revoked.asc", "").Verify(doc, ours, time.Now()); !fault.HasCode(err, trust.CodeRevokedSigner) {
				t.Errorf("a revoked key: got %v", err)
			}
		})
	}
}

// fingerprint returns that of the primary key in gpg's key ring.
func (b *bench) fingerprint() string {
	b.t.Helper()
	for line := range strings.Lines(b.run("gpg", "--batch", "--with-colons", "--list-keys")) {
		if fields := strings.Split(line, ":"); fields[0] == "fpr" {
			return fields[9]
		}
	}
	b.t.Fatal("gpg lists no key")
	return ""
}

// gpg with a passphrase.
func TestGPGKeyWithPassphrase(t *testing.T) {
	t.Parallel()
	b := newBench(t, "gpg")
	t.Cleanup(func() { _, _ = b.try("gpgconf", "--kill", "all") })
	gpg := func(args ...string) {
		t.Helper()
		b.run("gpg", append([]string{"--batch", "--yes", "--quiet", "--passphrase", "secret", "--pinentry-mode", "loopback"}, args...)...)
	}
	gpg("--quick-gen-key", "Signer <signer@example.test>", "ed25519", "cert,sign", "1d")
	gpg("--armor", "--output", "signer.asc", "--export")
	gpg("--armor", "--output", "private.asc", "--export-secret-keys")
	for passphrase, good := range map[string]bool{"": false, "wrong": false, "secret": true} {
		key, err := trust.LoadSignerWithPassphrase(b.read("private.asc"), nil, []byte(passphrase))
		if (err == nil) != good {
			t.Errorf("with %q: got %v", passphrase, err)
		}
		if err == nil {
			if _, err := b.set("", "signer.asc", "").Verify(doc, trusttest.Sign(t, key, doc), time.Now()); err != nil {
				t.Error(err)
			}
		}
	}
}

// ssh-keygen makes keys and signatures; we verify. Then we sign with its key, and
// it verifies.
func TestSSHKeygen(t *testing.T) {
	t.Parallel()
	for name, args := range map[string][]string{
		"Ed25519": {"-t", "ed25519"}, "P-256": {"-t", "ecdsa", "-b", "256"}, "P-384": {"-t", "ecdsa", "-b", "384"}, "RSA": {"-t", "rsa", "-b", "3072"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := newBench(t, "ssh-keygen")
			b.run("ssh-keygen", append(args, "-q", "-N", "", "-C", "who@example.test", "-f", "key")...)
			set := b.set("", "", "key.pub")
			for _, hash := range []string{"sha256", "sha512"} {
				_ = os.Remove(b.path("doc.sig"))
				b.run("ssh-keygen", "-q", "-Y", "sign", "-n", "signet", "-O", "hashalg="+hash, "-f", "key", "doc")
				b.verify(set, map[string]string{".sshsig": "doc.sig"})
			}
			_ = os.Remove(b.path("doc.sig"))
			b.run("ssh-keygen", "-q", "-Y", "sign", "-n", "file", "-f", "key", "doc")
			ev, err := trust.EvidenceFromFiles(map[string][]byte{".sshsig": b.read("doc.sig")})
			if err != nil {
				t.Fatal(err)
			}
			if _, err := set.Verify(doc, ev, time.Now()); !fault.HasCode(err, trust.CodeMalformedSignature) {
				t.Errorf("another namespace: got %v", err)
			}

			key, err := trust.LoadSigner(b.read("key"), nil)
			if err != nil {
				t.Fatal(err)
			}
			b.write("our.sig", trusttest.Sign(t, key, doc).Files()[".sshsig"])
			b.write("allowed", append([]byte("who@example.test "), b.read("key.pub")...))
			b.run("sh", "-c", "ssh-keygen -Y verify -f allowed -I who@example.test -n signet -s our.sig < doc")
		})
	}
	t.Run("passphrase", func(t *testing.T) {
		t.Parallel()
		b := newBench(t, "ssh-keygen")
		b.run("ssh-keygen", "-t", "ed25519", "-q", "-N", "secret", "-f", "key")
		for passphrase, good := range map[string]bool{"": false, "wrong": false, "secret": true} {
			if _, err := trust.LoadSignerWithPassphrase(b.read("key"), nil, []byte(passphrase)); (err == nil) != good {
				t.Errorf("with %q: got %v", passphrase, err)
			}
		}
	})
}
