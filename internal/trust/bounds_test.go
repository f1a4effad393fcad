package trust_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"encoding/pem"
	"fmt"
	"math/big"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/signet-scheduler/signet/internal/fault"
	"github.com/signet-scheduler/signet/internal/trust"
	"github.com/signet-scheduler/signet/internal/trust/trusttest"
)

// Every bound holds at its value and not one beyond (invariant 12).

func TestEvidenceBounds(t *testing.T) {
	t.Parallel()
	of := func(n int) []byte { return bytes.Repeat([]byte("A"), n) }
	passkey := func(id, client, device, sig int) trust.Evidence {
		return trust.Evidence{Kind: trust.Passkey, CredentialID: of(id), ClientData: of(client), AuthenticatorData: of(device), Signature: of(sig)}
	}
	for name, tt := range map[string]struct {
		ev   trust.Evidence
		code string
	}{
		"longest signature":              {trust.Evidence{Kind: trust.X509, Signature: of(trust.MaxSignature)}, ""},
		"longer signature":               {trust.Evidence{Kind: trust.X509, Signature: of(trust.MaxSignature + 1)}, trust.CodeMalformedSignature},
		"longest certificates":           {trust.Evidence{Kind: trust.X509, Signature: of(1), Certificates: of(trust.MaxCertificates)}, ""},
		"longer certificates":            {trust.Evidence{Kind: trust.X509, Signature: of(1), Certificates: of(trust.MaxCertificates + 1)}, trust.CodeMalformedCertificate},
		"certificates of another kind":   {trust.Evidence{Kind: trust.SSH, Signature: of(1), Certificates: of(1)}, trust.CodeSurplusEvidence},
		"credential id of another kind":  {trust.Evidence{Kind: trust.SSH, Signature: of(1), CredentialID: of(1)}, trust.CodeSurplusEvidence},
		"client data of another kind":    {trust.Evidence{Kind: trust.SSH, Signature: of(1), ClientData: of(1)}, trust.CodeSurplusEvidence},
		"device's data of another kind":  {trust.Evidence{Kind: trust.SSH, Signature: of(1), AuthenticatorData: of(1)}, trust.CodeSurplusEvidence},
		"both data of another kind":      {trust.Evidence{Kind: trust.SSH, Signature: of(1), ClientData: of(37), AuthenticatorData: of(37)}, trust.CodeSurplusEvidence},
		"least of a passkey":             {passkey(1, 1, 37, 1), ""},
		"most of a passkey":              {passkey(1023, 4096, 1024, 1024), ""},
		"no credential id":               {passkey(0, 1, 37, 1), trust.CodeMalformedEvidence},
		"longer credential id":           {passkey(1024, 1, 37, 1), trust.CodeMalformedEvidence},
		"no client data":                 {passkey(1, 0, 37, 1), trust.CodeMalformedEvidence},
		"longer client data":             {passkey(1, 4097, 37, 1), trust.CodeMalformedEvidence},
		"shorter device's data":          {passkey(1, 1, 36, 1), trust.CodeMalformedEvidence},
		"longer device's data":           {passkey(1, 1, 1025, 1), trust.CodeMalformedEvidence},
		"longer signature of a passkey":  {passkey(1, 1, 37, 1025), trust.CodeMalformedEvidence},
		"no signature of a passkey":      {passkey(1, 1, 37, 0), trust.CodeMissingEvidence},
		"longest signature of a passkey": {passkey(1, 1, 37, 1024), ""},
	} {
		_, err := tt.ev.MarshalJSON()
		if tt.code == "" && err != nil || tt.code != "" && !fault.HasCode(err, tt.code) {
			t.Errorf("%s: got %v, want code %q", name, err, tt.code)
		}
	}
}

// JSON of evidence has at most 128 KiB, and is an object.
func TestEvidenceJSONBounds(t *testing.T) {
	t.Parallel()
	text := `"TYPE":"SSH","signature":"x"}`
	for size, good := range map[int]bool{128 << 10: true, 128<<10 + 1: false} {
		var ev trust.Evidence
		padded := "{" + strings.Repeat(" ", size-len(text)-1) + text
		if err := ev.UnmarshalJSON([]byte(padded)); (err == nil) != good {
			t.Errorf("%d bytes: %v", len(padded), err)
		}
	}
	var ev trust.Evidence
	if err := ev.UnmarshalJSON([]byte(`["TYPE","SSH","signature","x"]`)); err == nil {
		t.Error("names and values in a list were taken as evidence")
	}
}

func TestEvidenceFileBounds(t *testing.T) {
	t.Parallel()
	pem := func(size int) []byte {
		head := "-----BEGIN "
		return []byte(head + strings.Repeat("x", size-len(head)))
	}
	for size, code := range map[int]string{trust.MaxCertificates: trust.CodeMalformedCertificate, trust.MaxCertificates + 1: trust.CodeMalformedEvidence} {
		if _, err := trust.EvidenceFromFiles(map[string][]byte{".pem": pem(size)}); !fault.HasCode(err, code) {
			t.Errorf("a .pem file of %d bytes: got %v, want code %s", size, err, code)
		}
	}
	// Every printable character may stand in a comment, and no other byte.
	pgp := trusttest.Sign(t, trusttest.NewPGP(t, "who").Key, doc)
	for c := range 256 {
		commented := bytes.Replace(pgp.Signature, []byte("\n\n"), []byte{'\n', 'C', 'o', 'm', 'm', 'e', 'n', 't', ':', ' ', byte(c), '.', '\n', '\n'}, 1)
		ev, err := trust.EvidenceFromFiles(map[string][]byte{".asc": commented})
		if good := c >= ' ' && c <= '~'; good != (err == nil) || good && !same(ev, pgp) {
			t.Errorf("a comment with the byte %#02x: %v", c, err)
		}
	}
}

// What is wrong with a raw signature is mostly that it is binary, and only there
// is it told how to write it.
func TestHintForBinarySignatures(t *testing.T) {
	t.Parallel()
	for suffix, hinted := range map[string]bool{".sig": true, ".asc": false, ".sshsig": false} {
		for _, content := range []string{"\x00", "x"} {
			_, err := trust.EvidenceFromFiles(map[string][]byte{suffix: []byte(content)})
			if err == nil || strings.Contains(err.Error(), "openssl base64") != hinted {
				t.Errorf("a %s file of %q: %v", suffix, content, err)
			}
		}
	}
}

func TestNamesAreCut(t *testing.T) {
	t.Parallel()
	key := trusttest.Ed25519(t)
	line := strings.TrimSuffix(string(keyLine(edPublic(key))), "who@example.test\n")
	long := strings.Repeat("é", 200)
	for given, want := range map[string]string{long: long, long + "é": long + "..."} {
		set, err := trust.NewSet(trust.Policy{}, nil, nil, [][]byte{[]byte(line + given + "\n")})
		if err != nil {
			t.Fatal(err)
		}
		if got := set.Signers()[0].Name; got != want {
			t.Errorf("a name of %d characters is shown as %q", len(given)/2, got)
		}
	}
}

// An RSA key has as many bits as the policy asks for, and at most 8192.
func TestRSABounds(t *testing.T) {
	t.Parallel()
	of := func(bits int) []byte {
		n := new(big.Int).Lsh(big.NewInt(1), uint(bits-1))
		n.SetBit(n, 0, 1)
		return keyLine(wire([]byte("ssh-rsa"), mpint(big.NewInt(65537)), mpint(n)))
	}
	for _, tt := range []struct {
		policy, bits int
		good         bool
	}{
		{0, 3071, false},
		{0, 3072, true},
		{2048, 2047, false},
		{2048, 2048, true},
		{8192, 8191, false},
		{8192, 8192, true},
		{0, 8193, false},
	} {
		set, err := trust.NewSet(trust.Policy{MinRSABits: tt.policy}, nil, nil, [][]byte{of(tt.bits)})
		if err != nil {
			t.Fatal(err)
		}
		if (len(set.Warnings()) == 0) != tt.good {
			t.Errorf("policy %d, key of %d bits: %v", tt.policy, tt.bits, set.Warnings())
		}
	}
}

// A file is read again until its stamp is old enough to be believed.
func TestSettled(t *testing.T) {
	t.Parallel()
	changed := trusttest.Now()
	for age, settled := range map[time.Duration]bool{-time.Hour: false, 0: false, 2 * time.Second: false, 2*time.Second + 1: true, time.Hour: true} {
		if trust.Settled(changed, changed.Add(age)) != settled {
			t.Errorf("a file that was read %s after its change: settled is %t", age, !settled)
		}
	}
}

// A directory that can't be used doesn't hide those behind it, and a directory
// takes 1000 files.
func TestDirectoriesStandAlone(t *testing.T) {
	t.Parallel()
	a, b := trusttest.NewSSH(t, "a"), trusttest.NewSSH(t, "b")
	dirs := trusttest.Dirs(t, t.TempDir(), a)
	w := watch(t, dirs)
	if err := os.Remove(dirs.X509); err != nil {
		t.Fatal(err)
	}
	write(t, dirs.X509, nil) // a file where the directory was
	write(t, filepath.Join(dirs.SSH, "b.pub"), b.Trusted)
	if set := w.after(tick); !believes(t, set, a) || !believes(t, set, b) || !fault.HasCode(w.err, trust.CodeUnreadableTrust) {
		t.Errorf("beside an unreadable directory another counts no more (%v)", w.err)
	}
	full := trusttest.Dirs(t, t.TempDir(), a)
	for i := 1; i < trust.MaxTrustFiles; i++ {
		write(t, filepath.Join(full.SSH, fmt.Sprintf("%d.pub", i)), nil)
	}
	if set, err := trust.Load(full, trust.Policy{}); err != nil || !believes(t, set, a) {
		t.Errorf("%d files: %v", trust.MaxTrustFiles, err)
	}
}

// A trust file has at most 1 MiB, and is the one that was looked at.
func TestTrustFileBounds(t *testing.T) {
	t.Parallel()
	a := trusttest.NewSSH(t, "a")
	for size, good := range map[int]bool{trust.MaxTrustFileSize: true, trust.MaxTrustFileSize + 1: false} {
		dirs := trusttest.Dirs(t, t.TempDir())
		write(t, filepath.Join(dirs.SSH, "a.pub"), append(bytes.Repeat([]byte("\n"), size-len(a.Trusted)), a.Trusted...))
		set, err := trust.Load(dirs, trust.Policy{})
		if err != nil || believes(t, set, a) != good {
			t.Errorf("a file of %d bytes: %v", size, err)
		}
	}
	dir := t.TempDir()
	one, other := filepath.Join(dir, "one"), filepath.Join(dir, "other")
	write(t, one, a.Trusted)
	write(t, other, a.Trusted)
	if got, err := trust.ReadAs(one, one); err != nil || !bytes.Equal(got, a.Trusted) {
		t.Errorf("a file that stays: %q, %v", got, err)
	}
	if got, err := trust.ReadAs(one, other); err == nil {
		t.Errorf("a file was exchanged between looking and reading, and %q read", got)
	}
}

// The message says which of the files and certificates can't be used.
func TestBrokenFileIsNamed(t *testing.T) {
	t.Parallel()
	a, root := trusttest.NewSSH(t, "a"), trusttest.NewCA(t, "root", trusttest.ECDSA(t))
	good := trusttest.PEM(root.Cert)
	nameless := root.Issue(t, trusttest.CertOptions{Name: "a\nb"}, trusttest.ECDSA(t))
	damaged := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: []byte{1}})
	for name, tt := range map[string]struct {
		x509, ssh [][]byte
		words     string
	}{
		"SSH file":            {nil, [][]byte{a.Trusted, []byte("broken")}, " ssh-2 "},
		"damaged certificate": {[][]byte{slices.Concat(good, damaged)}, nil, " certificate 2: "},
		"certificate's name":  {[][]byte{slices.Concat(good, good, trusttest.PEM(nameless.Cert))}, nil, " certificate 3: "},
	} {
		if _, err := trust.NewSet(trust.Policy{}, tt.x509, nil, tt.ssh); err == nil || !strings.Contains(err.Error(), tt.words) {
			t.Errorf("%s: got %v, want a message with %q", name, err, tt.words)
		}
	}
	set, err := trust.NewSet(trust.Policy{}, [][]byte{good}, nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	ev := trust.Evidence{Kind: trust.X509, Signature: []byte{1}, Certificates: slices.Concat(good, damaged)}
	if _, err := set.Verify(doc, ev, trusttest.Now()); err == nil || !strings.Contains(err.Error(), "certificate 2 of the signature") {
		t.Errorf("damaged certificate beside a signature: got %v", err)
	}
}

// Root and the user of the process own what is believed.
func TestOwners(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		owner   uint32
		user    int
		foreign bool
	}{{0, 0, false}, {0, 7, false}, {7, 7, false}, {7, 0, true}, {8, 7, true}} {
		if trust.IsForeign(tt.owner, tt.user) != tt.foreign {
			t.Errorf("what user %d owns, foreign to user %d: got %t", tt.owner, tt.user, !tt.foreign)
		}
	}
}

// The longest document is looked at, a longer one isn't.
func TestDocumentBounds(t *testing.T) {
	t.Parallel()
	a := trusttest.NewSSH(t, "a")
	ev := trusttest.Sign(t, a.Key, doc)
	if _, err := trusttest.Set(t, a).Verify(make([]byte, trust.MaxDocument), ev, trusttest.Now()); !fault.HasCode(err, trust.CodeSignatureInvalid) {
		t.Errorf("the longest document with another's signature: got %v", err)
	}
}

// All signatures must be good, and by different keys; one there must be.
func TestVerifyAll(t *testing.T) {
	t.Parallel()
	a, b, c := trusttest.NewSSH(t, "a"), trusttest.NewX509(t, "b"), trusttest.NewSSH(t, "c")
	set := trusttest.Set(t, a, b)
	sign := func(who ...trusttest.Identity) (list []trust.Evidence) {
		for _, w := range who {
			list = append(list, trusttest.Sign(t, w.Key, doc))
		}
		return list
	}
	for name, tt := range map[string]struct {
		list []trust.Evidence
		code string
	}{
		"none":                 {nil, trust.CodeMissingEvidence},
		"one":                  {sign(a), ""},
		"two":                  {sign(b, a), ""},
		"one twice":            {sign(a, b, a), trust.CodeSurplusEvidence},
		"one and a stranger's": {sign(a, c), trust.CodeUnknownSigner},
	} {
		verified, err := trust.VerifyAll(tt.list, func(ev trust.Evidence) (*trust.Verified, error) { return set.Verify(doc, ev, trusttest.Now()) })
		if tt.code != "" && !fault.HasCode(err, tt.code) || tt.code == "" && err != nil {
			t.Errorf("%s: got %v, want code %q", name, err, tt.code)
		}
		if err != nil {
			continue
		}
		signers := trust.SignersOf(verified)
		for i, ev := range tt.list {
			if signers[i].Kind != ev.Kind {
				t.Errorf("%s: signer %d is %+v", name, i, signers[i])
			}
		}
	}
}

// The exponent of an RSA key has at most 31 bits.
func TestRSAExponentBounds(t *testing.T) {
	t.Parallel()
	n := trusttest.RSA(t, 3072).N
	for exponent, good := range map[int64]bool{1<<31 - 1: true, 1<<31 + 1: false, 1<<62 + 1: false} {
		_, err := trust.NewSet(trust.Policy{}, nil, nil, [][]byte{keyLine(wire([]byte("ssh-rsa"), mpint(big.NewInt(exponent)), mpint(n)))})
		if (err == nil) != good {
			t.Errorf("the exponent %d: %v", exponent, err)
		}
	}
}

// The digest is over the policy and all that is trusted, each with its kind, so
// that it can be compared between machines.
func TestDigest(t *testing.T) {
	t.Parallel()
	root := trusttest.NewCA(t, "root", trusttest.ECDSA(t))
	ring := trusttest.NewPGPKeyring(t, trusttest.PGPOptions{Key: trusttest.Ed25519(t)})
	key := edPublic(trusttest.Ed25519(t))
	passkey := fmt.Sprintf(`{"credentialId":"AAAA","publicKey":%q,"rpId":"localhost","name":"n","origins":["https://localhost"],"userVerification":"required","backupEligible":false}`,
		trusttest.PublicPEM(t, trusttest.Ed25519(t).Public()))
	crl := root.CRL(t)
	list, _ := pem.Decode(crl)
	dirs := trusttest.Dirs(t, t.TempDir())
	write(t, filepath.Join(dirs.X509, "a.pem"), trusttest.PEM(root.Cert))
	write(t, filepath.Join(dirs.X509, "a.crl"), crl)
	write(t, filepath.Join(dirs.PGP, "a.asc"), ring.PublicArmour(t))
	write(t, filepath.Join(dirs.SSH, "a.pub"), keyLine(key))
	write(t, filepath.Join(dirs.Passkey, "a.json"), []byte(passkey))
	set, err := trust.Load(dirs, trust.Policy{})
	if err != nil {
		t.Fatal(err)
	}
	h := sha256.New()
	fmt.Fprint(h, "signet trust set 1\nrsa 3072\n")
	for _, trusted := range []string{
		"crl " + string(list.Bytes), "passkey " + passkey, "pgp " + string(ring.Packets(t)), "ssh " + string(key), "x509 " + string(root.Cert.Raw),
	} {
		h.Write(binary.BigEndian.AppendUint64(nil, uint64(len(trusted))))
		h.Write([]byte(trusted))
	}
	if want := [32]byte(h.Sum(nil)); set.Digest() != want {
		t.Errorf("got %x, want %x", set.Digest(), want)
	}
}
