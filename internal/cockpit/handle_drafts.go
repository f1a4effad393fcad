package cockpit

import (
	"unicode"

	"github.com/signet-scheduler/signet/api"
	"github.com/signet-scheduler/signet/internal/fault"
	"github.com/signet-scheduler/signet/internal/inventory"
	"github.com/signet-scheduler/signet/internal/item"
	"github.com/signet-scheduler/signet/internal/objectfile"
	"github.com/signet-scheduler/signet/internal/store"
	"github.com/signet-scheduler/signet/internal/strictjson"
)

// change runs f in the writing transaction, for who asks, and tells the browsers of
// other Cockpits.
func (k *call) change(f func(*shelf) error) error {
	return k.db.Write(k.r.Context(), func(w store.Writer) error {
		if err := f(&shelf{w: w, now: k.clock.Now().UnixMilli(), by: k.session.Account.Name}); err != nil {
			return err
		}
		return w.Tell(topicInventory)
	})
}

// maxVersionName bounds the name of a version, in bytes.
const maxVersionName = 100

func (k *call) putObject() error {
	_, key, err := k.namedObject()
	if err != nil {
		return err
	}
	in, err := decode[api.PutObjectRequest](k)
	if err != nil {
		return err
	}
	revision, err := k.expected()
	if err != nil {
		return err
	}
	if err := checkFormat(in.Format); err != nil {
		return err
	}
	if err := objectfile.CheckText(in.Text); err != nil {
		return err
	}
	if err := versionName(in.SaveAs); err != nil {
		return err
	}
	if err := k.beginAudit("", []string{key.String()}, in.Reason); err != nil {
		return err
	}
	var o store.Object
	var read objectfile.Reading
	err = k.change(func(s *shelf) error {
		before, there, err := s.find(key)
		if err != nil {
			return err
		}
		if err := isAt(&before, there, revision); err != nil {
			return err
		}
		d := draft{in.Text, in.Format}
		if o, read, err = s.save(before, d); err != nil || in.SaveAs == "" {
			return err
		}
		return s.saveVersion(&o, d, in.SaveAs, in.Reason)
	})
	if err != nil {
		return err
	}
	return k.saved(&o, read)
}

func versionName(name string) error {
	if len(name) > maxVersionName {
		return fault.New(fault.TooLarge, "InvalidRequest", "the name of a version has at most %d bytes", maxVersionName)
	}
	for _, r := range name {
		if unicode.IsControl(r) {
			return fault.New(fault.Invalid, "InvalidRequest", "the name of a version has no control characters")
		}
	}
	return nil
}

func (k *call) saved(o *store.Object, read objectfile.Reading) error {
	k.setETag(o.Revision)
	return k.answer(api.SavedObject{Object: summaryOf(o), Problems: draftProblems(read.Problems)})
}

func (k *call) putDrafts() error {
	in, err := decode[api.PutDraftsRequest](k)
	if err != nil {
		return err
	}
	if len(in.Objects) == 0 {
		return fault.New(fault.Invalid, "InvalidRequest", "there is nothing to save")
	}
	if len(in.Objects) > maxDeployed {
		return fault.New(fault.TooLarge, "TooManyObjects", "at most %d drafts are saved at once", maxDeployed)
	}
	names, err := checkDrafts(in.Objects)
	if err != nil {
		return err
	}
	if err := k.beginAudit("", names, in.Reason); err != nil {
		return err
	}
	var out api.PutDraftsResponse
	err = k.change(func(s *shelf) error {
		for i := range in.Objects {
			put, err := s.replace(&in.Objects[i])
			if err != nil {
				return err
			}
			out.Objects = append(out.Objects, put)
		}
		return nil
	})
	if err != nil {
		return err
	}
	return k.answer(out)
}

// checkDrafts tells what is wrong with a request, whatever the texts say, and
// returns the names of the objects.
func checkDrafts(objects []api.DraftObject) (names []string, err error) {
	var problems []fault.Problem
	seen := map[item.Key]bool{}
	for i := range objects {
		o := &objects[i]
		key, err := objectKey(o.Kind, o.Path)
		if err == nil {
			err = checkFormat(o.Format)
		}
		if err == nil {
			err = objectfile.CheckText(o.Text)
		}
		if err == nil && seen[key] {
			err = fault.New(fault.Invalid, "InvalidRequest", "%s is given twice", key)
		}
		if err != nil {
			problems = append(problems, fault.Problem{Where: strictjson.IndexPath("$.objects", i), Message: fault.Of(err).Public()})
		}
		seen[key] = true
		names = append(names, key.String())
	}
	if len(problems) > 0 {
		return nil, &fault.Error{Kind: fault.Invalid, Code: "InvalidRequest", Message: "the drafts can't be saved", Problems: problems}
	}
	return names, nil
}

// replace saves a draft whatever is there, unless it says the same.
func (s *shelf) replace(in *api.DraftObject) (out api.PutDraft, err error) {
	o, there, err := s.find(item.Key{Kind: item.Kind(in.Kind), Path: in.Path})
	if err != nil {
		return out, err
	}
	d := draft{in.Text, in.Format}
	var read objectfile.Reading
	if there {
		before, err := textOf(s.w, &o)
		if err != nil {
			return out, err
		}
		if before == d {
			read = d.read(keyOf(&o))
			return api.PutDraft{Kind: o.Kind, Path: o.Path, State: o.State, Problems: draftProblems(read.Problems)}, nil
		}
	}
	revision := o.Revision
	if o, read, err = s.save(o, d); err != nil {
		return out, err
	}
	return api.PutDraft{Kind: o.Kind, Path: o.Path, State: o.State, Saved: o.Revision != revision, Problems: draftProblems(read.Problems)}, nil
}

// existing returns an object that isn't in the trash.
func (s *shelf) existing(key item.Key) (store.Object, error) {
	o, there, err := s.find(key)
	if err == nil && !there {
		err = store.UnknownObject(storeKey(key))
	}
	return o, err
}

func (k *call) deleteObject() error {
	q, key, err := k.namedObject("reason")
	if err != nil {
		return err
	}
	revision, err := k.expectedIfSaid()
	if err != nil {
		return err
	}
	if err := k.beginAudit("", []string{key.String()}, q.text("reason")); err != nil {
		return err
	}
	err = k.change(func(s *shelf) error {
		o, err := s.existing(key)
		if err != nil {
			return err
		}
		if revision != 0 {
			if err := isAt(&o, true, revision); err != nil {
				return err
			}
		}
		if o.Deployed > 0 {
			return fault.New(fault.Conflict, "StillDeployed", "it is deployed: take it out of service first").About(key.String())
		}
		return s.trash(o)
	})
	if err != nil {
		return err
	}
	return k.done()
}

// onObject carries out what is asked of one object.
func (k *call) onObject(f func(s *shelf, o store.Object) error) error {
	in, err := decode[api.ObjectRequest](k)
	if err != nil {
		return err
	}
	key, err := objectKey(in.Kind, in.Path)
	if err != nil {
		return err
	}
	revision, err := k.expectedIfSaid()
	if err != nil {
		return err
	}
	if err := k.beginAudit("", []string{key.String()}, in.Reason); err != nil {
		return err
	}
	err = k.change(func(s *shelf) error {
		o, err := s.w.Object(storeKey(key))
		if err != nil {
			return err
		}
		if revision != 0 {
			if err := isAt(&o, true, revision); err != nil {
				return err
			}
		}
		return f(s, o)
	})
	if err != nil {
		return err
	}
	return k.done()
}

func notInTrash(o *store.Object) error {
	return fault.New(fault.Conflict, "NotInTrash", "it isn't in the trash").About(keyOf(o).String())
}

func (k *call) restoreObject() error {
	return k.onObject(func(s *shelf, o store.Object) error {
		if o.TrashedAt == 0 {
			return notInTrash(&o)
		}
		d, err := textOf(s.w, &o)
		if err != nil {
			return err
		}
		o.TrashedAt = 0
		_, err = s.keep(o, nil, s.index(&o, d.read(keyOf(&o)), d.text))
		return err
	})
}

func (k *call) purgeObject() error {
	return k.onObject(func(s *shelf, o store.Object) error {
		if o.TrashedAt == 0 {
			return notInTrash(&o)
		}
		return s.w.DeleteObject(o.ID)
	})
}

func (k *call) discardDraft() error {
	return k.onObject(func(s *shelf, o store.Object) error {
		switch {
		case o.TrashedAt != 0:
			return store.UnknownObject(o.Key())
		case o.Current == 0:
			return fault.New(fault.Conflict, "NeverDeployed", "it was never deployed: there is nothing to go back to").About(keyOf(&o).String())
		case o.Format == "":
			return nil
		}
		_, err := s.discard(o)
		return err
	})
}

func (k *call) copyObject() error {
	in, err := decode[api.CopyRequest](k)
	if err != nil {
		return err
	}
	from, err := objectKey(in.Kind, in.Path)
	if err != nil {
		return err
	}
	to, err := objectKey(in.Kind, in.To)
	if err != nil {
		return err
	}
	if err := k.beginAudit("", []string{from.String(), to.String()}, in.Reason); err != nil {
		return err
	}
	var made store.Object
	var read objectfile.Reading
	err = k.change(func(s *shelf) error {
		o, err := s.existing(from)
		if err != nil {
			return err
		}
		target, there, err := s.find(to)
		if err != nil {
			return err
		}
		if there {
			return fault.New(fault.Conflict, "DuplicateObject", "there is such an object already").About(to.String())
		}
		d, err := textOf(s.w, &o)
		if err != nil {
			return err
		}
		if root := d.read(from).Root; root != nil {
			text, err := objectfile.Replace([]byte(d.text), d.format == formatYAML, inventory.Itself(root, to.Path))
			if err != nil {
				return err
			}
			d.text = string(text)
		}
		made, read, err = s.save(target, d)
		return err
	})
	if err != nil {
		return err
	}
	return k.saved(&made, read)
}
