package cockpit

import (
	"github.com/signet-scheduler/signet/api"
	"github.com/signet-scheduler/signet/internal/fault"
	"github.com/signet-scheduler/signet/internal/store"
)

// Bounds of the statistics of a job.
const (
	usualRuns   = 100  // that succeeded
	usualBudget = 2000 // rows looked at for them
	statsDays   = 30
	dayRuns     = 100
	msPerDay    = 24 * msPerHour
)

func (k *call) getThroughput() error {
	q := k.query("controller", "hours")
	if q.err != nil {
		return q.err
	}
	n := q.number("hours", 24, 1, 744)
	f := k.historyFilter(q, nil)
	if q.err != nil {
		return q.err
	}
	var out api.Throughput
	err := k.db.Read(k.r.Context(), func(r store.Reader) (err error) {
		out.Hours, err = throughput(r, f.Controller, n, k.now())
		return err
	})
	if err != nil {
		return err
	}
	return k.answer(out)
}

// throughput returns how many runs ended in each of the last n hours, the oldest
// first.
func throughput(r store.Reader, controller string, n, now int64) ([]api.EndedInHour, error) {
	from := now/msPerHour - n + 1
	hours, err := r.Hours(controller, from)
	if err != nil {
		return nil, err
	}
	all := make([]api.EndedInHour, n)
	for i := range all {
		all[i].Hour = (from + int64(i)) * msPerHour
	}
	for _, h := range hours {
		if at := h.Hour - from; at < n { // a Controller's clock may be ahead
			e := &all[at]
			e.Succeeded, e.Failed, e.Cancelled = h.Succeeded, h.Failed, h.Cancelled
		}
	}
	return all, nil
}

func (k *call) getJobStats() error {
	q := k.query("controller", "workflow", "job", "label", "runs")
	if q.err != nil {
		return q.err
	}
	f := k.historyFilter(q, nil)
	runs := q.number("runs", 10, 1, 100)
	if q.err != nil {
		return q.err
	}
	if f.Workflow == "" || f.Job == "" && f.Label == "" {
		return fault.New(fault.Invalid, "InvalidQuery", "the parameter workflow is needed, and job or label")
	}
	var out api.JobStats
	err := k.db.Read(k.r.Context(), func(r store.Reader) (err error) {
		out, err = jobStats(r, &f, int(runs), k.clock.Now().UnixMilli())
		return err
	})
	if err != nil {
		return err
	}
	return k.answer(out)
}

// jobStats reads how a job has done lately.
func jobStats(r store.Reader, f *store.HistoryFilter, runs int, now int64) (api.JobStats, error) {
	out := api.JobStats{Runs: []api.JobRun{}, Days: []api.JobDay{}}
	query := store.JobQuery{Controller: f.Controller, Workflow: f.Workflow, Job: f.Job, Label: f.Label, Limit: runs, Budget: usualBudget}
	last, err := r.StepTimes(query)
	if err != nil {
		return out, err
	}
	for _, t := range last {
		out.Runs = append(out.Runs, api.JobRun{Event: t.Event, OrderId: t.OrderID, Start: t.Start, End: t.End, Result: t.Result.String(), ReturnCode: t.ReturnCode, Task: t.Task, Message: t.Message})
	}
	usual := query
	usual.Succeeded, usual.Limit = true, usualRuns
	u, err := store.UsualOf(r, usual)
	if err != nil {
		return out, err
	}
	out.Usual = api.UsualTime{Count: int64(u.Count), P50: u.P50, P95: u.P95}
	for day := now/msPerDay - statsDays + 1; day <= now/msPerDay; day++ {
		query.From, query.To, query.Limit = day*msPerDay, (day+1)*msPerDay, dayRuns+1
		times, err := r.StepTimes(query)
		if err != nil {
			return out, err
		}
		if len(times) > 0 {
			out.Days = append(out.Days, jobDay(day, times))
		}
	}
	return out, nil
}

// jobDay sums up the newest runs of one day.
func jobDay(day int64, times []store.StepTime) api.JobDay {
	d := api.JobDay{Day: day * msPerDay, More: len(times) > dayRuns}
	if d.More {
		times = times[:dayRuns]
	}
	var good []store.StepTime
	for _, t := range times {
		if d.Count++; t.Result == store.Succeeded {
			good = append(good, t)
		} else {
			d.Failed++
		}
	}
	u := store.UsualIn(good)
	d.P50, d.P95 = u.P50, u.P95
	return d
}
