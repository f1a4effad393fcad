package cockpit

import (
	"crypto/rand"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/signet-scheduler/signet/api"
	"github.com/signet-scheduler/signet/internal/fault"
	"github.com/signet-scheduler/signet/internal/item"
	"github.com/signet-scheduler/signet/internal/objectfile"
	"github.com/signet-scheduler/signet/internal/release"
	"github.com/signet-scheduler/signet/internal/store"
	"github.com/signet-scheduler/signet/internal/strictjson"
	"github.com/signet-scheduler/signet/internal/trust"
)

// maxDeployed is how many objects one deployment brings or revokes: as many as a
// release lists.
const maxDeployed = release.MaxObjects

// objectsOf reads what is to be deployed.
func objectsOf(in []api.DeployObject) ([]objectfile.Object, error) {
	if len(in) == 0 {
		return nil, fault.New(fault.Invalid, "InvalidRequest", "there is nothing to deploy")
	}
	if len(in) > maxDeployed {
		return nil, fault.New(fault.TooLarge, "TooManyObjects", "one deployment has at most %d objects", maxDeployed)
	}
	objects := make([]objectfile.Object, len(in))
	seen := map[item.Key]bool{}
	var problems []fault.Problem
	for i := range in {
		o := &in[i]
		key := item.Key{Kind: item.Kind(o.Kind), Path: o.Path}
		where := strictjson.IndexPath("$.objects", i)
		if err := key.Check(); err != nil {
			problems = append(problems, fault.Problem{Where: where, Message: fault.Of(err).Public()})
			continue
		}
		if seen[key] {
			problems = append(problems, fault.Problem{Where: where, Message: key.String() + " is given twice"})
		}
		seen[key] = true
		objects[i] = objectfile.Object{Key: key, File: o.File, Bytes: []byte(o.Document), Evidence: evidenceFiles(o.Evidence)}
		if o.File == "" {
			objects[i].File = objectfile.FileOf(key)
		}
	}
	if len(problems) > 0 {
		return nil, &fault.Error{Kind: fault.Invalid, Code: "InvalidRequest", Message: "the objects can't be deployed", Problems: problems}
	}
	return objects, nil
}

func evidenceFiles(in map[string]string) map[string][]byte {
	if len(in) == 0 {
		return nil
	}
	out := make(map[string][]byte, len(in))
	for suffix, text := range in {
		out[suffix] = []byte(text)
	}
	return out
}

func invalidObjects(problems []fault.Problem) error {
	return &fault.Error{Kind: fault.Invalid, Code: "InvalidItems", Message: "the objects can't be deployed", Problems: problems}
}

func (k *call) deploy() error {
	in, err := decode[api.DeployRequest](k)
	if err != nil {
		return err
	}
	h, err := k.named()
	if err != nil {
		return err
	}
	objects, err := objectsOf(in.Objects)
	if err != nil {
		return err
	}
	// What is wrong with the documents is told first, with file and line; the
	// Controller looks again.
	if problems := objectfile.Validate(objects); len(problems) > 0 {
		return invalidObjects(problems)
	}
	commandID, err := k.commandID(in.RequestId)
	if err != nil {
		return err
	}
	brought, err := bringRelease(in.Release)
	if err != nil {
		return err
	}
	deployed, err := k.deployReleased(h, commandID, brought, objects, nil, in.Reason)
	if err != nil {
		return err
	}
	return k.answer(api.DeployResponse{Deployed: deployed})
}

// deployObjects signs what has no signature and sends all to the Controller,
// with what goes.
func (k *call) deployObjects(h *history, commandID string, objects []objectfile.Object, remove []item.Key, reason string) ([]api.DeployedObject, error) {
	return k.deployReleased(h, commandID, nil, objects, remove, reason)
}

// deployReleased is deployObjects with a release, which may be nil, as the evidence
// of the objects that have none.
func (k *call) deployReleased(h *history, commandID string, brought *broughtRelease, objects []objectfile.Object, remove []item.Key, reason string) ([]api.DeployedObject, error) {
	version := k.newVersion()
	u := ItemUpdate{CommandID: commandID, By: k.actor(), Release: brought.sent(), Remove: remove}
	var deployed []api.DeployedObject
	var names []string
	var problems []fault.Problem
	for i := range objects {
		o := &objects[i]
		d, ok, err := brought.covers(o)
		if err == nil && !ok {
			d, err = k.signed(o, version)
		}
		if err != nil {
			f := fault.Of(err)
			if f.Kind != fault.Untrusted && f.Kind != fault.Invalid {
				return nil, err
			}
			problems = append(problems, fault.Problem{Where: o.File, Message: f.Code + ": " + f.Public()})
			continue
		}
		u.Add = append(u.Add, d)
		names = append(names, o.Key.String())
		deployed = append(deployed, api.DeployedObject{Kind: string(o.Key.Kind), Path: o.Key.Path, VersionId: versionOf(o.Key.Kind, d.String)})
	}
	if len(problems) > 0 {
		return nil, &fault.Error{Kind: fault.Untrusted, Code: "InvalidEvidence", Message: "not every object has good evidence, so none was deployed", Problems: problems}
	}
	for _, key := range remove {
		names = append(names, key.String())
	}
	if err := k.sendItems(h, u, names, reason); err != nil {
		return nil, err
	}
	if brought != nil {
		k.passkeysUsed(brought.passkeys)
	}
	return deployed, nil
}

// sendItems sends a deployment to the Controller, after it was recorded who asks and
// why. names are those of the objects that it adds, then of those that go.
func (k *call) sendItems(h *history, u ItemUpdate, names []string, reason string) error {
	if err := k.beginAudit(h.id, names, reason); err != nil {
		return err
	}
	if err := k.noteReason(h, u.CommandID, reason); err != nil {
		return err
	}
	return nameRefused(h.controller.UpdateItems(k.r.Context(), u), names)
}

// nameRefused names the objects that a Controller refuses: it tells of them by
// their place in the request.
func nameRefused(err error, names []string) error {
	if err == nil || len(fault.Of(err).Problems) == 0 {
		return err
	}
	named := *fault.Of(err)
	named.Problems = slices.Clone(named.Problems)
	for i, p := range named.Problems {
		rest, ok := strings.CutPrefix(p.Where, "$.add[")
		place, inside, found := strings.Cut(rest, "]")
		if n, err := strconv.Atoi(place); ok && found && err == nil && n >= 0 && n < len(names) {
			named.Problems[i].Where = strings.TrimSpace(names[n] + inside)
		}
	}
	return &named
}

// noteReason keeps the reason of a deployment for the versions that it brings: the
// Controller's events don't have it.
func (k *call) noteReason(h *history, commandID, reason string) error {
	if reason == "" {
		return nil
	}
	return k.db.Write(k.r.Context(), func(w store.Writer) error {
		return w.AddDeployment(h.id, commandID, reason, k.clock.Now().UnixMilli())
	})
}

// newVersion returns the version of the workflows of this deployment.
func (k *call) newVersion() string {
	return objectfile.NewVersion(k.clock.Now())
}

// versionOf returns the version that a workflow's document states.
func versionOf(kind item.Kind, document string) string {
	if !kind.Versioned() {
		return ""
	}
	var stated struct {
		VersionID string `json:"versionId"`
	}
	_ = json.Unmarshal([]byte(document), &stated) // it was validated before
	return stated.VersionID
}

// signed returns a document with its own evidence, or with ours if it has none.
func (k *call) signed(o *objectfile.Object, version string) (SignedDocument, error) {
	doc := o.Bytes
	var evidence trust.Evidence
	var err error
	if o.Evidence != nil {
		// Its bytes are what was signed: they are not touched.
		evidence, err = trust.EvidenceFromFiles(o.Evidence)
	} else {
		signer, failed := k.signerOfCall()
		if failed != nil {
			return SignedDocument{}, failed
		}
		if doc, err = objectfile.Complete(o.Bytes, o.Key, version); err != nil {
			return SignedDocument{}, err
		}
		evidence, err = signer.Sign(doc)
	}
	if err != nil {
		return SignedDocument{}, err
	}
	text, err := json.Marshal(evidence)
	if err != nil {
		return SignedDocument{}, fmt.Errorf("encoding evidence: %w", err)
	}
	return SignedDocument{String: string(doc), Evidence: text}, nil
}

func (k *call) validateDeployment() error {
	in, err := decode[api.DeployRequest](k)
	if err != nil {
		return err
	}
	h, err := k.named()
	if err != nil {
		return err
	}
	objects, err := objectsOf(in.Objects)
	if err != nil {
		return err
	}
	problems := objectfile.Validate(objects)
	missing, err := k.missing(h, objects)
	if err != nil {
		return err
	}
	out := api.ValidateResponse{Problems: []api.ProblemDetail{}}
	for _, p := range append(problems, missing...) {
		out.Problems = append(out.Problems, api.ProblemDetail{Where: p.Where, Message: p.Message})
	}
	return k.answer(out)
}

// missing tells which references lead nowhere.
func (k *call) missing(h *history, objects []objectfile.Object) ([]fault.Problem, error) {
	wanted := objectfile.Missing(objects)
	if len(wanted) == 0 {
		return nil, nil
	}
	deployed, err := k.deployed(h, slices.Collect(maps.Keys(wanted)))
	if err != nil {
		return nil, err
	}
	var problems []fault.Problem
	for key, by := range wanted {
		for _, user := range by {
			if !deployed[key] {
				problems = append(problems, fault.Problem{Where: user.String(), Message: "it refers to " + key.String() + ", which is neither given nor deployed"})
			}
		}
	}
	return sorted(problems), nil
}

// deployed tells which of some objects are deployed.
func (k *call) deployed(h *history, keys []item.Key) (map[item.Key]bool, error) {
	deployed := map[item.Key]bool{}
	if len(keys) > fewAsked {
		items, err := h.controller.Items(k.r.Context(), item.Key{}, 0)
		for _, i := range items {
			if i.Newest && !i.Removed {
				deployed[item.Key{Kind: item.Kind(i.Kind), Path: i.Path}] = true
			}
		}
		return deployed, err
	}
	for _, key := range keys {
		_, err := h.controller.Item(k.r.Context(), key)
		if err != nil && !fault.Is(err, fault.NotFound) {
			return nil, err
		}
		deployed[key] = err == nil
	}
	return deployed, nil
}

func (k *call) revokeDeployment() error {
	in, err := decode[api.RevokeRequest](k)
	if err != nil {
		return err
	}
	h, err := k.named()
	if err != nil {
		return err
	}
	if len(in.Objects) == 0 || len(in.Objects) > maxDeployed {
		return fault.New(fault.Invalid, "InvalidRequest", "1 to %d objects can be revoked at once", maxDeployed)
	}
	u := ItemUpdate{CommandID: rand.Text(), By: k.actor()}
	var names []string
	seen := map[item.Key]bool{}
	for _, o := range in.Objects {
		key := item.Key{Kind: item.Kind(o.Kind), Path: o.Path}
		if err := key.Check(); err != nil {
			return err
		}
		if seen[key] {
			return fault.New(fault.Invalid, "DuplicateKey", "%s is named twice", key)
		}
		seen[key] = true
		u.Remove = append(u.Remove, key)
		names = append(names, key.String())
	}
	if err := k.sendItems(h, u, names, in.Reason); err != nil {
		return err
	}
	k.seen(h)
	return k.done()
}

func (k *call) listItems() error {
	q := k.query("controller", "fields", "limit", "cursor")
	if q.err != nil {
		return q.err
	}
	fields, err := rowFields[api.Item](q)
	if err != nil {
		return err
	}
	h, err := k.history(q.text("controller"))
	if err != nil {
		return err
	}
	limit := q.limit()
	if q.err != nil {
		return q.err
	}
	cursor, err := readKeyCursor(q.text("cursor"))
	if err != nil {
		return err
	}
	after := item.Key{Kind: item.Kind(cursor.Kind), Path: cursor.Path}
	all, err := h.controller.Items(k.r.Context(), after, limit+1)
	if err != nil {
		return err
	}
	out := api.Items{Items: []api.Item{}}
	var last item.Key
	for i := range all {
		it := &all[i]
		key := item.Key{Kind: item.Kind(it.Kind), Path: it.Path}
		if key.Compare(after) <= 0 {
			continue // the Controller is of a version that gives all
		}
		if len(out.Items) >= limit && key != last {
			break // the versions of a workflow aren't torn apart
		}
		last = key
		out.Items = append(out.Items, api.Item{
			Kind: it.Kind, Path: it.Path, VersionId: it.VersionID, Revision: it.Revision, Signer: it.Signer, Newest: it.Newest,
			Removed: it.Removed, Quarantine: problemOf(it.Quarantine),
		})
	}
	if len(all) > limit && len(out.Items) > 0 {
		out.Cursor = writeKeyCursor(string(last.Kind), last.Path)
	}
	return k.answerFields(out, "items", fields)
}
