package trust_test

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	_ "crypto/md5" // what must be refused has to be made first
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha512"
	"fmt"
	"strings"
	"testing"

	"github.com/signet-scheduler/signet/internal/fault"
	"github.com/signet-scheduler/signet/internal/trust"
	"github.com/signet-scheduler/signet/internal/trust/trusttest"
)

// vectors counts what was tried.
type vectors struct{ refused, accepted map[string]int }

// try verifies one vector; good tells whether it is one of the few that count.
func (v *vectors) try(t *testing.T, form, name string, set *trust.Set, ev trust.Evidence, good bool) {
	t.Helper()
	got, err := set.VerifyRelease(doc, ev, trusttest.Now())
	switch {
	case good && err != nil:
		t.Errorf("%s, %s: %v", form, name, err)
	case !good && (err == nil || got != nil || !fault.Is(err, fault.Untrusted)):
		t.Errorf("%s, %s: got %v, %v, want a refusal", form, name, got, err)
	case good:
		v.accepted[form]++
	default:
		v.refused[form]++
	}
}

// maker is a way to sign.
type maker struct {
	key    string
	scheme string
	hash   crypto.Hash // 0: none
	sign   func(text []byte) ([]byte, error)
}

func (m maker) String() string { return fmt.Sprintf("%s %s %v", m.key, m.scheme, m.hash) }

var confusedHashes = []crypto.Hash{0, crypto.MD5, crypto.SHA1, crypto.SHA224, crypto.SHA256, crypto.SHA384, crypto.SHA512, crypto.SHA512_224, crypto.SHA512_256}

// makers returns every way in which these keys can sign.
func makers(keys map[string]crypto.Signer) []maker {
	var all []maker
	hashed := func(hash crypto.Hash, text []byte) []byte {
		if hash == 0 {
			return text[:min(len(text), 32)]
		}
		h := hash.New()
		h.Write(text)
		return h.Sum(nil)
	}
	add := func(key, scheme string, hash crypto.Hash, sign func([]byte) ([]byte, error)) {
		all = append(all, maker{key, scheme, hash, sign})
	}
	for name, key := range keys {
		switch key := key.(type) {
		case *ecdsa.PrivateKey:
			for _, hash := range confusedHashes {
				add(name, "ECDSA", hash, func(text []byte) ([]byte, error) { return ecdsa.SignASN1(rand.Reader, key, hashed(hash, text)) })
				add(name, "ECDSA fixed", hash, func(text []byte) ([]byte, error) {
					r, s, err := ecdsa.Sign(rand.Reader, key, hashed(hash, text))
					if err != nil {
						return nil, err
					}
					size := (key.Curve.Params().BitSize + 7) / 8
					return append(r.FillBytes(make([]byte, size)), s.FillBytes(make([]byte, size))...), nil
				})
			}
		case *rsa.PrivateKey:
			for _, hash := range confusedHashes {
				add(name, "PKCS #1", hash, func(text []byte) ([]byte, error) { return rsa.SignPKCS1v15(nil, key, hash, hashed(hash, text)) })
				if hash == 0 {
					continue // PSS has no form without
				}
				for _, salt := range []int{rsa.PSSSaltLengthEqualsHash, rsa.PSSSaltLengthAuto, 1} {
					add(name, fmt.Sprint("PSS ", salt), hash, func(text []byte) ([]byte, error) {
						return rsa.SignPSS(rand.Reader, key, hash, hashed(hash, text), &rsa.PSSOptions{SaltLength: salt, Hash: hash})
					})
				}
			}
		case ed25519.PrivateKey:
			add(name, "Ed25519", 0, func(text []byte) ([]byte, error) { return ed25519.Sign(key, text), nil })
			add(name, "Ed25519ctx", 0, func(text []byte) ([]byte, error) {
				return key.Sign(nil, text, &ed25519.Options{Context: "signet"})
			})
			add(name, "Ed25519ph", crypto.SHA512, func(text []byte) ([]byte, error) {
				sum := sha512.Sum512(text)
				return key.Sign(nil, sum[:], &ed25519.Options{Hash: crypto.SHA512})
			})
			for _, hash := range confusedHashes[1:] {
				add(name, "Ed25519 of the hash", hash, func(text []byte) ([]byte, error) { return ed25519.Sign(key, hashed(hash, text)), nil })
			}
		}
	}
	return all
}

// The key decides the algorithm (invariant 4): of all ways in which a key can
// sign, each verifier takes the one or two that it states, and none of another key.
func TestAlgorithmConfusion(t *testing.T) {
	if testing.Short() {
		t.Skip("a campaign: it is for make test and make tamper")
	}
	t.Parallel()
	rsaKey, ed, ec, ec384 := trusttest.RSA(t, 3072), trusttest.Ed25519(t), trusttest.ECDSA(t), trusttest.ECDSAOn(t, elliptic.P384())
	keys := map[string]crypto.Signer{
		"RSA": rsaKey, "Ed25519": ed, "P-256": ec, "P-384": ec384, "RSA of 2048 bits": trusttest.RSA(t, 2048),
		"another P-256": trusttest.ECDSA(t), "P-521": trusttest.ECDSAOn(t, elliptic.P521()), "P-224": trusttest.ECDSAOn(t, elliptic.P224()),
	}
	v := &vectors{refused: map[string]int{}, accepted: map[string]int{}}
	all := makers(keys)
	v.raw(t, keys, all)
	v.passkeys(t, keys, all)
	v.ssh(t, rsaKey, ed, ec, ec384)
	v.pgp(t, rsaKey, ed, ec)
	total := 0
	for form, n := range v.refused {
		t.Logf("%-8s %5d refused, %3d accepted", form, n, v.accepted[form])
		total += n
		if v.accepted[form] == 0 {
			t.Errorf("%s: nothing was accepted, so nothing was shown", form)
		}
	}
	if total < 300 {
		t.Errorf("only %d vectors", total)
	}
}

// raw presents all signatures as raw ones of each trusted certificate.
func (v *vectors) raw(t *testing.T, keys map[string]crypto.Signer, all []maker) {
	for _, trusted := range []string{"RSA", "Ed25519", "P-256", "P-384"} {
		cert := selfSigned(t, trusted, keys[trusted])
		set, err := trust.NewSet(trust.Policy{}, [][]byte{trusttest.PEM(cert.Cert)}, nil, nil)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range all {
			sig, err := m.sign(doc)
			if err != nil {
				continue // the key is too small for it, or Go can't
			}
			good := m.key == trusted && (m.scheme == "Ed25519" || (m.scheme == "ECDSA" || m.scheme == "PKCS #1") && (m.hash == crypto.SHA256 || m.hash == crypto.SHA512))
			v.try(t, "X509", fmt.Sprintf("%s for %s", m, trusted), set, trust.Evidence{Kind: trust.X509, Signature: sig, Certificates: trusttest.PEM(cert.Cert)}, good)
		}
	}
}

// passkeys presents them as assertions of each trusted passkey.
func (v *vectors) passkeys(t *testing.T, keys map[string]crypto.Signer, all []maker) {
	for _, trusted := range []string{"RSA", "Ed25519", "P-256"} {
		for _, m := range all {
			a := trusttest.NewAuthenticator(t, trusted, keys[trusted])
			failed := false
			a.SignWith = func(_ crypto.Signer, signed []byte) []byte {
				sig, err := m.sign(signed)
				failed = err != nil
				return sig
			}
			ev := trusttest.Sign(t, a.Identity(t).Key, doc)
			if failed {
				continue
			}
			good := m.key == trusted && (m.scheme == "Ed25519" || (m.scheme == "ECDSA" || m.scheme == "PKCS #1") && m.hash == crypto.SHA256)
			v.try(t, "Passkey", fmt.Sprintf("%s for %s", m, trusted), trusttest.Set(t, a.Identity(t)), ev, good)
		}
	}
}

// ssh names every format and hash with every key.
func (v *vectors) ssh(t *testing.T, rsaKey *rsa.PrivateKey, ed ed25519.PrivateKey, ec, ec384 *ecdsa.PrivateKey) {
	formats := []string{
		"ssh-ed25519", "ecdsa-sha2-nistp256", "ecdsa-sha2-nistp384", "ecdsa-sha2-nistp521", "ssh-rsa", "rsa-sha2-256", "rsa-sha2-512", "ssh-dss",
		"sk-ssh-ed25519@openssh.com", "sk-ecdsa-sha2-nistp256@openssh.com", "ssh-ed25519-cert-v01@openssh.com", "rsa-sha2-512-cert-v01@openssh.com", "SSH-ED25519", "none", "",
	}
	// renamed makes the signature field state another format.
	renamed := func(format string, inner []byte) []byte {
		n := int(inner[0])<<24 | int(inner[1])<<16 | int(inner[2])<<8 | int(inner[3])
		return append(wire([]byte(format)), inner[4+n:]...)
	}
	for _, who := range []struct {
		name   string
		public []byte
		good   []string
		inner  func(format string) func([]byte) []byte
	}{
		{"ed25519", edPublic(ed), []string{"ssh-ed25519"}, func(string) func([]byte) []byte { return edInner(ed) }},
		{"rsa", rsaPublic(rsaKey), []string{"rsa-sha2-256", "rsa-sha2-512"}, func(format string) func([]byte) []byte {
			switch format {
			case "rsa-sha2-256":
				return rsaInner(rsaKey, format, crypto.SHA256)
			case "ssh-rsa":
				return rsaInner(rsaKey, format, crypto.SHA1)
			}
			return rsaInner(rsaKey, format, crypto.SHA512)
		}},
		{"p256", ecPublic("nistp256", ec), []string{"ecdsa-sha2-nistp256"}, func(string) func([]byte) []byte { return sshECDSA(t, ec, crypto.SHA256) }},
		{"p384", ecPublic("nistp384", ec384), []string{"ecdsa-sha2-nistp384"}, func(string) func([]byte) []byte { return sshECDSA(t, ec384, crypto.SHA384) }},
		{"sk ed25519", wire([]byte("sk-ssh-ed25519@openssh.com"), ed.Public().(ed25519.PublicKey), []byte("ssh:")), []string{"sk-ssh-ed25519@openssh.com"}, func(string) func([]byte) []byte {
			return skInner(ed, "ssh:", 1)
		}},
	} {
		set, err := trust.NewSet(trust.Policy{}, nil, nil, [][]byte{keyLine(who.public)})
		if err != nil {
			t.Fatal(err)
		}
		for _, format := range formats {
			for _, hash := range []string{"sha512", "sha256", "sha1", "md5", "sha384", "SHA512", "sha-512", "none"} {
				ev := sshEvidence(sshSig{public: who.public, hash: hash, inner: func(b []byte) []byte { return renamed(format, who.inner(format)(b)) }})
				good := strings.Contains(" "+strings.Join(who.good, " ")+" ", " "+format+" ") && format != "" && (hash == "sha256" || hash == "sha512")
				v.try(t, "SSH", fmt.Sprintf("%s as %q over %s", who.name, format, hash), set, ev, good)
			}
		}
	}
}

func sshECDSA(t *testing.T, key *ecdsa.PrivateKey, hash crypto.Hash) func([]byte) []byte {
	return func(text []byte) []byte {
		h := hash.New()
		h.Write(text)
		r, s, err := ecdsa.Sign(rand.Reader, key, h.Sum(nil))
		if err != nil {
			t.Fatal(err)
		}
		return wire([]byte("x"), wire(mpint(r), mpint(s)))
	}
}

// pgp states every algorithm and hash with every key.
func (v *vectors) pgp(t *testing.T, rsaKey *rsa.PrivateKey, ed ed25519.PrivateKey, ec *ecdsa.PrivateKey) {
	for _, o := range []trusttest.PGPOptions{{Key: rsaKey}, {Key: ed}, {Key: ed, Native: true}, {Key: ec}} {
		ring := trusttest.NewPGPKeyring(t, o)
		set, err := trust.NewSet(trust.Policy{}, nil, [][]byte{ring.PublicArmour(t)}, nil)
		if err != nil {
			t.Fatal(err)
		}
		for _, algorithm := range []byte{1, 2, 3, 16, 17, 18, 19, 20, 21, 22, 25, 27, 28, 99, 255} {
			for _, hash := range []crypto.Hash{crypto.SHA256, crypto.SHA384, crypto.SHA512, crypto.SHA1, crypto.SHA224, crypto.MD5} {
				ev := pgpSigned(t, ring.Primary, trusttest.PGPSig{Algorithm: algorithm, Hash: hash})
				good := algorithm == ring.Primary.Algorithm && (hash == crypto.SHA256 || hash == crypto.SHA384 || hash == crypto.SHA512)
				v.try(t, "PGP", fmt.Sprintf("key of algorithm %d, states %d, %v", ring.Primary.Algorithm, algorithm, hash), set, ev, good)
			}
		}
	}
}
