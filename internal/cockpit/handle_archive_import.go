package cockpit

import (
	"context"
	"errors"
	"fmt"
	"mime"
	"net/http"
	"time"

	"github.com/signet-scheduler/signet/api"
	"github.com/signet-scheduler/signet/internal/archive"
	"github.com/signet-scheduler/signet/internal/fault"
	"github.com/signet-scheduler/signet/internal/objectfile"
	"github.com/signet-scheduler/signet/internal/store"
	"github.com/signet-scheduler/signet/internal/trust"
)

// importWithin is how long an archive may take to arrive and to be read.
const importWithin = 2 * time.Minute

// maxImportProblems is how many problems a refused import tells.
const maxImportProblems = 200

// What an imported object does.
const (
	importNew      = "new"
	importChanged  = "changed"
	importSame     = "same"
	importConflict = "conflict"
)

// importing is an archive that was read.
type importing struct {
	objects  []imported
	problems []fault.Problem
	release  *objectfile.Release
	out      api.ImportResponse
}

// receive reads the archive in the body, and what is to become of its objects.
// release gives the place free that it takes: such an archive may be large.
func (k *call) receive(q *query, deploy bool) (im *importing, release func(), err error) {
	m, err := mappingOf(q)
	if err != nil {
		return nil, nil, err
	}
	if release, err = k.importing(); err != nil {
		return nil, nil, err
	}
	contents, err := k.contents()
	if err != nil {
		release()
		return nil, nil, err
	}
	im = &importing{out: api.ImportResponse{Preview: q.flag("preview"), Objects: []api.ImportedObject{}, Problems: []api.ProblemDetail{}, Deployed: []api.DeployedObject{}}}
	im.objects, im.problems = importedOf(&m, contents, deploy)
	im.release = contents.Release
	return im, release, nil
}

// importing takes the one place of who reads an archive; release gives it free.
func (k *call) importing() (release func(), err error) {
	// Only what a page of another site can't send without asking first.
	t, _, err := mime.ParseMediaType(k.r.Header.Get("Content-Type"))
	if err != nil || t != archive.Zip.MediaType() && t != archive.TarGz.MediaType() {
		return nil, fault.New(fault.Invalid, "NotAnArchive", "the body has to be an archive, of Content-Type %s or %s", archive.Zip.MediaType(), archive.TarGz.MediaType())
	}
	select {
	case k.imports <- struct{}{}:
		return func() { <-k.imports }, nil
	default:
		return nil, fault.New(fault.Unavailable, "ImportRuns", "another import is under way; try again when it has ended")
	}
}

// contents reads the archive in the body.
func (k *call) contents() (objectfile.Contents, error) {
	ctx, cancel := context.WithTimeout(k.r.Context(), importWithin)
	defer cancel()
	var entries objectfile.Entries
	err := archive.Read(ctx, k.r.Body, archive.DefaultLimits(), func(name string, data []byte) error {
		entries.Add(name, data)
		return nil
	})
	var tooLarge *http.MaxBytesError
	switch {
	case errors.As(err, &tooLarge):
		return objectfile.Contents{}, fault.New(fault.TooLarge, "BodyTooLarge", "the request has more than the allowed %d bytes", tooLarge.Limit)
	case err != nil && fault.Of(err).Kind == fault.Internal:
		return objectfile.Contents{}, fault.Wrap(fault.Unavailable, "BodyCut", err, "the request ended before its time")
	case err != nil:
		return objectfile.Contents{}, err
	}
	contents, err := entries.Contents()
	if err == nil && len(contents.Objects) == 0 {
		err = fault.New(fault.Invalid, "NothingToImport", "there are no object files in the archive; they are called like NAME.workflow.json")
	}
	return contents, err
}

// importQuery reads the parameters of both ways of importing.
func (k *call) importQuery(others ...string) (*query, error) {
	q := k.query(append(others, "preview", "prefix", "suffix", "folder", "mapFolder", "mapAgent", "reason")...)
	if q.err == nil {
		q.flag("preview")
	}
	return q, q.err
}

// refused returns the error for problems, if there are any.
func refusedImport(kind fault.Kind, code, message string, problems []fault.Problem) error {
	if len(problems) == 0 {
		return nil
	}
	if n := len(problems); n > maxImportProblems {
		problems = append(problems[:maxImportProblems:maxImportProblems], fault.Problem{Message: fmt.Sprintf("and %d more problems", n-maxImportProblems)})
	}
	return &fault.Error{Kind: kind, Code: code, Message: message, Problems: problems}
}

func (im *importing) mapped() error {
	return refusedImport(fault.Invalid, "CannotImport", "the objects can't be imported like this, so nothing was done", im.problems)
}

// tell adds what becomes of an object to the answer.
func (im *importing) tell(o *imported, change, why string) {
	im.out.Objects = append(im.out.Objects, api.ImportedObject{
		Kind: string(o.Key.Kind), Path: o.Key.Path, File: o.File, Change: api.ImportedObjectChange(change), Why: why, Signed: o.Evidence != nil,
		Problems: draftProblems(o.problems), Adjusted: append([]api.AdjustedText{}, o.adjusted...),
	})
}

// judge tells what the import of a draft does to the inventory.
func (o *imported) judge(r store.InventoryReader) (change, why string, err error) {
	now, err := r.Object(storeKey(o.Key))
	switch {
	case fault.Is(err, fault.NotFound):
		return importNew, "", nil
	case err != nil:
		return "", "", err
	case now.TrashedAt != 0:
		return importNew, "it is in the trash, and comes back", nil
	case now.Successor != "":
		return importConflict, "it was renamed to " + now.Successor + ", and is only deployed still", nil
	}
	text, err := textOf(r, &now)
	switch {
	case err != nil:
		return "", "", err
	case text == o.draft:
		return importSame, "", nil
	case now.Format != "" && !now.Synced:
		return importConflict, "its draft, saved by " + savedBy(&now) + " at " + savedAt(&now) + ", would be replaced", nil
	}
	return importChanged, "", nil
}

// judgeAll is judge for all; conflicts are those that stand in the way.
func (im *importing) judgeAll(r store.InventoryReader, overwrite bool) (conflicts []fault.Problem, err error) {
	im.out.Objects = im.out.Objects[:0] // the transaction may be tried again
	for i := range im.objects {
		o := &im.objects[i]
		change, why, err := o.judge(r)
		if err != nil {
			return nil, err
		}
		if change == importConflict {
			conflicts = append(conflicts, fault.Problem{Where: o.Key.String(), Message: why})
		}
		im.tell(o, change, why)
	}
	if overwrite {
		return nil, nil
	}
	return conflicts, nil
}

func (k *call) importObjects() error {
	q, err := k.importQuery("overwrite")
	if err != nil {
		return err
	}
	overwrite := q.flag("overwrite")
	if q.err != nil {
		return q.err
	}
	im, release, err := k.receive(q, false)
	if err != nil {
		return err
	}
	defer release()
	if im.out.Preview {
		err := k.db.Read(k.r.Context(), func(r store.Reader) error {
			_, err := im.judgeAll(r, overwrite)
			return err
		})
		if err != nil {
			return err
		}
		im.out.Problems = problemDetails(im.problems)
		return k.answer(im.out)
	}
	if err := im.mapped(); err != nil {
		return err
	}
	if err := k.beginAudit("", im.names(), q.text("reason")); err != nil {
		return err
	}
	err = k.change(func(s *shelf) error {
		conflicts, err := im.judgeAll(s.w, overwrite)
		if err == nil {
			err = refusedImport(fault.Conflict, "ImportConflicts", "drafts would be replaced, so nothing was done; overwrite them, or import under other paths", conflicts)
		}
		if err != nil {
			return err
		}
		return im.save(s)
	})
	if err != nil {
		return err
	}
	return k.answer(im.out)
}

// save makes drafts of all that differ.
func (im *importing) save(s *shelf) error {
	for i := range im.objects {
		o := &im.objects[i]
		if im.out.Objects[i].Change == importSame {
			continue
		}
		now, _, err := s.find(o.Key)
		if err != nil {
			return err
		}
		if now.Successor != "" {
			return fault.New(fault.Conflict, "AlreadyRenamed", "it was renamed to %s already", now.Successor).About(o.Key.String())
		}
		if _, _, err := s.save(now, o.draft); err != nil {
			return err
		}
	}
	return nil
}

func (im *importing) names() []string {
	names := make([]string, len(im.objects))
	for i := range im.objects {
		names[i] = im.objects[i].Key.String()
	}
	return names
}

func problemDetails(all []fault.Problem) []api.ProblemDetail {
	out := []api.ProblemDetail{}
	for _, p := range all {
		out = append(out, api.ProblemDetail{Where: p.Where, Message: p.Message})
	}
	return out
}

func (k *call) deployArchive() error {
	q, err := k.importQuery("controller", "requestId")
	if err != nil {
		return err
	}
	h, err := k.history(q.text("controller"))
	if err != nil {
		return err
	}
	im, release, err := k.receive(q, true)
	if err != nil {
		return err
	}
	defer release()
	if len(im.objects) > maxDeployed {
		return fault.New(fault.TooLarge, "TooManyObjects", "one deployment has at most %d objects", maxDeployed)
	}
	objects := make([]objectfile.Object, len(im.objects))
	for i := range im.objects {
		objects[i] = im.objects[i].Object
	}
	err = k.db.Read(k.r.Context(), func(r store.Reader) error { return im.compare(r, h.id) })
	if err != nil {
		return err
	}
	brought, err := im.brought()
	im.tellRelease(brought, objects)
	if im.out.Preview {
		if err != nil {
			im.problems = append(im.problems, fault.Problem{Where: im.release.File, Message: fault.Of(err).Public()})
		}
		missing, err := k.missing(h, objects)
		if err != nil {
			return err
		}
		for _, some := range [][]fault.Problem{im.problems, objectfile.Validate(objects), k.evidenceProblems(brought, objects), missing} {
			im.out.Problems = append(im.out.Problems, problemDetails(some)...)
		}
		return k.answer(im.out)
	}
	if err != nil {
		return err
	}
	if err := im.mapped(); err != nil {
		return err
	}
	if problems := objectfile.Validate(objects); len(problems) > 0 {
		return invalidObjects(problems)
	}
	commandID, err := k.commandID(q.text("requestId"))
	if err != nil {
		return err
	}
	if im.out.Deployed, err = k.deployReleased(h, commandID, brought, objects, nil, q.text("reason")); err != nil {
		return err
	}
	k.seen(h)
	return k.answer(im.out)
}

// brought returns the release of the archive; nil: it has none.
func (im *importing) brought() (*broughtRelease, error) {
	if im.release == nil {
		return nil, nil
	}
	in := &api.DeployRelease{Document: string(im.release.Text)}
	for _, files := range im.release.Evidence() {
		in.Evidence = append(in.Evidence, textsOf(files))
	}
	return bringRelease(in)
}

// tellRelease tells of which objects the release in the archive is the evidence.
func (im *importing) tellRelease(brought *broughtRelease, objects []objectfile.Object) {
	for i := range objects {
		if _, ok, err := brought.covers(&objects[i]); ok && err == nil {
			im.out.Objects[i].Release = brought.manifest.Name
		}
	}
}

// compare tells what the deployment of an archive does, as far as the inventory
// knows what is deployed.
func (im *importing) compare(r store.InventoryReader, controller string) error {
	im.out.Objects = im.out.Objects[:0]
	for i := range im.objects {
		o := &im.objects[i]
		change, why, err := o.against(r, controller)
		if err != nil {
			return err
		}
		im.tell(o, change, why)
	}
	return nil
}

// against compares an object with what is deployed at a Controller.
func (o *imported) against(r store.InventoryReader, controller string) (change, why string, err error) {
	now, err := r.Object(storeKey(o.Key))
	if err != nil {
		return importNew, "", ignoreMissing(err)
	}
	at, err := r.Deployments(now.ID)
	if err != nil {
		return "", "", err
	}
	for _, d := range at {
		if d.Controller != controller {
			continue
		}
		change, why, err = o.againstVersion(r, &now, d.Version.ID)
		if err != nil || change != importChanged {
			return change, why, err
		}
	}
	if now.TrashedAt == 0 && now.Format != "" && !now.Synced {
		why = "its newer draft stays one"
	}
	if change == "" {
		change = importNew
	}
	return change, why, nil
}

// againstVersion compares an object with a deployed version.
func (o *imported) againstVersion(r store.InventoryReader, now *store.Object, id int64) (change, why string, err error) {
	v, err := r.Version(id)
	switch {
	case err != nil:
		return "", "", err
	case v.Text == o.text, o.Evidence == nil && says([]byte(o.text), now, v.Text, v.Version):
		return importSame, "", nil
	case o.Key.Kind.Versioned() && o.Evidence != nil && versionOf(o.Key.Kind, o.text) == v.Version:
		return importConflict, "the version " + v.Version + " is deployed with another text; a version can't be changed", nil
	}
	return importChanged, "", nil
}

// evidenceProblems tells what can be told about evidence without the keys that a
// Controller trusts.
func (k *call) evidenceProblems(brought *broughtRelease, objects []objectfile.Object) []fault.Problem {
	var problems []fault.Problem
	for i := range objects {
		o := &objects[i]
		_, released, err := brought.covers(o)
		switch {
		case released:
		case o.Evidence != nil:
			_, err = trust.EvidenceFromFiles(o.Evidence)
		default:
			_, err = k.signerOfCall()
		}
		if err != nil {
			problems = append(problems, fault.Problem{Where: o.File, Message: fault.Of(err).Public()})
		}
	}
	return problems
}
