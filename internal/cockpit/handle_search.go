package cockpit

import (
	"context"
	"strconv"
	"unicode/utf8"

	"github.com/signet-scheduler/signet/api"
	"github.com/signet-scheduler/signet/internal/fault"
	"github.com/signet-scheduler/signet/internal/inventory"
	"github.com/signet-scheduler/signet/internal/item"
	"github.com/signet-scheduler/signet/internal/objectfile"
	"github.com/signet-scheduler/signet/internal/store"
	"github.com/signet-scheduler/signet/internal/strictjson"
)

// Bounds of a search.
const (
	leastSearch = 3   // characters
	maxSearch   = 200 // bytes
	maxHits     = 5   // of one object
	searchPage  = 50
	usersPage   = 50
	// maxLookedAt is how many candidates are looked at for one page, and
	// maxLookedBytes how much text: more waits for the next page.
	maxLookedAt    = 600
	maxLookedBytes = 8 << 20
	lookAtOnce     = 100
)

// search is one page of a search on its way: names first, then texts.
type search struct {
	store.TextQuery
	limit  int
	hits   []api.SearchHit
	looked int
	bytes  int
	last   int64 // the candidate that was looked at last
	full   bool  // the page ends here, though there may be more
}

func (k *call) searchInventory() error {
	q := k.query("q", "kind", "folder", "fields", "limit", "cursor")
	if q.err != nil {
		return q.err
	}
	fields, err := rowFields[api.SearchHit](q)
	if err != nil {
		return err
	}
	s := search{limit: int(q.number("limit", searchPage, 1, pageSize))}
	if q.err != nil {
		return q.err
	}
	s.Text, s.Folder, s.Limit = inventory.Fold(q.text("q")), q.text("folder"), lookAtOnce
	if utf8.RuneCountInString(s.Text) < leastSearch || len(s.Text) > maxSearch {
		return fault.New(fault.Invalid, "InvalidQuery", "the text to search for has %d characters at least, and %d bytes at most", leastSearch, maxSearch)
	}
	if _, err := folderPath(s.Folder); err != nil {
		return err
	}
	if s.Kinds, err = words(q.text("kind"), kindNames()); err != nil {
		return err
	}
	if err := s.begin(q.text("cursor")); err != nil {
		return err
	}
	if err := k.db.Read(k.r.Context(), func(r store.Reader) error { return s.run(k.r.Context(), r) }); err != nil {
		return err
	}
	out := api.SearchHits{Hits: notNil(s.hits)}
	if s.full {
		out.Cursor = s.cursor()
	}
	return k.answerFields(out, "hits", fields)
}

// begin goes on where a page has ended.
func (s *search) begin(cursor string) error {
	text, err := readCursor(cursor)
	if err != nil {
		return err
	}
	if s.Names = true; text == "" {
		return nil
	}
	if text[0] != 'n' && text[0] != 't' {
		return badCursor()
	}
	s.Names = text[0] == 'n'
	if s.After, err = strconv.ParseInt(text[1:], 10, 64); err != nil {
		return badCursor()
	}
	return nil
}

func (s *search) cursor() string {
	phase := "t"
	if s.Names {
		phase = "n"
	}
	return writeCursor(phase + strconv.FormatInt(s.last, 10))
}

func (s *search) run(ctx context.Context, r store.Reader) error {
	for {
		candidates, err := r.Candidates(s.TextQuery)
		if err != nil {
			return err
		}
		for i := range candidates {
			if s.full = len(s.hits) >= s.limit || s.looked >= maxLookedAt || s.bytes >= maxLookedBytes; s.full {
				return nil
			}
			s.look(&candidates[i])
		}
		switch {
		case len(candidates) == s.Limit:
			s.After = s.last
		case s.Names:
			s.Names, s.After, s.last = false, 0, 0
		default:
			return nil
		}
		if ctx.Err() != nil {
			return fault.Wrap(fault.Timeout, "SearchTimeout", ctx.Err(), "the search was given up")
		}
	}
}

// look looks into one candidate.
func (s *search) look(c *store.Candidate) {
	s.last = c.ID
	s.looked++
	if s.Names {
		for _, f := range []struct{ field, text string }{{"path", c.Path}, {"title", c.Title}} {
			if hit, ok := inventory.Find(f.text, s.Text); ok {
				hit.Field = f.field
				s.add(c, hit)
			}
		}
		return
	}
	text := c.ObjectTexts.Current
	if c.Format != "" {
		text = c.Draft
	}
	s.bytes += len(text)
	root := rootOf(draft{text, c.Format})
	if root == nil { // a draft that can't be read: its text was indexed
		if hit, ok := inventory.Find(text, s.Text); ok {
			hit.Field = "text"
			s.add(c, hit)
		}
		return
	}
	for _, hit := range inventory.Hits(root, s.Text, maxHits) {
		s.add(c, hit)
	}
}

func (s *search) add(c *store.Candidate, h inventory.Hit) {
	s.hits = append(s.hits, api.SearchHit{
		Kind: c.Kind, Path: c.Path, State: c.State, Field: h.Field, Job: h.Job, Name: h.Name, Pointer: h.Pointer,
		Line: h.Line, Excerpt: h.Excerpt, At: h.At, Length: h.Length,
	})
}

// rootOf reads a text without looking whether it is valid; nil when it can't be
// read.
func rootOf(d draft) *strictjson.Node {
	return objectfile.Root(d.text, d.format == formatYAML)
}

func (k *call) listObjectUsers() error {
	q, key, err := k.namedObject("fields", "limit", "cursor")
	if err != nil {
		return err
	}
	fields, err := rowFields[api.ObjectUser](q)
	if err != nil {
		return err
	}
	limit := int(q.number("limit", usersPage, 1, pageSize)) // each text is read
	if q.err != nil {
		return q.err
	}
	after, err := readKeyCursor(q.text("cursor"))
	if err != nil {
		return err
	}
	out := api.ObjectUsers{Users: []api.ObjectUser{}}
	err = k.db.Read(k.r.Context(), func(r store.Reader) error {
		all, err := r.Users(storeKey(key), after, limit+1)
		if err != nil {
			return err
		}
		if len(all) > limit {
			all = all[:limit]
			out.Cursor = keyCursor(&all[limit-1])
		}
		for i := range all {
			user := api.ObjectUser{Kind: all[i].Kind, Path: all[i].Path, State: all[i].State, Pointers: []string{}}
			root, err := rootOfObject(r, &all[i])
			if err != nil {
				return err
			}
			user.Pointers = append(user.Pointers, places(root, key)...)
			out.Users = append(out.Users, user)
		}
		return nil
	})
	if err != nil {
		return err
	}
	return k.answerFields(out, "users", fields)
}

// places returns where a document names an object.
func places(root *strictjson.Node, key item.Key) (pointers []string) {
	for _, ref := range inventory.References(root) {
		if ref.Key == key {
			pointers = append(pointers, ref.Pointer)
		}
	}
	return pointers
}
