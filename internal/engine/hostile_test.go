package engine_test

import (
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/signet-scheduler/signet/internal/engine"
	"github.com/signet-scheduler/signet/internal/engine/enginetest"
	"github.com/signet-scheduler/signet/internal/fault"
	"github.com/signet-scheduler/signet/internal/item"
	"github.com/signet-scheduler/signet/internal/order"
	"github.com/signet-scheduler/signet/internal/value"
	"github.com/signet-scheduler/signet/internal/workflow"
)

// hostileCluster has orders in many states, at both Agents and at none.
func hostileCluster(t testing.TB) *enginetest.Cluster {
	t.Helper()
	c, err := enginetest.New("A", "B")
	if err != nil {
		t.Fatal(err)
	}
	run := func(path, agent string) string {
		return `{"TYPE":"Workflow","path":"` + path + `","versionId":"1","instructions":[{"TYPE":"Fork","branches":[{"id":"x","workflow":{"instructions":[` +
			`{"TYPE":"Execute.Anonymous","job":{"agentPath":"` + agent + `","processLimit":9,"executable":{"TYPE":"ShellScriptExecutable","script":"hold"}}},{"TYPE":"Sleep","duration":"5"}]}}]}]}`
	}
	if err := c.Deploy("alice", run("WA", "A"), run("WB", "B")); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{"WA", "WB"} {
		if _, err := c.Submit(engine.Command{Body: &engine.AddOrders{Orders: []engine.FreshOrder{{ID: order.ID("1" + path), WorkflowPath: path}, {ID: order.ID("2" + path), WorkflowPath: path}}}}); err != nil {
			t.Fatal(err)
		}
	}
	if err := c.Pump(); err != nil {
		t.Fatal(err)
	}
	return c
}

// wild draws an event that an Agent might report, or never could.
func wild(t *rapid.T) engine.Event {
	positions := []workflow.Position{workflow.At(0), workflow.At(1), workflow.At(99), workflow.At(0).Into("fork+x"), workflow.At(0).Into("fork+x").Next(), workflow.At(3).Into("then")}
	p := rapid.SampledFrom(positions).Draw(t, "position")
	out := &order.Outcome{Kind: rapid.SampledFrom([]order.OutcomeKind{order.Succeeded, order.Fails, order.Killed, order.Disrupted}).Draw(t, "outcome")}
	id := order.ID(rapid.SampledFrom([]string{"1WA|x", "1WB|x", "1WA|x|y", "2WB", "new"}).Draw(t, "child"))
	agent := rapid.SampledFrom([]string{"A", "B"}).Draw(t, "agent")
	ref := engine.ItemRef{Kind: item.KindWorkflow, Path: "W" + agent, VersionID: "1"}
	problem := &order.Problem{Code: "C", Message: "m"}
	return rapid.SampledFrom([]engine.Event{
		&order.AttachedToAgent{Order: &order.Order{ID: id, State: order.State{Kind: order.Ready}}}, &order.AttachedEvent{Agent: agent}, &order.Attachable{Agent: agent},
		&order.Started{}, &order.ProcessingStarted{Agent: agent, Task: "1"}, &order.ProcessedEvent{Outcome: out}, &order.ProcessingKilledEvent{}, &order.Moved{To: p},
		&order.OutcomeAdded{Outcome: out}, &order.ForkedEvent{Children: []order.ForkedChild{{BranchID: "x", OrderID: id}, {OrderID: id}}}, &order.Joined{Outcome: out},
		&order.CaughtEvent{MovedTo: p}, &order.Retrying{DelayedUntil: 1 << 60}, &order.Awoke{}, &order.SleepingEvent{Until: -5}, &order.FailedEvent{MovedTo: p}, &order.BrokenEvent{},
		&order.FinishedEvent{}, &order.CancelledEvent{}, &order.Detachable{}, &order.DetachedEvent{}, &order.CancellationMarked{}, &order.SuspensionMarked{},
		&order.ResumptionMarked{}, &order.ResumedEvent{Resumption: order.Resumption{Position: &p}}, &order.ResumedEvent{}, &order.GoMarked{}, &order.GoesEvent{}, &order.PriorityChanged{},
		&order.Transferred{}, &order.DeletionMarked{}, &order.Deleted{}, &order.SuspendedEvent{}, &order.StateReset{}, &order.Added{}, &order.StoppedEvent{}, &order.FailedInForkEvent{},
		&engine.ItemAttachedToMe{Item: ref}, &engine.ItemRefused{Item: ref, Problem: problem}, &engine.ItemQuarantined{Item: ref, Problem: problem}, &engine.ItemReleased{Item: ref}, &engine.ItemDetached{Item: ref},
		&engine.ItemDeleted{Item: ref}, &engine.ItemAdded{Item: ref}, &engine.AgentReset{}, &engine.AgentReady{}, &engine.AgentDedicated{LogID: "x"}, &engine.AgentEventsObserved{UntilEventID: 1 << 52},
		&engine.ControllerInitialized{ControllerID: "evil"}, &engine.CommandExecuted{CommandID: "x"}, &engine.PathControlled{}, &engine.WorkflowControlled{}, &engine.AgentBatchReceived{Term: 99}, &engine.EventsReleased{Reader: "r"},
	}).Draw(t, "event")
}

// TestHostileAgent lets an Agent report anything: it is refused as a whole, or
// changes nothing but what is at that Agent.
func TestHostileAgent(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(rt *rapid.T) {
		c := hostileCluster(t)
		theirs := func() []string {
			var all []string
			for _, o := range c.Controller.Orders() {
				if strings.Contains(string(o.ID), "WB") {
					all = append(all, engine.JSON(o))
				}
			}
			return append(all, engine.JSON(&c.Controller.Attachments("B")[0]))
		}
		others := strings.Join(theirs(), "\n")
		id := int64(1 << 51)
		for range rapid.IntRange(1, 20).Draw(rt, "batches") {
			var events []engine.Stamped
			for range rapid.IntRange(1, 4).Draw(rt, "events") {
				id++
				key := rapid.SampledFrom([]string{"1WA|x", "2WA|x", "1WB|x", "1WA", "", "A", "B", "nobody"}).Draw(rt, "key")
				events = append(events, engine.Stamped{ID: id, Key: key, Event: wild(rt)})
			}
			before := c.Controller.Freeze().Digest()
			err := c.Controller.AgentEvents("A", c.Agents["A"].Machine.LogID(), events, c.Now)
			if err != nil && c.Controller.Freeze().Digest() != before {
				rt.Fatalf("refused events have changed something: %v", err)
			}
			if now := strings.Join(theirs(), "\n"); now != others {
				rt.Fatalf("the Agent A has changed what is B's:\n%s\n%s", others, now)
			}
			c.Commit()
			if c.Controller.ID() != enginetest.ControllerID {
				rt.Fatal("the Controller has got another name")
			}
		}
		// Others work on.
		c.Agents["A"].Cut = true
		for _, a := range c.Agents["B"].Started {
			c.Agents["B"].End(a.Task, enginetest.Result("rc=0"))
		}
		if err := c.Pump(); err != nil {
			rt.Fatal(err)
		}
		if err := c.Advance(6_000_000); err != nil {
			rt.Fatal(err)
		}
		if o := c.Controller.Order("1WB"); o.State.Kind != order.Finished {
			rt.Fatalf("1WB is %s", o.State.Kind)
		}
	})
}

const guarded = `{"TYPE":"Workflow","path":"G","versionId":"1","orderPreparation":{"parameters":{
 "s":{"type":"String","pattern":"[a-z]+","maxLength":3},"n":{"type":"Number","default":"5","minimum":1,"maximum":9},"e":{"type":"String","enum":["x","y"],"default":"'x'"},
 "c":{"final":"'constant'"},"w":{"final":"$js7EpochMilli"}}},
 "instructions":[{"TYPE":"Execute.Anonymous","job":{"agentPath":"A","executable":{"TYPE":"ShellScriptExecutable","script":"hold","env":{"C":"$c"}}}},
 {"TYPE":"ForkList","children":"[1]","childToId":"x => $x","childToArguments":"x => { k: $x }","workflow":{"instructions":[{"TYPE":"Execute.Anonymous","job":{"agentPath":"A","executable":{"TYPE":"ShellScriptExecutable","script":"hold"}}}]}}]}`

// TestHostileController gives an Agent orders that the signed document doesn't
// allow, and documents that nobody trusted has signed: nothing starts.
func TestHostileController(t *testing.T) {
	t.Parallel()
	text := strings.ReplaceAll(guarded, "\n", "")
	good := value.Map{"s": value.String("abc"), "w": value.NewInt(1)}
	with := func(name string, v value.Value) value.Map {
		m := value.Map{name: v}
		for k, x := range good {
			if _, ok := m[k]; !ok {
				m[k] = x
			}
		}
		return m
	}
	inList := workflow.At(1).Into("fork")
	for name, c := range map[string]struct {
		args     value.Map
		position workflow.Position
		parent   order.ID
		signer   string
		starts   bool
	}{
		"good":                {args: good, starts: true},
		"pattern":             {args: with("s", value.String("ABC"))},
		"length":              {args: with("s", value.String("abcd"))},
		"type":                {args: with("s", value.NewInt(1))},
		"minimum":             {args: with("n", value.NewInt(0))},
		"maximum":             {args: with("n", value.NewInt(10))},
		"enum":                {args: with("e", value.String("z"))},
		"constant":            {args: with("c", value.String("other"))},
		"undeclared":          {args: with("more", value.String("x"))},
		"undeclared, a child": {args: with("more", value.String("x")), parent: "P"},
		"a child's own":       {args: with("k", value.NewInt(1)), parent: "P", position: inList, starts: true},
		"missing":             {args: value.Map{"w": value.NewInt(1)}},
		"unsigned":            {args: good, signer: "nobody"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			cl, err := enginetest.New("A")
			if err != nil {
				t.Fatal(err)
			}
			a := cl.Agents["A"]
			signer := c.signer
			if signer == "" {
				signer = "alice"
			}
			id := workflow.ID{Path: "G", VersionID: "1"}
			o := &order.Order{ID: "O", Workflow: id, Position: c.position, State: order.State{Kind: order.Ready}, Arguments: c.args, Parent: c.parent}
			b := &engine.AgentBatch{ControllerID: enginetest.ControllerID, LogID: a.Machine.LogID(), Term: 50, Sequence: 1, Commands: []engine.AgentCommand{
				&engine.AttachItem{Item: engine.ItemRef{Kind: item.KindAgentRef, Path: "A"}, Document: engine.Document{Text: `{"TYPE":"AgentRef","path":"A","uri":"https://A:1"}`, Evidence: "root"}},
				&engine.AttachItem{Item: engine.ItemRef{Kind: item.KindWorkflow, Path: "G", VersionID: "1"}, Document: engine.Document{Text: text, Evidence: signer}},
				&engine.AttachOrder{Order: o},
			}}
			if err := a.Deliver(b); err != nil {
				t.Fatal(err)
			}
			if got := len(a.Started) > 0; got != c.starts {
				t.Errorf("started: %v", got)
			}
			now := a.Machine.Order("O")
			if !c.starts && (now == nil || now.Attachment.Where != order.Detaching || !now.Failing) {
				t.Errorf("the order isn't given back as failed: %+v", now)
			}
			for _, l := range a.Started {
				for _, e := range l.Env {
					if e.Name == "C" && e.Value != "constant" {
						t.Errorf("C is %q", e.Value)
					}
				}
			}
		})
	}
}

// TestQuarantineStartsNothing attaches an order while the document is in
// quarantine, with arguments that don't fit: released, it fails.
func TestQuarantineStartsNothing(t *testing.T) {
	t.Parallel()
	c, err := enginetest.New("A")
	if err != nil {
		t.Fatal(err)
	}
	a := c.Agents["A"]
	send := func(sequence int64, cmds ...engine.AgentCommand) {
		t.Helper()
		if err := a.Deliver(&engine.AgentBatch{ControllerID: enginetest.ControllerID, LogID: a.Machine.LogID(), Term: 50, Sequence: sequence, Commands: cmds}); err != nil {
			t.Fatal(err)
		}
	}
	send(1, &engine.AttachItem{Item: engine.ItemRef{Kind: item.KindAgentRef, Path: "A"}, Document: engine.Document{Text: `{"TYPE":"AgentRef","path":"A","uri":"https://A:1"}`, Evidence: "root"}},
		&engine.AttachItem{Item: engine.ItemRef{Kind: item.KindWorkflow, Path: "G", VersionID: "1"}, Document: engine.Document{Text: strings.ReplaceAll(guarded, "\n", ""), Evidence: "alice"}})
	if err := c.Trust("A", "alice", false); err != nil {
		t.Fatal(err)
	}
	id := workflow.ID{Path: "G", VersionID: "1"}
	bad := &order.Order{ID: "BAD", Workflow: id, State: order.State{Kind: order.Ready}, Arguments: value.Map{"s": value.String("WRONG"), "w": value.NewInt(1)}}
	good := &order.Order{ID: "GOOD", Workflow: id, State: order.State{Kind: order.Ready}, Arguments: value.Map{"s": value.String("abc"), "w": value.NewInt(1)}}
	running := &order.Order{ID: "RUNNING", Workflow: id, State: order.State{Kind: order.Processing, Task: "1"}, Arguments: good.Arguments}
	send(2, &engine.AttachOrder{Order: bad}, &engine.AttachOrder{Order: good}, &engine.AttachOrder{Order: running})
	if len(a.Started) != 0 || a.Machine.Order("RUNNING") != nil {
		t.Fatal("something runs that nobody trusts")
	}
	if err := c.Trust("A", "alice", true); err != nil {
		t.Fatal(err)
	}
	if len(a.Started) != 1 || a.Started[0].OrderID != "GOOD" {
		t.Errorf("started: %+v", a.Started)
	}
	if o := a.Machine.Order("BAD"); o == nil || !o.Failing {
		t.Errorf("BAD: %+v", o)
	}
	// A Controller that isn't this Agent's, a log that isn't its.
	for _, b := range []*engine.AgentBatch{
		{ControllerID: "other", LogID: a.Machine.LogID(), Term: 60, Sequence: 1},
		{ControllerID: enginetest.ControllerID, LogID: "other", Term: 60, Sequence: 1},
	} {
		if err := a.Deliver(b); err == nil || fault.Is(err, fault.Internal) {
			t.Errorf("obeyed: %v", err)
		}
	}
}
