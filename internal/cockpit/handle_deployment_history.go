package cockpit

import (
	"encoding/json"
	"regexp"
	"strconv"
	"strings"

	"github.com/signet-scheduler/signet/api"
	"github.com/signet-scheduler/signet/internal/item"
	"github.com/signet-scheduler/signet/internal/store"
)

// signerText is how a Controller calls a signer: "anna (X509 9f86d081884c7d65)".
var signerText = regexp.MustCompile(`^(.*) \((X509|PGP|SSH|Passkey) ([0-9a-f]+)\)$`)

// signersOf reads whom a Controller names; several that have signed a release are
// parted by commas. What isn't of that form is a name as it stands.
func signersOf(texts []string) []api.Signer {
	out := []api.Signer{}
	seen := map[api.Signer]bool{}
	for _, text := range texts {
		for _, one := range strings.SplitAfter(text, "), ") {
			one = strings.TrimSuffix(one, ", ")
			s := api.Signer{Name: one}
			if m := signerText.FindStringSubmatch(one); m != nil {
				s = api.Signer{Name: m[1], Kind: m[2], Key: m[3]}
			}
			if s.Name != "" && !seen[s] {
				seen[s] = true
				out = append(out, s)
			}
		}
	}
	return out
}

func deploymentOf(d *store.Deployment) api.Deployment {
	out := api.Deployment{
		Id: d.ID, Controller: d.Controller, Time: d.Time, Account: d.Account, Method: d.Method, Reason: d.Reason, Signers: signersOf(d.Signers),
		Added: d.Added, Changed: d.Changed, Withdrawn: d.Withdrawn,
	}
	if d.Release.Serial != 0 {
		out.Release = &api.DeploymentRelease{Name: d.Release.Name, Serial: d.Release.Serial, Author: d.Release.Author, Digest: d.Release.Digest}
	}
	return out
}

func (k *call) listDeployments() error {
	q := k.query("from", "to", "controller", "account", "path", "folder", "signer", "release", "fields", "limit", "cursor")
	if q.err != nil {
		return q.err
	}
	fields, err := rowFields[api.Deployment](q)
	if err != nil {
		return err
	}
	dq := store.DeploymentQuery{
		From: q.number("from", 0, 0, maxMillis), To: q.number("to", 0, 0, maxMillis), Controller: q.text("controller"), Account: q.word("account"), Path: q.word("path"),
		Folder: strings.Trim(q.word("folder"), "/"), Signer: q.word("signer"), Release: q.word("release"), Limit: q.limit(),
	}
	if q.err != nil {
		return q.err
	}
	if dq.Controller != "" {
		if _, err := k.history(dq.Controller); err != nil {
			return err
		}
	}
	if dq.Before, err = readNumberCursor(q.text("cursor")); err != nil {
		return err
	}
	var found []store.Deployment
	var reached int64
	err = k.db.Read(k.r.Context(), func(r store.Reader) error {
		found, reached, err = findDeployments(k.newBudget(), r, dq)
		return err
	})
	if err != nil {
		return err
	}
	out := api.Deployments{Deployments: []api.Deployment{}}
	if reached != 0 {
		out.Cursor, out.More = writeCursor(strconv.FormatInt(reached, 10)), len(found) < dq.Limit
	}
	for i := range found {
		out.Deployments = append(out.Deployments, deploymentOf(&found[i]))
	}
	return k.answerFields(out, "deployments", fields)
}

// deploymentID reads which deployment a call is about.
func (k *call) deploymentID() (int64, error) {
	id, err := strconv.ParseInt(k.r.PathValue("id"), 10, 64)
	if err != nil || id < 1 {
		return 0, store.UnknownDeployment()
	}
	return id, nil
}

func (k *call) getDeployment() error {
	q := k.query("limit", "cursor")
	if q.err != nil {
		return q.err
	}
	limit := q.limit()
	if q.err != nil {
		return q.err
	}
	after, err := readNumberCursor(q.text("cursor"))
	if err != nil {
		return err
	}
	id, err := k.deploymentID()
	if err != nil {
		return err
	}
	out := api.DeploymentDetails{Objects: []api.DeploymentObject{}}
	err = k.db.Read(k.r.Context(), func(r store.Reader) error {
		d, err := r.Deployment(id)
		if err != nil {
			return err
		}
		out.Deployment = deploymentOf(&d)
		if e := json.RawMessage(d.Release.Evidence); out.Deployment.Release != nil && json.Valid(e) {
			out.Deployment.Release.Evidence = e
		}
		all, err := r.DeploymentObjects(id, after, limit+1)
		if err != nil {
			return err
		}
		if len(all) > limit {
			all = all[:limit]
			out.Cursor = writeCursor(strconv.FormatInt(all[limit-1].Event, 10))
		}
		for i := range all {
			o, err := deploymentObjectOf(r, &d, &all[i])
			if err != nil {
				return err
			}
			out.Objects = append(out.Objects, o)
		}
		return nil
	})
	if err != nil {
		return err
	}
	return k.answer(out)
}

func deploymentObjectOf(r store.InventoryReader, d *store.Deployment, o *store.DeploymentObject) (api.DeploymentObject, error) {
	out := api.DeploymentObject{
		Kind: o.Kind, Path: o.Path, Change: o.Change, VersionId: o.VersionID, Version: o.Version, Previous: o.Previous, Digest: o.Digest, Signers: signersOf([]string{o.Signer}),
	}
	if o.Evidence != "" && json.Valid([]byte(o.Evidence)) {
		out.Evidence = json.RawMessage(o.Evidence)
	}
	at, err := versionAt(r, o.Object, d.Controller)
	out.Deployed = o.Version != 0 && at == o.Version
	return out, err
}

// versionAt returns the version of an object that is deployed at a Controller; 0:
// none.
func versionAt(r store.InventoryReader, object int64, controller string) (int64, error) {
	all, err := r.Deployments(object)
	for _, d := range all {
		if d.Controller == controller {
			return d.Version.ID, err
		}
	}
	return 0, err
}

// deployingActions are the operations whose refusals are told beside the history.
func deployingActions() []string {
	return []string{"deploy", "deployDrafts", "deployArchive", "deployRelease", "redeploy", "revokeDeployment"}
}

func (k *call) listRefusedDeployments() error {
	q := k.query("limit", "cursor")
	if q.err != nil {
		return q.err
	}
	aq := store.AuditQuery{Actions: deployingActions(), Result: "refused", Limit: q.limit()}
	if q.err != nil {
		return q.err
	}
	var err error
	if aq.Before, err = readNumberCursor(q.text("cursor")); err != nil {
		return err
	}
	var entries []store.AuditEntry
	var reached int64
	err = k.db.Read(k.r.Context(), func(r store.Reader) error {
		entries, reached, err = findAudit(k.newBudget(), r, aq)
		return err
	})
	if err != nil {
		return err
	}
	out := api.RefusedDeployments{Deployments: []api.RefusedDeployment{}}
	if reached != 0 {
		out.Cursor = writeCursor(strconv.FormatInt(reached, 10))
	}
	for _, e := range entries {
		out.Deployments = append(out.Deployments, api.RefusedDeployment{
			Id: e.ID, Time: e.Time, Account: e.Account, Controller: e.Controller, Action: e.Action, Objects: e.Objects, Reason: e.Reason, Code: e.Result,
		})
	}
	return k.answer(out)
}

// keyOfDeployed returns the key of a deployment's object.
func keyOfDeployed(o *store.DeploymentObject) item.Key {
	return item.Key{Kind: item.Kind(o.Kind), Path: o.Path}
}
