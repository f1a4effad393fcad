package sqlite

import (
	"strings"

	"github.com/signet-scheduler/signet/internal/store/rows"
)

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

// AddPieces implements rows.Engine.
func (t *session) AddPieces(object int64, names, texts string) error {
	if _, err := t.Exec("INSERT INTO object_names (rowid, text) VALUES (?, ?)", object, names); err != nil {
		return err
	}
	_, err := t.Exec("INSERT INTO object_texts (rowid, text) VALUES (?, ?)", object, texts)
	return err
}

// DropPieces implements rows.Engine.
func (t *session) DropPieces(object int64) error {
	if _, err := t.Exec("DELETE FROM object_names WHERE rowid = ?", object); err != nil {
		return err
	}
	_, err := t.Exec("DELETE FROM object_texts WHERE rowid = ?", object)
	return err
}

// Indexed implements rows.Engine.
func (t *session) Indexed() string { return "SELECT rowid FROM object_names" }

// WithPieces implements rows.Engine.
func (t *session) WithPieces(names bool, text string) (rows.Pieces, bool) {
	p := rows.Pieces{Table: "object_texts", ID: "rowid", Condition: "object_texts MATCH ?"}
	if names {
		p.Table, p.Condition = "object_names", "object_names MATCH ?"
	}
	match := pieces(text)
	p.Arg = match
	return p, match != ""
}
