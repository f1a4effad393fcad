package cockpit

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"slices"
	"time"

	"github.com/signet-scheduler/signet/internal/engine"
	"github.com/signet-scheduler/signet/internal/fault"
	"github.com/signet-scheduler/signet/internal/inventory"
	"github.com/signet-scheduler/signet/internal/item"
	"github.com/signet-scheduler/signet/internal/objectfile"
	"github.com/signet-scheduler/signet/internal/store"
	"github.com/signet-scheduler/signet/internal/strictjson"
	"github.com/signet-scheduler/signet/internal/workflow"
)

// The formats of a draft.
const (
	formatJSON = "json"
	formatYAML = "yaml"
)

// keepVersions is how many deployed versions of an object are kept beside those
// that are deployed still.
const keepVersions = 20

// shelf makes the changes of the inventory within one transaction: those that
// users ask for, and those that a Controller's events tell of.
type shelf struct {
	w   store.Writer
	now int64  // milliseconds
	by  string // who; "": a Controller's event tells
	// deployment is the command that brings what is adopted; "": the event behind
	// tells.
	deployment string
	// under is the deployment that the events are telling of.
	under underWay
}

func storeKey(k item.Key) store.ObjectKey { return store.ObjectKey{Kind: string(k.Kind), Path: k.Path} }

func keyOf(o *store.Object) item.Key { return item.Key{Kind: item.Kind(o.Kind), Path: o.Path} }

// find returns an object, or one that isn't kept yet; there tells whether it is in
// the inventory and not in the trash.
func (s *shelf) find(k item.Key) (o store.Object, there bool, err error) {
	o, err = s.w.Object(storeKey(k))
	if fault.Is(err, fault.NotFound) {
		return store.Object{Kind: string(k.Kind), Path: k.Path, Folded: inventory.Fold(k.Path)}, false, nil
	}
	return o, err == nil && o.TrashedAt == 0, err
}

// isAt makes sure that an object has the revision from which a change is made; 0:
// it isn't there.
func isAt(o *store.Object, there bool, revision int64) error {
	subject := keyOf(o).String()
	switch {
	case !there && revision != 0:
		return fault.New(fault.Conflict, "ObjectChanged", "it is no longer there").About(subject)
	case there && revision == 0:
		return fault.New(fault.Conflict, "ObjectChanged", "it is there already, saved by %s at %s", savedBy(o), savedAt(o)).About(subject)
	case there && revision != o.Revision:
		return fault.New(fault.Conflict, "ObjectChanged", "%s saved it at %s", savedBy(o), savedAt(o)).About(subject)
	}
	return nil
}

func savedAt(o *store.Object) string {
	return time.UnixMilli(o.ChangedAt).UTC().Format("2006-01-02T15:04:05Z")
}

func savedBy(o *store.Object) string {
	if o.ChangedBy == "" {
		return "a deployment"
	}
	return o.ChangedBy
}

// draft is a text to be saved.
type draft struct {
	text   string
	format string
}

func (d draft) read(k item.Key) objectfile.Reading {
	return objectfile.Draft{Key: k, Text: d.text, YAML: d.format == formatYAML}.Read()
}

// save makes a text the draft of an object.
func (s *shelf) save(o store.Object, d draft) (store.Object, objectfile.Reading, error) {
	r := d.read(keyOf(&o))
	o.Format, o.Problems, o.TrashedAt, o.Synced = d.format, len(r.Problems), 0, false
	if o.Current != 0 {
		current, err := s.w.Version(o.Current)
		if err != nil {
			return o, r, err
		}
		switch {
		case d.format == formatJSON && d.text == inventory.Source(current.Text, keyOf(&o)):
			o.Format, o.Problems = "", 0 // it is what it was
		case len(r.Problems) == 0 && says(r.Document, &o, current.Text, current.Version):
			o.Synced = true
		}
	}
	o, err := s.keep(o, &d.text, s.index(&o, r, d.text))
	return o, r, err
}

// says tells whether the JSON form of a draft becomes a document when it is
// completed.
func says(form []byte, o *store.Object, document, version string) bool {
	completed, err := objectfile.Complete(form, keyOf(o), version)
	return err == nil && string(completed) == document
}

// index returns what an object is found by. Of a text that can't be read, the
// text itself is searched, and the references are those of the text before.
func (s *shelf) index(o *store.Object, r objectfile.Reading, text string) *store.ObjectIndex {
	x := &store.ObjectIndex{}
	if r.Root == nil {
		x.Texts = inventory.Fold(text[:min(len(text), inventory.MaxSearched)])
		if o.ID != 0 {
			x.References, _ = s.w.References(o.ID) // none is better than no draft
		}
		return x
	}
	o.Title = inventory.Title(r.Root)
	x.Texts = inventory.Searched(r.Root)
	for _, k := range inventory.Named(inventory.References(r.Root)) {
		x.References = append(x.References, storeKey(k))
	}
	return x
}

// indexOf is index for a document that was deployed.
func (s *shelf) indexOf(o *store.Object, document string) *store.ObjectIndex {
	root, err := strictjson.Parse([]byte(document), workflow.DocumentLimits())
	if err != nil {
		root = nil
	}
	return s.index(o, objectfile.Reading{Root: root}, document)
}

// keep writes an object with its new state.
func (s *shelf) keep(o store.Object, text *string, x *store.ObjectIndex) (store.Object, error) {
	o.State = string(inventory.Standing{
		Trashed: o.TrashedAt != 0, Draft: o.Format != "" && !o.Synced, Problems: o.Problems, Deployed: o.Deployed > 0, Ever: o.Current != 0,
	}.State())
	o.Folded = inventory.Fold(o.Path)
	if o.Title != "" {
		o.Folded += "\n" + inventory.Fold(o.Title)
	}
	o.ChangedAt, o.ChangedBy = s.now, s.by
	id, err := s.w.PutObject(&o, text, x)
	o.ID = id
	o.Revision++
	return o, err
}

// saveVersion keeps a text under a name.
func (s *shelf) saveVersion(o *store.Object, d draft, name, reason string) error {
	_, err := s.w.AddVersion(store.ObjectVersion{
		Object: o.ID, Name: name, Format: d.format, Digest: digestOf(d.text), Time: s.now, Account: s.by, Reason: reason, Text: d.text,
	})
	return err
}

func digestOf(text string) string {
	sum := sha256.Sum256([]byte(text))
	return hex.EncodeToString(sum[:])
}

// discard gives a draft up.
func (s *shelf) discard(o store.Object) (store.Object, error) {
	texts, err := s.w.ObjectTexts(o.ID)
	if err != nil {
		return o, err
	}
	o.Format, o.Synced, o.Problems, o.Title = "", false, 0, ""
	return s.keep(o, nil, s.indexOf(&o, texts.Current))
}

// trash deletes an object so that it can be restored.
func (s *shelf) trash(o store.Object) error {
	x := &store.ObjectIndex{}
	var err error
	if x.References, err = s.w.References(o.ID); err != nil {
		return err
	}
	if o.Former != "" {
		if err := s.stays(&o); err != nil {
			return err
		}
	}
	o.TrashedAt = s.now
	_, err = s.keep(o, nil, x)
	return err
}

// stays lets an object that was renamed keep its old path after all: the one that
// was to take its place goes.
func (s *shelf) stays(next *store.Object) error {
	old, err := s.w.Object(store.ObjectKey{Kind: next.Kind, Path: next.Former})
	next.Former = ""
	if fault.Is(err, fault.NotFound) {
		return nil
	}
	if err != nil {
		return err
	}
	old.Successor = ""
	_, err = s.keep(old, nil, nil)
	return err
}

// textOf returns what an author goes on with: the draft, or what was deployed
// last.
func textOf(r store.InventoryReader, o *store.Object) (draft, error) {
	texts, err := r.ObjectTexts(o.ID)
	if err != nil {
		return draft{}, err
	}
	if o.Format != "" {
		return draft{texts.Draft, o.Format}, nil
	}
	return draft{inventory.Source(texts.Current, keyOf(o)), formatJSON}, nil
}

// rootOfObject reads the text of an object; nil when it can't be read.
func rootOfObject(r store.InventoryReader, o *store.Object) (*strictjson.Node, error) {
	texts, err := r.ObjectTexts(o.ID)
	if err != nil {
		return nil, err
	}
	if o.Format != "" {
		return rootOf(draft{texts.Draft, o.Format}), nil
	}
	return rootOf(draft{texts.Current, formatJSON}), nil
}

// adopt takes over what was deployed. A draft stays that is newer than what was
// deployed before and differs from this document.
func (s *shelf) adopt(controller string, e *engine.ItemAdded, stamp *engine.Stamped) error {
	k := e.Item.Key()
	o, there, err := s.find(k)
	if err != nil {
		return err
	}
	if !there {
		o.TrashedAt, o.Format, o.Synced = 0, "", false // a draft in the trash is not missed
	}
	keepsDraft := false
	if o.Format != "" && !o.Synced {
		if keepsDraft, err = s.differs(&o, e.Document.Text, e.Item.VersionID); err != nil {
			return err
		}
	} else {
		o.Format, o.Synced = "", false
	}
	if !keepsDraft && o.Format == "" {
		o.Problems, o.Title = 0, ""
	}
	fresh := o.ID == 0
	if !fresh {
		if again, err := s.isAdopted(&o, controller, stamp.ID); again || err != nil {
			return err
		}
	}
	if fresh {
		// The version needs the object's id, and the object the version's.
		o.Deployed = 1
		o, err = s.keep(o, nil, s.indexOf(&o, e.Document.Text))
	} else {
		err = s.w.PruneVersions(o.ID, keepVersions-1)
	}
	if err != nil {
		return err
	}
	o.Current, err = s.w.AddVersion(store.ObjectVersion{
		Object: o.ID, Controller: controller, Event: stamp.ID, Version: e.Item.VersionID, Format: formatJSON, Digest: digestOf(e.Document.Text),
		Signer: e.Signer, Time: stamp.Time(), Deployment: s.deployment, Text: e.Document.Text,
	})
	if err != nil {
		return err
	}
	if o.Deployed, err = s.w.SetDeployment(o.ID, controller, o.Current); err != nil {
		return err
	}
	var x *store.ObjectIndex
	if !keepsDraft && !fresh {
		x = s.indexOf(&o, e.Document.Text)
	}
	_, err = s.keep(o, nil, x)
	return err
}

// isAdopted tells whether the inventory has already what an event brought.
func (s *shelf) isAdopted(o *store.Object, controller string, event int64) (bool, error) {
	all, err := s.w.Deployments(o.ID)
	return slices.ContainsFunc(all, func(d store.ObjectDeployment) bool {
		return d.Controller == controller && d.Version.Event == event
	}), err
}

// differs tells whether the draft of an object says something else than a document
// that was just deployed. When it says the same, a draft in JSON is given up, and
// one in YAML goes on as the text of its author.
func (s *shelf) differs(o *store.Object, document, version string) (bool, error) {
	texts, err := s.w.ObjectTexts(o.ID)
	if err != nil {
		return false, err
	}
	if o.Format == formatJSON && texts.Draft == inventory.Source(document, keyOf(o)) {
		o.Format = ""
		return false, nil
	}
	form := []byte(texts.Draft)
	if o.Format == formatYAML {
		form, err = objectfile.FromYAML(form)
	}
	o.Synced = err == nil && says(form, o, document, version) // what can't be read isn't this
	return !o.Synced, nil
}

// withdraw takes over that an object is out of service at a Controller. One that
// was renamed goes to the trash then: its successor is what its users name.
func (s *shelf) withdraw(controller string, k item.Key) error {
	o, err := s.w.Object(storeKey(k))
	if fault.Is(err, fault.NotFound) {
		return nil // it was deployed before there was an inventory
	}
	if err != nil {
		return err
	}
	if o.Deployed, err = s.w.SetDeployment(o.ID, controller, 0); err != nil {
		return err
	}
	if o.Deployed > 0 || o.Successor == "" {
		_, err = s.keep(o, nil, nil)
		return err
	}
	successor := o.Successor
	o.Successor = ""
	if err := s.trash(o); err != nil {
		return err
	}
	next, err := s.w.Object(store.ObjectKey{Kind: o.Kind, Path: successor})
	if err != nil || next.Former != o.Path {
		if fault.Is(err, fault.NotFound) {
			err = nil
		}
		return err
	}
	next.Former = ""
	_, err = s.keep(next, nil, nil)
	return err
}

// event takes over what an event of a Controller says about objects.
func (s *shelf) event(controller string, stamp *engine.Stamped) error {
	var err error
	var about string
	switch e := stamp.Event.(type) {
	case *engine.ItemAdded:
		about = e.Item.String()
		if e.Item.IsRelease() {
			err = s.noteRelease(controller, e) // it is evidence, no object of the inventory
		} else {
			err = s.noteAdded(controller, e, stamp)
		}
	case *engine.ItemRemoved:
		about, err = e.Item.String(), s.noteWithdrawn(controller, e.Item, stamp)
	case *engine.ItemDeletionMarked:
		if e.Item.IsRelease() {
			return nil
		}
		about, err = e.Item.String(), s.noteWithdrawn(controller, e.Item, stamp)
	case *engine.CommandExecuted:
		if e.Command == updateItems {
			about, err = "command "+e.CommandID, s.noteCommand(controller, e, stamp)
		}
	}
	if err != nil {
		return fmt.Errorf("event %d, %s about %s: %w", stamp.ID, stamp.Event.Type(), about, err)
	}
	return nil
}

// updateItems is the name of the command that deploys.
const updateItems = "UpdateItems"
