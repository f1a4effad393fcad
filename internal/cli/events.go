package cli

import (
	"bufio"
	"context"
	"encoding/json"
	"strconv"

	"github.com/spf13/cobra"
)

func (s *session) eventsVerb() *cobra.Command {
	var after int64
	var follow bool
	c := s.verb(verb{
		use: "events", short: "Print the Controller's events, one JSON object a line",
		long:    "From the oldest event kept, or behind --after, to the newest. With -f it goes on as more come.",
		example: "  signet events --after 1789900000123000\n  signet events -f | grep OrderFailed",
		run: func(ctx context.Context, _ []string) error {
			if after < 0 {
				return Usage("--after must be an event id")
			}
			client, err := s.client()
			if err != nil {
				return err
			}
			out := bufio.NewWriterSize(s.io.Out, 64<<10)
			err = s.followStream(ctx, follow, func() (streamSource, error) {
				query := s.query()
				if after > 0 {
					query.Set("after", strconv.FormatInt(after, 10))
				}
				if follow {
					query.Set("follow", "true")
				}
				return client.Stream(ctx, "/events", query, maxLogLine)
			}, func(line []byte) error {
				var id struct {
					EventID int64 `json:"eventId"`
				}
				if json.Unmarshal(line, &id) == nil && id.EventID > after {
					after = id.EventID
				}
				_, _ = out.Write(line) // the error stays until Flush
				if err := out.WriteByte('\n'); err != nil || !follow {
					return err
				}
				return out.Flush()
			})
			if flushed := out.Flush(); err == nil {
				err = flushed
			}
			return err
		},
	})
	c.Flags().Int64Var(&after, "after", 0, "only events behind this event id")
	c.Flags().BoolVarP(&follow, "follow", "f", false, "go on as more events come")
	s.controllerFlag(c)
	return c
}
