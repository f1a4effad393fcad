package pki_test

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"

	"github.com/signet-scheduler/signet/internal/fault"
	"github.com/signet-scheduler/signet/internal/fsys"
	"github.com/signet-scheduler/signet/internal/pki"
)

func TestPairFile(t *testing.T) {
	t.Parallel()
	ca, err := pki.InitCA(fsys.Real{}, filepath.Join(t.TempDir(), "ca"), pki.CAParams{Organization: "Test", Now: now})
	if err != nil {
		t.Fatal(err)
	}
	issued, err := ca.IssueNode(pki.NodeParams{Role: pki.RoleAgent, Name: "a", Now: now})
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "pair.pem")
	if err := pki.WritePairPEM(fsys.Real{}, file, issued.Keypair()); err != nil {
		t.Fatal(err)
	}
	pair, err := pki.ReadPairPEM(file)
	if err != nil || len(pair.Chain) != 2 || !pair.Leaf().Equal(issued.Cert) {
		t.Fatalf("%v, %v", pair.Chain, err)
	}
	// In any order, with the root, which isn't sent to others.
	key, err := pki.EncodeKeyPEM(issued.Key)
	if err != nil {
		t.Fatal(err)
	}
	root := ca.Root(pki.PurposeNode)
	bundle := bytes.Join([][]byte{pki.EncodeCertsPEM(root, issued.Chain[1]), key, pki.EncodeCertsPEM(issued.Cert)}, nil)
	pair, others, err := pki.ParseBundle(bundle)
	if err != nil || len(pair.Chain) != 2 || !bytes.Equal(others, pki.EncodeCertsPEM(root)) {
		t.Errorf("%v, %s, %v", pair.Chain, others, err)
	}
	for name, text := range map[string][]byte{
		"no key":             pki.EncodeCertsPEM(issued.Chain...),
		"no certificate":     key,
		"another's":          append(bytes.Clone(key), pki.EncodeCertsPEM(root)...),
		"two keys":           bytes.Join([][]byte{key, key, pki.EncodeCertsPEM(issued.Cert)}, nil),
		"nothing":            nil,
		"something else too": append(bytes.Clone(bundle), "-----BEGIN X509 CRL-----\nAA==\n-----END X509 CRL-----\n"...),
	} {
		if _, _, err := pki.ParseBundle(text); !fault.Is(err, fault.Invalid) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestToken(t *testing.T) {
	t.Parallel()
	ca, err := pki.InitCA(fsys.Real{}, filepath.Join(t.TempDir(), "ca"), pki.CAParams{Organization: "Test", Now: now})
	if err != nil {
		t.Fatal(err)
	}
	root, id := ca.Root(pki.PurposeNode), pki.Identity{Role: pki.RoleAgent, Name: "agent-2"}
	made, err := pki.NewToken(root, id)
	if err != nil {
		t.Fatal(err)
	}
	read, err := pki.ParseToken(made.Reveal())
	if err != nil || read.Identity != id || !read.For(root) || read.For(ca.Root(pki.PurposeUser)) || read.Hash() != made.Hash() {
		t.Errorf("%+v, %v", read, err)
	}
	if made.String() != "***" {
		t.Errorf("it prints as %s", made)
	}
	again, err := pki.NewToken(root, id)
	if err != nil || again.Hash() == made.Hash() {
		t.Errorf("two tokens are the same, %v", err)
	}
	if _, err := pki.NewToken(root, pki.Identity{Role: pki.RoleAgent, Name: "a/b"}); err == nil {
		t.Error("a name that can't be was accepted")
	}
	for _, text := range []string{"", "x", "signet-", "signet-AAAA", made.Reveal() + "=", made.Reveal()[1:], made.Reveal()[:60]} {
		if _, err := pki.ParseToken(text); !fault.HasCode(err, "InvalidToken") {
			t.Errorf("%q: %v", text, err)
		}
	}
}

// An issuer's key may be kept elsewhere: then nothing is issued or revoked for its
// purpose here, and all else goes on.
func TestIssuerKeyElsewhere(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "ca")
	whole, err := pki.InitCA(fsys.Real{}, dir, pki.CAParams{Organization: "Test", Now: now})
	if err != nil {
		t.Fatal(err)
	}
	signer, err := whole.IssueSigner(pki.SignerParams{Name: "anna", Now: now})
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(filepath.Join(dir, "signing", "issuer.key")); err != nil {
		t.Fatal(err)
	}
	ca, err := pki.OpenCA(fsys.Real{}, dir)
	if err != nil || ca.Issues(pki.PurposeSigning) || !ca.Issues(pki.PurposeNode) {
		t.Fatalf("%v", err)
	}
	_, issue := ca.IssueSigner(pki.SignerParams{Name: "bert", Now: now})
	_, list := ca.CRL(pki.PurposeSigning, now)
	for what, err := range map[string]error{"issuing": issue, "a list": list, "revoking": ca.Revoke(signer.Serial, pki.ReasonUnspecified, now)} {
		if !fault.HasCode(err, "NoIssuerKey") {
			t.Errorf("%s: %v", what, err)
		}
	}
	if r, _, err := ca.Show(signer.Serial); err != nil || r.RevokedAt != nil {
		t.Errorf("the record: %+v, %v", r, err)
	}
	if _, err := ca.IssueNode(pki.NodeParams{Role: pki.RoleAgent, Name: "a", Now: now}); err != nil {
		t.Error(err)
	}
}
