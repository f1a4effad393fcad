package sim

import (
	"fmt"
	mathrand "math/rand/v2"
	"strings"
	"time"

	"github.com/signet-scheduler/signet/internal/codec"
	"github.com/signet-scheduler/signet/internal/engine"
	"github.com/signet-scheduler/signet/internal/engine/enginetest"
	"github.com/signet-scheduler/signet/internal/item"
	"github.com/signet-scheduler/signet/internal/order"
	"github.com/signet-scheduler/signet/internal/value"
	"github.com/signet-scheduler/signet/internal/workflow"
	"github.com/signet-scheduler/signet/test/sim/oracle"
)

// load makes up what clients ask for.
type load struct {
	w        *world
	rand     *mathrand.Rand
	docs     []document
	version  int
	deployed bool
	orders   []string              // asked to be added
	acked    []string              // ids of orders whose adding was acknowledged
	released []*enginetest.Release // asked to be deployed
	ids      int
	prefix   string // of ids
	asking   int    // clients that wait for an answer
}

// request is a call of a client, to be repeated under its id until it is
// answered.
type request struct {
	id     string
	kind   oracle.Kind
	order  string
	what   string
	body   []byte // of a command
	deploy *deployment
	read   bool
	shoot  bool // a snapshot
}

func newLoad(w *world) *load {
	return &load{w: w, rand: w.random("load"), docs: w.documents()}
}

// weights is how often which kind of request is made.
var weights = []struct {
	kind   string
	weight int
}{
	{"add", 50},
	{"cancel", 6},
	{"suspend", 5},
	{"resume", 9},
	{"go", 4},
	{"priority", 2},
	{"delete", 4},
	{"transfer", 3},
	{"skip", 2},
	{"hold", 2},
	{"break", 2},
	{"deploy", 3},
	{"resource", 1},
	{"agentref", 1},
	{"revoke", 1},
	{"release", 3},
	{"replay", 2},
	{"reset", 12},
	{"snapshot", 1},
	{"read", 6},
	{"again", 2},
}

// Loads returns the names of all kinds of requests.
func Loads() []string {
	var names []string
	for _, k := range weights {
		names = append(names, "load "+k.kind)
	}
	return names
}

func (l *load) newID() string {
	l.ids++
	return fmt.Sprintf("%sc-%d", l.prefix, l.ids)
}

// goOn has the load go on in an installation that has a past: its ids and
// versions are new.
func (l *load) goOn() { l.prefix, l.version = "N", 100 }

// deploy deploys everything, in peace.
func (l *load) deploy() {
	d := &deployment{}
	for _, a := range l.w.agents {
		d.add(agentRef(a.name, false, 0), "root")
	}
	d.add(resource(1), "carol")
	l.version++
	for _, doc := range l.docs {
		d.add(doc.text(l.version), doc.signer)
	}
	l.operator(&request{id: l.newID(), what: "deploy all", deploy: d}, func() { l.deployed = true })
}

func (d *deployment) add(text, evidence string) {
	d.texts, d.evidence = append(d.texts, text), append(d.evidence, evidence)
}

// operator has a request carried out, whoever leads, however often it takes.
func (l *load) operator(q *request, done func()) {
	l.w.after(100*time.Millisecond, "operator", func() {
		m := l.w.leader()
		if m == nil {
			l.operator(q, done)
			return
		}
		life := m.life
		answered := false
		l.w.after(5*time.Second, "operator", func() {
			if !answered && m.life != life {
				l.operator(q, done)
			}
		})
		l.carryOut(m, q, func(_ any, err error) {
			answered = true
			if err != nil {
				l.w.tell("operator: %s: %v", q.what, err)
				l.operator(q, done)
				return
			}
			done()
		})
	})
}

// request makes a request of a command.
func (l *load) request(what string, body engine.CommandBody) *request {
	q := &request{id: l.newID(), what: what}
	q.body = codec.JSON(nil, &engine.Command{ID: q.id, Body: body})
	return q
}

// carryOut brings a request to a member.
func (l *load) carryOut(m *controller, q *request, reply func(any, error)) {
	switch {
	case q.deploy != nil:
		m.deploy(q.id, q.deploy, reply)
	case q.read:
		m.ask(func(e *engine.Controller, _ int64) (any, error) {
			o := e.Order(order.ID(q.order))
			if o == nil {
				return "", nil
			}
			return string(o.State.Kind), nil
		}, reply)
	case q.shoot:
		m.input(func() { m.step.Snapshot(func(err error) { m.after(0, "decided", func() { reply("", err) }) }) })
	default:
		m.command(q.body, reply)
	}
}

// choose makes up a request; nil when there is nothing to ask for.
func (l *load) choose() *request {
	sum := 0
	for _, k := range weights {
		sum += k.weight
	}
	n := l.rand.IntN(sum)
	kind := ""
	for _, k := range weights {
		if n -= k.weight; n < 0 {
			kind = k.kind
			break
		}
	}
	if !l.w.with("load " + kind) {
		return nil
	}
	q := &request{what: kind}
	body := l.body(kind, q)
	if q.read || q.shoot {
		return q
	}
	q.id = l.newID()
	switch {
	case body != nil:
		q.body = codec.JSON(nil, &engine.Command{ID: q.id, By: order.Actor{Account: "sim", Method: "test"}, Body: body})
	case q.deploy == nil:
		return nil
	}
	return q
}

// body makes up the command of a request, or what it is instead.
func (l *load) body(kind string, q *request) engine.CommandBody {
	r := l.rand
	switch kind {
	case "add":
		return l.addOrder(q)
	case "again":
		if len(l.orders) == 0 {
			return nil
		}
		q.order, q.kind = l.orders[r.IntN(len(l.orders))], oracle.Add
		return &engine.AddOrders{Orders: []engine.FreshOrder{{ID: order.ID(q.order), WorkflowPath: "ONE"}}}
	case "cancel":
		q.order, q.kind = l.anyOrder(), oracle.Cancel
		fresh := apart(q.order) && chance(r, 80)
		return &engine.CancelOrders{OrderIDs: []string{q.order}, Deep: chance(r, 30), Mode: order.CancelMode{FreshOnly: fresh, Kill: l.kill()}}
	case "suspend":
		q.order, q.kind = l.anyOrder(), oracle.Suspend
		return &engine.SuspendOrders{OrderIDs: []string{q.order}, Deep: chance(r, 20), Mode: order.SuspendMode{ResetState: chance(r, 30), Kill: l.kill()}}
	case "resume":
		return l.resume(q)
	case "read":
		q.order, q.kind, q.read = l.anyOrder(), oracle.Read, true
		return nil
	case "snapshot":
		q.shoot = true
		return nil
	case "deploy", "resource", "agentref", "revoke":
		q.deploy = l.documents(kind)
		return nil
	case "release":
		q.deploy = l.release()
		return nil
	case "replay":
		q.deploy = l.replay()
		return nil
	}
	return l.control(kind, q)
}

// apart tells of orders that the oracle's model of commands leaves out: to them
// happens what it doesn't know. Fresh orders are cancelled only if they haven't
// started, and children suffer what is asked of their parents.
func apart(id string) bool { return strings.Contains(id, "|") || strings.HasSuffix(id, "7") }

func (l *load) kill() *order.KillMode {
	if chance(l.rand, 50) {
		return nil
	}
	return &order.KillMode{Immediately: chance(l.rand, 50)}
}

func (l *load) addOrder(q *request) engine.CommandBody {
	r := l.rand
	q.order = fmt.Sprintf("%sO%d", l.prefix, len(l.orders)+1)
	q.kind = oracle.Add
	l.orders = append(l.orders, q.order)
	path := l.docs[r.IntN(len(l.docs))].path
	if chance(r, 30) {
		path = "ONE"
	}
	f := engine.FreshOrder{ID: order.ID(q.order), WorkflowPath: path, DeleteWhenTerminated: chance(r, 30), Priority: int64(r.IntN(3))}
	if chance(r, 15) {
		f.ScheduledFor = l.w.now/1000 + int64(r.IntN(8000))
	}
	if (path == "CHAIN" || path == "STOP") && chance(r, 40) {
		f.Arguments = value.Map{"n": value.NewInt(int64(1 + r.IntN(3)))}
	}
	return &engine.AddOrders{Orders: []engine.FreshOrder{f}}
}

// anyOrder returns one of the newer orders, or a child that it may have.
func (l *load) anyOrder() string {
	if len(l.orders) == 0 {
		return "NONE"
	}
	id := l.orders[max(0, len(l.orders)-1-l.rand.IntN(12))]
	if chance(l.rand, 5) {
		id += "|" + []string{"a", "b", "1"}[l.rand.IntN(3)]
	}
	return id
}

func (l *load) resume(q *request) engine.CommandBody {
	r := l.rand
	q.order, q.kind = l.anyOrder(), oracle.Resume
	res := order.Resumption{AsSucceeded: chance(r, 20)}
	if chance(r, 30) {
		p := workflow.At(r.IntN(3))
		res.Position = &p
	}
	if chance(r, 20) {
		b := chance(r, 50)
		res.RestartKilledJob = &b
	}
	return &engine.ResumeOrders{OrderIDs: []string{q.order}, Resumption: res, Deep: chance(r, 20)}
}

// control makes up the commands that the oracle has no model of.
func (l *load) control(kind string, q *request) engine.CommandBody {
	r := l.rand
	path := l.docs[r.IntN(len(l.docs))].path
	on := chance(r, 50)
	switch kind {
	case "go":
		if m := l.w.leader(); m != nil {
			if all := m.eng.Orders(); len(all) > 0 {
				o := all[r.IntN(len(all))]
				return &engine.GoOrder{OrderID: o.ID, Position: o.Position}
			}
		}
		return nil
	case "priority":
		return &engine.ChangeOrder{OrderID: order.ID(l.anyOrder()), Priority: int64(r.IntN(5))}
	case "delete":
		return &engine.DeleteOrders{OrderIDs: []string{l.anyOrder()}}
	case "transfer":
		if m := l.w.leader(); m != nil {
			for _, o := range m.eng.Orders() {
				if chance(r, 20) {
					return &engine.TransferOrders{Workflow: o.Workflow}
				}
			}
		}
		return nil
	case "skip":
		return &engine.ControlWorkflowPath{Path: []string{"CHAIN", "TRY"}[r.IntN(2)], Skip: []engine.SkipLabel{{Label: []string{"first", "second", "again"}[r.IntN(3)], Skip: on}}}
	case "hold":
		return &engine.ControlWorkflowPath{Path: path, Suspend: &on}
	case "break":
		p := []workflow.Position{workflow.At(r.IntN(3))}
		if on {
			return &engine.ControlWorkflow{Workflow: workflow.ID{Path: path}, AddBreakpoints: p}
		}
		return &engine.ControlWorkflow{Workflow: workflow.ID{Path: path}, RemoveBreakpoints: p}
	case "reset":
		for _, a := range l.w.agents {
			if l.stranger(a) {
				q.what = "reset " + a.name
				return &engine.ResetAgent{Agent: a.name}
			}
		}
	}
	return nil
}

// stranger tells whether the Controller says that an Agent has another log than
// it knows, and not one that was given up.
func (l *load) stranger(a *agent) bool {
	m := l.w.leader()
	if m == nil {
		return false
	}
	st, _ := m.eng.Agent(a.name)
	return st.Problem != nil && st.Problem.Code == "AgentLogMismatch" && a.up() && a.eng.LogID() != st.Gone
}

// documents makes up a deployment.
func (l *load) documents(kind string) *deployment {
	r := l.rand
	d := &deployment{}
	l.version++
	switch kind {
	case "resource":
		d.add(resource(l.version), "carol")
		d.add(spare(l.version), "carol")
	case "agentref":
		a := l.w.agents[r.IntN(len(l.w.agents))]
		d.add(agentRef(a.name, chance(r, 30), r.IntN(4)), "root")
	case "revoke":
		k := item.Key{Kind: item.KindWorkflow, Path: l.docs[r.IntN(len(l.docs))].path}
		if chance(r, 20) {
			k = item.Key{Kind: item.KindJobResource, Path: "SPARE"}
		}
		d.remove = append(d.remove, k)
	default:
		for _, doc := range l.docs {
			if chance(r, 40) {
				d.add(doc.text(l.version), doc.signer)
			}
		}
		if len(d.texts) == 0 {
			return nil
		}
	}
	return d
}
