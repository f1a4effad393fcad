package cli

import (
	"context"
	"fmt"
	"net/url"
	"strconv"
	"time"

	"github.com/spf13/cobra"

	"github.com/signet-scheduler/signet/api"
)

func (s *session) agentActivityVerb() *cobra.Command {
	return s.verb(verb{
		use: "activity NAME", short: "Show what runs at an Agent, and what waits there for a process", args: cobra.ExactArgs(1), example: "  signet agent activity agent-1",
		run: func(ctx context.Context, args []string) error {
			client, err := s.client()
			if err != nil {
				return err
			}
			var a api.AgentActivity
			if err := client.Get(ctx, "/agents/"+url.PathEscape(args[0])+"/activity", s.query(), &a); err != nil {
				return err
			}
			if s.json() {
				return s.printJSON(a)
			}
			return s.printActivity(&a)
		},
	})
}

func (s *session) printActivity(a *api.AgentActivity) error {
	t := s.table("ORDER", "WORKFLOW", "JOB", "STATE", "SINCE", "PID")
	for _, r := range a.Running {
		t.row(r.OrderId, r.Workflow, r.Job, "runs", localTime(r.Since), strconv.Itoa(r.Pid))
	}
	for _, w := range a.Waiting {
		state := "waits: the Agent is full"
		if w.JobFull {
			state = "waits: the job is full"
		}
		t.row(w.OrderId, w.Workflow, w.Job, state+", place "+strconv.Itoa(w.Place), "", "")
	}
	if err := t.flush(); err != nil {
		return err
	}
	if more := a.RunningCount - len(a.Running) + a.WaitingCount - len(a.Waiting); more > 0 {
		fmt.Fprintf(s.io.Err, "signet: and %d more\n", more)
	}
	return nil
}

// localTime prints a moment by this machine's zone.
func localTime(ms int64) string {
	if ms == 0 {
		return ""
	}
	return time.UnixMilli(ms).Format("2006-01-02 15:04:05")
}

func (s *session) certificateGroup() *cobra.Command {
	return s.group("certificate", "Certificates of the parts that run", "See \"signet ca\" for making and renewing them.", "  signet certificate list",
		s.certificateListVerb(), s.certificateAuthorityVerb(), s.certificateIssuedVerb(), s.certificateIssueVerb(), s.certificateRenewVerb(),
		s.certificateBundleVerb(), s.certificateRequestVerb(), s.certificateAdoptVerb(), s.certificateRevokeVerb(), s.certificateRevocationsVerb(), s.certificatePublishVerb())
}

func (s *session) certificateListVerb() *cobra.Command {
	return s.verb(verb{
		use: "list", short: "List the certificates that the parts use and trust, the first to end at the top", example: "  signet certificate list\n  signet certificate list -o json",
		long: "The exit code is 1 when one has ended or ends within 30 days.",
		run: func(ctx context.Context, _ []string) error {
			client, err := s.client()
			if err != nil {
				return err
			}
			var all api.Certificates
			if err := client.Get(ctx, "/certificates", nil, &all); err != nil {
				return err
			}
			if s.json() {
				err = s.printJSON(all.Certificates)
			} else {
				err = s.printCertificates(all.Certificates)
			}
			if err != nil {
				return err
			}
			for _, c := range all.Certificates {
				if c.State != "good" {
					return &exitError{exitNegative}
				}
			}
			return nil
		},
	})
}

func (s *session) printCertificates(all []api.Certificate) error {
	t := s.table("ENDS", "STATE", "PART", "NAME", "USE", "SUBJECT")
	for _, c := range all {
		t.row(localTime(c.NotAfter), c.State, c.Part, c.Name, c.Use, c.Subject)
	}
	return t.flush()
}

func (s *session) cockpitListVerb() *cobra.Command {
	return s.verb(verb{
		use: "list", short: "List the Cockpits on the database, and which one runs the services", example: "  signet cockpit list",
		run: func(ctx context.Context, _ []string) error {
			client, err := s.client()
			if err != nil {
				return err
			}
			var all api.Cockpits
			if err := client.Get(ctx, "/cockpits", nil, &all); err != nil {
				return err
			}
			if s.json() {
				return s.printJSON(all.Cockpits)
			}
			t := s.table("NAME", "STATE", "VERSION", "SINCE", "LAST HEARD")
			for _, c := range all.Cockpits {
				t.row(c.Name, cockpitState(&c), c.Version, localTime(c.Since), localTime(c.Heard))
			}
			return t.flush()
		},
	})
}

func cockpitState(c *api.CockpitInfo) string {
	switch {
	case !c.Alive:
		return "silent"
	case c.Services:
		return "runs the services"
	}
	return "stands by"
}
