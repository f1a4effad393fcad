package rows

import (
	"strings"

	"github.com/signet-scheduler/signet/internal/store"
)

// The counts of a folder are of all that lies in it and below, so that a tree
// can be shown without looking at what it doesn't show. They change with the
// objects, in the same transaction.

// above is the parent of the root, which no folder can be.
const above = "/"

// Folder implements store.InventoryReader.
func (t *Tx) Folder(path string) (f store.Folder, err error) {
	f.Path = path
	const query = `SELECT f.objects, f.changed, CASE WHEN EXISTS (SELECT 1 FROM folders AS c WHERE c.parent = f.path) THEN 1 ELSE 0 END FROM folders AS f WHERE f.path = ?`
	err = t.Each(query, func(r Row) error { return r.Scan(&f.Objects, &f.Changed, &f.Folders) }, path)
	return f, err
}

// Folders implements store.InventoryReader.
func (t *Tx) Folders(parent, after string, limit int) (all []store.Folder, err error) {
	const query = `SELECT f.path, f.objects, f.changed, CASE WHEN EXISTS (SELECT 1 FROM folders AS c WHERE c.parent = f.path) THEN 1 ELSE 0 END
		FROM folders AS f WHERE f.parent = ? AND f.name > ? ORDER BY f.name LIMIT ?`
	err = t.Each(query, func(r Row) error {
		var f store.Folder
		err := r.Scan(&f.Path, &f.Objects, &f.Changed, &f.Folders)
		all = append(all, f)
		return err
	}, parent, after, limit)
	return all, err
}

// counted returns what an object adds to the counts of its folders.
func counted(o *store.Object) (folder string, objects, changed int) {
	if o == nil || o.State == trash {
		return "", 0, 0
	}
	folder, _ = split(o.Path)
	if atWork[o.State] {
		changed = 1
	}
	return folder, 1, changed
}

// tally moves the counts of folders on from what an object was to what it is.
func (t *Tx) tally(before, now *store.Object) error {
	from, n, changed := counted(before)
	to, m, nowChanged := counted(now)
	if from == to || n == 0 || m == 0 {
		if n == 0 {
			from = to
		}
		return t.add(from, m-n, nowChanged-changed)
	}
	if err := t.add(from, -n, -changed); err != nil {
		return err
	}
	return t.add(to, m, nowChanged)
}

// add changes the counts of a folder and of those around it.
func (t *Tx) add(folder string, objects, changed int) error {
	if objects == 0 && changed == 0 {
		return nil
	}
	for {
		parent, name := split(folder)
		if folder == "" {
			parent = above
		}
		if err := t.Later(`INSERT INTO folders (path, parent, name, objects, changed) VALUES (?, ?, ?, ?, ?)
			ON CONFLICT (path) DO UPDATE SET objects = folders.objects + excluded.objects, changed = folders.changed + excluded.changed`, anyNumber, folder, parent, name, objects, changed); err != nil {
			return err
		}
		if objects < 0 {
			if err := t.Later("DELETE FROM folders WHERE path = ? AND objects <= 0", anyNumber, folder); err != nil {
				return err
			}
		}
		if folder == "" {
			return nil
		}
		folder = strings.TrimSuffix(parent, "/")
	}
}
