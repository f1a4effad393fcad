package postgres

import (
	"slices"

	"github.com/signet-scheduler/signet/internal/store/rows"
)

// The index by which objects are found has the pieces of a text as numbers, three
// characters in each. It needs no extension of the server, which has one for this;
// that one takes no bytes, and which characters it looks at is up to the locale.

// maxPieces is how many pieces of a text are looked for: more leave hardly fewer
// candidates.
const maxPieces = 24

// runeBits is how many bits a character needs.
const runeBits = 21

// pieces returns the different pieces of a text, at most so many.
func pieces(text string, most int) []int64 {
	all := []int64{} // not nil, which would be NULL
	seen := map[int64]bool{}
	var piece int64
	n := 0
	for _, r := range text {
		piece = (piece<<runeBits | int64(r)) & (1<<(3*runeBits) - 1)
		if n++; n < 3 || seen[piece] {
			continue
		}
		if len(all) == most {
			break
		}
		seen[piece] = true
		all = append(all, piece)
	}
	slices.Sort(all)
	return all
}

// AddPieces implements rows.Engine.
func (s *session) AddPieces(object int64, names, texts string) error {
	return s.Later("INSERT INTO object_pieces (object, names, texts) VALUES (?, ?, ?)", anyway, object, pieces(names, len(names)), pieces(texts, len(texts)))
}

// DropPieces implements rows.Engine.
func (s *session) DropPieces(object int64) error {
	return s.Later("DELETE FROM object_pieces WHERE object = ?", anyway, object)
}

// anyway is a check that is content with any number of rows.
func anyway(int64) error { return nil }

// Indexed implements rows.Engine.
func (s *session) Indexed() string { return "SELECT object FROM object_pieces" }

// WithPieces implements rows.Engine.
func (s *session) WithPieces(names bool, text string) (rows.Pieces, bool) {
	p := rows.Pieces{Table: "object_pieces", ID: "object", Condition: "texts @> ?"}
	if names {
		p.Condition = "names @> ?"
	}
	all := pieces(text, maxPieces)
	p.Arg = all
	return p, len(all) > 0
}
