package trust_test

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/signet-scheduler/signet/internal/fault"
	"github.com/signet-scheduler/signet/internal/trust"
	"github.com/signet-scheduler/signet/internal/trust/trusttest"
)

// flipped calls f with data after each of its bits was turned once; with -short
// after one in 29, so that all bits of a byte get their turn. f must not keep data.
func flipped(data []byte, f func(changed []byte, bit int)) {
	changed := bytes.Clone(data)
	step := 1
	if testing.Short() {
		step = 29
	}
	for bit := 0; bit < len(data)*8; bit += step {
		changed[bit/8] ^= 1 << (bit % 8)
		f(changed, bit)
		changed[bit/8] ^= 1 << (bit % 8)
	}
}

// tampering tries changed evidence against a set. What was refused once isn't
// tried again: files of different form lead to the same evidence.
type tampering struct {
	set     *trust.Set
	refused map[[32]byte]bool
}

// try fails the test if the document is accepted.
func (tam *tampering) try(t *testing.T, what string, bit int, doc []byte, ev trust.Evidence) {
	t.Helper()
	h := sha256.New()
	for _, part := range [][]byte{doc, []byte(ev.Kind), ev.Signature, ev.Certificates, ev.CredentialID, ev.ClientData, ev.AuthenticatorData} {
		fmt.Fprintf(h, "%d ", len(part))
		h.Write(part)
	}
	key := [32]byte(h.Sum(nil))
	if tam.refused[key] {
		return
	}
	v, err := tam.set.VerifyRelease(doc, ev, trusttest.Now())
	switch {
	case err == nil:
		t.Errorf("%s with bit %d turned was accepted", what, bit)
	case v != nil:
		t.Errorf("%s with bit %d turned was refused and nevertheless returned", what, bit)
	case !fault.Is(err, fault.Untrusted):
		t.Errorf("%s with bit %d turned: got %v, want a fault of kind untrusted", what, bit, err)
	default:
		tam.refused[key] = true
	}
}

// No bit of document, signature and certificates can change (invariant 1), and
// none of the files they are kept in: there a turned bit is noticed, or it has no
// meaning, and then the evidence is the same to the byte. The files are tried as
// tools write them: with the line ends of both worlds and with headers.
func TestNoBitCanBeTurned(t *testing.T) {
	t.Parallel()
	for _, who := range everyone(t) {
		t.Run(who.label, func(t *testing.T) {
			t.Parallel()
			doc := []byte(`{"TYPE":"Workflow","path":"A"}`)
			ev := trusttest.Sign(t, who.Key, doc)
			tam := &tampering{trusttest.Set(t, who.Identity), map[[32]byte]bool{}}
			flipped(doc, func(changed []byte, bit int) {
				tam.try(t, "the document", bit, changed, ev)
			})
			flipped(ev.Signature, func(changed []byte, bit int) {
				tam.try(t, "the signature", bit, doc, trust.Evidence{Kind: ev.Kind, Signature: changed, Certificates: ev.Certificates})
			})
			flipped(ev.Certificates, func(changed []byte, bit int) {
				tam.try(t, "the certificates", bit, doc, trust.Evidence{Kind: ev.Kind, Signature: ev.Signature, Certificates: changed})
			})
			flipped([]byte(ev.Kind), func(changed []byte, bit int) {
				tam.try(t, "the kind", bit, doc, trust.Evidence{Kind: trust.Kind(changed), Signature: ev.Signature, Certificates: ev.Certificates})
			})
			tam.tryFiles(t, doc, ev, ev.Files())
			tam.tryFiles(t, doc, ev, withCRLF(ev.Files()))
			if ev.Kind == trust.PGP {
				tam.tryFiles(t, doc, ev, withHeaders(ev.Files()))
			}
		})
	}
}

// tryFiles turns every bit of evidence files.
func (tam *tampering) tryFiles(t *testing.T, doc []byte, ev trust.Evidence, files map[string][]byte) {
	t.Helper()
	if read, err := trust.EvidenceFromFiles(files); err != nil || !same(read, ev) {
		t.Fatalf("the files themselves: %v", err)
	}
	for suffix, content := range files {
		tampered := maps.Clone(files)
		flipped(content, func(changed []byte, bit int) {
			tampered[suffix] = changed
			read, err := trust.EvidenceFromFiles(tampered)
			switch {
			case err != nil && !fault.Is(err, fault.Untrusted):
				t.Errorf("%s with bit %d turned: got %v, want a fault of kind untrusted", suffix, bit, err)
			case err == nil && !same(read, ev):
				tam.try(t, "the "+suffix+" file", bit, doc, read)
			}
		})
	}
}

// same is cmp.Equal, which is slow on long byte slices.
func same(a, b trust.Evidence) bool {
	return a.Kind == b.Kind && bytes.Equal(a.Signature, b.Signature) && bytes.Equal(a.Certificates, b.Certificates) &&
		bytes.Equal(a.CredentialID, b.CredentialID) && bytes.Equal(a.ClientData, b.ClientData) && bytes.Equal(a.AuthenticatorData, b.AuthenticatorData)
}

func withCRLF(files map[string][]byte) map[string][]byte {
	dos := map[string][]byte{}
	for suffix, content := range files {
		dos[suffix] = bytes.ReplaceAll(content, []byte("\n"), []byte("\r\n"))
	}
	return dos
}

func withHeaders(files map[string][]byte) map[string][]byte {
	changed := map[string][]byte{}
	for suffix, content := range files {
		changed[suffix] = bytes.Replace(content, []byte("PGP SIGNATURE-----\n\n"), []byte("PGP SIGNATURE-----\nVersion: GnuPG v2\nComment: made by hand\n\n"), 1)
	}
	return changed
}

// Cutting off, adding and repeating is noticed too.
func TestNoPartCanBeCutOffOrAdded(t *testing.T) {
	t.Parallel()
	for _, who := range everyone(t) {
		t.Run(who.label, func(t *testing.T) {
			t.Parallel()
			doc := trusttest.Document(who.label)
			ev := trusttest.Sign(t, who.Key, doc)
			set := trusttest.Set(t, who.Identity)
			try := func(what string, doc []byte, ev trust.Evidence) {
				t.Helper()
				if _, err := set.Verify(doc, ev, trusttest.Now()); !fault.Is(err, fault.Untrusted) {
					t.Errorf("%s: got %v, want a refusal", what, err)
				}
			}
			for n := range doc {
				try("a shorter document", doc[:n], ev)
			}
			for n := range ev.Signature {
				try("a shorter signature", doc, trust.Evidence{Kind: ev.Kind, Signature: ev.Signature[:n], Certificates: ev.Certificates})
			}
			for n := range ev.Certificates {
				if n > 0 { // without any, the trusted CA alone vouches for nobody: see below
					try("shorter certificates", doc, trust.Evidence{Kind: ev.Kind, Signature: ev.Signature, Certificates: ev.Certificates[:n]})
				}
			}
			for _, tail := range []string{"\x00", "\n", " ", "A", "=", "x\n", strings.Repeat("A", 4096)} {
				try("a longer document", append(slices.Clip(doc), tail...), ev)
				try("a longer signature", doc, trust.Evidence{Kind: ev.Kind, Signature: append(slices.Clip(ev.Signature), tail...), Certificates: ev.Certificates})
				if ev.Kind == trust.X509 {
					try("longer certificates", doc, trust.Evidence{Kind: ev.Kind, Signature: ev.Signature, Certificates: append(slices.Clip(ev.Certificates), tail...)})
				}
			}
			try("a doubled signature", doc, trust.Evidence{Kind: ev.Kind, Signature: append(slices.Clip(ev.Signature), ev.Signature...), Certificates: ev.Certificates})
			try("another document", trusttest.Document("other"), ev)
			if ev.Kind == trust.X509 {
				try("no certificate", doc, trust.Evidence{Kind: ev.Kind, Signature: ev.Signature})
				try("doubled certificates", doc, trust.Evidence{Kind: ev.Kind, Signature: ev.Signature, Certificates: append(slices.Clip(ev.Certificates), ev.Certificates...)})
			}
			for _, kind := range []trust.Kind{"", "x509", "Silly", trust.X509, trust.PGP, trust.SSH} {
				if kind != ev.Kind {
					try("as of kind "+string(kind), doc, trust.Evidence{Kind: kind, Signature: ev.Signature, Certificates: ev.Certificates})
				}
			}
		})
	}
}

// The caller can't change a document after it was verified.
func TestVerifiedDocumentIsACopy(t *testing.T) {
	t.Parallel()
	who := trusttest.NewSSH(t, "who")
	doc := []byte("good")
	v, err := trusttest.Set(t, who).Verify(doc, trusttest.Sign(t, who.Key, doc), trusttest.Now())
	if err != nil {
		t.Fatal(err)
	}
	copy(doc, "evil")
	if string(v.Bytes()) != "good" {
		t.Errorf("the verified document became %q", v.Bytes())
	}
}
