package cockpit

import (
	"cmp"
	"slices"
	"sync"

	"github.com/signet-scheduler/signet/api"
	"github.com/signet-scheduler/signet/internal/store"
)

// Bounds of looking for what runs longer than usual.
const (
	runningLooked = 200    // steps that run longest, of which the latest against their usual time are shown
	usualLookups  = 50     // kinds of steps that one call looks up in the database
	usualKept     = 1000   // kinds of steps that are remembered
	usualFresh    = 60_000 // ms for which they are
	lateLeast     = 10_000 // ms: what is usually shorter counts as so long, or nothing but trifles were late
)

// jobKind is a step of a workflow, whatever its version.
type jobKind struct{ workflow, label, job string }

// usualTimes remembers for a moment how long steps usually take: whoever looks at a
// dashboard asks again with every event. Safe for concurrent use.
type usualTimes struct {
	mu sync.Mutex
	by map[jobKind]usualTime
}

type usualTime struct {
	time *api.UsualTime // nil: not known
	at   int64          // milliseconds; when it was looked up
}

func newUsualTimes() *usualTimes { return &usualTimes{by: map[jobKind]usualTime{}} }

func (u *usualTimes) get(k jobKind, now int64) (*api.UsualTime, bool) {
	u.mu.Lock()
	defer u.mu.Unlock()
	t, ok := u.by[k]
	return t.time, ok && now-t.at < usualFresh
}

func (u *usualTimes) put(k jobKind, t *api.UsualTime, now int64) {
	u.mu.Lock()
	defer u.mu.Unlock()
	if len(u.by) >= usualKept {
		clear(u.by)
	}
	u.by[k] = usualTime{t, now}
}

// addUsual adds to steps how long they usually take; of kinds that aren't remembered
// it looks up the first ones.
func (u *usualTimes) addUsual(r store.Reader, controller string, rows []api.RunningRow, now int64) error {
	lookups := 0
	for i := range rows {
		row := &rows[i]
		k := jobKind{row.Workflow, row.Label, row.Job}
		known, ok := u.get(k, now)
		if !ok {
			if lookups == usualLookups {
				continue
			}
			lookups++
			found, err := store.UsualOf(r, store.JobQuery{
				Controller: controller, Workflow: k.workflow, Label: k.label, Job: k.job, Succeeded: true, Limit: usualRuns, Budget: usualBudget,
			})
			if err != nil {
				return err
			}
			if found.Count > 0 {
				known = &api.UsualTime{Count: int64(found.Count), P50: found.P50, P95: found.P95}
			}
			u.put(k, known, now)
		}
		row.Usual = known
	}
	return nil
}

// latest sorts steps that run: those first that are late, the more so the earlier;
// then by how long they run. It returns the first ones.
func latest(rows []api.RunningRow, now int64, most int) []api.RunningRow {
	for i := range rows {
		rows[i].Late = lateness(&rows[i], now) > 1
	}
	slices.SortStableFunc(rows, func(a, b api.RunningRow) int {
		if a.Late && b.Late {
			return cmp.Compare(lateness(&b, now), lateness(&a, now))
		}
		if a.Late != b.Late {
			if a.Late {
				return -1
			}
			return 1
		}
		return cmp.Compare(a.Since, b.Since)
	})
	return rows[:min(most, len(rows))]
}

// lateness returns how many times as long a step runs as nearly all of its kind
// did; 0 when that isn't known.
func lateness(r *api.RunningRow, now int64) float64 {
	if r.Usual == nil {
		return 0
	}
	return float64(now-r.Since) / float64(max(r.Usual.P95, lateLeast))
}
