package cockpit

import (
	"context"
	"encoding/json"
	"sync"

	"github.com/signet-scheduler/signet/api"
	"github.com/signet-scheduler/signet/internal/mirror"
	"github.com/signet-scheduler/signet/internal/order"
	"github.com/signet-scheduler/signet/internal/store"
)

// dashboardRows is how many rows each list of the dashboard has.
const dashboardRows = 20

func (k *call) getDashboard() error {
	q := k.query("controller", "folder")
	if q.err != nil {
		return q.err
	}
	h, err := k.history(q.text("controller"))
	if err != nil {
		return err
	}
	now := k.now()
	folder := q.folder()
	out := api.Dashboard{Running: running(h, folder, now), Agents: []api.Agent{}}
	out.Attention, out.Counts = attention(h, folder, now)
	// What the Controller doesn't tell soon is shown as it was last.
	asking, cancel := context.WithTimeout(k.r.Context(), lookAtTime)
	defer cancel()
	var status sync.WaitGroup
	status.Go(func() { out.Controllers = []api.ControllerStatus{k.statusOf(asking, h)} })
	agents, asOf, err := h.known.listAgents(asking)
	status.Wait()
	out.AsOf = asOf
	published := k.forAgents(h)
	for i := range agents {
		out.Agents = append(out.Agents, agentOf(&agents[i], published))
	}
	out.Problem = problemOfError(err)
	err = k.db.Read(k.r.Context(), func(r store.Reader) (err error) {
		if out.Throughput, err = throughput(r, h.id, 24, now); err != nil {
			return err
		}
		if out.Failed, err = failedLast(r, h, folder, now); err != nil {
			return err
		}
		return h.usual.addUsual(r, h.id, out.Running, now)
	})
	if err != nil {
		return err
	}
	out.Running = latest(out.Running, now, dashboardRows)
	if out.Certificates, err = k.endingSoon(k.r.Context(), h); err != nil {
		return err
	}
	out.SetUp, err = k.setUp(h, &out)
	if err != nil {
		return err
	}
	return k.answer(out)
}

// setUp tells how far a new installation is. Where there is an order, nobody
// needs to be told.
func (k *call) setUp(h *history, d *api.Dashboard) (s api.SetUp, err error) {
	for _, n := range d.Counts {
		s.Order = s.Order || n > 0
	}
	for _, hour := range d.Throughput {
		s.Order = s.Order || hour.Succeeded+hour.Failed+hour.Cancelled > 0
	}
	if !s.Order {
		err = k.db.Read(k.r.Context(), func(r store.Reader) error {
			runs, _, err := r.FindRuns(store.HistoryQuery{HistoryFilter: store.HistoryFilter{Controller: h.id}, Limit: 1, Budget: 1})
			s.Order = len(runs) > 0
			return err
		})
	}
	if s.Order || err != nil {
		return api.SetUp{Agent: true, Workflow: true, Order: s.Order}, err
	}
	for i := range d.Agents {
		s.Agent = s.Agent || d.Agents[i].Coupled
	}
	ctx, cancel := context.WithTimeout(k.r.Context(), lookAtTime)
	defer cancel()
	workflows, unknown := h.catalog.workflows(ctx)
	s.Workflow = len(workflows) > 0 || unknown != nil // better not told than told wrongly
	return s, nil
}

// attention returns what needs a person, the same trouble of one workflow as one
// row, the latest first; and how many orders are in which status.
func attention(h *history, folder string, now int64) ([]api.AttentionRow, api.Counts) {
	var wanted []mirror.Status
	for _, s := range mirror.Statuses {
		if mirror.NeedsPerson(s) {
			wanted = append(wanted, s)
		}
	}
	type trouble struct {
		workflow, label string
		status          mirror.Status
	}
	at := map[trouble]int{}
	rows := []api.AttentionRow{}
	page := h.mirror.Find(mirror.Query{Statuses: wanted, Folder: folder, Sort: mirror.BySince, Limit: 10_000}, now)
	for _, r := range page.Rows {
		t := trouble{r.Order.Workflow.Path, r.Label, mirror.StatusOf(r.Order, now)}
		if i, ok := at[t]; ok {
			rows[i].Count++
			continue
		}
		if len(rows) == dashboardRows {
			continue
		}
		at[t] = len(rows)
		reason, rc := reasonOf(r.Order)
		rows = append(rows, api.AttentionRow{
			OrderId: string(r.Order.ID), Workflow: t.workflow, Status: string(t.status), Label: r.Label, Job: r.Job, Reason: reason, ReturnCode: rc,
			Since: r.Since, Count: 1,
		})
	}
	return rows, countsOf(page.Counts)
}

// Bounds of the runs that failed last.
const (
	failedRuns   = 5
	failedBudget = 2000 // rows looked at for them
)

// failedLast returns the runs that failed last and need nobody any more: those that
// do are told of as such.
func failedLast(r store.Reader, h *history, folder string, now int64) ([]api.FailedRun, error) {
	q := store.HistoryQuery{
		HistoryFilter: store.HistoryFilter{Controller: h.id, Folder: folder, Results: []store.Result{store.Failed}},
		Limit:         50, Budget: failedBudget,
	}
	runs, _, err := r.FindRuns(q)
	rows := []api.FailedRun{}
	for i := range runs {
		run := &runs[i]
		if open := h.mirror.Row(order.ID(run.OrderID)); open != nil && open.Order.AddedAt == run.Event && mirror.NeedsPerson(mirror.StatusOf(open.Order, now)) {
			continue
		}
		rows = append(rows, api.FailedRun{
			OrderId: run.OrderID, Workflow: run.Workflow, End: run.End, State: run.State, Reason: run.Message, ReturnCode: returnCodeIn(run.Outcome),
		})
		if len(rows) == failedRuns {
			break
		}
	}
	return rows, err
}

// returnCodeIn returns the return code in an outcome as it is kept, if it has one.
func returnCodeIn(outcome string) *int64 {
	type values struct {
		Named struct {
			ReturnCode json.Number `json:"returnCode"`
		} `json:"namedValues"`
	}
	var o struct {
		values
		Inner values `json:"outcome"` // of one that was killed, or timed out
	}
	if json.Unmarshal([]byte(outcome), &o) != nil {
		return nil
	}
	for _, n := range []json.Number{o.Named.ReturnCode, o.Inner.Named.ReturnCode} {
		if rc, err := n.Int64(); err == nil {
			return &rc
		}
	}
	return nil
}

// running returns the steps that run longest.
func running(h *history, folder string, now int64) []api.RunningRow {
	page := h.mirror.Find(mirror.Query{
		Statuses: []mirror.Status{mirror.Status(order.Processing)}, Folder: folder, Children: true, Sort: mirror.ByAge, Limit: runningLooked,
	}, now)
	rows := []api.RunningRow{}
	for _, r := range page.Rows {
		rows = append(rows, api.RunningRow{
			OrderId: string(r.Order.ID), Workflow: r.Order.Workflow.Path, Label: r.Label, Job: r.Job, Agent: mirror.AgentOf(r.Order), Since: r.Since,
		})
	}
	return rows
}
