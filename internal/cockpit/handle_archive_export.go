package cockpit

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/signet-scheduler/signet/api"
	"github.com/signet-scheduler/signet/internal/archive"
	"github.com/signet-scheduler/signet/internal/fault"
	"github.com/signet-scheduler/signet/internal/inventory"
	"github.com/signet-scheduler/signet/internal/item"
	"github.com/signet-scheduler/signet/internal/objectfile"
	"github.com/signet-scheduler/signet/internal/release"
	"github.com/signet-scheduler/signet/internal/store"
	"github.com/signet-scheduler/signet/internal/strictjson"
	"github.com/signet-scheduler/signet/internal/transport"
)

// Bounds of what is named in one export.
const (
	maxExportPaths    = 10_000
	maxExported       = 100_000 // objects
	maxExportProblems = 200
)

// selected is what one path of an export names.
type selected struct {
	key    item.Key // zero: a folder
	folder string
	either bool // a workflow of this path, else a folder
}

// selection reads a path: KIND:PATH is an object, FOLDER/ a folder, / all; a path
// alone is a workflow, or a folder where there is no such workflow.
func selection(text string) (s selected, err error) {
	if strings.Contains(text, ":") {
		s.key, err = item.ParseKey(text)
		return s, err
	}
	path := strings.TrimPrefix(text, "/")
	folder, isFolder := strings.CutSuffix(path, "/")
	if text == "/" || isFolder {
		s.folder, err = folderPath(folder)
		return s, err
	}
	s.either, s.folder, s.key = true, path, item.Key{Kind: item.KindWorkflow, Path: path}
	return s, s.key.Check()
}

// exporting is an export on its way.
type exporting struct {
	deployed   bool // what is deployed, and not the drafts
	forSigning bool
	version    string            // of documents that state none
	manifest   *release.Manifest // to be written, with all documents listed; nil: none
	objects    map[item.Key]store.Object
	problems   []fault.Problem
}

func (x *exporting) take(o store.Object) error {
	if x.objects[keyOf(&o)] = o; len(x.objects) > maxExported {
		return fault.New(fault.TooLarge, "TooManyObjects", "at most %d objects are exported at once", maxExported)
	}
	return nil
}

// object takes an object that was named itself.
func (x *exporting) object(o store.Object) error {
	switch {
	case o.TrashedAt != 0:
		return store.UnknownObject(o.Key())
	case x.deployed && o.Deployed == 0:
		return fault.New(fault.NotFound, "NotDeployed", "it isn't deployed").About(keyOf(&o).String())
	}
	return x.take(o)
}

// find takes what a path names.
func (x *exporting) find(r store.InventoryReader, s selected) error {
	if s.key != (item.Key{}) {
		o, err := r.Object(storeKey(s.key))
		switch {
		case err == nil && !(s.either && o.TrashedAt != 0):
			return x.object(o)
		case err != nil && !(s.either && fault.Is(err, fault.NotFound)):
			return err
		}
	}
	seen := 0
	for after := (store.ObjectKey{}); ; {
		page, err := r.Objects(store.ObjectQuery{Folder: s.folder, Below: true, After: after, Limit: pageSize})
		if err != nil {
			return err
		}
		for i := range page {
			o := page[i]
			after = o.Key()
			// Agents lie in no folder: each installation has its own. What has got a
			// new path is there under that.
			if o.Kind == string(item.KindAgentRef) || x.deployed && o.Deployed == 0 || !x.deployed && o.Successor != "" {
				continue
			}
			seen++
			if err := x.take(o); err != nil {
				return err
			}
		}
		if len(page) == pageSize {
			continue
		}
		if seen == 0 && s.folder != "" {
			return fault.New(fault.NotFound, "UnknownObject", "there is neither such a workflow nor a folder that has something to export").About(clip(s.folder))
		}
		return nil
	}
}

// dependencies takes what those that were taken name, and what that names. Agents
// stay: each installation has its own.
func (x *exporting) dependencies(r store.InventoryReader) error {
	waiting := slices.SortedFunc(maps.Keys(x.objects), item.Key.Compare)
	for len(waiting) > 0 {
		user := waiting[0]
		waiting = waiting[1:]
		o := x.objects[user]
		data, err := x.text(r, &o)
		if err != nil {
			return err
		}
		for _, to := range inventory.Named(inventory.References(rootOf(data))) {
			if _, there := x.objects[to]; there || to.Kind == item.KindAgentRef {
				continue
			}
			found, err := r.Object(storeKey(to))
			if err == nil {
				err = x.object(found)
			}
			if fault.Is(err, fault.NotFound) {
				x.report(user, "", "it names "+to.String()+", which isn't there to be exported")
				continue
			}
			if err != nil {
				return err
			}
			waiting = append(waiting, to)
		}
	}
	return nil
}

func (x *exporting) report(key item.Key, pointer, message string) {
	if len(x.problems) < maxExportProblems {
		x.problems = append(x.problems, fault.Problem{Where: strings.TrimSpace(key.String() + " " + pointer), Message: message})
	}
}

// text returns what is exported of an object, before it is completed.
func (x *exporting) text(r store.InventoryReader, o *store.Object) (draft, error) {
	if !x.deployed {
		return textOf(r, o)
	}
	d, err := deployedText(r, o)
	if !x.forSigning {
		d.text = inventory.Source(d.text, keyOf(o))
	}
	return d, err
}

// file returns the contents of an object's file.
func (x *exporting) file(r store.InventoryReader, o *store.Object) ([]byte, error) {
	d, err := x.text(r, o)
	if err != nil || !x.forSigning {
		return []byte(d.text), err
	}
	key := keyOf(o)
	read := d.read(key)
	for _, p := range read.Problems {
		x.report(key, p.Pointer, p.Message)
	}
	if len(read.Problems) > 0 {
		return nil, nil
	}
	return objectfile.Complete(read.Document, key, x.version)
}

// nameOf returns the name of an object's file.
func (x *exporting) nameOf(o *store.Object) string {
	name := objectfile.FileOf(keyOf(o))
	if o.Format == formatYAML && !x.deployed && !x.forSigning {
		name = strings.TrimSuffix(name, ".json") + ".yaml"
	}
	return name
}

// write writes all files, by name.
func (x *exporting) write(r store.InventoryReader, w *archive.Writer) error {
	byName := map[string]*store.Object{}
	for _, o := range x.objects {
		byName[x.nameOf(&o)] = &o
	}
	names := slices.Sorted(maps.Keys(byName))
	var manifest []byte
	if x.manifest != nil {
		var err error
		if manifest, err = x.list(r, names, byName); err != nil {
			return err
		}
		names = append(names, release.FileName(x.manifest.Name))
		slices.Sort(names)
	}
	for _, name := range names {
		data := manifest
		if o := byName[name]; o != nil {
			var err error
			if data, err = x.file(r, o); err != nil {
				return err
			}
		}
		if len(x.problems) > 0 {
			continue // only what else is wrong
		}
		if err := w.Add(name, data); err != nil {
			return err
		}
	}
	return errors.Join(x.refused(), w.Close())
}

// refused is the error for all that is wrong; nil: nothing.
func (x *exporting) refused() error {
	if len(x.problems) == 0 {
		return nil
	}
	return &fault.Error{Kind: fault.Invalid, Code: "InvalidItems", Message: "the objects can't be exported like this", Problems: x.problems}
}

// list returns the manifest of all documents. They are read once more when they are
// written: all of them at once would take much memory.
func (x *exporting) list(r store.InventoryReader, names []string, byName map[string]*store.Object) ([]byte, error) {
	for _, name := range names {
		o := byName[name]
		data, err := x.file(r, o)
		if err != nil {
			return nil, err
		}
		key := keyOf(o)
		x.manifest.Objects = append(x.manifest.Objects, release.NewObject(key, versionOf(key.Kind, string(data)), data))
	}
	if err := x.refused(); err != nil {
		return nil, err
	}
	return x.manifest.Text()
}

// How many days a release may be under way until it is deployed.
const (
	releaseLasts = 30
	maxLasts     = 366
)

// newRelease begins the manifest that an export asks for. For another installation
// than this one the number is made of the time alone.
func (k *call) newRelease(q *query, in *api.ExportRequest) (*release.Manifest, error) {
	if in.Release == "" {
		if in.Audience != "" || in.ExpiresInDays != 0 {
			return nil, fault.New(fault.Invalid, "InvalidRequest", "an audience and an end are those of a release: name the release")
		}
		return nil, nil
	}
	if !in.ForSigning {
		return nil, fault.New(fault.Invalid, "InvalidRequest", "a release lists the exact bytes: export for signing")
	}
	if err := release.CheckName(in.Release); err != nil {
		return nil, err
	}
	days := cmp.Or(in.ExpiresInDays, releaseLasts)
	if days < 1 || days > maxLasts {
		return nil, fault.New(fault.Invalid, "InvalidRequest", "a release is to be deployed within 1 to %d days", maxLasts)
	}
	next := NextRelease{Installation: in.Audience}
	if in.Audience == "" {
		h, err := k.history(q.text("controller"))
		if err != nil {
			return nil, err
		}
		if next, err = k.nextAt(h); err != nil {
			return nil, err
		}
	} else if err := release.CheckName(in.Audience); err != nil {
		return nil, err
	}
	now := k.clock.Now().UTC().Truncate(time.Second)
	return &release.Manifest{
		Name: in.Release, Audience: next.Installation, Serial: nextSerial(next.Serial, k.clock.Now()), Created: now, Expires: now.AddDate(0, 0, days),
		Author: k.session.Account.Name, Reason: oneLine(in.Reason),
	}, nil
}

// oneLine makes a reason one that a manifest takes.
func oneLine(reason string) string {
	reason = strings.Join(strings.Fields(reason), " ")
	return strings.ToValidUTF8(reason[:min(len(reason), release.MaxText)], "")
}

// bounded is a buffer with a limit.
type bounded struct {
	bytes.Buffer
	most int64
}

// Write implements io.Writer.
func (b *bounded) Write(data []byte) (int, error) {
	if int64(b.Len()+len(data)) > b.most {
		return 0, fault.New(fault.TooLarge, archive.CodeTooLarge, "the archive would have more than %d bytes: take fewer objects", b.most)
	}
	return b.Buffer.Write(data)
}

func (k *call) exportObjects() error {
	in, err := decode[api.ExportRequest](k)
	if err != nil {
		return err
	}
	q := k.query("controller")
	if q.err != nil {
		return q.err
	}
	if len(in.Paths) == 0 || len(in.Paths) > maxExportPaths {
		return fault.New(fault.Invalid, "InvalidRequest", "1 to %d paths can be exported at once", maxExportPaths)
	}
	if in.Source != "" && in.Source != "draft" && in.Source != "deployed" {
		return fault.New(fault.Invalid, "InvalidRequest", "the source is draft or deployed, not %q", clip(string(in.Source)))
	}
	var all []selected
	for i, text := range in.Paths {
		s, err := selection(text)
		if err != nil {
			e := fault.New(fault.Invalid, "InvalidRequest", "the request is not understood")
			e.Problems = []fault.Problem{{Where: strictjson.IndexPath("$.paths", i), Message: fault.Of(err).Public()}}
			return e
		}
		all = append(all, s)
	}
	limits := archive.DefaultLimits()
	out := &bounded{most: limits.Packed}
	format := cmp.Or(archive.Format(in.Format), archive.Zip)
	w, err := archive.NewWriter(out, format, limits)
	if err != nil {
		return err
	}
	manifest, err := k.newRelease(q, &in)
	if err != nil {
		return err
	}
	if err := k.beginAudit("", in.Paths, in.Reason); err != nil {
		return err
	}
	select {
	case k.exports <- struct{}{}:
		defer func() { <-k.exports }()
	default:
		return fault.New(fault.Unavailable, "ExportsRun", "%d other exports are under way; try again when one has ended", maxExports)
	}
	x := &exporting{deployed: in.Source == "deployed", forSigning: in.ForSigning, version: k.newVersion(), manifest: manifest, objects: map[item.Key]store.Object{}}
	// Of one moment, so it is made as a whole before the first byte is sent.
	err = k.db.Read(k.r.Context(), func(r store.Reader) error {
		for _, s := range all {
			if err := x.find(r, s); err != nil {
				return err
			}
		}
		if in.Dependencies {
			if err := x.dependencies(r); err != nil {
				return err
			}
		}
		return x.write(r, w)
	})
	if err != nil {
		return err
	}
	return k.sendFile(out.Bytes(), format, "signet-export."+string(format))
}

// sendFile answers with an archive, as a file to be kept under a name.
func (k *call) sendFile(data []byte, format archive.Format, name string) error {
	h := k.w.Header()
	h.Set("Content-Type", format.MediaType())
	h.Set("Content-Length", strconv.Itoa(len(data)))
	h.Set("Content-Disposition", fmt.Sprintf("attachment; filename=%q", name))
	_, err := transport.Patient(k.w, slowestExport).Write(data)
	k.streamed(err)
	return nil
}
