package pki_test

import (
	"crypto/ecdsa"
	"crypto/x509"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/signet-scheduler/signet/internal/fault"
	"github.com/signet-scheduler/signet/internal/fsys"
	"github.com/signet-scheduler/signet/internal/pki"
)

func agentCert(t *testing.T, ca *pki.CA, name string, at time.Time) *pki.Issued {
	t.Helper()
	issued, err := ca.IssueNode(pki.NodeParams{Role: pki.RoleAgent, Name: name, Now: at})
	if err != nil {
		t.Fatal(err)
	}
	return issued
}

func rotate(t *testing.T, ca *pki.CA, p pki.Purpose, root bool, at time.Time) {
	t.Helper()
	if err := ca.Rotate(pki.RotateParams{Purpose: p, Root: root, Now: at}); err != nil {
		t.Fatal(err)
	}
}

// lists reads the revocation lists of a purpose as others do.
func lists(t *testing.T, ca *pki.CA, p pki.Purpose) *pki.CRLSet {
	t.Helper()
	text, err := os.ReadFile(ca.CRLPath(p))
	if err != nil {
		t.Fatal(err)
	}
	return crlSet(t, text)
}

// A new issuer issues, the one before goes on revoking.
func TestRotatedIssuer(t *testing.T) {
	t.Parallel()
	ca := newCA(t)
	roots := pool(t, ca.Root(pki.PurposeNode))
	a, b := agentCert(t, ca, "a", now), agentCert(t, ca, "b", now)
	rotate(t, ca, pki.PurposeNode, false, now.Add(day))
	c := agentCert(t, ca, "c", now.Add(day))
	if c.Chain[1].Equal(a.Chain[1]) || len(c.Chain) != 2 || string(c.Chain[1].RawSubject) == string(a.Chain[1].RawSubject) {
		t.Error("the issuer is the one of before")
	}
	for _, serial := range []string{a.Serial, c.Serial} {
		if err := ca.Revoke(serial, pki.ReasonSuperseded, now.Add(day)); err != nil {
			t.Fatal(err)
		}
	}
	crls := lists(t, ca, pki.PurposeNode)
	for _, revoked := range []*pki.Issued{a, c} {
		_, err := pki.CheckNode(revoked.Chain, roots, crls, now.Add(day))
		wantCode(t, err, "CertificateRevoked")
	}
	if _, err := pki.CheckNode(b.Chain, roots, crls, now.Add(day)); err != nil {
		t.Error(err)
	}
	renewed, err := ca.Renew(b.Serial, pki.RenewParams{Now: now.Add(2 * day)})
	if err != nil || !renewed.Chain[1].Equal(ca.Issuer(pki.PurposeNode)) {
		t.Errorf("renewed: %v", err)
	}
	// The other purposes are as before.
	if user, err := ca.IssueUser(pki.UserParams{Name: "u", Now: now}); err != nil || strings.HasSuffix(user.Chain[1].Subject.CommonName, "2") {
		t.Errorf("another purpose: %v", err)
	}
}

// Who has opened the authority before another process rotates it goes on with the
// new issuer.
func TestRotationByAnotherProcess(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "ca")
	one, err := pki.InitCA(fsys.Real{}, dir, pki.CAParams{Organization: "Test", Now: now})
	if err != nil {
		t.Fatal(err)
	}
	other, err := pki.OpenCA(fsys.Real{}, dir)
	if err != nil {
		t.Fatal(err)
	}
	rotate(t, other, pki.PurposeNode, false, now)
	if issued := agentCert(t, one, "a", now); !issued.Chain[1].Equal(other.Issuer(pki.PurposeNode)) {
		t.Error("it was issued by the issuer that has retired")
	}
}

// The key of a retired issuer is kept until the last of its certificates has ended.
func TestRetiredIssuerEnds(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "ca")
	ca, err := pki.InitCA(fsys.Real{}, dir, pki.CAParams{Organization: "Test", Now: now})
	if err != nil {
		t.Fatal(err)
	}
	a := agentCert(t, ca, "a", now)
	rotate(t, ca, pki.PurposeNode, false, now)
	list := func(at time.Time) int {
		text, err := ca.CRL(pki.PurposeNode, at)
		if err != nil {
			t.Fatal(err)
		}
		return strings.Count(string(text), "BEGIN X509 CRL")
	}
	key := filepath.Join(dir, "node", "issuer.key")
	if n := list(a.Cert.NotAfter); n != 2 {
		t.Errorf("%d lists while a certificate is in force", n)
	}
	for _, name := range []string{"issuer.crl", "issuer-2.crl"} {
		if alone, err := pki.ReadCRLs(filepath.Join(dir, "node", name)); err != nil || len(alone) != 1 {
			t.Errorf("%s: %d lists, %v", name, len(alone), err)
		}
	}
	if _, err := os.Stat(key); err != nil {
		t.Error(err)
	}
	if n := list(a.Cert.NotAfter.Add(3 * day)); n != 1 {
		t.Errorf("%d lists after the end of the last certificate", n)
	}
	if _, err := os.Stat(key); err == nil {
		t.Error("the key is still there")
	}
	wantCode(t, ca.Revoke(a.Serial, "", a.Cert.NotAfter.Add(3*day)), "IssuerGone")
}

// During the overlap everybody accepts everybody's certificates, whichever root they
// trust; afterwards the old root is needed by none.
func TestRootOverlap(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "ca")
	ca, err := pki.InitCA(fsys.Real{}, dir, pki.CAParams{Organization: "Test", Now: now})
	if err != nil {
		t.Fatal(err)
	}
	oldRoot := ca.Root(pki.PurposeNode)
	before := agentCert(t, ca, "before", now)
	rotate(t, ca, pki.PurposeNode, true, now)
	wantCode(t, ca.Rotate(pki.RotateParams{Purpose: pki.PurposeNode, Root: true, Now: now}), "RotationUnfinished")
	newRoot := ca.Root(pki.PurposeNode)
	if roots := ca.Roots(pki.PurposeNode); len(roots) != 2 || !roots[0].Equal(newRoot) || !roots[1].Equal(oldRoot) || newRoot.Equal(oldRoot) || !ca.CommonRoot(pki.PurposeNode).Equal(oldRoot) {
		t.Fatalf("roots: %d", len(roots))
	}
	during := agentCert(t, ca, "during", now)
	rotate(t, ca, pki.PurposeNode, false, now) // an issuer may be replaced meanwhile
	later := agentCert(t, ca, "later", now)
	old, both, next := pool(t, oldRoot), pool(t, ca.Roots(pki.PurposeNode)...), pool(t, newRoot)
	crls := lists(t, ca, pki.PurposeNode)
	accepted := func(who *pki.Issued, roots *x509.CertPool) bool {
		_, err := pki.CheckNode(who.Chain, roots, crls, now)
		return err == nil
	}
	for who, want := range map[*pki.Issued][3]bool{before: {true, true, false}, during: {true, true, true}, later: {true, true, true}} {
		if got := [3]bool{accepted(who, old), accepted(who, both), accepted(who, next)}; got != want {
			t.Errorf("%s: accepted by old, both and new: %v, want %v", who.Cert.Subject.CommonName, got, want)
		}
	}
	if err := ca.Revoke(during.Serial, "", now); err != nil {
		t.Fatal(err)
	}
	crls = lists(t, ca, pki.PurposeNode)
	for name, roots := range map[string]*x509.CertPool{"old": old, "both": both, "new": next} {
		if _, err := pki.CheckNode(during.Chain, roots, crls, now); !fault.HasCode(err, "CertificateRevoked") {
			t.Errorf("revoked, by who trusts %s: %v", name, err)
		}
	}
	wantCode(t, ca.FinishRotation(pki.PurposeNode, false, now), "CertificatesInForce")
	renewed, err := ca.Renew(before.Serial, pki.RenewParams{Now: now})
	if err != nil || !accepted(renewed, old) || !accepted(renewed, next) {
		t.Fatalf("renewed: %v", err)
	}
	if err := ca.FinishRotation(pki.PurposeNode, false, now); err != nil {
		t.Fatal(err)
	}
	if last := agentCert(t, ca, "last", now); len(last.Chain) != 2 || !accepted(last, next) || accepted(last, old) || !accepted(later, next) {
		t.Error("after the end of the rotation")
	}
	for _, name := range []string{"root.key", "issuer.key"} {
		if _, err := os.Stat(filepath.Join(dir, "node", name)); err == nil {
			t.Errorf("%s is still there", name)
		}
	}
	wantCode(t, ca.FinishRotation(pki.PurposeNode, false, now), "NoRotation")
	if again, err := pki.OpenCA(fsys.Real{}, dir); err != nil || len(again.Roots(pki.PurposeNode)) != 1 {
		t.Errorf("%v", err)
	}
}

// By force, a rotation is finished although certificates of before are in force.
func TestFinishByForce(t *testing.T) {
	t.Parallel()
	ca := newCA(t)
	before := agentCert(t, ca, "before", now)
	rotate(t, ca, pki.PurposeNode, true, now)
	if err := ca.FinishRotation(pki.PurposeNode, true, now); err != nil {
		t.Fatal(err)
	}
	if _, err := pki.CheckNode(before.Chain, pool(t, ca.Roots(pki.PurposeNode)...), nil, now); err == nil {
		t.Error("it is still trusted")
	}
}

// The overlap ends by itself with the old root.
func TestOverlapEndsWithTheOldRoot(t *testing.T) {
	t.Parallel()
	ca, err := pki.InitCA(fsys.Real{}, filepath.Join(t.TempDir(), "ca"), pki.CAParams{Organization: "Test", Now: now, RootValidity: 30 * day})
	if err != nil {
		t.Fatal(err)
	}
	rotate(t, ca, pki.PurposeUser, true, now.Add(20*day))
	for _, at := range []struct {
		after time.Duration
		roots int
	}{{30 * day, 2}, {33 * day, 1}} {
		if _, err := ca.CRL(pki.PurposeUser, now.Add(at.after)); err != nil || len(ca.Roots(pki.PurposeUser)) != at.roots {
			t.Errorf("after %s: %d roots, %v", at.after, len(ca.Roots(pki.PurposeUser)), err)
		}
	}
}

// Keys that are kept elsewhere are asked for before anything is made.
func TestRotationNeedsKeys(t *testing.T) {
	t.Parallel()
	for name, code := range map[string]string{"root.key": "NoRootKey", "issuer.key": "NoIssuerKey"} {
		dir := filepath.Join(t.TempDir(), "ca")
		if _, err := pki.InitCA(fsys.Real{}, dir, pki.CAParams{Organization: "Test", Now: now}); err != nil {
			t.Fatal(err)
		}
		if err := os.Remove(filepath.Join(dir, "signing", name)); err != nil {
			t.Fatal(err)
		}
		ca, err := pki.OpenCA(fsys.Real{}, dir)
		if err != nil {
			t.Fatal(err)
		}
		wantCode(t, ca.Rotate(pki.RotateParams{Purpose: pki.PurposeSigning, Now: now}), code)
	}
}

// Whatever operation of the disk fails, and if the power goes with it: the authority
// can be used, all that was issued is accepted, and the rotation can be done again.
func TestRotationSurvivesFailingDisk(t *testing.T) {
	t.Parallel()
	const dir = "/signet-test-ca"
	root := func(ca *pki.CA) error {
		return ca.Rotate(pki.RotateParams{Purpose: pki.PurposeNode, Root: true, Now: now})
	}
	steps := map[string]struct{ before, step func(*pki.CA) error }{
		"issuer": {func(*pki.CA) error { return nil }, func(ca *pki.CA) error { return ca.Rotate(pki.RotateParams{Purpose: pki.PurposeNode, Now: now}) }},
		"root":   {func(*pki.CA) error { return nil }, root},
		"finish": {root, func(ca *pki.CA) error { return ca.FinishRotation(pki.PurposeNode, true, now) }},
	}
	for name, s := range steps {
		for n := 1; ; n++ {
			mem := fsys.NewMem()
			disk := fsys.NewFailing(mem)
			ca, err := pki.InitCA(disk, dir, pki.CAParams{Organization: "Test", Now: now})
			if err != nil {
				t.Fatal(err)
			}
			if err := s.before(ca); err != nil {
				t.Fatal(err)
			}
			held := agentCert(t, ca, "held", now)
			disk.SetRules(fsys.Rule{Nth: n, Err: syscall.EIO, Forever: n%2 == 0})
			hits := disk.Hits()
			err = s.step(ca)
			hit := disk.Hits() > hits
			disk.SetRules()
			if !hit {
				if err != nil {
					t.Fatal(err)
				}
				if n < 8 {
					t.Fatalf("%s: only %d operations", name, n)
				}
				break
			}
			if err == nil {
				t.Errorf("%s: operation %d failed unseen", name, n)
			}
			stillGood(t, ca, held)
			mem.Crash(rand.New(rand.NewPCG(uint64(n), 1)))
			again, err := pki.OpenCA(disk, dir)
			if err != nil {
				t.Fatalf("%s: after operation %d: %v", name, n, err)
			}
			stillGood(t, again, held)
			if err := s.step(again); err != nil && !fault.HasCode(err, "RotationUnfinished") && !fault.HasCode(err, "NoRotation") {
				t.Errorf("%s: again after operation %d: %v", name, n, err)
			}
			stillGood(t, again, held)
			for _, key := range []string{"root.key", "issuer.key"} {
				if _, err := disk.Stat(dir + "/node/" + key); name == "finish" && err == nil {
					t.Errorf("after operation %d, %s stays", n, key)
				}
			}
		}
	}
}

// stillGood fails the test unless an authority issues and revokes, and a certificate
// of before is accepted.
func stillGood(t *testing.T, ca *pki.CA, held *pki.Issued) {
	t.Helper()
	a := agentCert(t, ca, "a", now)
	roots := pool(t, ca.Roots(pki.PurposeNode)...)
	for _, who := range []*pki.Issued{a, held} {
		if _, err := pki.CheckNode(who.Chain, roots, nil, now); err != nil {
			t.Fatalf("%s: %v", who.Cert.Subject.CommonName, err)
		}
	}
	if err := ca.Revoke(a.Serial, "", now); err != nil {
		t.Fatal(err)
	}
	text, err := ca.CRL(pki.PurposeNode, now)
	if err != nil {
		t.Fatal(err)
	}
	all, err := pki.ParseCRLs(text)
	if err != nil || ca.Lacks(pki.PurposeNode, all) {
		t.Fatalf("a list is missing: %v", err)
	}
	if _, err := pki.CheckNode(a.Chain, roots, crlSet(t, text), now); !fault.HasCode(err, "CertificateRevoked") {
		t.Fatalf("revoked: %v", err)
	}
}

// Who still trusts the old root when the rotation is finished goes on refusing what
// was revoked below it, whichever file he has, until it has ended.
func TestLastListOfADroppedRoot(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "ca")
	ca, err := pki.InitCA(fsys.Real{}, dir, pki.CAParams{Organization: "Test", Now: now})
	if err != nil {
		t.Fatal(err)
	}
	old := pool(t, ca.Root(pki.PurposeNode))
	revoked, other := agentCert(t, ca, "revoked", now), agentCert(t, ca, "other", now)
	rotate(t, ca, pki.PurposeNode, true, now)
	if err := ca.Revoke(revoked.Serial, "", now); err != nil {
		t.Fatal(err)
	}
	if err := ca.FinishRotation(pki.PurposeNode, true, now); err != nil {
		t.Fatal(err)
	}
	check := func(path string) {
		t.Helper()
		list, err := pki.ReadCRLs(path)
		if err != nil {
			t.Fatal(err)
		}
		crls, err := pki.NewCRLSet(list)
		if err != nil {
			t.Fatal(err)
		}
		_, err = pki.CheckNode(revoked.Chain, old, crls, now.Add(60*day))
		wantCode(t, err, "CertificateRevoked")
		if path != ca.CRLPath(pki.PurposeNode) && len(crls.Stale(now.Add(60*day))) > 0 {
			t.Error("the last list is out of date")
		}
	}
	own := filepath.Join(dir, "node", "issuer.crl")
	check(ca.CRLPath(pki.PurposeNode))
	check(own)
	if _, err := ca.CRL(pki.PurposeNode, now.Add(30*day)); err != nil {
		t.Fatal(err)
	}
	check(ca.CRLPath(pki.PurposeNode))
	wantCode(t, ca.Revoke(other.Serial, "", now), "IssuerGone")
	members, err := ca.Members(pki.PurposeNode)
	if err != nil || len(members) != 2 {
		t.Errorf("%d members, %v", len(members), err)
	}

	// A damaged file is made anew, with what the other one has.
	if err := os.WriteFile(ca.CRLPath(pki.PurposeNode), []byte("-----BEGIN X509 CRL-----"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := ca.CRL(pki.PurposeNode, now.Add(31*day)); err != nil {
		t.Fatal(err)
	}
	check(ca.CRLPath(pki.PurposeNode))

	if _, err := ca.CRL(pki.PurposeNode, revoked.Cert.NotAfter.Add(3*day)); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(own); err == nil {
		t.Error("the last list stays for ever")
	}
}

// A list whose number the index has lost, in a crash, is followed by one with a
// greater number: nobody takes one that isn't newer.
func TestListNumbersAreNotUsedTwice(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "ca")
	ca, err := pki.InitCA(fsys.Real{}, dir, pki.CAParams{Organization: "Test", Now: now})
	if err != nil {
		t.Fatal(err)
	}
	before, err := os.ReadFile(filepath.Join(dir, "index.json"))
	if err != nil {
		t.Fatal(err)
	}
	number := func() int64 {
		text, err := ca.CRL(pki.PurposeNode, now)
		if err != nil {
			t.Fatal(err)
		}
		lists, err := pki.ParseCRLs(text)
		if err != nil {
			t.Fatal(err)
		}
		return lists[0].Number.Int64()
	}
	lost := number()
	if err := os.WriteFile(filepath.Join(dir, "index.json"), before, 0o600); err != nil {
		t.Fatal(err)
	}
	if n := number(); n <= lost {
		t.Errorf("number %d after %d", n, lost)
	}
}

// The key of a root makes issuers, so who has it can issue, too.
func TestHoldsKey(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "ca")
	ca, err := pki.InitCA(fsys.Real{}, dir, pki.CAParams{Organization: "Test", Now: now})
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"issuer.key", "root.key"} {
		if !ca.HoldsKey(pki.PurposeSigning) {
			t.Errorf("no key is here, says who has %s", name)
		}
		if err := os.Remove(filepath.Join(dir, "signing", name)); err != nil {
			t.Fatal(err)
		}
		if ca, err = pki.OpenCA(fsys.Real{}, dir); err != nil {
			t.Fatal(err)
		}
	}
	if ca.HoldsKey(pki.PurposeSigning) || !ca.HoldsKey(pki.PurposeNode) {
		t.Error("keys that were removed")
	}
}

// Keys are of the kind that the issuer before has, unless another is asked for; and
// there is an end to issuers whose certificates are in force.
func TestManyIssuers(t *testing.T) {
	t.Parallel()
	ca, err := pki.InitCA(fsys.NewMem(), "/ca", pki.CAParams{Organization: "Test", Algorithm: pki.ECDSAP384, Now: now})
	if err != nil {
		t.Fatal(err)
	}
	bits := func() int { return ca.Issuer(pki.PurposeNode).PublicKey.(*ecdsa.PublicKey).Curve.Params().BitSize }
	for n := range 20 {
		agentCert(t, ca, "a", now)
		rotate(t, ca, pki.PurposeNode, false, now)
		if bits() != 384 {
			t.Fatalf("issuer %d has a key of %d bits", n+2, bits())
		}
	}
	err = ca.Rotate(pki.RotateParams{Purpose: pki.PurposeNode, Algorithm: pki.ECDSAP256, Now: now})
	wantCode(t, err, "TooManyIssuers")
	// They go when all that they have issued has ended.
	later := now.Add(400 * day)
	if _, err := ca.CRL(pki.PurposeNode, later); err != nil {
		t.Fatal(err)
	}
	if err := ca.Rotate(pki.RotateParams{Purpose: pki.PurposeNode, Algorithm: pki.ECDSAP256, Now: later}); err != nil || bits() != 256 {
		t.Errorf("%d bits, %v", bits(), err)
	}
}
