package cockpit

import (
	"context"
	"encoding/json"

	"github.com/signet-scheduler/signet/api"
	"github.com/signet-scheduler/signet/internal/fault"
	"github.com/signet-scheduler/signet/internal/inventory"
	"github.com/signet-scheduler/signet/internal/item"
	"github.com/signet-scheduler/signet/internal/objectfile"
	"github.com/signet-scheduler/signet/internal/release"
	"github.com/signet-scheduler/signet/internal/store"
)

const codeCannotRedeploy = "CannotRedeploy"

// redeployment is an earlier deployment that is to come again.
type redeployment struct {
	asBefore   bool // with the evidence that the documents had
	deployment store.Deployment
	objects    []objectfile.Object // to be signed
	documents  []SignedDocument    // as they were
	problems   []fault.Problem
	out        api.Redeployment
}

// plan reads what the deployment brought, and finds out what is to be done.
func (p *redeployment) plan(r store.Reader, id int64) (err error) {
	if p.deployment, err = r.Deployment(id); err != nil {
		return err
	}
	for after := int64(0); ; {
		page, err := r.DeploymentObjects(id, after, pageSize)
		if err != nil {
			return err
		}
		for i := range page {
			after = page[i].Event
			if page[i].Version == 0 {
				continue // it was withdrawn
			}
			if err := p.add(r, &page[i]); err != nil {
				return err
			}
		}
		if len(page) < pageSize {
			return nil
		}
	}
}

// add takes one object into the plan.
func (p *redeployment) add(r store.Reader, o *store.DeploymentObject) error {
	key := keyOfDeployed(o)
	v, err := r.Version(o.Version)
	if fault.Is(err, fault.NotFound) {
		p.report(key, "its text of then is no longer kept")
		return nil
	}
	if err != nil {
		return err
	}
	same, err := p.isDeployed(r, o, &v)
	if err != nil {
		return err
	}
	if same {
		p.out.Unchanged = append(p.out.Unchanged, api.ObjectKey{Kind: o.Kind, Path: o.Path})
		return nil
	}
	told := api.DeployedObject{Kind: o.Kind, Path: o.Path}
	if p.asBefore {
		told.VersionId = o.VersionID
		if err := p.checkEvidence(r, o); err != nil {
			return err
		}
		p.documents = append(p.documents, SignedDocument{String: v.Text, Evidence: json.RawMessage(o.Evidence)})
	} else {
		p.objects = append(p.objects, objectfile.Object{Key: key, File: objectfile.FileOf(key), Bytes: []byte(inventory.Source(v.Text, key))})
	}
	p.out.Deploys = append(p.out.Deploys, told)
	return nil
}

// isDeployed tells whether the text is what is deployed now; to the server's own
// versions, when it signs.
func (p *redeployment) isDeployed(r store.InventoryReader, o *store.DeploymentObject, v *store.ObjectVersion) (bool, error) {
	at, err := versionAt(r, o.Object, p.deployment.Controller)
	if err != nil || at == 0 {
		return false, err
	}
	now, err := r.Version(at)
	if err != nil || p.asBefore {
		return now.Digest == v.Digest, err
	}
	key := keyOfDeployed(o)
	return inventory.Source(now.Text, key) == inventory.Source(v.Text, key), nil
}

// checkEvidence tells what can be told about evidence without the keys that a
// Controller trusts.
func (p *redeployment) checkEvidence(r store.DeploymentReader, o *store.DeploymentObject) error {
	if o.Evidence == "" {
		p.report(keyOfDeployed(o), "its signature of then isn't known")
		return nil
	}
	ref, ok := release.ReferenceOf(o.Evidence)
	if !ok {
		return nil
	}
	newest, _, err := r.FindDeployments(store.DeploymentQuery{Controller: p.deployment.Controller, Path: o.Path, Limit: 1})
	if err == nil && len(newest) > 0 && newest[0].Release.Serial > ref.Serial {
		p.report(keyOfDeployed(o), "the release that it came with was replaced by a newer one")
	}
	return err
}

func (p *redeployment) report(key item.Key, message string) {
	if len(p.problems) < maxExportProblems {
		p.problems = append(p.problems, fault.Problem{Where: key.String(), Message: message})
	}
}

// refusedRedeploy says what to do instead.
func refusedRedeploy(problems []fault.Problem) error {
	return &fault.Error{Kind: fault.Conflict, Code: codeCannotRedeploy, Problems: problems, Message: "the deployment can't come again as it was; going back is a new deployment of the old texts: " +
		"take them over as drafts, and deploy them; where this server signs nothing, export them for signing as a release"}
}

func (k *call) redeploy() error {
	in, err := decode[api.RedeployRequest](k)
	if err != nil {
		return err
	}
	id, err := k.deploymentID()
	if err != nil {
		return err
	}
	p := &redeployment{asBefore: k.settings.SecurityLevel == levelHigh, out: api.Redeployment{
		DryRun: in.DryRun, Signed: "server", Deploys: []api.DeployedObject{}, Unchanged: []api.ObjectKey{}, Problems: []api.ProblemDetail{},
	}}
	if p.asBefore {
		p.out.Signed = "before"
	}
	h, err := k.planAgain(p, id)
	if err != nil {
		return err
	}
	if in.DryRun {
		if !p.asBefore && len(p.objects) > 0 {
			if _, err := k.signerOfCall(); err != nil {
				p.problems = append(p.problems, fault.Problem{Message: fault.Of(err).Public()})
			}
		}
		p.out.Problems = problemDetails(p.problems)
		return k.answer(p.out)
	}
	if len(p.problems) > 0 {
		return refusedRedeploy(p.problems)
	}
	if len(p.out.Deploys) == 0 {
		return k.answer(p.out)
	}
	return k.sendAgain(h, p, in.RequestId, in.Reason)
}

// planAgain plans with what is deployed now: the inventory may be a moment behind the
// Controller.
func (k *call) planAgain(p *redeployment, id int64) (*history, error) {
	var d store.Deployment
	err := k.db.Read(k.r.Context(), func(r store.Reader) (err error) {
		d, err = r.Deployment(id)
		return err
	})
	if err != nil {
		return nil, err
	}
	h, err := k.history(d.Controller)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(k.r.Context(), seenWithin)
	defer cancel()
	if err := h.catchUp(ctx); err != nil {
		return nil, err
	}
	return h, k.db.Read(k.r.Context(), func(r store.Reader) error { return p.plan(r, id) })
}

// sendAgain deploys, and waits until that is in the history.
func (k *call) sendAgain(h *history, p *redeployment, requestID, reason string) error {
	commandID, err := k.commandID(requestID)
	if err != nil {
		return err
	}
	if p.asBefore {
		u := ItemUpdate{CommandID: commandID, By: k.actor(), Add: p.documents}
		names := make([]string, len(p.out.Deploys))
		for i, o := range p.out.Deploys {
			names[i] = item.Key{Kind: item.Kind(o.Kind), Path: o.Path}.String()
		}
		if err = k.sendItems(h, u, names, reason); fault.Is(err, fault.Untrusted) {
			problems := fault.Of(err).Problems
			if len(problems) == 0 {
				problems = []fault.Problem{{Message: fault.Of(err).Public()}}
			}
			err = refusedRedeploy(problems)
		}
	} else {
		p.out.Deploys, err = k.deployObjects(h, commandID, p.objects, nil, reason)
	}
	if err != nil {
		return err
	}
	k.seen(h)
	err = k.db.Read(k.r.Context(), func(r store.Reader) (err error) {
		p.out.Deployment, err = r.DeploymentOf(h.id, commandID)
		return err
	})
	if err != nil {
		return err
	}
	return k.answer(p.out)
}
