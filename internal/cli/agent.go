package cli

import (
	"context"
	"net/url"
	"strconv"

	"github.com/spf13/cobra"

	"github.com/signet-scheduler/signet/api"
)

func (s *session) agentGroup() *cobra.Command {
	g := s.group("agent", "Agents: look at, add", "An Agent runs jobs on its machine.",
		"  signet agent list\n  signet agent add agent-2 --uri https://host2:4445",
		s.agentListVerb(), s.agentAddVerb(), s.agentShowVerb(), s.agentActivityVerb(), s.agentLogVerb())
	s.controllerFlag(g)
	return g
}

func (s *session) agentListVerb() *cobra.Command {
	return s.verb(verb{
		use: "list", short: "List the Agents", example: "  signet agent list\n  signet agent list -o json",
		run: func(ctx context.Context, _ []string) error {
			client, err := s.client()
			if err != nil {
				return err
			}
			var list api.Agents
			if err := client.Get(ctx, "/agents", s.query(), &list); err != nil {
				return err
			}
			if s.json() {
				if list.Agents == nil {
					list.Agents = []api.Agent{}
				}
				return s.printJSON(list.Agents)
			}
			return s.printAgents(list.Agents...)
		},
	})
}

func (s *session) printAgents(agents ...api.Agent) error {
	t := s.table("NAME", "URI", "STATE", "ORDERS", "RUNNING", "LIMIT", "VERSION", "CERTIFICATE ENDS")
	for _, a := range agents {
		limit := ""
		if a.ProcessLimit != nil {
			limit = strconv.Itoa(*a.ProcessLimit)
		}
		t.row(a.Name, a.Uri, agentState(a), strconv.Itoa(a.Orders), strconv.Itoa(a.Running), limit, a.Version, localTime(a.CertificateEnds))
	}
	return t.flush()
}

func agentState(a api.Agent) string {
	state := "not coupled"
	if a.Coupled {
		state = "coupled"
	}
	if a.Disabled {
		state += ", disabled"
	}
	if a.Problem != nil {
		state += ": " + a.Problem.Message
	}
	return state
}

func (s *session) agentShowVerb() *cobra.Command {
	return s.verb(verb{
		use: "show NAME", short: "Show one Agent", args: cobra.ExactArgs(1), example: "  signet agent show agent-1",
		run: func(ctx context.Context, args []string) error {
			client, err := s.client()
			if err != nil {
				return err
			}
			var a api.Agent
			if err := client.Get(ctx, "/agents/"+url.PathEscape(args[0]), s.query(), &a); err != nil {
				return err
			}
			if s.json() {
				return s.printJSON(a)
			}
			return s.printAgents(a)
		},
	})
}

func (s *session) agentAddVerb() *cobra.Command {
	var in api.AddAgentRequest
	var limit int64
	c := s.verb(verb{
		use: "add NAME", short: "Add an Agent, or change its address or limits", args: cobra.ExactArgs(1),
		long:    "NAME is the name in the Agent's certificate. What the Agent's own machine needs is told in docs/operations/second-agent.md.",
		example: "  signet agent add agent-2 --uri https://host2.example.com:4445\n  signet agent add agent-2 --uri https://host2.example.com:4445 --process-limit 20",
		run: func(ctx context.Context, args []string) error {
			if in.Uri == "" {
				return Usage("--uri is missing: where the Controllers reach the Agent, like https://host2:4445")
			}
			if limit >= 0 {
				in.ProcessLimit = &limit
			}
			in.Name = args[0]
			client, err := s.client()
			if err != nil {
				return err
			}
			return client.Post(ctx, s.at("/agents"), in, true, nil)
		},
	})
	c.Flags().StringVar(&in.Uri, "uri", "", "where the Controllers reach the Agent: https://HOST:PORT")
	c.Flags().Int64Var(&limit, "process-limit", -1, "processes of all jobs at once (default: no limit)")
	c.Flags().BoolVar(&in.Disabled, "disabled", false, "no new process starts there")
	reasonFlag(c, &in.Reason)
	return c
}
