package cockpit

import (
	"encoding/json"
	"fmt"
	"strconv"

	"github.com/signet-scheduler/signet/api"
	"github.com/signet-scheduler/signet/internal/fault"
	"github.com/signet-scheduler/signet/internal/release"
	"github.com/signet-scheduler/signet/internal/store"
	"github.com/signet-scheduler/signet/internal/trust"
)

// Releases that wait here for signatures. Nothing about them is believed: whoever
// signs looks at what was kept, and Controllers and Agents verify all signatures.
const (
	mostReleases    = 100
	maxKeptRelease  = 16 << 20 // bytes of a manifest with its documents; larger ones go in archives
	codeReleaseOver = "ReleaseExpired"
)

// keptRelease is what is kept of a release, exactly as it was made.
type keptRelease struct {
	Document string             `json:"document"`
	Objects  []api.DeployObject `json:"objects"`
}

// keepRelease keeps a release for those who sign it.
func (k *call) keepRelease() error {
	in, err := decode[api.PackReleaseRequest](k)
	if err != nil {
		return err
	}
	h, err := k.named()
	if err != nil {
		return err
	}
	m, objects, err := readRelease(&in)
	if err != nil {
		return err
	}
	now := k.clock.Now()
	if !m.Expires.After(now) {
		return fault.New(fault.Invalid, codeReleaseOver, "the release had to be deployed before %s", m.Expires)
	}
	p := store.PendingRelease{
		Controller: h.id, Name: m.Name, Author: m.Author, Reason: m.Reason, Digest: digestOf(in.Document), Objects: len(objects),
		MadeAt: now.UnixMilli(), ExpiresAt: m.Expires.UnixMilli(),
	}
	for _, files := range in.Evidence {
		if _, err := trust.EvidenceFromFiles(evidenceFiles(files)); err != nil {
			return err
		}
		p.Signatures = append(p.Signatures, store.PendingSignature{At: p.MadeAt, Evidence: files})
	}
	if len(p.Signatures) > release.MaxSignatures {
		return fault.New(fault.Invalid, trust.CodeSurplusEvidence, "a release has at most %d signatures", release.MaxSignatures)
	}
	body, err := json.Marshal(keptRelease{in.Document, documentsOf(objects)})
	if err != nil {
		return fmt.Errorf("writing a release: %w", err)
	}
	if len(body) > maxKeptRelease {
		return fault.New(fault.TooLarge, "ReleaseTooLarge", "it has more than %d MiB: give it to the next signer as an archive", maxKeptRelease>>20)
	}
	if err := k.beginAudit(h.id, []string{releaseName(m.Name)}, m.Reason); err != nil {
		return err
	}
	err = k.db.Write(k.r.Context(), func(w store.Writer) (err error) {
		if err := w.DeletePendingReleases(p.MadeAt); err != nil {
			return err
		}
		p.ID, err = w.AddPendingRelease(p, body, mostReleases)
		return err
	})
	if err != nil {
		return err
	}
	return k.answer(told(&p))
}

func releaseName(name string) string { return "Release:" + name }

// told is what is told of a release.
func told(p *store.PendingRelease) api.KeptRelease {
	out := api.KeptRelease{
		Id: p.ID, Controller: p.Controller, Name: p.Name, Author: p.Author, Reason: p.Reason, Sha256: p.Digest, Objects: p.Objects,
		MadeAt: p.MadeAt, Expires: p.ExpiresAt, Signatures: []api.KeptSignature{},
	}
	for _, s := range p.Signatures {
		one := api.KeptSignature{Account: s.Account, At: s.At}
		if evidence, err := trust.EvidenceFromFiles(evidenceFiles(s.Evidence)); err == nil {
			one.Kind = string(evidence.Kind)
		}
		out.Signatures = append(out.Signatures, one)
	}
	return out
}

func (k *call) listReleases() error {
	if q := k.query(); q.err != nil {
		return q.err
	}
	var all []store.PendingRelease
	err := k.db.Read(k.r.Context(), func(r store.Reader) (err error) {
		all, err = r.PendingReleases()
		return err
	})
	if err != nil {
		return err
	}
	out := api.KeptReleases{Releases: []api.KeptRelease{}}
	for i := range all {
		// What is over is forgotten when the next one comes.
		if all[i].ExpiresAt > k.clock.Now().UnixMilli() {
			out.Releases = append(out.Releases, told(&all[i]))
		}
	}
	return k.answer(out)
}

// kept reads the release that the address names, unless its time is over.
func (k *call) kept() (p store.PendingRelease, text keptRelease, err error) {
	id, err := strconv.ParseInt(k.r.PathValue("id"), 10, 64)
	if err != nil || id < 1 {
		return p, text, store.UnknownRelease()
	}
	var body []byte
	err = k.db.Read(k.r.Context(), func(r store.Reader) (err error) {
		p, body, err = r.PendingRelease(id)
		return err
	})
	switch {
	case err != nil:
	case p.ExpiresAt <= k.clock.Now().UnixMilli():
		err = store.UnknownRelease()
	default:
		if json.Unmarshal(body, &text) != nil {
			err = fault.New(fault.Corrupt, "BadRow", "the release %d can't be read", id)
		}
	}
	return p, text, err
}

func (k *call) getRelease() error {
	if q := k.query(); q.err != nil {
		return q.err
	}
	p, text, err := k.kept()
	if err != nil {
		return err
	}
	return k.answerKept(&p, text)
}

// answerKept answers with a release and all that belongs to it.
func (k *call) answerKept(p *store.PendingRelease, text keptRelease) error {
	m, err := release.Parse([]byte(text.Document))
	if err != nil {
		return err
	}
	whole := prepared(m, []byte(text.Document), nil)
	whole.Objects, whole.Evidence = text.Objects, evidenceOf(p)
	out := told(p)
	out.Release = &whole
	err = k.db.Read(k.r.Context(), func(r store.Reader) error {
		out.Deployed, err = deployedOf(r, p.Controller, text.Objects)
		return err
	})
	if err != nil {
		return err
	}
	return k.answer(out)
}

// deployedOf returns the versions of objects that are deployed at a Controller.
func deployedOf(r store.InventoryReader, controller string, objects []api.DeployObject) (all []api.ReleaseObject, err error) {
	for _, o := range objects {
		known, err := r.Object(store.ObjectKey{Kind: o.Kind, Path: o.Path})
		if fault.Is(err, fault.NotFound) {
			continue
		}
		if err != nil {
			return nil, err
		}
		version, err := versionAt(r, known.ID, controller)
		if err != nil {
			return nil, err
		}
		if version != 0 {
			all = append(all, api.ReleaseObject{Kind: o.Kind, Path: o.Path, Version: version})
		}
	}
	return all, nil
}

func evidenceOf(p *store.PendingRelease) []map[string]string {
	var all []map[string]string
	for _, s := range p.Signatures {
		all = append(all, s.Evidence)
	}
	return all
}

// signRelease adds the caller's signature, in the place of an earlier one.
func (k *call) signRelease() error {
	in, err := decode[api.SignReleaseRequest](k)
	if err != nil {
		return err
	}
	p, _, err := k.kept()
	if err != nil {
		return err
	}
	evidence, err := trust.EvidenceFromFiles(evidenceFiles(in.Evidence))
	if err != nil {
		return err
	}
	if err := k.beginAudit(p.Controller, []string{releaseName(p.Name)}, p.Reason); err != nil {
		return err
	}
	s := store.PendingSignature{Account: k.session.Account.Name, At: k.clock.Now().UnixMilli(), Evidence: in.Evidence}
	err = k.db.Write(k.r.Context(), func(w store.Writer) error { return w.SignPendingRelease(p.ID, s, release.MaxSignatures) })
	if err != nil {
		return err
	}
	if evidence.Kind == trust.Passkey {
		k.passkeysUsed([][]byte{evidence.CredentialID})
	}
	p, text, err := k.kept()
	if err != nil {
		return err
	}
	return k.answerKept(&p, text)
}

// deployRelease deploys a release with the signatures that it has got. It stays when
// they don't suffice.
func (k *call) deployRelease() error {
	in, err := decode[api.DeployReleaseRequest](k)
	if err != nil {
		return err
	}
	p, text, err := k.kept()
	if err != nil {
		return err
	}
	h, err := k.history(p.Controller)
	if err != nil {
		return err
	}
	objects, err := objectsOf(text.Objects)
	if err != nil {
		return err
	}
	brought, err := bringRelease(&api.DeployRelease{Document: text.Document, Evidence: evidenceOf(&p)})
	if err != nil {
		return err
	}
	commandID, err := k.commandID(in.RequestId)
	if err != nil {
		return err
	}
	deployed, err := k.deployReleased(h, commandID, brought, objects, nil, p.Reason)
	if err != nil {
		return err
	}
	k.seen(h)
	out := api.ReleaseDeployed{Deployed: deployed}
	err = k.db.Write(k.r.Context(), func(w store.Writer) error {
		if err := w.DeletePendingRelease(p.ID); err != nil && !fault.Is(err, fault.NotFound) {
			return err
		}
		out.Deployment, err = w.DeploymentOf(h.id, commandID)
		return err
	})
	if err != nil {
		return err
	}
	return k.answer(out)
}

// deleteRelease gives a release up.
func (k *call) deleteRelease() error {
	p, _, err := k.kept()
	if err != nil {
		return err
	}
	if err := k.beginAudit(p.Controller, []string{releaseName(p.Name)}, p.Reason); err != nil {
		return err
	}
	if err := k.db.Write(k.r.Context(), func(w store.Writer) error { return w.DeletePendingRelease(p.ID) }); err != nil {
		return err
	}
	return k.done()
}
