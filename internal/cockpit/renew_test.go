package cockpit

import (
	"context"
	"path/filepath"
	"testing"
	"time"

	"github.com/signet-scheduler/signet/internal/clock"
	"github.com/signet-scheduler/signet/internal/fsys"
	"github.com/signet-scheduler/signet/internal/pki"
	"github.com/signet-scheduler/signet/internal/transport"
)

// enrolledPart makes a part with a certificate of a day, that the fake Controller
// passes on to.
func (b *bench) enrolledPart(clk clock.Clock, name PartName, p pki.NodeParams) *transport.Credentials {
	b.Helper()
	dir := b.TempDir()
	files := transport.Files{
		Cert: filepath.Join(dir, "cert.pem"), Key: filepath.Join(dir, "key.pem"), Trust: []string{filepath.Join(dir, "trust.pem")}, Renewed: filepath.Join(dir, "renewed.pem"),
	}
	p.Now = clk.Now()
	issued, err := b.ca().IssueNode(p)
	b.check(err)
	b.check(pki.WriteKeyPEM(fsys.Real{}, files.Key, issued.Key))
	b.check(pki.WriteCertsPEM(fsys.Real{}, files.Cert, issued.Chain...))
	b.check(pki.WriteCertsPEM(fsys.Real{}, files.Trust[0], b.ca().Root(pki.PurposeNode)))
	creds, err := transport.LoadCredentialsWith(files, transport.CredentialOptions{Clock: clk})
	b.check(err)
	b.fake.mu.Lock()
	defer b.fake.mu.Unlock()
	b.fake.parts = map[PartName]*transport.Credentials{name: creds}
	return creds
}

// A certificate of an enrolled part is renewed when two thirds of its life are over,
// and no sooner; one that its administrator gave it never is.
func TestRenewal(t *testing.T) {
	t.Parallel()
	fake := clock.NewFake(time.Now())
	b := newBench(t, options{authority: true, noStart: true, clock: fake})
	renew := func() {
		t.Helper()
		b.check(b.c.renewAll(context.Background()))
	}
	member := pki.NodeParams{Role: pki.RoleController, Name: "c", Validity: 24 * time.Hour, Enrolled: true}
	part := b.enrolledPart(fake, PartName{Member: "c"}, member)
	first := part.Shown()
	renew()
	fake.Advance(15 * time.Hour)
	renew()
	if part.Shown() != first {
		t.Error("it was renewed too soon")
	}
	fake.Advance(2 * time.Hour)
	renew()
	second := part.Shown()
	if second == first || time.UnixMilli(second.NotAfter).Before(fake.Now().Add(23*time.Hour)) {
		t.Errorf("it wasn't renewed: %+v", second)
	}
	record, _, err := b.ca().Show(second.Serial)
	b.check(err)
	if record.Renews != first.Serial || !record.Enrolled || record.Identity() != (pki.Identity{Role: pki.RoleController, Name: "c"}) {
		t.Errorf("the record: %+v", record)
	}
	renew()
	if part.Shown() != second {
		t.Error("it was renewed twice")
	}
	// Short-lived ones that are long over are forgotten, but for revoked ones.
	for range 6 {
		fake.Advance(17 * time.Hour)
		renew()
	}
	if _, _, err := b.ca().Show(first.Serial); err == nil {
		t.Error("the first is still in the index")
	}
	if all, err := b.ca().List(); err != nil || len(all) > 6 {
		t.Errorf("%d records are kept, %v", len(all), err)
	}

	// Revoked: never again.
	last := part.Shown()
	b.check(b.ca().Revoke(last.Serial, pki.ReasonKeyCompromise, fake.Now()))
	fake.Advance(17 * time.Hour)
	renew()
	if part.Shown() != last {
		t.Error("a revoked certificate was renewed")
	}
	// Not enrolled: its administrator renews it.
	member.Enrolled = false
	part = b.enrolledPart(fake, PartName{Member: "c"}, member)
	kept := part.Shown()
	fake.Advance(23 * time.Hour)
	renew()
	if part.Shown() != kept {
		t.Error("an administrator's certificate was renewed")
	}
}
