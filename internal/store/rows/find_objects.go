package rows

import "github.com/signet-scheduler/signet/internal/store"

// Objects are found by pieces of three characters: an index knows which objects
// have a piece, not where. So it is small, and what it gives are candidates. How
// it is kept is each engine's own.

// Pieces selects from an engine's index of pieces.
type Pieces struct {
	Table     string
	ID        string // its column with the object's id
	Condition string // that the object has the pieces
	Arg       any    // of the condition
}

// putIndex makes an object found by what it is now.
func (t *Tx) putIndex(id int64, old bool, o *store.Object, x *store.ObjectIndex) error {
	if old {
		if err := t.Later("DELETE FROM object_references WHERE object = ?", anyNumber, id); err != nil {
			return err
		}
	}
	for _, k := range x.References {
		if err := t.Later(`INSERT INTO object_references (object, kind, path, "user") VALUES (?, ?, ?, ?)`, anyNumber, id, k.Kind, k.Path, o.Path); err != nil {
			return err
		}
	}
	return t.putTexts(id, old, o, x.Texts)
}

// putTexts gives an object to the index of pieces; what is in the trash isn't found.
func (t *Tx) putTexts(id int64, old bool, o *store.Object, texts string) error {
	if old {
		if err := t.DropPieces(id); err != nil {
			return err
		}
	}
	if o.State == trash {
		return nil
	}
	return t.AddPieces(id, o.Folded, texts)
}

// PutTexts implements store.InventoryWriter.
func (t *Tx) PutTexts(o *store.Object, texts string) error { return t.putTexts(o.ID, true, o, texts) }

// Unindexed implements store.InventoryReader.
func (t *Tx) Unindexed(limit int) ([]store.Object, error) {
	return t.objects("SELECT "+objectFields+" FROM objects AS o NOT INDEXED WHERE o.state <> '"+trash+"' AND o.id NOT IN ("+t.Indexed()+") ORDER BY o.id LIMIT ?", limit)
}

// fewBelow tells whether there is so little in a folder that all of it is better
// looked at than what the index gives for all folders.
func (t *Tx) fewBelow(folder string) (bool, error) {
	const most = 500
	if folder == "" {
		return false, nil
	}
	f, err := t.Folder(folder)
	return f.Objects <= most, err
}

// Candidates implements store.InventoryReader.
func (t *Tx) Candidates(q store.TextQuery) (all []store.Candidate, err error) {
	with, ok := t.WithPieces(q.Names, q.Text)
	if !ok {
		return nil, nil
	}
	few, err := t.fewBelow(q.Folder)
	if err != nil {
		return nil, err
	}
	var c conditions
	from, id := "objects AS o INDEXED BY objects_key", "o.id"
	if few {
		c.add("o.state <> '" + trash + "'")
	} else {
		// In this order: through what the index has, to the objects.
		from, id = with.Table+" AS x CROSS JOIN objects AS o", "x."+with.ID
		c.add("o.id = x." + with.ID)
		c.add(with.Condition, with.Arg)
	}
	c.add(id+" > ?", q.After)
	c.below(q.Folder)
	c.among("o.kind", q.Kinds)
	query := "SELECT " + objectFields + ", coalesce(d.text, ''), coalesce(v.text, '') FROM " + from + `
		LEFT JOIN object_drafts AS d ON d.object = o.id LEFT JOIN object_versions AS v ON v.id = o.current` + c.where() + " ORDER BY " + id + " LIMIT ?"
	err = t.Each(query, func(r Row) (err error) {
		var found store.Candidate
		found.Object, err = scanObject(r, &found.Draft, &found.ObjectTexts.Current)
		all = append(all, found)
		return err
	}, append(c.args, q.Limit)...)
	return all, err
}

// Users implements store.InventoryReader.
func (t *Tx) Users(of, after store.ObjectKey, limit int) ([]store.Object, error) {
	return t.objects("SELECT "+objectFields+` FROM object_references AS r CROSS JOIN objects AS o
		WHERE o.id = r.object AND r.kind = ? AND r.path = ? AND r."user" >= ? AND (r."user", o.kind) > (?, ?) AND o.state <> '`+trash+`' ORDER BY r."user", o.kind LIMIT ?`,
		of.Kind, of.Path, after.Path, after.Path, after.Kind, limit)
}

// References implements store.InventoryReader.
func (t *Tx) References(object int64) (all []store.ObjectKey, err error) {
	err = t.Each("SELECT kind, path FROM object_references WHERE object = ? ORDER BY kind, path", func(r Row) error {
		var k store.ObjectKey
		err := r.Scan(&k.Kind, &k.Path)
		all = append(all, k)
		return err
	}, object)
	return all, err
}
