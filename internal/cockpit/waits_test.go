package cockpit

import (
	"context"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/signet-scheduler/signet/api"
	"github.com/signet-scheduler/signet/internal/clock"
	"github.com/signet-scheduler/signet/internal/fault"
	"github.com/signet-scheduler/signet/internal/mirror"
	"github.com/signet-scheduler/signet/internal/order"
	"github.com/signet-scheduler/signet/internal/workflow"
)

// TestWaits: an order that could go on says what holds it.
func TestWaits(t *testing.T) {
	t.Parallel()
	b := newBench(t, options{})
	b.deploy(map[string]string{"a/W": job("hold")})
	b.add(api.AddOrdersRequest{Workflow: "a/W", Id: "R", Count: 2})
	// waits asks until an order has a status, and returns what holds it.
	waits := func(id, status string) *api.Waits {
		for {
			var rows api.OrderRows
			b.call("GET", "/overview/orders", nil, &rows)
			for _, r := range rows.Orders {
				if r.Id == id && r.Status == status {
					return r.Waits
				}
			}
		}
	}
	if w := waits("R-1", "Processing"); w != nil {
		t.Errorf("a running order waits for %+v", w)
	}
	one, yes, no := 1, true, false
	if d := cmp.Diff(&api.Waits{For: api.WaitsForJobLimit, Name: "J", Limit: &one}, waits("R-2", "NotStarted")); d != "" {
		t.Error(d)
	}
	b.call("POST", "/workflows/control", api.ControlWorkflowRequest{Path: "a/W", Suspend: &yes}, nil)
	b.add(api.AddOrdersRequest{Workflow: "a/W", Id: "S"})
	if d := cmp.Diff(&api.Waits{For: api.WaitsForWorkflow, Name: "a/W"}, waits("S", "NotStarted")); d != "" {
		t.Error(d)
	}
	b.call("POST", "/workflows/control", api.ControlWorkflowRequest{Path: "a/W", Suspend: &no}, nil)
	b.call("POST", "/agents?controller=controller", api.AddAgentRequest{Name: "agent-1", Uri: "https://localhost:4445", Disabled: true}, nil)
	b.fake.release("R-1", "")
	b.await("R-1")
	if d := cmp.Diff(&api.Waits{For: api.WaitsForAgent, Name: "agent-1"}, waits("R-2", "NotStarted")); d != "" {
		t.Error(d)
	}
	b.fake.setDown(fault.New(fault.Unavailable, "CannotConnect", "the Controller can't be reached"))
	waits("R-2", "NotStarted") // the list is there, although the Controller isn't
}

// mute is a Controller that doesn't answer.
type mute struct{ Controller }

func (mute) Workflows(ctx context.Context, _ string, _ int) ([]WorkflowInfo, error) {
	<-ctx.Done()
	return nil, ctx.Err()
}

func (mute) Agents(ctx context.Context) ([]AgentInfo, error) {
	<-ctx.Done()
	return nil, ctx.Err()
}

func (mute) Workflow(ctx context.Context, _, _ string) (WorkflowInfo, error) {
	<-ctx.Done()
	return WorkflowInfo{}, ctx.Err()
}

// TestWaitsForNobody: no list waits for a Controller that doesn't answer.
func TestWaitsForNobody(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithTimeout(context.Background(), time.Millisecond)
	defer cancel()
	w := waits{ctx: ctx, h: &history{controller: mute{}, mirror: mirror.New(), catalog: newCatalog(mute{}), definitions: &definitions{controller: mute{}}, known: newKnown(mute{}, clock.Real{})}}
	for _, id := range []order.ID{"A", "B"} {
		if got := w.of(&order.Order{ID: id, Workflow: workflow.ID{Path: "W", VersionID: string(id)}}, mirror.NotStarted); got != nil {
			t.Errorf("order %s waits for %+v", id, got)
		}
	}
}
