package guard_test

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/signet-scheduler/signet/internal/engine"
	"github.com/signet-scheduler/signet/internal/release"
	"github.com/signet-scheduler/signet/internal/trust"
	"github.com/signet-scheduler/signet/internal/trust/trusttest"
)

// The end of a signer's certificate shows what is remembered: what was verified
// before stays good until it is verified again.
func afterTheEnd() time.Time { return trusttest.Now().Add(48 * time.Hour) }

// distrust takes the first trusted signer away, and has the guard look.
func (m *machine) distrust() {
	m.t.Helper()
	m.check(os.Remove(filepath.Join(m.set.X509Dir, "0.pem")))
	m.Poll(trusttest.Now())
}

// A verdict is remembered until the trust set changes.
func TestVerdictIsRemembered(t *testing.T) {
	t.Parallel()
	alice, bob := trusttest.NewX509(t, "alice"), trusttest.NewSSH(t, "bob")
	m := newMachine(t, alice, bob)
	r := makeRelease(t, nil, alice)
	arrived := trusttest.Now().UnixMilli()
	verify := func(when, own, listed string) {
		t.Helper()
		_, err := m.Verify(direct(t, alice), nil, arrived)
		wantCode(t, "a document that is new, "+when, err, own)
		_, err = m.Verify(r.document, &r.manifest, arrived)
		wantCode(t, "a document of a release, "+when, err, listed)
	}
	d := direct(t, alice)
	_, err := m.Verify(d, nil, arrived)
	wantCode(t, "at first", err, "")
	verify("at first", "", "")
	m.clock.Set(afterTheEnd())
	verify("after the end", trust.CodeSignerExpired, "")
	_, err = m.Verify(d, nil, arrived)
	wantCode(t, "a document that is known, after the end", err, "")

	m.clock.Set(trusttest.Now())
	m.distrust()
	verify("by somebody who is trusted no more", trust.CodeUnknownSigner, trust.CodeUnknownSigner)
	_, err = m.Verify(d, nil, arrived)
	wantCode(t, "a known document by somebody who is trusted no more", err, trust.CodeUnknownSigner)
	if got := m.Generation(); got != 1 || m.changes.Load() != 1 {
		t.Errorf("the set has changed once, and is of generation %d; told %d times", got, m.changes.Load())
	}
}

// An hour after the last look the certificates' validity is looked at again,
// unless they may end.
func TestVerdictsEnd(t *testing.T) {
	t.Parallel()
	for _, mayEnd := range []bool{false, true} {
		alice := trusttest.NewX509(t, "alice")
		m := newMachine(t, alice)
		m.set.AllowExpired, m.set.Reload = mayEnd, 1000*time.Hour
		m.open()
		d := direct(t, alice)
		came := m.clock.Now().UnixMilli()
		_, err := m.Verify(d, nil, 0)
		wantCode(t, "at first", err, "")
		m.Start()
		m.check(m.clock.AwaitWaiters(t.Context(), 2))
		m.clock.Advance(48 * time.Hour)
		code := ""
		if !mayEnd {
			code = trust.CodeSignerExpired
			select {
			case <-m.news:
			case <-time.After(20 * time.Second):
				t.Fatal("nobody was told that an hour has passed")
			}
		}
		m.check(m.Close())
		for range 2 { // whichever is asked first, the other isn't answered by it
			_, err = m.Verify(d, nil, came)
			wantCode(t, fmt.Sprintf("two days later, may end: %t", mayEnd), err, code)
			_, err = m.Verify(d, nil, 0)
			wantCode(t, "come two days later", err, trust.CodeSignerExpired)
		}
	}
}

// What was found out with a trust set that has changed meanwhile isn't remembered.
func TestVerdictOfAFormerSet(t *testing.T) {
	t.Parallel()
	for _, released := range []bool{false, true} {
		alice, bob := trusttest.NewX509(t, "alice"), trusttest.NewSSH(t, "bob")
		m := newMachine(t, alice, bob)
		d, manifest := direct(t, alice), (*engine.Document)(nil)
		if released {
			r := makeRelease(t, nil, alice)
			d, manifest = r.document, &r.manifest
		}
		m.asked = func() { m.asked = m.distrust } // at first when it has come, then while it is verified
		_, err := m.Verify(d, manifest, 0)
		wantCode(t, "with the former set", err, "")
		if m.asked != nil {
			t.Fatal("the guard didn't ask for the time, so nothing was shown")
		}
		_, err = m.Verify(d, manifest, 0)
		wantCode(t, "with the one in force", err, trust.CodeUnknownSigner)
	}
}

// A release that was refused for want of an installation is asked for again when
// the part learns its id meanwhile.
func TestAdoptMeanwhile(t *testing.T) {
	t.Parallel()
	alice := trusttest.NewX509(t, "alice")
	m := newMachine(t, alice)
	m.set.Installation = ""
	m.open()
	r := makeRelease(t, nil, alice)
	m.asked = func() { m.Adopt("here") }
	_, err := m.Verify(r.document, &r.manifest, 0)
	wantCode(t, "without an installation", err, release.CodeWrongAudience)
	_, err = m.Verify(r.document, &r.manifest, 0)
	wantCode(t, "with it", err, "")
}

// 1000 releases are remembered, no more; one that is known can be replaced.
func TestReleasesAreBounded(t *testing.T) {
	t.Parallel()
	alice, bob := trusttest.NewX509(t, "alice"), trusttest.NewSSH(t, "bob")
	m := newMachine(t, alice, bob)
	arrived := trusttest.Now().UnixMilli()
	numbered := func(n int, who trusttest.Identity) made {
		r := makeRelease(t, func(r *release.Manifest) { r.Serial = int64(n) }, who)
		_, err := m.Verify(r.document, &r.manifest, arrived)
		wantCode(t, fmt.Sprint("release ", n), err, "")
		return r
	}
	for n := 1; n < 1000; n++ {
		numbered(n, bob)
	}
	last, surplus := numbered(1000, alice), numbered(1001, alice)
	// The same text as the first, signed by another.
	replaced := numbered(1, alice)
	m.clock.Set(afterTheEnd())
	for _, tt := range []struct {
		name string
		made made
		code string
	}{{"the last that fits", last, ""}, {"the first, signed anew", replaced, ""}, {"one beyond", surplus, trust.CodeSignerExpired}} {
		_, err := m.Verify(tt.made.document, &tt.made.manifest, arrived)
		wantCode(t, tt.name, err, tt.code)
	}
}

// A release has 1 to 16 signatures.
func TestSignaturesAreBounded(t *testing.T) {
	t.Parallel()
	persons := make([]trusttest.Identity, release.MaxSignatures+1)
	for i := range persons {
		persons[i] = trusttest.NewSSH(t, fmt.Sprint("person ", i))
	}
	m := newMachine(t, persons...)
	most, over := makeRelease(t, nil, persons[1:]...), makeRelease(t, nil, persons...)
	_, err := m.Verify(most.manifest, nil, 0)
	wantCode(t, "as many as may be", err, "")
	_, err = m.Verify(over.manifest, nil, 0)
	wantCode(t, "one more", err, trust.CodeMissingEvidence)
}

// Where certificates may end, it counts that they were valid when the document
// arrived; elsewhere, that they are now.
func TestAllowExpired(t *testing.T) {
	t.Parallel()
	alice := trusttest.NewX509(t, "alice")
	for _, tt := range []struct {
		name    string
		allow   bool
		now     time.Time
		arrived int64
		code    string
	}{
		{"allowed, arrived in time", true, afterTheEnd(), trusttest.Now().UnixMilli(), ""},
		{"allowed, arrives now", true, afterTheEnd(), 0, trust.CodeSignerExpired},
		{"allowed, arrived before the certificate", true, trusttest.Now(), 1, trust.CodeSignerNotYetValid},
		{"not allowed, arrived in time", false, afterTheEnd(), trusttest.Now().UnixMilli(), trust.CodeSignerExpired},
		{"not allowed, arrived before the certificate", false, trusttest.Now(), 1, ""},
	} {
		m := newMachine(t, alice)
		m.set.AllowExpired = tt.allow
		m.open()
		m.clock.Set(tt.now)
		_, err := m.Verify(direct(t, alice), nil, tt.arrived)
		wantCode(t, tt.name, err, tt.code)
	}
}

// What is wrong with a trust directory is told, and only that.
func TestTroubleIsTold(t *testing.T) {
	t.Parallel()
	alice, bob := trusttest.NewX509(t, "alice"), trusttest.NewSSH(t, "bob")
	m := newMachine(t, alice, bob)
	const trouble = "can't be used as it is"
	m.distrust()
	if n := m.log.count(trouble); n != 0 || m.changes.Load() != 1 {
		t.Errorf("a good set was told of as trouble %d times; %d changes", n, m.changes.Load())
	}
	m.check(os.WriteFile(filepath.Join(m.set.X509Dir, "a.crl"), []byte("no list"), 0o600))
	m.Poll(trusttest.Now())
	if n := m.log.count(trouble); n != 1 {
		t.Errorf("a broken revocation list was told of %d times", n)
	}
}
