package engine

import (
	"github.com/signet-scheduler/signet/internal/item"
	"github.com/signet-scheduler/signet/internal/order"
	"github.com/signet-scheduler/signet/internal/workflow"
)

// execute hands the order to the job's Agent.
func (c *Controller) execute(o *order.Order, _ *workflow.Workflow, ex *workflow.Execute) bool {
	c.attach(o, ex.Job.AgentPath)
	return true
}

// attach begins to hand an order to an Agent, with all documents it needs.
func (c *Controller) attach(o *order.Order, agent string) {
	ref := ItemRef{Kind: item.KindAgentRef, Path: agent}
	w, err := c.workflow(o.Workflow)
	if err != nil {
		c.withoutWorkflow(o, err)
		return
	}
	if !c.usable(o, append(resourceRefs(w), ref)) {
		return
	}
	if a, err := c.agentRef(agent); err != nil || a.Disabled {
		c.hold(o.ID, ref)
		return // Obstacles tells so
	}
	for _, ref := range c.needs(agent, w) {
		c.attachItem(agent, ref)
	}
	c.emitOrder(c.orders.m[o.ID], &order.Attachable{Agent: agent, ID: max(c.micros, c.lastID+1)})
}

func resourceRefs(w *workflow.Workflow) []ItemRef {
	paths := w.JobResources()
	refs := make([]ItemRef, len(paths), len(paths)+1)
	for i, path := range paths {
		refs[i] = ItemRef{Kind: item.KindJobResource, Path: path}
	}
	return refs
}

// usable tells whether the documents can be used. One in quarantine makes the
// order wait; another problem makes it fail.
func (m *machine) usable(o *order.Order, refs []ItemRef) bool {
	for _, ref := range refs {
		if _, err := m.document(ref); err != nil {
			if m.quarantined(o.ID, ref) {
				return false
			}
			if m.start(o) {
				m.disrupt(m.orders.m[o.ID], err)
			}
			return false
		}
	}
	return true
}

// needs returns the documents that an Agent needs to run a workflow.
func (c *Controller) needs(agent string, w *workflow.Workflow) []ItemRef {
	refs := append(resourceRefs(w), ItemRef{Kind: item.KindAgentRef, Path: agent}, workflowRef(w.ID))
	if p, ok := c.paths.get(w.ID.Path); ok {
		refs = append(refs, p.ref())
	}
	if b, ok := c.breaks.get(w.ID.String()); ok {
		refs = append(refs, b.ref())
	}
	return refs
}

// The controls go to Agents as unsigned items: they can only hold orders
// back, never start anything.
const (
	kindPathControl     item.Kind = "WorkflowPathControl"
	kindWorkflowControl item.Kind = "WorkflowControl"
)

func (c *PathControl) ref() ItemRef {
	return ItemRef{Kind: kindPathControl, Path: c.Path, Revision: c.Revision}
}

func (c *WorkflowControl) ref() ItemRef {
	return ItemRef{Kind: kindWorkflowControl, Path: c.Workflow.Path, VersionID: c.Workflow.VersionID, Revision: c.Revision}
}

// attachItem makes a document attachable, unless the Agent has it or gets it.
func (c *Controller) attachItem(agent string, ref ItemRef) {
	if it, ok := c.items.get(ref.String()); ok {
		ref = it.Ref
		c.attachReleases(agent, it.Document)
	}
	if at, ok := c.attached.get(attachKey(agent, ref)); ok && at.State != ItemIsDetachable && at.Ref.Revision == ref.Revision && at.Problem == nil {
		return
	}
	c.emit("", &ItemAttachable{Item: ref, Agent: agent})
}

// reattach sends a changed document to every Agent that has an older one.
func (c *Controller) reattach(ref ItemRef) {
	for _, key := range sortedKeys(c.byRef[ref.String()]) {
		if at := c.attached.m[key]; at.State != ItemIsDetachable {
			if it, ok := c.items.get(ref.String()); ok {
				c.attachReleases(at.Agent, it.Document)
			}
			c.emit("", &ItemAttachable{Item: ref, Agent: at.Agent})
		}
	}
}

// detachItem takes a document back from every Agent; false: none has it.
func (c *Controller) detachItem(ref ItemRef) bool {
	keys := sortedKeys(c.byRef[ref.String()])
	for _, key := range keys {
		c.detachKey(key)
	}
	return len(keys) > 0
}

func (c *Controller) detachKey(key string) {
	if at := c.attached.m[key]; at.State != ItemIsDetachable {
		c.emit("", &ItemDetachable{Item: at.Ref, Agent: at.Agent})
	}
}

// controlAgents sends a control to every Agent that has a version of the
// workflow, or takes it back.
func (c *Controller) controlAgents(ref ItemRef, empty bool) {
	if empty {
		c.detachItem(ref)
		return
	}
	agents := map[string]bool{}
	for version := range c.versions[ref.Path] {
		if ref.VersionID != "" && ref.VersionID != version {
			continue
		}
		for key := range c.byRef[workflowRef(workflow.ID{Path: ref.Path, VersionID: version}).String()] {
			agents[c.attached.m[key].Agent] = true
		}
	}
	for _, agent := range sortedKeys(agents) {
		c.emit("", &ItemAttachable{Item: ref, Agent: agent})
	}
}
