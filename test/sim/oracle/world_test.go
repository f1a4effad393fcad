package oracle_test

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/signet-scheduler/signet/internal/engine"
	"github.com/signet-scheduler/signet/internal/engine/enginetest"
	"github.com/signet-scheduler/signet/internal/fault"
	"github.com/signet-scheduler/signet/internal/order"
	"github.com/signet-scheduler/signet/internal/workflow"
	"github.com/signet-scheduler/signet/test/sim/oracle"
)

// step is something that the oracle was told, to be told again with a fault in it.
type step struct {
	who   string // "": the Controller
	event engine.Stamped
}

// world is an installation under random commands and faults, whose events go
// to an oracle. Unlike the world of engine's own test it knows no rule: it only
// makes things happen.
type world struct {
	t       *testing.T
	r       *rand.Rand
	c       *enginetest.Cluster
	s       *oracle.Stream
	effects *oracle.Effects
	calls   *oracle.Commands
	readers []*oracle.Reader
	told    []step
	started map[string]int // launches that the oracle knows, by Agent
	n       int
	wiped   int
	docs    map[string]string
	acked   []string
}

func newWorld(t *testing.T, seed uint64) *world {
	t.Helper()
	c, err := enginetest.New()
	if err != nil {
		t.Fatal(err)
	}
	s := oracle.NewStream(oracle.Options{})
	w := &world{
		t: t, r: rand.New(rand.NewPCG(seed, 7)), c: c, s: s, effects: oracle.NewEffects(s), calls: oracle.NewCommands(s),
		started: map[string]int{}, docs: map[string]string{},
	}
	w.readers = []*oracle.Reader{s.Reader("one", 0), s.AgentReader("A", "controller", 0)}
	for i := range c.Log { // what New has decided
		w.tell("", c.Log[i])
	}
	c.Told = w.tell
	w.must(c.AddAgent("A"))
	w.must(c.AddAgent("B"))
	w.must(c.Pump())
	w.readers = append(w.readers, s.Reader("late", c.Controller.LastEventID()))
	w.must(c.Deploy("alice", `{"TYPE":"JobResource","path":"R","env":{"X":"'1'"}}`))
	w.deploy("W1")
	w.deploy("W2")
	w.must(c.Pump())
	return w
}

func (w *world) must(err error) {
	w.t.Helper()
	if err != nil {
		w.t.Fatal(err)
	}
}

func (w *world) tell(who string, e engine.Stamped) {
	w.processes() // those of the events before
	w.told = append(w.told, step{who, e})
	var err error
	if who == "" {
		err = w.s.Event(&e)
	} else {
		err = w.s.AgentEvent(who, &e)
	}
	if err != nil {
		for _, st := range w.told[max(0, len(w.told)-60):] {
			w.t.Logf("%q %.250s", st.who, st.event.AppendJSON(nil))
		}
		w.t.Fatalf("%v", err)
	}
	switch {
	case who == "A":
		if _, begins := e.Event.(*engine.AgentInitialized); begins {
			w.readers[1] = w.s.AgentReader("A", "controller", 0)
		}
		w.must(w.readers[1].Event(&e))
	case who == "" && len(w.readers) > 2:
		w.must(w.readers[2].Event(&e))
		fallthrough
	case who == "":
		w.must(w.readers[0].Event(&e))
	}
}

var jobs = `"jobs":{
 "A":{"agentPath":"A","processLimit":2,"executable":{"TYPE":"ShellScriptExecutable","script":"rc=0"}},
 "B":{"agentPath":"B","executable":{"TYPE":"ShellScriptExecutable","script":"rc=0"}},
 "FAIL":{"agentPath":"A","executable":{"TYPE":"ShellScriptExecutable","script":"rc=1"}},
 "HOLD":{"agentPath":"A","jobResourcePaths":["R"],"executable":{"TYPE":"ShellScriptExecutable","script":"hold"}},
 "ONCE":{"agentPath":"B","isNotRestartable":true,"executable":{"TYPE":"ShellScriptExecutable","script":"hold"}}}`

func (w *world) one(of ...string) string { return of[w.r.IntN(len(of))] }

func (w *world) block(depth int, catch bool) string {
	var list []string
	for range w.r.IntN(4) {
		list = append(list, w.instruction(depth, catch))
	}
	return `{"instructions":[` + strings.Join(list, ",") + `]}`
}

func (w *world) instruction(depth int, catch bool) string {
	kinds := []string{"job", "job", "job", "fail", "empty", "sleep", "stop", "finish"}
	if depth > 0 {
		kinds = append(kinds, "if", "try", "try", "fork", "fork", "list", "options")
	}
	if catch {
		kinds = append(kinds, "retry", "retry", "retry")
	}
	block := func(c bool) string { return w.block(depth-1, c) }
	switch w.one(kinds...) {
	case "job":
		return fmt.Sprintf(`{"TYPE":"Execute.Named","jobName":%q}`, w.one("A", "B", "FAIL", "HOLD", "ONCE"))
	case "fail":
		return `{"TYPE":"Fail","message":"'x'","uncatchable":` + w.one("true", "false") + `}`
	case "sleep":
		return `{"TYPE":"Sleep","duration":"5"}`
	case "stop":
		return `{"TYPE":"Stop"}`
	case "finish":
		return w.one(`{"TYPE":"Finish"}`, `{"TYPE":"Finish","outcome":{"TYPE":"Failed"}}`)
	case "if":
		return `{"TYPE":"If","predicate":` + w.one(`"true"`, `"false"`, `"$js7EpochMilli > 0"`) + `,"then":` + block(catch) + `,"else":` + block(catch) + `}`
	case "retry":
		return `{"TYPE":"Retry"}`
	case "try":
		inner, policy := block(true), ""
		if strings.Contains(inner, `"Retry"`) {
			policy = fmt.Sprintf(`,"maxTries":%d,"retryDelays":[%d,10]`, 1+w.r.IntN(3), w.r.IntN(3))
		}
		return `{"TYPE":"Try","try":` + block(false) + `,"catch":` + inner + policy + `}`
	case "fork":
		return `{"TYPE":"Fork","joinIfFailed":` + w.one("true", "false") + `,"branches":[{"id":"a","workflow":` + block(false) + `},{"id":"b","workflow":` + block(false) + `}]` +
			w.one("", `,"agentPath":"A"`) + `}`
	case "list":
		return `{"TYPE":"ForkList","joinIfFailed":` + w.one("true", "false") + `,"children":"[1, 2, 3]","childToId":"x => $x","childToArguments":"x => { n: $x }","workflow":` + block(false) + `}`
	case "options":
		return `{"TYPE":"Options","stopOnFailure":` + w.one("true", "false") + `,"block":` + block(catch) + `}`
	}
	return `{"TYPE":"EmptyInstruction"}`
}

var signers = map[string]string{"W1": "alice", "W2": "bob"}

func (w *world) deploy(path string) {
	w.n++
	for depth := 3; ; depth = (depth + 3) % 4 {
		text := fmt.Sprintf(`{"TYPE":"Workflow","path":%q,"versionId":"v%d","orderPreparation":{"allowUndeclared":true},%s,`, path, w.n, jobs) +
			strings.TrimPrefix(w.block(depth, false), "{")
		if _, err := workflow.Parse([]byte(text)); err != nil {
			continue
		}
		if err := w.c.Deploy(signers[path], text); err != nil && !fault.Is(err, fault.Untrusted) {
			w.t.Fatalf("%v\n%s", err, text)
		}
		w.docs[path] = text
		return
	}
}

// submit carries out a command, sometimes twice, and tells the oracle.
func (w *world) submit(kind oracle.Kind, id string, body engine.CommandBody) {
	w.n++
	cmd := engine.Command{ID: fmt.Sprintf("c%d", w.n), Body: body}
	call := w.calls.Sent(oracle.Call{ID: cmd.ID, Kind: kind, Order: id, At: int64(len(w.told)) * 4})
	reply, err := w.c.Submit(cmd)
	if w.r.IntN(4) == 0 {
		if again, err2 := w.c.Submit(cmd); (err == nil) != (err2 == nil) || again != reply {
			w.t.Fatalf("the repeated %s was answered in another way", body.Type())
		}
	}
	if w.c.Hold || w.r.IntN(8) == 0 {
		return // the answer is lost
	}
	a := oracle.Answer{Kind: oracle.Done, Added: strings.Contains(reply, `"added":1`)}
	if err != nil {
		a = oracle.Answer{Kind: oracle.Refused}
		if fault.Is(err, fault.NotFound) {
			a.Kind = oracle.Missing
		}
	} else if kind == oracle.Add {
		w.acked = append(w.acked, id)
	}
	w.must(w.c.Pump())
	w.must(w.calls.Answered(call, int64(len(w.told))*4+1, a))
}

func (w *world) anyOrder() *order.Order {
	all := w.c.Controller.Orders()
	if len(all) == 0 {
		return &order.Order{ID: "NONE"}
	}
	return all[w.r.IntN(len(all))]
}

func (w *world) kill() *order.KillMode {
	if w.r.IntN(2) == 0 {
		return &order.KillMode{Immediately: w.r.IntN(2) == 0}
	}
	return nil
}

func (w *world) coin() bool { return w.r.IntN(2) == 0 }

func (w *world) command() {
	path, o := w.one("W1", "W2"), w.anyOrder()
	id := string(o.ID)
	switch w.one("add", "add", "add", "cancel", "suspend", "resume", "resume", "go", "priority", "delete", "transfer", "hold", "break", "deploy", "resource", "agent", "read") {
	case "add":
		f := engine.FreshOrder{ID: order.ID(fmt.Sprintf("O%d", w.r.IntN(30))), WorkflowPath: path, DeleteWhenTerminated: w.coin()}
		if w.coin() {
			f.ScheduledFor = w.c.Now/1000 + 1 + w.r.Int64N(20_000)
		}
		w.submit(oracle.Add, string(f.ID), &engine.AddOrders{Orders: []engine.FreshOrder{f}})
	case "cancel":
		w.submit(oracle.Cancel, id, &engine.CancelOrders{OrderIDs: []string{id}, Mode: order.CancelMode{Kill: w.kill()}})
	case "suspend":
		w.submit(oracle.Suspend, id, &engine.SuspendOrders{OrderIDs: []string{id}, Mode: order.SuspendMode{ResetState: w.coin(), Kill: w.kill()}})
	case "resume":
		r := order.Resumption{AsSucceeded: w.coin()}
		if w.coin() {
			p := workflow.At(w.r.IntN(4))
			r.Position = &p
		}
		if w.coin() {
			b := w.coin()
			r.RestartKilledJob = &b
		}
		w.submit(oracle.Resume, id, &engine.ResumeOrders{OrderIDs: []string{id}, Resumption: r})
	case "go":
		w.submit(oracle.Other, "", &engine.GoOrder{OrderID: o.ID, Position: o.Position})
	case "priority":
		w.submit(oracle.Other, "", &engine.ChangeOrder{OrderID: o.ID, Priority: w.r.Int64N(9)})
	case "delete":
		w.submit(oracle.Other, "", &engine.DeleteOrders{OrderIDs: []string{id}})
	case "transfer":
		w.submit(oracle.Other, "", &engine.TransferOrders{Workflow: o.Workflow})
	case "hold":
		b := w.coin()
		w.submit(oracle.Other, "", &engine.ControlWorkflowPath{Path: path, Suspend: &b})
	case "break":
		p := []workflow.Position{workflow.At(w.r.IntN(3))}
		b := &engine.ControlWorkflow{Workflow: workflow.ID{Path: path}, AddBreakpoints: p}
		if w.coin() {
			b.AddBreakpoints, b.RemoveBreakpoints = nil, p
		}
		w.submit(oracle.Other, "", b)
	case "deploy":
		w.deploy(path)
	case "resource":
		w.must(w.c.Deploy("alice", fmt.Sprintf(`{"TYPE":"JobResource","path":"R","env":{"X":"'%d'"}}`, w.n)))
	case "agent":
		w.must(w.c.Deploy("root", fmt.Sprintf(`{"TYPE":"AgentRef","path":"A","uri":"https://A:1","disabled":%v,"processLimit":%d}`, w.coin(), 1+w.r.IntN(3))))
	case "read":
		if !w.c.Hold { // what isn't committed is told to nobody
			w.read(id)
		}
	}
}

func (w *world) read(id string) {
	w.must(w.c.Pump())
	at := int64(len(w.told))*4 + 2
	call := w.calls.Sent(oracle.Call{Kind: oracle.Read, Order: id, At: at})
	a := oracle.Answer{Kind: oracle.Missing}
	if o := w.c.Controller.Order(order.ID(id)); o != nil {
		a = oracle.Answer{Kind: oracle.Done, State: string(o.State.Kind)}
	}
	w.must(w.calls.Answered(call, at, a))
}

func (w *world) happen() {
	name := w.one("A", "B")
	a := w.c.Agents[name]
	switch w.one("time", "time", "end", "end", "cut", "connect", "restart", "keep", "controller", "lose", "snapshot", "trust", "distrust", "wipe") {
	case "time":
		w.must(w.c.Advance((1 + w.r.Int64N(6000)) * 1000))
	case "end":
		for _, task := range slices.Sorted(maps.Keys(a.Running)) {
			a.End(task, enginetest.Result(w.one("rc=0", "rc=1", "rc=143 timeout")))
			break
		}
	case "cut":
		a.Cut = true
	case "connect":
		a.Cut = false
	case "restart":
		w.must(a.Restart(false))
	case "keep":
		w.must(a.Restart(true))
	case "controller":
		w.must(w.c.RestartController())
	case "lose":
		w.c.Commit()
		w.c.Hold = true
		for range 1 + w.r.IntN(3) {
			w.command()
		}
		w.c.Hold = false
		w.must(w.c.LoseLeadership())
	case "snapshot":
		w.must(w.c.Snapshot())
	case "trust":
		w.trust(w.one("", name), true)
	case "distrust":
		w.trust(w.one("", name), false)
	case "wipe":
		if w.r.IntN(4) == 0 && !a.Cut {
			w.wipe(a)
		}
	}
}

func (w *world) trust(part string, trusted bool) {
	if part != "" && trusted {
		w.effects.Trust(part, "bob", w.c.Now/1000)
	} else if part != "" {
		w.effects.Distrust(part, "bob", w.c.Now/1000)
	}
	w.must(w.c.Trust(part, "bob", trusted))
}

func (w *world) wipe(a *enginetest.Agent) {
	w.must(w.c.Pump())
	w.wiped++
	w.must(a.Wipe(fmt.Sprintf("log-%d-of-%s", w.wiped, a.Name)))
	w.started[a.Name] = len(a.Started)
	w.must(w.c.Pump())
	w.submit(oracle.Other, "", &engine.ResetAgent{Agent: a.Name})
}

// processes tells the oracle what was really started.
func (w *world) processes() {
	for name, a := range w.c.Agents {
		for _, l := range a.Started[w.started[name]:] {
			w.must(w.effects.Started(oracle.Process{Agent: name, Order: string(l.OrderID), Task: l.Task}))
		}
		w.started[name] = len(a.Started)
	}
}

func (w *world) run(steps int) {
	for range steps {
		if w.coin() {
			w.command()
		} else {
			w.happen()
		}
		w.must(w.c.Pump())
		w.processes()
	}
}

// heal ends all disturbances, and lets everything come to rest.
func (w *world) heal() {
	no := false
	for _, path := range []string{"W1", "W2"} {
		w.submit(oracle.Other, "", &engine.ControlWorkflowPath{Path: path, Suspend: &no})
	}
	w.trust("", true)
	w.must(w.c.Deploy("root", `{"TYPE":"AgentRef","path":"A","uri":"https://A:1"}`))
	for _, name := range []string{"A", "B"} {
		w.c.Agents[name].Cut = false
		w.trust(name, true)
	}
	for range 5000 {
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
		w.processes()
		if !busy {
			return
		}
	}
	w.t.Fatal("the installation doesn't come to rest")
}

// end returns what the oracle says at the end.
func (w *world) end() []*oracle.Finding {
	return w.s.End(oracle.End{Acknowledged: w.acked, Effects: w.effects, Commands: w.calls, Readers: w.readers})
}

// TestRandomWorlds finds nothing wrong with what the engine does.
func TestRandomWorlds(t *testing.T) {
	t.Parallel()
	worlds, events := 200, 0
	if testing.Short() {
		worlds = 30
	}
	for seed := range worlds {
		w := newWorld(t, uint64(seed))
		w.run(20 + seed%60)
		w.heal()
		for _, f := range w.end() {
			t.Fatalf("seed %d: %v", seed, f)
		}
		events += w.s.Count()
	}
	t.Logf("%d worlds, %d events", worlds, events)
}
