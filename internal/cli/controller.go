package cli

import (
	"context"
	"fmt"
	"strconv"

	"github.com/spf13/cobra"

	"github.com/signet-scheduler/signet/api"
	"github.com/signet-scheduler/signet/internal/fault"
)

func (s *session) controllerGroup() *cobra.Command {
	g := s.group("controller", "Controllers: look at", "", "  signet controller status", s.controllerStatusVerb(), s.controllerLogVerb())
	s.controllerFlag(g)
	return g
}

func (s *session) controllerStatusVerb() *cobra.Command {
	return s.verb(verb{
		use: "status", short: "Show the Controller's members and which of them leads",
		long:    "The exit code is 6 when the Controller can't be reached, has no leader, or accepts nothing because its disk is full.",
		example: "  signet controller status\n  signet controller status -o json",
		run: func(ctx context.Context, _ []string) error {
			client, err := s.client()
			if err != nil {
				return err
			}
			var all api.ControllersStatus
			if err := client.Get(ctx, "/controllers/status", nil, &all); err != nil {
				return err
			}
			chosen, err := chooseController(all.Controllers, s.controller)
			if err != nil {
				return err
			}
			if s.json() {
				members := []api.Member{}
				for _, c := range chosen {
					members = append(members, c.Members...)
				}
				if err := s.printJSON(members); err != nil {
					return err
				}
			} else if err := s.printControllers(chosen); err != nil {
				return err
			}
			for _, c := range chosen {
				if p := c.History.Problem; p != nil {
					fmt.Fprintf(s.io.Err, "signet: the history of Controller %s isn't written: %s\n", c.Id, p.Message)
				}
			}
			for _, c := range chosen {
				if c.Problem != nil {
					return fault.New(fault.Unavailable, c.Problem.Code, "Controller %s: %s", c.Id, c.Problem.Message)
				}
			}
			return nil
		},
	})
}

// chooseController returns the Controller with an id, all for none.
func chooseController(all []api.ControllerStatus, id string) ([]api.ControllerStatus, error) {
	if id == "" {
		return all, nil
	}
	for _, c := range all {
		if c.Id == id {
			return []api.ControllerStatus{c}, nil
		}
	}
	return nil, fault.New(fault.NotFound, "UnknownController", "the Cockpit serves no Controller %q", id)
}

func (s *session) printControllers(all []api.ControllerStatus) error {
	t := s.table("CONTROLLER", "MEMBER", "ROLE", "STATE", "URL", "TERM", "LAST EVENT", "HISTORY UP TO", "VERSION", "CERTIFICATE ENDS")
	for _, c := range all {
		for _, m := range c.Members {
			t.row(c.Id, m.Name, m.Role, m.State, m.Url, strconv.FormatInt(c.Term, 10), strconv.FormatInt(c.LastEventId, 10), strconv.FormatInt(c.History.EventId, 10),
				m.Version, localTime(m.CertificateEnds))
		}
	}
	return t.flush()
}
