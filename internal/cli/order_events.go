package cli

import (
	"context"
	"encoding/json"
	"fmt"
	"net/url"

	"github.com/spf13/cobra"

	"github.com/signet-scheduler/signet/api"
)

func (s *session) orderEventsVerb() *cobra.Command {
	return s.verb(verb{
		use: "events ID", short: "List what has happened to an order and its child orders", args: cobra.ExactArgs(1),
		long: "From the Controller's log, the oldest first, as far back as events are kept (signet.journal.keep-events). " +
			"The position is where the order stands after the event.",
		example:  "  signet order events load-1\n  signet order events load-1 -o json",
		complete: s.orderIDs,
		run: func(ctx context.Context, args []string) error {
			client, err := s.client()
			if err != nil {
				return err
			}
			return s.printEvents(ctx, client, args[0])
		},
	})
}

func (s *session) printEvents(ctx context.Context, client *Client, id string) error {
	list := jsonList{w: s.io.Out}
	var t *table
	if !s.json() {
		t = s.table("TIME", "ORDER", "EVENT", "POSITION", "DETAILS")
	}
	torn := false
	for cursor := ""; ; {
		var page api.OrderEvents
		if err := client.Get(ctx, "/orders/"+url.PathEscape(id)+"/events", s.query("cursor", cursor), &page); err != nil {
			return err
		}
		torn = torn || page.Torn
		for _, e := range page.Events {
			if s.json() {
				if err := list.add(e); err != nil {
					return err
				}
				continue
			}
			details, err := eventDetails(e.Event)
			if err != nil {
				return err
			}
			t.row(clockText(e.Time), e.OrderId, e.Type, compact(e.Position), details)
		}
		if cursor = page.Cursor; cursor == "" || !page.More {
			break
		}
	}
	if torn {
		fmt.Fprintln(s.io.Err, "signet: the Controller doesn't keep the earlier events of this order any more")
	}
	if s.json() {
		return list.end()
	}
	return t.flush()
}

// eventDetails returns the fields of an event but for those that every one has.
func eventDetails(event json.RawMessage) (string, error) {
	var fields map[string]json.RawMessage
	if err := json.Unmarshal(event, &fields); err != nil {
		return "", fmt.Errorf("reading an event: %w", err)
	}
	for _, name := range []string{"eventId", "timestamp", "TYPE", "Key"} {
		delete(fields, name)
	}
	if len(fields) == 0 {
		return "", nil
	}
	text, err := json.Marshal(fields) // sorted by name
	return string(text), err
}
