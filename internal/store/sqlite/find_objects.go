package sqlite

import (
	"strings"

	"github.com/signet-scheduler/signet/internal/store"
)

// Objects are found by pieces of three characters: the index knows which objects
// have a piece, not where. So it is small, and what it gives are candidates.

// maxPieces is how many pieces of a text are looked for: more leave hardly fewer
// candidates.
const maxPieces = 24

// pieces returns the query for all pieces of a text; "" when it has none.
func pieces(text string) string {
	runes := []rune(text)
	seen := map[string]bool{}
	var all []string
	for i := 0; i+3 <= len(runes) && len(all) < maxPieces; i++ {
		piece := string(runes[i : i+3])
		if !seen[piece] {
			seen[piece] = true
			all = append(all, `"`+strings.ReplaceAll(piece, `"`, `""`)+`"`)
		}
	}
	return strings.Join(all, " AND ")
}

// putIndex makes an object found by what it is now.
func (t *tx) putIndex(id int64, old bool, o *store.Object, x *store.ObjectIndex) error {
	if old {
		for _, statement := range []string{"DELETE FROM object_references WHERE object = ?", "DELETE FROM object_names WHERE rowid = ?", "DELETE FROM object_texts WHERE rowid = ?"} {
			if _, err := t.exec(statement, id); err != nil {
				return err
			}
		}
	}
	for _, k := range x.References {
		if _, err := t.exec("INSERT INTO object_references (object, kind, path, user) VALUES (?, ?, ?, ?)", id, k.Kind, k.Path, o.Path); err != nil {
			return err
		}
	}
	if o.State == trash {
		return nil
	}
	if _, err := t.exec("INSERT INTO object_names (rowid, text) VALUES (?, ?)", id, o.Folded); err != nil {
		return err
	}
	_, err := t.exec("INSERT INTO object_texts (rowid, text) VALUES (?, ?)", id, x.Texts)
	return err
}

// fewBelow tells whether there is so little in a folder that all of it is better
// looked at than what the index gives for all folders.
func (t *tx) fewBelow(folder string) (bool, error) {
	const most = 500
	if folder == "" {
		return false, nil
	}
	f, err := t.Folder(folder)
	return f.Objects <= most, err
}

// Candidates implements store.InventoryReader.
func (t *tx) Candidates(q store.TextQuery) (all []store.Candidate, err error) {
	table := "object_texts"
	if q.Names {
		table = "object_names"
	}
	match := pieces(q.Text)
	if match == "" {
		return nil, nil
	}
	var c restrictions
	from, id := table+" AS x CROSS JOIN objects AS o ON o.id = x.rowid", "x.rowid"
	few, err := t.fewBelow(q.Folder)
	if err != nil {
		return nil, err
	}
	if few {
		from, id = "objects AS o", "+o.id"
		c.add("o.state <> '" + trash + "'")
	} else {
		c.add(table+" MATCH ?", match)
	}
	c.add(id+" > ?", q.After)
	c.below(q.Folder)
	c.list("+o.kind", q.Kinds)
	query := "SELECT " + objectFields + ", coalesce(d.text, ''), coalesce(v.text, '') FROM " + from + `
		LEFT JOIN object_drafts AS d ON d.object = o.id LEFT JOIN object_versions AS v ON v.id = o.current
		WHERE ` + strings.Join(c.where, " AND ") + " ORDER BY " + id + " LIMIT ?"
	err = t.each(query, func(r row) (err error) {
		var found store.Candidate
		found.Object, err = scanObject(r, &found.Draft, &found.ObjectTexts.Current)
		all = append(all, found)
		return err
	}, append(c.args, q.Limit)...)
	return all, err
}

// Users implements store.InventoryReader.
func (t *tx) Users(of, after store.ObjectKey, limit int) ([]store.Object, error) {
	return t.objects("SELECT "+objectFields+` FROM object_references AS r CROSS JOIN objects AS o ON o.id = r.object
		WHERE r.kind = ? AND r.path = ? AND r.user >= ? AND (r.user, o.kind) > (?, ?) AND o.state <> '`+trash+`' ORDER BY r.user, o.kind LIMIT ?`,
		of.Kind, of.Path, after.Path, after.Path, after.Kind, limit)
}

// References implements store.InventoryReader.
func (t *tx) References(object int64) (all []store.ObjectKey, err error) {
	err = t.each("SELECT kind, path FROM object_references WHERE object = ? ORDER BY kind, path", func(r row) error {
		var k store.ObjectKey
		err := r.Scan(&k.Kind, &k.Path)
		all = append(all, k)
		return err
	}, object)
	return all, err
}
