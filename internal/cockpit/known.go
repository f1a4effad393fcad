package cockpit

import (
	"context"
	"maps"
	"sync"
	"time"

	"github.com/signet-scheduler/signet/internal/clock"
	"github.com/signet-scheduler/signet/internal/part"
)

// How often a Controller is asked how its parts are, and how long whoever looks
// waits for an answer before what was told last is shown.
const (
	lookAtEvery = 20 * time.Second
	lookAtTime  = 3 * time.Second
)

// known is what a Controller has told of its parts, kept in memory for when it
// can't be asked. Safe for concurrent use.
type known struct {
	controller Controller
	clock      clock.Clock

	mu       sync.Mutex
	agents   []AgentInfo // never changed
	agentsAt int64
	members  []MemberInfo // never changed
	status   int64        // when the members were told of
	reports  map[string]memberReport
}

// memberReport is what a member has told of itself.
type memberReport struct {
	part.Report
	at int64
}

func newKnown(c Controller, clk clock.Clock) *known {
	return &known{controller: c, clock: clk, reports: map[string]memberReport{}}
}

// keep looks again and again, until ctx ends.
func (k *known) keep(ctx context.Context) {
	for ctx.Err() == nil {
		k.look(ctx)
		sleep(ctx, k.clock, lookAtEvery)
	}
}

// look asks for everything once. What fails leaves what is known.
func (k *known) look(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, lookAtTime)
	defer cancel()
	var wg sync.WaitGroup
	wg.Go(func() { _, _, _ = k.listAgents(ctx) })
	wg.Go(func() {
		if s, err := k.controller.Status(ctx); err == nil {
			k.keepStatus(s)
		}
	})
	wg.Go(func() {
		all := k.controller.Reports(ctx)
		now := k.clock.Now().UnixMilli()
		k.mu.Lock()
		defer k.mu.Unlock()
		for name, r := range all {
			k.reports[name] = memberReport{r, now}
		}
	})
	wg.Wait()
}

// listAgents asks for the Agents. When that fails, it returns those that are
// known, when they were told of, and why.
func (k *known) listAgents(ctx context.Context) (all []AgentInfo, asOf int64, err error) {
	ctx, cancel := context.WithTimeout(ctx, lookAtTime)
	defer cancel()
	all, err = k.controller.Agents(ctx)
	k.mu.Lock()
	defer k.mu.Unlock()
	if err != nil {
		return k.agents, k.agentsAt, err
	}
	k.agents, k.agentsAt = all, k.clock.Now().UnixMilli()
	return all, 0, nil
}

func (k *known) keepStatus(s Status) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.members, k.status = s.Members, k.clock.Now().UnixMilli()
}

// lastMembers returns the members as they were told of last, and when.
func (k *known) lastMembers() (members []MemberInfo, asOf int64) {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.members, k.status
}

// memberReports returns what each member has told of itself last.
func (k *known) memberReports() map[string]memberReport {
	k.mu.Lock()
	defer k.mu.Unlock()
	return maps.Clone(k.reports)
}

// lastAgents returns the Agents as they were told of last.
func (k *known) lastAgents() []AgentInfo {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.agents
}
