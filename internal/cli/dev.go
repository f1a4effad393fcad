package cli

import (
	"context"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

func (s *session) devVerb() *cobra.Command {
	o := DevOptions{Given: map[string]bool{}}
	var c *cobra.Command
	c = s.verb(verb{
		use: "dev", short: "Play a whole installation on this machine",
		long: `It runs one Cockpit, N Controllers and M Agents as processes of their own, with TLS, signatures and a CA made at the first start, and restarts
a part that dies. When all parts serve, it prints a line "Signet is ready: URL". Starting again on the same folder goes on where it was.
It is for trying out and for tests: anybody who can read the folder can do everything.`,
		example: "  signet dev\n  signet dev --data /tmp/signet --free-ports --controllers 3 --agents 2",
		run: func(ctx context.Context, _ []string) error {
			c.Flags().Visit(func(f *pflag.Flag) { o.Given[f.Name] = true })
			return s.program.Dev(ctx, o, s.io.Out, s.io.Err)
		},
	})
	f := c.Flags()
	f.StringVar(&o.Data, "data", "./signet-data", "folder of everything it keeps")
	f.StringVar(&o.Cockpit, "cockpit", "127.0.0.1:4446", "the Cockpit's address; port 0 takes a free one")
	f.IntVar(&o.Controllers, "controllers", 1, "Controllers in one group: 1, 3 or 5; fixed for the life of the folder")
	f.IntVar(&o.Agents, "agents", 1, "Agents, named agent-1 ... agent-M; more can be added later")
	f.BoolVar(&o.FreePorts, "free-ports", false, "every part takes a free port (else Controllers 4451..., Agents 4461...)")
	f.StringVar(&o.Level, "level", "low", "security level: low, medium (each account signs with its own key) or high (the signing key lies in DIR/operator, outside of all parts); fixed for the life of the folder")
	f.BoolVar(&o.NoSample, "no-sample", false, "deploy no sample workflows")
	return c
}
