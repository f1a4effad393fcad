package cockpit

import (
	"encoding/json"
	"strings"

	"github.com/signet-scheduler/signet/internal/fault"
	"github.com/signet-scheduler/signet/internal/store"
)

// instant is a time in milliseconds: a number in JSON, a text in CSV.
type instant int64

// column is one field of a list's rows, for JSON and CSV alike. get returns a
// string, a instant, an int64 or a json.RawMessage, or nil for what isn't there.
type column[T any] struct {
	name string
	get  func(*T) any
}

// pick returns the columns that a request asks for, in their own order.
func pick[T any](all []column[T], fields string) ([]column[T], error) {
	if fields == "" {
		return all, nil
	}
	wanted := map[string]bool{}
	for name := range strings.SplitSeq(fields, ",") {
		wanted[name] = true
	}
	var picked []column[T]
	names := make([]string, len(all))
	for i, c := range all {
		if names[i] = c.name; wanted[c.name] {
			picked = append(picked, c)
			delete(wanted, c.name)
		}
	}
	for name := range strings.SplitSeq(fields, ",") {
		if wanted[name] {
			return nil, fault.New(fault.Invalid, "InvalidQuery", "there is no field %q here; there are: %s", clip(name), strings.Join(names, ", "))
		}
	}
	return picked, nil
}

// appendRow appends a row as a JSON object.
func appendRow[T any](b []byte, columns []column[T], row *T) ([]byte, error) {
	b = append(b, '{')
	for i, first := 0, true; i < len(columns); i++ {
		v := columns[i].get(row)
		if v == nil {
			continue
		}
		if !first {
			b = append(b, ',')
		}
		first = false
		text, err := json.Marshal(v)
		if err != nil {
			return nil, encodingFailed(err)
		}
		b = append(b, '"')
		b = append(b, columns[i].name...)
		b = append(b, '"', ':')
		b = append(b, text...)
	}
	return append(b, '}'), nil
}

// ifNumber returns nil for a number that stands for nothing when it is 0.
func ifNumber[N instant | int64](n N) any {
	if n == 0 {
		return nil
	}
	return n
}

// ifText returns nil for an empty text.
func ifText(s string) any {
	if s == "" {
		return nil
	}
	return s
}

// ifJSON returns nil for JSON that isn't there.
func ifJSON(s string) any {
	if s == "" {
		return nil
	}
	return json.RawMessage(s)
}

var logStateNames = map[store.LogState]string{
	store.LogRunning: "running", store.LogPending: "pending", store.LogComplete: "complete", store.LogMissing: "missing",
}

func stepColumns() []column[store.Step] {
	return []column[store.Step]{
		{"event", func(s *store.Step) any { return s.Event }},
		{"controller", func(s *store.Step) any { return s.Controller }},
		{"orderId", func(s *store.Step) any { return s.OrderID }},
		{"workflow", func(s *store.Step) any { return s.Workflow }},
		{"version", func(s *store.Step) any { return s.Version }},
		{"position", func(s *store.Step) any { return ifJSON(s.Position) }},
		{"label", func(s *store.Step) any { return s.Label }},
		{"job", func(s *store.Step) any { return s.Job }},
		{"agent", func(s *store.Step) any { return s.Agent }},
		{"task", func(s *store.Step) any { return s.Task }},
		{"try", func(s *store.Step) any { return s.Try }},
		{"attempt", func(s *store.Step) any { return s.Attempt }},
		{"start", func(s *store.Step) any { return instant(s.Start) }},
		{"end", func(s *store.Step) any { return ifNumber(instant(s.End)) }},
		{"result", func(s *store.Step) any { return s.Result.String() }},
		{"outcome", func(s *store.Step) any { return ifJSON(s.Outcome) }},
		{"message", func(s *store.Step) any { return ifText(s.Message) }},
		{"returnCode", func(s *store.Step) any {
			if s.ReturnCode == nil {
				return nil
			}
			return *s.ReturnCode
		}},
		{"logState", func(s *store.Step) any { return logStateNames[s.Log.State] }},
		{"logSize", func(s *store.Step) any { return s.Log.Bytes }},
	}
}

func runColumns() []column[store.Run] {
	return []column[store.Run]{
		{"event", func(r *store.Run) any { return r.Event }},
		{"controller", func(r *store.Run) any { return r.Controller }},
		{"orderId", func(r *store.Run) any { return r.OrderID }},
		{"workflow", func(r *store.Run) any { return r.Workflow }},
		{"version", func(r *store.Run) any { return r.Version }},
		{"account", func(r *store.Run) any { return ifText(r.Account) }},
		{"method", func(r *store.Run) any { return ifText(r.Method) }},
		{"added", func(r *store.Run) any { return instant(r.Event / 1000) }},
		{"scheduledFor", func(r *store.Run) any { return ifNumber(instant(r.ScheduledFor)) }},
		{"start", func(r *store.Run) any { return ifNumber(instant(r.Start)) }},
		{"end", func(r *store.Run) any { return ifNumber(instant(r.End)) }},
		{"state", func(r *store.Run) any { return ifText(r.State) }},
		{"result", func(r *store.Run) any { return r.Result.String() }},
		{"outcome", func(r *store.Run) any { return ifJSON(r.Outcome) }},
		{"message", func(r *store.Run) any { return ifText(r.Message) }},
	}
}

func auditColumns() []column[store.AuditEntry] {
	return []column[store.AuditEntry]{
		{"id", func(e *store.AuditEntry) any { return e.ID }},
		{"time", func(e *store.AuditEntry) any { return instant(e.Time) }},
		{"account", func(e *store.AuditEntry) any { return e.Account }},
		{"method", func(e *store.AuditEntry) any { return e.Method }},
		{"address", func(e *store.AuditEntry) any { return ifText(e.Address) }},
		{"action", func(e *store.AuditEntry) any { return e.Action }},
		{"controller", func(e *store.AuditEntry) any { return ifText(e.Controller) }},
		{"objects", func(e *store.AuditEntry) any {
			list, err := json.Marshal(e.Objects)
			if err != nil {
				return nil // texts always encode
			}
			return json.RawMessage(list)
		}},
		{"reason", func(e *store.AuditEntry) any { return ifText(e.Reason) }},
		{"ticket", func(e *store.AuditEntry) any { return ifText(e.Ticket) }},
		{"timeSpent", func(e *store.AuditEntry) any { return ifNumber(e.TimeSpent) }},
		{"result", func(e *store.AuditEntry) any { return e.Result }},
	}
}
