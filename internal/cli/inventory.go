package cli

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/signet-scheduler/signet/api"
	"github.com/signet-scheduler/signet/internal/fault"
	"github.com/signet-scheduler/signet/internal/item"
)

func (s *session) inventoryGroup() *cobra.Command {
	return s.group("inventory", "The inventory: drafts and what is deployed", `OBJECT is the path of a workflow, or any object as KIND:PATH (Workflow:nightly/load, JobResource:db-env, Agent:agent-2).`,
		"  signet inventory list --state changed\n  signet inventory rename JobResource:db-env common/db-env --dry-run",
		s.inventoryListVerb(), s.inventoryGetVerb(), s.inventorySearchVerb(), s.inventoryRenameVerb(), s.inventoryDeployVerb(),
		s.inventoryDeleteVerb(), s.inventoryRestoreVerb())
}

// objectKey reads an argument that names an object.
func objectKey(arg string) (item.Key, error) {
	if key, err := item.ParseKey(arg); err == nil {
		return key, nil
	}
	key := item.Key{Kind: item.KindWorkflow, Path: arg}
	return key, key.Check()
}

func objectKeys(args []string) ([]api.ObjectKey, error) {
	keys := make([]api.ObjectKey, len(args))
	for i, arg := range args {
		key, err := objectKey(arg)
		if err != nil {
			return nil, err
		}
		keys[i] = api.ObjectKey{Kind: string(key.Kind), Path: key.Path}
	}
	return keys, nil
}

func (s *session) inventoryListVerb() *cobra.Command {
	var folder, kind, state, text string
	c := s.verb(verb{
		use: "list", short: "List the objects of the inventory by path",
		long:    "The states: draft, invalid, changed, deployed, notDeployed. What is in the trash is left out.",
		example: "  signet inventory list --folder nightly --state invalid,changed\n  signet inventory list --text load -o json",
		run: func(ctx context.Context, _ []string) error {
			client, err := s.client()
			if err != nil {
				return err
			}
			query := s.query("recursive", "true", "folder", folder, "kind", kind, "state", state, "q", text)
			if s.json() {
				list := jsonList{w: s.io.Out}
				if err := eachObject(ctx, client, query, func(o api.InventorySummary) error { return list.add(o) }); err != nil {
					return err
				}
				return list.end()
			}
			t := s.table("KIND", "PATH", "STATE", "PROBLEMS", "CHANGED", "BY")
			err = eachObject(ctx, client, query, func(o api.InventorySummary) error {
				t.row(o.Kind, o.Path, stateText(o), strconv.Itoa(o.Problems), clockText(o.ChangedAt), o.ChangedBy)
				return nil
			})
			if err != nil {
				return err
			}
			return t.flush()
		},
	})
	c.Flags().StringVar(&folder, "folder", "", "only what lies in this folder or below it")
	c.Flags().StringVar(&kind, "kind", "", "only this kind: Workflow, JobResource or AgentRef")
	c.Flags().StringVar(&state, "state", "", "only these states, separated by commas")
	c.Flags().StringVar(&text, "text", "", "only objects with this text in path or title")
	return c
}

func stateText(o api.InventorySummary) string {
	switch {
	case o.Former != "":
		return o.State + ", deployed as " + o.Former
	case o.Successor != "":
		return o.State + ", renamed to " + o.Successor
	}
	return o.State
}

// eachObject calls f with each object, page by page.
func eachObject(ctx context.Context, client *Client, query url.Values, f func(api.InventorySummary) error) error {
	for {
		var page api.InventoryObjects
		if err := client.Get(ctx, "/inventory", query, &page); err != nil {
			return err
		}
		for _, o := range page.Objects {
			if err := f(o); err != nil {
				return err
			}
		}
		if page.Cursor == "" {
			return nil
		}
		query.Set("cursor", page.Cursor)
	}
}

func (s *session) inventoryGetVerb() *cobra.Command {
	var deployed bool
	c := s.verb(verb{
		use: "get OBJECT", short: "Print the draft of an object, or what was deployed last where there is none", args: cobra.ExactArgs(1),
		long:    "With --deployed, the exact bytes that were deployed last are printed. With -o json, also state, problems and where it is deployed.",
		example: "  signet inventory get nightly/load > load.workflow.json\n  signet inventory get JobResource:db-env --deployed",
		run: func(ctx context.Context, args []string) error {
			key, err := objectKey(args[0])
			if err != nil {
				return err
			}
			client, err := s.client()
			if err != nil {
				return err
			}
			source := ""
			if deployed {
				source = "deployed"
			}
			var o api.InventoryObject
			if err := client.Get(ctx, "/inventory/object", s.query("kind", string(key.Kind), "path", key.Path, "source", source), &o); err != nil {
				return err
			}
			if s.json() {
				return s.printJSON(o)
			}
			_, err = fmt.Fprint(s.io.Out, o.Text)
			return err
		},
	})
	c.Flags().BoolVar(&deployed, "deployed", false, "what was deployed last, with its exact bytes")
	return c
}

func (s *session) inventorySearchVerb() *cobra.Command {
	var folder, kind string
	var limit int
	c := s.verb(verb{
		use: "search TEXT", short: "Find a text in names, jobs, scripts and expressions of all objects", args: cobra.ExactArgs(1),
		long:    "At least three characters; capitals make no difference. Exit code 1 when nothing is found.",
		example: "  signet inventory search sqlplus --folder nightly\n  signet inventory search agent-7 -o json",
		run: func(ctx context.Context, args []string) error {
			if limit < 1 {
				return Usage("--limit must be at least 1")
			}
			client, err := s.client()
			if err != nil {
				return err
			}
			hits, err := searchAll(ctx, client, s.query("q", args[0], "folder", folder, "kind", kind), limit)
			if err != nil {
				return err
			}
			if err := s.printHits(hits); err != nil {
				return err
			}
			if len(hits) == 0 {
				return &exitError{1}
			}
			return nil
		},
	})
	c.Flags().StringVar(&folder, "folder", "", "only in this folder or below it")
	c.Flags().StringVar(&kind, "kind", "", "only in objects of these kinds, separated by commas")
	c.Flags().IntVar(&limit, "limit", 100, "at most so many hits")
	return c
}

func searchAll(ctx context.Context, client *Client, query url.Values, limit int) ([]api.SearchHit, error) {
	hits := []api.SearchHit{}
	for {
		query.Set("limit", strconv.Itoa(min(limit, 1000)))
		var page api.SearchHits
		if err := client.Get(ctx, "/inventory/search", query, &page); err != nil {
			return nil, err
		}
		hits = append(hits, page.Hits...)
		if len(hits) >= limit {
			return hits[:limit], nil
		}
		if page.Cursor == "" {
			return hits, nil
		}
		query.Set("cursor", page.Cursor)
	}
}

func (s *session) printHits(hits []api.SearchHit) error {
	if s.json() {
		return s.printJSON(hits)
	}
	t := s.table("KIND", "PATH", "WHERE", "LINE", "TEXT")
	for _, h := range hits {
		where := h.Field
		if h.Job != "" && h.Field != "job" {
			where += " of " + h.Job
		}
		t.row(h.Kind, h.Path, where, strconv.Itoa(h.Line), strings.TrimSpace(h.Excerpt))
	}
	return t.flush()
}

func (s *session) inventoryRenameVerb() *cobra.Command {
	var folder, dryRun bool
	var reason string
	c := s.verb(verb{
		use: "rename OBJECT PATH", short: "Give an object or a folder another path, and adjust all that names it", args: cobra.ExactArgs(2),
		long: `The references that are adjusted are printed. Nothing is deployed: what is deployed stays under its old path until the object is deployed under the new
one. With --dry-run nothing happens. With --folder OBJECT is the path of a folder.`,
		example: "  signet inventory rename JobResource:db-env common/db-env --dry-run\n  signet inventory rename --folder nightly archive/nightly",
		run: func(ctx context.Context, args []string) error {
			in := api.RenameRequest{From: args[0], To: args[1], DryRun: dryRun, Reason: reason}
			if !folder {
				key, err := objectKey(args[0])
				if err != nil {
					return err
				}
				in.Kind, in.From = string(key.Kind), key.Path
			}
			client, err := s.client()
			if err != nil {
				return err
			}
			var out api.RenameResponse
			if err := client.Post(ctx, "/inventory/rename", in, false, &out); err != nil {
				return err
			}
			return s.printRename(out)
		},
	})
	c.Flags().BoolVar(&folder, "folder", false, "OBJECT is a folder, with all that is in it")
	c.Flags().BoolVar(&dryRun, "dry-run", false, "only tell what would change")
	reasonFlag(c, &reason)
	return c
}

func (s *session) printRename(out api.RenameResponse) error {
	if s.json() {
		if err := s.printJSON(out); err != nil {
			return err
		}
	} else {
		t := s.table("KIND", "PATH", "CHANGE", "OLD", "NEW")
		for _, m := range out.Moved {
			change := "moves"
			if m.Deployed {
				change = "moves when it is deployed"
			}
			t.row(m.Kind, m.From, change, m.From, m.To)
		}
		for _, a := range out.Adjusted {
			t.row(a.Kind, a.Path, a.Pointer, a.Old, a.New)
		}
		if err := t.flush(); err != nil {
			return err
		}
	}
	if len(out.Problems) == 0 {
		return nil
	}
	e := fault.New(fault.Invalid, "CannotRename", "not everything that names it can be adjusted")
	for _, p := range out.Problems {
		e.Problems = append(e.Problems, fault.Problem{Where: p.Kind + ":" + p.Path + " " + p.Pointer, Message: p.Message})
	}
	return e
}

func (s *session) inventoryDeployVerb() *cobra.Command {
	var dryRun bool
	var reason string
	c := s.verb(verb{
		use: "deploy OBJECT...", short: "Deploy drafts in one transaction: all or nothing", args: cobra.MinimumNArgs(1),
		long:    "The server signs them, where the security level lets it. With --dry-run nothing happens; what would be is printed, with what is missing and who is concerned.",
		example: "  signet inventory deploy nightly/load JobResource:db-env --dry-run\n  signet inventory deploy nightly/load --reason 'faster'",
		run: func(ctx context.Context, args []string) error {
			keys, err := objectKeys(args)
			if err != nil {
				return err
			}
			client, err := s.client()
			if err != nil {
				return err
			}
			in := api.DeployDraftsRequest{Objects: keys, DryRun: dryRun, Reason: reason, RequestId: newRequestID()}
			var out api.DraftDeployment
			if err := client.Post(ctx, s.at("/inventory/deploy"), in, true, &out); err != nil {
				return err
			}
			if s.json() {
				return s.printJSON(out)
			}
			return s.printDraftDeployment(out)
		},
	})
	c.Flags().BoolVar(&dryRun, "dry-run", false, "only tell what would happen")
	reasonFlag(c, &reason)
	s.controllerFlag(c)
	return c
}

func (s *session) printDraftDeployment(out api.DraftDeployment) error {
	t := s.table("KIND", "PATH", "WHAT", "DETAIL")
	for _, d := range out.Deploys {
		t.row(d.Kind, d.Path, "deploy, "+d.Change, d.VersionId)
		for _, p := range d.Problems {
			t.row(d.Kind, d.Path, "problem", problemText(p))
		}
	}
	for _, o := range out.Unchanged {
		t.row(o.Kind, o.Path, "stays as it is", "")
	}
	for _, o := range out.Withdraws {
		t.row(o.Kind, o.Path, "withdraw", "it was renamed")
	}
	for _, o := range out.Needs {
		state := o.State
		if state == "" {
			state = "not in the inventory"
		}
		t.row(o.Kind, o.Path, "is needed", "by "+o.By+"; "+state)
	}
	for _, o := range out.Users {
		t.row(o.Kind, o.Path, "uses it", o.By)
	}
	for _, o := range out.Orders {
		t.row(string(item.KindWorkflow), o.Workflow, "has orders", strconv.Itoa(o.Orders)+" of version "+o.VersionId)
	}
	return t.flush()
}

func (s *session) inventoryDeleteVerb() *cobra.Command {
	var reason string
	c := s.verb(verb{
		use: "delete OBJECT...", short: "Put objects into the trash", args: cobra.MinimumNArgs(1),
		long:    "What is deployed has to be taken out of service first, by revoke. One after the other; the first that can't be deleted ends it.",
		example: "  signet inventory delete nightly/old JobResource:unused",
		run: func(ctx context.Context, args []string) error {
			keys, err := objectKeys(args)
			if err != nil {
				return err
			}
			client, err := s.client()
			if err != nil {
				return err
			}
			for _, key := range keys {
				query := s.query("kind", key.Kind, "path", key.Path, "reason", reason)
				if err := client.call(ctx, http.MethodDelete, "/inventory/object?"+query.Encode(), nil, false, nil); err != nil {
					return err
				}
			}
			return nil
		},
	})
	reasonFlag(c, &reason)
	return c
}

func (s *session) inventoryRestoreVerb() *cobra.Command {
	var reason string
	c := s.verb(verb{
		use: "restore OBJECT...", short: "Take objects out of the trash", args: cobra.MinimumNArgs(1),
		example: "  signet inventory restore nightly/old",
		run: func(ctx context.Context, args []string) error {
			keys, err := objectKeys(args)
			if err != nil {
				return err
			}
			client, err := s.client()
			if err != nil {
				return err
			}
			for _, key := range keys {
				if err := client.Post(ctx, "/inventory/restore", api.ObjectRequest{Kind: key.Kind, Path: key.Path, Reason: reason}, false, nil); err != nil {
					return err
				}
			}
			return nil
		},
	})
	reasonFlag(c, &reason)
	return c
}
