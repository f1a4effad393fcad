package engine

import (
	"cmp"
	"slices"

	"github.com/signet-scheduler/signet/internal/codec"
	"github.com/signet-scheduler/signet/internal/fault"
	"github.com/signet-scheduler/signet/internal/item"
	"github.com/signet-scheduler/signet/internal/order"
	"github.com/signet-scheduler/signet/internal/workflow"
)

// OrderView is an order with what keeps it from going on, in words.
type OrderView struct {
	Order     *order.Order
	Obstacles []string
}

// Walk describes the fields.
func (v *OrderView) Walk(w codec.Walker) {
	v.Order.Walk(w)
	codec.Strings(w, "obstacles", &v.Obstacles)
}

// OrdersAfter returns at most n orders whose ids follow id and that are wanted,
// sorted; n 0: all.
func (m *machine) OrdersAfter(id order.ID, n int, wanted func(*order.Order) bool) []*order.Order {
	behind := func(yield func(*order.Order) bool) {
		for k, o := range m.orders.m {
			if k > id && wanted(o) && !yield(o) {
				return
			}
		}
	}
	return least(behind, n, func(a, b *order.Order) int { return cmp.Compare(a.ID, b.ID) })
}

// AgentLoad returns how many orders are at an Agent, and how many of them run
// a job.
func (c *Controller) AgentLoad(path string) (orders, running int) {
	for _, o := range c.orders.m {
		if o.Attachment.Agent == path {
			orders++
			if o.State.Kind == order.Processing {
				running++
			}
		}
	}
	return orders, running
}

// Obstacles tells in words what an order waits for, if that isn't plain from
// its state (section 5.5 of the reference).
func (c *Controller) Obstacles(o *order.Order) []string {
	var all []string
	add := func(s string) { all = append(all, s) }
	if o.State.Terminated() {
		return nil
	}
	if it, ok := c.items.get(workflowRef(o.Workflow).String()); ok && it.Quarantine != nil {
		add("the workflow is quarantined: " + it.Quarantine.Message)
	}
	if p, ok := c.paths.get(o.Workflow.Path); ok && p.Suspended {
		add("the workflow is suspended")
	}
	if o.Suspended {
		add("the order is suspended")
	}
	if agent := c.nextAgent(o); agent != "" {
		c.agentObstacles(o, agent, add)
	}
	return all
}

// nextAgent returns the Agent at which the order is or to which it is about to
// go.
func (c *Controller) nextAgent(o *order.Order) string {
	if o.Attachment.Agent != "" {
		return o.Attachment.Agent
	}
	if !o.State.FreshOrReady() {
		return ""
	}
	w, err := c.workflow(o.Workflow)
	if err != nil {
		return ""
	}
	if ex, ok := w.At(o.Position).(*workflow.Execute); ok {
		return ex.Job.AgentPath
	}
	return ""
}

func (c *Controller) agentObstacles(o *order.Order, agent string, add func(string)) {
	if ref, err := c.agentRef(agent); err != nil {
		add("the Agent " + agent + " can't be used: " + fault.Of(err).Public())
	} else if ref.Disabled && o.Attachment.Where == order.Detached {
		add("the Agent " + agent + " is disabled")
	}
	if a, ok := c.agents.get(agent); !ok || !a.Coupled {
		text := "the Agent " + agent + " is not coupled"
		if ok && a.Problem != nil {
			text += ": " + a.Problem.Message
		}
		add(text)
	}
	if w, err := c.workflow(o.Workflow); err == nil {
		for _, ref := range c.needs(agent, w) {
			if at, ok := c.attached.get(attachKey(agent, ref)); ok && at.Problem != nil {
				add("the Agent " + agent + " doesn't trust " + ref.String() + ": " + at.Problem.Message)
			}
		}
	}
}

// AgentPaths returns the paths of the Agents that are deployed, sorted. One
// that is being removed is among them until it has let go of everything, since
// it has to be told so.
func (c *Controller) AgentPaths() []string {
	var paths []string
	for _, it := range c.items.m {
		if it.Ref.Kind == item.KindAgentRef {
			paths = append(paths, it.Ref.Path)
		}
	}
	slices.Sort(paths)
	return paths
}
