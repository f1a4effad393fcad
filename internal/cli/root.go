package cli

import (
	"context"
	"strings"

	"github.com/spf13/cobra"
)

// session is one run of the command line.
type session struct {
	program Program
	args    []string
	io      Streams
	env     map[string]string

	output      string // -o
	profileFlag string // --profile
	controller  string // --controller

	ran     bool // flags and arguments were right, a verb's function was called
	command *cobra.Command
	profile *Profile
}

const rootLong = `Signet runs signed workflows on the machines that trust their signer.

Exit codes:
  0  done
  1  done, with a negative result (an order failed), or an internal error
  2  wrong use of the command line
  3  not found
  4  not allowed: not logged in, no permission
  5  refused by verification: a signature, certificate or trust rule
  6  the other side can't be reached, or time ran out
  7  refused as invalid: the document or command is wrong`

const rootExample = `  signet dev                                     play a whole installation on this machine
  signet deploy workflows/                       deploy all objects below a folder
  signet order add nightly/load --arg day=2026-11-22 --wait
  signet order log '#2026-11-22#T4711' -f`

// verb describes one verb.
type verb struct {
	use, short, long, example string
	args                      cobra.PositionalArgs
	run                       func(ctx context.Context, args []string) error
	// complete proposes arguments.
	complete func(ctx context.Context, args []string) []string
}

func (s *session) root() *cobra.Command {
	root := s.group("signet", "Workload automation that runs only what is signed", rootLong, rootExample)
	root.SetIn(s.io.In)
	root.SetOut(s.io.Out)
	root.SetErr(s.io.Err)
	root.SilenceErrors = true
	root.SilenceUsage = true
	root.CompletionOptions.HiddenDefaultCmd = false
	flags := root.PersistentFlags()
	flags.StringVarP(&s.output, "output", "o", "table", "output form: table or json")
	flags.StringVar(&s.profileFlag, "profile", "", "file with address and credential (default: $SIGNET_PROFILE, ./signet-data/profile.json, or profile.json in the user's configuration folder)")
	_ = root.RegisterFlagCompletionFunc("output", cobra.FixedCompletions([]string{"table", "json"}, cobra.ShellCompDirectiveNoFileComp)) // the flag is there
	root.SetFlagErrorFunc(func(c *cobra.Command, err error) error {
		s.command = c
		return Usage("%s", err)
	})
	root.AddCommand(
		s.loginVerb(), s.logoutVerb(), s.versionVerb(),
		s.validateVerb(), s.deployVerb(), s.revokeVerb(), s.deploymentGroup(), s.signVerb(), s.policyGroup(),
		s.putVerb(), s.inventoryGroup(), s.exportVerb(), s.importVerb(), s.rolloutVerb(),
		s.orderGroup(), s.workflowGroup(), s.agentGroup(), s.controllerGroup(), s.certificateGroup(), s.keyGroup(), s.passkeyGroup(),
		s.historyVerb(), s.auditVerb(), s.eventsVerb(), s.apiVerb(),
		s.backupVerb(), s.restoreVerb(),
		s.caGroup(), s.enrolVerb(), s.keystoreGroup(), s.cockpitGroup(),
		s.serveGroup(), s.devVerb(), s.starterVerb(),
	)
	s.describeCompletion(root)
	return root
}

// group makes a command that only has other commands below it.
func (s *session) group(name, short, long, example string, verbs ...*cobra.Command) *cobra.Command {
	c := &cobra.Command{Use: name, Short: short, Long: long, Example: example, SuggestionsMinimumDistance: 2}
	c.Args = func(c *cobra.Command, args []string) error {
		s.command = c
		switch {
		case len(args) == 0:
			return nil
		case c.HasParent():
			return Usage("%s has no verb %q%s", c.CommandPath(), args[0], suggestion(c, args[0]))
		}
		return Usage("there is no verb %q%s", args[0], suggestion(c, args[0]))
	}
	c.RunE = func(c *cobra.Command, _ []string) error {
		s.command = c
		return Usage("%s needs a verb: %s", c.CommandPath(), strings.Join(verbNames(c), ", "))
	}
	c.AddCommand(verbs...)
	return c
}

func suggestion(c *cobra.Command, typed string) string {
	if near := c.SuggestionsFor(typed); len(near) > 0 {
		return "; did you mean " + strings.Join(near, " or ") + "?"
	}
	return ""
}

func verbNames(c *cobra.Command) []string {
	var names []string
	for _, child := range c.Commands() {
		if child.IsAvailableCommand() && child.Name() != "help" {
			names = append(names, child.Name())
		}
	}
	return names
}

// verb makes a command of a description.
func (s *session) verb(v verb) *cobra.Command {
	c := &cobra.Command{Use: v.use, Short: v.short, Long: v.short + ".", Example: v.example}
	if v.long != "" {
		c.Long += "\n\n" + v.long
	}
	c.Args = func(c *cobra.Command, args []string) error {
		s.command = c
		if v.args == nil {
			v.args = cobra.NoArgs
		}
		if err := v.args(c, args); err != nil {
			return Usage("%s (usage: %s)", err, c.UseLine())
		}
		return nil
	}
	c.RunE = func(c *cobra.Command, args []string) error {
		if s.output != "table" && s.output != "json" {
			return Usage("-o is table or json, not %q", s.output)
		}
		s.ran = true
		return v.run(c.Context(), args)
	}
	if v.complete != nil {
		c.ValidArgsFunction = func(c *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
			return v.complete(c.Context(), args), cobra.ShellCompDirectiveNoFileComp
		}
	}
	return c
}

// commandPath names the verb that was meant, for the hint at its help.
func (s *session) commandPath() string {
	if s.command == nil {
		return "signet"
	}
	return s.command.CommandPath()
}

// describeCompletion gives the verb completion, which cobra makes, an example.
func (s *session) describeCompletion(root *cobra.Command) {
	root.InitDefaultHelpCmd()
	root.InitDefaultCompletionCmd(s.args...)
	for _, c := range root.Commands() {
		if c.Name() != "completion" {
			continue
		}
		c.Example = "  source <(signet completion bash)"
		c.RunE = func(c *cobra.Command, _ []string) error {
			s.command = c
			return Usage("signet completion needs a shell: bash, zsh, fish or powershell")
		}
		for _, shell := range c.Commands() {
			shell.Example = "  signet completion " + shell.Name()
		}
	}
}

// json tells whether the output is to be JSON.
func (s *session) json() bool { return s.output == "json" }
