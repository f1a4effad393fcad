package engine_test

import (
	"fmt"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/signet-scheduler/signet/internal/engine"
	"github.com/signet-scheduler/signet/internal/engine/enginetest"
	"github.com/signet-scheduler/signet/internal/fault"
	"github.com/signet-scheduler/signet/internal/order"
	"github.com/signet-scheduler/signet/internal/value"
	"github.com/signet-scheduler/signet/internal/workflow"
)

// genBlock draws a block of instructions as JSON. catch tells whether a Retry
// may stand there.
func genBlock(t *rapid.T, depth int, catch bool) string {
	n := rapid.IntRange(0, 3).Draw(t, "instructions")
	var list []string
	for range n {
		list = append(list, genInstruction(t, depth, catch))
	}
	return `{"instructions":[` + strings.Join(list, ",") + `]}`
}

func genInstruction(t *rapid.T, depth int, catch bool) string {
	job := func() string {
		return fmt.Sprintf(`{"TYPE":"Execute.Named","jobName":%q}`, rapid.SampledFrom([]string{"A", "B", "FAIL", "HOLD", "ONCE"}).Draw(t, "job"))
	}
	kinds := []string{"job", "job", "fail", "empty", "sleep", "stop", "finish"}
	if depth > 0 {
		kinds = append(kinds, "if", "try", "try", "fork", "fork", "list", "options")
	}
	if catch {
		kinds = append(kinds, "retry", "retry", "retry")
	}
	block := func(c bool) string { return genBlock(t, depth-1, c) }
	label := ""
	if rapid.IntRange(0, 3).Draw(t, "label?") == 0 {
		label = fmt.Sprintf(`,"label":"L%d"`, rapid.IntRange(0, 1_000_000_000).Draw(t, "label"))
	}
	flag := func(name string) string { return fmt.Sprintf(`%q:%v`, name, rapid.Bool().Draw(t, name)) }
	switch rapid.SampledFrom(kinds).Draw(t, "kind") {
	case "job":
		return job()
	case "fail":
		return `{"TYPE":"Fail","message":"'x'",` + flag("uncatchable") + label + `}`
	case "sleep":
		return `{"TYPE":"Sleep","duration":"5"` + label + `}`
	case "stop":
		return `{"TYPE":"Stop"}`
	case "finish":
		if rapid.Bool().Draw(t, "failed") {
			return `{"TYPE":"Finish","outcome":{"TYPE":"Failed"}}`
		}
		return `{"TYPE":"Finish"}`
	case "if":
		return `{"TYPE":"If","predicate":` + rapid.SampledFrom([]string{`"true"`, `"$n == 1"`, `"$js7EpochMilli > 0"`, `"$nothing"`}).Draw(t, "predicate") +
			`,"then":` + block(catch) + `,"else":` + block(catch) + label + `}`
	case "retry":
		return `{"TYPE":"Retry"}`
	case "try":
		inner := block(true)
		policy := ""
		if strings.Contains(inner, `"Retry"`) {
			policy = fmt.Sprintf(`,"maxTries":%d,"retryDelays":[%d,10]`, rapid.IntRange(1, 3).Draw(t, "maxTries"), rapid.IntRange(0, 3).Draw(t, "delay"))
		}
		// A Retry may stand in the block through a nested Try only; the parser
		// refuses a policy then, and the document is drawn again.
		return `{"TYPE":"Try","try":` + block(false) + `,"catch":` + inner + policy + label + `}`
	case "fork":
		return `{"TYPE":"Fork",` + flag("joinIfFailed") + `,"branches":[{"id":"a","workflow":` + block(false) + `},{"id":"b","workflow":` + block(false) + `}]` +
			rapid.SampledFrom([]string{"", `,"agentPath":"A"`}).Draw(t, "agent") + label + `}`
	case "list":
		return `{"TYPE":"ForkList",` + flag("joinIfFailed") + `,"children":"[1, 2, 3]","childToId":"x => $x","childToArguments":"x => { n: $x }","workflow":` +
			strings.Replace(block(false), "{", `{"result":{"r":"$n"},`, 1) + `}`
	case "options":
		return `{"TYPE":"Options",` + flag("stopOnFailure") + `,"block":` + block(catch) + `}`
	}
	return `{"TYPE":"EmptyInstruction"` + label + `}`
}

const genJobs = `"jobs":{
 "A":{"agentPath":"A","processLimit":2,"executable":{"TYPE":"ShellScriptExecutable","script":"rc=0"}},
 "B":{"agentPath":"B","executable":{"TYPE":"ShellScriptExecutable","script":"rc=0"}},
 "FAIL":{"agentPath":"A","executable":{"TYPE":"ShellScriptExecutable","script":"rc=1"}},
 "HOLD":{"agentPath":"A","jobResourcePaths":["R"],"executable":{"TYPE":"ShellScriptExecutable","script":"hold"}},
 "ONCE":{"agentPath":"B","isNotRestartable":true,"executable":{"TYPE":"ShellScriptExecutable","script":"hold"}}}`

// genWorkflow draws a document that the parser accepts.
func genWorkflow(t *rapid.T, path string, version int) string {
	for try := range 20 {
		text := fmt.Sprintf(`{"TYPE":"Workflow","path":%q,"versionId":"%d","orderPreparation":{"allowUndeclared":true},%s,`, path, version, genJobs) +
			strings.TrimPrefix(genBlock(t, 3-try%3, false), "{")
		if _, err := workflow.Parse([]byte(text)); err == nil {
			return text
		}
	}
	return fmt.Sprintf(`{"TYPE":"Workflow","path":%q,"versionId":"%d",%s,"instructions":[{"TYPE":"Execute.Named","jobName":"HOLD"}]}`, path, version, genJobs)
}

// world is a cluster under random commands, with what must hold for it.
type world struct {
	t       *rapid.T
	c       *enginetest.Cluster
	ended   map[string]bool
	running map[string]bool
	lastID  map[string]int64
	docs    map[string]string // text of each path
	n       int
	version int
}

func newWorld(t *rapid.T) *world {
	c, err := enginetest.New("A", "B")
	if err != nil {
		t.Fatal(err)
	}
	w := &world{t: t, c: c, ended: map[string]bool{}, running: map[string]bool{}, lastID: map[string]int64{}, docs: map[string]string{}}
	c.Told = w.told
	w.must(c.Deploy("alice", `{"TYPE":"JobResource","path":"R","env":{"X":"'1'"}}`))
	for _, path := range []string{"W1", "W2"} {
		w.deploy(path)
	}
	w.must(c.Pump())
	return w
}

func (w *world) must(err error) {
	if err != nil {
		w.t.Fatalf("%v", err)
	}
}

var signers = map[string]string{"W1": "alice", "W2": "bob"}

func (w *world) deploy(path string) {
	w.version++
	w.docs[path] = genWorkflow(w.t, path, w.version)
	if err := w.c.Deploy(signers[path], w.docs[path]); err != nil && !fault.Is(err, fault.Untrusted) {
		w.t.Fatalf("deploying %s: %v\n%s", path, err, w.docs[path])
	}
}

// told checks invariants 2, 3 and 4 of docs/architecture/engine.md.
func (w *world) told(who string, e engine.Stamped) {
	if e.ID <= w.lastID[who] {
		w.t.Fatalf("%s: event %d follows %d", who, e.ID, w.lastID[who])
	}
	w.lastID[who] = e.ID
	key := who + "\x00" + e.Key
	switch ev := e.Event.(type) {
	case *order.Added, *order.Deleted:
		delete(w.ended, key)
	case *order.FinishedEvent, *order.CancelledEvent:
		if w.ended[key] {
			w.t.Fatalf("%s ends twice", e.Key)
		}
		w.ended[key] = true
	case *order.ForkedEvent:
		for _, ch := range ev.Children {
			delete(w.ended, who+"\x00"+string(ch.OrderID))
		}
	case *order.ProcessingStarted:
		if w.running[key] {
			w.t.Fatalf("%s runs twice", e.Key)
		}
		w.running[key] = true
		if who != "" {
			o := w.c.Agents[who].Machine.Order(order.ID(e.Key))
			if o != nil && w.c.Agents[who].Distrusted[signers[o.Workflow.Path]] {
				w.t.Fatalf("%s runs a document that isn't trusted", e.Key)
			}
		}
	case *order.ProcessedEvent:
		delete(w.running, key)
	default:
		if w.ended[key] && strings.HasPrefix(e.Event.Type(), "Order") {
			w.t.Fatalf("%s of %s, which has ended", e.Event.Type(), e.Key)
		}
	}
}

// submit carries out a command; a refusal must not change anything, and a
// repetition neither.
func (w *world) submit(body engine.CommandBody) {
	w.n++
	cmd := engine.Command{ID: fmt.Sprintf("c%d", w.n), Body: body}
	before := w.c.Controller.Freeze().Digest()
	reply, err := w.c.Submit(cmd)
	after := w.c.Controller.Freeze().Digest()
	if err != nil {
		if before != after {
			w.t.Fatalf("the refused %s has changed something: %v", body.Type(), err)
		}
		if fault.Is(err, fault.Internal) {
			w.t.Fatalf("%s: %v", body.Type(), err)
		}
		return
	}
	again, err := w.c.Submit(cmd)
	if err != nil || again != reply || w.c.Controller.Freeze().Digest() != after {
		w.t.Fatalf("the repeated %s has done something: %v", body.Type(), err)
	}
}

func (w *world) anyOrder() string {
	all := w.c.Controller.Orders()
	if len(all) == 0 {
		return "NONE"
	}
	return string(all[rapid.IntRange(0, len(all)-1).Draw(w.t, "order")].ID)
}

func (w *world) kill() *order.KillMode {
	if rapid.Bool().Draw(w.t, "kill") {
		return &order.KillMode{Immediately: rapid.Bool().Draw(w.t, "immediately")}
	}
	return nil
}

// command draws a user's command.
func (w *world) command() {
	path := rapid.SampledFrom([]string{"W1", "W2"}).Draw(w.t, "path")
	switch rapid.SampledFrom([]string{"add", "add", "add", "cancel", "suspend", "resume", "resume", "go", "priority", "delete", "transfer", "skip", "hold", "break", "deploy", "resource", "agent"}).Draw(w.t, "command") {
	case "add":
		w.n++
		f := engine.FreshOrder{ID: order.ID(fmt.Sprintf("O%d", w.n)), WorkflowPath: path, DeleteWhenTerminated: rapid.Bool().Draw(w.t, "delete")}
		if rapid.Bool().Draw(w.t, "later") {
			f.ScheduledFor = w.c.Now/1000 + int64(rapid.IntRange(1, 20_000).Draw(w.t, "in"))
		}
		w.submit(&engine.AddOrders{Orders: []engine.FreshOrder{f}})
	case "cancel":
		w.submit(&engine.CancelOrders{
			OrderIDs: []string{w.anyOrder()}, Deep: rapid.Bool().Draw(w.t, "deep"),
			Mode: order.CancelMode{FreshOnly: rapid.IntRange(0, 3).Draw(w.t, "fresh") == 0, Kill: w.kill()},
		})
	case "suspend":
		w.submit(&engine.SuspendOrders{OrderIDs: []string{w.anyOrder()}, Mode: order.SuspendMode{ResetState: rapid.Bool().Draw(w.t, "reset"), Kill: w.kill()}})
	case "resume":
		r := order.Resumption{AsSucceeded: rapid.Bool().Draw(w.t, "succeeded")}
		if rapid.Bool().Draw(w.t, "position?") {
			p := workflow.At(rapid.IntRange(0, 3).Draw(w.t, "position"))
			r.Position = &p
		}
		if rapid.Bool().Draw(w.t, "restart?") {
			b := rapid.Bool().Draw(w.t, "restart")
			r.RestartKilledJob = &b
		}
		if rapid.IntRange(0, 3).Draw(w.t, "arguments?") == 0 {
			r.Arguments = value.Map{"changed": value.NewInt(1)}
		}
		w.submit(&engine.ResumeOrders{OrderIDs: []string{w.anyOrder()}, Resumption: r})
	case "go":
		if o := w.c.Controller.Order(order.ID(w.anyOrder())); o != nil {
			w.submit(&engine.GoOrder{OrderID: o.ID, Position: o.Position})
		}
	case "priority":
		w.submit(&engine.ChangeOrder{OrderID: order.ID(w.anyOrder()), Priority: 5})
	case "delete":
		w.submit(&engine.DeleteOrders{OrderIDs: []string{w.anyOrder()}})
	case "transfer":
		if o := w.c.Controller.Order(order.ID(w.anyOrder())); o != nil {
			w.submit(&engine.TransferOrders{Workflow: o.Workflow})
		}
	case "skip":
		if doc, err := workflow.Parse([]byte(w.docs[path])); err == nil {
			for label := range doc.Labels() {
				w.submit(&engine.ControlWorkflowPath{Path: path, Skip: []engine.SkipLabel{{Label: label, Skip: rapid.Bool().Draw(w.t, "skip")}}})
			}
		}
	case "hold":
		b := rapid.Bool().Draw(w.t, "hold")
		w.submit(&engine.ControlWorkflowPath{Path: path, Suspend: &b})
	case "break":
		p := []workflow.Position{workflow.At(rapid.IntRange(0, 2).Draw(w.t, "break"))}
		if rapid.Bool().Draw(w.t, "remove") {
			w.submit(&engine.ControlWorkflow{Workflow: workflow.ID{Path: path}, RemoveBreakpoints: p})
		} else {
			w.submit(&engine.ControlWorkflow{Workflow: workflow.ID{Path: path}, AddBreakpoints: p})
		}
	case "deploy":
		w.deploy(path)
	case "resource":
		w.must(w.c.Deploy("alice", fmt.Sprintf(`{"TYPE":"JobResource","path":"R","env":{"X":"'%d'"}}`, w.n)))
	case "agent":
		w.must(w.c.Deploy("root", fmt.Sprintf(`{"TYPE":"AgentRef","path":"A","uri":"https://A:1","disabled":%v,"processLimit":%d}`,
			rapid.Bool().Draw(w.t, "disabled"), rapid.IntRange(1, 3).Draw(w.t, "limit"))))
	}
}

// happen draws what happens besides commands.
func (w *world) happen() {
	name := rapid.SampledFrom([]string{"A", "B"}).Draw(w.t, "agent")
	a := w.c.Agents[name]
	switch rapid.SampledFrom([]string{"time", "time", "end", "end", "cut", "connect", "mute", "unmute", "restart", "keep", "controller", "lose", "snapshot", "trust", "distrust", "late"}).Draw(w.t, "event") {
	case "time":
		w.must(w.c.Advance(int64(rapid.IntRange(1, 6000).Draw(w.t, "ms")) * 1000))
	case "end":
		w.endSome(a, rapid.SampledFrom([]string{"rc=0", "rc=1", "rc=143 timeout"}).Draw(w.t, "rc"))
	case "cut":
		a.Cut = true
	case "connect":
		a.Cut = false
	case "mute":
		a.Mute = true
	case "unmute":
		a.Mute = false
	case "restart":
		w.must(a.Restart(false))
	case "keep":
		w.must(a.Restart(true))
	case "controller":
		w.must(w.c.RestartController())
	case "lose":
		w.lose()
	case "snapshot":
		w.must(w.c.Snapshot())
	case "trust":
		w.must(w.c.Trust(rapid.SampledFrom([]string{"", name}).Draw(w.t, "part"), "bob", true))
	case "distrust":
		w.must(w.c.Trust(rapid.SampledFrom([]string{"", name}).Draw(w.t, "part"), "bob", false))
	case "late":
		w.late(a)
	}
}

func (w *world) endSome(a *enginetest.Agent, script string) {
	for task := range a.Running { // which one doesn't matter
		a.End(task, enginetest.Result(script))
		return
	}
}

// lose decides much that is never committed; nothing of it may stay.
func (w *world) lose() {
	w.c.Commit()
	before := w.c.Controller.Freeze().Digest()
	wake := w.c.Controller.NextWake()
	w.c.Hold = true
	for range rapid.IntRange(1, 4).Draw(w.t, "lost") {
		w.command()
		if rapid.Bool().Draw(w.t, "batch") {
			w.c.Take()
		}
		if at := w.c.Controller.NextWake(); at > 0 && rapid.Bool().Draw(w.t, "tick") {
			w.must(w.c.Controller.Tick(max(w.c.Now, at*1000)))
		}
	}
	w.c.Hold = false
	w.c.Controller.Undo()
	if w.c.Controller.Freeze().Digest() != before {
		w.t.Fatal("something stays of what was taken back")
	}
	if at := w.c.Controller.NextWake(); wake > w.c.Now/1000 && (at == 0 || at > wake) { // too early is harmless
		w.t.Fatalf("the next wake was %d and is %d", wake, at)
	}
	w.must(w.c.LoseLeadership())
}

// late repeats a batch, and sends one of an older term.
func (w *world) late(a *enginetest.Agent) {
	last := a.Last()
	if last == nil {
		return
	}
	before := a.Machine.Freeze().Digest()
	if last.Term == 0 {
		return
	}
	_ = a.Deliver(last) // of this term, or of an older one
	old := *last
	old.Term = 0
	if err := a.Deliver(&old); err == nil {
		w.t.Fatal("a deposed leader was obeyed")
	}
	if a.Machine.Freeze().Digest() != before {
		w.t.Fatal("a late batch has changed something")
	}
}

// heal ends all disturbances, and lets time pass until nothing happens by
// itself any more.
func (w *world) heal() {
	no := false
	for _, path := range []string{"W1", "W2"} {
		w.submit(&engine.ControlWorkflowPath{Path: path, Suspend: &no})
	}
	w.must(w.c.Trust("", "bob", true))
	w.must(w.c.Deploy("root", `{"TYPE":"AgentRef","path":"A","uri":"https://A:1"}`))
	for _, a := range w.c.Agents {
		a.Cut, a.Mute = false, false
		w.must(w.c.Trust(a.Name, "bob", true))
	}
	for i := 0; ; i++ {
		w.must(w.c.Pump())
		busy := false
		for _, a := range w.c.Agents {
			for task := range a.Running {
				a.End(task, enginetest.Result("rc=0"))
				busy = true
				break
			}
		}
		if at := w.c.NextWake(); at > 0 && !busy {
			w.must(w.c.Advance(max(0, at*1000-w.c.Now)))
			busy = true
		}
		if !busy {
			return
		}
		if i > 5000 {
			w.t.Fatal("the installation doesn't come to rest")
		}
	}
}

// atRest tells what is wrong with an order when nothing happens any more.
func (w *world) atRest(o *order.Order) string {
	k := o.State.Kind
	switch {
	case o.Attachment.Where != order.Detached:
		return "is still at its Agent"
	case o.Suspended || o.State.Terminated() || k == order.Failed || k == order.FailedWhileFresh || o.State.IsStopped() || k == order.Broken:
		return ""
	case k == order.FailedInFork, k == order.Ready && o.Parent != "":
		p := w.c.Controller.Order(o.Parent)
		if p == nil || p.State.Kind != order.Forked {
			return "has lost its parent"
		}
		return "" // its parent is looked at
	case k == order.Forked:
		for _, ch := range o.State.Children {
			c := w.c.Controller.Order(ch.OrderID)
			if c == nil {
				return "has lost a child"
			}
			if c.Suspended || c.State.IsFailed() && c.State.Kind != order.FailedInFork || c.State.IsStopped() || c.State.Kind == order.Broken || c.State.Kind == order.Forked {
				return ""
			}
		}
		return "doesn't join"
	}
	return "is stuck"
}

func TestRandomWorlds(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		w := newWorld(t)
		for range rapid.IntRange(5, 60).Draw(t, "steps") {
			if rapid.Bool().Draw(t, "command?") {
				w.command()
			} else {
				w.happen()
			}
			w.must(w.c.Pump())
			w.must(w.c.Check())
		}
		w.heal()
		w.must(w.c.Check())
		for _, o := range w.c.Controller.Orders() {
			if why := w.atRest(o); why != "" {
				for _, e := range w.c.Log {
					if e.Key == string(o.ID) || e.Key == string(o.Parent) {
						t.Logf("%s", e.AppendJSON(nil))
					}
				}
				t.Fatalf("the order %s (%s at %s, marked %+v) %s; obstacles %v\n%s", o.ID, o.State.Kind, o.Position, o.Mark, why,
					w.c.Controller.Obstacles(o), w.docs[o.Workflow.Path])
			}
		}
		for _, a := range w.c.Agents {
			if a.Machine.Running() != 0 || a.Machine.Waiting() != 0 || len(a.Machine.Orders()) != 0 {
				t.Fatalf("the Agent %s: %d processes, %d waiting, %d orders", a.Name, a.Machine.Running(), a.Machine.Waiting(), len(a.Machine.Orders()))
			}
		}
	})
}
