package cli

import (
	"context"
	"encoding/json"
	"fmt"
	"net/url"
	"strings"

	"github.com/spf13/cobra"

	"github.com/signet-scheduler/signet/api"
)

func (s *session) orderGroup() *cobra.Command {
	g := s.group("order", "Orders: add, look at, control",
		"An order walks through a workflow and carries arguments.",
		"  signet order add nightly/load --arg day=2026-11-22 --wait\n  signet order list --state Failed",
		s.orderAddVerb(), s.orderListVerb(), s.orderShowVerb(), s.orderLogVerb(), s.orderEventsVerb(),
		s.orderCancelVerb(), s.orderSuspendVerb(), s.orderResumeVerb(), s.orderDeleteVerb())
	s.controllerFlag(g)
	return g
}

// controllerFlag adds --controller to a command and those below it.
func (s *session) controllerFlag(c *cobra.Command) {
	c.PersistentFlags().StringVar(&s.controller, "controller", "", "id of the Controller; needed only if the Cockpit serves several")
}

// orderView is what tables show of an order; the API's JSON has more.
type orderView struct {
	ID       string `json:"id"`
	Workflow struct {
		Path      string `json:"path"`
		VersionID string `json:"versionId"`
	} `json:"workflow"`
	State struct {
		Type string `json:"TYPE"`
	} `json:"state"`
	Position         json.RawMessage `json:"position"`
	Arguments        json.RawMessage `json:"arguments"`
	Outcome          json.RawMessage `json:"outcome"`
	ScheduledFor     int64           `json:"scheduledFor"`
	IsSuspended      bool            `json:"isSuspended"`
	Obstacles        json.RawMessage `json:"obstacles"`
	HistoricOutcomes []struct {
		Position json.RawMessage `json:"position"`
		Outcome  json.RawMessage `json:"outcome"`
	} `json:"historicOutcomes"`
}

func (v *orderView) state() string {
	if v.IsSuspended && v.State.Type != "Suspended" {
		return v.State.Type + " (suspended)"
	}
	return v.State.Type
}

func (s *session) orderListVerb() *cobra.Command {
	var workflow, state string
	c := s.verb(verb{
		use: "list", short: "List the orders at the Controller",
		long:    "An order that has ended is forgotten by the Controller, unless it was added with --keep; `signet order show` and `signet history` still know it.",
		example: "  signet order list --workflow nightly/load --state Processing\n  signet order list -o json",
		run: func(ctx context.Context, _ []string) error {
			client, err := s.client()
			if err != nil {
				return err
			}
			list := jsonList{w: s.io.Out}
			var t *table
			if !s.json() {
				t = s.table("ID", "WORKFLOW", "STATE", "POSITION")
			}
			show := func(raw json.RawMessage) error {
				if s.json() {
					return list.add(raw)
				}
				var v orderView
				if err := json.Unmarshal(raw, &v); err != nil {
					return fmt.Errorf("reading an order: %w", err)
				}
				t.row(v.ID, v.Workflow.Path, v.state(), compact(v.Position))
				return nil
			}
			for cursor := ""; ; {
				var page api.Orders
				if err := client.Get(ctx, "/orders", s.query("workflow", workflow, "state", state, "cursor", cursor), &page); err != nil {
					return err
				}
				for _, raw := range page.Orders {
					if err := show(raw); err != nil {
						return err
					}
				}
				if cursor = page.Cursor; cursor == "" {
					break
				}
			}
			if s.json() {
				return list.end()
			}
			return t.flush()
		},
	})
	c.Flags().StringVar(&workflow, "workflow", "", "only orders of the workflow with this path")
	c.Flags().StringVar(&state, "state", "", "only orders in this state: Fresh, Ready, Processing, Failed ...")
	_ = c.RegisterFlagCompletionFunc("workflow", func(c *cobra.Command, _ []string, _ string) ([]string, cobra.ShellCompDirective) { // the flag is there
		return s.workflowPaths(c.Context()), cobra.ShellCompDirectiveNoFileComp
	})
	return c
}

func (s *session) orderShowVerb() *cobra.Command {
	return s.verb(verb{
		use: "show ID", short: "Show one order, also one that has ended", args: cobra.ExactArgs(1),
		example:  "  signet order show load-1\n  signet order show '#2026-11-22#T4711' -o json",
		complete: s.orderIDs,
		run: func(ctx context.Context, args []string) error {
			client, err := s.client()
			if err != nil {
				return err
			}
			var raw json.RawMessage
			if err := client.Get(ctx, "/orders/"+url.PathEscape(args[0]), s.query(), &raw); err != nil {
				return err
			}
			if s.json() {
				return s.printJSON(raw)
			}
			return s.printOrder(raw)
		},
	})
}

// printOrder writes an order for people.
func (s *session) printOrder(raw json.RawMessage) error {
	var v orderView
	if err := json.Unmarshal(raw, &v); err != nil {
		return fmt.Errorf("reading the order: %w", err)
	}
	t := s.table("ORDER", printable(v.ID))
	t.row("workflow", v.Workflow.Path+" "+v.Workflow.VersionID)
	t.row("state", v.state())
	t.row("position", compact(v.Position))
	if v.ScheduledFor != 0 {
		t.row("scheduled for", clockText(v.ScheduledFor))
	}
	for _, field := range []struct {
		name string
		raw  json.RawMessage
	}{{"arguments", v.Arguments}, {"outcome", v.Outcome}, {"obstacles", v.Obstacles}} {
		if len(field.raw) > 0 && string(field.raw) != "[]" && string(field.raw) != "{}" {
			t.row(field.name, compact(field.raw))
		}
	}
	for _, h := range v.HistoricOutcomes {
		t.row("at "+compact(h.Position), compact(h.Outcome))
	}
	return t.flush()
}

// orderIDs proposes the ids of orders for completion.
func (s *session) orderIDs(ctx context.Context, _ []string) []string {
	client, err := s.client()
	if err != nil {
		return nil
	}
	client.Patience = 0
	var page api.Orders
	if client.Get(ctx, "/orders", s.query("limit", "200"), &page) != nil {
		return nil
	}
	var ids []string
	for _, raw := range page.Orders {
		var v orderView
		if json.Unmarshal(raw, &v) == nil {
			ids = append(ids, v.ID)
		}
	}
	return ids
}

// control makes a verb that posts something about orders.
func (s *session) control(use, short, long, example, path string, body func(ids []string) (any, error)) *cobra.Command {
	return s.verb(verb{
		use: use, short: short, long: long, example: example, args: cobra.MinimumNArgs(1),
		complete: s.orderIDs,
		run: func(ctx context.Context, args []string) error {
			client, err := s.client()
			if err != nil {
				return err
			}
			in, err := body(args)
			if err != nil {
				return err
			}
			return client.Post(ctx, s.at(path), in, false, nil)
		},
	})
}

func (s *session) orderCancelVerb() *cobra.Command {
	var kill, now, deep, fresh bool
	var reason string
	c := s.control("cancel ID...", "End orders",
		"A running job is waited for, unless --kill is given. Killing asks the process to end by SIGTERM and, after the job's delay, ends its whole process tree by SIGKILL.",
		"  signet order cancel load-1\n  signet order cancel --kill --deep load-1 load-2", "/orders/cancel",
		func(ids []string) (any, error) {
			return api.CancelOrdersRequest{Ids: ids, Kill: kill || now, Immediately: now, Deep: deep, FreshOnly: fresh, Reason: reason}, nil
		})
	c.Flags().BoolVar(&kill, "kill", false, "kill a running job")
	c.Flags().BoolVar(&now, "immediately", false, "kill by SIGKILL at once")
	c.Flags().BoolVar(&deep, "deep", false, "child orders too")
	c.Flags().BoolVar(&fresh, "fresh-only", false, "refuse orders that have started")
	reasonFlag(c, &reason)
	return c
}

func (s *session) orderSuspendVerb() *cobra.Command {
	var kill, now, deep, reset bool
	var reason string
	c := s.control("suspend ID...", "Hold orders back",
		"A running job is waited for, unless --kill is given.",
		"  signet order suspend load-1\n  signet order suspend --kill load-1", "/orders/suspend",
		func(ids []string) (any, error) {
			return api.SuspendOrdersRequest{Ids: ids, Kill: kill || now, Immediately: now, Deep: deep, ResetState: reset, Reason: reason}, nil
		})
	c.Flags().BoolVar(&kill, "kill", false, "kill a running job; resume starts it again, if it is restartable")
	c.Flags().BoolVar(&now, "immediately", false, "kill by SIGKILL at once")
	c.Flags().BoolVar(&deep, "deep", false, "child orders too")
	c.Flags().BoolVar(&reset, "reset", false, "give up waiting: the order stands before its instruction again")
	reasonFlag(c, &reason)
	return c
}

func (s *session) orderResumeVerb() *cobra.Command {
	var position, reason string
	var texts []string
	var deep, succeeded, noRestart bool
	c := s.control("resume ID...", "Let suspended, failed, stopped or broken orders go on",
		"A job that was killed by suspending starts again, if it is restartable. --position names another place in the workflow, as JSON: [2,\"then\",0]. "+
			"--arg changes an argument of one order.",
		"  signet order resume load-1\n  signet order resume load-1 --position '[1]' --arg day=2026-11-23", "/orders/resume",
		func(ids []string) (any, error) {
			in := api.ResumeOrdersRequest{Ids: ids, Deep: deep, AsSucceeded: succeeded, Reason: reason}
			if noRestart {
				restart := false
				in.RestartKilledJob = &restart
			}
			if position != "" {
				var err error
				if in.Position, err = positionJSON(position); err != nil {
					return nil, err
				}
			}
			var err error
			in.ArgumentTexts, err = argumentTexts(texts)
			return in, err
		})
	c.Flags().StringVar(&position, "position", "", "where to go on, as JSON: [2] or [1,\"then\",0]")
	c.Flags().StringArrayVar(&texts, "arg", nil, "an argument to be changed, as NAME=VALUE; may be repeated")
	c.Flags().BoolVar(&deep, "deep", false, "child orders too")
	c.Flags().BoolVar(&succeeded, "as-succeeded", false, "take the last outcome for a success")
	c.Flags().BoolVar(&noRestart, "no-restart", false, "don't start a killed job again")
	reasonFlag(c, &reason)
	return c
}

func (s *session) orderDeleteVerb() *cobra.Command {
	var reason string
	c := s.control("delete ID...", "Let the Controller forget orders as soon as they have ended", "It ends what --keep asked for.",
		"  signet order delete load-1", "/orders/delete",
		func(ids []string) (any, error) { return api.OrdersRequest{Ids: ids, Reason: reason}, nil })
	reasonFlag(c, &reason)
	return c
}

// positionJSON reads a position in JSON; a bare number is one too.
func positionJSON(text string) (json.RawMessage, error) {
	trimmed := strings.TrimSpace(text)
	if !strings.HasPrefix(trimmed, "[") {
		trimmed = "[" + trimmed + "]"
	}
	var elements []any
	if json.Unmarshal([]byte(trimmed), &elements) != nil {
		return nil, Usage("--position %q is no position; it is like [2] or [1,\"then\",0]", text)
	}
	return json.RawMessage(trimmed), nil
}

func reasonFlag(c *cobra.Command, reason *string) {
	c.Flags().StringVar(reason, "reason", "", "why, for the audit log")
}
