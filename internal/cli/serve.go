package cli

import (
	"context"

	"github.com/spf13/cobra"
)

func (s *session) serveGroup() *cobra.Command {
	return s.group("serve", "Run one part of Signet: cockpit, controller or agent", "",
		"  signet serve agent --config /etc/signet/agent --data /var/lib/signet/agent",
		s.serveVerb("cockpit", "Run a Cockpit: users and programs talk to it"),
		s.serveVerb("controller", "Run a Controller: it keeps orders and drives Agents"),
		s.serveVerb("agent", "Run an Agent: it runs jobs on this machine"))
}

func (s *session) serveVerb(part, short string) *cobra.Command {
	o := ServeOptions{Part: part}
	c := s.verb(verb{
		use: part + " --config DIR --data DIR", short: short,
		long:    "The configuration folder holds " + part + ".conf and private/ with keys and trust directories; docs/operations/configuration.md tells all settings. SIGTERM ends it in order.",
		example: "  signet serve " + part + " --config /etc/signet/" + part + " --data /var/lib/signet/" + part,
		run: func(ctx context.Context, _ []string) error {
			switch {
			case o.ConfigDir == "":
				return Usage("--config is missing: the folder with %s.conf", part)
			case o.DataDir == "":
				return Usage("--data is missing: the folder where the %s keeps its data", part)
			}
			return s.program.Serve(ctx, o, s.io.Err)
		},
	})
	dirFlags(c, &o.ConfigDir, &o.DataDir)
	return c
}

func dirFlags(c *cobra.Command, config, data *string) {
	c.Flags().StringVar(config, "config", "", "the part's configuration folder")
	c.Flags().StringVar(data, "data", "", "the part's data folder")
	_ = c.MarkFlagDirname("config") // the flags are there
	_ = c.MarkFlagDirname("data")
}

// starterVerb is what an Agent starts to have jobs started.
func (s *session) starterVerb() *cobra.Command {
	c := s.verb(verb{
		use: "starter", short: "Start jobs on behalf of an Agent", example: "  (only an Agent starts it)",
		run: func(context.Context, []string) error {
			if code := s.program.Starter(); code != 0 {
				return &exitError{code}
			}
			return nil
		},
	})
	c.Hidden = true
	return c
}
