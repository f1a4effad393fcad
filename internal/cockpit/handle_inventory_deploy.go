package cockpit

import (
	"cmp"
	"context"
	"slices"
	"time"

	"github.com/signet-scheduler/signet/api"
	"github.com/signet-scheduler/signet/internal/fault"
	"github.com/signet-scheduler/signet/internal/inventory"
	"github.com/signet-scheduler/signet/internal/item"
	"github.com/signet-scheduler/signet/internal/objectfile"
	"github.com/signet-scheduler/signet/internal/store"
	"github.com/signet-scheduler/signet/internal/strictjson"
)

// Bounds of what a dry run tells.
const (
	maxUsers          = 500
	maxOrderWorkflows = 50
	maxOldVersions    = 10 // of one workflow
)

// deployment is a deployment of drafts on its way.
type deployment struct {
	controller string
	out        api.DraftDeployment
	objects    []objectfile.Object
	remove     []item.Key
	given      map[item.Key]bool
}

// what an object does in a deployment.
const (
	changeNew     = "new"
	changeChanged = "changed"
	changeAgain   = "again"
)

// plan reads the drafts and finds out what their deployment means.
func (d *deployment) plan(r store.Reader, keys []item.Key) error {
	for _, key := range keys {
		d.given[key] = true
	}
	for _, key := range keys {
		o, err := r.Object(storeKey(key))
		if err == nil && o.TrashedAt != 0 {
			err = store.UnknownObject(storeKey(key))
		}
		if err != nil {
			return err
		}
		if err := d.add(r, &o); err != nil {
			return err
		}
	}
	return nil
}

// add takes an object into the deployment.
func (d *deployment) add(r store.Reader, o *store.Object) error {
	key := keyOf(o)
	here, err := d.deployedHere(r, o)
	if err != nil {
		return err
	}
	if here && o.State == string(inventory.Deployed) {
		d.out.Unchanged = append(d.out.Unchanged, api.ObjectKey{Kind: o.Kind, Path: o.Path})
		return nil
	}
	text, err := textOf(r, o)
	if err != nil {
		return err
	}
	read := text.read(key)
	change := changeChanged
	switch {
	case o.Current == 0:
		change = changeNew
	case !here:
		change = changeAgain
	}
	d.out.Deploys = append(d.out.Deploys, api.DraftToDeploy{Kind: o.Kind, Path: o.Path, Change: change, Problems: draftProblems(read.Problems)})
	d.objects = append(d.objects, objectfile.Object{Key: key, File: objectfile.FileOf(key), Bytes: read.Document})
	if o.Former != "" {
		old := item.Key{Kind: key.Kind, Path: o.Former}
		d.remove = append(d.remove, old)
		d.out.Withdraws = append(d.out.Withdraws, api.ObjectKey{Kind: o.Kind, Path: o.Former})
	}
	return d.needs(r, key, read.Root)
}

// deployedHere tells whether the version that is current is deployed at this
// Controller.
func (d *deployment) deployedHere(r store.InventoryReader, o *store.Object) (bool, error) {
	if o.Deployed == 0 {
		return false, nil
	}
	all, err := r.Deployments(o.ID)
	return slices.ContainsFunc(all, func(at store.ObjectDeployment) bool {
		return at.Controller == d.controller && at.Version.ID == o.Current
	}), err
}

// needs notes what an object names and what isn't deployed.
func (d *deployment) needs(r store.InventoryReader, key item.Key, root *strictjson.Node) error {
	for _, to := range inventory.Named(inventory.References(root)) {
		if d.given[to] {
			continue
		}
		o, err := r.Object(storeKey(to))
		if err != nil && !fault.Is(err, fault.NotFound) {
			return err
		}
		at, err := r.Deployments(o.ID)
		if err != nil {
			return err
		}
		if !slices.ContainsFunc(at, func(at store.ObjectDeployment) bool { return at.Controller == d.controller }) {
			d.out.Needs = append(d.out.Needs, api.RelatedObject{Kind: string(to.Kind), Path: to.Path, By: key.String(), State: o.State})
		}
	}
	return nil
}

// users notes who names what is deployed.
func (d *deployment) users(r store.InventoryReader) error {
	for i := range d.objects {
		key := d.objects[i].Key
		room := maxUsers - len(d.out.Users)
		if room <= 0 {
			return nil
		}
		all, err := r.Users(storeKey(key), store.ObjectKey{}, room)
		if err != nil {
			return err
		}
		for j := range all {
			if !d.given[keyOf(&all[j])] {
				d.out.Users = append(d.out.Users, api.RelatedObject{Kind: all[j].Kind, Path: all[j].Path, By: key.String(), State: all[j].State})
			}
		}
	}
	return nil
}

// orders asks the Controller which versions of the workflows orders still run.
func (d *deployment) orders(ctx context.Context, c Controller) error {
	asked := 0
	for _, o := range d.out.Deploys {
		if item.Kind(o.Kind) != item.KindWorkflow || o.Change == changeNew || asked == maxOrderWorkflows {
			continue
		}
		asked++
		newest, err := c.Workflow(ctx, o.Path, "")
		if fault.Is(err, fault.NotFound) {
			continue
		}
		if err != nil {
			return err
		}
		versions := newest.Versions[max(0, len(newest.Versions)-maxOldVersions):]
		for _, v := range versions {
			w := newest
			if v != newest.VersionID {
				if w, err = c.Workflow(ctx, o.Path, v); err != nil && !fault.Is(err, fault.NotFound) {
					return err
				}
			}
			if w.Orders > 0 {
				d.out.Orders = append(d.out.Orders, api.WorkflowOrders{Workflow: o.Path, VersionId: v, Orders: w.Orders, Newest: v == newest.VersionID})
			}
		}
	}
	return nil
}

// problems returns what keeps the drafts from being deployed.
func (d *deployment) problems() []fault.Problem {
	var all []fault.Problem
	for _, o := range d.out.Deploys {
		for _, p := range o.Problems {
			all = append(all, fault.Problem{Where: o.Kind + ":" + o.Path + " " + cmp.Or(p.Pointer, "/"), Message: p.Message})
		}
	}
	return all
}

func (k *call) deployDrafts() error {
	in, err := decode[api.DeployDraftsRequest](k)
	if err != nil {
		return err
	}
	h, err := k.named()
	if err != nil {
		return err
	}
	keys, err := keysOf(in.Objects)
	if err != nil {
		return err
	}
	d := &deployment{controller: h.id, given: map[item.Key]bool{}, out: api.DraftDeployment{
		DryRun: in.DryRun, Deploys: []api.DraftToDeploy{}, Unchanged: []api.ObjectKey{}, Withdraws: []api.ObjectKey{}, Needs: []api.RelatedObject{},
		Users: []api.RelatedObject{}, Orders: []api.WorkflowOrders{},
	}}
	err = k.db.Read(k.r.Context(), func(r store.Reader) error {
		if err := d.plan(r, keys); err != nil || !in.DryRun {
			return err
		}
		return d.users(r)
	})
	if err != nil {
		return err
	}
	if in.DryRun {
		if err := d.orders(k.r.Context(), h.controller); err != nil {
			return err
		}
		return k.answer(d.out)
	}
	if problems := d.problems(); len(problems) > 0 {
		return invalidObjects(problems)
	}
	if len(d.objects) == 0 {
		return k.answer(d.out)
	}
	brought, err := bringRelease(in.Release)
	if err != nil {
		return err
	}
	return k.sendDrafts(h, d, brought, in.RequestId, in.Reason)
}

// keysOf reads which objects are to be deployed.
func keysOf(in []api.ObjectKey) ([]item.Key, error) {
	if len(in) == 0 || len(in) > maxDeployed {
		return nil, fault.New(fault.Invalid, "InvalidRequest", "1 to %d objects can be deployed at once", maxDeployed)
	}
	seen := map[item.Key]bool{}
	keys := make([]item.Key, len(in))
	for i, o := range in {
		key, err := objectKey(o.Kind, o.Path)
		if err != nil {
			return nil, err
		}
		if seen[key] {
			return nil, fault.New(fault.Invalid, "DuplicateKey", "%s is named twice", key)
		}
		seen[key] = true
		keys[i] = key
	}
	return keys, nil
}

// seenWithin is how long a deployment waits until the inventory shows it: it is done
// anyway.
const seenWithin = 10 * time.Second

// sendDrafts deploys, and waits until that is in the inventory.
func (k *call) sendDrafts(h *history, d *deployment, brought *broughtRelease, requestID, reason string) error {
	commandID, err := k.commandID(requestID)
	if err != nil {
		return err
	}
	if err := brought.complete(d.objects); err != nil {
		return err
	}
	deployed, err := k.deployReleased(h, commandID, brought, d.objects, d.remove, reason)
	if err != nil {
		return err
	}
	for i := range deployed {
		d.out.Deploys[i].VersionId = deployed[i].VersionId
	}
	k.seen(h)
	return k.answer(d.out)
}

// seen waits until what was deployed is in the inventory.
func (k *call) seen(h *history) {
	ctx, cancel := context.WithTimeout(k.r.Context(), seenWithin)
	defer cancel()
	if err := h.catchUp(ctx); err != nil {
		k.log.Info("a deployment is done, but not yet in the inventory", "controller", h.id, "error", err)
	}
}
