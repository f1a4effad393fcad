package pki_test

import (
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/json"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/signet-scheduler/signet/internal/fault"
	"github.com/signet-scheduler/signet/internal/fsys"
	"github.com/signet-scheduler/signet/internal/pki"
)

// Each change of the disk fails once in turn: the authority is then as before
// or as after, and goes on.
func TestAuthoritySurvivesFailingDisk(t *testing.T) {
	t.Parallel()
	p := pki.CAParams{Organization: "Test", Now: now}
	for n := 1; ; n++ {
		disk := fsys.NewFailing(fsys.NewMem(), fsys.Rule{Nth: n, Err: syscall.EIO})
		const dir = "/signet-test-ca"
		_, err := pki.InitCA(disk, dir, p)
		if err == nil {
			if disk.Hits() > 0 {
				t.Errorf("operation %d failed unseen", n)
			}
			break
		}
		disk.SetRules()
		ca, err := pki.OpenCA(disk, dir)
		if fault.HasCode(err, "NoCA") {
			ca, err = pki.InitCA(disk, dir, p)
		}
		if err != nil {
			t.Fatalf("after operation %d failed: %v", n, err)
		}
		if _, err := ca.IssueUser(pki.UserParams{Name: "u", Now: now}); err != nil {
			t.Fatalf("after operation %d failed: %v", n, err)
		}
	}
	disk := fsys.NewFailing(fsys.NewMem())
	ca, err := pki.InitCA(disk, "/signet-test-ca", p)
	if err != nil {
		t.Fatal(err)
	}
	for n := 1; ; n++ {
		before, err := ca.List()
		if err != nil {
			t.Fatal(err)
		}
		disk.SetRules(fsys.Rule{Nth: n, Err: syscall.ENOSPC})
		hits := disk.Hits()
		issued, err := ca.IssueUser(pki.UserParams{Name: "u", Now: now})
		if err == nil {
			err = ca.Revoke(issued.Serial, "", now)
		}
		hit := disk.Hits() > hits
		disk.SetRules()
		after, lerr := ca.List()
		if lerr != nil || len(after) < len(before) || len(after) > len(before)+1 {
			t.Fatalf("operation %d: %d records, then %d, %v", n, len(before), len(after), lerr)
		}
		if !hit {
			if err != nil {
				t.Fatal(err)
			}
			break
		}
		if err == nil {
			t.Fatalf("operation %d failed unseen", n)
		}
		if !errors.Is(err, syscall.ENOSPC) || !fault.Is(err, fault.NoSpace) {
			t.Fatalf("operation %d: %v", n, err)
		}
	}
}

func TestSecretsDoNotPrint(t *testing.T) {
	t.Parallel()
	s := pki.Secret("hunter2")
	type holder struct{ S pki.Secret }
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%d", "%T %v"} {
		text := fmt.Sprintf(verb, holder{s}) + fmt.Sprintf(verb, s)
		if strings.Contains(text, "hunter2") || strings.Contains(text, "68756e74") {
			t.Errorf("%s prints %s", verb, text)
		}
	}
	if data, err := json.Marshal(holder{s}); err != nil || strings.Contains(string(data), "hunter2") {
		t.Errorf("JSON: %s, %v", data, err)
	}
	if s.LogValue().String() != "***" {
		t.Error("the log has it")
	}
}

func TestFilesWithTooMuchOrTooLittle(t *testing.T) {
	t.Parallel()
	key, err := pki.NewKey(pki.Ed25519)
	if err != nil {
		t.Fatal(err)
	}
	text, err := pki.EncodeKeyPEM(key)
	if err != nil {
		t.Fatal(err)
	}
	ca := newCA(t)
	cert := pki.EncodeCertsPEM(ca.Root(pki.PurposeNode))
	for name, data := range map[string]string{
		"nothing":   "",
		"two keys":  string(text) + string(text),
		"noise":     "hello",
		"encrypted": "-----BEGIN ENCRYPTED PRIV" + "ATE KEY-----\nAAAA\n-----END ENCRYPTED PRIVATE KEY-----\n",
		"broken":    "-----BEGIN PRIV" + "ATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n",
	} {
		if _, err := pki.ParseKeyPEM([]byte(data)); !fault.HasCode(err, "InvalidKey") {
			t.Errorf("key file, %s: %v", name, err)
		}
	}
	if _, err := pki.ParseKeyPEM(append(text, cert...)); err != nil {
		t.Errorf("certificate beside the key: %v", err)
	}
	for name, data := range map[string]string{"nothing": "", "a key": string(text), "noise": "x"} {
		if _, err := pki.ParseCertsPEM([]byte(data)); !fault.HasCode(err, "InvalidCertificate") {
			t.Errorf("certificates, %s: %v", name, err)
		}
	}
	if _, err := pki.ParseCertsPEM([]byte(strings.Repeat(string(cert), 1001))); !fault.HasCode(err, "TooManyCertificates") {
		t.Errorf("1001 certificates: %v", err)
	}
	if _, err := pki.ReadCRLs(filepath.Join(t.TempDir(), "x")); !fault.HasCode(err, "FileNotFound") {
		t.Errorf("no list: %v", err)
	}
	if _, err := pki.ParsePurpose("web"); !fault.HasCode(err, "UnknownPurpose") {
		t.Error(err)
	}
}

// A URI is an identity only if it is what that identity is written as.
func FuzzParseIdentity(f *testing.F) {
	for _, s := range []string{"signet://agent/a", "signet://agent/a/", "SIGNET://agent/a", "signet://agent/%61", "signet:agent/a", "signet://agent/..", ""} {
		f.Add([]byte{0x30, byte(len(s) + 2), 0x86, byte(len(s))}, s)
	}
	f.Fuzz(func(t *testing.T, head []byte, uri string) {
		cert := &x509.Certificate{Extensions: sanExtension(append(head, uri...))}
		id, err := pki.ParseIdentity(cert)
		if err != nil {
			if id != (pki.Identity{}) {
				t.Fatalf("%v with an error", id)
			}
			return
		}
		if err := id.Validate(); err != nil || !strings.Contains(string(head)+uri, id.URI().String()) {
			t.Fatalf("%q gives %v, %v", uri, id, err)
		}
	})
}

func FuzzParseFiles(f *testing.F) {
	f.Add([]byte("-----BEGIN X509 CRL-----\nAAAA\n-----END X509 CRL-----\n"))
	f.Add([]byte("-----BEGIN CERTIFICATE-----\nMAA=\n-----END CERTIFICATE-----\n"))
	f.Add([]byte("-----BEGIN CERTIFICATE REQUEST-----\nMAA=\n-----END CERTIFICATE REQUEST-----\n"))
	f.Add([]byte{0x30, 0x03, 0x02, 0x01, 0x03})
	f.Fuzz(func(t *testing.T, data []byte) {
		if lists, err := pki.ParseCRLs(data); err == nil {
			if _, err := pki.NewCRLSet(lists); err == nil && len(lists) == 0 {
				t.Fatal("no list, no error")
			}
		}
		if certs, err := pki.ParseTruststore(data, ""); err == nil && len(certs) == 0 {
			t.Fatal("no certificate, no error")
		}
		if key, err := pki.ParseKeyPEM(data); err == nil && key == nil {
			t.Fatal("no key, no error")
		}
		if pair, err := pki.ParseKeystore(data, "x"); err == nil && (pair.Key == nil || len(pair.Chain) == 0) {
			t.Fatal("no pair, no error")
		}
		if csr, err := pki.ParseCSR(data); err == nil && csr == nil {
			t.Fatal("no request, no error")
		}
	})
}

func sanExtension(value []byte) []pkix.Extension {
	return []pkix.Extension{{Id: asn1.ObjectIdentifier{2, 5, 29, 17}, Value: value}}
}
