package trust_test

import (
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/signet-scheduler/signet/internal/fault"
	"github.com/signet-scheduler/signet/internal/trust"
	"github.com/signet-scheduler/signet/internal/trust/trusttest"
)

// A set that is asked to tells from when on a signer is revoked, if the cause leaves
// earlier signatures good. Every other revocation is refused, as all are by default.
func TestRevocationThatSpares(t *testing.T) {
	t.Parallel()
	root := trusttest.NewCA(t, "root", trusttest.ECDSA(t))
	issuer := root.SubCA(t, "issuer", trusttest.ECDSA(t))
	leaf := issuer.Issue(t, trusttest.CertOptions{Name: "ann"}, trusttest.ECDSA(t))
	ann := root.Identity(t, leaf)
	doc := trusttest.Document("x")
	ev := trusttest.Sign(t, ann.Key, doc)
	at := trusttest.Now().Add(-10 * time.Minute).UTC().Truncate(time.Second)
	doubt := func(when time.Time) []pkix.Extension {
		value, err := asn1.MarshalWithParams(when.UTC(), "generalized")
		if err != nil {
			t.Fatal(err)
		}
		return []pkix.Extension{{Id: asn1.ObjectIdentifier{2, 5, 29, 24}, Value: value}}
	}
	entry := func(reason int, more ...pkix.Extension) x509.RevocationListEntry {
		return x509.RevocationListEntry{SerialNumber: leaf.Cert.SerialNumber, RevocationTime: at, ReasonCode: reason, ExtraExtensions: more}
	}
	other := entry(4)
	other.RevocationTime = at.Add(-time.Hour)
	for name, c := range map[string]struct {
		entries []x509.RevocationListEntry
		above   []x509.RevocationListEntry // of the root, for the issuer
		want    time.Time                  // zero: refused
	}{
		"unspecified":                  {entries: []x509.RevocationListEntry{entry(0)}},
		"keyCompromise":                {entries: []x509.RevocationListEntry{entry(1)}},
		"cACompromise":                 {entries: []x509.RevocationListEntry{entry(2)}},
		"affiliationChanged":           {entries: []x509.RevocationListEntry{entry(3)}, want: at},
		"superseded":                   {entries: []x509.RevocationListEntry{entry(4)}, want: at},
		"cessationOfOperation":         {entries: []x509.RevocationListEntry{entry(5)}, want: at},
		"certificateHold":              {entries: []x509.RevocationListEntry{entry(6)}},
		"removeFromCRL":                {entries: []x509.RevocationListEntry{entry(8)}},
		"privilegeWithdrawn":           {entries: []x509.RevocationListEntry{entry(9)}, want: at},
		"aACompromise":                 {entries: []x509.RevocationListEntry{entry(10)}},
		"unknown":                      {entries: []x509.RevocationListEntry{entry(99)}},
		"in doubt since before":        {entries: []x509.RevocationListEntry{entry(4, doubt(at.Add(-time.Minute))...)}, want: at.Add(-time.Minute)},
		"in doubt since after":         {entries: []x509.RevocationListEntry{entry(4, doubt(at.Add(time.Minute))...)}, want: at},
		"in doubt since who knows":     {entries: []x509.RevocationListEntry{entry(4, pkix.Extension{Id: asn1.ObjectIdentifier{2, 5, 29, 24}, Value: []byte("x")})}},
		"twice, the first counts":      {entries: []x509.RevocationListEntry{entry(4), other}, want: other.RevocationTime},
		"twice, once for a compromise": {entries: []x509.RevocationListEntry{entry(4), entry(1)}},
		"and the issuer":               {entries: []x509.RevocationListEntry{entry(4)}, above: []x509.RevocationListEntry{{SerialNumber: issuer.Cert.SerialNumber, RevocationTime: at, ReasonCode: 4}}},
	} {
		dirs := trusttest.Dirs(t, t.TempDir(), ann)
		for file, list := range map[string][]byte{"issuer.crl": issuer.CRLOf(t, c.entries...), "root.crl": root.CRLOf(t, c.above...)} {
			if err := os.WriteFile(filepath.Join(dirs.X509, file), list, 0o600); err != nil {
				t.Fatal(err)
			}
		}
		for _, tells := range []bool{false, true} {
			set, err := trust.Load(dirs, trust.Policy{TellRevoked: tells})
			if err != nil {
				t.Fatal(err)
			}
			v, err := set.Verify(doc, ev, trusttest.Now())
			switch {
			case !tells || c.want.IsZero():
				if !fault.HasCode(err, trust.CodeRevokedSigner) {
					t.Errorf("%s, telling: %t: %v", name, tells, err)
				}
			case err != nil:
				t.Errorf("%s: %v", name, err)
			case !v.Signer().Revoked.Equal(c.want):
				t.Errorf("%s: revoked since %s, want %s", name, v.Signer().Revoked, c.want)
			}
		}
	}
}

// Of a key with two certificates that are trusted as such, one that isn't revoked is
// enough; of revoked ones, the longest good one counts.
func TestRenewedAndRevoked(t *testing.T) {
	t.Parallel()
	root, key := trusttest.NewCA(t, "root", trusttest.ECDSA(t)), trusttest.ECDSA(t)
	first, second := root.Issue(t, trusttest.CertOptions{Name: "ann"}, key), root.Issue(t, trusttest.CertOptions{Name: "ann"}, key)
	doc := trusttest.Document("x")
	ann := root.Identity(t, first)
	ev := trusttest.Sign(t, ann.Key, doc)
	ev.Certificates = nil
	at := trusttest.Now().UTC().Truncate(time.Second)
	entry := func(c *trusttest.Cert, when time.Time) x509.RevocationListEntry {
		return x509.RevocationListEntry{SerialNumber: c.Cert.SerialNumber, RevocationTime: when, ReasonCode: 4}
	}
	for name, c := range map[string]struct {
		entries []x509.RevocationListEntry
		want    time.Time
	}{
		"none":            {nil, time.Time{}},
		"the first":       {[]x509.RevocationListEntry{entry(first, at)}, time.Time{}},
		"the second":      {[]x509.RevocationListEntry{entry(second, at)}, time.Time{}},
		"both":            {[]x509.RevocationListEntry{entry(first, at.Add(-time.Minute)), entry(second, at)}, at},
		"both, once more": {[]x509.RevocationListEntry{entry(first, at), entry(second, at.Add(-time.Minute))}, at},
	} {
		dirs := trusttest.Dirs(t, t.TempDir())
		for file, content := range map[string][]byte{"1.pem": trusttest.PEM(first.Cert), "2.pem": trusttest.PEM(second.Cert), "root.crl": root.CRLOf(t, c.entries...)} {
			if err := os.WriteFile(filepath.Join(dirs.X509, file), content, 0o600); err != nil {
				t.Fatal(err)
			}
		}
		set, err := trust.Load(dirs, trust.Policy{TellRevoked: true})
		if err != nil {
			t.Fatal(err)
		}
		v, err := set.Verify(doc, ev, trusttest.Now())
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if !v.Signer().Revoked.Equal(c.want) {
			t.Errorf("%s: revoked since %s, want %s", name, v.Signer().Revoked, c.want)
		}
	}
}
