package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/url"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/signet-scheduler/signet/api"
	"github.com/signet-scheduler/signet/internal/fault"
)

// maxLogLine bounds one line of a stream in bytes.
const maxLogLine = 16 << 20

func (s *session) orderLogVerb() *cobra.Command {
	var follow bool
	c := s.verb(verb{
		use: "log ID", short: "Print what an order's jobs wrote, child orders included", args: cobra.ExactArgs(1),
		long:     "With -o json each piece of output is one line of JSON that tells order, job, task, channel and time.",
		example:  "  signet order log load-1\n  signet order log load-1 -f",
		complete: s.orderIDs,
		run: func(ctx context.Context, args []string) error {
			client, err := s.client()
			if err != nil {
				return err
			}
			l := &logPrinter{s: s, seen: map[string]int{}}
			query := s.query()
			if follow {
				query.Set("follow", "true")
			}
			return s.followStream(ctx, follow, func() (streamSource, error) {
				l.restart()
				return client.Stream(ctx, "/orders/"+url.PathEscape(args[0])+"/log", query, maxLogLine)
			}, l.line)
		},
	})
	c.Flags().BoolVarP(&follow, "follow", "f", false, "go on until the order has ended")
	return c
}

// streamSource is what follow reads lines from.
type streamSource interface {
	Next() ([]byte, error)
	Close() error
}

// followStream hands the lines of a stream on, until it ends in order. With
// again, a stream that breaks is opened anew for up to a minute; open then has
// to see to it that nothing comes twice.
func (s *session) followStream(ctx context.Context, again bool, open func() (streamSource, error), line func([]byte) error) error {
	var lost time.Time
	for {
		stream, err := open()
		if err == nil {
			var some bool
			some, err = pump(stream, line)
			if some {
				lost = time.Time{}
			}
		}
		switch {
		case err == nil || errors.Is(err, io.EOF):
			return nil
		case ctx.Err() != nil:
			return context.Cause(ctx)
		case !again || !fault.Is(err, fault.Unavailable):
			return err
		case lost.IsZero():
			lost = time.Now()
		case time.Since(lost) > time.Minute:
			return err
		}
		if !wait(ctx, 200*time.Millisecond) {
			return context.Cause(ctx)
		}
	}
}

// pump reads a stream to its end, and tells whether anything came.
func pump(stream streamSource, line func([]byte) error) (some bool, err error) {
	defer stream.Close()
	for {
		data, err := stream.Next()
		if err != nil {
			return some, err
		}
		some = true
		if err := line(data); err != nil {
			return some, err
		}
	}
}

// logPrinter writes pieces of output. It remembers how much of each task it has
// written, so that a stream that is read again from the beginning goes on where
// it broke.
type logPrinter struct {
	s       *session
	seen    map[string]int // bytes of each task and channel that are written
	skip    map[string]int // bytes of each to pass over in this stream
	task    string         // that wrote last
	midLine bool
}

func (l *logPrinter) restart() {
	l.skip = maps.Clone(l.seen)
}

func (l *logPrinter) line(data []byte) error {
	var piece api.LogLine
	if err := json.Unmarshal(data, &piece); err != nil {
		return fmt.Errorf("reading the log: %w", err)
	}
	key := piece.Task + "\x00" + piece.Channel
	if skip := min(l.skip[key], len(piece.Text)); skip > 0 {
		l.skip[key] -= skip
		if piece.Text = piece.Text[skip:]; piece.Text == "" {
			return nil
		}
	}
	l.seen[key] += len(piece.Text)
	if l.s.json() {
		var b strings.Builder
		e := json.NewEncoder(&b)
		e.SetEscapeHTML(false)
		if err := e.Encode(piece); err != nil {
			return fmt.Errorf("writing JSON: %w", err)
		}
		_, err := io.WriteString(l.s.io.Out, b.String())
		return err
	}
	text := piece.Text
	if l.midLine && l.task != key {
		text = "\n" + text // another task's output begins a line of its own
	}
	if piece.Text != "" {
		l.task, l.midLine = key, !strings.HasSuffix(text, "\n")
	}
	_, err := io.WriteString(l.s.io.Out, text)
	return err
}
