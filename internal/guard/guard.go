// Package guard stands between a machine and the documents it is given: it
// holds the trust set in force, verifies documents and releases for the engine,
// and tells when the trust set has changed.
//
// Verdicts are remembered for each set, so that verifying a document again
// costs a hash. The package decides nothing about orders; controller and agent
// use one guard each, on their own trust directories.
package guard

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"log/slog"
	"strings"
	"sync"
	"time"

	"github.com/signet-scheduler/signet/internal/clock"
	"github.com/signet-scheduler/signet/internal/conf"
	"github.com/signet-scheduler/signet/internal/engine"
	"github.com/signet-scheduler/signet/internal/fault"
	"github.com/signet-scheduler/signet/internal/fsys"
	"github.com/signet-scheduler/signet/internal/release"
	"github.com/signet-scheduler/signet/internal/trust"
)

// maxVerdicts bounds the verdicts that are remembered.
const maxVerdicts = 1 << 20

// recheck is how often the validity of signers' certificates is looked at
// again while nothing else changes.
const recheck = time.Hour

// Guard verifies documents. Safe for concurrent use.
type Guard struct {
	clock        clock.Clock
	log          *slog.Logger
	allowExpired bool
	watcher      *trust.Watcher
	ruling       *ruling
	reload       time.Duration
	changed      func()

	mu           sync.Mutex
	generation   int
	installation string // "" as long as none is known
	verdicts     map[[32]byte]verdict
	releases     map[[32]byte]listing

	stop chan struct{}
	done sync.WaitGroup
}

type verdict struct {
	signer string
	until  time.Time // not zero: the signer was revoked then
	err    error
	span   span
}

// Open reads the trust directories and the trust policy, and follows them; changed
// is called after each change, when verdicts have to be asked for again. In the
// folder trust of dataDir the guard remembers the newest policy.
func Open(c conf.Trust, dataDir string, disk fsys.FS, clk clock.Clock, log *slog.Logger, changed func()) (*Guard, error) {
	if disk == nil {
		disk = fsys.Real{}
	}
	g := &Guard{
		clock: clk, log: log, allowExpired: c.AllowExpired, changed: changed, reload: c.Reload, installation: c.Installation,
		verdicts: map[[32]byte]verdict{}, releases: map[[32]byte]listing{}, stop: make(chan struct{}),
	}
	dirs := trust.Dirs{X509: c.X509Dir, PGP: c.PGPDir, SSH: c.SSHDir, Passkey: c.PasskeyDir, Sent: c.SentDir}
	w, err := trust.NewWatcher(dirs, trust.Policy{MinRSABits: c.MinRSABits, TellRevoked: true}, c.Reload, g.reloaded)
	if err != nil {
		return nil, err
	}
	g.watcher = w
	g.tell(w.Current())
	if g.ruling, err = openRuling(c, dataDir, disk, clk, log); err != nil {
		return nil, errors.Join(err, w.Close())
	}
	g.ruling.look(g.installation)
	return g, nil
}

// Start begins to follow the trust directories and the policy.
func (g *Guard) Start() {
	g.watcher.Start()
	g.done.Go(func() {
		t := g.clock.NewTicker(g.reload)
		defer t.Stop()
		for {
			select {
			case <-g.stop:
				return
			case <-t.C():
				g.Look()
			}
		}
	})
	g.done.Go(func() {
		t := g.clock.NewTicker(recheck)
		defer t.Stop()
		for {
			select {
			case <-g.stop:
				return
			case <-t.C():
				if !g.allowExpired {
					g.forget()
				}
			}
		}
	})
}

// Close ends the following and waits for it.
func (g *Guard) Close() error {
	select {
	case <-g.stop:
	default:
		close(g.stop)
	}
	err := g.watcher.Close()
	g.done.Wait()
	return errors.Join(err, g.ruling.close())
}

func (g *Guard) reloaded(s *trust.Set, err error) {
	if err != nil {
		g.log.Error("a trust directory can't be used as it is", "error", err)
	}
	g.tell(s)
	g.forget()
}

func (g *Guard) tell(s *trust.Set) {
	digest := s.Digest()
	g.log.Info("trust set in force", "keys", len(s.Signers()), "digest", hex.EncodeToString(digest[:8]))
	for _, p := range s.Warnings() {
		g.log.Warn("trust directory", "where", p.Where, "problem", p.Message)
	}
	if s.Empty() {
		g.log.Warn("no trusted key: every document is refused")
	}
}

func (g *Guard) forget() {
	g.mu.Lock()
	g.generation++
	clear(g.verdicts)
	clear(g.releases)
	g.mu.Unlock()
	g.changed()
}

// Generation counts the changes of the trust set.
func (g *Guard) Generation() int {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.generation
}

// Verify verifies a document that arrived at a moment, in milliseconds since
// the epoch; 0: now. What it returns is the verified text. manifest is the
// release that the evidence names, if it does and if there is one. A release
// itself is told by its evidence: a list of signatures.
func (g *Guard) Verify(d engine.Document, manifest *engine.Document, arrived int64) (engine.Verified, error) {
	if ref, ok := release.ReferenceOf(d.Evidence); ok {
		return g.verifyListed(d, ref, manifest, arrived)
	}
	if strings.HasPrefix(d.Evidence, "[") {
		return g.verifyRelease(d, arrived)
	}
	key := digest(d)
	g.mu.Lock()
	v, ok := g.verdicts[key]
	generation := g.generation
	g.mu.Unlock()
	if at := g.spanOf(arrived); !ok || !v.span.holds(at) {
		before := v
		v = g.verify(d, arrived)
		if v.span = at; ok && before.err == nil && v.err == nil {
			v.span = before.span.with(at)
		}
		g.mu.Lock()
		if generation == g.generation && (ok || len(g.verdicts) < maxVerdicts) {
			g.verdicts[key] = v
		}
		g.mu.Unlock()
	}
	if v.err == nil {
		v.err = g.inTime(v.signer, v.until, arrived)
	}
	if v.err != nil {
		return engine.Verified{}, v.err
	}
	return engine.Verified{Text: d.Text, Signer: v.signer}, nil
}

// inTime refuses what a signer has signed who was revoked, unless it was here before,
// by this machine's own log, and the trust policy lets it stay.
func (g *Guard) inTime(signer string, until time.Time, arrived int64) error {
	if until.IsZero() || arrived > 0 && time.UnixMilli(arrived).Before(until) && g.ruling.keepsBeforeRevocation() {
		return nil
	}
	return fault.New(fault.Untrusted, trust.CodeRevokedSigner, "the certificate of %s was revoked by its issuer at %s", signer, until.UTC().Format(time.RFC3339))
}

// revokedAt returns the first date at which one of the signers was revoked; zero:
// none was.
func revokedAt(signers []trust.Signer) (first time.Time) {
	for _, s := range signers {
		if !s.Revoked.IsZero() && (first.IsZero() || s.Revoked.Before(first)) {
			first = s.Revoked
		}
	}
	return first
}

func digest(d engine.Document) [32]byte {
	h := sha256.New()
	t := sha256.Sum256([]byte(d.Text))
	h.Write(t[:])
	h.Write([]byte(d.Evidence))
	return [32]byte(h.Sum(nil))
}

func (g *Guard) verify(d engine.Document, arrived int64) verdict {
	var ev trust.Evidence
	if err := json.Unmarshal([]byte(d.Evidence), &ev); err != nil {
		return verdict{err: unreadable(err)}
	}
	v, err := g.watcher.Current().Verify([]byte(d.Text), ev, g.momentOf(arrived))
	if err == nil {
		err = g.ruling.check(string(v.Bytes()), g.Installation(), []trust.Signer{v.Signer()}, nil, arrived)
	}
	if err != nil {
		return verdict{err: err}
	}
	return verdict{signer: nameOf(v.Signer()), until: v.Signer().Revoked}
}

func unreadable(err error) error {
	return fault.Wrap(fault.Untrusted, trust.CodeMalformedEvidence, err, "the evidence can't be read")
}

// momentOf returns the time at which a signer's certificate must have been valid.
func (g *Guard) momentOf(arrived int64) time.Time {
	if g.allowExpired {
		return arrival(arrived, g.clock)
	}
	return g.clock.Now()
}

func nameOf(s trust.Signer) string {
	return s.Name + " (" + string(s.Kind) + " " + s.KeyID[:min(16, len(s.KeyID))] + ")"
}

func namesOf(signers []trust.Signer) []string {
	names := make([]string, len(signers))
	for i, s := range signers {
		names[i] = nameOf(s)
	}
	return names
}
