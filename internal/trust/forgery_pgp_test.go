package trust_test

import (
	"bytes"
	"crypto"
	"crypto/elliptic"
	"encoding/binary"
	"math/big"
	"strings"
	"testing"
	"time"

	"github.com/signet-scheduler/signet/internal/fault"
	"github.com/signet-scheduler/signet/internal/trust"
	"github.com/signet-scheduler/signet/internal/trust/trusttest"
)

// pgpEvidence is evidence of signature packets, in canonical armour.
func pgpEvidence(packets []byte) trust.Evidence {
	return trust.Evidence{Kind: trust.PGP, Signature: trusttest.Armour("SIGNATURE", packets)}
}

// pgpSigned is evidence of one signature of doc.
func pgpSigned(t testing.TB, k *trusttest.PGPKey, s trusttest.PGPSig) trust.Evidence {
	t.Helper()
	return pgpEvidence(trusttest.OldPacket(trusttest.TagSignature, k.Sign(t, s, doc)))
}

// Keys that must not sign, each wrong in one point; the signature is good.
func TestForgedPGPKeys(t *testing.T) {
	t.Parallel()
	key, sub, other := trusttest.Ed25519(t), trusttest.Ed25519(t), trusttest.Ed25519(t)
	start := trusttest.Now().Add(-time.Hour)
	sha1 := trusttest.PGPSig{Hash: crypto.SHA1}
	plain := &trusttest.PGPSig{}
	compromised := &trusttest.PGPSig{Hashed: []trusttest.Subpacket{{Kind: trusttest.SubReason, Value: []byte{2}}}}
	retired := &trusttest.PGPSig{Hashed: []trusttest.Subpacket{{Kind: trusttest.SubReason, Value: []byte{3}}}}
	future := &trusttest.PGPSig{Created: trusttest.Now().Add(time.Hour)}
	short := func(created time.Time) trusttest.PGPSig {
		return trusttest.PGPSig{Created: created, Hashed: []trusttest.Subpacket{trusttest.SubTime(trusttest.SubExpires, 60)}}
	}
	type options = trusttest.PGPOptions
	var all []forgery
	for name, f := range map[string]struct {
		o    options
		code string
	}{
		"expired":                              {options{Lifetime: 60}, trust.CodeSignerExpired},
		"expired by a direct signature":        {options{Direct: &trusttest.PGPSig{Hashed: []trusttest.Subpacket{trusttest.SubTime(trusttest.SubKeyExpires, 60)}}}, trust.CodeSignerExpired},
		"expired earlier by a direct one":      {options{Lifetime: 1 << 30, Direct: &trusttest.PGPSig{Hashed: []trusttest.Subpacket{trusttest.SubTime(trusttest.SubKeyExpires, 60)}}}, trust.CodeSignerExpired},
		"expired, by a direct one without end": {options{Lifetime: 60, Direct: plain}, trust.CodeSignerExpired},
		"expired, by a direct one later":       {options{Lifetime: 60, Direct: &trusttest.PGPSig{Hashed: []trusttest.Subpacket{trusttest.SubTime(trusttest.SubKeyExpires, 1<<30)}}}, trust.CodeSignerExpired},
		"self-signature expired":               {options{Self: short(start)}, trust.CodeSignerExpired},
		"revoked":                              {options{Revoked: plain}, trust.CodeRevokedSigner},
		"revoked as compromised":               {options{Revoked: compromised}, trust.CodeRevokedSigner},
		"revoked as retired":                   {options{Revoked: retired}, trust.CodeRevokedSigner},
		"revoked in the future":                {options{Revoked: future}, trust.CodeRevokedSigner},
		"user id revoked":                      {options{UIDRevoked: plain}, trust.CodeRevokedSigner},
		"not marked for signing":               {options{Flags: []byte{trusttest.FlagCertify}}, trust.CodeSignerNotAllowed},
		"empty key flags":                      {options{Flags: []byte{}}, trust.CodeSignerNotAllowed},
		"no key flags":                         {options{NoFlags: true}, trust.CodeSignerNotAllowed},
		"self-signature with SHA-1":            {options{Self: sha1}, trust.CodeWeakHash},
		"subkey expired":                       {options{Subkey: sub, SubLifetime: 60}, trust.CodeSignerExpired},
		"subkey revoked":                       {options{Subkey: sub, SubRevoked: plain}, trust.CodeRevokedSigner},
		"subkey of an expired key":             {options{Subkey: sub, Lifetime: 60}, trust.CodeSignerExpired},
		"subkey of a revoked key":              {options{Subkey: sub, Revoked: plain}, trust.CodeRevokedSigner},
		"subkey not marked for signing":        {options{Subkey: sub, SubFlags: []byte{trusttest.FlagEncrypt}}, trust.CodeSignerNotAllowed},
		"subkey not marked, without binding":   {options{Subkey: sub, SubFlags: []byte{trusttest.FlagEncrypt}, NoBack: true}, trust.CodeSignerNotAllowed},
		"subkey bound with SHA-1":              {options{Subkey: sub, Binding: sha1}, trust.CodeWeakHash},
		"subkey binds back with SHA-1":         {options{Subkey: sub, Back: sha1}, trust.CodeWeakHash},
		"subkey's binding expired":             {options{Subkey: sub, Binding: short(start)}, trust.CodeSignerExpired},
		"subkey's back binding expired":        {options{Subkey: sub, Back: short(start)}, trust.CodeSignerExpired},
		"subkey of a key with SHA-1":           {options{Subkey: sub, Self: sha1}, trust.CodeWeakHash},
		"RSA-1024":                             {options{Key: trusttest.RSA(t, 1024)}, trust.CodeWeakKey},
		"RSA-2048":                             {options{Key: trusttest.RSA(t, 2048)}, trust.CodeWeakKey},
		"RSA-2048 subkey":                      {options{Subkey: trusttest.RSA(t, 2048)}, trust.CodeWeakKey},
		"P-521":                                {options{Key: trusttest.ECDSAOn(t, elliptic.P521())}, trust.CodeUnknownSigner},
		"made after the signature":             {options{Created: trusttest.Now().Add(time.Minute)}, trust.CodeSignerNotYetValid},
		"subkey made after the signature":      {options{Subkey: sub, Created: trusttest.Now().Add(time.Minute)}, trust.CodeSignerNotYetValid},
	} {
		if f.o.Key == nil {
			f.o.Key = key
		}
		ring := trusttest.NewPGPKeyring(t, f.o)
		all = append(all, forgery{name: name, trusted: ring.PublicArmour(t), ev: pgpSigned(t, ring.Signing(), trusttest.PGPSig{}), code: f.code})
	}

	good := trusttest.NewPGPKeyring(t, options{Key: key})
	stranger := trusttest.NewPGPKeyring(t, options{Key: other})
	withSub := trusttest.NewPGPKeyring(t, options{Key: key, Subkey: sub})
	all = append(all,
		forgery{name: "nobody is trusted", ev: pgpSigned(t, good.Primary, trusttest.PGPSig{}), code: trust.CodeUnknownSigner},
		forgery{name: "another key of the same name", trusted: stranger.PublicArmour(t), ev: pgpSigned(t, good.Primary, trusttest.PGPSig{}), code: trust.CodeUnknownSigner},
		forgery{name: "subkey that isn't in the trusted key", trusted: good.PublicArmour(t), ev: pgpSigned(t, withSub.Sub, trusttest.PGPSig{}), code: trust.CodeUnknownSigner},
	)
	// A signature made long ago is as good as its key is now.
	brief := trusttest.NewPGPKeyring(t, options{Key: key, Lifetime: 2 * 3600})
	all = append(all, forgery{name: "key expired since", trusted: brief.PublicArmour(t), ev: pgpSigned(t, brief.Primary, trusttest.PGPSig{}), now: trusttest.Now().Add(2 * time.Hour), code: trust.CodeSignerExpired})
	refuse(t, trust.PGP, all)
}

// Signatures, each wrong in one point; the key is good.
func TestForgedPGPSignatures(t *testing.T) {
	t.Parallel()
	ring := trusttest.NewPGPKeyring(t, trusttest.PGPOptions{Key: trusttest.Ed25519(t)})
	k, stranger := ring.Primary, trusttest.NewPGPKey(t, trusttest.Ed25519(t))
	type sig = trusttest.PGPSig
	type subs = []trusttest.Subpacket
	id := k.Fingerprint(t)[12:]
	otherID := stranger.Fingerprint(t)[12:]
	notation := trusttest.Subpacket{Kind: 20, Value: []byte{0x80, 0, 0, 0, 0, 1, 0, 1, 'a', 'b'}}
	critical := func(s trusttest.Subpacket) trusttest.Subpacket { s.Kind |= 0x80; return s }
	created := trusttest.SubTime(trusttest.SubCreated, uint32(trusttest.Now().Unix()))
	issuer := trusttest.Subpacket{Kind: trusttest.SubIssuer, Value: id}
	var all []forgery
	add := func(name, code string, ev trust.Evidence) {
		all = append(all, forgery{name: name, trusted: ring.PublicArmour(t), ev: ev, code: code})
	}
	for name, f := range map[string]struct {
		s    sig
		code string
	}{
		"text mode":                        {sig{Type: 0x01}, trust.CodeMalformedSignature},
		"standalone":                       {sig{Type: 0x02}, trust.CodeMalformedSignature},
		"certification":                    {sig{Type: 0x10}, trust.CodeMalformedSignature},
		"time stamp":                       {sig{Type: 0x40}, trust.CodeMalformedSignature},
		"version 3":                        {sig{Version: 3}, trust.CodeMalformedSignature},
		"version 5":                        {sig{Version: 5}, trust.CodeMalformedSignature},
		"version 6":                        {sig{Version: 6}, trust.CodeMalformedSignature},
		"SHA-1":                            {sig{Hash: crypto.SHA1}, trust.CodeWeakHash},
		"SHA-224":                          {sig{Hash: crypto.SHA224}, trust.CodeWeakHash},
		"expired":                          {sig{Created: trusttest.Now().Add(-2 * time.Minute), Hashed: subs{trusttest.SubTime(trusttest.SubExpires, 60)}}, trust.CodeSignatureExpired},
		"in the future":                    {sig{Created: trusttest.Now().Add(11 * time.Minute)}, trust.CodeSignatureNotYetValid},
		"before the key":                   {sig{Created: trusttest.Now().Add(-2 * time.Hour)}, trust.CodeSignerNotYetValid},
		"start of the hash":                {sig{HashStart: []byte{0, 0}}, trust.CodeSignatureInvalid},
		"no creation time":                 {sig{Bare: true, Hashed: subs{issuer}}, trust.CodeMalformedSignature},
		"no issuer":                        {sig{Bare: true, Hashed: subs{created}}, trust.CodeMalformedSignature},
		"two creation times":               {sig{Hashed: subs{created}}, trust.CodeMalformedSignature},
		"two ends":                         {sig{Hashed: subs{trusttest.SubTime(trusttest.SubExpires, 0), trusttest.SubTime(trusttest.SubExpires, 60)}}, trust.CodeMalformedSignature},
		"short creation time":              {sig{Bare: true, Hashed: subs{{Kind: trusttest.SubCreated, Value: []byte{1, 2}}, issuer}}, trust.CodeMalformedSignature},
		"short end":                        {sig{Hashed: subs{{Kind: trusttest.SubExpires, Value: []byte{1}}}}, trust.CodeMalformedSignature},
		"short issuer":                     {sig{Hashed: subs{{Kind: trusttest.SubIssuer, Value: id[:7]}}}, trust.CodeMalformedSignature},
		"short fingerprint":                {sig{Bare: true, Hashed: subs{created, {Kind: trusttest.SubFingerprint, Value: append([]byte{4}, id...)}}}, trust.CodeMalformedSignature},
		"fingerprint of version 6":         {sig{Bare: true, Hashed: subs{created, {Kind: trusttest.SubFingerprint, Value: append([]byte{6}, make([]byte, 20)...)}}}, trust.CodeMalformedSignature},
		"issuer and fingerprint differ":    {sig{Hashed: subs{{Kind: trusttest.SubIssuer, Value: otherID}}}, trust.CodeUnknownSigner},
		"issuer of another key":            {sig{Bare: true, Hashed: subs{created, {Kind: trusttest.SubIssuer, Value: otherID}}}, trust.CodeUnknownSigner},
		"unhashed issuer differs":          {sig{Bare: true, Hashed: subs{created, issuer}, Unhashed: subs{{Kind: trusttest.SubIssuer, Value: otherID}}}, trust.CodeMalformedSignature},
		"unhashed issuer of another key":   {sig{Unhashed: subs{{Kind: trusttest.SubIssuer, Value: otherID}}}, trust.CodeUnknownSigner},
		"unhashed fingerprint of another":  {sig{Unhashed: subs{{Kind: trusttest.SubFingerprint, Value: append([]byte{4}, stranger.Fingerprint(t)...)}}}, trust.CodeMalformedSignature},
		"unhashed issuer twice":            {sig{Unhashed: subs{issuer, issuer}}, trust.CodeMalformedSignature},
		"unhashed critical issuer":         {sig{Unhashed: subs{critical(issuer)}}, trust.CodeMalformedSignature},
		"unhashed notation":                {sig{Unhashed: subs{notation}}, trust.CodeMalformedSignature},
		"unhashed creation time only":      {sig{Bare: true, Hashed: subs{issuer}, Unhashed: subs{created}}, trust.CodeMalformedSignature},
		"unhashed end":                     {sig{Unhashed: subs{trusttest.SubTime(trusttest.SubExpires, 0)}}, trust.CodeMalformedSignature},
		"unhashed unknown":                 {sig{Unhashed: subs{{Kind: 100, Value: []byte{1}}}}, trust.CodeMalformedSignature},
		"critical notation":                {sig{Hashed: subs{critical(notation)}}, trust.CodeMalformedSignature},
		"critical unknown":                 {sig{Hashed: subs{{Kind: 100 | 0x80, Value: []byte{1}}}}, trust.CodeMalformedSignature},
		"another algorithm":                {sig{Algorithm: trusttest.PGPECDSA}, trust.CodeSignatureInvalid},
		"native form for a key of numbers": {sig{Algorithm: trusttest.PGPEd25519, Numbers: func(b []byte) []byte { return append(bytes.Clone(b[2:34]), b[36:]...) }}, trust.CodeSignatureInvalid},
		"DSA":                              {sig{Algorithm: 17}, trust.CodeMalformedSignature},
		"RSA for signing only":             {sig{Algorithm: 3}, trust.CodeMalformedSignature},
		"numbers missing":                  {sig{Numbers: func(b []byte) []byte { return nil }}, trust.CodeMalformedSignature},
		"second number missing":            {sig{Numbers: func(b []byte) []byte { return b[:34] }}, trust.CodeMalformedSignature},
		"numbers zero":                     {sig{Numbers: func(b []byte) []byte { return []byte{0, 0, 0, 0} }}, trust.CodeSignatureInvalid},
		"numbers cut off":                  {sig{Numbers: func(b []byte) []byte { return b[:len(b)-1] }}, trust.CodeMalformedSignature},
		"something after the numbers":      {sig{Numbers: func(b []byte) []byte { return append(b, 0) }}, trust.CodeMalformedSignature},
		"number with leading zero":         {sig{Numbers: leadingZero}, trust.CodeMalformedSignature},
		"number with too many bits":        {sig{Numbers: func(b []byte) []byte { return append([]byte{0xff, 0xff}, b[2:]...) }}, trust.CodeMalformedSignature},
		"numbers swapped":                  {sig{Numbers: swapped}, trust.CodeSignatureInvalid},
		"33 bytes and 31": {sig{Numbers: func([]byte) []byte {
			return append(trusttest.MPI(bytes.Repeat([]byte{1}, 33)), trusttest.MPI(bytes.Repeat([]byte{1}, 31))...)
		}}, trust.CodeSignatureInvalid},
		"S plus the order": {sig{Numbers: plusOrder}, trust.CodeSignatureInvalid},
	} {
		add(name, f.code, pgpSigned(t, k, f.s))
	}

	body := k.Sign(t, sig{}, doc)
	good := trusttest.OldPacket(trusttest.TagSignature, body)
	for name, first := range map[string][]byte{
		"empty subpacket": {0}, "subpacket beyond its part": {191}, "subpacket of two bytes of length beyond": {254, 255}, "subpacket of 4 GiB": {255, 255, 255, 255, 255},
	} {
		broken := bytes.Clone(body)
		copy(broken[6:], first) // the first hashed subpacket
		add(name, trust.CodeMalformedSignature, pgpEvidence(trusttest.OldPacket(trusttest.TagSignature, broken)))
	}
	for name, more := range map[string]byte{"subpacket a byte beyond its part": 1, "subpacket two bytes beyond its part": 2} {
		broken := k.Sign(t, sig{Bare: true, Hashed: subs{created, issuer}}, doc)
		broken[6+6] += more // the length of the second subpacket
		add(name, trust.CodeMalformedSignature, pgpEvidence(trusttest.OldPacket(trusttest.TagSignature, broken)))
	}
	add("by another key in the name of this", trust.CodeSignatureInvalid, pgpEvidence(inNameOf(t, stranger, id)))
	add("two signatures", trust.CodeMalformedSignature, pgpEvidence(append(bytes.Clone(good), good...)))
	add("a trusted and an untrusted signature", trust.CodeMalformedSignature, pgpEvidence(append(bytes.Clone(good), trusttest.OldPacket(2, stranger.Sign(t, sig{}, doc))...)))
	add("trailing packet", trust.CodeMalformedSignature, pgpEvidence(append(bytes.Clone(good), trusttest.OldPacket(trusttest.TagUserID, []byte("x"))...)))
	add("trailing junk", trust.CodeMalformedSignature, pgpEvidence(append(bytes.Clone(good), 1, 2, 3)))
	add("leading marker packet", trust.CodeMalformedSignature, pgpEvidence(append(trusttest.OldPacket(10, []byte("PGP")), good...)))
	add("no packet", trust.CodeMalformedSignature, pgpEvidence(nil))
	add("a key in place of a signature", trust.CodeMalformedSignature, pgpEvidence(trusttest.OldPacket(trusttest.TagPublicKey, k.Body(t))))
	add("new packet format", trust.CodeMalformedSignature, pgpEvidence(trusttest.NewPacket(trusttest.TagSignature, body)))
	add("long packet length", trust.CodeMalformedSignature, pgpEvidence(append([]byte{0x89, 0, byte(len(body))}, body...)))
	add("packet length of four bytes", trust.CodeMalformedSignature, pgpEvidence(append([]byte{0x8a, 0, 0, 0, byte(len(body))}, body...)))
	add("open packet length", trust.CodeMalformedSignature, pgpEvidence(append([]byte{0x8b}, body...)))
	add("partial packet length", trust.CodeMalformedSignature, pgpEvidence(append([]byte{0xc2, 0xe0}, body...)))
	add("packet length beyond the end", trust.CodeMalformedSignature, pgpEvidence(append([]byte{0x88, byte(len(body) + 1)}, body...)))
	text := func(change func(string) string) trust.Evidence {
		return trust.Evidence{Kind: trust.PGP, Signature: []byte(change(string(trusttest.Armour("SIGNATURE", good))))}
	}
	add("armour header", trust.CodeMalformedSignature, trust.Evidence{Kind: trust.PGP, Signature: trusttest.Armour("SIGNATURE", good, "Comment: by the boss")})
	add("unknown armour header", trust.CodeMalformedSignature, trust.Evidence{Kind: trust.PGP, Signature: trusttest.Armour("SIGNATURE", good, "Hash: SHA1")})
	add("armour of a message", trust.CodeMalformedSignature, trust.Evidence{Kind: trust.PGP, Signature: trusttest.Armour("MESSAGE", good)})
	add("signed message around", trust.CodeMalformedSignature, text(func(s string) string { return "-----BEGIN PGP SIGNED MESSAGE-----\n\nevil\n" + s }))
	add("text before the armour", trust.CodeMalformedSignature, text(func(s string) string { return "x\n" + s }))
	add("text after the armour", trust.CodeMalformedSignature, text(func(s string) string { return s + "x\n" }))
	add("no checksum", trust.CodeMalformedSignature, text(func(s string) string {
		at := strings.LastIndex(s, "\n=")
		return s[:at+1] + s[at+7:]
	}))
	add("other line length", trust.CodeMalformedSignature, text(unwrapped))
	add("DOS line ends", trust.CodeMalformedSignature, text(func(s string) string { return strings.ReplaceAll(s, "\n", "\r\n") }))
	add("no line end", trust.CodeMalformedSignature, text(func(s string) string { return strings.TrimSuffix(s, "\n") }))
	add("packets without armour", trust.CodeMalformedSignature, trust.Evidence{Kind: trust.PGP, Signature: good})
	refuse(t, trust.PGP, all)
}

// A file may frame its packet in any of the ways that state a length, but holds
// exactly one; what comes out has one frame.
func TestPGPFileFrames(t *testing.T) {
	t.Parallel()
	k := trusttest.NewPGPKey(t, trusttest.Ed25519(t))
	long := []trusttest.Subpacket{{Kind: 26, Value: bytes.Repeat([]byte("x"), 300)}}
	for _, body := range [][]byte{k.Sign(t, trusttest.PGPSig{}, doc), k.Sign(t, trusttest.PGPSig{Hashed: long}, doc)} {
		n := len(body)
		want := pgpEvidence(trusttest.OldPacket(trusttest.TagSignature, body))
		good := map[string][]byte{
			"old":           trusttest.OldPacket(trusttest.TagSignature, body),
			"old, 2 bytes":  append([]byte{0x89, byte(n >> 8), byte(n)}, body...),
			"old, 4 bytes":  append([]byte{0x8a, 0, 0, byte(n >> 8), byte(n)}, body...),
			"new, 5 bytes":  trusttest.NewPacket(trusttest.TagSignature, body),
			"new, shortest": append([]byte{0xc2, byte(n)}, body...),
		}
		if n >= 192 {
			good["new, shortest"] = append([]byte{0xc2, byte((n-192)>>8) + 192, byte(n - 192)}, body...)
		}
		for name, packets := range good {
			got, err := trust.EvidenceFromFiles(map[string][]byte{".asc": trusttest.Armour("SIGNATURE", packets)})
			if err != nil || !same(got, want) {
				t.Errorf("%s, %d bytes: got %s, %v", name, n, got.Signature, err)
			}
		}
		one := good["old"]
		for name, packets := range map[string][]byte{
			"none":             nil,
			"two":              append(bytes.Clone(one), one...),
			"user id after":    append(bytes.Clone(one), trusttest.OldPacket(trusttest.TagUserID, []byte("x"))...),
			"junk after":       append(bytes.Clone(one), 0),
			"user id":          trusttest.OldPacket(trusttest.TagUserID, []byte("x")),
			"cut off":          one[:len(one)-1],
			"no packet":        {0, 1, 2},
			"open length":      append([]byte{0x8b}, body...),
			"partial length":   append([]byte{0xc2, 0xe8}, body...),
			"one byte":         {0x88},
			"length cut off":   {0xc2, 0xff, 0},
			"length of 4 GiB":  append([]byte{0x8a, 0xff, 0xff, 0xff, 0xff}, body...),
			"length of 4 GiB,": append([]byte{0xc2, 0xff, 0xff, 0xff, 0xff, 0xff}, body...),
		} {
			ev, err := trust.EvidenceFromFiles(map[string][]byte{".asc": trusttest.Armour("SIGNATURE", packets)})
			if !fault.HasCode(err, trust.CodeMalformedSignature) {
				t.Errorf("%s, %d bytes: got %s, %v", name, n, ev.Signature, err)
			}
		}
	}
}

// RSA and ECDSA numbers of OpenPGP have traps of their own.
func TestForgedPGPNumbers(t *testing.T) {
	t.Parallel()
	rsaKey := trusttest.RSA(t, 3072)
	rsaRing := trusttest.NewPGPKeyring(t, trusttest.PGPOptions{Key: rsaKey})
	ecRing := trusttest.NewPGPKeyring(t, trusttest.PGPOptions{Key: trusttest.ECDSA(t)})
	n := elliptic.P256().Params().N
	var all []forgery
	add := func(name string, ring *trusttest.PGPKeyring, numbers func([]byte) []byte) {
		all = append(all, forgery{
			name: name, trusted: ring.PublicArmour(t), code: trust.CodeSignatureInvalid,
			ev: pgpSigned(t, ring.Primary, trusttest.PGPSig{Numbers: numbers}),
		})
	}
	fixed := func(r, s *big.Int) func([]byte) []byte {
		return func([]byte) []byte { return append(trusttest.MPI(r.Bytes()), trusttest.MPI(s.Bytes())...) }
	}
	add("RSA zero", rsaRing, func([]byte) []byte { return []byte{0, 0} })
	add("RSA one", rsaRing, func([]byte) []byte { return []byte{0, 1, 1} })
	add("RSA plus the modulus", rsaRing, func(b []byte) []byte {
		return trusttest.MPI(new(big.Int).Add(new(big.Int).SetBytes(b[2:]), rsaKey.N).Bytes())
	})
	add("RSA longer than the modulus", rsaRing, func(b []byte) []byte { return trusttest.MPI(append([]byte{1}, b[2:]...)) })
	add("ECDSA zeros", ecRing, fixed(new(big.Int), new(big.Int)))
	add("ECDSA r = n", ecRing, fixed(n, big.NewInt(1)))
	add("ECDSA s = n", ecRing, fixed(big.NewInt(1), n))
	add("ECDSA swapped", ecRing, swapped)
	refuse(t, trust.PGP, all)
}

// What must be accepted beside the plain case.
func TestAcceptedPGP(t *testing.T) {
	t.Parallel()
	ring := trusttest.NewPGPKeyring(t, trusttest.PGPOptions{
		Key: trusttest.Ed25519(t), Subkey: trusttest.ECDSA(t), Flags: []byte{trusttest.FlagCertify},
		Lifetime: 7 * 3600, SubLifetime: 7 * 3600,
	})
	set, err := trust.NewSet(trust.Policy{}, nil, [][]byte{ring.PublicArmour(t)}, nil)
	if err != nil {
		t.Fatal(err)
	}
	k := ring.Sub
	issuer := trusttest.Subpacket{Kind: trusttest.SubIssuer, Value: k.Fingerprint(t)[12:]}
	created := trusttest.SubTime(trusttest.SubCreated, uint32(trusttest.Now().Unix()))
	for name, s := range map[string]trusttest.PGPSig{
		"plain":                          {},
		"SHA-256":                        {Hash: crypto.SHA256},
		"SHA-384":                        {Hash: crypto.SHA384},
		"issuer unhashed, as gpg has it": {Unhashed: []trusttest.Subpacket{issuer}},
		"issuer by key id only":          {Bare: true, Hashed: []trusttest.Subpacket{created}, Unhashed: []trusttest.Subpacket{issuer}},
		"not yet expired":                {Hashed: []trusttest.Subpacket{trusttest.SubTime(trusttest.SubExpires, 60)}},
		"notation":                       {Hashed: []trusttest.Subpacket{{Kind: 20, Value: []byte{0x80, 0, 0, 0, 0, 1, 0, 1, 'a', 'b'}}}},
		"long subpacket":                 {Hashed: []trusttest.Subpacket{{Kind: 26, Value: bytes.Repeat([]byte("x"), 300)}}},
		"a clock that is ahead":          {Created: trusttest.Now().Add(9 * time.Minute)},
	} {
		v, err := set.Verify(doc, pgpSigned(t, k, s), trusttest.Now())
		if err != nil {
			t.Errorf("%s: %s", name, err)
		} else if v.Signer().Name != ring.Options.UserID {
			t.Errorf("%s: got signer %+v", name, v.Signer())
		}
	}
}

// Keys that can't be believed as a whole are refused when they are read.
func TestRefusedPGPKeys(t *testing.T) {
	t.Parallel()
	key, sub := trusttest.Ed25519(t), trusttest.Ed25519(t)
	other := trusttest.NewPGPKey(t, trusttest.Ed25519(t))
	type options = trusttest.PGPOptions
	good := trusttest.NewPGPKeyring(t, options{Key: key})
	for name, content := range map[string][]byte{
		"signing subkey without its own binding": trusttest.NewPGPKeyring(t, options{Key: key, Subkey: sub, NoBack: true}).PublicArmour(t),
		"signing subkey bound back by another":   trusttest.NewPGPKeyring(t, options{Key: key, Subkey: sub, BackBy: other}).PublicArmour(t),
		"subkey bound by another":                trusttest.Armour("PUBLIC KEY BLOCK", foreignSubkey(t, good, other)),
		"private key":                            good.PrivateArmour(t),
		"signature":                              trusttest.Armour("SIGNATURE", trusttest.OldPacket(2, good.Primary.Sign(t, trusttest.PGPSig{}, doc))),
		"no packet":                              trusttest.Armour("PUBLIC KEY BLOCK", nil),
		"bare key":                               trusttest.Armour("PUBLIC KEY BLOCK", trusttest.OldPacket(trusttest.TagPublicKey, good.Primary.Body(t))),
		"begins with a user id":                  trusttest.Armour("PUBLIC KEY BLOCK", trusttest.OldPacket(trusttest.TagUserID, []byte("x"))),
		"cut off":                                good.PublicArmour(t)[:200],
		"direct signature by another":            trusttest.Armour("PUBLIC KEY BLOCK", falseDirect(t, good, other)),
		"text":                                   []byte("hello"),
		"nothing":                                {},
	} {
		if set, err := trust.NewSet(trust.Policy{}, nil, [][]byte{content}, nil); !fault.HasCode(err, trust.CodeUnreadableTrust) {
			t.Errorf("%s: got %v, %v, want code %s", name, set, err, trust.CodeUnreadableTrust)
		}
	}
}

// leadingZero gives the first number a zero bit before it.
func leadingZero(b []byte) []byte {
	bits := binary.BigEndian.Uint16(b)
	size := int(bits+7) / 8
	longer := binary.BigEndian.AppendUint16(nil, uint16(size*8+8))
	return append(append(longer, 0), b[2:]...)
}

// swapped exchanges the two numbers.
func swapped(b []byte) []byte {
	size := 2 + int(binary.BigEndian.Uint16(b)+7)/8
	return append(bytes.Clone(b[size:]), b[:size]...)
}

// plusOrder adds the group's order to the second number of an Ed25519 signature.
func plusOrder(b []byte) []byte {
	size := 2 + int(binary.BigEndian.Uint16(b)+7)/8
	raw := append(pad32(b[2:size]), pad32(b[size+2:])...)
	return append(bytes.Clone(b[:size]), trusttest.MPI(edPlusOrder(raw)[32:])...)
}

func pad32(b []byte) []byte { return append(make([]byte, 32-len(b)), b...) }

// inNameOf signs with k and says that the key with that id did.
func inNameOf(t testing.TB, k *trusttest.PGPKey, id []byte) []byte {
	created := trusttest.SubTime(trusttest.SubCreated, uint32(trusttest.Now().Unix()))
	return trusttest.OldPacket(trusttest.TagSignature, k.Sign(t, trusttest.PGPSig{
		Bare: true, Hashed: []trusttest.Subpacket{created, {Kind: trusttest.SubIssuer, Value: id}},
	}, doc))
}

// unwrapped puts the base64 of armour on one line.
func unwrapped(s string) string {
	head, body, _ := strings.Cut(s, "\n\n")
	data, tail, _ := strings.Cut(body, "\n=")
	return head + "\n\n" + strings.ReplaceAll(data, "\n", "") + "\n=" + tail
}

// foreignSubkey is the key with a subkey that another key has bound.
func foreignSubkey(t testing.TB, ring *trusttest.PGPKeyring, other *trusttest.PGPKey) []byte {
	sub := trusttest.NewPGPKey(t, trusttest.Ed25519(t))
	binding := other.Sign(t, trusttest.PGPSig{Type: 0x18, Hashed: []trusttest.Subpacket{{Kind: trusttest.SubKeyFlags, Value: []byte{trusttest.FlagEncrypt}}}}, ring.Primary.Hashed(t), sub.Hashed(t))
	return append(append(ring.Packets(t), trusttest.OldPacket(trusttest.TagPublicSubkey, sub.Body(t))...), trusttest.OldPacket(trusttest.TagSignature, binding)...)
}

// falseDirect is the key with a signature directly over it that names the key and
// was made by another.
func falseDirect(t testing.TB, ring *trusttest.PGPKeyring, other *trusttest.PGPKey) []byte {
	created := trusttest.SubTime(trusttest.SubCreated, uint32(trusttest.Now().Unix()))
	direct := other.Sign(t, trusttest.PGPSig{Type: 0x1f, Bare: true, Hashed: []trusttest.Subpacket{
		created, {Kind: trusttest.SubIssuer, Value: ring.Primary.Fingerprint(t)[12:]},
	}}, ring.Primary.Hashed(t))
	all := ring.Packets(t)
	size := 2 + int(all[1]) // the primary key's packet
	return append(append(bytes.Clone(all[:size]), trusttest.OldPacket(trusttest.TagSignature, direct)...), all[size:]...)
}
