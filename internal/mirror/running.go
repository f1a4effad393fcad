package mirror

import (
	"github.com/signet-scheduler/signet/internal/order"
	"github.com/signet-scheduler/signet/internal/workflow"
)

// Job names what has a process limit of its own: a job of a workflow's version.
type Job struct {
	Workflow workflow.ID
	Key      string // workflow.JobKey, from behind its ':'
}

// Running counts the processes that run, by job and by Agent.
func (m *Mirror) Running() (jobs map[Job]int, agents map[string]int) {
	jobs, agents = map[Job]int{}, map[string]int{}
	m.mu.RLock()
	defer m.mu.RUnlock()
	for _, r := range m.all {
		if s := &r.Order.State; s.Kind == order.Processing {
			jobs[Job{r.Order.Workflow, s.JobKey}]++
			agents[s.Agent]++
		}
	}
	return jobs, agents
}
