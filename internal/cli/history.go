package cli

import (
	"context"
	"encoding/json"
	"fmt"
	"math"
	"slices"
	"strconv"
	"time"

	"github.com/spf13/cobra"

	"github.com/signet-scheduler/signet/api"
)

// historyFlags are the flags of "signet history".
type historyFlags struct {
	order, workflow, folder, job, label, agent string
	results, states, text, from, to            string
	account, returnCode                        string
	limit                                      int
	runs                                       bool
}

func (s *session) historyVerb() *cobra.Command {
	var f historyFlags
	c := s.verb(verb{
		use: "history", short: "List the steps that orders have made, from the Cockpit's database",
		long: "One row for each run of a step, a lost run too, the oldest first. --limit N lists the newest N. Child orders of --order are included. " +
			"With --runs, one row for each order that isn't a child.",
		example: "  signet history --order load-1\n  signet history --limit 20 -o json\n  signet history --from -24h --result failed,timedOut --workflow nightly/load\n  signet history --runs --from -7d --result failed",
		run:     func(ctx context.Context, _ []string) error { return s.listHistory(ctx, &f) },
	})
	flags := c.Flags()
	flags.StringVar(&f.order, "order", "", "only this order and its child orders")
	flags.StringVar(&f.workflow, "workflow", "", "only orders of the workflow with this path")
	flags.StringVar(&f.folder, "folder", "", "only orders of workflows below the folder with this path")
	flags.StringVar(&f.from, "from", "", "only what began then or later: -24h, -7d, 2026-11-22T23:00:00Z, or without zone in that of this machine")
	flags.StringVar(&f.to, "to", "", "only what began before")
	flags.StringVar(&f.results, "result", "", "only with these results, with commas: open, succeeded, failed, timedOut, killed, lost, disrupted; of --runs also cancelled")
	flags.StringVar(&f.states, "state", "", "with --runs: only what ended in these states, with commas: Finished, Failed, Stopped ...")
	flags.StringVar(&f.job, "job", "", "only steps of the job with this name")
	flags.StringVar(&f.label, "label", "", "only steps of the instruction with this label")
	flags.StringVar(&f.agent, "agent", "", "only steps at this Agent")
	flags.StringVar(&f.returnCode, "rc", "", "only steps with this return code")
	flags.StringVar(&f.account, "account", "", "with --runs: only orders that this account added")
	flags.StringVar(&f.text, "text", "", "only with this text in order id, workflow, job, label or message; capitals make no difference")
	flags.BoolVar(&f.runs, "runs", false, "one row for each order")
	flags.IntVar(&f.limit, "limit", 0, "at most so many rows: the newest")
	s.controllerFlag(c)
	return c
}

// listHistory prints what the flags select.
func (s *session) listHistory(ctx context.Context, f *historyFlags) error {
	if f.limit < 0 {
		return Usage("--limit must be at least 1")
	}
	path, query, err := historyQuery(f, time.Now())
	if err != nil {
		return err
	}
	client, err := s.client()
	if err != nil {
		return err
	}
	p := s.stepPrinter()
	if f.runs {
		p = s.runPrinter()
	}
	if f.limit == 0 {
		if err := s.eachRow(ctx, client, path, query, math.MaxInt, p.add); err != nil {
			return err
		}
		return p.end()
	}
	var rows []json.RawMessage
	err = s.eachRow(ctx, client, path, query, f.limit, func(r json.RawMessage) error {
		rows = append(rows, r)
		return nil
	})
	if err != nil {
		return err
	}
	for _, r := range slices.Backward(rows) {
		if err := p.add(r); err != nil {
			return err
		}
	}
	return p.end()
}

// rowFields are the fields of a row, those that scripts rely on.
const rowFields = "orderId,workflow,position,label,job,agent,start,end,outcome,returnCode,try"

// historyQuery returns the call that lists what the flags select, the newest
// first when there is a limit.
func historyQuery(f *historyFlags, now time.Time) (path string, query []string, err error) {
	from, err := pastTime("--from", f.from, now)
	if err != nil {
		return "", nil, err
	}
	to, err := pastTime("--to", f.to, now)
	if err != nil {
		return "", nil, err
	}
	query = []string{"order", f.order, "workflow", f.workflow}
	more := []string{
		"from", number(from), "to", number(to), "result", f.results, "state", f.states, "folder", f.folder, "job", f.job, "label", f.label, "agent", f.agent,
		"returnCode", f.returnCode, "account", f.account, "text", f.text,
	}
	if _, err := strconv.ParseInt(f.returnCode, 10, 64); err != nil && f.returnCode != "" {
		return "", nil, Usage("--rc %q is no number", f.returnCode)
	}
	filtered := false
	for i := 1; i < len(more); i += 2 {
		filtered = filtered || more[i] != ""
	}
	oldest := ""
	if f.limit == 0 {
		oldest = "true"
	}
	switch {
	case f.runs:
		return "/history/runs", append(append(query, more...), "oldest", oldest), nil
	case filtered:
		return "/history/steps", append(append(query, more...), "oldest", oldest, "fields", rowFields), nil
	case f.limit > 0:
		query = append(query, "newest", "true")
	}
	return "/history", query, nil
}

// number writes a number for a query; "" for 0.
func number(n int64) string {
	if n == 0 {
		return ""
	}
	return strconv.FormatInt(n, 10)
}

// eachRow calls f with each row, page by page, up to limit.
func (s *session) eachRow(ctx context.Context, client *Client, path string, query []string, limit int, f func(json.RawMessage) error) error {
	for cursor, seen := "", 0; ; {
		q := append(slices.Clone(query), "cursor", cursor)
		if limit-seen < 1000 {
			q = append(q, "limit", strconv.Itoa(limit-seen))
		}
		var page struct {
			Rows        []json.RawMessage `json:"rows"`
			Entries     []json.RawMessage `json:"entries"` // of the audit trail
			Deployments []json.RawMessage `json:"deployments"`
			Cursor      string            `json:"cursor"`
		}
		if err := client.Get(ctx, path, s.query(q...), &page); err != nil {
			return err
		}
		for _, row := range slices.Concat(page.Rows, page.Entries, page.Deployments) {
			if err := f(row); err != nil {
				return err
			}
			if seen++; seen == limit {
				return nil
			}
		}
		if cursor = page.Cursor; cursor == "" {
			return nil
		}
	}
}

// rowPrinter writes rows as they come.
type rowPrinter struct {
	list *jsonList
	t    *table
	row  func(raw json.RawMessage) (cells []string, err error)
}

func (s *session) rowPrinter(row func(json.RawMessage) ([]string, error), heading ...string) *rowPrinter {
	if s.json() {
		return &rowPrinter{list: &jsonList{w: s.io.Out}}
	}
	return &rowPrinter{t: s.table(heading...), row: row}
}

func (p *rowPrinter) add(raw json.RawMessage) error {
	if p.list != nil {
		return p.list.add(raw)
	}
	cells, err := p.row(raw)
	if err != nil {
		return err
	}
	p.t.row(cells...)
	return nil
}

func (p *rowPrinter) end() error {
	if p.list != nil {
		return p.list.end()
	}
	return p.t.flush()
}

func (s *session) stepPrinter() *rowPrinter {
	return s.rowPrinter(stepCells, "START", "ORDER", "WORKFLOW", "POSITION", "JOB", "AGENT", "TRY", "DURATION", "OUTCOME")
}

func stepCells(raw json.RawMessage) ([]string, error) {
	var r api.HistoryRow
	if err := json.Unmarshal(raw, &r); err != nil {
		return nil, fmt.Errorf("reading the history: %w", err)
	}
	name := r.Job
	if r.Label != "" && r.Label != r.Job {
		name += " (" + r.Label + ")"
	}
	return []string{
		clockText(r.Start), r.OrderId, r.Workflow, compact(r.Position), name, r.Agent, strconv.FormatInt(r.Try, 10), tookText(r.Start, r.End),
		outcomeText(r.Outcome, r.ReturnCode),
	}, nil
}

func (s *session) runPrinter() *rowPrinter {
	return s.rowPrinter(runCells, "ADDED", "ORDER", "WORKFLOW", "BY", "START", "DURATION", "RESULT")
}

func runCells(raw json.RawMessage) ([]string, error) {
	var r api.HistoryRun
	if err := json.Unmarshal(raw, &r); err != nil {
		return nil, fmt.Errorf("reading the history: %w", err)
	}
	result := r.Result
	if r.State != "" && r.State != "Finished" {
		result += " (" + r.State + ")"
	}
	if r.Message != "" {
		result += ": " + r.Message
	}
	took := ""
	if r.Start != 0 {
		took = tookText(r.Start, r.End)
	}
	return []string{clockText(r.Added), r.OrderId, r.Workflow, r.Account, clockText(r.Start), took, result}, nil
}

// tookText tells how long something took; nothing while it runs.
func tookText(start, end int64) string {
	if end == 0 {
		return ""
	}
	return fmt.Sprintf("%.1fs", float64(end-start)/1000)
}

// outcomeText tells an outcome for people.
func outcomeText(outcome json.RawMessage, returnCode *int64) string {
	var o struct {
		Type    string `json:"TYPE"`
		Message string `json:"message"`
	}
	if json.Unmarshal(outcome, &o) != nil || o.Type == "" {
		return "running"
	}
	if o.Message != "" {
		return o.Type + ": " + o.Message
	}
	if returnCode != nil && *returnCode != 0 {
		return o.Type + ", return code " + strconv.FormatInt(*returnCode, 10)
	}
	return o.Type
}
