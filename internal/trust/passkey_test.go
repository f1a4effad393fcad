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
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"math/big"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/signet-scheduler/signet/internal/fault"
	"github.com/signet-scheduler/signet/internal/trust"
	"github.com/signet-scheduler/signet/internal/trust/trusttest"
)

var manifest = []byte(`{"TYPE":"Release","name":"r","serial":1}`)

// passkeys returns one authenticator for each algorithm.
func passkeys(t testing.TB) map[string]*trusttest.Authenticator {
	t.Helper()
	made := map[string]*trusttest.Authenticator{}
	for name, key := range map[string]crypto.Signer{"ES256": trusttest.ECDSA(t), "RS256": trusttest.RSA(t, 3072), "EdDSA": trusttest.Ed25519(t)} {
		made[name] = trusttest.NewAuthenticator(t, name+" key", key)
	}
	return made
}

func TestPasskeySignsReleases(t *testing.T) {
	t.Parallel()
	for name, a := range passkeys(t) {
		who := a.Identity(t)
		ev := trusttest.Sign(t, who.Key, manifest)
		set := trusttest.Set(t, who)
		v, err := set.VerifyRelease(manifest, ev, trusttest.Now())
		if err != nil {
			t.Fatalf("%s: %s", name, err)
		}
		if got := v.Signer(); got.Kind != trust.Passkey || got.Name != a.Name || len(got.KeyID) != 64 || !got.Hardware || !bytes.Equal(v.Bytes(), manifest) {
			t.Errorf("%s: got %+v", name, got)
		}
		if got := set.Signers(); len(got) != 1 || got[0].Kind != trust.Passkey || got[0].KeyID != v.Signer().KeyID || got[0].Name != a.Name {
			t.Errorf("%s: got signers %+v", name, got)
		}
		// A touch is for releases, never for a single document.
		if v, err := set.Verify(manifest, ev, trusttest.Now()); !fault.HasCode(err, trust.CodeSignerNotAllowed) || v != nil {
			t.Errorf("%s: as a single document: got %v", name, err)
		}
		if _, err := trusttest.Set(t, trusttest.NewPasskey(t, "other")).VerifyRelease(manifest, ev, trusttest.Now()); !fault.HasCode(err, trust.CodeUnknownSigner) {
			t.Errorf("%s: by a set that doesn't trust it: got %v", name, err)
		}
		text, err := json.Marshal(ev)
		if err != nil {
			t.Fatal(err)
		}
		var read trust.Evidence
		if err := json.Unmarshal(text, &read); err != nil || !same(read, ev) {
			t.Errorf("%s: through JSON: %+v, %v", name, read, err)
		}
		files := ev.Files()
		if read, err = trust.EvidenceFromFiles(files); err != nil || !same(read, ev) || len(files) != 1 || files[".passkey"] == nil {
			t.Errorf("%s: through files: %+v, %v", name, read, err)
		}
	}
}

// Everybody signs releases, too, as any document.
func TestReleaseBySignature(t *testing.T) {
	t.Parallel()
	for _, who := range []trusttest.Identity{trusttest.NewX509(t, "x"), trusttest.NewPGP(t, "p"), trusttest.NewSSH(t, "s")} {
		v, err := trusttest.Set(t, who).VerifyRelease(manifest, trusttest.Sign(t, who.Key, manifest), trusttest.Now())
		if err != nil || v.Signer().Kind != who.Kind || v.Signer().Hardware {
			t.Errorf("%s: got %+v, %v", who.Kind, v, err)
		}
	}
}

// The form that was signed and stored never changes.
func TestPasskeyGolden(t *testing.T) {
	t.Parallel()
	challenge := trust.PasskeyChallenge([]byte(`{"TYPE":"Release"}`))
	// printf 'signet release v1\0{"TYPE":"Release"}' | sha256sum
	if got := hex.EncodeToString(challenge[:]); got != "06e6f9beab465d2cd086fce3a53537d9e0e38cd47473648e73689566f1d9f261" {
		t.Errorf("got the challenge %s", got)
	}
	a := trusttest.NewAuthenticator(t, "golden", trusttest.Ed25519FromSeed(7))
	text, err := json.Marshal(trusttest.Sign(t, a.Identity(t).Key, []byte(`{"TYPE":"Release"}`)))
	if err != nil || string(text) != goldenPasskey {
		t.Errorf("got %v\n%s\nwant\n%s", err, text, goldenPasskey)
	}
	var ev trust.Evidence
	if err := json.Unmarshal([]byte(goldenPasskey), &ev); err != nil {
		t.Fatal(err)
	}
	v, err := trusttest.Set(t, a.Identity(t)).VerifyRelease([]byte(`{"TYPE":"Release"}`), ev, trusttest.Now())
	if err != nil || v.Signer().KeyID != "324be2dea8bc44461b0233e51fa48902ed6b1cc671e7739af2551e0bfe68f54e" {
		t.Errorf("got %+v, %v", v, err)
	}
}

const goldenPasskey = `{"TYPE":"Passkey","credentialId":"3VbeQTeVHZySaBsDQW7BX4hrRIKifjpRfTLwhSRMvl0",` +
	`"clientData":"eyJ0eXBlIjoid2ViYXV0aG4uZ2V0IiwiY2hhbGxlbmdlIjoiQnViNXZxdEdYU3pRaHZ6anBUVTMyZURqak5SMGMyU09jMmlWWnZIWjhtRSIsIm9yaWdpbiI6Imh0dHBzOi8vbG9jYWxob3N0OjQ0NDMiLCJjcm9zc09yaWdpbiI6ZmFsc2V9",` +
	`"authenticatorData":"SZYN5YgOjGh0NBcPZHZgW4_krrmihjLHmVzzuoMdl2MFAAAAAQ",` +
	`"signature":"QGEfeVROF_5_ykez6JplqwogqmNwlc28Y7LlM-lZScA0CsJ5j42VO81zeE57X665Rkp34QyG2aGuFyN3ULoVBA"}`

// Invariant 1, for passkeys.
func TestNoBitOfAPasskeyCanBeTurned(t *testing.T) {
	t.Parallel()
	for name, a := range passkeys(t) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			who := a.Identity(t)
			ev := trusttest.Sign(t, who.Key, manifest)
			tam := &tampering{trusttest.Set(t, who), map[[32]byte]bool{}}
			flipped(manifest, func(changed []byte, bit int) { tam.try(t, "the manifest", bit, changed, ev) })
			flipped([]byte(ev.Kind), func(changed []byte, bit int) {
				other := ev
				other.Kind = trust.Kind(changed)
				tam.try(t, "the kind", bit, manifest, other)
			})
			for part, at := range map[string]func(*trust.Evidence) *[]byte{
				"the credential id":      func(e *trust.Evidence) *[]byte { return &e.CredentialID },
				"the client data":        func(e *trust.Evidence) *[]byte { return &e.ClientData },
				"the authenticator data": func(e *trust.Evidence) *[]byte { return &e.AuthenticatorData },
				"the signature":          func(e *trust.Evidence) *[]byte { return &e.Signature },
			} {
				other := ev
				original := *at(&other)
				flipped(original, func(changed []byte, bit int) {
					*at(&other) = changed
					tam.try(t, part, bit, manifest, other)
				})
				for n := range original {
					*at(&other) = original[:n]
					tam.try(t, "shorter "+part, n, manifest, other)
				}
				for _, tail := range []string{"\x00", " ", "}", "\n", "\xa1", strings.Repeat("A", 5000)} {
					*at(&other) = append(bytes.Clone(original), tail...)
					tam.try(t, "longer "+part, len(tail), manifest, other)
				}
			}
			tam.tryFiles(t, manifest, ev, ev.Files())
		})
	}
}

// passkeyCase is one wrong input, as near as possible to a right one: everything
// else is right, the signature included.
type passkeyCase struct {
	change func(*trusttest.Authenticator)
	code   string // "": accepted
}

func clientData(format string) func(*trusttest.Authenticator) {
	return func(a *trusttest.Authenticator) {
		a.ClientData = func(challenge, origin string) string {
			return strings.NewReplacer("CHALLENGE", challenge, "ORIGIN", origin).Replace(format)
		}
	}
}

func member(name string, value any) func(*trusttest.Authenticator) {
	return func(a *trusttest.Authenticator) {
		a.File = func(members map[string]any) []byte { members[name] = value; return nil }
	}
}

func both(changes ...func(*trusttest.Authenticator)) func(*trusttest.Authenticator) {
	return func(a *trusttest.Authenticator) {
		for _, change := range changes {
			change(a)
		}
	}
}

func flags(f byte) func(*trusttest.Authenticator) {
	return func(a *trusttest.Authenticator) { a.Flags = f }
}

func challenge(spell func(right []byte) string) func(*trusttest.Authenticator) {
	return func(a *trusttest.Authenticator) {
		a.Challenge = func(manifest []byte) string {
			c := trust.PasskeyChallenge(manifest)
			return spell(c[:])
		}
	}
}

func TestPasskeyClientData(t *testing.T) {
	t.Parallel()
	const right = `"type":"webauthn.get","challenge":"CHALLENGE","origin":"ORIGIN"`
	cases := map[string]passkeyCase{
		"as browsers write it":         {clientData(`{` + right + `,"crossOrigin":false}`), ""},
		"without crossOrigin":          {clientData(`{` + right + `}`), ""},
		"another order, white space":   {clientData(` { "origin":"ORIGIN",` + "\n" + ` "challenge": "CHALLENGE", "type": "webauthn.get" } `), ""},
		"unknown members":              {clientData(`{` + right + `,"other_keys_can_be_added_here":"do not compare","tokenBinding":{"status":"supported"}}`), ""},
		"of a registration":            {clientData(`{"type":"webauthn.create","challenge":"CHALLENGE","origin":"ORIGIN"}`), trust.CodeMalformedSignature},
		"of a payment":                 {clientData(`{"type":"payment.get","challenge":"CHALLENGE","origin":"ORIGIN"}`), trust.CodeMalformedSignature},
		"type in other letters":        {clientData(`{"type":"Webauthn.get","challenge":"CHALLENGE","origin":"ORIGIN"}`), trust.CodeMalformedSignature},
		"type longer":                  {clientData(`{"type":"webauthn.get ","challenge":"CHALLENGE","origin":"ORIGIN"}`), trust.CodeMalformedSignature},
		"no type":                      {clientData(`{"challenge":"CHALLENGE","origin":"ORIGIN"}`), trust.CodeMalformedSignature},
		"no challenge":                 {clientData(`{"type":"webauthn.get","origin":"ORIGIN"}`), trust.CodeSignatureInvalid},
		"no origin":                    {clientData(`{"type":"webauthn.get","challenge":"CHALLENGE"}`), trust.CodeForeignOrigin},
		"type twice":                   {clientData(`{"type":"webauthn.create",` + right + `}`), trust.CodeMalformedSignature},
		"type twice, other letters":    {clientData(`{"type":"webauthn.create","Type":"webauthn.get","challenge":"CHALLENGE","origin":"ORIGIN"}`), trust.CodeMalformedSignature},
		"other letters beside":         {clientData(`{` + right + `,"Origin":"https://evil.example"}`), trust.CodeMalformedSignature},
		"folded letters":               {clientData(`{` + right + `,"cro\u017fsOrigin":true}`), trust.CodeMalformedSignature},
		"origin twice":                 {clientData(`{` + right + `,"origin":"ORIGIN"}`), trust.CodeMalformedSignature},
		"type no string":               {clientData(`{"type":["webauthn.get"],"challenge":"CHALLENGE","origin":"ORIGIN"}`), trust.CodeMalformedSignature},
		"challenge null":               {clientData(`{"type":"webauthn.get","challenge":null,"origin":"ORIGIN"}`), trust.CodeMalformedSignature},
		"crossOrigin true":             {clientData(`{` + right + `,"crossOrigin":true}`), trust.CodeForeignOrigin},
		"crossOrigin a string":         {clientData(`{` + right + `,"crossOrigin":"false"}`), trust.CodeMalformedSignature},
		"crossOrigin null":             {clientData(`{` + right + `,"crossOrigin":null}`), trust.CodeMalformedSignature},
		"topOrigin":                    {clientData(`{` + right + `,"crossOrigin":false,"topOrigin":"ORIGIN"}`), trust.CodeForeignOrigin},
		"topOrigin null":               {clientData(`{` + right + `,"topOrigin":null}`), trust.CodeForeignOrigin},
		"no object":                    {clientData(`["webauthn.get"]`), trust.CodeMalformedSignature},
		"no JSON":                      {clientData(`{` + right), trust.CodeMalformedSignature},
		"something behind":             {clientData(`{` + right + `}{}`), trust.CodeMalformedSignature},
		"a byte order mark":            {clientData("\ufeff{" + right + `}`), trust.CodeMalformedSignature},
		"deep":                         {clientData(`{` + right + `,"x":` + strings.Repeat("[", 20) + strings.Repeat("]", 20) + `}`), trust.CodeMalformedSignature},
		"long but allowed":             {clientData(`{` + right + `,"x":"` + strings.Repeat("x", 3800) + `"}`), ""},
		"too long":                     {clientData(`{` + right + `,"x":"` + strings.Repeat("x", 4096) + `"}`), trust.CodeMalformedEvidence},
		"challenge with padding":       {challenge(func(c []byte) string { return base64.URLEncoding.EncodeToString(c) }), trust.CodeSignatureInvalid},
		"challenge in hexadecimal":     {challenge(hex.EncodeToString), trust.CodeSignatureInvalid},
		"challenge of the bare digest": {func(a *trusttest.Authenticator) { a.Challenge = bareDigest }, trust.CodeSignatureInvalid},
		"challenge of another domain":  {func(a *trusttest.Authenticator) { a.Challenge = otherDomain }, trust.CodeSignatureInvalid},
		"challenge of other spelling": {challenge(func(c []byte) string {
			text := []byte(base64.RawURLEncoding.EncodeToString(c))
			text[len(text)-1]++ // the last two bits of 43 characters mean nothing
			return string(text)
		}), trust.CodeSignatureInvalid},
		"a random challenge":  {challenge(func([]byte) string { return strings.Repeat("A", 43) }), trust.CodeSignatureInvalid},
		"another port":        {func(a *trusttest.Authenticator) { a.Origin = "https://localhost:4444" }, trust.CodeForeignOrigin},
		"no port":             {func(a *trusttest.Authenticator) { a.Origin = "https://localhost" }, trust.CodeForeignOrigin},
		"plain HTTP":          {func(a *trusttest.Authenticator) { a.Origin = "http://localhost:4443" }, trust.CodeForeignOrigin},
		"upper case":          {func(a *trusttest.Authenticator) { a.Origin = "https://LOCALHOST:4443" }, trust.CodeForeignOrigin},
		"a slash":             {func(a *trusttest.Authenticator) { a.Origin = "https://localhost:4443/" }, trust.CodeForeignOrigin},
		"a longer host":       {func(a *trusttest.Authenticator) { a.Origin = "https://localhost:4443.evil.example" }, trust.CodeForeignOrigin},
		"a host below":        {func(a *trusttest.Authenticator) { a.Origin = "https://x.localhost:4443" }, trust.CodeForeignOrigin},
		"an app":              {func(a *trusttest.Authenticator) { a.Origin = "android:apk-key-hash:x" }, trust.CodeForeignOrigin},
		"one of two origins":  {both(member("origins", []string{"https://localhost", "https://a.localhost:1"}), func(a *trusttest.Authenticator) { a.Origin = "https://a.localhost:1" }), ""},
		"the default origin":  {both(withoutMember("origins"), func(a *trusttest.Authenticator) { a.Origin = "https://localhost" }), ""},
		"no port by default":  {withoutMember("origins"), trust.CodeForeignOrigin},
		"NUL in the origin":   {func(a *trusttest.Authenticator) { a.Origin = `https://localhost:4443\u0000` }, trust.CodeForeignOrigin},
		"another relying one": {func(a *trusttest.Authenticator) { a.RPID = "localhost:4443" }, trust.CodeForeignOrigin},
		"a relying scheme":    {func(a *trusttest.Authenticator) { a.RPID = "https://localhost" }, trust.CodeForeignOrigin},
	}
	// Each known name in other letters, beside the right one.
	for _, name := range []string{"Type", "Challenge", "oriGin", "crossorigin", "TopOrigin"} {
		cases["also "+name] = passkeyCase{clientData(`{` + right + `,"` + name + `":"x"}`), trust.CodeMalformedSignature}
	}
	tryPasskeys(t, cases)
}

func withoutMember(name string) func(*trusttest.Authenticator) {
	return func(a *trusttest.Authenticator) {
		a.File = func(members map[string]any) []byte { delete(members, name); return nil }
	}
}

func bareDigest(manifest []byte) string {
	sum := sha256.Sum256(manifest)
	return base64.RawURLEncoding.EncodeToString(sum[:])
}

func otherDomain(manifest []byte) string {
	sum := sha256.Sum256(append([]byte("signet release v2\x00"), manifest...))
	return base64.RawURLEncoding.EncodeToString(sum[:])
}

func TestPasskeyAuthenticatorData(t *testing.T) {
	t.Parallel()
	extended := func(f byte, extensions string) func(*trusttest.Authenticator) {
		return func(a *trusttest.Authenticator) { a.Flags, a.Extensions = f, []byte(extensions) }
	}
	synced := member("backupEligible", true)
	touchOnly := member("userVerification", "preferred")
	tryPasskeys(t, map[string]passkeyCase{
		"touched and verified":           {flags(0x05), ""},
		"only touched":                   {flags(0x01), trust.CodeSignerNotAllowed},
		"only touched, which suffices":   {both(touchOnly, flags(0x01)), ""},
		"verified, though not asked for": {both(touchOnly, flags(0x05)), ""},
		"required, as said":              {both(member("userVerification", "required"), flags(0x01)), trust.CodeSignerNotAllowed},
		"not touched":                    {flags(0x04), trust.CodeSignerNotAllowed},
		"not touched, touch suffices":    {both(touchOnly, flags(0x00)), trust.CodeSignerNotAllowed},
		"can be copied":                  {flags(0x0d), trust.CodeSignerNotAllowed},
		"is copied":                      {flags(0x1d), trust.CodeSignerNotAllowed},
		"can be copied, as allowed":      {both(synced, flags(0x0d)), ""},
		"is copied, as allowed":          {both(synced, flags(0x1d)), ""},
		"can't, though allowed":          {both(synced, flags(0x05)), ""},
		"copied without being able":      {both(synced, flags(0x15)), trust.CodeMalformedSignature},
		"first reserved flag":            {flags(0x07), trust.CodeMalformedSignature},
		"second reserved flag":           {flags(0x25), trust.CodeMalformedSignature},
		"of a registration":              {flags(0x45), trust.CodeMalformedSignature},
		"of a registration, with a key":  {extended(0x45, strings.Repeat("k", 100)), trust.CodeMalformedSignature},
		"extensions":                     {extended(0x85, "\xa1\x61x\xf5"), ""},
		"extensions only announced":      {extended(0x85, ""), trust.CodeMalformedSignature},
		"extensions not announced":       {extended(0x05, "\xa0"), trust.CodeMalformedSignature},
		"too many extensions":            {extended(0x85, strings.Repeat("x", 1000)), trust.CodeMalformedEvidence},
		"a counter of 0":                 {func(a *trusttest.Authenticator) { a.Counter = 0 }, ""},
		"the greatest counter":           {func(a *trusttest.Authenticator) { a.Counter = 1<<32 - 1 }, ""},
	})
}

// What is signed, and how, is fixed by the enrolled key.
func TestPasskeyAlgorithms(t *testing.T) {
	t.Parallel()
	signWith := func(f func(key crypto.Signer, signed []byte) []byte) func(*trusttest.Authenticator) {
		return func(a *trusttest.Authenticator) { a.SignWith = f }
	}
	hashed := func(hash crypto.Hash, opts crypto.SignerOpts) func(*trusttest.Authenticator) {
		return signWith(func(key crypto.Signer, signed []byte) []byte {
			h := hash.New()
			h.Write(signed)
			sig, err := key.Sign(rand.Reader, h.Sum(nil), opts)
			if err != nil {
				t.Error(err)
			}
			return sig
		})
	}
	swapped := func(a *trusttest.Authenticator) {
		a.Signed = func(data, hash []byte) []byte { return append(bytes.Clone(hash), data...) }
	}
	hashless := func(a *trusttest.Authenticator) {
		a.Signed = func(data, _ []byte) []byte {
			return append(bytes.Clone(data), a.ClientData(a.Challenge(manifest), a.Origin)...)
		}
	}
	otherKey := func(key crypto.Signer) func(*trusttest.Authenticator) {
		return func(a *trusttest.Authenticator) {
			right := a.Identity(t).Trusted
			a.Key, a.File = key, func(map[string]any) []byte { return right }
		}
	}
	bad := trust.CodeSignatureInvalid
	common := map[string]passkeyCase{
		"hash before data": {swapped, bad},
		"client data bare": {hashless, bad},
		"the document":     {func(a *trusttest.Authenticator) { a.Signed = func(_, _ []byte) []byte { return manifest } }, bad},
		"only the data":    {func(a *trusttest.Authenticator) { a.Signed = func(data, _ []byte) []byte { return data } }, bad},
		"another EdDSA":    {otherKey(trusttest.Ed25519(t)), bad},
		"another ES256":    {otherKey(trusttest.ECDSA(t)), bad},
		"another RS256":    {otherKey(trusttest.RSA(t, 2048)), bad},
	}
	tryPasskeys(t, common)
	es := func(f func(r, s, n *big.Int) (*big.Int, *big.Int)) func(*trusttest.Authenticator) {
		return signWith(func(key crypto.Signer, signed []byte) []byte { return changedECDSA(t, key, signed, f) })
	}
	tryPasskey(t, "ES256", trusttest.ECDSA(t), map[string]passkeyCase{
		"SHA-512":      {hashed(crypto.SHA512, crypto.SHA512), bad},
		"SHA-384":      {hashed(crypto.SHA384, crypto.SHA384), bad},
		"the other s":  {es(func(r, s, n *big.Int) (*big.Int, *big.Int) { return r, s.Sub(n, s) }), ""},
		"r and s zero": {es(func(r, s, _ *big.Int) (*big.Int, *big.Int) { return r.SetInt64(0), s.SetInt64(0) }), bad},
		"r zero":       {es(func(r, s, _ *big.Int) (*big.Int, *big.Int) { return r.SetInt64(0), s }), bad},
		"r too large":  {es(func(r, s, n *big.Int) (*big.Int, *big.Int) { return r.Add(r, n), s }), bad},
		"s negative":   {es(func(r, s, n *big.Int) (*big.Int, *big.Int) { return r, s.Sub(s, n) }), bad},
		"fixed size": {signWith(func(key crypto.Signer, signed []byte) []byte {
			sum := sha256.Sum256(signed)
			r, s, err := ecdsa.Sign(rand.Reader, key.(*ecdsa.PrivateKey), sum[:])
			if err != nil {
				t.Error(err)
			}
			return append(r.FillBytes(make([]byte, 32)), s.FillBytes(make([]byte, 32))...)
		}), bad},
	})
	tryPasskey(t, "RS256", trusttest.RSA(t, 3072), map[string]passkeyCase{
		"PSS":     {hashed(crypto.SHA256, &rsa.PSSOptions{SaltLength: 32, Hash: crypto.SHA256}), bad},
		"SHA-512": {hashed(crypto.SHA512, crypto.SHA512), bad},
		"SHA-1":   {hashed(crypto.SHA1, crypto.SHA1), bad},
	})
	tryPasskey(t, "EdDSA", trusttest.Ed25519(t), map[string]passkeyCase{
		"of the hash": {hashed(crypto.SHA256, crypto.Hash(0)), bad},
		"prehashed": {signWith(func(key crypto.Signer, signed []byte) []byte {
			sum := sha512.Sum512(signed)
			sig, err := key.(ed25519.PrivateKey).Sign(nil, sum[:], crypto.SHA512)
			if err != nil {
				t.Error(err)
			}
			return sig
		}), bad},
	})
	tryPasskey(t, "RS256", trusttest.RSA(t, 2048), map[string]passkeyCase{"2048 bits": {flags(5), trust.CodeWeakKey}})
	tryPasskey(t, "RS256", trusttest.RSA(t, 1024), map[string]passkeyCase{"1024 bits": {flags(5), trust.CodeWeakKey}})
	// A policy may allow 2048 bits, which is what security chips have.
	a := trusttest.NewAuthenticator(t, "chip", trusttest.RSA(t, 2048))
	set, err := trust.NewSet(trust.Policy{MinRSABits: 2048}, nil, nil, nil, a.TrustFile(t))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := set.VerifyRelease(manifest, trusttest.Sign(t, a.Identity(t).Key, manifest), trusttest.Now()); err != nil {
		t.Error(err)
	}
}

func changedECDSA(t *testing.T, key crypto.Signer, signed []byte, f func(r, s, n *big.Int) (*big.Int, *big.Int)) []byte {
	sum := sha256.Sum256(signed)
	r, s, err := ecdsa.Sign(rand.Reader, key.(*ecdsa.PrivateKey), sum[:])
	if err != nil {
		t.Error(err)
	}
	r, s = f(r, s, elliptic.P256().Params().N)
	der, err := asn1.Marshal(struct{ R, S *big.Int }{r, s})
	if err != nil {
		t.Error(err)
	}
	return der
}

func tryPasskeys(t *testing.T, cases map[string]passkeyCase) {
	t.Helper()
	for name, a := range passkeys(t) {
		tryPasskey(t, name, a.Key, cases)
	}
}

func tryPasskey(t *testing.T, algorithm string, key crypto.Signer, cases map[string]passkeyCase) {
	t.Helper()
	for name, tt := range cases {
		a := trusttest.NewAuthenticator(t, "who", key)
		tt.change(a)
		who := a.Identity(t)
		v, err := trusttest.Set(t, who).VerifyRelease(manifest, trusttest.Sign(t, who.Key, manifest), trusttest.Now())
		switch {
		case tt.code == "" && err != nil:
			t.Errorf("%s, %s: %s", algorithm, name, err)
		case tt.code != "" && (!fault.HasCode(err, tt.code) || v != nil):
			t.Errorf("%s, %s: got %v, want the code %s", algorithm, name, err, tt.code)
		}
	}
}

func TestPasskeyTimes(t *testing.T) {
	t.Parallel()
	a := trusttest.NewAuthenticator(t, "who", trusttest.Ed25519(t))
	a.File = func(members map[string]any) []byte {
		members["notBefore"], members["withdrawnAt"] = "2026-01-01T00:00:00Z", "2026-02-01T00:00:00Z"
		return nil
	}
	who := a.Identity(t)
	set := trusttest.Set(t, who)
	ev := trusttest.Sign(t, who.Key, manifest)
	for _, tt := range []struct{ now, code string }{
		{"2025-12-31T23:59:59Z", trust.CodeSignerNotYetValid},
		{"2026-01-01T00:00:00Z", ""},
		{"2026-01-31T23:59:59Z", ""},
		{"2026-02-01T00:00:00Z", trust.CodeSignerExpired},
	} {
		now, err := time.Parse(time.RFC3339, tt.now)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := set.VerifyRelease(manifest, ev, now); (tt.code == "") != (err == nil) || err != nil && !fault.HasCode(err, tt.code) {
			t.Errorf("at %s: got %v, want %q", tt.now, err, tt.code)
		}
	}
	if got := set.Signers()[0]; got.NotBefore.Month() != 1 || got.NotAfter.Month() != 2 {
		t.Errorf("got %+v", got)
	}
}

// A key that can be copied is no hardware, also while it isn't copied.
func TestHardwareIsWhatCannotLeaveItsDevice(t *testing.T) {
	t.Parallel()
	a := trusttest.NewAuthenticator(t, "who", trusttest.Ed25519(t))
	member("backupEligible", true)(a)
	v, err := trusttest.Set(t, a.Identity(t)).VerifyRelease(manifest, trusttest.Sign(t, a.Identity(t).Key, manifest), trusttest.Now())
	if err != nil || v.Signer().Hardware {
		t.Errorf("got %+v, %v", v, err)
	}
}

func TestPasskeyFile(t *testing.T) {
	t.Parallel()
	a := trusttest.NewAuthenticator(t, "who", trusttest.ECDSA(t))
	pub := trusttest.PublicPEM(t, a.Key.Public())
	text := func(s string) []byte { return []byte(s) }
	whole := func(change func(m map[string]any)) []byte {
		a.File = func(m map[string]any) []byte { change(m); return nil }
		return a.TrustFile(t)
	}
	good := map[string][]byte{
		"the least":                       whole(func(m map[string]any) { delete(m, "origins") }),
		"with an owner":                   whole(func(m map[string]any) { m["owner"] = "alice" }),
		"hosts below":                     whole(func(m map[string]any) { m["origins"] = []string{"https://a.b.localhost", "https://localhost:1"} }),
		"everything":                      whole(func(m map[string]any) { m["notBefore"], m["backupEligible"] = "2026-01-01T00:00:00.5Z", false }),
		"a domain":                        whole(func(m map[string]any) { m["rpId"] = "c-1.example.com"; delete(m, "origins") }),
		"the longest names":               whole(func(m map[string]any) { m["name"], m["owner"] = strings.Repeat("n", 255), strings.Repeat("o", 255) }),
		"most origins":                    whole(func(m map[string]any) { m["origins"] = manyOrigins(64) }),
		"the longest host":                whole(func(m map[string]any) { m["rpId"] = strings.Repeat("a.", 127) + "a"; delete(m, "origins") }),
		"every end of letters and digits": whole(func(m map[string]any) { m["rpId"] = "a-z0-9"; delete(m, "origins") }),
		"a longer id":                     whole(func(m map[string]any) { m["credentialId"] = strings.Repeat("AAAA", 341) }),
		"another P-256":                   whole(func(m map[string]any) { m["publicKey"] = trusttest.PublicPEM(t, trusttest.ECDSA(t).Public()) }),
		"space after PEM":                 whole(func(m map[string]any) { m["publicKey"] = pub + "\n \n" }),
	}
	for name, content := range good {
		if _, err := trust.NewSet(trust.Policy{}, nil, nil, nil, content); err != nil {
			t.Errorf("%s: %s", name, err)
		}
	}
	bad := map[string][]byte{
		"empty": nil, "no JSON": text("x"), "no object": text("[]"), "null": text("null"), "trailing data": append(a.TrustFile(t), "{}"...),
		"a member twice": text(`{"name":"a","name":"b"}`),
		"PEM alone":      text(pub),
	}
	for name, change := range map[string]func(map[string]any){
		"unknown member":    func(m map[string]any) { m["algorithm"] = "ES256" },
		"other letters":     func(m map[string]any) { m["rpid"] = m["rpId"]; delete(m, "rpId") },
		"no credentialId":   func(m map[string]any) { delete(m, "credentialId") },
		"no publicKey":      func(m map[string]any) { delete(m, "publicKey") },
		"no rpId":           func(m map[string]any) { delete(m, "rpId") },
		"no name":           func(m map[string]any) { delete(m, "name") },
		"empty name":        func(m map[string]any) { m["name"] = "" },
		"long name":         func(m map[string]any) { m["name"] = strings.Repeat("n", 256) },
		"long owner":        func(m map[string]any) { m["owner"] = strings.Repeat("n", 256) },
		"empty owner":       func(m map[string]any) { m["owner"] = "" },
		"name a number":     func(m map[string]any) { m["name"] = 1 },
		"empty id":          func(m map[string]any) { m["credentialId"] = "" },
		"id with padding":   func(m map[string]any) { m["credentialId"] = "AQ==" },
		"id of base64":      func(m map[string]any) { m["credentialId"] = "+/+/" },
		"id other spelling": func(m map[string]any) { m["credentialId"] = "AR" },
		"id of two lines":   func(m map[string]any) { m["credentialId"] = "AAAA\nAAAA" },
		"id too long":       func(m map[string]any) { m["credentialId"] = strings.Repeat("AAAA", 342) },
		"key no PEM":        func(m map[string]any) { m["publicKey"] = "MFkw" },
		"key twice":         func(m map[string]any) { m["publicKey"] = pub + pub },
		"key of PKCS #1":    func(m map[string]any) { m["publicKey"] = strings.ReplaceAll(pub, "PUBLIC", "RSA PUBLIC") },
		"key on P-384": func(m map[string]any) {
			m["publicKey"] = trusttest.PublicPEM(t, trusttest.ECDSAOn(t, elliptic.P384()).Public())
		},
		"key on P-224": func(m map[string]any) {
			m["publicKey"] = trusttest.PublicPEM(t, trusttest.ECDSAOn(t, elliptic.P224()).Public())
		},
		"key with a third number": func(m map[string]any) { m["publicKey"] = thirdNumber(t, trusttest.RSA(t, 3072)) },
		"key damaged":             func(m map[string]any) { m["publicKey"] = strings.Replace(pub, "MFkw", "MFkx", 1) },
		"rpId with port":          func(m map[string]any) { m["rpId"] = "localhost:4443" },
		"rpId with scheme":        func(m map[string]any) { m["rpId"] = "https://localhost" },
		"rpId upper case":         func(m map[string]any) { m["rpId"] = "Localhost" },
		"rpId ends with dot":      func(m map[string]any) { m["rpId"] = "localhost." },
		"rpId with hyphen":        func(m map[string]any) { m["rpId"] = "-localhost" },
		"rpId too long":           func(m map[string]any) { m["rpId"] = strings.Repeat("a.", 128) + "a"; delete(m, "origins") },
		"no origins":              func(m map[string]any) { m["origins"] = []string{} },
		"origins null":            func(m map[string]any) { m["origins"] = nil },
		"origins a string":        func(m map[string]any) { m["origins"] = "https://localhost" },
		"origins of numbers":      func(m map[string]any) { m["origins"] = []int{1} },
		"too many origins":        func(m map[string]any) { m["origins"] = manyOrigins(65) },
		"plain HTTP":              func(m map[string]any) { m["origins"] = []string{"http://localhost"} },
		"any":                     func(m map[string]any) { m["origins"] = []string{"*"} },
		"any host below":          func(m map[string]any) { m["origins"] = []string{"https://*.localhost"} },
		"any port":                func(m map[string]any) { m["origins"] = []string{"https://localhost:*"} },
		"a slash":                 func(m map[string]any) { m["origins"] = []string{"https://localhost/"} },
		"port 443":                func(m map[string]any) { m["origins"] = []string{"https://localhost:443"} },
		"empty port":              func(m map[string]any) { m["origins"] = []string{"https://localhost:"} },
		"a user":                  func(m map[string]any) { m["origins"] = []string{"https://u@localhost"} },
		"another host":            func(m map[string]any) { m["origins"] = []string{"https://evil.example"} },
		"an ending alike":         func(m map[string]any) { m["origins"] = []string{"https://evillocalhost"} },
		"a host above":            func(m map[string]any) { m["rpId"] = "a.localhost" },
		"verification other":      func(m map[string]any) { m["userVerification"] = "discouraged" },
		"verification bool":       func(m map[string]any) { m["userVerification"] = false },
		"eligible a string":       func(m map[string]any) { m["backupEligible"] = "true" },
		"time with zone":          func(m map[string]any) { m["notBefore"] = "2026-01-01T00:00:00+01:00" },
		"time without":            func(m map[string]any) { m["withdrawnAt"] = "2026-01-01" },
		"time empty":              func(m map[string]any) { m["withdrawnAt"] = "" },
		"time zero":               func(m map[string]any) { m["withdrawnAt"] = "0001-01-01T00:00:00Z" },
	} {
		bad[name] = whole(change)
	}
	for name, content := range bad {
		if _, err := trust.NewSet(trust.Policy{}, nil, nil, nil, content); !fault.HasCode(err, trust.CodeUnreadableTrust) {
			t.Errorf("%s: got %v, want a refusal", name, err)
		}
	}
}

// thirdNumber is an RSA key with a number behind the two that it has; the standard
// library overlooks that.
func thirdNumber(t testing.TB, key *rsa.PrivateKey) string {
	t.Helper()
	numbers, err := asn1.Marshal(struct {
		N       *big.Int
		E, More int
	}{key.N, key.E, 1})
	if err != nil {
		t.Fatal(err)
	}
	spki, err := asn1.Marshal(struct {
		Algorithm pkix.AlgorithmIdentifier
		Key       asn1.BitString
	}{
		pkix.AlgorithmIdentifier{Algorithm: asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 1, 1}, Parameters: asn1.NullRawValue},
		asn1.BitString{Bytes: numbers, BitLength: 8 * len(numbers)},
	})
	if err != nil {
		t.Fatal(err)
	}
	return string(pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: spki}))
}

func manyOrigins(n int) []string {
	var origins []string
	for i := range n {
		origins = append(origins, fmt.Sprintf("https://localhost:%d", 1000+i))
	}
	return origins
}

// Whatever is trusted otherwise is another set; the file's layout doesn't count.
func TestPasskeyDigest(t *testing.T) {
	t.Parallel()
	a := trusttest.NewAuthenticator(t, "who", trusttest.ECDSA(t))
	digests := map[[32]byte]string{}
	for name, change := range map[string]func(m map[string]any){
		"as it is":     func(map[string]any) {},
		"name":         func(m map[string]any) { m["name"] = "other" },
		"owner":        func(m map[string]any) { m["owner"] = "o" },
		"origins":      func(m map[string]any) { m["origins"] = []string{"https://localhost"} },
		"verification": func(m map[string]any) { m["userVerification"] = "preferred" },
		"eligible":     func(m map[string]any) { m["backupEligible"] = true },
		"notBefore":    func(m map[string]any) { m["notBefore"] = "2026-01-01T00:00:00Z" },
		"withdrawnAt":  func(m map[string]any) { m["withdrawnAt"] = "2036-01-01T00:00:00Z" },
		"credential":   func(m map[string]any) { m["credentialId"] = "AAAA" },
		"key":          func(m map[string]any) { m["publicKey"] = trusttest.PublicPEM(t, trusttest.ECDSA(t).Public()) },
		"rpId":         func(m map[string]any) { m["rpId"], m["origins"] = "a.localhost", []string{"https://a.localhost"} },
	} {
		a.File = func(m map[string]any) []byte { change(m); return nil }
		set := trusttest.Set(t, a.Identity(t))
		if other, double := digests[set.Digest()]; double {
			t.Errorf("%s and %s have one digest", name, other)
		}
		digests[set.Digest()] = name
	}
	a.File = nil
	var indented bytes.Buffer
	if err := json.Indent(&indented, a.TrustFile(t), "", "  "); err != nil {
		t.Fatal(err)
	}
	set, err := trust.NewSet(trust.Policy{}, nil, nil, nil, indented.Bytes(), a.TrustFile(t))
	if err != nil || digests[set.Digest()] != "as it is" || len(set.Warnings()) != 0 {
		t.Errorf("twice, once indented: %v, %q, %v", err, digests[set.Digest()], set.Warnings())
	}
}

// Two files that tell differently of one passkey are no ground to believe either.
func TestAmbiguousPasskeyIsNotBelieved(t *testing.T) {
	t.Parallel()
	a := trusttest.NewAuthenticator(t, "who", trusttest.ECDSA(t))
	first := a.TrustFile(t)
	member("backupEligible", true)(a)
	set, err := trust.NewSet(trust.Policy{}, nil, nil, nil, first, a.TrustFile(t))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := set.VerifyRelease(manifest, trusttest.Sign(t, a.Identity(t).Key, manifest), trusttest.Now()); !fault.HasCode(err, trust.CodeUnknownSigner) {
		t.Errorf("got %v", err)
	}
	if !set.Empty() || len(set.Warnings()) != 2 {
		t.Errorf("got %+v, %v", set.Signers(), set.Warnings())
	}
}

// The JSON form has no second spelling that is accepted.
func TestPasskeyEvidenceIsStrict(t *testing.T) {
	t.Parallel()
	const data = "SZYN5YgOjGh0NBcPZHZgW4_krrmihjLHmVzzuoMdl2MFAAAAAQ"
	form := func(id, client, auth, sig string) string {
		return fmt.Sprintf(`{"TYPE":"Passkey","credentialId":%s,"clientData":%s,"authenticatorData":%s,"signature":%s}`, id, client, auth, sig)
	}
	var ev trust.Evidence
	if err := ev.UnmarshalJSON([]byte(form(`"AQ"`, `"AQ"`, `"`+data+`"`, `"AQ"`))); err != nil {
		t.Fatalf("the right form: %s", err)
	}
	for _, text := range []string{
		form(`""`, `"AQ"`, `"`+data+`"`, `"AQ"`), form(`"AQ=="`, `"AQ"`, `"`+data+`"`, `"AQ"`), form(`"AR"`, `"AQ"`, `"`+data+`"`, `"AQ"`),
		form(`"AQ"`, `""`, `"`+data+`"`, `"AQ"`), form(`"AQ"`, `"A+/A"`, `"`+data+`"`, `"AQ"`), form(`"AQ"`, `null`, `"`+data+`"`, `"AQ"`),
		form(`"AQ"`, `"AQ"`, `"`+data[:48]+`"`, `"AQ"`), form(`"AQ"`, `"AQ"`, `"AQ"`, `"AQ"`), form(`"AQ"`, `"AQ"`, `"`+data+`"`, `""`),
		form(`"AQ"`, `"AQ"`, `"`+data+`"`, `"AQ=="`), form(`"AQ"`, `"AQ"`, `"`+data+`"`, `"A\nQ"`), form(`["AQ"]`, `"AQ"`, `"`+data+`"`, `"AQ"`),
		strings.Replace(form(`"AQ"`, `"AQ"`, `"`+data+`"`, `"AQ"`), "}", `,"certificates":"x"}`, 1),
		strings.Replace(form(`"AQ"`, `"AQ"`, `"`+data+`"`, `"AQ"`), "}", `,"userHandle":"AQ"}`, 1),
		strings.Replace(form(`"AQ"`, `"AQ"`, `"`+data+`"`, `"AQ"`), "Passkey", `passkey`, 1),
		strings.Replace(form(`"AQ"`, `"AQ"`, `"`+data+`"`, `"AQ"`), "credentialId", `credentialID`, 1),
		strings.Replace(form(`"AQ"`, `"AQ"`, `"`+data+`"`, `"AQ"`), `"Passkey"`, `"X509"`, 1),
		`{"TYPE":"Passkey","signature":"AQ"}`, `{"TYPE":"SSH","signature":"x","clientData":"AQ"}`, `{"TYPE":"X509","signature":"AQ==","credentialId":""}`,
		form(`"`+strings.Repeat("AAAA", 342)+`"`, `"AQ"`, `"`+data+`"`, `"AQ"`), form(`"AQ"`, `"`+strings.Repeat("AAAA", 1366)+`"`, `"`+data+`"`, `"AQ"`),
		form(`"AQ"`, `"AQ"`, `"`+strings.Repeat("AAAA", 342)+`"`, `"AQ"`), form(`"AQ"`, `"AQ"`, `"`+data+`"`, `"`+strings.Repeat("AAAA", 342)+`"`),
	} {
		var ev trust.Evidence
		if err := ev.UnmarshalJSON([]byte(text)); !fault.Is(err, fault.Untrusted) {
			t.Errorf("%.120s: got %v, want a refusal", text, err)
		}
		if diff := cmp.Diff(trust.Evidence{}, ev); diff != "" {
			t.Errorf("%.120s: left behind %s", text, diff)
		}
	}
	for name, files := range map[string]map[string][]byte{
		"another kind":  {".passkey": []byte(`{"TYPE":"X509","signature":"AQ=="}`)},
		"no JSON":       {".passkey": []byte("AQ==")},
		"beside a .sig": {".passkey": []byte(form(`"AQ"`, `"AQ"`, `"`+data+`"`, `"AQ"`)), ".sig": []byte("AQ==")},
		"certificates":  {".passkey": []byte(form(`"AQ"`, `"AQ"`, `"`+data+`"`, `"AQ"`)), ".pem": trusttest.NewX509(t, "x").Chain},
	} {
		if ev, err := trust.EvidenceFromFiles(files); !fault.Is(err, fault.Untrusted) {
			t.Errorf("%s: got %+v, %v", name, ev, err)
		}
	}
	if files := (trust.Evidence{Kind: trust.Passkey, Signature: []byte{1}}).Files(); len(files) != 0 {
		t.Errorf("evidence of no form was written: %v", files)
	}
}
