package trust_test

import (
	"bytes"
	"testing"
	"time"

	"github.com/signet-scheduler/signet/internal/fault"
	"github.com/signet-scheduler/signet/internal/trust"
	"github.com/signet-scheduler/signet/internal/trust/trusttest"
)

// A signature of Git is for commits, one of a document for documents.
func TestVerifyGit(t *testing.T) {
	t.Parallel()
	key, stranger := trusttest.Ed25519(t), trusttest.Ed25519(t)
	pgp, old := trusttest.NewPGP(t, "Ann"), trusttest.NewPGPKeyring(t, trusttest.PGPOptions{UserID: "Old", Key: trusttest.Ed25519(t), Lifetime: 60})
	set, err := trust.NewSet(trust.Policy{}, nil, [][]byte{pgp.Trusted, old.PublicArmour(t)}, [][]byte{keyLine(edPublic(key))})
	if err != nil {
		t.Fatal(err)
	}
	of := func(s sshSig) []byte { return sshEvidence(s).Signature }
	git := of(sshSig{public: edPublic(key), inner: edInner(key), namespace: "git"})
	byPGP := trusttest.Sign(t, pgp.Key, doc).Signature
	for name, tt := range map[string]struct {
		payload, signature []byte
		code               string
	}{
		"SSH":                {doc, git, ""},
		"SSH with SHA-256":   {doc, of(sshSig{public: edPublic(key), inner: edInner(key), namespace: "git", hash: "sha256"}), ""},
		"PGP":                {doc, byPGP, ""},
		"PGP with a comment": {doc, bytes.Replace(byPGP, []byte("-----\n\n"), []byte("-----\nComment: x\n\n"), 1), ""},
		"line ends":          {doc, append(bytes.ReplaceAll(git, []byte("\n"), []byte("\r\n")), '\n'), ""},
		"of a document":      {doc, of(sshSig{public: edPublic(key), inner: edInner(key)}), "MalformedSignature"},
		"of a file":          {doc, of(sshSig{public: edPublic(key), inner: edInner(key), namespace: "file"}), "MalformedSignature"},
		"of another commit":  {append(bytes.Clone(doc), ' '), git, "SignatureInvalid"},
		"PGP of another":     {append(bytes.Clone(doc), ' '), byPGP, "SignatureInvalid"},
		"stranger":           {doc, of(sshSig{public: edPublic(stranger), inner: edInner(stranger), namespace: "git"}), "UnknownSigner"},
		"PGP stranger":       {doc, trusttest.Sign(t, trusttest.NewPGP(t, "Ann").Key, doc).Signature, "UnknownSigner"},
		"stranger as known":  {doc, of(sshSig{public: edPublic(key), inner: edInner(stranger), namespace: "git"}), "SignatureInvalid"},
		"expired key":        {doc, pgpSigned(t, old.Primary, trusttest.PGPSig{}).Signature, "SignerExpired"},
		"none":               {doc, nil, "MissingEvidence"},
		"text":               {doc, []byte("hello\n"), "MalformedSignature"},
		"CMS":                {doc, []byte("-----BEGIN SIGNED MESSAGE-----\n"), "MalformedSignature"},
		"PGP message":        {doc, []byte("-----BEGIN PGP MESSAGE-----\n"), "MalformedSignature"},
		"two":                {doc, append(bytes.Clone(git), git...), "MalformedSignature"},
		"huge":               {doc, bytes.Repeat([]byte("x"), 1<<20), "MalformedSignature"},
	} {
		v, err := set.VerifyGit(tt.payload, tt.signature, trusttest.Now())
		if tt.code == "" && (err != nil || !bytes.Equal(v.Bytes(), tt.payload)) {
			t.Errorf("%s: %v", name, err)
		}
		if tt.code != "" && (!fault.HasCode(err, tt.code) || !fault.Is(err, fault.Untrusted) || v != nil) {
			t.Errorf("%s: got %v, want %s", name, err, tt.code)
		}
	}
	// Nothing that Git has signed is a document.
	if v, err := set.Verify(doc, trust.Evidence{Kind: trust.SSH, Signature: git}, trusttest.Now()); !fault.HasCode(err, "MalformedSignature") {
		t.Errorf("%v, %v", v, err)
	}
	if _, err := set.VerifyGit(doc, git, time.Time{}); !fault.HasCode(err, "MissingTime") {
		t.Error(err)
	}
}
