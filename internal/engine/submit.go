package engine

import (
	"fmt"
	"slices"
	"strings"

	"github.com/signet-scheduler/signet/internal/codec"
	"github.com/signet-scheduler/signet/internal/fault"
	"github.com/signet-scheduler/signet/internal/item"
	"github.com/signet-scheduler/signet/internal/order"
	"github.com/signet-scheduler/signet/internal/value"
	"github.com/signet-scheduler/signet/internal/workflow"
)

// maxArguments bounds the arguments of one order, in bytes.
const maxArguments = 1 << 20

// Submit carries out a command of a user. The reply is JSON; with an error
// nothing has changed. now is in microseconds since the epoch.
func (c *Controller) Submit(cmd Command, now int64) (reply string, err error) {
	if cmd.ID != "" {
		if r, ok := c.done.get(cmd.ID); ok {
			return r, nil
		}
	}
	err = c.transact(now, func() error {
		reply, err = c.carryOut(cmd)
		if err != nil {
			return err
		}
		if err := c.settle(); err != nil { // so that the command's own event is the last
			return err
		}
		if _, isRelease := cmd.Body.(*ReleaseEvents); !isRelease {
			c.emit("", &CommandExecuted{CommandID: cmd.ID, Command: cmd.Body.Type(), By: cmd.By, Reply: reply})
		}
		return nil
	})
	if err != nil {
		return "", err
	}
	return reply, nil
}

func (c *Controller) carryOut(cmd Command) (string, error) {
	switch b := cmd.Body.(type) {
	case *AddOrders:
		return c.addOrders(b, cmd.By)
	case *CancelOrders:
		return c.each(b.OrderIDs, b.Deep, func(o *order.Order) error { return c.cancel(o, b.Mode) })
	case *SuspendOrders:
		return c.each(b.OrderIDs, b.Deep, func(o *order.Order) error { return c.suspend(o, b.Mode) })
	case *ResumeOrders:
		if len(b.OrderIDs) != 1 && !b.Resumption.IsPlain() {
			return "", fault.New(fault.Invalid, "InvalidCommand", "a position, history operations or arguments can be given for one order only")
		}
		return c.each(b.OrderIDs, b.Deep, func(o *order.Order) error { return c.resume(o, b.Resumption) })
	case *GoOrder:
		return c.each([]string{string(b.OrderID)}, false, func(o *order.Order) error { return c.goOn(o, b.Position) })
	case *ChangeOrder:
		return c.each([]string{string(b.OrderID)}, false, func(o *order.Order) error {
			if o.Priority != b.Priority && !o.State.Terminated() {
				c.emitOrder(o, &order.PriorityChanged{Priority: b.Priority})
			}
			return nil
		})
	case *DeleteOrders:
		return c.each(b.OrderIDs, false, c.deleteOrder)
	case *TransferOrders:
		return accepted, c.transfer(b.Workflow)
	case *ControlWorkflowPath:
		return accepted, c.controlPath(b)
	case *ControlWorkflow:
		return accepted, c.controlWorkflow(b)
	case *ReleaseEvents:
		return accepted, c.release(b)
	case *ResetAgent:
		return accepted, c.resetAgent(b.Agent)
	case *UpdateItems:
		return accepted, c.updateItems(b)
	}
	return "", fault.New(fault.Invalid, "UnknownCommand", "unknown command %s", cmd.Body.Type())
}

const accepted = `{"TYPE":"Accepted"}`

// each carries f out for every order; one that is unknown refuses all.
func (c *Controller) each(ids []string, deep bool, f func(*order.Order) error) (string, error) {
	seen := map[order.ID]bool{}
	var visit func(id order.ID) error
	visit = func(id order.ID) error {
		o, ok := c.orders.get(id)
		if !ok {
			return fault.New(fault.NotFound, "UnknownOrder", "there is no order %s at the Controller", id).About("Order:" + string(id))
		}
		if seen[id] {
			return fault.New(fault.Invalid, "DuplicateKey", "the order %s is named twice", id)
		}
		seen[id] = true
		if err := f(o); err != nil {
			return err
		}
		if deep {
			for _, child := range o.State.Children {
				if err := visit(child.OrderID); err != nil {
					return err
				}
			}
		}
		return c.machine.fault
	}
	if len(ids) == 0 {
		return "", fault.New(fault.Invalid, "InvalidCommand", "no order is named")
	}
	for _, id := range ids {
		if err := visit(order.ID(id)); err != nil {
			return "", err
		}
	}
	return accepted, nil
}

// addOrders adds orders, all or none.
func (c *Controller) addOrders(b *AddOrders, by order.Actor) (string, error) {
	var added, known int
	for i := range b.Orders {
		f := &b.Orders[i]
		if err := f.ID.Check(); err != nil {
			return "", err
		}
		if _, exists := c.orders.get(f.ID); exists {
			known++
			continue
		}
		ev, err := c.prepare(f, by)
		if err != nil {
			return "", err
		}
		c.emit(string(f.ID), ev)
		added++
	}
	return fmt.Sprintf(`{"TYPE":"AddOrders.Response","added":%d,"ignoredBecauseDuplicate":%d}`, added, known), c.machine.fault
}

// prepare checks an order and computes its arguments.
func (c *Controller) prepare(f *FreshOrder, by order.Actor) (*order.Added, error) {
	about := "Order:" + string(f.ID)
	w, err := c.Workflow(f.WorkflowPath, "")
	if err != nil {
		return nil, err
	}
	if size := value.Size(value.NewObject(f.Arguments)); size > maxArguments {
		return nil, fault.New(fault.TooLarge, "OrderArgumentsTooLarge", "the arguments take %d bytes, more than the %d allowed; pass a file's path instead", size, maxArguments).About(about)
	}
	if problems := w.Preparation.Check(f.Arguments); len(problems) > 0 {
		return nil, &fault.Error{Kind: fault.Invalid, Code: "InvalidOrderArguments", Subject: about, Message: "the order's arguments don't fit the workflow " + w.ID.Path, Problems: problems}
	}
	ev := &order.Added{
		Workflow: w.ID, Arguments: f.Arguments, ScheduledFor: f.ScheduledFor, Priority: f.Priority, DeleteWhenTerminated: f.DeleteWhenTerminated,
		StartPosition: f.StartPosition, InnerBlock: f.InnerBlock, StopPositions: f.StopPositions, By: by,
	}
	o := order.New(f.ID, ev, 0)
	if w.BlockAt(f.InnerBlock) == nil {
		return nil, fault.New(fault.Invalid, "UnreachablePosition", "the workflow has no block %s", f.InnerBlock).About(about)
	}
	for _, p := range append(slices.Clone(f.StopPositions), o.Position) {
		if err := w.Reachable(f.InnerBlock.Position(0), p); err != nil {
			return nil, err
		}
	}
	ev.Arguments, err = c.evaluate(o, w)
	if err != nil {
		return nil, fault.Of(err).About(about)
	}
	return ev, nil
}

func (c *Controller) deleteOrder(o *order.Order) error {
	if o.Parent != "" {
		return fault.New(fault.Conflict, "CannotDeleteChildOrder", "a child order goes with its parent").About("Order:" + string(o.ID))
	}
	if o.State.Terminated() {
		c.emitOrder(o, &order.Deleted{})
	} else if !o.DeleteWhenTerminated {
		c.emitOrder(o, &order.DeletionMarked{})
	}
	return nil
}

// transfer brings all orders of a version to the newest version; any order
// that doesn't fit refuses all.
func (c *Controller) transfer(id workflow.ID) error {
	old, err := c.workflow(id)
	if err != nil {
		return err
	}
	now, err := c.Workflow(id.Path, "")
	if err != nil {
		return err
	}
	if now.ID == id {
		return nil
	}
	ids := make([]order.ID, 0, len(c.byWorkflow[id]))
	for o := range c.byWorkflow[id] {
		ids = append(ids, o)
	}
	slices.Sort(ids)
	var problems []fault.Problem
	for _, oid := range ids {
		o := c.orders.m[oid]
		if o.State.Terminated() {
			continue
		}
		if err := transferable(o, old, now); err != nil {
			problems = append(problems, fault.Problem{Where: "Order:" + string(oid), Message: order.ProblemOf(err).Message})
			continue
		}
		if len(problems) == 0 {
			c.emitOrder(o, &order.Transferred{To: order.WorkflowPosition{Workflow: now.ID, Position: o.Position}})
		}
	}
	if len(problems) > 0 {
		return &fault.Error{Kind: fault.Conflict, Code: "CannotTransferOrders", Message: "not every order can be transferred, so none was", Problems: problems}
	}
	c.collect(id)
	return nil
}

// transferable checks that an order can go on in another version: the same
// instructions stand around it, and what it is waiting for is unchanged.
func transferable(o *order.Order, old, now *workflow.Workflow) error {
	if o.Attachment.Where != order.Detached {
		return problemf("CannotTransferOrder", "the order is at the Agent %s", o.Attachment.Agent)
	}
	ins := now.At(o.Position)
	if ins == nil {
		return problemf("CannotTransferOrder", "the new version has no instruction at %s", o.Position)
	}
	for p, ok := o.Position.Parent(); ok; p, ok = p.Parent() {
		a, b := old.At(p), now.At(p)
		if a == nil || b == nil || !sameHead(a, b) {
			return problemf("CannotTransferOrder", "the instruction at %s around the order was changed", p)
		}
	}
	switch o.State.Kind {
	case order.Forked, order.DelayingRetry, order.Sleeping, order.Processing, order.Processed, order.ProcessingKilled:
		if a := old.At(o.Position); a == nil || !sameHead(a, ins) {
			return problemf("CannotTransferOrder", "the instruction at %s, which the order executes, was changed", o.Position)
		}
	}
	return nil
}

func (c *Controller) controlPath(b *ControlWorkflowPath) error {
	if _, ok := c.heads.get(b.Path); !ok {
		return unknownWorkflow(b.Path)
	}
	control := PathControl{Path: b.Path}
	if old, ok := c.paths.get(b.Path); ok {
		control = PathControl{Path: b.Path, Suspended: old.Suspended, Skip: slices.Clone(old.Skip)}
	}
	if b.Suspend != nil {
		control.Suspended = *b.Suspend
	}
	for _, s := range b.Skip {
		if i := slices.Index(control.Skip, s.Label); s.Skip && i < 0 {
			control.Skip = append(control.Skip, s.Label)
		} else if !s.Skip && i >= 0 {
			control.Skip = slices.Delete(control.Skip, i, i+1)
		}
		w, err := c.Workflow(b.Path, "")
		if err != nil {
			return err
		}
		if _, ok := w.Labels()[s.Label]; !ok && s.Skip {
			return fault.New(fault.Invalid, "UnknownLabel", "the workflow %s has no label %q", b.Path, s.Label)
		}
	}
	slices.Sort(control.Skip)
	control.Revision = 0
	c.emit("", &PathControlled{Control: control})
	ref := control.ref()
	ref.Revision = c.lastID
	c.controlAgents(ref, control.IsEmpty())
	c.unhold(ref)
	return nil
}

func (c *Controller) controlWorkflow(b *ControlWorkflow) error {
	if b.Workflow.VersionID == "" {
		b.Workflow.VersionID, _ = c.heads.get(b.Workflow.Path)
	}
	w, err := c.workflow(b.Workflow)
	if err != nil {
		return err
	}
	control := WorkflowControl{Workflow: b.Workflow, Breakpoints: slices.Clone(c.Breakpoints(b.Workflow))}
	for _, p := range b.AddBreakpoints {
		if w.At(p) == nil {
			return fault.New(fault.Invalid, "UnknownPosition", "the workflow %s has no instruction at %s", b.Workflow, p)
		}
		if p = p.Normalize(); !slices.Contains(control.Breakpoints, p) {
			control.Breakpoints = append(control.Breakpoints, p)
		}
	}
	for _, p := range b.RemoveBreakpoints {
		control.Breakpoints = slices.DeleteFunc(control.Breakpoints, func(q workflow.Position) bool { return q == p.Normalize() })
	}
	slices.SortFunc(control.Breakpoints, func(a, b workflow.Position) int { return strings.Compare(a.String(), b.String()) })
	c.emit("", &WorkflowControlled{Control: control})
	ref := control.ref()
	ref.Revision = c.lastID
	c.controlAgents(ref, control.IsEmpty())
	return nil
}

func (c *Controller) release(b *ReleaseEvents) error {
	if b.Reader == "" || len(b.Reader) > 128 {
		return fault.New(fault.Invalid, "InvalidName", "a reader needs a name of at most 128 bytes")
	}
	if old, ok := c.readers.get(b.Reader); ok && b.Until < old {
		return fault.New(fault.Conflict, "ReverseReleaseEvents", "%s has confirmed events up to %d already", b.Reader, old)
	}
	if b.Until > c.lastID {
		return fault.New(fault.Invalid, "UnknownEventId", "there is no event %d yet", b.Until)
	}
	if old, ok := c.readers.get(b.Reader); !ok || b.Until > old {
		c.emit("", &EventsReleased{Reader: b.Reader, Until: b.Until})
	}
	return nil
}

// resetAgent gives up what an Agent held: its orders come back, a job that was
// running is lost.
func (c *Controller) resetAgent(path string) error {
	if _, ok := c.items.get(ItemRef{Kind: item.KindAgentRef, Path: path}.String()); !ok {
		return fault.New(fault.NotFound, "UnknownKey", "there is no Agent %s", path).About("Agent:" + path)
	}
	for _, id := range c.orders.keys() {
		o := c.orders.m[id]
		if o.Attachment.Agent != path || o.Attachment.Where == order.Detached {
			continue
		}
		if o.Attachment.Where == order.Attaching {
			o = c.emitOrder(o, &order.AttachedEvent{Agent: path})
		}
		if o.State.Kind == order.Processing {
			o = c.emitOrder(o, &order.ProcessedEvent{Outcome: c.lost(o)})
		}
		c.emitOrder(o, &order.DetachedEvent{})
	}
	var had []ItemRef
	for _, key := range sortedKeys(c.atAgent[path]) {
		had = append(had, c.attached.m[key].Ref)
	}
	a, _ := c.Agent(path)
	c.emit(path, &AgentReset{LogID: a.LogID})
	for _, ref := range had {
		c.collectRemoved(path, ref)
	}
	return nil
}

// lost returns the outcome of a job whose process is unknown: it is repeated,
// unless the job says that it must not be.
func (m *machine) lost(o *order.Order) *order.Outcome {
	p := &order.Problem{Code: "ProcessLostDueToRestart", Message: "the process was lost: its Agent was restarted or reset while it ran"}
	w, err := m.workflow(o.Workflow)
	repeat := err == nil && restartable(w, o.Position)
	return &order.Outcome{Kind: order.Disrupted, ProcessLost: repeat, Problem: p}
}

// Tick wakes the orders whose time has come.
func (c *Controller) Tick(now int64) error {
	return c.transact(now, func() error {
		c.wakeDue()
		c.reverify()
		return nil
	})
}

// TrustChanged verifies every document against the new trust set.
func (c *Controller) TrustChanged(now int64) error {
	return c.transact(now, func() error {
		c.trustChanged()
		return nil
	})
}

// Lead begins to decide in a term: the first event names the Controller, and
// orders that could go on do so.
func (c *Controller) Lead(term, now int64) error {
	return c.transact(now, func() error {
		if c.id.v == "" {
			c.emit("", &ControllerInitialized{ControllerID: c.cfg.ControllerID, Estate: c.cfg.Estate})
		} else if err := c.estate.v.fits(c.cfg.Estate); err != nil {
			return err
		} else if now := c.estate.v.named(c.cfg.Estate.Installation); now != c.estate.v {
			c.emit("", &ControllerInitialized{ControllerID: c.id.v, Estate: now})
		}
		c.emit("", &ControllerReady{Term: term})
		c.led = true
		c.trustChanged() // every document is verified again
		c.touchAll()
		return nil
	})
}

// JSON returns a fielder as JSON text.
func JSON(f codec.Fielder) string { return string(codec.JSON(nil, f)) }
