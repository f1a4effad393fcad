package cli

import (
	"context"
	"fmt"
	"strings"

	"github.com/spf13/cobra"
)

func (s *session) cockpitGroup() *cobra.Command {
	return s.group("cockpit", "The Cockpit: look at it, prepare it, move its database", "", "  signet cockpit init --config /etc/signet/cockpit --data /var/lib/signet/cockpit", s.cockpitInitVerb(), s.forgetKeysVerb(), s.migrateDatabaseVerb(), s.cockpitListVerb(), s.cockpitLogVerb())
}

// cockpitDirs refuses a call without the folders of the Cockpit that it is about.
func cockpitDirs(config, data string) error {
	switch {
	case config == "":
		return Usage("--config is missing: the folder with cockpit.conf")
	case data == "":
		return Usage("--data is missing: the folder where the Cockpit keeps its data")
	}
	return nil
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
			if err := cockpitDirs(o.ConfigDir, o.DataDir); err != nil {
				return err
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

// ForgetKeysOptions says in whose database keys are deleted.
type ForgetKeysOptions struct{ ConfigDir, DataDir string }

// ForgetKeysResult tells whose keys were deleted, and the file that was made.
type ForgetKeysResult struct {
	Accounts []string `json:"accounts"`
	Created  []string `json:"created"`
}

func (s *session) forgetKeysVerb() *cobra.Command {
	var o ForgetKeysOptions
	c := s.verb(verb{
		use: "forget-keys --config DIR --data DIR", short: "Delete the accounts' signing keys, whose sealing key is lost",
		long: `For security level medium, when the file of the sealing key is lost for good: what it has sealed can't be opened by anybody. All accounts' signing
keys are deleted, a new sealing key is made if there is none, and accounts make themselves new keys. What they have signed stays good. The Cockpits on
the database must not run; those on other machines get the new file by hand.`,
		example: "  signet cockpit forget-keys --config /etc/signet/cockpit --data /var/lib/signet/cockpit",
		run: func(ctx context.Context, _ []string) error {
			if err := cockpitDirs(o.ConfigDir, o.DataDir); err != nil {
				return err
			}
			result, err := s.program.ForgetKeys(ctx, o)
			if err != nil {
				return err
			}
			if s.json() {
				return s.printJSON(result)
			}
			for _, f := range result.Created {
				fmt.Fprintf(s.io.Err, "made %s\n", f)
			}
			if len(result.Accounts) == 0 {
				fmt.Fprintln(s.io.Err, "no account had a signing key")
				return nil
			}
			_, err = fmt.Fprintln(s.io.Out, strings.Join(result.Accounts, "\n"))
			return err
		},
	})
	dirFlags(c, &o.ConfigDir, &o.DataDir)
	return c
}
