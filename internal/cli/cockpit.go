package cli

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"
)

func (s *session) cockpitGroup() *cobra.Command {
	return s.group("cockpit", "The Cockpit: look at it, prepare it, move its database", "", "  signet cockpit init --config /etc/signet/cockpit --data /var/lib/signet/cockpit", s.cockpitInitVerb(), s.migrateDatabaseVerb(), s.cockpitListVerb(), s.cockpitLogVerb())
}

func (s *session) cockpitInitVerb() *cobra.Command {
	var o InitCockpitOptions
	c := s.verb(verb{
		use: "init --config DIR --data DIR", short: "Make database, first administrator and keys of a Cockpit",
		long: `The administrator's password is random and printed once, to standard output. With --ca, an authority on this machine (signet ca init) issues the
keys that cockpit.conf asks for and that are missing; else it tells which to bring. It is refused when there is an account already.`,
		example: `  signet cockpit init --config /etc/signet/cockpit --data /var/lib/signet/cockpit
  signet cockpit init --config /etc/signet/cockpit --data /var/lib/signet/cockpit --ca ca --host cockpit.example.com`,
		run: func(ctx context.Context, _ []string) error {
			switch {
			case o.ConfigDir == "":
				return Usage("--config is missing: the folder with cockpit.conf")
			case o.DataDir == "":
				return Usage("--data is missing: the folder where the Cockpit keeps its data")
			}
			result, err := s.program.InitCockpit(ctx, o)
			if err != nil {
				return err
			}
			if s.json() {
				return s.printJSON(result)
			}
			for _, f := range result.Created {
				fmt.Fprintf(s.io.Err, "made %s\n", f)
			}
			for _, f := range result.Missing {
				fmt.Fprintf(s.io.Err, "missing: %s (`signet ca issue` makes it)\n", f)
			}
			_, err = fmt.Fprintf(s.io.Out, "account:  %s\npassword: %s\n", result.Account, result.Password)
			return err
		},
	})
	dirFlags(c, &o.ConfigDir, &o.DataDir)
	c.Flags().StringVar(&o.CADir, "ca", "", "folder of an authority that issues the keys that are missing")
	c.Flags().StringSliceVar(&o.Hosts, "host", nil, "DNS names and IP addresses of the Cockpit that stand in its certificate, for browsers")
	c.Flags().StringVar(&o.Account, "account", "admin", "name of the first administrator")
	return c
}
