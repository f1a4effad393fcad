package cockpit

import (
	"github.com/signet-scheduler/signet/api"
	"github.com/signet-scheduler/signet/internal/fault"
	"github.com/signet-scheduler/signet/internal/inventory"
	"github.com/signet-scheduler/signet/internal/item"
	"github.com/signet-scheduler/signet/internal/objectfile"
	"github.com/signet-scheduler/signet/internal/store"
)

// Bounds of a rename: it is one transaction.
const (
	maxMoved    = 5_000
	maxAdjusted = 10_000 // objects
)

// rename is an object or a folder that gets another path, and all that follows.
type rename struct {
	kind     item.Kind // "": a folder
	from, to string

	moves   []store.Object // what moves
	touched []touched      // what is written anew, what moves among it
	out     api.RenameResponse
}

// touched is an object whose text changes, or that moves.
type touched struct {
	store.Object
	draft
	to string // its new path; "": it stays
}

func (rn *rename) moved(k item.Key) (item.Key, bool) {
	if rn.kind != "" && k.Kind != rn.kind {
		return k, false
	}
	return inventory.Moved(k, rn.from, rn.to, rn.kind == "")
}

// check tells what is wrong with the request itself.
func (rn *rename) check() error {
	if rn.from == rn.to {
		return fault.New(fault.Invalid, "InvalidRequest", "the old path and the new one are the same")
	}
	if rn.kind != "" {
		for _, path := range []string{rn.from, rn.to} {
			if _, err := objectKey(string(rn.kind), path); err != nil {
				return err
			}
		}
		return nil
	}
	for _, path := range []string{rn.from, rn.to} {
		if _, err := folderPath(path); err != nil {
			return err
		}
	}
	if inventory.Within(rn.to, rn.from) {
		return fault.New(fault.Invalid, "InvalidRequest", "a folder can't be moved into itself")
	}
	return nil
}

// plan finds out what changes.
func (rn *rename) plan(r store.InventoryReader) error {
	if err := rn.find(r); err != nil {
		return err
	}
	seen := map[int64]bool{}
	for i := range rn.moves {
		o := &rn.moves[i]
		to, _ := rn.moved(keyOf(o))
		if err := rn.isFree(r, to); err != nil {
			return err
		}
		rn.out.Moved = append(rn.out.Moved, api.MovedObject{Kind: o.Kind, From: o.Path, To: to.Path, Deployed: o.Deployed > 0})
		seen[o.ID] = true
		if err := rn.touch(r, *o, to.Path); err != nil {
			return err
		}
	}
	for i := range rn.moves {
		if err := rn.users(r, &rn.moves[i], seen); err != nil {
			return err
		}
	}
	return nil
}

// find reads what moves.
func (rn *rename) find(r store.InventoryReader) error {
	if rn.kind != "" {
		key := store.ObjectKey{Kind: string(rn.kind), Path: rn.from}
		o, err := r.Object(key)
		if err == nil && o.TrashedAt != 0 {
			err = store.UnknownObject(key)
		}
		if err == nil && o.Successor != "" {
			err = fault.New(fault.Conflict, "AlreadyRenamed", "it was renamed to %s already", o.Successor).About(o.Kind + ":" + o.Path)
		}
		rn.moves = []store.Object{o}
		return err
	}
	all, err := r.Objects(store.ObjectQuery{Folder: rn.from, Below: true, Limit: maxMoved + 1})
	if err != nil {
		return err
	}
	if len(all) > maxMoved {
		return fault.New(fault.TooLarge, "TooManyObjects", "there are more than %d objects in the folder: move smaller ones", maxMoved)
	}
	for i := range all {
		if _, ok := rn.moved(keyOf(&all[i])); ok && all[i].Successor == "" {
			rn.moves = append(rn.moves, all[i])
		}
	}
	if len(rn.moves) == 0 {
		return fault.New(fault.NotFound, "UnknownFolder", "there is nothing in a folder %q", clip(rn.from))
	}
	return nil
}

// isFree makes sure that a path may be taken.
func (rn *rename) isFree(r store.InventoryReader, to item.Key) error {
	if err := to.Check(); err != nil {
		return err
	}
	o, err := r.Object(storeKey(to))
	switch {
	case fault.Is(err, fault.NotFound):
		return nil
	case err != nil:
		return err
	case o.TrashedAt != 0:
		return fault.New(fault.Conflict, "DuplicateObject", "there is such an object in the trash: restore it or delete it for good first").About(to.String())
	}
	return fault.New(fault.Conflict, "DuplicateObject", "there is such an object already").About(to.String())
}

// users touches those that name an object that moves.
func (rn *rename) users(r store.InventoryReader, o *store.Object, seen map[int64]bool) error {
	for after := (store.ObjectKey{}); ; {
		page, err := r.Users(o.Key(), after, pageSize)
		if err != nil {
			return err
		}
		for i := range page {
			after = page[i].Key()
			if seen[page[i].ID] || page[i].Successor != "" {
				continue
			}
			seen[page[i].ID] = true
			if err := rn.touch(r, page[i], ""); err != nil {
				return err
			}
		}
		if len(rn.touched) > maxAdjusted {
			return fault.New(fault.TooLarge, "TooManyObjects", "more than %d objects would have to be adjusted", maxAdjusted)
		}
		if len(page) < pageSize {
			return nil
		}
	}
}

// touch adjusts the text of an object.
func (rn *rename) touch(r store.InventoryReader, o store.Object, to string) error {
	d, err := textOf(r, &o)
	if err != nil {
		return err
	}
	t := touched{Object: o, draft: d, to: to}
	problem := func(pointer, message string) {
		rn.out.Problems = append(rn.out.Problems, api.RenameProblem{Kind: o.Kind, Path: o.Path, Pointer: pointer, Message: message})
	}
	root := rootOf(d)
	if root == nil {
		if to == "" {
			problem("", "its draft can't be read, so what it names can't be adjusted: repair it first")
		}
		rn.touched = append(rn.touched, t)
		return nil
	}
	changes, problems := inventory.Follow(root, rn.moved)
	for _, p := range problems {
		problem(p.Where, p.Message)
	}
	if to != "" {
		// Its own path may stand before or behind what it names: one after the other.
		if t.text, err = replaced(t.draft, inventory.Itself(root, to)); err != nil {
			problem("/path", fault.Of(err).Public())
			t.text = d.text
		}
	}
	text, err := replaced(t.draft, changes)
	if err != nil {
		problem(changes[0].Pointer, fault.Of(err).Public())
		text = t.text
	}
	t.text = text
	for _, c := range changes {
		rn.out.Adjusted = append(rn.out.Adjusted, api.AdjustedText{Kind: o.Kind, Path: o.Path, Pointer: c.Pointer, Old: c.Old, New: c.New})
	}
	rn.touched = append(rn.touched, t)
	return nil
}

func replaced(d draft, changes []inventory.Replacement) (string, error) {
	text, err := objectfile.Replace([]byte(d.text), d.format == formatYAML, changes)
	return string(text), err
}

// carryOut writes what was planned.
func (rn *rename) carryOut(s *shelf) error {
	if len(rn.out.Problems) > 0 {
		e := fault.New(fault.Invalid, "CannotRename", "not everything that names it can be adjusted, so nothing was done")
		for _, p := range rn.out.Problems {
			e.Problems = append(e.Problems, fault.Problem{Where: p.Kind + ":" + p.Path + " " + p.Pointer, Message: p.Message})
		}
		return e
	}
	for i := range rn.touched {
		t := &rn.touched[i]
		var err error
		if t.to != "" {
			err = s.move(t)
		} else {
			_, _, err = s.save(t.Object, t.draft)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// move gives an object its new path. What is deployed stays where it is, until
// the successor is deployed.
func (s *shelf) move(t *touched) error {
	o := t.Object
	if o.Deployed == 0 {
		former := o.Former
		o.Path, o.Former = t.to, ""
		o, _, err := s.save(o, t.draft)
		if err != nil || former == "" {
			return err
		}
		// It was renamed before, and is deployed under an older path still.
		return s.succeed(former, &o)
	}
	next := store.Object{Kind: o.Kind, Path: t.to}
	next, _, err := s.save(next, t.draft)
	if err != nil {
		return err
	}
	if o.Format != "" {
		if o, err = s.discard(o); err != nil {
			return err
		}
	}
	return s.succeed(o.Path, &next)
}

// succeed notes that an object takes the place of the one that is deployed under
// an older path.
func (s *shelf) succeed(former string, next *store.Object) error {
	old, err := s.w.Object(store.ObjectKey{Kind: next.Kind, Path: former})
	if err != nil {
		return err
	}
	old.Successor = next.Path
	if _, err := s.keep(old, nil, nil); err != nil {
		return err
	}
	next.Former = former
	_, err = s.keep(*next, nil, nil)
	return err
}

func (k *call) renameObject() error {
	in, err := decode[api.RenameRequest](k)
	if err != nil {
		return err
	}
	rn := &rename{kind: item.Kind(in.Kind), from: in.From, to: in.To, out: api.RenameResponse{
		DryRun: in.DryRun, Moved: []api.MovedObject{}, Adjusted: []api.AdjustedText{}, Problems: []api.RenameProblem{},
	}}
	if err := rn.check(); err != nil {
		return err
	}
	if in.DryRun {
		if err := k.db.Read(k.r.Context(), func(r store.Reader) error { return rn.plan(r) }); err != nil {
			return err
		}
		return k.answer(rn.out)
	}
	revision, err := k.expectedIfSaid()
	if err != nil {
		return err
	}
	if revision != 0 && in.Kind == "" {
		return fault.New(fault.Invalid, "InvalidRevision", "a folder has no revision: leave If-Match out")
	}
	if err := k.beginAudit("", []string{in.Kind + ":" + clip(in.From), in.Kind + ":" + clip(in.To)}, in.Reason); err != nil {
		return err
	}
	err = k.change(func(s *shelf) error {
		if revision != 0 {
			o, err := s.existing(item.Key{Kind: rn.kind, Path: rn.from})
			if err != nil {
				return err
			}
			if err := isAt(&o, true, revision); err != nil {
				return err
			}
		}
		if err := rn.plan(s.w); err != nil {
			return err
		}
		return rn.carryOut(s)
	})
	if err != nil {
		return err
	}
	return k.answer(rn.out)
}
