package sqlite

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

func scanObject(r row, more ...any) (o store.Object, err error) {
	into := []any{
		&o.ID, &o.Kind, &o.Path, &o.Title, &o.Folded, &o.State, &o.Format, &o.Synced, &o.Problems, &o.Revision, &o.ChangedAt, &o.ChangedBy, &o.TrashedAt,
		&o.Current, &o.Deployed, &o.Former, &o.Successor,
	}
	return o, r.Scan(append(into, more...)...)
}

func (t *tx) objects(query string, args ...any) (all []store.Object, err error) {
	err = t.each(query, func(r row) error {
		o, err := scanObject(r)
		all = append(all, o)
		return err
	}, args...)
	return all, err
}

// Object implements store.InventoryReader.
func (t *tx) Object(key store.ObjectKey) (o store.Object, err error) {
	err = t.one("SELECT "+objectFields+" FROM objects AS o WHERE o.path = ? AND o.kind = ?", store.UnknownObject(key), func(r row) (err error) {
		o, err = scanObject(r)
		return err
	}, key.Path, key.Kind)
	return o, err
}

// ObjectTexts implements store.InventoryReader.
func (t *tx) ObjectTexts(id int64) (x store.ObjectTexts, err error) {
	const query = `SELECT coalesce(d.text, ''), coalesce(v.text, '') FROM objects AS o
		LEFT JOIN object_drafts AS d ON d.object = o.id LEFT JOIN object_versions AS v ON v.id = o.current WHERE o.id = ?`
	err = t.each(query, func(r row) error { return r.Scan(&x.Draft, &x.Current) }, id)
	return x, err
}

// split returns folder and name of a path.
func split(path string) (folder, name string) {
	i := strings.LastIndexByte(path, '/')
	return path[:max(0, i)], path[i+1:]
}

// restrictions collects the conditions of a query.
type restrictions struct {
	where []string
	args  []any
}

func (c *restrictions) add(condition string, values ...any) {
	c.where = append(c.where, condition)
	c.args = append(c.args, values...)
}

func (c *restrictions) list(field string, values []string) {
	if len(values) > 0 {
		c.where = append(c.where, field+" IN ("+marks(len(values))+")")
		for _, v := range values {
			c.args = append(c.args, v)
		}
	}
}

// below restricts to what lies in a folder or below it: '0' follows '/'.
func (c *restrictions) below(folder string) {
	if folder != "" {
		c.add("o.path > ? AND o.path < ?", folder+"/", folder+"0")
	}
}

// Objects implements store.InventoryReader.
func (t *tx) Objects(q store.ObjectQuery) ([]store.Object, error) {
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

// inOrder reads objects by one index.
func (t *tx) inOrder(q store.ObjectQuery) ([]store.Object, error) {
	var c restrictions
	order := "o.path, o.kind"
	if q.Below {
		c.below(q.Folder)
		if q.After != (store.ObjectKey{}) {
			c.add("(o.path, o.kind) > (?, ?)", q.After.Path, q.After.Kind)
		}
	} else {
		order = "o.name, o.kind"
		c.add("o.folder = ?", q.Folder)
		if q.After != (store.ObjectKey{}) {
			_, name := split(q.After.Path)
			c.add("(o.name, o.kind) > (?, ?)", name, q.After.Kind)
		}
	}
	if len(q.States) == 1 {
		c.add("o.state = ?", q.States[0])
	} else {
		// Not by the index of states, which has another order.
		c.add("+o.state <> '" + trash + "'")
		c.list("+o.state", q.States)
	}
	switch {
	case q.Kind == "":
	case q.Below && len(q.States) == 0:
		c.add("o.kind = ?", q.Kind)
	default:
		c.add("+o.kind = ?", q.Kind)
	}
	if q.Text != "" {
		few, err := t.fewNames(q.Text)
		if err != nil {
			return nil, err
		}
		if few {
			c.add("o.id IN (SELECT rowid FROM object_names WHERE object_names MATCH ?)", pieces(q.Text))
		}
		c.add("instr(o.folded, ?) > 0", q.Text)
	}
	query := "SELECT " + objectFields + " FROM objects AS o WHERE " + strings.Join(c.where, " AND ") + " ORDER BY " + order + " LIMIT ?"
	return t.objects(query, append(c.args, q.Limit)...)
}

// fewNames tells whether the index of names leaves so few objects that they are
// better looked at one by one than all in their order.
func (t *tx) fewNames(text string) (few bool, err error) {
	const most = 2000
	match := pieces(text)
	if match == "" {
		return false, nil
	}
	n := 0
	err = t.one("SELECT count(*) FROM (SELECT rowid FROM object_names WHERE object_names MATCH ? LIMIT ?)", nil, func(r row) error { return r.Scan(&n) }, match, most+1)
	return n <= most, err
}

// Trash implements store.InventoryReader.
func (t *tx) Trash(before, beforeID int64, limit int) ([]store.Object, error) {
	if before == 0 {
		before = 1<<63 - 1
	}
	return t.objects("SELECT "+objectFields+` FROM objects AS o WHERE o.trashed_at > 0 AND (o.trashed_at, o.id) < (?, ?)
		ORDER BY o.trashed_at DESC, o.id DESC LIMIT ?`, before, beforeID, limit)
}

// PutObject implements store.InventoryWriter.
func (t *tx) PutObject(o *store.Object, draft *string, index *store.ObjectIndex) (int64, error) {
	folder, name := split(o.Path)
	var before *store.Object
	id := o.ID
	if id == 0 {
		const query = `INSERT INTO objects (kind, path, folder, name, title, folded, state, format, synced, problems, revision, changed_at, changed_by, trashed_at,
			current, deployed, former, successor) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, 1, ?, ?, ?, ?, ?, ?, ?)`
		var err error
		id, err = t.insert(query, o.Kind, o.Path, folder, name, o.Title, o.Folded, o.State, o.Format, o.Synced, o.Problems,
			o.ChangedAt, o.ChangedBy, o.TrashedAt, o.Current, o.Deployed, o.Former, o.Successor)
		if err != nil {
			return 0, taken(err, o)
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

func taken(err error, o *store.Object) error {
	if fault.Is(err, fault.Conflict) {
		return fault.Wrap(fault.Conflict, "DuplicateObject", err, "there is a %s %q already", o.Kind, o.Path).About(o.Kind + ":" + o.Path)
	}
	return err
}

// changeObject writes a row anew and returns what it was.
func (t *tx) changeObject(o *store.Object, folder, name string) (*store.Object, error) {
	changed := fault.New(fault.Conflict, "ObjectChanged", "%s %q was changed meanwhile", o.Kind, o.Path).About(o.Kind + ":" + o.Path)
	var before store.Object
	err := t.one("SELECT "+objectFields+" FROM objects AS o WHERE o.id = ?", changed, func(r row) (err error) {
		before, err = scanObject(r)
		return err
	}, o.ID)
	if err != nil {
		return nil, err
	}
	n, err := t.exec(`UPDATE objects SET kind = ?, path = ?, folder = ?, name = ?, title = ?, folded = ?, state = ?, format = ?, synced = ?, problems = ?, revision = ?,
		changed_at = ?, changed_by = ?, trashed_at = ?, current = ?, deployed = ?, former = ?, successor = ? WHERE id = ? AND revision = ?`,
		o.Kind, o.Path, folder, name, o.Title, o.Folded, o.State, o.Format, o.Synced, o.Problems, o.Revision+1,
		o.ChangedAt, o.ChangedBy, o.TrashedAt, o.Current, o.Deployed, o.Former, o.Successor, o.ID, o.Revision)
	if err != nil {
		return nil, taken(err, o)
	}
	if n == 0 {
		return nil, changed
	}
	return &before, nil
}

func (t *tx) putDraft(id int64, before, o *store.Object, draft *string) error {
	switch {
	case o.Format == "" && before != nil && before.Format != "":
		_, err := t.exec("DELETE FROM object_drafts WHERE object = ?", id)
		return err
	case o.Format != "" && draft != nil:
		_, err := t.exec("INSERT INTO object_drafts (object, text) VALUES (?, ?) ON CONFLICT (object) DO UPDATE SET text = excluded.text", id, *draft)
		return err
	}
	return nil
}

// DeleteObject implements store.InventoryWriter.
func (t *tx) DeleteObject(id int64) error {
	var before store.Object
	err := t.one("SELECT "+objectFields+" FROM objects AS o WHERE o.id = ?", fault.New(fault.NotFound, "UnknownObject", "there is no such object"), func(r row) (err error) {
		before, err = scanObject(r)
		return err
	}, id)
	if err != nil {
		return err
	}
	for _, statement := range []string{
		"DELETE FROM object_drafts WHERE object = ?", "DELETE FROM object_versions WHERE object = ?", "DELETE FROM object_deployments WHERE object = ?",
		"DELETE FROM object_references WHERE object = ?", "DELETE FROM object_names WHERE rowid = ?", "DELETE FROM object_texts WHERE rowid = ?",
		"DELETE FROM objects WHERE id = ?",
	} {
		if _, err := t.exec(statement, id); err != nil {
			return err
		}
	}
	return t.tally(&before, nil)
}
