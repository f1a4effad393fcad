package sim

import (
	"fmt"
	"strings"
	"time"

	"github.com/signet-scheduler/signet/internal/engine"
	"github.com/signet-scheduler/signet/internal/ledger"
	"github.com/signet-scheduler/signet/internal/order"
	"github.com/signet-scheduler/signet/internal/release"
	"github.com/signet-scheduler/signet/test/sim/oracle"
)

// stall is how long nothing may happen to orders while one can go on.
const stall = 30 * time.Second

// rest ends the faults, lets everything come to rest, and looks at what is left.
func (w *world) rest() {
	w.tell("the faults are over")
	w.calm = true
	w.peace()
	w.upgraded()
	healed := false
	began := w.now
	w.until(time.Minute, func() bool { return w.load.asking == 0 && w.now-began >= w.settling() })
	w.heal(func() { healed = true; w.last = w.now })
	w.last, began = w.now, w.now
	for w.err == nil {
		if w.until(time.Second, func() bool { return healed && w.resting() == "" }) {
			w.final()
			return
		}
		if !healed && w.now-began > (3*time.Minute).Microseconds() {
			w.fail(w.failure("the installation doesn't take commands after the faults ended: %s", w.where()))
		}
		if healed && (w.now-w.last > stall.Microseconds() || w.now-began > (20*time.Minute).Microseconds()) {
			w.fail(w.failure("nothing happens any more, and it isn't at rest (invariant 9): %s", w.resting()))
		}
	}
}

// settling is how long a request may still be under way that nobody waits for.
func (w *world) settling() int64 {
	if w.reached["fault late packet"] > 0 {
		return (9 * time.Second).Microseconds()
	}
	return time.Second.Microseconds()
}

// peace takes all faults back.
func (w *world) peace() {
	clear(w.net.cut)
	w.net.loss, w.net.twice, w.net.slow, w.net.late = 0, 0, 0, 0
	latest := max(w.now, w.latest)
	all := w.faults.parts()
	for _, p := range all {
		latest = max(latest, p.clock.micros())
	}
	for _, p := range all {
		p.clock.set(latest+1000, 0)
		p.mend()
	}
	for _, signer := range signers {
		for _, c := range w.controllers {
			if c.trust[signer] {
				c.distrust(signer, false)
			}
		}
		for _, a := range w.agents {
			if a.trust[signer] {
				a.distrust(signer, false)
			}
		}
	}
}

// heal takes back what operators did that keeps orders from going on.
func (w *world) heal(done func()) {
	var list []*request
	l := w.load
	d := &deployment{}
	for _, a := range w.agents {
		d.add(agentRef(a.name, false, 0), "root")
	}
	list = append(list, &request{id: l.newID(), what: "enable Agents", deploy: d})
	no := false
	for _, doc := range l.docs {
		// It may have been taken out of service.
		d := &deployment{}
		l.version++
		d.add(doc.text(l.version), doc.signer)
		list = append(list,
			&request{id: l.newID(), what: "deploy " + doc.path, deploy: d},
			l.request("let "+doc.path+" go", &engine.ControlWorkflowPath{Path: doc.path, Suspend: &no}))
	}
	var next func(i int)
	next = func(i int) {
		if i == len(list) {
			done()
			w.tend()
			return
		}
		l.operator(list[i], func() { next(i + 1) })
	}
	next(0)
}

// tend has Agents that lost their log taken in again, and signs anew what an Agent
// refuses because it knows a later release than that it came with: as an operator
// does.
func (w *world) tend() {
	l := w.load
	m := w.leader()
	for _, a := range w.agents {
		if m == nil || !a.up() || !a.ready {
			continue
		}
		if d := passedOver(m.eng, a.name); d != nil {
			w.last = w.now
			l.operator(&request{id: l.newID(), what: "sign anew what " + a.name + " refuses", deploy: d}, func() { w.after(2*time.Second, "tend", w.tend) })
			return
		}
		st, _ := m.eng.Agent(a.name)
		switch {
		case st.Problem == nil || st.Problem.Code != "AgentLogMismatch":
		case a.eng.LogID() == st.Gone:
			a.wipe() // it was reset twice: its data is to be deleted
		default:
			w.last = w.now
			l.operator(l.request("reset "+a.name, &engine.ResetAgent{Agent: a.name}), func() { w.after(2*time.Second, "tend", w.tend) })
			return
		}
	}
	w.after(2*time.Second, "tend", w.tend)
}

// passedOver returns a document that an Agent refuses because of the release that it
// came with, as it is deployed anew; nil: there is none.
func passedOver(e *engine.Controller, agent string) *deployment {
	for _, at := range e.Attachments(agent) {
		if at.Problem == nil || at.Ref.IsRelease() || at.Problem.Code != release.CodeReleaseOutdated && at.Problem.Code != release.CodeReleaseMissing {
			continue
		}
		if it, ok := e.Item(at.Ref); ok && !it.Removed {
			d := &deployment{}
			d.add(it.Document.Text, "root")
			return d
		}
	}
	return nil
}

// resting tells what isn't at rest; "" when everything is.
func (w *world) resting() string {
	m := w.leader()
	if m == nil {
		return "nobody leads"
	}
	seq := uint64(len(w.record.entries))
	for _, c := range w.controllers {
		if !c.up() || c.step.Applied() != seq || !c.step.Settled() {
			return fmt.Sprintf("%s hasn't everything", c.name)
		}
	}
	for _, a := range w.agents {
		switch st, _ := m.eng.Agent(a.name); {
		case !a.up() || !a.ready || !a.step.Settled():
			return a.name + " isn't up"
		case !st.Coupled:
			return fmt.Sprintf("%s isn't coupled: %v", a.name, st.Problem)
		case len(a.eng.Orders()) > 0 || a.eng.Running() > 0 || len(a.running) > 0:
			return fmt.Sprintf("%s still has %d processes and %s", a.name, len(a.running), a.orders(m.eng))
		}
	}
	for _, o := range m.eng.Orders() {
		if why := w.waits(m.eng, o); why != "" {
			return fmt.Sprintf("the order %s (%s at %s of %s, marked %v) %s; obstacles %v", o.ID, o.State.Kind, o.Position, o.Workflow, o.Mark, why, m.eng.Obstacles(o))
		}
	}
	if w.cockpit.position < w.lastEvent() {
		return fmt.Sprintf("the Cockpit is at %d of %d", w.cockpit.position, w.lastEvent())
	}
	return ""
}

// orders tells of the orders that an Agent has.
func (a *agent) orders(c *engine.Controller) string {
	text := ""
	for i, o := range a.eng.Orders() {
		if i > 2 {
			return text + "and more"
		}
		text += fmt.Sprintf("the order %s: %s at %s of %s, %s, suspended %v, marked %v, next wake %d, now %d, documents", o.ID, o.State.Kind, o.Position, o.Workflow,
			o.Attachment.Where, o.Suspended, o.Mark, a.eng.NextWake(), a.clock.micros()/1000)
		for _, at := range c.Attachments(a.name) {
			text += fmt.Sprintf(" %s %s %v;", at.Ref, at.State, at.Problem)
		}
	}
	return text
}

// lastEvent returns the newest event of the stream.
func (w *world) lastEvent() int64 { return w.stream.Last() }

// waits tells what is wrong with an order when nothing happens any more.
func (w *world) waits(e *engine.Controller, o *order.Order) string {
	k := o.State.Kind
	switch {
	case o.Attachment.Where != order.Detached:
		return "is still at its Agent"
	case o.Suspended || o.State.Terminated() || k == order.Failed || k == order.FailedWhileFresh || o.State.IsStopped() || k == order.Broken:
		return ""
	case k == order.FailedInFork, k == order.Ready && o.Parent != "":
		if p := e.Order(o.Parent); p == nil || p.State.Kind != order.Forked {
			return "has lost its parent"
		}
		return ""
	case k == order.Forked:
		for _, ch := range o.State.Children {
			c := e.Order(ch.OrderID)
			if c == nil {
				return "has lost a child"
			}
			if c.Suspended || c.State.IsFailed() && c.State.Kind != order.FailedInFork || c.State.IsStopped() || c.State.Kind == order.Broken || c.State.Kind == order.Forked {
				return ""
			}
		}
		return "doesn't join"
	}
	if b := e.Breakpoints(o.Workflow); len(b) > 0 {
		return ""
	}
	return "is stuck"
}

// final compares all that can be compared at rest.
func (w *world) final() {
	w.tell("all is at rest")
	w.fail(w.compareControllers())
	for _, a := range w.agents {
		w.fail(w.compareAgent(a))
	}
	if w.err != nil {
		return
	}
	rows, err := w.cockpit.history()
	if err != nil {
		w.fail(fmt.Errorf("reading the history: %w", err))
		return
	}
	if found := w.stream.History(rows, w.cockpit.position); len(found) > 0 {
		w.fail(found[0])
		return
	}
	found := w.stream.End(oracle.End{
		Acknowledged: w.load.acked, Effects: w.effects, Commands: w.commands, Readers: []*oracle.Reader{w.cockpit.reader}, Waiting: true,
	})
	if len(found) > 0 {
		w.fail(found[0])
	}
}

// compareControllers compares the members' states with the fold of the log
// (invariant 5).
func (w *world) compareControllers() error {
	fold := engine.NewController(w.controllers[0].config())
	for i, data := range w.record.entries {
		events, err := ledger.Events(data)
		if err != nil {
			return err
		}
		if err := fold.Apply(events); err != nil {
			return fmt.Errorf("folding entry %d: %w", i+1, err)
		}
	}
	want := fold.Freeze().Digest()
	for _, c := range w.controllers {
		if c.eng.Freeze().Digest() != want {
			return fmt.Errorf("%s: its state isn't the fold of the log (invariant 5)", c.name)
		}
		again, err := c.refold()
		if err != nil {
			return fmt.Errorf("%s: folding its log again: %w", c.name, err)
		}
		if again != want {
			return fmt.Errorf("%s: its snapshot and log fold to another state (invariant 5)", c.name)
		}
	}
	return nil
}

// where tells how the parts are, for a finding.
func (w *world) where() string {
	var text strings.Builder
	for _, c := range w.controllers {
		if !c.up() {
			text.WriteString(c.name + " is down; ")
			continue
		}
		st := c.step.Status()
		fmt.Fprintf(&text, "%s: leader %d, term %d, applied %d of %d, no space %v; ", c.name, st.Leader, st.Term, st.Applied, len(w.record.entries), st.OutOfSpace)
	}
	return text.String()
}
