package trust_test

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/base64"
	"encoding/binary"
	"math/big"
	"strings"
	"testing"

	"github.com/signet-scheduler/signet/internal/fault"
	"github.com/signet-scheduler/signet/internal/trust"
	"github.com/signet-scheduler/signet/internal/trust/trusttest"
)

// wire concatenates SSH strings.
func wire(fields ...[]byte) []byte {
	var b []byte
	for _, field := range fields {
		b = binary.BigEndian.AppendUint32(b, uint32(len(field)))
		b = append(b, field...)
	}
	return b
}

// sshSig describes an SSH signature; the zero value of a field means the right one.
type sshSig struct {
	magic     string
	version   uint32
	public    []byte // wire form of the key
	namespace string
	reserved  string
	hash      string
	inner     func(signed []byte) []byte // the signature field
	tail      string
}

// sshEvidence makes the evidence.
func sshEvidence(s sshSig) trust.Evidence {
	or := func(given, right string) string {
		if given == "" {
			return right
		}
		return given
	}
	if s.version == 0 {
		s.version = 1
	}
	s.namespace, s.hash = or(s.namespace, "signet"), or(s.hash, "sha512")
	var digest []byte
	if s.hash == "sha256" {
		sum := sha256.Sum256(doc)
		digest = sum[:]
	} else {
		sum := sha512.Sum512(doc)
		digest = sum[:]
	}
	signed := append([]byte("SSHSIG"), wire([]byte(s.namespace), []byte(s.reserved), []byte(s.hash), digest)...)
	blob := binary.BigEndian.AppendUint32([]byte(or(s.magic, "SSHSIG")), s.version)
	blob = append(blob, wire(s.public, []byte(s.namespace), []byte(s.reserved), []byte(s.hash), s.inner(signed))...)
	return trust.Evidence{Kind: trust.SSH, Signature: trust.EncodeSSHArmour(append(blob, s.tail...))}
}

// keyLine is a trust file of a key.
func keyLine(public []byte) []byte {
	n := binary.BigEndian.Uint32(public)
	return []byte(string(public[4:4+n]) + " " + base64.StdEncoding.EncodeToString(public) + " who@example.test\n")
}

func edPublic(key ed25519.PrivateKey) []byte {
	return wire([]byte("ssh-ed25519"), key.Public().(ed25519.PublicKey))
}

func edInner(key ed25519.PrivateKey) func([]byte) []byte {
	return func(signed []byte) []byte { return wire([]byte("ssh-ed25519"), ed25519.Sign(key, signed)) }
}

func rsaPublic(key *rsa.PrivateKey) []byte {
	return wire([]byte("ssh-rsa"), big.NewInt(int64(key.E)).Bytes(), append([]byte{0}, key.N.Bytes()...))
}

func rsaInner(key *rsa.PrivateKey, format string, hash crypto.Hash) func([]byte) []byte {
	return func(signed []byte) []byte {
		h := hash.New()
		h.Write(signed)
		sig, _ := rsa.SignPKCS1v15(nil, key, hash, h.Sum(nil))
		return wire([]byte(format), sig)
	}
}

func ecPublic(name string, key *ecdsa.PrivateKey) []byte {
	point, _ := key.PublicKey.Bytes()
	return wire([]byte("ecdsa-sha2-"+name), []byte(name), point)
}

func mpint(n *big.Int) []byte {
	b := n.Bytes()
	if len(b) > 0 && b[0]&0x80 != 0 {
		b = append([]byte{0}, b...)
	}
	return b
}

// skInner signs as a security key does.
func skInner(key ed25519.PrivateKey, application string, flags byte) func([]byte) []byte {
	return func(signed []byte) []byte {
		app, message := sha256.Sum256([]byte(application)), sha256.Sum256(signed)
		text := append(app[:], flags, 0, 0, 0, 7)
		text = append(text, message[:]...)
		return append(wire([]byte("sk-ssh-ed25519@openssh.com"), ed25519.Sign(key, text)), flags, 0, 0, 0, 7)
	}
}

func skECInner(key *ecdsa.PrivateKey, application string, flags byte) func([]byte) []byte {
	return func(signed []byte) []byte {
		app, message := sha256.Sum256([]byte(application)), sha256.Sum256(signed)
		text := append(app[:], flags, 0, 0, 0, 7)
		sum := sha256.Sum256(append(text, message[:]...))
		r, s, _ := ecdsa.Sign(rand.Reader, key, sum[:])
		return append(wire([]byte("sk-ecdsa-sha2-nistp256@openssh.com"), wire(mpint(r), mpint(s))), flags, 0, 0, 0, 7)
	}
}

func TestForgedSSHSignatures(t *testing.T) {
	t.Parallel()
	key, stranger := trusttest.Ed25519(t), trusttest.Ed25519(t)
	public := edPublic(key)
	var all []forgery
	add := func(name, code string, trusted []byte, ev trust.Evidence) {
		all = append(all, forgery{name: name, trusted: keyLine(trusted), ev: ev, code: code})
	}
	for name, f := range map[string]struct {
		s    sshSig
		code string
	}{
		"other magic":              {sshSig{magic: "SSHSIF"}, trust.CodeMalformedSignature},
		"version 2":                {sshSig{version: 2}, trust.CodeMalformedSignature},
		"namespace file":           {sshSig{namespace: "file"}, trust.CodeMalformedSignature},
		"namespace git":            {sshSig{namespace: "git"}, trust.CodeMalformedSignature},
		"namespace in capitals":    {sshSig{namespace: "SIGNET"}, trust.CodeMalformedSignature},
		"reserved field":           {sshSig{reserved: "x"}, trust.CodeMalformedSignature},
		"hash SHA-1":               {sshSig{hash: "sha1"}, trust.CodeWeakHash},
		"hash in capitals":         {sshSig{hash: "SHA512"}, trust.CodeWeakHash},
		"something after its end":  {sshSig{tail: "x"}, trust.CodeMalformedSignature},
		"a second signature":       {sshSig{tail: "SSHSIG"}, trust.CodeMalformedSignature},
		"another key's public key": {sshSig{public: edPublic(stranger)}, trust.CodeUnknownSigner},
		"another key":              {sshSig{inner: edInner(stranger)}, trust.CodeSignatureInvalid},
		"unsigned":                 {sshSig{inner: func([]byte) []byte { return nil }}, trust.CodeMalformedSignature},
		"empty":                    {sshSig{inner: func([]byte) []byte { return wire([]byte("ssh-ed25519"), nil) }}, trust.CodeSignatureInvalid},
		"zeros":                    {sshSig{inner: func([]byte) []byte { return wire([]byte("ssh-ed25519"), make([]byte, 64)) }}, trust.CodeSignatureInvalid},
		"no format":                {sshSig{inner: func(b []byte) []byte { return wire(nil, edInner(key)(b)[19:]) }}, trust.CodeMalformedSignature},
		"another format":           {sshSig{inner: func(b []byte) []byte { return wire([]byte("rsa-sha2-512"), ed25519.Sign(key, b)) }}, trust.CodeMalformedSignature},
		"format of a security key": {sshSig{inner: skInner(key, "ssh:", 1)}, trust.CodeMalformedSignature},
		"bytes after the inner":    {sshSig{inner: func(b []byte) []byte { return append(edInner(key)(b), 0) }}, trust.CodeMalformedSignature},
		"flags without need":       {sshSig{inner: func(b []byte) []byte { return append(edInner(key)(b), 1, 0, 0, 0, 7) }}, trust.CodeMalformedSignature},
		"S plus the order":         {sshSig{inner: func(b []byte) []byte { return wire([]byte("ssh-ed25519"), edPlusOrder(ed25519.Sign(key, b))) }}, trust.CodeSignatureInvalid},
		"over the document itself": {sshSig{inner: func([]byte) []byte { return wire([]byte("ssh-ed25519"), ed25519.Sign(key, doc)) }}, trust.CodeSignatureInvalid},
		"over SHA-256, says 512":   {sshSig{inner: func(b []byte) []byte { return edInner(key)(bytes.Replace(b, []byte("sha512"), []byte("sha256"), 1)) }}, trust.CodeSignatureInvalid},
	} {
		if f.s.public == nil {
			f.s.public = public
		}
		if f.s.inner == nil {
			f.s.inner = edInner(key)
		}
		add(name, f.code, public, sshEvidence(f.s))
	}

	rsaKey := trusttest.RSA(t, 3072)
	rsaWire := rsaPublic(rsaKey)
	add("ssh-rsa over SHA-1", trust.CodeMalformedSignature, rsaWire, sshEvidence(sshSig{public: rsaWire, inner: rsaInner(rsaKey, "ssh-rsa", crypto.SHA1)}))
	add("ssh-rsa over SHA-512", trust.CodeMalformedSignature, rsaWire, sshEvidence(sshSig{public: rsaWire, inner: rsaInner(rsaKey, "ssh-rsa", crypto.SHA512)}))
	add("rsa-sha2-512 over SHA-1", trust.CodeSignatureInvalid, rsaWire, sshEvidence(sshSig{public: rsaWire, inner: rsaInner(rsaKey, "rsa-sha2-512", crypto.SHA1)}))
	add("rsa-sha2-512 over SHA-256", trust.CodeSignatureInvalid, rsaWire, sshEvidence(sshSig{public: rsaWire, inner: rsaInner(rsaKey, "rsa-sha2-512", crypto.SHA256)}))
	add("rsa-sha2-256 over SHA-512", trust.CodeSignatureInvalid, rsaWire, sshEvidence(sshSig{public: rsaWire, inner: rsaInner(rsaKey, "rsa-sha2-256", crypto.SHA512)}))
	add("RSA with leading zero", trust.CodeSignatureInvalid, rsaWire, sshEvidence(sshSig{public: rsaWire, inner: func(b []byte) []byte {
		return wire([]byte("rsa-sha2-512"), append([]byte{0}, rsaInner(rsaKey, "rsa-sha2-512", crypto.SHA512)(b)[20:]...))
	}}))
	for bits, weak := range map[string]*rsa.PrivateKey{"RSA-1024": trusttest.RSA(t, 1024), "RSA-2048": trusttest.RSA(t, 2048)} {
		add(bits, trust.CodeWeakKey, rsaPublic(weak), sshEvidence(sshSig{public: rsaPublic(weak), inner: rsaInner(weak, "rsa-sha2-512", crypto.SHA512)}))
	}
	low := exponent3(t)
	add("RSA with exponent 3", trust.CodeWeakKey, rsaPublic(low), sshEvidence(sshSig{public: rsaPublic(low), inner: rsaInner(low, "rsa-sha2-512", crypto.SHA512)}))

	ec := trusttest.ECDSA(t)
	ecWire := ecPublic("nistp256", ec)
	numbers := func(change func(r, s *big.Int) []byte) func([]byte) []byte {
		return func(b []byte) []byte {
			sum := sha256.Sum256(b)
			r, s, err := ecdsa.Sign(rand.Reader, ec, sum[:])
			if err != nil {
				t.Fatal(err)
			}
			return wire([]byte("ecdsa-sha2-nistp256"), change(r, s))
		}
	}
	n := elliptic.P256().Params().N
	for name, change := range map[string]func(r, s *big.Int) []byte{
		"ECDSA zeros":                   func(_, _ *big.Int) []byte { return wire(nil, nil) },
		"ECDSA r = n":                   func(_, s *big.Int) []byte { return wire(mpint(n), mpint(s)) },
		"ECDSA swapped":                 func(r, s *big.Int) []byte { return wire(mpint(s), mpint(r)) },
		"ECDSA needless zero":           func(r, s *big.Int) []byte { return wire(append([]byte{0}, mpint(r)...), mpint(s)) },
		"ECDSA negative":                func(r, s *big.Int) []byte { return wire(append([]byte{0xff}, mpint(r)...), mpint(s)) },
		"ECDSA explicit zero":           func(_, s *big.Int) []byte { return wire([]byte{0}, mpint(s)) },
		"ECDSA followed by a byte":      func(r, s *big.Int) []byte { return append(wire(mpint(r), mpint(s)), 0) },
		"ECDSA second number missing":   func(r, _ *big.Int) []byte { return wire(mpint(r)) },
		"ECDSA as DER":                  nonMinimal,
		"ECDSA length beyond the field": func(r, s *big.Int) []byte { return append(wire(mpint(r)), 0xff, 0xff, 0xff, 0xff) },
	} {
		add(name, trust.CodeSignatureInvalid, ecWire, sshEvidence(sshSig{public: ecWire, inner: numbers(change)}))
	}
	add("P-256 over SHA-512", trust.CodeSignatureInvalid, ecWire, sshEvidence(sshSig{public: ecWire, inner: func(b []byte) []byte {
		sum := sha512.Sum512(b)
		r, s, _ := ecdsa.Sign(rand.Reader, ec, sum[:])
		return wire([]byte("ecdsa-sha2-nistp256"), wire(mpint(r), mpint(s)))
	}}))

	skPublic := wire([]byte("sk-ssh-ed25519@openssh.com"), key.Public().(ed25519.PublicKey), []byte("ssh:"))
	add("security key not touched", trust.CodeSignerNotAllowed, skPublic, sshEvidence(sshSig{public: skPublic, inner: skInner(key, "ssh:", 0)}))
	add("security key not touched, but verified", trust.CodeSignerNotAllowed, skPublic, sshEvidence(sshSig{public: skPublic, inner: skInner(key, "ssh:", 4)}))
	add("security key for another application", trust.CodeSignatureInvalid, skPublic, sshEvidence(sshSig{public: skPublic, inner: skInner(key, "https://example.test", 1)}))
	add("security key, plain format", trust.CodeMalformedSignature, skPublic, sshEvidence(sshSig{public: skPublic, inner: edInner(key)}))
	add("security key, flag added", trust.CodeSignatureInvalid, skPublic, sshEvidence(sshSig{public: skPublic, inner: func(b []byte) []byte {
		made := skInner(key, "ssh:", 0)(b)
		made[len(made)-5] = 1
		return made
	}}))
	add("security key, no counter", trust.CodeMalformedSignature, skPublic, sshEvidence(sshSig{public: skPublic, inner: func(b []byte) []byte {
		made := skInner(key, "ssh:", 1)(b)
		return made[:len(made)-4]
	}}))
	add("security key, no flags", trust.CodeMalformedSignature, skPublic, sshEvidence(sshSig{public: skPublic, inner: func(b []byte) []byte {
		made := skInner(key, "ssh:", 1)(b)
		return made[:len(made)-5]
	}}))

	good := string(sshEvidence(sshSig{public: public, inner: edInner(key)}).Signature)
	for name, text := range map[string]string{
		"text before":        "x\n" + good,
		"text after":         good + "x\n",
		"other armour":       strings.ReplaceAll(good, "SSH SIGNATURE", "PGP SIGNATURE"),
		"one line":           rewrapped(good, 1<<20),
		"64 columns":         rewrapped(good, 64),
		"76 columns":         rewrapped(good, 76),
		"empty line":         strings.Replace(good, "\n", "\n\n", 1),
		"DOS line ends":      strings.ReplaceAll(good, "\n", "\r\n"),
		"no line end":        strings.TrimSuffix(good, "\n"),
		"spaces":             strings.Replace(good, "\n", " \n", 1),
		"end line missing":   good[:len(good)-28],
		"header in armour":   strings.Replace(good, "SIGNATURE-----\n", "SIGNATURE-----\nComment: x\n", 1),
		"only the two lines": "-----BEGIN SSH SIGNATURE-----\n-----END SSH SIGNATURE-----\n",
		"end not on a line":  strings.Replace(good, "\n-----END", "-----END", 1),
	} {
		add(name, trust.CodeMalformedSignature, public, trust.Evidence{Kind: trust.SSH, Signature: []byte(text)})
	}
	all = append(all, forgery{name: "nobody is trusted", ev: sshEvidence(sshSig{public: public, inner: edInner(key)}), code: trust.CodeUnknownSigner})
	refuse(t, trust.SSH, all)
}

// rewrapped breaks the lines of armour elsewhere.
func rewrapped(text string, columns int) string {
	lines := strings.Split(strings.TrimSpace(text), "\n")
	data := strings.Join(lines[1:len(lines)-1], "")
	out := lines[0] + "\n"
	for len(data) > columns {
		out, data = out+data[:columns]+"\n", data[columns:]
	}
	return out + data + "\n" + lines[len(lines)-1] + "\n"
}

// What must be accepted beside the plain case.
func TestAcceptedSSH(t *testing.T) {
	t.Parallel()
	key, rsaKey, ec := trusttest.Ed25519(t), trusttest.RSA(t, 3072), trusttest.ECDSA(t)
	skPublic := wire([]byte("sk-ssh-ed25519@openssh.com"), key.Public().(ed25519.PublicKey), []byte("ssh:"))
	point, err := ec.PublicKey.Bytes()
	if err != nil {
		t.Fatal(err)
	}
	skEC := wire([]byte("sk-ecdsa-sha2-nistp256@openssh.com"), []byte("nistp256"), point, []byte("ssh:signet"))
	for name, s := range map[string]sshSig{
		"SHA-256":              {public: edPublic(key), hash: "sha256", inner: edInner(key)},
		"SHA-512":              {public: edPublic(key), inner: edInner(key)},
		"rsa-sha2-256":         {public: rsaPublic(rsaKey), inner: rsaInner(rsaKey, "rsa-sha2-256", crypto.SHA256)},
		"rsa-sha2-512":         {public: rsaPublic(rsaKey), hash: "sha256", inner: rsaInner(rsaKey, "rsa-sha2-512", crypto.SHA512)},
		"security key":         {public: skPublic, inner: skInner(key, "ssh:", 1)},
		"security key and PIN": {public: skPublic, inner: skInner(key, "ssh:", 5)},
		"security key P-256":   {public: skEC, inner: skECInner(ec, "ssh:signet", 1)},
	} {
		set, err := trust.NewSet(trust.Policy{}, nil, nil, [][]byte{keyLine(s.public)})
		if err != nil {
			t.Errorf("%s: %s", name, err)
			continue
		}
		v, err := set.Verify(doc, sshEvidence(s), trusttest.Now())
		if err != nil {
			t.Errorf("%s: %s", name, err)
		} else if v.Signer().Name != "who@example.test" || v.Signer().Hardware != strings.HasPrefix(name, "security key") {
			t.Errorf("%s: got %+v", name, v.Signer())
		}
	}
}

// Key lines that can't be believed are refused when they are read; keys of small
// order are read and then refused as weak.
func TestRefusedSSHKeys(t *testing.T) {
	t.Parallel()
	key := trusttest.Ed25519(t)
	good := string(keyLine(edPublic(key)))
	ec := trusttest.ECDSA(t)
	point, err := ec.PublicKey.Bytes()
	if err != nil {
		t.Fatal(err)
	}
	off := bytes.Clone(point)
	off[64] ^= 1
	for name, content := range map[string]string{
		"nothing":              "",
		"comments only":        "# nobody\n\n",
		"two keys":             good + string(keyLine(edPublic(trusttest.Ed25519(t)))),
		"options":              `namespaces="git" ` + good,
		"type only":            "ssh-ed25519",
		"no base64":            "ssh-ed25519 ?????\n",
		"type differs":         "ssh-rsa" + good[11:],
		"DSA":                  string(keyLine(wire([]byte("ssh-dss"), []byte{1}, []byte{1}))),
		"certificate":          string(keyLine(wire([]byte("ssh-ed25519-cert-v01@openssh.com"), []byte{1}))),
		"nistp521":             string(keyLine(wire([]byte("ecdsa-sha2-nistp521"), []byte("nistp521"), []byte{4}))),
		"31 bytes":             string(keyLine(wire([]byte("ssh-ed25519"), make([]byte, 31)))),
		"trailing bytes":       string(keyLine(append(edPublic(key), 0))),
		"cut off":              string(keyLine(edPublic(key)[:30])),
		"point off the curve":  string(keyLine(wire([]byte("ecdsa-sha2-nistp256"), []byte("nistp256"), off))),
		"compressed point":     string(keyLine(wire([]byte("ecdsa-sha2-nistp256"), []byte("nistp256"), append([]byte{2}, point[1:33]...)))),
		"curve differs":        string(keyLine(wire([]byte("ecdsa-sha2-nistp256"), []byte("nistp384"), point))),
		"huge exponent":        string(keyLine(wire([]byte("ssh-rsa"), bytes.Repeat([]byte{1}, 9), bytes.Repeat([]byte{1}, 400)))),
		"exponent of 32 bits":  string(keyLine(wire([]byte("ssh-rsa"), []byte{0, 0x80, 0, 0, 1}, bytes.Repeat([]byte{1}, 400)))),
		"negative modulus":     string(keyLine(wire([]byte("ssh-rsa"), []byte{1, 0, 1}, bytes.Repeat([]byte{0xff}, 400)))),
		"needless zero":        string(keyLine(wire([]byte("ssh-rsa"), []byte{0, 1, 0, 1}, bytes.Repeat([]byte{1}, 400)))),
		"empty modulus":        string(keyLine(wire([]byte("ssh-rsa"), []byte{1, 0, 1}, nil))),
		"no application":       string(keyLine(wire([]byte("sk-ssh-ed25519@openssh.com"), make([]byte, 32)))),
		"private key":          "-----BEGIN OPENSSH PRIVATE KEY-----\n",
		"length of four bytes": "ssh-ed25519 " + base64.StdEncoding.EncodeToString([]byte{0xff, 0xff, 0xff, 0xff}) + "\n",
	} {
		if set, err := trust.NewSet(trust.Policy{}, nil, nil, [][]byte{[]byte(content)}); !fault.HasCode(err, trust.CodeUnreadableTrust) {
			t.Errorf("%s: got %v, %v, want code %s", name, set, err, trust.CodeUnreadableTrust)
		}
	}
}

// The points of small order, in every spelling, and other spellings of points are
// refused: for them anybody can sign.
func TestSmallOrderKeysAreRefused(t *testing.T) {
	t.Parallel()
	p := new(big.Int).Lsh(big.NewInt(1), 255)
	p.Sub(p, big.NewInt(19))
	y8 := order8(t, p)
	add := func(n int64) *big.Int { return new(big.Int).Add(p, big.NewInt(n)) }
	signable := 0
	for _, y := range []*big.Int{
		big.NewInt(0), big.NewInt(1), y8, new(big.Int).Sub(p, y8), add(-1), add(0), add(1), add(2), add(18),
	} {
		for _, sign := range []byte{0, 0x80} {
			raw := y.FillBytes(make([]byte, 32))
			for i, j := 0, 31; i < j; i, j = i+1, j-1 {
				raw[i], raw[j] = raw[j], raw[i]
			}
			raw[31] |= sign
			public := wire([]byte("ssh-ed25519"), raw)
			set, err := trust.NewSet(trust.Policy{}, nil, nil, [][]byte{keyLine(public)})
			if err != nil {
				t.Fatal(err)
			}
			if len(set.Warnings()) != 1 {
				t.Errorf("y = %s: got the warnings %v, want one", y, set.Warnings())
			}
			// R = the neutral point and S = 0 is a signature for many documents.
			forged := make([]byte, 64)
			forged[0] = 1
			if ed25519.Verify(raw, doc, forged) {
				signable++
			}
			_, err = set.Verify(doc, sshEvidence(sshSig{public: public, inner: func([]byte) []byte { return wire([]byte("ssh-ed25519"), forged) }}), trusttest.Now())
			if !fault.HasCode(err, trust.CodeWeakKey) {
				t.Errorf("y = %s: got %v, want code %s", y, err, trust.CodeWeakKey)
			}
		}
	}
	if signable == 0 {
		t.Error("the forged signature fits no point: the test shows nothing")
	}
}

// order8 computes the y coordinate of a point of order 8: twice that point has
// y = 0, so y² = -x², and with the curve's equation d·y⁴ + 2·y² - 1 = 0.
func order8(t *testing.T, p *big.Int) *big.Int {
	t.Helper()
	d := new(big.Int).ModInverse(big.NewInt(121666), p)
	d.Mul(d, big.NewInt(-121665)).Mod(d, p)
	root := new(big.Int).ModSqrt(new(big.Int).Add(d, big.NewInt(1)), p)
	for _, r := range []*big.Int{root, new(big.Int).Neg(root)} {
		square := new(big.Int).Sub(r, big.NewInt(1))
		square.Mul(square, new(big.Int).ModInverse(d, p)).Mod(square, p)
		if y := new(big.Int).ModSqrt(square, p); y != nil {
			return y
		}
	}
	t.Fatal("there is no point of order 8")
	return nil
}

// Comments and empty lines in a key file, and a key without comment.
func TestSSHKeyFiles(t *testing.T) {
	t.Parallel()
	key := trusttest.Ed25519(t)
	line := string(keyLine(edPublic(key)))
	for name, tt := range map[string]struct{ content, signer string }{
		"plain":           {line, "who@example.test"},
		"comments":        {"# of Ann\n\n" + line + "\n# end\n", "who@example.test"},
		"DOS line end":    {strings.TrimSpace(line) + "\r\n", "who@example.test"},
		"no comment":      {strings.TrimSuffix(line, " who@example.test\n"), "SSH key "},
		"words":           {strings.TrimSpace(line) + " at home\n", "who@example.test at home"},
		"blank comment":   {strings.TrimSuffix(line, "who@example.test\n") + "  \n", "SSH key "},
		"no line at end":  {strings.TrimSpace(line), "who@example.test"},
		"spaces before":   {"  " + line, "who@example.test"},
		"commented other": {"#" + string(keyLine(edPublic(trusttest.Ed25519(t)))) + line, "who@example.test"},
	} {
		set, err := trust.NewSet(trust.Policy{}, nil, nil, [][]byte{[]byte(tt.content)})
		if err != nil {
			t.Errorf("%s: %s", name, err)
			continue
		}
		v, err := set.Verify(doc, sshEvidence(sshSig{public: edPublic(key), inner: edInner(key)}), trusttest.Now())
		if err != nil || !strings.HasPrefix(v.Signer().Name, tt.signer) {
			t.Errorf("%s: got %+v, %v", name, v, err)
		}
	}
}

// RSA keys out of bounds are refused before anything is computed with them.
func TestStrangeRSAKeysAreRefused(t *testing.T) {
	t.Parallel()
	large := append([]byte{0, 0xff}, bytes.Repeat([]byte{1}, 1024)...)
	even := append([]byte{0, 0xff}, bytes.Repeat([]byte{2}, 383)...)
	odd := append([]byte{0, 0xff}, bytes.Repeat([]byte{1}, 383)...)
	for name, parts := range map[string][2][]byte{
		"8200 bits":     {{1, 0, 1}, large},
		"even modulus":  {{1, 0, 1}, even},
		"even exponent": {{1, 0, 2}, odd},
		"exponent 1":    {{1}, odd},
		"exponent 257":  {{1, 1}, odd},
	} {
		public := wire([]byte("ssh-rsa"), parts[0], parts[1])
		set, err := trust.NewSet(trust.Policy{}, nil, nil, [][]byte{keyLine(public)})
		if err != nil {
			t.Errorf("%s: %s", name, err)
			continue
		}
		ev := sshEvidence(sshSig{public: public, inner: func([]byte) []byte { return wire([]byte("rsa-sha2-512"), make([]byte, 384)) }})
		if _, err := set.Verify(doc, ev, trusttest.Now()); !fault.HasCode(err, trust.CodeWeakKey) || len(set.Warnings()) != 1 {
			t.Errorf("%s: got %v and the warnings %v, want code %s", name, err, set.Warnings(), trust.CodeWeakKey)
		}
	}
}
