package guard_test

import (
	"crypto/x509"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/signet-scheduler/signet/internal/trust"
	"github.com/signet-scheduler/signet/internal/trust/trusttest"
)

// What was here before its signer's revocation stays if the policy says so, the cause
// leaves earlier signatures good, and this machine's own log says when it came. What
// comes later doesn't, be it the very same document.
func TestKeepBeforeRevocation(t *testing.T) {
	t.Parallel()
	root, now := trusttest.NewSSH(t, "root"), trusttest.Now()
	before, after := now.Add(-time.Minute).UnixMilli(), now.Add(time.Minute).UnixMilli()
	for name, c := range map[string]struct {
		keep   bool
		reason int
		kept   bool
	}{
		"superseded":                      {true, 4, true},
		"superseded, no word of keeping":  {false, 4, false},
		"compromised":                     {true, 1, false},
		"for no cause":                    {true, 0, false},
		"compromised, no word of keeping": {false, 1, false},
	} {
		ca := trusttest.NewCA(t, "ca", trusttest.ECDSA(t))
		leaf := ca.Issue(t, trusttest.CertOptions{Name: "alice"}, trusttest.ECDSA(t))
		alice, bob := ca.Identity(t, leaf), trusttest.NewSSH(t, "bob")
		m := newMachine(t, alice, bob)
		m.root(root)
		text := strings.Replace(payments(t, 1, alice, bob), `"threshold":2`, `"threshold":1`, 1)
		if c.keep {
			text = strings.Replace(text, `"persons"`, `"keepBeforeRevocation":true,"persons"`, 1)
		}
		m.rule(root, text)
		one, both := direct(t, alice), makeRelease(t, nil, alice, bob)
		verify := func(when string, arrived int64, code string) {
			t.Helper()
			_, err := m.Verify(one, nil, arrived)
			wantCode(t, name+", "+when, err, code)
			_, err = m.Verify(both.document, &both.manifest, arrived)
			wantCode(t, name+", a release, "+when, err, code)
			_, err = m.Verify(both.manifest, nil, arrived)
			wantCode(t, name+", the release itself, "+when, err, code)
		}
		verify("before it is known", 0, "")
		list := ca.CRLOf(t, x509.RevocationListEntry{SerialNumber: leaf.Cert.SerialNumber, RevocationTime: now, ReasonCode: c.reason})
		m.check(os.WriteFile(filepath.Join(m.set.X509Dir, "ca.crl"), list, 0o600))
		m.open()
		kept := trust.CodeRevokedSigner
		if c.kept {
			kept = ""
		}
		// In any order: that one was kept must not let another in, nor the other way round.
		for range 2 {
			verify("it was here before", before, kept)
			verify("it came at that moment", now.Truncate(time.Second).UnixMilli(), trust.CodeRevokedSigner)
			verify("it came later", after, trust.CodeRevokedSigner)
			verify("it comes now", 0, trust.CodeRevokedSigner)
		}
	}
}

// Without a policy, and when the policy in force goes, nothing is kept.
func TestKeepNeedsAPolicy(t *testing.T) {
	t.Parallel()
	ca := trusttest.NewCA(t, "ca", trusttest.ECDSA(t))
	leaf := ca.Issue(t, trusttest.CertOptions{Name: "alice"}, trusttest.ECDSA(t))
	alice := ca.Identity(t, leaf)
	m := newMachine(t, alice)
	list := ca.CRLOf(t, x509.RevocationListEntry{SerialNumber: leaf.Cert.SerialNumber, RevocationTime: trusttest.Now(), ReasonCode: 4})
	m.check(os.WriteFile(filepath.Join(m.set.X509Dir, "ca.crl"), list, 0o600))
	m.open()
	_, err := m.Verify(direct(t, alice), nil, trusttest.Now().Add(-time.Hour).UnixMilli())
	wantCode(t, "no policy", err, trust.CodeRevokedSigner)
}
