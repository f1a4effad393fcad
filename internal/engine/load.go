package engine

import (
	"cmp"
	"slices"

	"github.com/signet-scheduler/signet/internal/order"
	"github.com/signet-scheduler/signet/internal/workflow"
)

// AgentStep is a step that runs at an Agent, or waits there for a process.
type AgentStep struct {
	Order    order.ID
	Workflow workflow.ID
	Position workflow.Position
	Job      string // "" when the workflow can't be looked at
	Label    string
	Task     string // of one that runs
	Place    int    // of one that waits: in the line of its job, from 1
	JobFull  bool   // of one that waits: the job has as many processes as it may
}

// Load returns the steps that run at this Agent, and those that wait for a
// process in the order of their jobs and lines, at most so many of each.
func (a *Agent) Load(most int) (running, waiting []AgentStep) {
	for _, o := range a.orders.m {
		if o.State.Kind == order.Processing {
			running = append(running, AgentStep{Order: o.ID, Task: o.State.Task})
		}
	}
	slices.SortFunc(running, func(x, y AgentStep) int { // a task's id is the time of its start
		return cmp.Or(cmp.Compare(len(x.Task), len(y.Task)), cmp.Compare(x.Task, y.Task))
	})
	return a.steps(running[:min(len(running), most)]), a.steps(a.lines.head(most))
}

// steps completes steps of orders that are here.
func (a *Agent) steps(s []AgentStep) []AgentStep {
	for i := range s {
		o, ok := a.orders.get(s[i].Order)
		if !ok {
			continue
		}
		s[i].Workflow, s[i].Position = o.Workflow, o.Position
		w, err := a.workflow(o.Workflow)
		if err != nil {
			continue // it was removed, or is refused: what runs goes on
		}
		if ex, ok := w.At(o.Position).(*workflow.Execute); ok {
			s[i].Job, s[i].Label = jobName(w, o.Position, ex), ex.Label()
		}
	}
	return s
}

// head returns who waits, line by line, at most so many.
func (l *lines) head(most int) []AgentStep {
	jobs := make([]*jobLine, 0, len(l.jobs))
	for _, q := range l.jobs {
		if len(q.orders) > 0 {
			jobs = append(jobs, q)
		}
	}
	slices.SortFunc(jobs, func(x, y *jobLine) int {
		return cmp.Or(cmp.Compare(x.job.workflow.String(), y.job.workflow.String()), cmp.Compare(x.job.key, y.job.key))
	})
	var steps []AgentStep
	seen := map[order.ID]bool{} // an order that left and joined again stands there twice
	for _, q := range jobs {
		place := 0
		for _, id := range q.orders {
			if len(steps) == most {
				return steps
			}
			if l.waiting[id] == q && !seen[id] {
				seen[id] = true
				place++
				steps = append(steps, AgentStep{Order: id, Place: place, JobFull: q.running >= q.limit})
			}
		}
	}
	return steps
}
