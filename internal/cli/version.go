package cli

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"
)

func (s *session) versionVerb() *cobra.Command {
	return s.verb(verb{
		use: "version", short: "Print version, commit and Go version of this program", example: "  signet version\n  signet version -o json",
		run: func(context.Context, []string) error {
			p := s.program
			if s.json() {
				return s.printJSON(struct {
					Version string `json:"version"`
					Commit  string `json:"commit"`
					Go      string `json:"go"`
				}{p.Version, p.Commit, p.GoVersion})
			}
			_, err := fmt.Fprintf(s.io.Out, "signet %s, commit %s, %s\n", p.Version, p.Commit, p.GoVersion)
			return err
		},
	})
}
