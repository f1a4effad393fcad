package rows

import (
	"cmp"
	"slices"
	"strings"

	"github.com/signet-scheduler/signet/internal/fault"
	"github.com/signet-scheduler/signet/internal/store"
)

// trash is the state of objects that are neither listed nor counted.
const trash = "trash"

// atWork are the states in which something is to be deployed still.
var atWork = map[string]bool{"draft": true, "invalid": true, "changed": true}

const objectFields = `o.id, o.kind, o.path, o.title, o.folded, o.state, o.format, o.synced, o.problems, o.revision, o.changed_at, o.changed_by, o.trashed_at,
	o.current, o.deployed, o.former, o.successor`

func scanObject(r Row, more ...any) (o store.Object, err error) {
	into := []any{
		&o.ID, &o.Kind, &o.Path, &o.Title, &o.Folded, &o.State, &o.Format, &o.Synced, &o.Problems, &o.Revision, &o.ChangedAt, &o.ChangedBy, &o.TrashedAt,
		&o.Current, &o.Deployed, &o.Former, &o.Successor,
	}
	return o, r.Scan(append(into, more...)...)
}

func (t *Tx) objects(query string, args ...any) (all []store.Object, err error) {
	err = t.Each(query, func(r Row) error {
		o, err := scanObject(r)
		all = append(all, o)
		return err
	}, args...)
	return all, err
}

// Object implements store.InventoryReader.
func (t *Tx) Object(key store.ObjectKey) (o store.Object, err error) {
	err = t.One("SELECT "+objectFields+" FROM objects AS o WHERE o.path = ? AND o.kind = ?", store.UnknownObject(key), func(r Row) (err error) {
		o, err = scanObject(r)
		return err
	}, key.Path, key.Kind)
	return o, err
}

// ObjectTexts implements store.InventoryReader.
func (t *Tx) ObjectTexts(id int64) (x store.ObjectTexts, err error) {
	const query = `SELECT coalesce(d.text, ''), coalesce(v.text, '') FROM objects AS o
		LEFT JOIN object_drafts AS d ON d.object = o.id LEFT JOIN object_versions AS v ON v.id = o.current WHERE o.id = ?`
	err = t.Each(query, func(r Row) error { return r.Scan(&x.Draft, &x.Current) }, id)
	return x, err
}

// split returns folder and name of a path.
func split(path string) (folder, name string) {
	i := strings.LastIndexByte(path, '/')
	return path[:max(0, i)], path[i+1:]
}

// among demands one of some values; of none, nothing.
func (c *conditions) among(field string, values []string) {
	if len(values) == 0 {
		return
	}
	args := make([]any, len(values))
	for i, v := range values {
		args[i] = v
	}
	c.add(field+" IN ("+marks(len(args))+")", args...)
}

// below restricts to what lies in a folder or below it: '0' follows '/'.
func (c *conditions) below(folder string) {
	if folder != "" {
		c.add("o.path > ? AND o.path < ?", folder+"/", folder+"0")
	}
}

// Objects implements store.InventoryReader.
func (t *Tx) Objects(q store.ObjectQuery) ([]store.Object, error) {
	if !q.Below || len(q.States) < 2 {
		return t.inOrder(q)
	}
	// Few objects may be in these states: the index of states has each in order.
	var all []store.Object
	for _, state := range q.States {
		one := q
		one.States = []string{state}
		objects, err := t.inOrder(one)
		if err != nil {
			return nil, err
		}
		all = append(all, objects...)
	}
	slices.SortFunc(all, func(a, b store.Object) int {
		return cmp.Or(strings.Compare(a.Path, b.Path), strings.Compare(a.Kind, b.Kind))
	})
	return all[:min(len(all), q.Limit)], nil
}

// inOrder reads objects by one index, unless few of them have the text.
func (t *Tx) inOrder(q store.ObjectQuery) ([]store.Object, error) {
	var c conditions
	along, order := "INDEXED BY objects_key", "o.path, o.kind"
	if q.Below {
		c.below(q.Folder)
		if q.After != (store.ObjectKey{}) {
			c.add("(o.path, o.kind) > (?, ?)", q.After.Path, q.After.Kind)
		}
	} else {
		along, order = "INDEXED BY objects_folder", "o.name, o.kind"
		c.add("o.folder = ?", q.Folder)
		if q.After != (store.ObjectKey{}) {
			_, name := split(q.After.Path)
			c.add("(o.name, o.kind) > (?, ?)", name, q.After.Kind)
		}
	}
	if q.Kind != "" {
		c.add("o.kind = ?", q.Kind)
	}
	if len(q.States) == 1 {
		c.add("o.state = ?", q.States[0])
		if q.Below {
			along = "INDEXED BY objects_state"
		}
	} else {
		c.add("o.state <> '" + trash + "'")
		c.among("o.state", q.States)
		if q.Below && q.Kind != "" && len(q.States) == 0 {
			along = "INDEXED BY objects_kind"
		}
	}
	if q.Text != "" {
		with, few, err := t.fewNames(q.Text)
		if err != nil {
			return nil, err
		}
		if few {
			along = "NOT INDEXED"
			c.add("o.id IN (SELECT "+with.ID+" FROM "+with.Table+" WHERE "+with.Condition+")", with.Arg)
		}
		c.add("instr(o.folded, ?) > 0", q.Text)
	}
	query := "SELECT " + objectFields + " FROM objects AS o " + along + c.where() + " ORDER BY " + order + " LIMIT ?"
	return t.objects(query, append(c.args, q.Limit)...)
}

// fewNames tells whether the index of names leaves so few objects that they are
// better looked at one by one than all in their order.
func (t *Tx) fewNames(text string) (with Pieces, few bool, err error) {
	const most = 2000
	with, ok := t.WithPieces(true, text)
	if !ok {
		return with, false, nil
	}
	n := 0
	query := "SELECT count(*) FROM (SELECT " + with.ID + " FROM " + with.Table + " WHERE " + with.Condition + " LIMIT ?) AS found"
	err = t.One(query, nil, func(r Row) error { return r.Scan(&n) }, with.Arg, most+1)
	return with, n <= most, err
}

// Trash implements store.InventoryReader.
func (t *Tx) Trash(before, beforeID int64, limit int) ([]store.Object, error) {
	if before == 0 {
		before = 1<<63 - 1
	}
	return t.objects("SELECT "+objectFields+` FROM objects AS o WHERE o.trashed_at > 0 AND (o.trashed_at, o.id) < (?, ?)
		ORDER BY o.trashed_at DESC, o.id DESC LIMIT ?`, before, beforeID, limit)
}

// PutObject implements store.InventoryWriter.
func (t *Tx) PutObject(o *store.Object, draft *string, index *store.ObjectIndex) (int64, error) {
	folder, name := split(o.Path)
	var before *store.Object
	id := o.ID
	if id == 0 {
		const query = `INSERT INTO objects (kind, path, folder, name, title, folded, state, format, synced, problems, revision, changed_at, changed_by, trashed_at,
			current, deployed, former, successor) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, 1, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING`
		var err error
		id, err = t.Insert(query, o.Kind, o.Path, folder, name, o.Title, o.Folded, o.State, o.Format, o.Synced, o.Problems,
			o.ChangedAt, o.ChangedBy, o.TrashedAt, o.Current, o.Deployed, o.Former, o.Successor)
		if err == nil && id == 0 {
			err = taken(o)
		}
		if err != nil {
			return 0, err
		}
	} else {
		var err error
		if before, err = t.changeObject(o, folder, name); err != nil {
			return 0, err
		}
	}
	if err := t.tally(before, o); err != nil {
		return 0, err
	}
	if err := t.putDraft(id, before, o, draft); err != nil {
		return 0, err
	}
	if index != nil {
		if err := t.putIndex(id, before != nil, o, index); err != nil {
			return 0, err
		}
	}
	return id, nil
}

func taken(o *store.Object) error {
	return fault.New(fault.Conflict, "DuplicateObject", "there is a %s %q already", o.Kind, o.Path).About(o.Kind + ":" + o.Path)
}

// changeObject writes a row anew and returns what it was.
func (t *Tx) changeObject(o *store.Object, folder, name string) (*store.Object, error) {
	changed := fault.New(fault.Conflict, "ObjectChanged", "%s %q was changed meanwhile", o.Kind, o.Path).About(o.Kind + ":" + o.Path)
	var before store.Object
	err := t.One("SELECT "+objectFields+" FROM objects AS o WHERE o.id = ?", changed, func(r Row) (err error) {
		before, err = scanObject(r)
		return err
	}, o.ID)
	if err != nil {
		return nil, err
	}
	if before.Key() != o.Key() {
		switch _, err := t.Object(o.Key()); {
		case err == nil:
			return nil, taken(o)
		case !fault.Is(err, fault.NotFound):
			return nil, err
		}
	}
	n, err := t.Exec(`UPDATE objects SET kind = ?, path = ?, folder = ?, name = ?, title = ?, folded = ?, state = ?, format = ?, synced = ?, problems = ?, revision = ?,
		changed_at = ?, changed_by = ?, trashed_at = ?, current = ?, deployed = ?, former = ?, successor = ? WHERE id = ? AND revision = ?`,
		o.Kind, o.Path, folder, name, o.Title, o.Folded, o.State, o.Format, o.Synced, o.Problems, o.Revision+1,
		o.ChangedAt, o.ChangedBy, o.TrashedAt, o.Current, o.Deployed, o.Former, o.Successor, o.ID, o.Revision)
	if err != nil {
		return nil, err
	}
	if n == 0 {
		return nil, changed
	}
	return &before, nil
}

func (t *Tx) putDraft(id int64, before, o *store.Object, draft *string) error {
	switch {
	case o.Format == "" && before != nil && before.Format != "":
		return t.Later("DELETE FROM object_drafts WHERE object = ?", anyNumber, id)
	case o.Format != "" && draft != nil:
		return t.Later("INSERT INTO object_drafts (object, text) VALUES (?, ?) ON CONFLICT (object) DO UPDATE SET text = excluded.text", anyNumber, id, *draft)
	}
	return nil
}

// DeleteObject implements store.InventoryWriter.
func (t *Tx) DeleteObject(id int64) error {
	var before store.Object
	err := t.One("SELECT "+objectFields+" FROM objects AS o WHERE o.id = ?", fault.New(fault.NotFound, "UnknownObject", "there is no such object"), func(r Row) (err error) {
		before, err = scanObject(r)
		return err
	}, id)
	if err != nil {
		return err
	}
	for _, statement := range []string{
		"DELETE FROM object_drafts WHERE object = ?", "DELETE FROM object_versions WHERE object = ?", "DELETE FROM object_deployments WHERE object = ?",
		"DELETE FROM object_references WHERE object = ?", "DELETE FROM objects WHERE id = ?",
	} {
		if err := t.Later(statement, anyNumber, id); err != nil {
			return err
		}
	}
	if err := t.DropPieces(id); err != nil {
		return err
	}
	return t.tally(&before, nil)
}
