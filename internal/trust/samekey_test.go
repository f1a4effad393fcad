package trust_test

import (
	"testing"

	"github.com/signet-scheduler/signet/internal/trust"
	"github.com/signet-scheduler/signet/internal/trust/trusttest"
)

// A signature is told to be by a key when it is one by it, or says so of another text.
func TestSameKey(t *testing.T) {
	t.Parallel()
	doc, other := []byte("doc"), []byte("other")
	ca := trusttest.NewCA(t, "ca", trusttest.ECDSA(t))
	certified := func(name string) trusttest.Identity {
		return ca.Identity(t, ca.Issue(t, trusttest.CertOptions{Name: name}, trusttest.ECDSA(t)))
	}
	for kind, pair := range map[string][2]trusttest.Identity{
		"X509": {certified("anna"), certified("bob")},
		"PGP":  {trusttest.NewPGP(t, "anna"), trusttest.NewPGP(t, "bob")},
		"SSH":  {trusttest.NewSSH(t, "anna"), trusttest.NewSSH(t, "bob")},
	} {
		own, foreign := pair[0].Key, pair[1].Key
		for _, text := range [][]byte{doc, other} {
			ev, err := own.Sign(text)
			if err != nil {
				t.Fatal(err)
			}
			if !trust.SameKey(own, doc, ev) {
				t.Errorf("%s: the own signature of %q isn't known", kind, text)
			}
			if trust.SameKey(foreign, doc, ev) {
				t.Errorf("%s: another's signature of %q is taken for the own", kind, text)
			}
			for name, broken := range map[string]trust.Evidence{"nothing": {Kind: ev.Kind}, "another kind": {Kind: trust.Passkey, Signature: ev.Signature}} {
				if trust.SameKey(own, doc, broken) {
					t.Errorf("%s: %s is taken for the own", kind, name)
				}
			}
			// Certificates are public: they don't make a signature somebody's who has others.
			ev.Certificates = nil
			if own.Kind() == trust.X509 && trust.SameKey(own, other, ev) != (string(text) == string(other)) {
				t.Error("a signature without certificates is known by what it is over only")
			}
		}
	}
}
