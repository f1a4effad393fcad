package engine

import (
	"fmt"
	"strings"

	"github.com/signet-scheduler/signet/internal/expr"
	"github.com/signet-scheduler/signet/internal/order"
	"github.com/signet-scheduler/signet/internal/value"
	"github.com/signet-scheduler/signet/internal/workflow"
)

// maxChildren bounds the children of one fork.
const maxChildren = 100_000

func (m *machine) stepFork(o *order.Order, ins *workflow.Fork) {
	if !m.start(o) {
		return
	}
	o = m.orders.m[o.ID]
	if m.forkElsewhere(o, ins.AgentPath) {
		return
	}
	children := make([]order.ForkedChild, len(ins.Branches))
	for i := range ins.Branches {
		children[i] = order.ForkedChild{BranchID: ins.Branches[i].ID, OrderID: o.ID.Child(ins.Branches[i].ID)}
	}
	m.fork(o, children)
}

// forkElsewhere brings an order to the Agent where it has to fork.
func (m *machine) forkElsewhere(o *order.Order, agent string) bool {
	if agent == "" || agent == m.cfg.Agent {
		return false
	}
	if m.rules.toController(o) {
		return true
	}
	if c, ok := m.rules.(*Controller); ok {
		c.attach(o, agent)
	}
	return true
}

func (m *machine) fork(o *order.Order, children []order.ForkedChild) {
	for _, c := range children {
		if _, exists := m.orders.get(c.OrderID); exists {
			m.disrupt(o, problemf("DuplicateOrder", "the child order %s exists already", c.OrderID))
			return
		}
	}
	o = m.emitOrder(o, &order.ForkedEvent{Children: children})
	m.rules.toController(o) // only the Controller joins
}

func (m *machine) stepForkList(o *order.Order, w *workflow.Workflow, ins *workflow.ForkList) {
	if !m.start(o) {
		return
	}
	o = m.orders.m[o.ID]
	if m.forkElsewhere(o, ins.AgentPath) {
		return
	}
	children, err := m.listChildren(o, w, ins)
	if err != nil {
		m.disrupt(o, err)
		return
	}
	m.fork(o, children)
}

// listChildren evaluates the list of a ForkList, and id and arguments of each
// child.
func (m *machine) listChildren(o *order.Order, w *workflow.Workflow, ins *workflow.ForkList) ([]order.ForkedChild, error) {
	s := m.scope(o, w)
	v, err := ins.Children.Eval(s)
	if err != nil {
		return nil, err
	}
	list, ok := v.(value.List)
	if !ok {
		return nil, problemf("WrongValueType", "ForkList.children gave a %s, not a List", v.Kind())
	}
	if len(list) > maxChildren {
		return nil, problemf("TooManyChildren", "ForkList: %d children are more than the %d allowed", len(list), maxChildren)
	}
	children := make([]order.ForkedChild, len(list))
	ids := make(map[string]bool, len(list))
	for i, x := range list {
		id, err := callText(ins.ChildToID, s, x, i)
		if err != nil {
			return nil, err
		}
		if err := order.ID(id).Check(); err != nil {
			return nil, problemf("InvalidName", "ForkList.childToId, element %d: %s", i, order.ProblemOf(err).Message)
		}
		if ids[id] {
			return nil, problemf("DuplicateKey", "ForkList.childToId gave %q for two elements", id)
		}
		ids[id] = true
		args, err := childArguments(ins, s, x, i)
		if err != nil {
			return nil, err
		}
		children[i] = order.ForkedChild{OrderID: o.ID.Child(id), Arguments: args}
	}
	return children, nil
}

func callText(f *expr.Function, s *scope, x value.Value, i int) (string, error) {
	v, err := f.Call(s, first(f, x, value.NewInt(int64(i)))...)
	if err != nil {
		return "", err
	}
	t, err := value.ToText(v)
	return string(t), err
}

// first returns as many arguments as f has parameters.
func first(f *expr.Function, args ...value.Value) []value.Value { return args[:len(f.Params())] }

func childArguments(ins *workflow.ForkList, s *scope, x value.Value, i int) (value.Map, error) {
	if ins.ChildToArguments == nil {
		return nil, nil
	}
	v, err := ins.ChildToArguments.Call(s, first(ins.ChildToArguments, x, value.NewInt(int64(i)))...)
	if err != nil {
		return nil, err
	}
	obj, ok := v.(value.Object)
	if !ok {
		return nil, problemf("WrongValueType", "ForkList.childToArguments gave a %s, not an Object", v.Kind())
	}
	args := make(value.Map, obj.Len())
	for _, n := range obj.Names() {
		args[n], _ = obj.Get(n)
	}
	return args, nil
}

// join ends a fork when every child has ended. Only the Controller does.
func (m *machine) join(o *order.Order) {
	c, ok := m.rules.(*Controller)
	if !ok {
		m.rules.toController(o)
		return
	}
	w, err := m.workflow(o.Workflow)
	if err != nil {
		m.quarantined(o.ID, workflowRef(o.Workflow)) // waits
		return
	}
	if c.childrenEnded(o, w) {
		m.emitOrder(o, &order.Joined{Outcome: m.joinOutcome(o, w)})
	}
}

// childrenEnded tells whether every child can be joined. It looks first at the
// child for which the order was found to wait the last time, so that the ends
// of n children take n looks and not n².
func (c *Controller) childrenEnded(o *order.Order, w *workflow.Workflow) bool {
	children := o.State.Children
	ended := func(i int) bool {
		child, ok := c.orders.get(children[i].OrderID)
		return ok && childEnded(child, w)
	}
	at := c.joinAt[o.ID]
	for i := at; i < len(children); i++ {
		if !ended(i) {
			c.joinAt[o.ID] = i
			return false
		}
	}
	for i := range min(at, len(children)) { // they may have been resumed meanwhile
		if !ended(i) {
			c.joinAt[o.ID] = i
			return false
		}
	}
	return true
}

// childEnded tells whether a child can be joined: it stands at the end of its
// branch, has failed for the join, or was cancelled.
func childEnded(c *order.Order, w *workflow.Workflow) bool {
	if c.Attachment.Where != order.Detached || c.Suspended {
		return false
	}
	switch c.State.Kind {
	case order.FailedInFork, order.Cancelled:
		return true
	case order.Ready:
		return atBranchEnd(c, w) && !c.Failing && !isHeld(c.Mark)
	}
	return false
}

// isHeld tells whether a mark is going to be carried out before the order goes
// on.
func isHeld(m *order.Mark) bool {
	return m != nil && (m.Kind == order.Cancelling && !m.Cancel.FreshOnly || m.Kind == order.Suspending)
}

func atBranchEnd(c *order.Order, w *workflow.Workflow) bool {
	if _, isEnd := w.At(c.Position).(*workflow.End); !isEnd {
		return false
	}
	_, branch, ok := c.Position.Block.Split()
	kind, _ := workflow.CutBranch(branch)
	return ok && kind == workflow.BranchFork
}

// maxJoinProblems is how many failed children a join's message lists.
const maxJoinProblems = 3

// joinOutcome is Succeeded with the branches' results, or Failed with what
// became of the children that didn't succeed.
func (m *machine) joinOutcome(o *order.Order, w *workflow.Workflow) *order.Outcome {
	var problems []string
	for _, ref := range o.State.Children {
		c := m.orders.m[ref.OrderID]
		switch {
		case c.State.Kind == order.Cancelled:
			problems = append(problems, fmt.Sprintf("Order:%s has been cancelled", c.ID))
		case c.State.Kind == order.FailedInFork:
			problems = append(problems, fmt.Sprintf("Order:%s %s", c.ID, failedText(c)))
		}
	}
	if len(problems) > 0 {
		return order.FailedWith(strings.Join(problems[:min(len(problems), maxJoinProblems)], ";\n"))
	}
	values, err := m.results(o, w)
	if err != nil {
		return order.FailedWith(order.ProblemOf(err).Message)
	}
	return &order.Outcome{Kind: order.Succeeded, Values: values}
}

// failedText returns the outcome that made a child fail, through Caught.
func failedText(c *order.Order) string {
	for h := c.History; h != nil; h = h.Prev {
		if h.Outcome.Kind != order.Caught {
			return h.Outcome.Text()
		}
	}
	return string(order.Fails)
}

// results evaluates what the branches return: in a Fork the union of their
// results, in a ForkList a List for each name, in the order of the children.
func (m *machine) results(o *order.Order, w *workflow.Workflow) (value.Map, error) {
	values := value.Map{}
	lists := map[string]value.List{}
	ins := w.At(o.Position)
	_, isList := ins.(*workflow.ForkList)
	for _, ref := range o.State.Children {
		c := m.orders.m[ref.OrderID]
		branch := workflow.BranchFork
		if !isList {
			branch = workflow.ForkBranch(ref.BranchID)
		}
		block := workflow.Child(ins, branch)
		if block == nil {
			continue
		}
		for _, r := range block.Result {
			v, err := r.Expr.Eval(m.scope(c, w))
			if err != nil {
				return nil, err
			}
			if isList {
				lists[r.Name] = append(lists[r.Name], v)
			} else {
				values[r.Name] = v
			}
		}
	}
	if fl, ok := ins.(*workflow.ForkList); ok {
		for _, r := range fl.Block.Result {
			values[r.Name] = append(value.List{}, lists[r.Name]...)
		}
	}
	if len(values) == 0 {
		return nil, nil
	}
	for _, name := range values.Names() { // lists of lists, round after round
		if value.Depth(values[name]) > value.MaxDepth {
			return nil, problemf("ValueTooDeep", "the result %s is nested deeper than %d", name, value.MaxDepth)
		}
	}
	return values, nil
}
