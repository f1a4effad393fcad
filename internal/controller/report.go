package controller

import (
	"net/http"
	"slices"
	"sync"
	"time"

	"github.com/signet-scheduler/signet/internal/fault"
	"github.com/signet-scheduler/signet/internal/part"
)

// report is what this member tells of itself.
func (c *Controller) report() part.Report {
	chain, trusted := c.creds.Certificates()
	r := c.told.Report(part.Certificates(part.ForParts, chain, trusted))
	required, version := c.guard.PolicyInForce()
	r.Trust = &part.Trust{Policy: &part.Policy{Required: required, Version: version}, Holds: c.notices.Holdings()}
	return r
}

// reports are what Agents have told of themselves since this member leads. An
// Agent that is cut off keeps what it told last. Safe for concurrent use.
type reports struct {
	mu  sync.Mutex
	all map[string]heardReport
}

type heardReport struct {
	report part.Report
	at     int64
}

func (r *reports) set(agent string, report part.Report, now time.Time) {
	r.mu.Lock()
	defer r.mu.Unlock()
	report.Trust = report.Trust.Bounded()
	if r.all == nil {
		r.all = map[string]heardReport{}
	}
	r.all[agent] = heardReport{report, now.UnixMilli()}
}

func (r *reports) of(agent string) (report *part.Report, at int64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	h, ok := r.all[agent]
	if !ok {
		return nil, 0
	}
	return &h.report, h.at
}

// holdings are what Agents hold of trust material. Nearly all hold the same, so that
// an answer about many has it once.
type holdings struct{ all [][]part.Holding }

// mostCompared bounds how many are compared with: Agents that each tell something
// else must not cost more than it takes to write it down.
const mostCompared = 20

// takeOut returns a report without what the Agent holds, and where that is in all.
func (h *holdings) takeOut(r *part.Report) (*part.Report, *int) {
	if r == nil || r.Trust == nil {
		return r, nil
	}
	without, trust := *r, *r.Trust
	at := slices.IndexFunc(h.all[:min(len(h.all), mostCompared)], func(x []part.Holding) bool { return slices.Equal(x, trust.Holds) })
	if at < 0 {
		at = len(h.all)
		h.all = append(h.all, trust.Holds)
	}
	trust.Holds = nil
	without.Trust = &trust
	return &without, &at
}

// getLog tells the last lines of this member's own log.
func (c *Controller) getLog(w http.ResponseWriter, r *http.Request) {
	after, limit, err := part.ReadQuery(r.URL.Query())
	if err != nil {
		c.problem(w, fault.Wrap(fault.Invalid, "InvalidParameter", err, "after and limit must be numbers"))
		return
	}
	c.answer(w, c.told.Log.After(after, limit), nil)
}

// getAgentLog passes on the last lines of an Agent's own log.
func (c *Controller) getAgentLog(w http.ResponseWriter, r *http.Request) {
	c.passOn(w, r, http.MethodGet, "/agent/api/log?"+r.URL.RawQuery, nil)
}

// getAgentActivity passes on what runs at an Agent and what waits for a process.
func (c *Controller) getAgentActivity(w http.ResponseWriter, r *http.Request) {
	c.passOn(w, r, http.MethodGet, "/agent/api/activity", nil)
}
