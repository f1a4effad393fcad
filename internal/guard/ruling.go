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

// ruling is the trust policy in force, where one is required.
type ruling struct {
	disk   fsys.FS
	clock  clock.Clock
	log    *slog.Logger
	file   string // of the policy
	memory string // of what was accepted last
	roots  *trust.Watcher
	told   string // the last problem, as it was logged
	digest [32]byte
	known  policy.Known
	since  time.Time // when that was accepted

	mu       sync.Mutex
	required bool
	now      *policy.Policy
}

// openRuling reads the root keys and what was accepted before.
func openRuling(c conf.Trust, dataDir string, disk fsys.FS, clk clock.Clock, log *slog.Logger) (*ruling, error) {
	r := &ruling{disk: disk, clock: clk, log: log, file: c.PolicyFile, memory: filepath.Join(dataDir, "trust", knownFile)}
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
	accepted, err := r.read(roots, installation)
	if err != nil {
		r.tell(err)
		if others {
			before = nil // what the former roots had signed counts no more
		}
		return r.rule(true, before)
	}
	r.known, r.told = accepted.Policy.Known(), ""
	if before != nil && before.Known() == r.known {
		return r.rule(true, before)
	}
	r.log.Info("trust policy in force", "version", accepted.Policy.Version(), "signers", namesOf(accepted.Signers))
	return r.rule(true, accepted.Policy)
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

// read accepts the policy that lies beside the part's settings.
func (r *ruling) read(roots *trust.Set, installation string) (*charter.Accepted, error) {
	text, err := fsys.ReadFile(fsys.Real{}, r.file, policy.MaxBytes)
	if err != nil {
		return nil, fault.Wrap(fault.Untrusted, "TrustPolicyMissing", err, "a trust policy is required, as there are root keys, but %s can't be read: no document is accepted", r.file)
	}
	files := map[string][]byte{}
	for _, suffix := range []string{".sig", ".pem", ".asc", ".sshsig"} {
		data, err := fsys.ReadFile(fsys.Real{}, r.file+suffix, trust.MaxCertificates+trust.MaxSignature)
		switch {
		case err == nil:
			files[suffix] = data
		case !errors.Is(err, fs.ErrNotExist):
			return nil, fault.Wrap(fault.Untrusted, "TrustPolicyMissing", err, "%s can't be read", r.file+suffix)
		}
	}
	evidence, err := trust.EvidenceFromFiles(files)
	if err != nil {
		return nil, err
	}
	signature, err := json.Marshal(evidence)
	if err != nil {
		return nil, fmt.Errorf("encoding evidence: %w", err)
	}
	// The root's certificate may end without ending what it has signed.
	at := r.clock.Now()
	if r.known.Version > 0 && sha256.Sum256(text) == r.known.Digest {
		at = r.since
	}
	accepted, err := charter.Accept(roots, text, signature, installation, r.known, at)
	if err != nil {
		return nil, err
	}
	if accepted.Policy.Known() != r.known {
		if err := r.remember(accepted.Policy.Known(), at); err != nil {
			return nil, err
		}
		r.since = at
	}
	return accepted, nil
}

// tell logs a problem once.
func (r *ruling) tell(err error) {
	if text := fault.Of(err).Public(); text != r.told {
		r.told = text
		r.log.Error("the trust policy isn't accepted", "file", r.file, "error", err)
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
	at := r.clock.Now()
	if arrived > 0 {
		at = time.UnixMilli(arrived)
	}
	return now.Decide(policy.Request{
		Facts: policy.FactsOf(it), Environment: installation, Signers: charter.Signers(signers), Release: by, Now: at,
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

func (r *ruling) close() error { return r.roots.Close() }
