package cockpit

import (
	"encoding/json"
	"fmt"
	"time"

	"github.com/signet-scheduler/signet/api"
	"github.com/signet-scheduler/signet/internal/fault"
	"github.com/signet-scheduler/signet/internal/objectfile"
	"github.com/signet-scheduler/signet/internal/release"
	"github.com/signet-scheduler/signet/internal/trust"
)

// broughtRelease is a release that a deployment brings, as it was signed elsewhere.
// The Cockpit passes it on: Controller and Agents verify it.
type broughtRelease struct {
	text      string
	manifest  *release.Manifest
	evidence  []json.RawMessage
	reference json.RawMessage // the evidence of its documents
	passkeys  [][]byte        // credential ids of those that signed
}

// SignedRelease is a release's exact text, and its signatures as JSON.
type SignedRelease struct {
	String   string            `json:"string"`
	Evidence []json.RawMessage `json:"evidence"`
}

// NextRelease is what a release that is made now has to state.
type NextRelease struct {
	Installation  string `json:"installation"` // its audience
	SecurityLevel string `json:"securityLevel"`
	Serial        int64  `json:"serial"` // of the newest release that was deployed, or 0
}

// bringRelease reads the release of a request; nil: it has none.
func bringRelease(in *api.DeployRelease) (*broughtRelease, error) {
	if in == nil {
		return nil, nil
	}
	if len(in.Evidence) == 0 || len(in.Evidence) > release.MaxSignatures {
		return nil, fault.New(fault.Untrusted, trust.CodeMissingEvidence, "a release needs 1 to %d signatures", release.MaxSignatures)
	}
	r := &broughtRelease{text: in.Document}
	for _, files := range in.Evidence {
		evidence, err := trust.EvidenceFromFiles(evidenceFiles(files))
		if err != nil {
			return nil, err
		}
		text, err := json.Marshal(evidence)
		if err != nil {
			return nil, fmt.Errorf("encoding evidence: %w", err)
		}
		r.evidence = append(r.evidence, text)
		if evidence.Kind == trust.Passkey {
			r.passkeys = append(r.passkeys, evidence.CredentialID)
		}
	}
	// It is read before anybody has verified it, to tell early what can't be right;
	// the Controller reads it after.
	var err error
	if r.manifest, err = release.Parse([]byte(in.Document)); err != nil {
		f := *fault.Of(err)
		f.Kind = fault.Untrusted
		return nil, &f
	}
	r.reference = json.RawMessage(release.Refer(r.manifest, r.text).Evidence())
	return r, nil
}

// sent returns the release as the Controller gets it.
func (r *broughtRelease) sent() *SignedRelease {
	if r == nil {
		return nil
	}
	return &SignedRelease{String: r.text, Evidence: r.evidence}
}

// covers returns a document with the release as its evidence; ok is false for
// one that has evidence of its own, or when there is no release.
func (r *broughtRelease) covers(o *objectfile.Object) (d SignedDocument, ok bool, err error) {
	if r == nil || o.Evidence != nil {
		return SignedDocument{}, false, nil
	}
	text := string(o.Bytes)
	if err := r.manifest.Covers(o.Key, versionOf(o.Key.Kind, text), text); err != nil {
		return SignedDocument{}, true, err
	}
	return SignedDocument{String: text, Evidence: r.reference}, true, nil
}

// complete makes of drafts the documents that the release lists: with its versions.
func (r *broughtRelease) complete(objects []objectfile.Object) (err error) {
	if r == nil {
		return nil
	}
	for i := range objects {
		o := &objects[i]
		if listed, ok := r.manifest.Object(o.Key); ok && o.Evidence == nil {
			if o.Bytes, err = objectfile.Complete(o.Bytes, o.Key, listed.VersionID); err != nil {
				return err
			}
		}
	}
	return nil
}

// nextSerial returns the number of a release that is made now. It rises with the
// time, so that those who make releases apart from each other need not agree.
func nextSerial(newest int64, now time.Time) int64 { return max(newest+1, now.UnixMilli()) }

// nextAt asks a Controller what a release that is made now has to state.
func (k *call) nextAt(h *history) (NextRelease, error) {
	next, err := h.controller.NextRelease(k.r.Context())
	if err == nil && next.Installation == "" {
		err = fault.New(fault.Conflict, "NoInstallation", "the Controller %s has no installation id, and accepts no release: set signet.installation in the configuration of all parts", h.id)
	}
	return next, err
}

// nextRelease tells what a release that is made now has to state.
func (k *call) nextRelease() error {
	h, err := k.named()
	if err != nil {
		return err
	}
	next, err := k.nextAt(h)
	if err != nil {
		return err
	}
	return k.answer(api.NextRelease{Audience: next.Installation, Serial: nextSerial(next.Serial, k.clock.Now()), SecurityLevel: api.NextReleaseSecurityLevel(next.SecurityLevel)})
}
