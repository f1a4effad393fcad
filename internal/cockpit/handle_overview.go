package cockpit

import (
	"context"
	"slices"
	"strings"

	"github.com/signet-scheduler/signet/api"
	"github.com/signet-scheduler/signet/internal/fault"
	"github.com/signet-scheduler/signet/internal/mirror"
	"github.com/signet-scheduler/signet/internal/order"
	"github.com/signet-scheduler/signet/internal/value"
)

// now returns the time in milliseconds.
func (k *call) now() int64 { return k.clock.Now().UnixMilli() }

// statuses reads a list of statuses.
func (q *query) statuses(name string) (all []mirror.Status) {
	text := q.text(name)
	if text == "" {
		return nil
	}
	for s := range strings.SplitSeq(text, ",") {
		if !slices.Contains(mirror.Statuses, mirror.Status(s)) {
			q.fail(name, "of the statuses of orders, separated by commas")
			return nil
		}
		all = append(all, mirror.Status(s))
	}
	return all
}

// folder reads the path of a folder; "" and "/" are all there is.
func (q *query) folder() string { return strings.Trim(q.text("folder"), "/") }

func countsOf(c map[mirror.Status]int) api.Counts {
	out := make(api.Counts, len(c))
	for s, n := range c {
		out[string(s)] = n
	}
	return out
}

func (k *call) overviewOrders() error {
	q := k.query("controller", "folder", "status", "workflow", "versionId", "agent", "q", "parent", "children", "sort", "fields", "offset", "limit")
	if q.err != nil {
		return q.err
	}
	fields, err := rowFields[api.OrderRow](q)
	if err != nil {
		return err
	}
	h, err := k.history(q.text("controller"))
	if err != nil {
		return err
	}
	sort := mirror.Sort(q.text("sort"))
	if sort != "" && !slices.Contains(mirror.Sorts, sort) {
		q.fail("sort", "need, id, since or start")
	}
	mq := mirror.Query{
		Statuses: q.statuses("status"), Workflow: q.text("workflow"), Version: q.text("versionId"), Folder: q.folder(), Agent: q.text("agent"),
		Text: q.text("q"), Parent: order.ID(q.text("parent")), Children: q.flag("children"), Sort: sort,
		Offset: int(q.number("offset", 0, 0, 1_000_000)), Limit: q.limit(),
	}
	if q.err != nil {
		return q.err
	}
	now := k.now()
	page := h.mirror.Find(mq, now)
	out := api.OrderRows{Total: page.Total, Counts: countsOf(page.Counts), Orders: []api.OrderRow{}}
	asking, cancel := context.WithTimeout(k.r.Context(), maxWaitsTime)
	defer cancel()
	held := waits{ctx: asking, h: h}
	for _, r := range page.Rows {
		row := orderRow(r, now)
		row.Waits = held.of(r.Order, mirror.Status(row.Status))
		if c := page.Children[r.Order.ID]; len(c) > 0 {
			row.Children = countsOf(c)
		}
		out.Orders = append(out.Orders, row)
	}
	return k.answerFields(out, "orders", fields)
}

func orderRow(r *mirror.Row, now int64) api.OrderRow {
	o := r.Order
	status := mirror.StatusOf(o, now)
	row := api.OrderRow{
		Id: string(o.ID), Workflow: api.WorkflowVersion{Path: o.Workflow.Path, VersionId: o.Workflow.VersionID}, Status: string(status),
		Position: o.Position.AppendJSON(nil), Label: r.Label, Job: r.Job, Agent: mirror.AgentOf(o), Since: r.Since,
		ScheduledFor: o.ScheduledFor, Priority: o.Priority, Parent: string(o.Parent),
	}
	if o.State.Kind == order.DelayingRetry || o.State.Kind == order.Sleeping {
		row.Until = o.State.Until
	}
	if o.Mark != nil {
		row.Mark = string(o.Mark.Kind)
	}
	row.Reason, row.ReturnCode = reasonOf(o)
	return row
}

// reasonOf returns what went wrong with an order that is failed, stopped, broken
// or waits for a retry.
func reasonOf(o *order.Order) (reason string, rc *int64) {
	if o.State.Problem != nil {
		return o.State.Problem.Message, nil
	}
	if s := o.State; !s.IsFailed() && !s.IsStopped() && s.Kind != order.DelayingRetry && !o.Failing {
		return "", nil
	}
	for step := o.History; step != nil; step = step.Prev {
		out := step.Outcome
		if out.Kind == order.Caught {
			continue // the outcome that was caught is before it
		}
		if n, ok := out.Named()["returnCode"].(value.Number); ok {
			if code, ok := n.Int64(); ok {
				rc = &code
			}
		}
		return outcomeText(out), rc
	}
	return "", nil
}

// outcomeText returns the message of an outcome, "" where its kind and return code
// say all.
func outcomeText(out *order.Outcome) string {
	switch {
	case out.Message != "":
		return out.Message
	case out.Problem != nil:
		return out.Problem.Message
	case out.Inner != nil:
		return outcomeText(out.Inner)
	}
	return ""
}

func (k *call) overviewPlaces() error {
	q := k.query("controller", "workflow")
	if q.err != nil {
		return q.err
	}
	h, err := k.history(q.text("controller"))
	if err != nil {
		return err
	}
	if q.text("workflow") == "" {
		return fault.New(fault.Invalid, "InvalidQuery", "the parameter workflow is missing")
	}
	out := api.Places{Places: []api.Place{}}
	for _, p := range h.mirror.Places(q.text("workflow"), k.now()) {
		place := api.Place{VersionId: p.Version, Position: api.Position(p.Position), Counts: countsOf(p.Counts), Sample: []string{}}
		for _, id := range p.Sample {
			place.Sample = append(place.Sample, string(id))
		}
		out.Places = append(out.Places, place)
	}
	return k.answer(out)
}

func (k *call) overviewWorkflows() error {
	q := k.query("controller", "folder", "deep", "q", "status", "fields", "limit", "cursor")
	if q.err != nil {
		return q.err
	}
	fields, err := rowFields[api.WorkflowRow](q)
	if err != nil {
		return err
	}
	h, err := k.history(q.text("controller"))
	if err != nil {
		return err
	}
	w := workflowQuery{folder: q.folder(), deep: q.flag("deep"), text: strings.ToLower(q.text("q")), statuses: q.statuses("status"), limit: q.limit()}
	if q.err != nil {
		return q.err
	}
	if w.after, err = readCursor(q.text("cursor")); err != nil {
		return err
	}
	all, err := h.catalog.workflows(k.r.Context())
	if err != nil {
		return err
	}
	return k.answerFields(w.page(all, h.mirror.CountByWorkflow(k.now())), "workflows", fields)
}

// workflowQuery selects workflows for overviewWorkflows.
type workflowQuery struct {
	folder, text, after string
	deep                bool
	statuses            []mirror.Status
	limit               int
}

// page returns the workflows that are selected and the folders just below the one
// asked for, from all workflows by path.
func (q *workflowQuery) page(all []WorkflowInfo, counts map[string]map[mirror.Status]int) api.WorkflowRows {
	out := api.WorkflowRows{Workflows: []api.WorkflowRow{}, Folders: []api.FolderRow{}}
	prefix := ""
	if q.folder != "" {
		prefix = q.folder + "/"
	}
	from, _ := slices.BinarySearchFunc(all, prefix, func(w WorkflowInfo, p string) int { return strings.Compare(w.Path, p) })
	for i := from; i < len(all) && strings.HasPrefix(all[i].Path, prefix); i++ {
		w := &all[i]
		n := counts[w.Path]
		below, _, isBelow := strings.Cut(w.Path[len(prefix):], "/")
		if isBelow {
			out.Folders = addToFolder(out.Folders, prefix+below, n)
		}
		if isBelow && !q.deep || !q.takes(w, n) {
			continue
		}
		out.Total++
		if w.Path <= q.after || out.Cursor != "" {
			continue
		}
		if len(out.Workflows) == q.limit {
			out.Cursor = writeCursor(out.Workflows[q.limit-1].Path)
			continue
		}
		out.Workflows = append(out.Workflows, api.WorkflowRow{
			Path: w.Path, VersionId: w.VersionID, Suspended: w.Suspended, Signer: w.Signer, Counts: countsOf(n), Quarantine: problemOf(w.Quarantine),
		})
	}
	return out
}

func (q *workflowQuery) takes(w *WorkflowInfo, counts map[mirror.Status]int) bool {
	if q.text != "" && !strings.Contains(strings.ToLower(w.Path), q.text) {
		return false
	}
	if len(q.statuses) == 0 {
		return true
	}
	return slices.ContainsFunc(q.statuses, func(s mirror.Status) bool { return counts[s] > 0 || s == mirror.Suspended && w.Suspended })
}

// addToFolder counts a workflow in its folder, which is the last one so far if it
// is there: workflows come by path, but "a-b" is between "a" and "a/c".
func addToFolder(folders []api.FolderRow, path string, counts map[mirror.Status]int) []api.FolderRow {
	i := len(folders) - 1
	for i >= 0 && folders[i].Path != path {
		i--
	}
	if i < 0 {
		folders = append(folders, api.FolderRow{Path: path, Counts: api.Counts{}})
		i = len(folders) - 1
	}
	folders[i].Workflows++
	for s, n := range counts {
		folders[i].Counts[string(s)] += n
	}
	return folders
}
