package cockpit

import (
	"slices"
	"strconv"
	"strings"

	"github.com/signet-scheduler/signet/api"
	"github.com/signet-scheduler/signet/internal/fault"
	"github.com/signet-scheduler/signet/internal/inventory"
	"github.com/signet-scheduler/signet/internal/item"
	"github.com/signet-scheduler/signet/internal/objectfile"
	"github.com/signet-scheduler/signet/internal/store"
	"github.com/signet-scheduler/signet/internal/strictjson"
	"github.com/signet-scheduler/signet/internal/workflow"
)

func summaryOf(o *store.Object) api.InventorySummary {
	return api.InventorySummary{
		Kind: o.Kind, Path: o.Path, Title: o.Title, State: o.State, Deployed: o.Deployed > 0, Format: o.Format, Problems: o.Problems, Revision: o.Revision,
		ChangedAt: o.ChangedAt, ChangedBy: o.ChangedBy, TrashedAt: o.TrashedAt, Former: o.Former, Successor: o.Successor,
	}
}

func draftProblems(all []objectfile.Diagnosis) []api.DraftProblem {
	out := make([]api.DraftProblem, len(all))
	for i, d := range all {
		out[i] = api.DraftProblem{
			Pointer: d.Pointer, Line: d.Line, Column: d.Column, TextLine: d.TextLine, TextColumn: d.TextColumn, Message: d.Message, Hint: d.Hint,
		}
	}
	return out
}

func deploymentsOf(all []store.ObjectDeployment) []api.ObjectDeployment {
	out := make([]api.ObjectDeployment, len(all))
	for i, d := range all {
		out[i] = api.ObjectDeployment{
			Controller: d.Controller, Version: d.Version.ID, VersionId: d.Version.Version, Signer: d.Version.Signer, Time: d.Version.Time, Account: d.Version.Account,
		}
	}
	return out
}

// objectKey reads the key of an object that a call is about.
func objectKey(kind, path string) (item.Key, error) {
	k := item.Key{Kind: item.Kind(kind), Path: path}
	return k, k.Check()
}

// folderPath reads the path of a folder; "" is the root.
func folderPath(path string) (string, error) {
	if path == "" {
		return "", nil
	}
	return path, workflow.CheckPath(path)
}

func checkFormat(format string) error {
	if format != formatJSON && format != formatYAML {
		return fault.New(fault.Invalid, "InvalidRequest", "the format is json or yaml, not %q", clip(format))
	}
	return nil
}

// words reads a list that is separated by commas; each has to be one of those
// known.
func words(text string, known []string) ([]string, error) {
	if text == "" {
		return nil, nil
	}
	all := strings.Split(text, ",")
	for _, w := range all {
		if !slices.Contains(known, w) {
			return nil, fault.New(fault.Invalid, "InvalidQuery", "there is no %q here; there are: %s", clip(w), strings.Join(known, ", "))
		}
	}
	return all, nil
}

func stateNames() []string {
	var names []string
	for _, s := range inventory.States() {
		if s != inventory.Trash {
			names = append(names, string(s))
		}
	}
	return names
}

func kindNames() []string {
	var names []string
	for _, k := range item.Kinds() {
		names = append(names, string(k.Kind))
	}
	return names
}

// keyCursor is a cursor that names an object.
func keyCursor(o *store.Object) string { return writeKeyCursor(o.Kind, o.Path) }

func writeKeyCursor(kind, path string) string { return writeCursor(kind + " " + path) }

func readKeyCursor(cursor string) (k store.ObjectKey, err error) {
	text, err := readCursor(cursor)
	if err != nil || text == "" {
		return k, err
	}
	kind, path, ok := strings.Cut(text, " ")
	if !ok || kind == "" || path == "" {
		return k, badCursor()
	}
	return store.ObjectKey{Kind: kind, Path: path}, nil
}

func (k *call) listObjects() error {
	q := k.query("folder", "recursive", "q", "kind", "state", "fields", "limit", "cursor")
	if q.err != nil {
		return q.err
	}
	oq := store.ObjectQuery{Folder: q.text("folder"), Below: q.flag("recursive"), Kind: q.text("kind"), Text: inventory.Fold(q.text("q")), Limit: q.limit() + 1}
	if q.err != nil {
		return q.err
	}
	fields, err := rowFields[api.InventorySummary](q)
	if err != nil {
		return err
	}
	if oq.States, err = words(q.text("state"), stateNames()); err != nil {
		return err
	}
	if _, err = words(oq.Kind, kindNames()); err != nil {
		return err
	}
	if _, err = folderPath(oq.Folder); err != nil {
		return err
	}
	if len(oq.Text) > maxSearch {
		return fault.New(fault.Invalid, "InvalidQuery", "the text has more than %d bytes", maxSearch)
	}
	if oq.After, err = readKeyCursor(q.text("cursor")); err != nil {
		return err
	}
	out := api.InventoryObjects{Objects: []api.InventorySummary{}}
	err = k.db.Read(k.r.Context(), func(r store.Reader) error {
		objects, err := r.Objects(oq)
		if err != nil {
			return err
		}
		if len(objects) == oq.Limit {
			objects = objects[:oq.Limit-1]
			out.Cursor = keyCursor(&objects[len(objects)-1])
		}
		for i := range objects {
			summary := summaryOf(&objects[i])
			if err := addFields(r, &objects[i], &summary, fields); err != nil {
				return err
			}
			out.Objects = append(out.Objects, summary)
		}
		return nil
	})
	if err != nil {
		return err
	}
	return k.answerFields(out, "objects", fields)
}

// addFields adds what is only told when it is asked for.
func addFields(r store.Reader, o *store.Object, summary *api.InventorySummary, fields []string) error {
	if slices.Contains(fields, "deployments") && o.Deployed > 0 {
		all, err := r.Deployments(o.ID)
		if err != nil {
			return err
		}
		summary.Deployments = deploymentsOf(all)
	}
	if slices.Contains(fields, "references") {
		all, err := r.References(o.ID)
		if err != nil {
			return err
		}
		for _, to := range all {
			summary.References = append(summary.References, api.ObjectKey{Kind: to.Kind, Path: to.Path})
		}
	}
	return nil
}

func folderOf(f store.Folder) api.InventoryFolder {
	name := f.Path[strings.LastIndexByte(f.Path, '/')+1:]
	return api.InventoryFolder{Path: f.Path, Name: name, Objects: f.Objects, Changed: f.Changed, HasFolders: f.Folders}
}

func (k *call) listFolders() error {
	q := k.query("folder", "limit", "cursor")
	if q.err != nil {
		return q.err
	}
	limit := q.limit()
	if q.err != nil {
		return q.err
	}
	folder, err := folderPath(q.text("folder"))
	if err != nil {
		return err
	}
	after, err := readCursor(q.text("cursor"))
	if err != nil {
		return err
	}
	out := api.InventoryFolders{Folders: []api.InventoryFolder{}}
	err = k.db.Read(k.r.Context(), func(r store.Reader) error {
		f, err := r.Folder(folder)
		if err != nil {
			return err
		}
		if f.Objects == 0 && folder != "" {
			return fault.New(fault.NotFound, "UnknownFolder", "there is nothing in a folder %q", clip(folder))
		}
		out.Folder = folderOf(f)
		all, err := r.Folders(folder, after, limit+1)
		if err != nil {
			return err
		}
		if len(all) > limit {
			all = all[:limit]
			out.Cursor = writeCursor(folderOf(all[limit-1]).Name)
		}
		for _, f := range all {
			out.Folders = append(out.Folders, folderOf(f))
		}
		return nil
	})
	if err != nil {
		return err
	}
	return k.answer(out)
}

// namedObject reads the parameters kind and path, with others.
func (k *call) namedObject(others ...string) (*query, item.Key, error) {
	q := k.query(append(others, "kind", "path")...)
	if q.err != nil {
		return q, item.Key{}, q.err
	}
	key, err := objectKey(q.text("kind"), q.text("path"))
	return q, key, err
}

func (k *call) getObject() error {
	q, key, err := k.namedObject("source")
	if err != nil {
		return err
	}
	if source := q.text("source"); source != "" && source != "draft" && source != "deployed" {
		return fault.New(fault.Invalid, "InvalidQuery", "the parameter source has to be draft or deployed")
	}
	out := api.InventoryObject{}
	err = k.db.Read(k.r.Context(), func(r store.Reader) error {
		o, err := r.Object(storeKey(key))
		if err != nil {
			return err
		}
		d, err := textOf(r, &o)
		if err != nil {
			return err
		}
		if q.text("source") == "deployed" {
			if d, err = deployedText(r, &o); err != nil {
				return err
			}
		}
		deployments, err := r.Deployments(o.ID)
		if err != nil {
			return err
		}
		out = api.InventoryObject{Object: summaryOf(&o), Text: d.text, Format: d.format, Problems: []api.DraftProblem{}, Deployments: deploymentsOf(deployments)}
		return nil
	})
	if err != nil {
		return err
	}
	d := draft{out.Text, out.Format}
	read := d.read(key)
	if q.text("source") != "deployed" {
		out.Problems = draftProblems(read.Problems)
	}
	out.Tags, out.References = inventory.Tags(read.Root), references(read.Root)
	k.setETag(out.Object.Revision)
	return k.answer(out)
}

// deployedText returns the exact bytes that were deployed last.
func deployedText(r store.InventoryReader, o *store.Object) (draft, error) {
	if o.Current == 0 {
		return draft{}, fault.New(fault.NotFound, "NeverDeployed", "it was never deployed").About(keyOf(o).String())
	}
	texts, err := r.ObjectTexts(o.ID)
	return draft{texts.Current, formatJSON}, err
}

func references(root *strictjson.Node) []api.ObjectReference {
	out := []api.ObjectReference{}
	for _, ref := range inventory.References(root) {
		out = append(out, api.ObjectReference{Kind: string(ref.Key.Kind), Path: ref.Key.Path, Pointer: ref.Pointer})
	}
	return out
}

func (k *call) listTrash() error {
	q := k.query("fields", "limit", "cursor")
	if q.err != nil {
		return q.err
	}
	fields, err := rowFields[api.InventorySummary](q)
	if err != nil {
		return err
	}
	limit := q.limit()
	if q.err != nil {
		return q.err
	}
	var before, beforeID int64
	text, err := readCursor(q.text("cursor"))
	if err != nil {
		return err
	}
	if text != "" {
		at, id, ok := strings.Cut(text, " ")
		var err1, err2 error
		before, err1 = strconv.ParseInt(at, 10, 64)
		beforeID, err2 = strconv.ParseInt(id, 10, 64)
		if !ok || err1 != nil || err2 != nil {
			return badCursor()
		}
	}
	out := api.InventoryObjects{Objects: []api.InventorySummary{}}
	err = k.db.Read(k.r.Context(), func(r store.Reader) error {
		all, err := r.Trash(before, beforeID, limit+1)
		if len(all) > limit {
			all = all[:limit]
			last := &all[limit-1]
			out.Cursor = writeCursor(strconv.FormatInt(last.TrashedAt, 10) + " " + strconv.FormatInt(last.ID, 10))
		}
		for i := range all {
			out.Objects = append(out.Objects, summaryOf(&all[i]))
		}
		return err
	})
	if err != nil {
		return err
	}
	return k.answerFields(out, "objects", fields)
}

func versionInfo(v *store.ObjectVersion) api.ObjectVersion {
	return api.ObjectVersion{
		Id: v.ID, Name: v.Name, VersionId: v.Version, Controller: v.Controller, Format: v.Format, Digest: v.Digest, Signer: v.Signer, Time: v.Time,
		Account: v.Account, Reason: v.Reason, Deployment: v.Deployment, Text: v.Text,
	}
}

func (k *call) listVersions() error {
	q, key, err := k.namedObject("limit", "cursor")
	if err != nil {
		return err
	}
	limit := q.limit()
	if q.err != nil {
		return q.err
	}
	before, err := readNumberCursor(q.text("cursor"))
	if err != nil {
		return err
	}
	out := api.ObjectVersions{Versions: []api.ObjectVersion{}}
	err = k.db.Read(k.r.Context(), func(r store.Reader) error {
		o, err := r.Object(storeKey(key))
		if err != nil {
			return err
		}
		all, err := r.Versions(o.ID, before, limit+1)
		if len(all) > limit {
			all = all[:limit]
			out.Cursor = writeCursor(strconv.FormatInt(all[limit-1].ID, 10))
		}
		if err != nil {
			return err
		}
		for i := range all {
			v := versionInfo(&all[i])
			if v.DeploymentId, err = r.DeploymentOf(v.Controller, v.Deployment); err != nil {
				return err
			}
			out.Versions = append(out.Versions, v)
		}
		return nil
	})
	if err != nil {
		return err
	}
	return k.answer(out)
}

func readNumberCursor(cursor string) (int64, error) {
	text, err := readCursor(cursor)
	if err != nil || text == "" {
		return 0, err
	}
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil || n <= 0 {
		return 0, badCursor()
	}
	return n, nil
}

func (k *call) getObjectVersion() error {
	q := k.query("id")
	if q.err != nil {
		return q.err
	}
	id := q.number("id", 0, 1, 1<<53)
	if q.err != nil {
		return q.err
	}
	var v store.ObjectVersion
	err := k.db.Read(k.r.Context(), func(r store.Reader) (err error) {
		v, err = r.Version(id)
		return err
	})
	if err != nil {
		return err
	}
	return k.answer(versionInfo(&v))
}

func (k *call) validateDraft() error {
	in, err := decode[api.ValidateDraftRequest](k)
	if err != nil {
		return err
	}
	key, err := objectKey(in.Kind, in.Path)
	if err != nil {
		return err
	}
	if err := checkFormat(in.Format); err != nil {
		return err
	}
	if err := objectfile.CheckText(in.Text); err != nil {
		return err
	}
	read := draft{in.Text, in.Format}.read(key)
	out := api.ValidateDraftResponse{Problems: draftProblems(read.Problems), References: references(read.Root), Missing: []api.ObjectKey{}}
	err = k.db.Read(k.r.Context(), func(r store.Reader) error {
		for _, to := range inventory.Named(inventory.References(read.Root)) {
			o, err := r.Object(storeKey(to))
			switch {
			case fault.Is(err, fault.NotFound) || err == nil && o.TrashedAt != 0:
				out.Missing = append(out.Missing, api.ObjectKey{Kind: string(to.Kind), Path: to.Path})
			case err != nil:
				return err
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	return k.answer(out)
}

func (k *call) convertDraft() error {
	in, err := decode[api.ConvertDraftRequest](k)
	if err != nil {
		return err
	}
	for _, format := range []string{in.Format, in.To} {
		if err := checkFormat(format); err != nil {
			return err
		}
	}
	if err := objectfile.CheckText(in.Text); err != nil {
		return err
	}
	out := api.ConvertDraftResponse{Text: in.Text, Format: in.To}
	switch {
	case in.Format == in.To:
	case in.To == formatYAML:
		text, err := objectfile.ToYAML([]byte(in.Text))
		if err != nil {
			return err
		}
		out.Text = string(text)
	default:
		text, lossy, err := objectfile.ToJSON([]byte(in.Text))
		if err != nil {
			return err
		}
		out.Text, out.Lossy = string(text), lossy
	}
	return k.answer(out)
}
