package cli

import (
	"context"
	"encoding/json"
	"fmt"
	"math"
	"slices"
	"strconv"

	"github.com/spf13/cobra"

	"github.com/signet-scheduler/signet/api"
)

func (s *session) historyVerb() *cobra.Command {
	var order, workflow string
	var limit int
	c := s.verb(verb{
		use: "history", short: "List the steps that orders have made, from the Cockpit's database",
		long:    "One row for each run of a step, a lost run too, the oldest first. --limit N lists the newest N. Child orders of --order are included.",
		example: "  signet history --order load-1\n  signet history --limit 20 -o json",
		run: func(ctx context.Context, _ []string) error {
			if limit < 0 {
				return Usage("--limit must be at least 1")
			}
			client, err := s.client()
			if err != nil {
				return err
			}
			p := s.historyPrinter()
			if limit > 0 {
				rows, err := s.newestHistory(ctx, client, order, workflow, limit)
				if err != nil {
					return err
				}
				for _, r := range rows {
					if err := p.add(r); err != nil {
						return err
					}
				}
				return p.end()
			}
			if err := s.eachHistory(ctx, client, s.historyQuery(order, workflow, false), math.MaxInt, p.add); err != nil {
				return err
			}
			return p.end()
		},
	})
	c.Flags().StringVar(&order, "order", "", "only this order and its child orders")
	c.Flags().StringVar(&workflow, "workflow", "", "only orders of the workflow with this path")
	c.Flags().IntVar(&limit, "limit", 0, "at most so many rows: the newest")
	s.controllerFlag(c)
	return c
}

func (s *session) historyQuery(order, workflow string, newest bool) []string {
	q := []string{"order", order, "workflow", workflow}
	if newest {
		q = append(q, "newest", "true")
	}
	return q
}

// eachHistory calls f with each row, page by page, up to limit.
func (s *session) eachHistory(ctx context.Context, client *Client, query []string, limit int, f func(json.RawMessage) error) error {
	for cursor, seen := "", 0; ; {
		q := append(slices.Clone(query), "cursor", cursor)
		if limit-seen < 1000 {
			q = append(q, "limit", strconv.Itoa(limit-seen))
		}
		var page struct {
			Rows   []json.RawMessage `json:"rows"`
			Cursor string            `json:"cursor"`
		}
		if err := client.Get(ctx, "/history", s.query(q...), &page); err != nil {
			return err
		}
		for _, row := range page.Rows {
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

// newestHistory returns the newest rows, the oldest of them first.
func (s *session) newestHistory(ctx context.Context, client *Client, order, workflow string, limit int) ([]json.RawMessage, error) {
	var rows []json.RawMessage
	err := s.eachHistory(ctx, client, s.historyQuery(order, workflow, true), limit, func(r json.RawMessage) error {
		rows = append(rows, r)
		return nil
	})
	slices.Reverse(rows)
	return rows, err
}

// historyPrinter writes rows as they come.
type historyPrinter struct {
	list *jsonList
	t    *table
}

func (s *session) historyPrinter() *historyPrinter {
	if s.json() {
		return &historyPrinter{list: &jsonList{w: s.io.Out}}
	}
	return &historyPrinter{t: s.table("START", "ORDER", "WORKFLOW", "POSITION", "JOB", "AGENT", "TRY", "DURATION", "OUTCOME")}
}

func (p *historyPrinter) add(raw json.RawMessage) error {
	if p.list != nil {
		return p.list.add(raw)
	}
	var r api.HistoryRow
	if err := json.Unmarshal(raw, &r); err != nil {
		return fmt.Errorf("reading the history: %w", err)
	}
	duration, name := "", r.Job
	if r.End != 0 {
		duration = fmt.Sprintf("%.1fs", float64(r.End-r.Start)/1000)
	}
	if r.Label != "" && r.Label != r.Job {
		name += " (" + r.Label + ")"
	}
	p.t.row(clockText(r.Start), r.OrderId, r.Workflow, compact(r.Position), name, r.Agent, strconv.FormatInt(r.Try, 10), duration, outcomeText(r))
	return nil
}

func (p *historyPrinter) end() error {
	if p.list != nil {
		return p.list.end()
	}
	return p.t.flush()
}

// outcomeText tells an outcome for people.
func outcomeText(r api.HistoryRow) string {
	var o struct {
		Type    string `json:"TYPE"`
		Message string `json:"message"`
	}
	if json.Unmarshal(r.Outcome, &o) != nil || o.Type == "" {
		return "running"
	}
	if o.Message != "" {
		return o.Type + ": " + o.Message
	}
	if r.ReturnCode != nil && *r.ReturnCode != 0 {
		return o.Type + ", return code " + strconv.FormatInt(*r.ReturnCode, 10)
	}
	return o.Type
}
