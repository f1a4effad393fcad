package cockpit

import (
	"encoding/json"
	"math"
	"slices"
	"strconv"
	"strings"
	"unicode"

	"github.com/signet-scheduler/signet/internal/fault"
	"github.com/signet-scheduler/signet/internal/order"
	"github.com/signet-scheduler/signet/internal/store"
)

// rowKind is a kind of rows of the history: steps, or runs.
type rowKind[T any] struct {
	name    string
	filters []string // parameters
	results []store.Result
	columns []column[T]
	find    func(store.Reader, store.HistoryQuery) ([]T, store.Reach, error)
	count   func(store.Reader, store.HistoryQuery) (int, store.Reach, error)
}

func stepRows() rowKind[store.Step] {
	return rowKind[store.Step]{
		name: "steps", filters: []string{"controller", "from", "to", "order", "result", "workflow", "folder", "job", "label", "agent", "returnCode", "text"},
		results: []store.Result{store.Open, store.Succeeded, store.Failed, store.TimedOut, store.Killed, store.Lost, store.Disrupted},
		columns: stepColumns(), find: store.Reader.FindSteps, count: store.Reader.CountSteps,
	}
}

func runRows() rowKind[store.Run] {
	return rowKind[store.Run]{
		name: "runs", filters: []string{"controller", "from", "to", "result", "state", "workflow", "folder", "account", "text"},
		results: []store.Result{store.Open, store.Succeeded, store.Failed, store.Cancelled},
		columns: runColumns(), find: store.Reader.FindRuns, count: store.Reader.CountRuns,
	}
}

// countLimit is up to where rows are counted.
const countLimit = 10_000

func (k *call) listSteps() error { return listRows(k, stepRows()) }

func (k *call) listRuns() error { return listRows(k, runRows()) }

// page is a page of rows, in the form of HistorySteps and HistoryRuns.
type page struct {
	Rows      []json.RawMessage `json:"rows"`
	Cursor    string            `json:"cursor,omitempty"`
	More      bool              `json:"more,omitempty"`
	Reached   int64             `json:"reached,omitempty"`
	Count     *int              `json:"count,omitempty"`
	CountMore bool              `json:"countMore,omitempty"`
}

func listRows[T any](k *call, kind rowKind[T]) error {
	q := k.query(append(slices.Clone(kind.filters), "oldest", "fields", "count", "limit", "cursor")...)
	if q.err != nil {
		return q.err
	}
	hq := store.HistoryQuery{HistoryFilter: k.historyFilter(q, kind.results), Oldest: q.flag("oldest"), Limit: q.limit()}
	count := q.flag("count")
	if q.err != nil {
		return q.err
	}
	columns, err := pick(kind.columns, q.text("fields"))
	if err != nil {
		return err
	}
	if hq.After, err = readStepCursor(q.text("cursor")); err != nil {
		return err
	}
	var rows []T
	var reach store.Reach
	var out page
	err = k.db.Read(k.r.Context(), func(r store.Reader) error {
		if rows, reach, err = findRows(k.newBudget(), r, hq, kind.find); err != nil || !count {
			return err
		}
		n, more, err := countRows(k.newBudget(), r, hq, kind.count)
		out.Count, out.CountMore = &n, more
		return err
	})
	if err != nil {
		return err
	}
	if reach.More {
		out.Cursor = writeStepCursor(reach.Key)
	}
	if reach.Early {
		out.More, out.Reached = true, reach.Key.Event/1000
	}
	if out.Rows, err = encodeRows(columns, rows); err != nil {
		return err
	}
	return k.answer(out)
}

func encodeRows[T any](columns []column[T], rows []T) ([]json.RawMessage, error) {
	all := make([]json.RawMessage, len(rows))
	for i := range rows {
		var err error
		if all[i], err = appendRow(nil, columns, &rows[i]); err != nil {
			return nil, err
		}
	}
	return all, nil
}

func writeStepCursor(key store.StepKey) string {
	return writeCursor(strconv.FormatInt(key.Event, 10) + " " + key.Controller)
}

// maxMillis is the last moment whose microseconds are an event id.
const maxMillis = (1<<53 - 1) / 1000

// historyFilter reads the filters of steps and runs. An error is in q.
func (k *call) historyFilter(q *query, results []store.Result) store.HistoryFilter {
	f := store.HistoryFilter{
		From: q.number("from", 0, 0, maxMillis), To: q.number("to", 0, 0, maxMillis), Order: q.word("order"), Workflow: q.word("workflow"),
		Folder: strings.TrimSuffix(q.word("folder"), "/"), Job: q.word("job"), Label: q.word("label"), Agent: q.word("agent"), Account: q.word("account"), Text: q.word("text"),
		Results: q.results(results), States: q.states(),
	}
	if f.Order != "" {
		f.Root = string(order.ID(f.Order).Root())
	}
	if q.text("returnCode") != "" {
		rc := q.number("returnCode", 0, math.MinInt64, math.MaxInt64)
		f.ReturnCode = &rc
	}
	if id := q.text("controller"); id != "" || len(k.histories) == 1 {
		h, err := k.history(id)
		if err != nil {
			if q.err == nil {
				q.err = err
			}
			return f
		}
		f.Controller = h.id
	}
	return f
}

// maxWord bounds what a filter compares with, in bytes.
const maxWord = 2000

// maxText bounds what is looked for in texts, in bytes.
const maxText = 200

// word reads a text that a filter compares with.
func (q *query) word(name string) string {
	s, most := q.values.Get(name), maxWord
	if name == "text" {
		most = maxText
	}
	if len(s) > most || strings.ContainsFunc(s, unicode.IsControl) || strings.ToValidUTF8(s, "") != s {
		q.fail(name, "a text of at most "+strconv.Itoa(most)+" bytes without control characters")
		return ""
	}
	return s
}

// list reads values with commas between them, each of which has to be known.
func (q *query) list(name string, known []string) []string {
	s := q.values.Get(name)
	if s == "" {
		return nil
	}
	all := strings.Split(s, ",")
	for _, v := range all {
		if !slices.Contains(known, v) {
			q.fail(name, "out of "+strings.Join(known, ", ")+", with commas between them")
			return nil
		}
	}
	slices.Sort(all)
	return slices.Compact(all)
}

func (q *query) results(known []store.Result) []store.Result {
	names := make([]string, len(known))
	for i, r := range known {
		names[i] = r.String()
	}
	var all []store.Result
	for _, name := range q.list("result", names) {
		if r, ok := store.ParseResult(name); ok {
			all = append(all, r)
		}
	}
	return all
}

func (q *query) states() []string {
	return q.list("state", []string{
		string(order.Finished), string(order.Cancelled), string(order.Failed), string(order.FailedWhileFresh), string(order.Stopped), string(order.StoppedWhileFresh),
		string(order.Broken),
	})
}

func (k *call) listOrderSteps() error {
	q := k.query("controller", "fields", "limit", "cursor")
	if q.err != nil {
		return q.err
	}
	h, err := k.history(q.text("controller"))
	if err != nil {
		return err
	}
	limit := q.limit()
	if q.err != nil {
		return q.err
	}
	columns, err := pick(stepColumns(), q.text("fields"))
	if err != nil {
		return err
	}
	after, err := readStepCursor(q.text("cursor"))
	if err != nil {
		return err
	}
	o, err := k.known(h, k.r.PathValue("id"))
	if err != nil {
		return err
	}
	var steps []store.Step
	err = k.db.Read(k.r.Context(), func(r store.Reader) error {
		steps, err = r.Steps(store.StepQuery{Controller: h.id, Order: o.ID, Root: o.Root, Run: o.Run, After: after, Limit: limit + 1})
		return err
	})
	if err != nil {
		return err
	}
	var out page
	if len(steps) > limit {
		steps = steps[:limit]
		out.Cursor = writeStepCursor(steps[limit-1].StepKey)
	}
	if out.Rows, err = encodeRows(columns, steps); err != nil {
		return err
	}
	return k.answer(out)
}

// unknownFormat is the fault about a file that can't be made.
func unknownFormat(format string) error {
	return fault.New(fault.Invalid, "InvalidQuery", "the parameter format has to be csv or json, not %q", clip(format))
}
