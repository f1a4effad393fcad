package guard

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"github.com/signet-scheduler/signet/internal/charter"
	"github.com/signet-scheduler/signet/internal/clock"
	"github.com/signet-scheduler/signet/internal/conf"
	"github.com/signet-scheduler/signet/internal/fault"
	"github.com/signet-scheduler/signet/internal/fsys"
	"github.com/signet-scheduler/signet/internal/item"
	"github.com/signet-scheduler/signet/internal/policy"
	"github.com/signet-scheduler/signet/internal/trust"
)

// knownFile holds which policy was accepted last, so that no older one comes back.
const knownFile = "policy-known.json"

// ruling is the trust policy in force, where one is required. It comes from two
// places, of which the higher version counts: the file that an administrator has put
// beside the settings, and the one that was sent here.
type ruling struct {
	disk   fsys.FS
	clock  clock.Clock
	log    *slog.Logger
	file   string // of the policy beside the settings
	sent   string // of the one that was sent, as a policy.Bundle
	memory string // of what was accepted last
	roots  *trust.Watcher

	looking sync.Mutex // guards what follows
	told    []string   // the last problems, as they were logged
	digest  [32]byte
	known   policy.Known
	since   time.Time // when that was accepted

	mu       sync.Mutex // guards what follows
	required bool
	now      *policy.Policy
}

// openRuling reads the root keys and what was accepted before.
func openRuling(c conf.Trust, dataDir string, disk fsys.FS, clk clock.Clock, log *slog.Logger) (*ruling, error) {
	r := &ruling{disk: disk, clock: clk, log: log, file: c.PolicyFile, sent: c.SentPolicy, memory: filepath.Join(dataDir, "trust", knownFile)}
	var err error
	if r.roots, err = trust.NewWatcher(charter.Dirs(c.PolicyRootDir), trust.Policy{MinRSABits: c.MinRSABits}, c.Reload, nil); err != nil {
		return nil, err
	}
	return r, r.recall()
}

// knownJSON is the form of knownFile.
type knownJSON struct {
	Version  int    `json:"version"`
	SHA256   string `json:"sha256"`
	Accepted int64  `json:"accepted"` // milliseconds since 1970
}

// recall reads which policy was accepted last.
func (r *ruling) recall() error {
	text, err := fsys.ReadFile(r.disk, r.memory, 1<<10)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	var k knownJSON
	if err == nil {
		err = json.Unmarshal(text, &k)
	}
	sum, bad := hex.DecodeString(k.SHA256)
	if err != nil || bad != nil || len(sum) != len(r.known.Digest) || k.Version < 1 {
		return fault.Wrap(fault.Corrupt, "PolicyMemoryDamaged", err, "%s, which tells the newest trust policy that was accepted, is damaged: restore it from a backup", r.memory)
	}
	r.known.Version, r.since = k.Version, time.UnixMilli(k.Accepted)
	copy(r.known.Digest[:], sum)
	return nil
}

// remember makes sure that nothing older is accepted after a restart.
func (r *ruling) remember(k policy.Known, now time.Time) error {
	text, err := json.Marshal(knownJSON{k.Version, hex.EncodeToString(k.Digest[:]), now.UnixMilli()})
	if err != nil {
		return fmt.Errorf("encoding what is known of the policy: %w", err)
	}
	if err := r.disk.MkdirAll(filepath.Dir(r.memory)); err != nil {
		return err
	}
	return fsys.WriteFileAtomic(r.disk, r.memory, text)
}

// look reads the root keys and the policy again; true: something has changed.
func (r *ruling) look(installation string) bool {
	r.looking.Lock()
	defer r.looking.Unlock()
	r.roots.Poll(r.clock.Now())
	roots := r.roots.Current()
	// Whoever was ruled by a policy once stays so: to take the root keys away must not
	// open the door.
	required := charter.Required(roots) || r.known.Version > 0
	others := roots.Digest() != r.digest
	r.digest = roots.Digest()
	if !required {
		return r.rule(false, nil)
	}
	before := r.inForce()
	accepted := r.newest(roots, installation)
	switch {
	case accepted == nil && others:
		return r.rule(true, nil) // what the former roots had signed counts no more
	case accepted == nil || before != nil && before.Known() == r.known:
		return r.rule(true, before)
	}
	r.log.Info("trust policy in force", "version", accepted.Policy.Version(), "signers", namesOf(accepted.Signers))
	return r.rule(true, accepted.Policy)
}

// newest returns what is accepted of the two policies, the one with the higher
// version; nil: none is. That the other is older, or isn't there, is as it should be.
func (r *ruling) newest(roots *trust.Set, installation string) *charter.Accepted {
	var newest *charter.Accepted
	problems := map[string]error{}
	for _, source := range []struct {
		file string
		read func() (text, evidence []byte, err error)
	}{{r.file, r.readFile}, {r.sent, r.readSent}} {
		text, evidence, err := source.read()
		var accepted *charter.Accepted
		if err == nil {
			accepted, err = r.accept(roots, text, evidence, installation)
		}
		if err == nil {
			newest = accepted // by now, what is older is refused
			continue
		}
		problems[source.file] = err
	}
	var told []string
	for _, file := range []string{r.file, r.sent} {
		err := problems[file]
		absent := errors.Is(err, fs.ErrNotExist)
		if err == nil || absent && file == r.sent || newest != nil && (absent || fault.HasCode(err, policy.CodeOlder)) {
			continue
		}
		text := fault.Of(err).Public()
		if told = append(told, text); !slices.Contains(r.told, text) {
			r.log.Error("the trust policy isn't accepted", "file", file, "error", err)
		}
	}
	r.told = told
	return newest
}

func (r *ruling) inForce() *policy.Policy {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.now
}

// rule brings a policy into force; it tells whether that is another than before.
func (r *ruling) rule(required bool, p *policy.Policy) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	changed := r.required != required || r.now != p
	r.required, r.now = required, p
	return changed
}

// readFile reads the policy beside the part's settings.
func (r *ruling) readFile() (text, evidence []byte, err error) {
	if text, err = fsys.ReadFile(fsys.Real{}, r.file, policy.MaxBytes); err != nil {
		return nil, nil, fault.Wrap(fault.Untrusted, "TrustPolicyMissing", err, "a trust policy is required, as there are root keys, but %s can't be read: no document is accepted", r.file)
	}
	files := map[string][]byte{}
	for _, suffix := range []string{".sig", ".pem", ".asc", ".sshsig"} {
		data, err := fsys.ReadFile(fsys.Real{}, r.file+suffix, trust.MaxCertificates+trust.MaxSignature)
		switch {
		case err == nil:
			files[suffix] = data
		case !errors.Is(err, fs.ErrNotExist):
			return nil, nil, fault.Wrap(fault.Untrusted, "TrustPolicyMissing", err, "%s can't be read", r.file+suffix)
		}
	}
	signature, err := trust.EvidenceFromFiles(files)
	if err != nil {
		return nil, nil, err
	}
	if evidence, err = json.Marshal(signature); err != nil {
		return nil, nil, fmt.Errorf("encoding evidence: %w", err)
	}
	return text, evidence, nil
}

// readSent reads the policy that was sent here.
func (r *ruling) readSent() (text, evidence []byte, err error) {
	sent, err := fsys.ReadFile(fsys.Real{}, r.sent, 2*policy.MaxBytes)
	if err != nil {
		return nil, nil, fault.Wrap(fault.Untrusted, "TrustPolicyMissing", err, "%s can't be read", r.sent)
	}
	b, err := policy.ReadBundle(string(sent))
	return []byte(b.Policy), b.Evidence, err
}

// accept verifies a policy, and remembers it.
func (r *ruling) accept(roots *trust.Set, text, evidence []byte, installation string) (*charter.Accepted, error) {
	at := r.momentOf(text)
	accepted, err := charter.Accept(roots, text, evidence, installation, r.known, at)
	if err != nil {
		return nil, err
	}
	if accepted.Policy.Known() != r.known {
		if err := r.remember(accepted.Policy.Known(), at); err != nil {
			return nil, err
		}
		r.known, r.since = accepted.Policy.Known(), at
	}
	return accepted, nil
}

// momentOf returns the time at which the certificate of a policy's root must be
// valid: its end isn't the end of what it has signed.
func (r *ruling) momentOf(text []byte) time.Time {
	if sha256.Sum256(text) == r.known.Digest {
		return r.since
	}
	return r.clock.Now()
}

// CheckPolicy verifies a trust policy that was sent here, against the root keys of
// this machine and the newest policy that it knows. Whoever keeps it writes it where
// the settings say, and calls Look.
func (g *Guard) CheckPolicy(b policy.Bundle) error {
	r, installation := g.ruling, g.Installation()
	r.looking.Lock()
	defer r.looking.Unlock()
	r.roots.Poll(r.clock.Now())
	text := []byte(b.Policy)
	_, err := charter.Accept(r.roots.Current(), text, b.Evidence, installation, r.known, r.momentOf(text))
	return err
}

// Look brings a trust policy into force that has just come, instead of at the next
// tick.
func (g *Guard) Look() {
	if g.ruling.look(g.Installation()) {
		g.forget()
	}
}

// check returns an Untrusted fault unless the policy lets the signers sign the
// document. arrived is when the document came; zero: now.
func (r *ruling) check(text, installation string, signers []trust.Signer, by *policy.Release, arrived int64) error {
	r.mu.Lock()
	now, required := r.now, r.required
	r.mu.Unlock()
	if !required {
		return nil
	}
	it, err := item.Parse([]byte(text)) // its signatures were found good
	if err != nil {
		return err
	}
	return now.Decide(policy.Request{
		Facts: policy.FactsOf(it), Environment: installation, Signers: charter.Signers(signers), Release: by, Now: arrival(arrived, r.clock),
	}).Err()
}

// PolicyInForce tells whether a trust policy is required, and the version of the one
// in force; 0: there is none.
func (g *Guard) PolicyInForce() (required bool, version int) {
	r := g.ruling
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.now != nil {
		version = r.now.Version()
	}
	return r.required, version
}

func (r *ruling) keepsBeforeRevocation() bool { return r.inForce().KeepsBeforeRevocation() }

func (r *ruling) close() error { return r.roots.Close() }
