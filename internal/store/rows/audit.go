package rows

import (
	"encoding/json"

	"github.com/signet-scheduler/signet/internal/fault"
	"github.com/signet-scheduler/signet/internal/store"
)

const auditFields = "id, time, account, method, address, action, controller, objects, reason, ticket, time_spent, result"

func scanAudit(r Row) (e store.AuditEntry, err error) {
	var objects string
	if err := r.Scan(&e.ID, &e.Time, &e.Account, &e.Method, &e.Address, &e.Action, &e.Controller, &objects, &e.Reason, &e.Ticket, &e.TimeSpent, &e.Result); err != nil {
		return e, err
	}
	if err := json.Unmarshal([]byte(objects), &e.Objects); err != nil {
		return e, fault.Wrap(fault.Corrupt, "BadRow", err, "the audit entry %d can't be read", e.ID)
	}
	return e, nil
}

// auditSearch returns how a query is answered: as those of the history, along the
// entries' ids.
func (t *Tx) auditSearch(q *store.AuditQuery) (*search, error) {
	s := &search{table: "audit"}
	if q.Account != "" {
		s.table = "audit INDEXED BY audit_account"
		s.walk.add("account = ?", q.Account)
	}
	if q.Before > 0 {
		s.walk.add("id < ?", q.Before)
	}
	if err := t.between(s, "audit", q.From, q.To); err != nil {
		return nil, err
	}
	if q.Action != "" {
		s.look.add("action = ?", q.Action)
	}
	if len(q.Actions) > 0 {
		args := make([]any, len(q.Actions))
		for i, a := range q.Actions {
			args[i] = a
		}
		s.look.add("action IN ("+marks(len(args))+")", args...)
	}
	switch q.Result {
	case "":
	case "refused":
		s.look.add("result NOT IN ('done', 'begun')")
	default:
		s.look.add("result = ?", q.Result)
	}
	if q.Object != "" {
		text, err := json.Marshal(q.Object)
		if err != nil {
			return nil, fault.Wrap(fault.Internal, "EncodingFailed", err, "the object can't be encoded")
		}
		s.look.add("instr(objects, ?) > 0", string(text))
	}
	t.contains(s, q.Text, "account", "action", "objects", "reason", "ticket")
	return s, nil
}

// Audit implements store.Reader.
func (t *Tx) Audit(q store.AuditQuery) (page []store.AuditEntry, reached int64, err error) {
	s, err := t.auditSearch(&q)
	if err != nil {
		return nil, 0, err
	}
	if reached, err = t.within(s, q.Budget, len(s.look.texts) > 0); err != nil {
		return nil, 0, err
	}
	all := s.all()
	query := "SELECT " + auditFields + " FROM " + s.table + all.where() + " ORDER BY id DESC LIMIT ?"
	err = t.Each(query, func(r Row) error {
		e, err := scanAudit(r)
		page = append(page, e)
		return err
	}, append(all.args, q.Limit+1)...)
	if len(page) > q.Limit {
		page = page[:q.Limit]
		reached = page[q.Limit-1].ID
	}
	return page, reached, err
}

// AddAudit implements store.Writer.
func (t *Tx) AddAudit(e store.AuditEntry) (id int64, err error) {
	if e.Objects == nil {
		e.Objects = []string{}
	}
	objects, err := json.Marshal(e.Objects)
	if err != nil {
		return 0, fault.Wrap(fault.Internal, "EncodingFailed", err, "the audit entry can't be encoded")
	}
	const query = `INSERT INTO audit (time, account, method, address, action, controller, objects, reason, ticket, time_spent, result)
		VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) RETURNING id`
	err = t.One(query, nil, func(r Row) error { return r.Scan(&id) },
		e.Time, e.Account, e.Method, e.Address, e.Action, e.Controller, string(objects), e.Reason, e.Ticket, e.TimeSpent, e.Result)
	return id, err
}

// SetAuditResult implements store.Writer.
func (t *Tx) SetAuditResult(id int64, result string) error {
	_, err := t.Exec("UPDATE audit SET result = ? WHERE id = ?", result, id)
	return err
}
