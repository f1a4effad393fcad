package cli

import (
	"context"
	"encoding/json"
	"fmt"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/signet-scheduler/signet/api"
)

// followEvery is how often a part's log that is followed is asked for.
const followEvery = time.Second

// partLogVerb makes the verb that prints the own log of a part.
func (s *session) partLogVerb(use, short, example string, args cobra.PositionalArgs, path func(args []string) string) *cobra.Command {
	var follow bool
	var limit int
	c := s.verb(verb{
		use: use, short: short, args: args, example: example,
		long: "It is what the part itself has written since its start, not what jobs have: at most the last 2,000 lines. With -o json each line is one line of JSON.",
		run: func(ctx context.Context, args []string) error {
			if limit < 1 || limit > 2000 {
				return Usage("--limit must be from 1 to 2000")
			}
			client, err := s.client()
			if err != nil {
				return err
			}
			for after := int64(0); ; {
				query := s.query()
				query.Set("after", strconv.FormatInt(after, 10))
				query.Set("limit", strconv.Itoa(limit))
				var log api.PartLog
				if err := client.Get(ctx, path(args), query, &log); err != nil {
					return err
				}
				if after, err = s.printPartLog(&log, after); err != nil {
					return err
				}
				if !follow {
					return nil
				}
				if len(log.Lines) < limit && !wait(ctx, followEvery) {
					return context.Cause(ctx)
				}
			}
		},
	})
	c.Flags().BoolVarP(&follow, "follow", "f", false, "go on as more is written")
	c.Flags().IntVar(&limit, "limit", 500, "at most so many lines: the last")
	return c
}

// printPartLog prints lines, and returns the id of the last.
func (s *session) printPartLog(log *api.PartLog, after int64) (int64, error) {
	if log.Missed {
		fmt.Fprintln(s.io.Err, "signet: some lines before these are no longer kept")
	}
	for _, l := range log.Lines {
		after = l.Id
		if s.json() {
			text, err := json.Marshal(l)
			if err != nil {
				return after, fmt.Errorf("writing JSON: %w", err)
			}
			if _, err := fmt.Fprintf(s.io.Out, "%s\n", text); err != nil {
				return after, err
			}
			continue
		}
		at := time.UnixMilli(l.Time).Format("2006-01-02 15:04:05.000")
		if _, err := fmt.Fprintf(s.io.Out, "%s  %-5s  %s\n", at, strings.ToUpper(l.Level), printable(l.Text)); err != nil {
			return after, err
		}
	}
	return after, nil
}

func (s *session) agentLogVerb() *cobra.Command {
	return s.partLogVerb("log NAME", "Print what an Agent itself has written last", "  signet agent log agent-1\n  signet agent log agent-1 -f", cobra.ExactArgs(1),
		func(args []string) string { return "/agents/" + url.PathEscape(args[0]) + "/log" })
}

func (s *session) controllerLogVerb() *cobra.Command {
	return s.partLogVerb("log MEMBER", "Print what a member of the Controller has written last", "  signet controller log controller-1", cobra.ExactArgs(1),
		func(args []string) string { return "/controllers/" + url.PathEscape(args[0]) + "/log" })
}

func (s *session) cockpitLogVerb() *cobra.Command {
	return s.partLogVerb("log", "Print what the Cockpit that answers has written last", "  signet cockpit log -f", cobra.NoArgs,
		func([]string) string { return "/cockpits/log" })
}
