package cockpit

import (
	"context"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/signet-scheduler/signet/api"
	"github.com/signet-scheduler/signet/internal/mirror"
	"github.com/signet-scheduler/signet/internal/order"
	"github.com/signet-scheduler/signet/internal/workflow"
)

// definitions keeps parsed workflows; a version never changes. Safe for
// concurrent use.
type definitions struct {
	controller Controller

	mu     sync.Mutex
	parsed map[workflow.ID]*workflow.Workflow
}

// maxDefinitions is how many workflows are kept.
const maxDefinitions = 500

// get returns a workflow, nil when the Controller doesn't have it any more. What
// is read decides nothing: the document isn't verified here.
func (d *definitions) get(ctx context.Context, id workflow.ID) *workflow.Workflow {
	d.mu.Lock()
	w, known := d.parsed[id]
	d.mu.Unlock()
	if known {
		return w
	}
	info, err := d.controller.Workflow(ctx, id.Path, id.VersionID)
	if err != nil {
		return nil
	}
	if w, err = workflow.Parse([]byte(info.Document)); err != nil {
		return nil
	}
	w.ID = id
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.parsed == nil || len(d.parsed) >= maxDefinitions {
		d.parsed = map[workflow.ID]*workflow.Workflow{}
	}
	d.parsed[id] = w
	return w
}

// maxReads is how many workflows one answer may ask the Controller for; what
// waits in others is told by the next answers.
const maxReads = 20

// maxWaitsTime is how long one answer may ask the Controller; a list doesn't wait
// for one that is slow.
const maxWaitsTime = 300 * time.Millisecond

// waits tells what holds orders that could go on. The Controller and the Agents
// decide that; this looks at what they have said for the rule that holds an order.
type waits struct {
	ctx       context.Context
	h         *history
	looked    bool
	workflows []WorkflowInfo // by path
	agents    map[string]AgentInfo
	jobs      map[mirror.Job]int
	running   map[string]int
	reads     map[workflow.ID]*workflow.Workflow
}

// of returns what an order waits for; nil when that is its time, a person, or
// only its turn.
func (w *waits) of(o *order.Order, status mirror.Status) *api.Waits {
	if status != mirror.NotStarted && status != mirror.Status(order.Ready) {
		return nil
	}
	w.look()
	if i, ok := slices.BinarySearchFunc(w.workflows, WorkflowInfo{Path: o.Workflow.Path}, byPath); ok && w.workflows[i].Suspended {
		return &api.Waits{For: api.WaitsForWorkflow, Name: o.Workflow.Path}
	}
	def := w.definition(o.Workflow)
	if def == nil {
		return nil
	}
	job := def.JobAt(o.Position)
	if job == nil {
		return nil
	}
	agent, known := w.agents[job.AgentPath]
	_, key, _ := strings.Cut(def.JobKey(o.Position), ":")
	switch {
	case !known:
		return nil
	case !agent.Coupled:
		return &api.Waits{For: api.WaitsForConnection, Name: job.AgentPath}
	case agent.Disabled:
		return &api.Waits{For: api.WaitsForAgent, Name: job.AgentPath}
	case w.jobs[mirror.Job{Workflow: o.Workflow, Key: key}] >= job.ProcessLimit:
		return &api.Waits{For: api.WaitsForJobLimit, Name: jobName(key), Limit: &job.ProcessLimit}
	case agent.ProcessLimit != nil && w.running[job.AgentPath] >= *agent.ProcessLimit:
		return &api.Waits{For: api.WaitsForAgentLimit, Name: job.AgentPath, Limit: agent.ProcessLimit}
	}
	return nil
}

// jobName returns the name in a job's key, "" for a job without one.
func jobName(key string) string {
	_, name, _ := strings.Cut(key, "#")
	return name
}

// look asks once for what all answers need. What can't be had isn't told.
func (w *waits) look() {
	if w.looked {
		return
	}
	w.looked = true
	w.agents, w.reads = map[string]AgentInfo{}, map[workflow.ID]*workflow.Workflow{}
	w.jobs, w.running = w.h.mirror.Running()
	if all, err := w.h.catalog.workflows(w.ctx); err == nil {
		w.workflows = all
	}
	if all, _, err := w.h.known.listAgents(w.ctx); err == nil {
		for _, a := range all {
			w.agents[a.Path] = a
		}
	}
}

func (w *waits) definition(id workflow.ID) *workflow.Workflow {
	if def, read := w.reads[id]; read {
		return def
	}
	if len(w.reads) >= maxReads {
		return nil
	}
	def := w.h.definitions.get(w.ctx, id)
	w.reads[id] = def
	return def
}
