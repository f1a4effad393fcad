package cli

import (
	"context"
	"encoding/json"
	"fmt"
	"math"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/signet-scheduler/signet/api"
)

// auditFlags are the flags of "signet audit".
type auditFlags struct {
	from, to, account, action, object, result, text string
	limit                                           int
}

func (s *session) auditVerb() *cobra.Command {
	var f auditFlags
	c := s.verb(verb{
		use: "audit", short: "List who changed what, the newest first",
		long:    "Refused attempts are entries, too. It needs the permission audit:view.",
		example: "  signet audit --from -24h\n  signet audit --object Order:load-1\n  signet audit --account ada --result refused --limit 20 -o json",
		run:     func(ctx context.Context, _ []string) error { return s.listAudit(ctx, &f) },
	})
	flags := c.Flags()
	flags.StringVar(&f.from, "from", "", "only entries from then on: -24h, -7d, 2026-11-22T23:00:00Z, or without zone in that of this machine")
	flags.StringVar(&f.to, "to", "", "only entries before")
	flags.StringVar(&f.account, "account", "", "only what this account did")
	flags.StringVar(&f.action, "action", "", "only this action: addOrders, deploy ... (the operations of the API)")
	flags.StringVar(&f.object, "object", "", "only what was done to this object: Order:load-1, Workflow:nightly/load ...")
	flags.StringVar(&f.result, "result", "", "only with this result: done, refused, begun, or the code of an error")
	flags.StringVar(&f.text, "text", "", "only with this text in account, action, objects, reason or ticket; capitals make no difference")
	flags.IntVar(&f.limit, "limit", 0, "at most so many entries: the newest")
	return c
}

func (s *session) listAudit(ctx context.Context, f *auditFlags) error {
	if f.limit < 0 {
		return Usage("--limit must be at least 1")
	}
	now := time.Now()
	from, err := pastTime("--from", f.from, now)
	if err != nil {
		return err
	}
	to, err := pastTime("--to", f.to, now)
	if err != nil {
		return err
	}
	client, err := s.client()
	if err != nil {
		return err
	}
	limit := f.limit
	if limit == 0 {
		limit = math.MaxInt
	}
	query := []string{
		"from", number(from), "to", number(to), "account", f.account, "action", f.action, "object", f.object, "result", f.result, "text", f.text,
	}
	p := s.rowPrinter(auditCells, "TIME", "ACCOUNT", "ACTION", "OBJECTS", "RESULT", "REASON", "TICKET")
	if err := s.eachRow(ctx, client, "/audit", query, limit, p.add); err != nil {
		return err
	}
	return p.end()
}

func auditCells(raw json.RawMessage) ([]string, error) {
	var e api.AuditEntry
	if err := json.Unmarshal(raw, &e); err != nil {
		return nil, fmt.Errorf("reading the audit trail: %w", err)
	}
	return []string{clockText(e.Time), e.Account, e.Action, strings.Join(e.Objects, " "), e.Result, e.Reason, e.Ticket}, nil
}
