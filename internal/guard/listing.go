package guard

import (
	"crypto/sha256"
	"encoding/json"
	"strings"
	"time"

	"github.com/signet-scheduler/signet/internal/engine"
	"github.com/signet-scheduler/signet/internal/fault"
	"github.com/signet-scheduler/signet/internal/policy"
	"github.com/signet-scheduler/signet/internal/release"
	"github.com/signet-scheduler/signet/internal/trust"
)

// maxReleases bounds the releases that are remembered.
const maxReleases = 1000

// listing is a verified release, or why it isn't good.
type listing struct {
	document engine.Document // the release itself

	signer  string
	signers []trust.Signer
	author  string
	serial  int64
	created time.Time
	expires time.Time
	until   time.Time                   // not zero: a signer was revoked then
	objects map[[32]byte]release.Object // by the digest of the document
	err     error
	span    span
}

// Adopt takes over the id of the installation from the part that this one
// belongs to, unless it is known already. It tells whether that was news, after
// which verdicts about releases have to be asked for again.
func (g *Guard) Adopt(installation string) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.installation != "" || installation == "" {
		return false
	}
	g.installation = installation
	clear(g.releases) // they were for nobody
	return true
}

// Installation returns the id of the installation, or "".
func (g *Guard) Installation() string {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.installation
}

// verifyRelease verifies a release that arrived at a moment, as Verify does.
func (g *Guard) verifyRelease(d engine.Document, arrived int64) (engine.Verified, error) {
	l := g.listing(d, release.Digest(d.Text), arrived)
	if l.err != nil {
		return engine.Verified{}, l.err
	}
	return engine.Verified{Text: d.Text, Signer: l.signer}, nil
}

// verifyListed verifies a document that came with a release.
func (g *Guard) verifyListed(d engine.Document, ref release.Reference, manifest *engine.Document, arrived int64) (engine.Verified, error) {
	if manifest == nil {
		return engine.Verified{}, fault.New(fault.Untrusted, release.CodeReleaseMissing, "the release with number %d, with which the document came, isn't here", ref.Serial)
	}
	l := g.listing(*manifest, ref.SHA256, arrived)
	if l.err != nil {
		return engine.Verified{}, l.err
	}
	if l.serial != ref.Serial {
		return engine.Verified{}, fault.New(fault.Untrusted, release.CodeNotInRelease, "the document came with another release of the number %d", ref.Serial)
	}
	o, ok := l.objects[sha256.Sum256([]byte(d.Text))]
	if !ok {
		return engine.Verified{}, fault.New(fault.Untrusted, release.CodeNotInRelease, "the release with number %d doesn't list this text", ref.Serial)
	}
	if err := g.ruling.check(d.Text, g.Installation(), l.signers, &policy.Release{Author: l.author}, arrived); err != nil {
		return engine.Verified{}, err
	}
	return engine.Verified{Text: d.Text, Signer: l.signer, Listed: &o}, nil
}

// listing returns what the release with a digest lists. The verdict on its
// signatures is remembered; its own time is looked at again, as it depends on the
// arrival. A text that is at hand isn't hashed again for each of its documents: it is
// compared with the one that was, which is mostly the very same.
func (g *Guard) listing(d engine.Document, sum [32]byte, arrived int64) listing {
	g.mu.Lock()
	l, ok := g.releases[sum]
	generation, installation := g.generation, g.installation
	g.mu.Unlock()
	at := g.spanOf(arrived)
	if !ok || l.document != d || !l.span.holds(at) {
		if release.Digest(d.Text) != sum {
			return listing{err: fault.New(fault.Untrusted, release.CodeNotInRelease, "the document came with another release of its number")}
		}
		before := l
		l = g.readListing(d, installation, arrived)
		l.document, l.span = d, at
		if ok && before.document == d && before.err == nil && l.err == nil {
			l.span = before.span.with(at)
		}
		g.mu.Lock()
		if generation == g.generation && installation == g.installation && (ok || len(g.releases) < maxReleases) {
			g.releases[sum] = l
		}
		g.mu.Unlock()
	}
	if l.err == nil {
		l.err = l.timely(arrival(arrived, g.clock))
	}
	if l.err == nil {
		l.err = g.inTime(l.signer, l.until, arrived)
	}
	return l
}

// timely refuses a release that came after its end or before its beginning. One
// that came in time stays good.
func (l *listing) timely(arrived time.Time) error {
	switch {
	case !arrived.Before(l.expires):
		return fault.New(fault.Untrusted, release.CodeReleaseExpired, "the release with number %d was to be deployed before %s", l.serial, l.expires.Format(time.RFC3339))
	case arrived.Add(clockTolerance).Before(l.created):
		return fault.New(fault.Untrusted, release.CodeReleaseNotYet, "the release with number %d was made at %s, which is still to come", l.serial, l.created.Format(time.RFC3339))
	}
	return nil
}

// clockTolerance is how far the clocks of who signs and who verifies may differ.
const clockTolerance = 5 * time.Minute

// readListing verifies all signatures of a release, then reads it.
func (g *Guard) readListing(d engine.Document, installation string, arrived int64) listing {
	var signatures []trust.Evidence
	if err := json.Unmarshal([]byte(d.Evidence), &signatures); err != nil {
		return listing{err: unreadable(err)}
	}
	if len(signatures) == 0 || len(signatures) > release.MaxSignatures {
		return listing{err: fault.New(fault.Untrusted, trust.CodeMissingEvidence, "a release needs 1 to %d signatures", release.MaxSignatures)}
	}
	verified, err := trust.VerifyAll(signatures, func(ev trust.Evidence) (*trust.Verified, error) {
		return g.watcher.Current().VerifyRelease([]byte(d.Text), ev, g.momentOf(arrived))
	})
	if err != nil {
		return listing{err: err}
	}
	signers := trust.SignersOf(verified)
	r, err := release.Parse(verified[0].Bytes())
	if err != nil {
		return listing{err: err}
	}
	if installation == "" {
		return listing{err: fault.New(fault.Untrusted, release.CodeWrongAudience, "this part doesn't know its installation: set signet.installation, or no release is accepted")}
	}
	if r.Audience != installation {
		return listing{err: fault.New(fault.Untrusted, release.CodeWrongAudience, "the release %s is for the installation %s; this is %s", r.Name, r.Audience, installation)}
	}
	l := listing{signer: strings.Join(namesOf(signers), ", "), signers: signers, author: r.Author, serial: r.Serial, created: r.Created, expires: r.Expires, until: revokedAt(signers), objects: make(map[[32]byte]release.Object, len(r.Objects))}
	for _, o := range r.Objects {
		l.objects[o.SHA256] = o
	}
	return l
}
