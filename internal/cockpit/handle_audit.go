package cockpit

import (
	"strconv"

	"github.com/signet-scheduler/signet/api"
	"github.com/signet-scheduler/signet/internal/store"
)

// auditFilters are the parameters that select audit entries.
func auditFilters(more ...string) []string {
	return append([]string{"from", "to", "account", "action", "object", "result", "text"}, more...)
}

// auditQuery reads them. An error is in q.
func (k *call) auditQuery(q *query) store.AuditQuery {
	return store.AuditQuery{
		From: q.number("from", 0, 0, maxMillis), To: q.number("to", 0, 0, maxMillis), Account: q.word("account"), Action: q.word("action"), Object: q.word("object"),
		Result: q.word("result"), Text: q.word("text"), Budget: k.deps.LookBudget,
	}
}

func (k *call) listAudit() error {
	q := k.query(auditFilters("fields", "limit", "cursor")...)
	if q.err != nil {
		return q.err
	}
	fields, err := rowFields[api.AuditEntry](q)
	if err != nil {
		return err
	}
	aq := k.auditQuery(q)
	if aq.Limit = q.limit(); q.err != nil {
		return q.err
	}
	text, err := readCursor(q.text("cursor"))
	if err != nil {
		return err
	}
	if text != "" {
		if aq.Before, err = strconv.ParseInt(text, 10, 64); err != nil || aq.Before < 1 {
			return badCursor()
		}
	}
	var entries []store.AuditEntry
	var reached int64
	err = k.db.Read(k.r.Context(), func(r store.Reader) error {
		entries, reached, err = findAudit(k.newBudget(), r, aq)
		return err
	})
	if err != nil {
		return err
	}
	out := api.Audit{Entries: []api.AuditEntry{}}
	if reached != 0 {
		out.Cursor, out.More = writeCursor(strconv.FormatInt(reached, 10)), len(entries) < aq.Limit
	}
	for _, e := range entries {
		out.Entries = append(out.Entries, api.AuditEntry{
			Id: e.ID, Time: e.Time, Account: e.Account, Method: e.Method, Address: e.Address, Action: e.Action, Controller: e.Controller,
			Objects: e.Objects, Reason: e.Reason, Ticket: e.Ticket, TimeSpent: e.TimeSpent, Result: e.Result,
		})
	}
	return k.answerFields(out, "entries", fields)
}

func (k *call) exportAudit() error {
	q := k.query(auditFilters("format")...)
	if q.err != nil {
		return q.err
	}
	aq := k.auditQuery(q)
	if aq.Limit = exportPage; q.err != nil {
		return q.err
	}
	return export(k, "audit", q, auditColumns(), func() (entries []store.AuditEntry, more bool, err error) {
		err = k.db.Read(k.r.Context(), func(r store.Reader) error {
			entries, aq.Before, err = r.Audit(aq)
			return err
		})
		return entries, aq.Before != 0, err
	})
}
