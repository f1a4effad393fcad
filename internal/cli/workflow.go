package cli

import (
	"context"
	"fmt"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/signet-scheduler/signet/api"
)

func (s *session) workflowGroup() *cobra.Command {
	g := s.group("workflow", "Workflows: look at, suspend, skip", "",
		"  signet workflow list\n  signet workflow suspend nightly/load",
		s.workflowListVerb(), s.workflowShowVerb(),
		s.workflowControlVerb("suspend", "Hold all orders of a workflow back", true),
		s.workflowControlVerb("resume", "Let the orders of a suspended workflow go on", false),
		s.workflowSkipVerb())
	s.controllerFlag(g)
	return g
}

// eachWorkflow calls f with each workflow, page by page.
func (s *session) eachWorkflow(ctx context.Context, client *Client, f func(api.WorkflowSummary) error) error {
	for cursor := ""; ; {
		var page api.Workflows
		if err := client.Get(ctx, "/workflows", s.query("cursor", cursor), &page); err != nil {
			return err
		}
		for _, w := range page.Workflows {
			if err := f(w); err != nil {
				return err
			}
		}
		if cursor = page.Cursor; cursor == "" {
			return nil
		}
	}
}

// workflowPaths proposes paths of workflows for completion.
func (s *session) workflowPaths(ctx context.Context) []string {
	client, err := s.client()
	if err != nil {
		return nil
	}
	client.Patience = 0
	var paths []string
	_ = s.eachWorkflow(ctx, client, func(w api.WorkflowSummary) error { // what came is proposed
		paths = append(paths, w.Path)
		return nil
	})
	return paths
}

func (s *session) onePath(ctx context.Context, args []string) []string {
	if len(args) > 0 {
		return nil
	}
	return s.workflowPaths(ctx)
}

func (s *session) workflowListVerb() *cobra.Command {
	return s.verb(verb{
		use: "list", short: "List the deployed workflows",
		example: "  signet workflow list\n  signet workflow list -o json",
		run: func(ctx context.Context, _ []string) error {
			client, err := s.client()
			if err != nil {
				return err
			}
			if s.json() {
				list := jsonList{w: s.io.Out}
				if err := s.eachWorkflow(ctx, client, func(w api.WorkflowSummary) error { return list.add(w) }); err != nil {
					return err
				}
				return list.end()
			}
			t := s.table("PATH", "VERSION", "ORDERS", "SIGNER", "STATE")
			if err := s.eachWorkflow(ctx, client, func(w api.WorkflowSummary) error {
				t.row(w.Path, w.VersionId, strconv.Itoa(w.Orders), w.Signer, workflowState(w))
				return nil
			}); err != nil {
				return err
			}
			return t.flush()
		},
	})
}

func workflowState(w api.WorkflowSummary) string {
	var state []string
	if w.Quarantine != nil {
		state = append(state, "quarantined: "+w.Quarantine.Message)
	}
	if w.Suspended {
		state = append(state, "suspended")
	}
	if len(w.Skip) > 0 {
		state = append(state, "skips "+strings.Join(w.Skip, ", "))
	}
	if len(state) == 0 {
		return "in service"
	}
	return strings.Join(state, "; ")
}

func (s *session) workflowShowVerb() *cobra.Command {
	var version string
	c := s.verb(verb{
		use: "show PATH", short: "Show one workflow with its parameters and its document", args: cobra.ExactArgs(1), complete: s.onePath,
		example: "  signet workflow show nightly/load\n  signet workflow show nightly/load -o json",
		run: func(ctx context.Context, args []string) error {
			client, err := s.client()
			if err != nil {
				return err
			}
			var w api.Workflow
			if err := client.Get(ctx, "/workflow", s.query("path", args[0], "versionId", version), &w); err != nil {
				return err
			}
			if s.json() {
				return s.printJSON(w)
			}
			return s.printWorkflow(w)
		},
	})
	c.Flags().StringVar(&version, "version", "", "another version than the newest")
	return c
}

func (s *session) printWorkflow(w api.Workflow) error {
	t := s.table("WORKFLOW", printable(w.Path))
	t.row("version", w.VersionId)
	t.row("versions", strings.Join(w.Versions, ", "))
	t.row("signer", w.Signer)
	t.row("orders", strconv.Itoa(w.Orders))
	t.row("state", workflowState(api.WorkflowSummary{Suspended: w.Suspended, Skip: w.Skip, Quarantine: w.Quarantine}))
	for _, p := range w.Parameters {
		kind := "optional, default " + p.Default
		switch {
		case p.Final:
			kind = "computed"
		case p.Required:
			kind = "required"
		}
		t.row("parameter "+p.Name, compact(p.Type)+", "+kind)
	}
	if err := t.flush(); err != nil {
		return err
	}
	_, err := fmt.Fprintf(s.io.Out, "\n%s\n", strings.TrimRight(w.Document, "\n"))
	return err
}

func (s *session) workflowControlVerb(name, short string, suspend bool) *cobra.Command {
	var reason string
	c := s.verb(verb{
		use: name + " PATH", short: short, args: cobra.ExactArgs(1), complete: s.onePath,
		example: "  signet workflow " + name + " nightly/load",
		run: func(ctx context.Context, args []string) error {
			return s.controlWorkflow(ctx, api.ControlWorkflowRequest{Path: args[0], Suspend: &suspend, Reason: reason})
		},
	})
	reasonFlag(c, &reason)
	return c
}

func (s *session) workflowSkipVerb() *cobra.Command {
	var undo bool
	var reason string
	c := s.verb(verb{
		use: "skip PATH LABEL", short: "Let orders pass over the instruction with a label", args: cobra.ExactArgs(2), complete: s.onePath,
		example: "  signet workflow skip nightly/load mail\n  signet workflow skip nightly/load mail --undo",
		run: func(ctx context.Context, args []string) error {
			return s.controlWorkflow(ctx, api.ControlWorkflowRequest{
				Path: args[0], Skip: []api.SkipLabel{{Label: args[1], Skip: !undo}}, Reason: reason,
			})
		},
	})
	c.Flags().BoolVar(&undo, "undo", false, "execute the instruction again")
	reasonFlag(c, &reason)
	return c
}

func (s *session) controlWorkflow(ctx context.Context, in api.ControlWorkflowRequest) error {
	client, err := s.client()
	if err != nil {
		return err
	}
	return client.Post(ctx, s.at("/workflows/control"), in, true, nil)
}
