package cockpit

import (
	"time"

	"github.com/signet-scheduler/signet/internal/store"
)

// budget is what one search may spend: so many rows, and no further part of them
// when it has taken too long. A search that ended early says how far it came.
type budget struct {
	k     *call
	left  int // rows
	until time.Time
}

// budgetParts is how many parts a budget has: the time is looked at in between.
const budgetParts = 10

// newBudget returns the budget of a search that begins now.
func (k *call) newBudget() *budget {
	return &budget{k, k.deps.LookBudget, k.clock.Now().Add(k.deps.LookTime)}
}

// part takes the next part.
func (b *budget) part() int {
	n := min(b.left, max(1, b.k.deps.LookBudget/budgetParts))
	b.left -= n
	return n
}

// spent tells whether the search has to end.
func (b *budget) spent() bool { return b.left <= 0 || !b.k.clock.Now().Before(b.until) }

// findRows finds a page of rows.
func findRows[T any](b *budget, r store.Reader, q store.HistoryQuery, find func(store.Reader, store.HistoryQuery) ([]T, store.Reach, error)) (all []T, reach store.Reach, err error) {
	limit := q.Limit
	for {
		q.Budget, q.Limit = b.part(), limit-len(all)
		var some []T
		if some, reach, err = find(r, q); err != nil {
			return nil, reach, err
		}
		all = append(all, some...)
		if reach.Early && len(all) == limit {
			reach.Early = false // the page is full
		}
		if !reach.Early || b.spent() {
			return all, reach, nil
		}
		q.After = reach.Key
	}
}

// countRows counts rows up to countLimit; more tells that there may be others.
func countRows(b *budget, r store.Reader, q store.HistoryQuery, count func(store.Reader, store.HistoryQuery) (int, store.Reach, error)) (all int, more bool, err error) {
	q.After, q.Oldest = store.StepKey{}, false
	for {
		q.Budget, q.Limit = b.part(), countLimit-all
		n, reach, err := count(r, q)
		if err != nil {
			return 0, false, err
		}
		if all += n; !reach.Early || b.spent() {
			return all, reach.More, nil
		}
		q.After = reach.Key
	}
}

// findAudit finds a page of audit entries, and the id behind which looking goes on;
// 0: there are no more.
func findAudit(b *budget, r store.Reader, q store.AuditQuery) (all []store.AuditEntry, reached int64, err error) {
	return findPage(b, q.Limit, func(budget, limit int, before int64) ([]store.AuditEntry, int64, error) {
		q.Budget, q.Limit = budget, limit
		if before > 0 {
			q.Before = before
		}
		return r.Audit(q)
	})
}

// findDeployments finds a page of deployments, as findAudit does of entries.
func findDeployments(b *budget, r store.Reader, q store.DeploymentQuery) (all []store.Deployment, reached int64, err error) {
	return findPage(b, q.Limit, func(budget, limit int, before int64) ([]store.Deployment, int64, error) {
		q.Budget, q.Limit = budget, limit
		if before > 0 {
			q.Before = before
		}
		return r.FindDeployments(q)
	})
}

// findPage asks, part by part of the budget, until a page is full, nothing is left or
// the budget is spent. before is the id that the part before has reached; 0: it is the
// first.
func findPage[T any](b *budget, limit int, find func(budget, limit int, before int64) ([]T, int64, error)) (all []T, reached int64, err error) {
	for {
		var some []T
		if some, reached, err = find(b.part(), limit-len(all), reached); err != nil {
			return nil, 0, err
		}
		if all = append(all, some...); reached == 0 || len(all) >= limit || b.spent() {
			return all, reached, nil
		}
	}
}
