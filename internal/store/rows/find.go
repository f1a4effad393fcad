package rows

import (
	"slices"
	"strings"

	"github.com/signet-scheduler/signet/internal/store"
)

// A filter is answered in two steps. The first walks along one index, through what
// its leading columns select, and finds where the budget ends; it touches no
// row. The second looks at the rows up to there. So a filter that nearly nothing
// passes costs no more than its budget, and the caller knows how far it came.

// conditions collects what a query demands.
type conditions struct {
	texts []string
	args  []any
}

func (c *conditions) add(text string, args ...any) {
	c.texts = append(c.texts, text)
	c.args = append(c.args, args...)
}

// where returns the clause of all conditions; "" without any.
func (c *conditions) where() string {
	if len(c.texts) == 0 {
		return ""
	}
	return " WHERE " + strings.Join(c.texts, " AND ")
}

// search is how a filter is answered.
type search struct {
	table string     // with the index that is walked along
	walk  conditions // what that index decides
	look  conditions // what has to be looked up in each row
}

// keys restricts a search to a span of time: event ids are microseconds.
func (s *search) keys(f *store.HistoryFilter) {
	if f.Controller != "" {
		s.walk.add("controller = ?", f.Controller)
	}
	if f.From > 0 {
		s.walk.add("event >= ?", f.From*1000)
	}
	if f.To > 0 {
		s.walk.add("event < ?", f.To*1000)
	}
}

// results adds a condition about results, and tells which partial index has all
// of them; "" when none does.
func (s *search) results(results []store.Result) (partial string) {
	if len(results) == 0 {
		return ""
	}
	args := make([]any, len(results))
	failed, open := true, true
	for i, r := range results {
		args[i] = int64(r)
		failed = failed && r > store.Succeeded
		open = open && r == store.Open
	}
	s.look.add("result IN ("+marks(len(args))+")", args...)
	switch {
	case failed:
		return "failed"
	case open:
		return "open"
	}
	return ""
}

// along says which index is walked along: the partial one for few rows before
// the primary key.
func (s *search) along(kind, index, partial string) {
	switch {
	case index != "":
		s.table = kind + " INDEXED BY " + kind + "_" + index
	case partial == "failed":
		s.table = kind + " INDEXED BY " + kind + "_failed"
		s.walk.add("result > 1")
	case partial == "open":
		s.table = kind + " INDEXED BY " + kind + "_open"
		s.walk.add("result = 0")
	default:
		s.table = kind + " INDEXED BY sqlite_autoindex_" + kind + "_1"
	}
}

func (t *Tx) stepSearch(f *store.HistoryFilter) *search {
	s := &search{}
	index := ""
	switch {
	case f.Order != "":
		if f.Controller != "" {
			index = "root"
		}
		s.walk.add("root = ?", f.Root)
	case f.Workflow != "" && f.Job != "":
		index = "job"
		s.walk.add("workflow = ? AND job = ?", f.Workflow, f.Job)
	case f.Workflow != "":
		index = "workflow"
		s.walk.add("workflow = ?", f.Workflow)
	case f.Agent != "":
		index = "agent"
		s.walk.add("agent = ?", f.Agent)
	}
	s.keys(f)
	partial := s.results(f.Results)
	s.along("steps", index, partial)
	if f.Order != "" {
		s.look.add("(order_id = ? OR order_id > ? AND order_id < ?)", family(f.Order)...)
		if f.Workflow != "" {
			s.look.add("workflow = ?", f.Workflow)
		}
	}
	if f.Agent != "" && index != "agent" {
		s.look.add("agent = ?", f.Agent)
	}
	if f.Job != "" && index != "job" {
		s.look.add("job = ?", f.Job)
	}
	if f.Label != "" {
		s.look.add("label = ?", f.Label)
	}
	if f.ReturnCode != nil {
		s.look.add("return_code = ?", *f.ReturnCode)
	}
	s.inFolder(f.Folder)
	t.contains(s, f.Text, "order_id", "workflow", "label", "job", "message")
	return s
}

func (t *Tx) runSearch(f *store.HistoryFilter) *search {
	s := &search{}
	index := ""
	if f.Workflow != "" {
		index = "workflow"
		s.walk.add("workflow = ?", f.Workflow)
	}
	s.keys(f)
	partial := s.results(f.Results)
	s.along("runs", index, partial)
	if len(f.States) > 0 {
		args := make([]any, len(f.States))
		for i, state := range f.States {
			args[i] = state
		}
		s.look.add("state IN ("+marks(len(args))+")", args...)
	}
	if f.Account != "" {
		s.look.add("account = ?", f.Account)
	}
	s.inFolder(f.Folder)
	t.contains(s, f.Text, "order_id", "workflow", "message")
	return s
}

// family returns an order's id, and the bounds of its children's, which begin with
// "ORDER|": '}' follows '|'.
func family(id string) []any { return []any{id, id + "|", id + "}"} }

// inFolder demands a workflow below a folder: '0' follows '/'.
func (s *search) inFolder(folder string) {
	if folder != "" {
		s.look.add("workflow > ? AND workflow < ?", folder+"/", folder+"0")
	}
}

// contains demands a text in one of the columns, in any capitals.
func (t *Tx) contains(s *search, text string, columns ...string) {
	if text == "" {
		return
	}
	parts := make([]string, len(columns))
	args := make([]any, len(columns))
	for i, c := range columns {
		parts[i], args[i] = t.Contains(c, text)
	}
	s.look.add("("+strings.Join(parts, " OR ")+")", args...)
}

// bound narrows the search to what lies within the budget, and behind a key.
func (t *Tx) bound(s *search, q *store.HistoryQuery) (reach store.Reach, err error) {
	direction, after, until := " DESC", "<", ">="
	if q.Oldest {
		direction, after, until = " ASC", ">", "<="
	}
	if q.After != (store.StepKey{}) {
		s.walk.add("(event, controller) "+after+" (?, ?)", q.After.Event, q.After.Controller)
	}
	order := " ORDER BY event" + direction + ", controller" + direction
	if len(s.look.texts) > 0 && q.Budget > 0 {
		query := "SELECT event, controller FROM " + s.table + s.walk.where() + order + " LIMIT 1 OFFSET ?"
		err = t.One(query, nil, func(r Row) error { return r.Scan(&reach.Key.Event, &reach.Key.Controller) }, append(slices.Clip(s.walk.args), q.Budget-1)...)
		if err != nil {
			return reach, err
		}
	}
	if reach.Key != (store.StepKey{}) {
		reach.More, reach.Early = true, true
		s.walk.add("(event, controller) "+until+" (?, ?)", reach.Key.Event, reach.Key.Controller)
	}
	return reach, nil
}

// page returns the query for a page, with one row more than it may have.
func (s *search) page(fields string, q *store.HistoryQuery) (string, []any) {
	direction := " DESC"
	if q.Oldest {
		direction = " ASC"
	}
	all := s.all()
	return "SELECT " + fields + " FROM " + s.table + all.where() + " ORDER BY event" + direction + ", controller" + direction + " LIMIT ?", append(all.args, q.Limit+1)
}

func (s *search) all() conditions {
	var all conditions
	for _, c := range []conditions{s.walk, s.look} {
		all.texts = append(all.texts, c.texts...)
		all.args = append(all.args, c.args...)
	}
	return all
}

// cut shortens a page to its limit; it then ends at its last row.
func cut[T any](all []T, limit int, key func(*T) store.StepKey, reach *store.Reach) []T {
	if len(all) > limit {
		all = all[:limit]
		*reach = store.Reach{More: true, Key: key(&all[limit-1])}
	}
	return all
}

// FindSteps implements store.Reader.
func (t *Tx) FindSteps(q store.HistoryQuery) ([]store.Step, store.Reach, error) {
	s := t.stepSearch(&q.HistoryFilter)
	reach, err := t.bound(s, &q)
	if err != nil {
		return nil, reach, err
	}
	query, args := s.page(stepFields, &q)
	all, err := t.steps(query, args...)
	all = cut(all, q.Limit, func(s *store.Step) store.StepKey { return s.StepKey }, &reach)
	return all, reach, err
}

// FindRuns implements store.Reader.
func (t *Tx) FindRuns(q store.HistoryQuery) (all []store.Run, reach store.Reach, err error) {
	s := t.runSearch(&q.HistoryFilter)
	if reach, err = t.bound(s, &q); err != nil {
		return nil, reach, err
	}
	query, args := s.page(runFields, &q)
	err = t.Each(query, func(r Row) error {
		run, err := scanRun(r)
		all = append(all, run)
		return err
	}, args...)
	all = cut(all, q.Limit, func(r *store.Run) store.StepKey { return r.RunKey }, &reach)
	return all, reach, err
}

// CountSteps implements store.Reader.
func (t *Tx) CountSteps(q store.HistoryQuery) (int, store.Reach, error) {
	return t.count(t.stepSearch(&q.HistoryFilter), q)
}

// CountRuns implements store.Reader.
func (t *Tx) CountRuns(q store.HistoryQuery) (int, store.Reach, error) {
	return t.count(t.runSearch(&q.HistoryFilter), q)
}

func (t *Tx) count(s *search, q store.HistoryQuery) (n int, reach store.Reach, err error) {
	q.Oldest = false
	if reach, err = t.bound(s, &q); err != nil {
		return 0, reach, err
	}
	all := s.all()
	query := "SELECT count(*) FROM (SELECT 1 FROM " + s.table + all.where() + " LIMIT ?) AS found"
	err = t.One(query, nil, func(r Row) error { return r.Scan(&n) }, append(all.args, q.Limit+1)...)
	if n > q.Limit {
		return q.Limit, store.Reach{More: true}, err
	}
	return n, reach, err
}

// StepTimes implements store.Reader.
func (t *Tx) StepTimes(q store.JobQuery) (all []store.StepTime, err error) {
	f := store.HistoryFilter{Controller: q.Controller, From: q.From, To: q.To, Workflow: q.Workflow, Job: q.Job, Label: q.Label}
	s := t.stepSearch(&f)
	if q.Succeeded {
		s.look.add("result = 1")
	} else {
		s.look.add("result > 0")
	}
	if _, err := t.bound(s, &store.HistoryQuery{Budget: q.Budget}); err != nil {
		return nil, err
	}
	query, args := s.page("event, controller, order_id, task, start_ms, end_ms, result, message, return_code", &store.HistoryQuery{Limit: q.Limit - 1})
	err = t.Each(query, func(r Row) error {
		var s store.StepTime
		err := r.Scan(&s.Event, &s.Controller, &s.OrderID, &s.Task, &s.Start, &s.End, &s.Result, &s.Message, &s.ReturnCode)
		all = append(all, s)
		return err
	}, args...)
	return all, err
}
