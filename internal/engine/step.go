package engine

import (
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/signet-scheduler/signet/internal/expr"
	"github.com/signet-scheduler/signet/internal/item"
	"github.com/signet-scheduler/signet/internal/order"
	"github.com/signet-scheduler/signet/internal/value"
	"github.com/signet-scheduler/signet/internal/workflow"
)

// reasonSkipped is why a labelled instruction was passed.
const reasonSkipped = "SkippedDueToWorkflowPathControl"

// step lets an order take its next step, if it can; the caller repeats it
// until nothing changes.
func (m *machine) step(o *order.Order) {
	if o.State.Terminated() {
		if m.cfg.Agent == "" && o.DeleteWhenTerminated && o.Parent == "" {
			m.emitOrder(o, &order.Deleted{})
		}
		return
	}
	if !m.rules.mine(o) {
		return
	}
	if m.stepMark(o) || o.Suspended {
		return
	}
	switch o.State.Kind {
	case order.Broken:
		m.rules.toController(o) // there an operator can resume it
	case order.Fresh, order.Ready:
		if o.Failing {
			m.fail(o)
			return
		}
		m.instruct(o)
	case order.Processed:
		m.stepProcessed(o)
	case order.ProcessingKilled:
		m.fail(o)
	case order.DelayingRetry:
		if o.Goes || o.State.Until <= m.now {
			m.awake(o)
		}
	case order.Sleeping:
		if o.Goes || o.State.Until <= m.now {
			m.emitOrder(o, &order.Moved{To: o.Position.Next()})
		}
	case order.Forked:
		m.join(o)
	}
}

// stepProcessed deals with the outcome of a process or of a join.
func (m *machine) stepProcessed(o *order.Order) {
	out := o.Last()
	switch {
	case out == nil:
		m.fault = problemf("InternalError", "Order:%s is Processed without an outcome", o.ID)
	case out.ProcessLost:
		m.emitOrder(o, &order.Moved{To: o.Position})
	case out.Kind == order.Killed:
		m.emitOrder(o, &order.ProcessingKilledEvent{})
	case out.IsSucceeded():
		m.emitOrder(o, &order.Moved{To: o.Position.Next()})
	default:
		m.fail(o)
	}
}

// instruct executes the instruction at the order's position.
func (m *machine) instruct(o *order.Order) {
	w, err := m.workflow(o.Workflow)
	if err != nil {
		m.withoutWorkflow(o, err)
		return
	}
	ins := w.At(o.Position)
	if ins == nil {
		m.broken(o, problemf("UnknownPosition", "the workflow %s has no instruction at %s", o.Workflow, o.Position))
		return
	}
	if m.stops(o, w, ins) {
		return
	}
	switch ins := ins.(type) {
	case *workflow.Execute:
		m.rules.execute(o, w, ins)
	case *workflow.If:
		m.stepIf(o, w, ins)
	case *workflow.Try:
		m.emitOrder(o, &order.Moved{To: o.Position.Into(workflow.TryBranch(0))})
	case *workflow.Retry:
		m.stepRetry(o, w)
	case *workflow.Fork:
		m.stepFork(o, ins)
	case *workflow.ForkList:
		m.stepForkList(o, w, ins)
	case *workflow.Fail:
		m.stepFail(o, w, ins)
	case *workflow.Finish:
		m.stepFinish(o, ins)
	case *workflow.Stop:
		if !m.rules.toController(o) && m.start(o) {
			m.emitOrder(m.orders.m[o.ID], &order.StoppedEvent{})
		}
	case *workflow.Options:
		m.emitOrder(o, &order.Moved{To: o.Position.Into(workflow.BranchOptions)})
	case *workflow.Sleep:
		m.stepSleep(o, w, ins)
	case *workflow.Empty:
		m.emitOrder(o, &order.Moved{To: o.Position.Next()})
	case *workflow.End:
		m.stepEnd(o)
	}
}

// withoutWorkflow deals with an order whose workflow can't be used. One in
// quarantine waits; an Agent that was never able to verify it fails the order.
func (m *machine) withoutWorkflow(o *order.Order, err error) {
	if m.quarantined(o.ID, workflowRef(o.Workflow)) {
		return // waits for the operator; Obstacles tells why
	}
	if o.Failing {
		m.failHere(o)
		return
	}
	o = m.emitOrder(o, &order.OutcomeAdded{Outcome: order.DisruptedBy(err)})
	if !m.rules.toController(o) {
		m.emitOrder(o, &order.BrokenEvent{Problem: order.ProblemOf(err)})
	}
}

// stops tells whether the order must not execute its instruction now: the
// workflow is suspended, the instruction is skipped, a breakpoint or a stop
// position is reached.
func (m *machine) stops(o *order.Order, w *workflow.Workflow, ins workflow.Instruction) bool {
	if c, ok := m.paths.get(o.Workflow.Path); ok {
		if c.Suspended {
			m.hold(o.ID, c.ref())
			return true
		}
		if label := ins.Label(); label != "" && slices.Contains(c.Skip, label) {
			if o.State.Kind == order.Fresh && !m.isDue(o) {
				if ex, ok := ins.(*workflow.Execute); ok && m.cfg.Agent == "" {
					m.rules.execute(o, w, ex) // attached as usual; skipped there when its time has come
				}
				return true
			}
			m.emitOrder(o, &order.Moved{To: o.Position.Next(), Reason: reasonSkipped})
			return true
		}
	}
	// Suspending it would take the place of a cancellation that lets it finish here.
	if c, ok := m.breaks.get(o.Workflow.String()); ok && !o.Resumed && !isHeld(o.Mark) && slices.Contains(c.Breakpoints, o.Position.Normalize()) {
		if !m.rules.toController(o) {
			m.emitOrder(o, &order.SuspendedEvent{})
		}
		return true
	}
	if slices.Contains(o.StopPositions, o.Position) || slices.Contains(o.StopPositions, o.Position.Normalize()) {
		m.finish(o, nil)
		return true
	}
	return false
}

// isDue tells whether a fresh order may start.
func (m *machine) isDue(o *order.Order) bool {
	return o.Goes || o.ScheduledFor <= m.now
}

// start makes a fresh order started, when it is due; false: it has to wait.
func (m *machine) start(o *order.Order) bool {
	if o.State.Kind != order.Fresh {
		return true
	}
	if !m.isDue(o) {
		return false
	}
	m.emitOrder(o, &order.Started{})
	return m.fault == nil
}

// disrupt gives the order a problem as outcome; it then fails, catchably.
func (m *machine) disrupt(o *order.Order, err error) {
	m.emitOrder(o, &order.OutcomeAdded{Outcome: order.DisruptedBy(err)})
}

func (m *machine) broken(o *order.Order, err error) {
	o = m.emitOrder(o, &order.OutcomeAdded{Outcome: order.DisruptedBy(err)})
	m.emitOrder(o, &order.BrokenEvent{Problem: order.ProblemOf(err)})
}

func (m *machine) stepIf(o *order.Order, w *workflow.Workflow, ins *workflow.If) {
	s := m.scope(o, w)
	for i := range ins.IfThens {
		if ins.IfThens[i].Predicate.UsesClock() && o.State.Kind == order.Fresh {
			m.start(o) // the next step evaluates it
			return
		}
		for _, path := range ins.IfThens[i].Predicate.JobResources() {
			if m.quarantined(o.ID, ItemRef{Kind: item.KindJobResource, Path: path}) {
				return
			}
		}
		yes, err := evalBoolean(ins.IfThens[i].Predicate, s)
		if err != nil {
			m.disrupt(o, err)
			return
		}
		if yes {
			m.emitOrder(o, &order.Moved{To: o.Position.Into(workflow.ThenBranch(i))})
			return
		}
	}
	to := o.Position.Next()
	if ins.Else != nil {
		to = o.Position.Into(workflow.BranchElse)
	}
	m.emitOrder(o, &order.Moved{To: to})
}

func evalBoolean(e *expr.Expr, s expr.Scope) (bool, error) {
	v, err := e.Eval(s)
	if err != nil {
		return false, err
	}
	b, ok := v.(value.Boolean)
	if !ok {
		return false, problemf("WrongValueType", "the condition %s gave a %s, not a Boolean", e.Source(), v.Kind())
	}
	return bool(b), nil
}

// stepRetry begins the next round of the Try around a Retry, or fails.
func (m *machine) stepRetry(o *order.Order, w *workflow.Workflow) {
	try, at, round, ok := enclosingCatch(w, o.Position)
	if !ok {
		m.broken(o, problemf("InternalError", "Retry outside of a catch block"))
		return
	}
	if try.Retry.MaxTries > 0 && round+1 >= try.Retry.MaxTries {
		m.failFrom(o, w, at.Branch(workflow.CatchBranch(round)))
		return
	}
	if !m.start(o) {
		return
	}
	o = m.orders.m[o.ID]
	if delay := try.Retry.Delay(round + 1); delay > 0 {
		m.emitOrder(o, &order.Retrying{DelayedUntil: delayedUntil(m.now, delay)})
		return
	}
	m.emitOrder(o, &order.Retrying{})
	m.retry(o, w)
}

// delayedUntil rounds delays of ten seconds and more up to a full second.
func delayedUntil(now int64, delay time.Duration) int64 {
	until := now + max(1, delay.Milliseconds())
	if delay >= 10*time.Second {
		until = (until + 999) / 1000 * 1000
	}
	return until
}

// retry moves an order that stands at a Retry into the next round.
func (m *machine) retry(o *order.Order, w *workflow.Workflow) {
	_, at, round, ok := enclosingCatch(w, o.Position)
	if !ok {
		m.broken(o, problemf("InternalError", "Retry outside of a catch block"))
		return
	}
	m.emitOrder(o, &order.Moved{To: at.Into(workflow.TryBranch(round + 1))})
}

// awake lets an order go on whose delay is over.
func (m *machine) awake(o *order.Order) {
	w, err := m.workflow(o.Workflow)
	if err != nil && m.quarantined(o.ID, workflowRef(o.Workflow)) {
		return
	}
	o = m.emitOrder(o, &order.Awoke{})
	if err != nil {
		m.withoutWorkflow(o, err)
		return
	}
	m.retry(o, w)
}

func (m *machine) stepFail(o *order.Order, w *workflow.Workflow, ins *workflow.Fail) {
	if !m.start(o) {
		return
	}
	o = m.orders.m[o.ID]
	out := &order.Outcome{Kind: order.Fails, Values: ins.NamedValues, Uncatchable: ins.Uncatchable}
	if ins.Message != nil {
		out.Message = m.message(ins.Message, m.scope(o, w))
	}
	m.emitOrder(o, &order.OutcomeAdded{Outcome: out})
}

// message evaluates the text of a failure; if that fails, its problem is the
// text.
func (m *machine) message(e *expr.Expr, s expr.Scope) string {
	v, err := e.Eval(s)
	if err == nil {
		var t value.String
		if t, err = value.ToText(v); err == nil {
			return string(t)
		}
	}
	return order.ProblemOf(err).Message
}

func (m *machine) stepSleep(o *order.Order, w *workflow.Workflow, ins *workflow.Sleep) {
	if !m.start(o) {
		return
	}
	o = m.orders.m[o.ID]
	ms, err := sleepMillis(ins.Duration, m.scope(o, w))
	switch {
	case err != nil:
		m.disrupt(o, err)
	case ms <= 0:
		m.emitOrder(o, &order.Moved{To: o.Position.Next()})
	default:
		m.emitOrder(o, &order.SleepingEvent{Until: m.now + ms, Cause: "SleepInstruction"})
	}
}

// maxSleep is the longest Sleep, about a hundred years, in seconds.
const maxSleep = 100 * 366 * 86400

func sleepMillis(e *expr.Expr, s expr.Scope) (int64, error) {
	v, err := e.Eval(s)
	if err != nil {
		return 0, err
	}
	var n value.Number
	switch v := v.(type) {
	case value.Missing:
		return 0, nil
	case value.Number:
		n = v
	case value.String:
		if n, err = value.ParseNumber(strings.TrimSpace(string(v))); err != nil {
			return 0, problemf("WrongValueType", "Sleep needs a number of seconds, not %.40q", string(v))
		}
	default:
		return 0, problemf("WrongValueType", "Sleep needs a number of seconds, not a %s", v.Kind())
	}
	switch {
	case n.Sign() <= 0:
		return 0, nil
	case n.Cmp(value.NewInt(maxSleep)) > 0:
		n = value.NewInt(maxSleep)
	}
	seconds, err := strconv.ParseFloat(n.String(), 64)
	if err != nil {
		return 0, problemf("WrongValueType", "Sleep needs a number of seconds, not %s", n)
	}
	return int64(math.Ceil(1000 * seconds)), nil
}
