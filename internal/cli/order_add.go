package cli

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/signet-scheduler/signet/api"
	"github.com/signet-scheduler/signet/internal/fault"
)

// maxArguments bounds a file of arguments in bytes.
const maxArguments = 16 << 20

// forever is the value of --wait without a duration.
const forever = "forever"

// addFlags are the flags of `order add`.
type addFlags struct {
	id, at, file, reason, wait string
	args                       []string
	count, priority            int64
	keep                       bool
}

func (s *session) orderAddVerb() *cobra.Command {
	var f addFlags
	c := s.verb(verb{
		use: "add WORKFLOW", short: "Add orders and print their ids, one a line", args: cobra.ExactArgs(1),
		long: `The value of --arg is read by the type that the workflow's parameter declares; lists and objects are written as JSON. --args takes
a file with a JSON object ("-" is standard input).

--count N adds N orders in one request, with the ids ID-1 ... ID-N: all or none.

--wait ends when each order is Finished, Cancelled, Failed, Stopped or Broken; then history and logs of these orders are complete. The exit
code is 0 if all have finished successfully, else 1; 6 when the duration of --wait=DURATION is over.`,
		example: `  signet order add nightly/load --arg day=2026-11-22 --arg 'hosts=["a","b"]'
  signet order add nightly/load --id load --count 100 --wait=10m
  signet order add nightly/load --at +30s
  signet order add nightly/load --at 2026-11-22T23:00:00Z --args day.json`,
		complete: func(ctx context.Context, args []string) []string {
			if len(args) > 0 {
				return nil
			}
			return s.workflowPaths(ctx)
		},
		run: func(ctx context.Context, args []string) error { return s.addOrders(ctx, args[0], f) },
	})
	flags := c.Flags()
	flags.StringVar(&f.id, "id", "", "the order's id (default: the server makes one)")
	flags.StringArrayVar(&f.args, "arg", nil, "an argument, as NAME=VALUE; may be repeated")
	flags.StringVar(&f.file, "args", "", "file with all arguments as a JSON object; - is standard input")
	flags.StringVar(&f.at, "at", "", "when the order starts: +30s, +2h, 2026-11-22T23:00:00Z, or without zone in that of this machine (default: now)")
	flags.Int64Var(&f.count, "count", 0, "add so many orders, with ids ID-1 ... ID-N")
	flags.BoolVar(&f.keep, "keep", false, "the Controller keeps the order when it has ended, until `signet order delete`")
	flags.Int64Var(&f.priority, "priority", 0, "orders of higher priority start their jobs first")
	flags.StringVar(&f.wait, "wait", "", "wait until the orders have ended; for at most DURATION with --wait=DURATION")
	flags.Lookup("wait").NoOptDefVal = forever
	reasonFlag(c, &f.reason)
	return c
}

func (s *session) addOrders(ctx context.Context, workflow string, f addFlags) error {
	in, err := s.addRequest(workflow, f, time.Now())
	if err != nil {
		return err
	}
	limit, err := waitLimit(f.wait)
	if err != nil {
		return err
	}
	client, err := s.client()
	if err != nil {
		return err
	}
	var added api.AddOrdersResponse
	if err := client.Post(ctx, s.at("/orders"), in, true, &added); err != nil {
		return err
	}
	if !s.json() {
		var b bytes.Buffer
		for _, id := range added.Ids {
			fmt.Fprintln(&b, id)
		}
		if _, err := s.io.Out.Write(b.Bytes()); err != nil {
			return err
		}
	}
	if added.Duplicates > 0 {
		fmt.Fprintf(s.io.Err, "signet: %d of these orders existed already and were left as they are\n", added.Duplicates)
	}
	if f.wait == "" {
		if s.json() {
			return s.printJSON(added)
		}
		return nil
	}
	return s.reportWait(ctx, client, added, limit)
}

// addRequest makes the request of the flags.
func (s *session) addRequest(workflow string, f addFlags, now time.Time) (*api.AddOrdersRequest, error) {
	in := &api.AddOrdersRequest{
		Workflow: workflow, Id: f.id, Count: f.count, Keep: f.keep, Priority: f.priority, Reason: f.reason, RequestId: newRequestID(),
	}
	if f.count < 0 {
		return nil, Usage("--count must be at least 1")
	}
	if f.at != "" {
		at, err := startTime(f.at, now)
		if err != nil {
			return nil, err
		}
		in.ScheduledFor = json.RawMessage(strconv.FormatInt(at, 10))
	}
	if f.file != "" {
		data, err := s.argumentFile(f.file)
		if err != nil {
			return nil, err
		}
		if err := json.Unmarshal(data, &in.Arguments); err != nil || in.Arguments == nil {
			return nil, fault.New(fault.Invalid, "InvalidArguments", "%s is not a JSON object of arguments, like {\"day\": \"2026-11-22\"}", f.file)
		}
	}
	var err error
	if in.ArgumentTexts, err = argumentTexts(f.args); err != nil {
		return nil, err
	}
	for name := range in.ArgumentTexts {
		if _, twice := in.Arguments[name]; twice {
			return nil, Usage("the argument %s is given by --arg and in %s", name, f.file)
		}
	}
	return in, nil
}

// argumentTexts reads the values of --arg; nil when there are none.
func argumentTexts(given []string) (map[string]string, error) {
	var texts map[string]string
	for _, a := range given {
		name, value, ok := strings.Cut(a, "=")
		if !ok || name == "" {
			return nil, Usage("--arg %q is not NAME=VALUE", a)
		}
		if _, twice := texts[name]; twice {
			return nil, Usage("the argument %s is given twice", name)
		}
		if texts == nil {
			texts = map[string]string{}
		}
		texts[name] = value
	}
	return texts, nil
}

func (s *session) argumentFile(name string) ([]byte, error) {
	if name == "-" {
		return s.readIn(maxArguments)
	}
	return readBounded(name, maxArguments)
}

// startTime reads --at, in milliseconds since 1970.
func startTime(text string, now time.Time) (int64, error) {
	if rest, ok := strings.CutPrefix(text, "+"); ok {
		d, err := time.ParseDuration(rest)
		if err != nil || d < 0 {
			return 0, Usage("--at %q is no time from now; it is like +30s or +1h30m", text)
		}
		return now.Add(d).UnixMilli(), nil
	}
	if ms, ok := pointInTime(text, now); ok {
		return ms, nil
	}
	return 0, Usage("--at %q is no time; it is like +30s, 2026-11-22T23:00:00Z or \"2026-11-22 23:00\"", text)
}

// pastTime reads a flag about the past, in milliseconds since 1970; 0 when it
// isn't given.
func pastTime(flag, text string, now time.Time) (int64, error) {
	if text == "" {
		return 0, nil
	}
	if rest, ok := strings.CutPrefix(text, "-"); ok {
		days := int64(0)
		if n, hours, ok := strings.Cut(rest, "d"); ok {
			var err error
			if days, err = strconv.ParseInt(n, 10, 32); err != nil || days < 0 {
				return 0, badPast(flag, text)
			}
			rest = cmp.Or(hours, "0s")
		}
		d, err := time.ParseDuration(rest)
		if err != nil || d < 0 {
			return 0, badPast(flag, text)
		}
		return max(0, now.AddDate(0, 0, -int(days)).Add(-d).UnixMilli()), nil
	}
	if ms, ok := pointInTime(text, now); ok && ms >= 0 {
		return ms, nil
	}
	return 0, badPast(flag, text)
}

func badPast(flag, text string) error {
	return Usage("%s %q is no time; it is like -24h, -7d, 2026-11-22T23:00:00Z or \"2026-11-22 23:00\"", flag, text)
}

// pointInTime reads a time, without zone in that of this machine.
func pointInTime(text string, now time.Time) (ms int64, ok bool) {
	if text == "now" {
		return now.UnixMilli(), true
	}
	if t, err := time.Parse(time.RFC3339Nano, text); err == nil {
		return t.UnixMilli(), true
	}
	for _, layout := range []string{"2006-01-02T15:04:05", "2006-01-02 15:04:05", "2006-01-02T15:04", "2006-01-02 15:04", "2006-01-02"} {
		if t, err := time.ParseInLocation(layout, text, time.Local); err == nil {
			return t.UnixMilli(), true
		}
	}
	return 0, false
}

// waitLimit reads the duration of --wait=DURATION; without one there is no limit.
func waitLimit(text string) (time.Duration, error) {
	if text == "" || text == forever {
		return math.MaxInt64, nil
	}
	d, err := time.ParseDuration(text)
	if err != nil || d < 0 {
		return 0, Usage("--wait=%s is no duration; it is like --wait=30s or --wait=2m", text)
	}
	return d, nil
}
