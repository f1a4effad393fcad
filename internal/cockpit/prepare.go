package cockpit

import (
	"bytes"
	"cmp"
	"maps"
	"slices"
	"time"

	"github.com/signet-scheduler/signet/api"
	"github.com/signet-scheduler/signet/internal/archive"
	"github.com/signet-scheduler/signet/internal/fault"
	"github.com/signet-scheduler/signet/internal/inventory"
	"github.com/signet-scheduler/signet/internal/item"
	"github.com/signet-scheduler/signet/internal/objectfile"
	"github.com/signet-scheduler/signet/internal/release"
	"github.com/signet-scheduler/signet/internal/store"
	"github.com/signet-scheduler/signet/internal/trust"
)

// How long a release may be deployed that is made here to be signed at once: what is
// asked for lies between the others.
const (
	preparedFor  = time.Hour
	preparedLow  = 5 * time.Minute
	preparedHigh = releaseLasts
)

// prepareRelease makes the release of drafts and earlier versions, to be signed by
// whoever asks.
func (k *call) prepareRelease() error {
	in, err := decode[api.PrepareReleaseRequest](k)
	if err != nil {
		return err
	}
	h, err := k.named()
	if err != nil {
		return err
	}
	now := k.clock.Now().UTC().Truncate(time.Second)
	version := k.newVersion()
	m := &release.Manifest{Name: cmp.Or(in.Name, "deploy-"+version), Created: now, Author: k.session.Account.Name, Reason: oneLine(in.Reason)}
	if m.Expires, err = expiresAt(in.Expires, now); err != nil {
		return err
	}
	if err := release.CheckName(m.Name); err != nil {
		return err
	}
	if m.Reason == "" {
		return fault.New(fault.Invalid, "MissingReason", "a release needs a reason: it stands in what is signed")
	}
	objects, err := k.chosen(h, in.Objects)
	if err != nil {
		return err
	}
	next, err := k.nextAt(h)
	if err != nil {
		return err
	}
	m.Audience, m.Serial = next.Installation, nextSerial(next.Serial, now)
	for i := range objects {
		o := &objects[i]
		if o.Bytes, err = objectfile.Complete(o.Bytes, o.Key, version); err != nil {
			return err
		}
		m.Objects = append(m.Objects, release.NewObject(o.Key, versionOf(o.Key.Kind, string(o.Bytes)), o.Bytes))
	}
	text, err := m.Text()
	if err != nil {
		return err
	}
	return k.answer(prepared(m, text, objects))
}

// expiresAt reads until when a release is to be deployable; asked is in milliseconds,
// or 0.
func expiresAt(asked int64, now time.Time) (time.Time, error) {
	if asked == 0 {
		return now.Add(preparedFor), nil
	}
	at := time.UnixMilli(asked).UTC().Truncate(time.Second)
	if at.Before(now.Add(preparedLow)) || at.After(now.Add(preparedHigh)) {
		return at, fault.New(fault.Invalid, "InvalidRequest", "a release has to be good for 5 minutes at least, and for 30 days at most")
	}
	return at, nil
}

func prepared(m *release.Manifest, text []byte, objects []objectfile.Object) api.PreparedRelease {
	return api.PreparedRelease{
		Document: string(text), Sha256: digestOf(string(text)), Name: m.Name, Author: m.Author, Reason: m.Reason, Serial: m.Serial, Audience: m.Audience,
		Expires: m.Expires.UnixMilli(), Objects: documentsOf(objects),
	}
}

// documentsOf returns objects as the API has them, without evidence.
func documentsOf(objects []objectfile.Object) []api.DeployObject {
	all := make([]api.DeployObject, len(objects))
	for i := range objects {
		o := &objects[i]
		all[i] = api.DeployObject{Kind: string(o.Key.Kind), Path: o.Key.Path, File: o.File, Document: string(o.Bytes)}
	}
	return all
}

// chosen reads the documents of a release that is to be made: drafts that aren't
// deployed as they are, and versions.
func (k *call) chosen(h *history, in []api.ReleaseObject) ([]objectfile.Object, error) {
	all := make([]api.ObjectKey, len(in))
	for i, o := range in {
		all[i] = api.ObjectKey{Kind: o.Kind, Path: o.Path}
	}
	keys, err := keysOf(all)
	if err != nil {
		return nil, err
	}
	d := &deployment{controller: h.id, given: map[item.Key]bool{}}
	for _, key := range keys {
		d.given[key] = true
	}
	err = k.db.Read(k.r.Context(), func(r store.Reader) error {
		for i, key := range keys {
			var err error
			if id := in[i].Version; id != 0 {
				err = d.version(r, key, id)
			} else {
				err = d.plan(r, []item.Key{key})
			}
			if err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	if problems := d.problems(); len(problems) > 0 {
		return nil, invalidObjects(problems)
	}
	if len(d.objects) == 0 {
		return nil, fault.New(fault.Invalid, "NothingToDeploy", "all of these objects are deployed as they are")
	}
	return d.objects, nil
}

// version takes the text of an earlier version into the deployment, as what an author
// would go on with.
func (d *deployment) version(r store.InventoryReader, key item.Key, id int64) error {
	o, err := r.Object(storeKey(key))
	if err != nil {
		return err
	}
	v, err := r.Version(id)
	if err == nil && v.Object != o.ID {
		err = fault.New(fault.NotFound, "UnknownVersion", "it has no version %d", id).About(key.String())
	}
	if err != nil {
		return err
	}
	text := draft{v.Text, v.Format}
	if v.Controller != "" {
		text.text = inventory.Source(v.Text, key)
	}
	read := text.read(key)
	d.out.Deploys = append(d.out.Deploys, api.DraftToDeploy{Kind: o.Kind, Path: o.Path, Change: changeAgain, Problems: draftProblems(read.Problems)})
	d.objects = append(d.objects, objectfile.Object{Key: key, File: objectfile.FileOf(key), Bytes: read.Document})
	return nil
}

// listed reads a manifest, and makes sure that these are its documents, all of them
// and to the byte.
func listed(text string, objects []objectfile.Object) (*release.Manifest, error) {
	m, err := release.Parse([]byte(text))
	if err != nil {
		return nil, err
	}
	var problems []fault.Problem
	given := map[item.Key]bool{}
	for i := range objects {
		o := &objects[i]
		given[o.Key] = true
		if err := m.Covers(o.Key, versionOf(o.Key.Kind, string(o.Bytes)), string(o.Bytes)); err != nil {
			problems = append(problems, fault.Problem{Where: o.Key.String(), Message: fault.Of(err).Public()})
		}
	}
	for _, o := range m.Objects {
		if !given[o.Key] {
			problems = append(problems, fault.Problem{Where: o.Key.String(), Message: "the release lists it, but it isn't here"})
		}
	}
	if len(problems) > 0 {
		return nil, refusedImport(fault.Invalid, release.CodeNotInRelease, "these aren't the documents that the release lists", problems)
	}
	return m, nil
}

// readRelease reads a release that came with its documents. They are covered by it and
// have no signatures of their own; their files get the names that an archive has.
func readRelease(in *api.PackReleaseRequest) (*release.Manifest, []objectfile.Object, error) {
	for i := range in.Objects {
		if o := &in.Objects[i]; len(o.Evidence) > 0 {
			return nil, nil, fault.New(fault.Invalid, trust.CodeSurplusEvidence, "%s:%s has signatures of its own, beside those of the release", clip(o.Kind), clip(o.Path))
		}
	}
	objects, err := objectsOf(in.Objects)
	if err != nil {
		return nil, nil, err
	}
	for i := range objects {
		objects[i].File = objectfile.FileOf(objects[i].Key)
	}
	m, err := listed(in.Document, objects)
	return m, objects, err
}

// packRelease gives a release to who signs it next.
func (k *call) packRelease() error {
	in, err := decode[api.PackReleaseRequest](k)
	if err != nil {
		return err
	}
	m, objects, err := readRelease(&in)
	if err != nil {
		return err
	}
	if len(in.Evidence) > release.MaxSignatures {
		return fault.New(fault.Invalid, trust.CodeSurplusEvidence, "a release has at most %d signatures", release.MaxSignatures)
	}
	r := objectfile.Release{File: release.FileName(m.Name), Text: []byte(in.Document)}
	for _, one := range in.Evidence {
		evidence := evidenceFiles(one)
		if _, err := trust.EvidenceFromFiles(evidence); err != nil {
			return err
		}
		if slices.ContainsFunc(r.Evidence(), func(known map[string][]byte) bool { return maps.EqualFunc(known, evidence, bytes.Equal) }) {
			return fault.New(fault.Invalid, trust.CodeSurplusEvidence, "a signature is given twice")
		}
		r.Add(evidence)
	}
	files := r.Files()
	for i := range objects {
		files[objects[i].File] = objects[i].Bytes
	}
	return k.sendArchive(files, m.Name+".zip")
}

func (k *call) sendArchive(files map[string][]byte, name string) error {
	limits := archive.DefaultLimits()
	out := &bounded{most: limits.Packed}
	w, err := archive.NewWriter(out, archive.Zip, limits)
	if err != nil {
		return err
	}
	for _, file := range slices.Sorted(maps.Keys(files)) {
		if err := w.Add(file, files[file]); err != nil {
			return err
		}
	}
	if err := w.Close(); err != nil {
		return err
	}
	return k.sendFile(out.Bytes(), archive.Zip, name)
}

// openRelease reads an archive for who signs it next.
func (k *call) openRelease() error {
	if q := k.query(); q.err != nil {
		return q.err
	}
	free, err := k.importing()
	if err != nil {
		return err
	}
	defer free()
	contents, err := k.contents()
	if err != nil {
		return err
	}
	if contents.Release == nil {
		return fault.New(fault.Invalid, "NoRelease", "there is no release in the archive")
	}
	m, err := listed(string(contents.Release.Text), contents.Objects)
	if err != nil {
		return err
	}
	out := prepared(m, contents.Release.Text, contents.Objects)
	for _, files := range contents.Release.Evidence() {
		out.Evidence = append(out.Evidence, textsOf(files))
	}
	return k.answer(out)
}

// textsOf is evidence in files as the API has it.
func textsOf(files map[string][]byte) map[string]string {
	texts := make(map[string]string, len(files))
	for suffix, data := range files {
		texts[suffix] = string(data)
	}
	return texts
}
