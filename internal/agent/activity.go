package agent

import (
	"context"
	"net/http"
	"strconv"

	"github.com/signet-scheduler/signet/internal/engine"
	"github.com/signet-scheduler/signet/internal/fault"
	"github.com/signet-scheduler/signet/internal/part"
	"github.com/signet-scheduler/signet/internal/proc"
	"github.com/signet-scheduler/signet/internal/transport"
)

// mostSteps bounds how many steps of each kind an Agent tells of.
const mostSteps = 500

// step is one step that runs here or waits for a process.
type step struct {
	OrderID  string `json:"orderId"`
	Workflow string `json:"workflow"`
	Label    string `json:"label,omitempty"`
	Job      string `json:"job"`
	Task     string `json:"task,omitempty"`
	Since    int64  `json:"since,omitempty"` // of one that runs: milliseconds
	PID      int    `json:"pid,omitempty"`   // 0 while it is being started
	Place    int    `json:"place,omitempty"` // of one that waits: in the line of its job
	JobFull  bool   `json:"jobFull,omitempty"`
}

// report is what this Agent tells of itself.
func (a *Agent) report() part.Report {
	r := a.self.Report(certificates(a.creds))
	required, version := a.guard.PolicyInForce()
	r.Trust = &part.Trust{Policy: &part.Policy{Required: required, Version: version}, Holds: a.notices.Holdings()}
	return r
}

func certificates(c *transport.Credentials) []part.Certificate {
	if c == nil {
		return nil
	}
	chain, trusted := c.Certificates()
	return part.Certificates(part.ForParts, chain, trusted)
}

// getActivity tells what runs here and what waits for a process.
func (a *Agent) getActivity(w http.ResponseWriter, r *http.Request) {
	v, err := a.activity(r.Context())
	if err != nil {
		transport.WriteProblem(w, err)
		return
	}
	writeJSON(w, v)
}

func (a *Agent) activity(ctx context.Context) (any, error) {
	processes, _, err := a.owner.List(ctx)
	if err != nil {
		return nil, err
	}
	pids := make(map[string]proc.Running, len(processes))
	for _, p := range processes {
		pids[string(p.Key)] = p
	}
	type answer struct {
		Report       part.Report `json:"report"`
		ProcessLimit int         `json:"processLimit"`
		LimitReason  string      `json:"limitReason"`
		Running      []step      `json:"running"`
		RunningCount int         `json:"runningCount"`
		Waiting      []step      `json:"waiting"`
		WaitingCount int         `json:"waitingCount"`
	}
	out := answer{Report: a.report(), Running: []step{}, Waiting: []step{}}
	out.ProcessLimit, out.LimitReason = a.limit()
	_, err = a.look(ctx, func(e *engine.Agent) (any, error) {
		running, waiting := e.Load(mostSteps)
		out.RunningCount, out.WaitingCount = e.Running(), e.Waiting()
		for i := range running {
			out.Running = append(out.Running, stepOf(&running[i], pids))
		}
		for i := range waiting {
			out.Waiting = append(out.Waiting, stepOf(&waiting[i], nil))
		}
		return nil, nil
	})
	return out, err
}

// stepOf tells of a step, with its process if it has one.
func stepOf(s *engine.AgentStep, pids map[string]proc.Running) step {
	out := step{
		OrderID: string(s.Order), Workflow: s.Workflow.Path, Label: s.Label, Job: s.Job, Task: s.Task, Place: s.Place, JobFull: s.JobFull,
	}
	if p, ok := pids[s.Task]; ok && s.Task != "" {
		out.PID, out.Since = p.PID, p.Started.UnixMilli()
	} else if micros, err := strconv.ParseInt(s.Task, 10, 64); err == nil {
		out.Since = micros / 1000 // a task's id is the time at which its start was decided
	}
	return out
}

// limit returns how many processes this machine and these settings allow, and
// why not more.
func (a *Agent) limit() (processes int, reason string) {
	if n := a.set.ProcessLimit; n > 0 && n <= a.limits.Processes {
		return n, "the Agent's configuration"
	}
	return a.limits.Processes, a.limits.Reason
}

// getLog tells the last lines of this Agent's own log.
func (a *Agent) getLog(w http.ResponseWriter, r *http.Request) {
	after, limit, err := part.ReadQuery(r.URL.Query())
	if err != nil {
		transport.WriteProblem(w, fault.Wrap(fault.Invalid, "InvalidParameter", err, "after and limit must be numbers"))
		return
	}
	writeJSON(w, a.self.Log.After(after, limit))
}
