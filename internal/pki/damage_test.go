package pki_test

import (
	"bytes"
	"testing"

	"github.com/signet-scheduler/signet/internal/fault"
	"github.com/signet-scheduler/signet/internal/fsys"
	"github.com/signet-scheduler/signet/internal/pki"
)

// No flipped bit makes a file of certificates or revocation lists a shorter one.
func TestDamagedBlocksAreRefused(t *testing.T) {
	t.Parallel()
	ca, err := pki.InitCA(fsys.NewMem(), "/ca", pki.CAParams{Organization: "Test", Now: now})
	if err != nil {
		t.Fatal(err)
	}
	list, err := ca.CRL(pki.PurposeNode, now)
	if err != nil {
		t.Fatal(err)
	}
	root := ca.Root(pki.PurposeNode)
	for name, c := range map[string]struct {
		text  []byte
		parse func([]byte) (int, error)
	}{
		"certificates": {pki.EncodeCertsPEM(root, root), func(b []byte) (int, error) {
			certs, err := pki.ParseCertsPEM(b)
			return len(certs), err
		}},
		"revocation lists": {bytes.Repeat(list, 2), func(b []byte) (int, error) {
			lists, err := pki.ParseCRLs(b)
			return len(lists), err
		}},
	} {
		if n, err := c.parse(c.text); n != 2 || err != nil {
			t.Fatalf("%s: %d, %v", name, n, err)
		}
		for at := range c.text {
			damaged := bytes.Clone(c.text)
			damaged[at] ^= 1 << (at % 8)
			if n, err := c.parse(damaged); err == nil && n != 2 || err != nil && !fault.Is(err, fault.Invalid) {
				t.Errorf("%s: with byte %d changed: %d, %v", name, at, n, err)
			}
		}
	}
}
