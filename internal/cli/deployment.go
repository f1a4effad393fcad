package cli

import (
	"context"
	"encoding/json"
	"fmt"
	"math"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/signet-scheduler/signet/api"
	"github.com/signet-scheduler/signet/internal/fault"
)

func (s *session) deploymentGroup() *cobra.Command {
	return s.group("deployment", "Look at what was deployed by whom, and go back",
		"The history of deployments: who deployed what, by whose signatures, and why.",
		"  signet deployment list --from -7d\n  signet deployment show 42 --diff\n  signet deployment redeploy 42",
		s.deploymentListVerb(), s.deploymentShowVerb(), s.deploymentRedeployVerb(), s.deploymentRevokeVerb())
}

// deploymentFilter are the flags of "signet deployment list".
type deploymentFilter struct {
	from, to, account, path, folder, signer, release string
	refused                                          bool
	limit                                            int
}

func (s *session) deploymentListVerb() *cobra.Command {
	var f deploymentFilter
	c := s.verb(verb{
		use: "list", short: "List deployments, the newest first",
		long:    "Each with who deployed, whose signatures the documents had, why, and how many objects were added, changed and withdrawn. --refused lists those that were refused instead.",
		example: "  signet deployment list --from -7d\n  signet deployment list --path nightly/load --signer anna\n  signet deployment list --refused -o json",
		run:     func(ctx context.Context, _ []string) error { return s.listDeployments(ctx, &f) },
	})
	flags := c.Flags()
	flags.StringVar(&f.from, "from", "", "only those from then on: -24h, -7d, 2026-11-22T23:00:00Z, or without zone in that of this machine")
	flags.StringVar(&f.to, "to", "", "only those before")
	flags.StringVar(&f.account, "account", "", "only those of this account")
	flags.StringVar(&f.path, "path", "", "only those that did something to an object of this path")
	flags.StringVar(&f.folder, "folder", "", "only those that did something to an object in this folder or below")
	flags.StringVar(&f.signer, "signer", "", "only those with this text in a signer's name or key")
	flags.StringVar(&f.release, "release", "", "only those with the release of this name or number")
	flags.BoolVar(&f.refused, "refused", false, "those that were refused; no filter goes with it")
	flags.IntVar(&f.limit, "limit", 0, "at most so many: the newest")
	s.controllerFlag(c)
	return c
}

func (s *session) listDeployments(ctx context.Context, f *deploymentFilter) error {
	if f.limit < 0 {
		return Usage("--limit must be at least 1")
	}
	now := time.Now()
	from, err := pastTime("--from", f.from, now)
	if err != nil {
		return err
	}
	to, err := pastTime("--to", f.to, now)
	if err != nil {
		return err
	}
	query := []string{
		"from", number(from), "to", number(to), "account", f.account, "path", f.path, "folder", f.folder, "signer", f.signer, "release", f.release,
	}
	client, err := s.client()
	if err != nil {
		return err
	}
	limit := f.limit
	if limit == 0 {
		limit = math.MaxInt
	}
	if f.refused {
		p := s.rowPrinter(refusedCells, "TIME", "ACCOUNT", "ACTION", "OBJECTS", "CODE", "REASON")
		if err := s.eachRow(ctx, client, "/deployments/refused", nil, limit, p.add); err != nil {
			return err
		}
		return p.end()
	}
	p := s.rowPrinter(deploymentCells, "ID", "TIME", "ACCOUNT", "SIGNERS", "RELEASE", "ADDED", "CHANGED", "WITHDRAWN", "REASON")
	if err := s.eachRow(ctx, client, "/deployments", query, limit, p.add); err != nil {
		return err
	}
	return p.end()
}

func signerNames(signers []api.Signer) string {
	names := make([]string, len(signers))
	for i, one := range signers {
		if names[i] = one.Name; one.Kind != "" {
			names[i] += " (" + one.Kind + " " + one.Key + ")"
		}
	}
	return strings.Join(names, ", ")
}

func releaseName(r *api.DeploymentRelease) string {
	switch {
	case r == nil:
		return ""
	case r.Name == "":
		return strconv.FormatInt(r.Serial, 10)
	}
	return r.Name
}

func deploymentCells(raw json.RawMessage) ([]string, error) {
	var d api.Deployment
	if err := json.Unmarshal(raw, &d); err != nil {
		return nil, fmt.Errorf("reading the history of deployments: %w", err)
	}
	return []string{
		strconv.FormatInt(d.Id, 10), clockText(d.Time), d.Account, signerNames(d.Signers), releaseName(d.Release),
		strconv.Itoa(d.Added), strconv.Itoa(d.Changed), strconv.Itoa(d.Withdrawn), d.Reason,
	}, nil
}

func refusedCells(raw json.RawMessage) ([]string, error) {
	var d api.RefusedDeployment
	if err := json.Unmarshal(raw, &d); err != nil {
		return nil, fmt.Errorf("reading the refused deployments: %w", err)
	}
	return []string{clockText(d.Time), d.Account, d.Action, strings.Join(d.Objects, " "), d.Code, d.Reason}, nil
}

// deploymentPath checks a deployment's number and returns its route.
func deploymentPath(arg string) (string, error) {
	if n, err := strconv.ParseInt(arg, 10, 64); err != nil || n < 1 {
		return "", Usage("%q is no number of a deployment; see \"signet deployment list\"", arg)
	}
	return "/deployments/" + arg, nil
}

// deployment reads the deployment of a number with all its objects.
func (s *session) deployment(ctx context.Context, arg string) (client *Client, all api.DeploymentDetails, err error) {
	route, err := deploymentPath(arg)
	if err != nil {
		return nil, all, err
	}
	if client, err = s.client(); err != nil {
		return nil, all, err
	}
	for cursor := ""; ; {
		var page api.DeploymentDetails
		if err := client.Get(ctx, route, url.Values{"limit": {"1000"}, "cursor": {cursor}}, &page); err != nil {
			return nil, all, err
		}
		all.Deployment, all.Objects = page.Deployment, append(all.Objects, page.Objects...)
		if cursor = page.Cursor; cursor == "" {
			return client, all, nil
		}
	}
}

func (s *session) deploymentShowVerb() *cobra.Command {
	var diff bool
	c := s.verb(verb{
		use: "show ID", short: "Show one deployment with its objects", args: cobra.ExactArgs(1),
		long:    "With --diff, the lines that it changed follow. Texts that the inventory keeps no longer can't be compared.",
		example: "  signet deployment show 42\n  signet deployment show 42 --diff\n  signet deployment show 42 -o json",
		run: func(ctx context.Context, args []string) error {
			client, d, err := s.deployment(ctx, args[0])
			if err != nil {
				return err
			}
			if s.json() {
				return s.printJSON(d)
			}
			if err := s.printDeployment(&d); err != nil || !diff {
				return err
			}
			return s.printChanges(ctx, client, d.Objects)
		},
	})
	c.Flags().BoolVar(&diff, "diff", false, "show the lines that it changed")
	return c
}

func (s *session) printDeployment(d *api.DeploymentDetails) error {
	h := &d.Deployment
	t := s.table("ID", "TIME", "ACCOUNT", "CONTROLLER", "SIGNERS", "RELEASE", "REASON")
	t.row(strconv.FormatInt(h.Id, 10), clockText(h.Time), h.Account, h.Controller, signerNames(h.Signers), releaseName(h.Release), h.Reason)
	if err := t.flush(); err != nil {
		return err
	}
	t = s.table("CHANGE", "KIND", "PATH", "VERSION", "SIGNER", "DEPLOYED")
	for i := range d.Objects {
		o := &d.Objects[i]
		still := "no"
		if o.Deployed {
			still = "yes"
		}
		t.row(o.Change, o.Kind, o.Path, o.VersionId, signerNames(o.Signers), still)
	}
	return t.flush()
}

// printChanges prints what changed of each object, line by line.
func (s *session) printChanges(ctx context.Context, client *Client, objects []api.DeploymentObject) error {
	text := func(id int64) (string, error) {
		if id == 0 {
			return "", nil
		}
		var v api.ObjectVersion
		err := client.Get(ctx, "/inventory/version", url.Values{"id": {number(id)}}, &v)
		return v.Text, err
	}
	for i := range objects {
		o := &objects[i]
		before, err := text(o.Previous)
		var after string
		if err == nil {
			after, err = text(o.Version)
		}
		fmt.Fprintf(s.io.Out, "\n%s\n", printable(o.Kind+":"+o.Path+" "+o.Change))
		if fault.Is(err, fault.NotFound) {
			fmt.Fprintln(s.io.Out, "  a text of it is no longer kept")
			continue
		}
		if err != nil {
			return err
		}
		for _, line := range changedLines(before, after) {
			fmt.Fprintln(s.io.Out, printable(line))
		}
	}
	return nil
}

func (s *session) deploymentRedeployVerb() *cobra.Command {
	var in api.RedeployRequest
	c := s.verb(verb{
		use: "redeploy ID", short: "Deploy the texts of an earlier deployment again", args: cobra.ExactArgs(1),
		long: `A new deployment of what the earlier one brought, all or nothing; what is deployed with the same text stays as it is, and what it withdrew isn't withdrawn again.
The server signs; at the security level high the documents come with the signatures that they had, which isn't possible when a newer release has replaced theirs.
With --dry-run nothing is done; the exit code is 1 if it would be refused.`,
		example: "  signet deployment redeploy 42 --dry-run\n  signet deployment redeploy 42 --reason 'the new version is slower'",
		run: func(ctx context.Context, args []string) error {
			route, err := deploymentPath(args[0])
			if err != nil {
				return err
			}
			client, err := s.client()
			if err != nil {
				return err
			}
			in.RequestId = newRequestID()
			var out api.Redeployment
			if err := client.Post(ctx, route+"/redeploy", in, true, &out); err != nil {
				return err
			}
			if err := s.printRedeployment(&out); err != nil {
				return err
			}
			if len(out.Problems) > 0 {
				return &exitError{1}
			}
			return nil
		},
	})
	c.Flags().BoolVar(&in.DryRun, "dry-run", false, "only tell what would be done")
	reasonFlag(c, &in.Reason)
	return c
}

func (s *session) printRedeployment(out *api.Redeployment) error {
	if s.json() {
		return s.printJSON(out)
	}
	t := s.table("KIND", "PATH", "VERSION", "WHAT")
	for _, o := range out.Deploys {
		t.row(o.Kind, o.Path, o.VersionId, "again")
	}
	for _, o := range out.Unchanged {
		t.row(o.Kind, o.Path, "", "unchanged")
	}
	if err := t.flush(); err != nil {
		return err
	}
	for _, p := range out.Problems {
		fmt.Fprintln(s.io.Err, printable(strings.TrimSpace(p.Where+" "+p.Message)))
	}
	return nil
}

func (s *session) deploymentRevokeVerb() *cobra.Command {
	var reason string
	c := s.verb(verb{
		use: "revoke ID", short: "Take out of service what a deployment brought and what is still deployed so", args: cobra.ExactArgs(1),
		long:    "All or none. What was deployed in another version since stays.",
		example: "  signet deployment revoke 42 --reason 'by mistake'",
		run: func(ctx context.Context, args []string) error {
			client, d, err := s.deployment(ctx, args[0])
			if err != nil {
				return err
			}
			in := api.RevokeRequest{Reason: reason}
			for i := range d.Objects {
				if o := &d.Objects[i]; o.Deployed {
					in.Objects = append(in.Objects, api.ObjectKey{Kind: o.Kind, Path: o.Path})
				}
			}
			if len(in.Objects) == 0 {
				return fault.New(fault.Conflict, "NothingToRevoke", "nothing that the deployment brought is deployed still as it brought it")
			}
			return client.Post(ctx, "/deployments/revoke?controller="+url.QueryEscape(d.Deployment.Controller), in, false, nil)
		},
	})
	reasonFlag(c, &reason)
	return c
}
