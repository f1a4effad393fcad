package engine

import (
	"encoding/hex"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/signet-scheduler/signet/internal/codec"
	"github.com/signet-scheduler/signet/internal/fault"
	"github.com/signet-scheduler/signet/internal/item"
	"github.com/signet-scheduler/signet/internal/order"
	"github.com/signet-scheduler/signet/internal/strictjson"
	"github.com/signet-scheduler/signet/internal/value"
	"github.com/signet-scheduler/signet/internal/workflow"
)

// goldenUpdate adds missing first forms (SIGNET_GOLDEN=add).
var goldenUpdate = os.Getenv("SIGNET_GOLDEN") == "add"

var (
	sampleRef = ItemRef{Kind: item.KindJobResource, Path: "R", Revision: 7}
	sampleDoc = Document{Text: `{"TYPE":"JobResource"}`, Evidence: "e"}
	sampleBug = &order.Problem{Code: "C", Message: "m"}
	sampleID  = workflow.ID{Path: "W", VersionID: "1"}
)

// samples are events with every field set.
func samples() []Event {
	return []Event{
		&ControllerInitialized{ControllerID: "c"},
		&ControllerReady{Term: 3},
		&CommandExecuted{CommandID: "id", Command: "AddOrders", By: order.Actor{Account: "a", Method: "m", Signature: []byte{1}}, Reply: "{}"},
		&VersionAdded{VersionID: "1"},
		&ItemAdded{Item: sampleRef, Document: sampleDoc, Signer: "s", Changed: true, Uses: []string{"AgentRef:A"}},
		&ItemRemoved{Item: workflowRef(sampleID)},
		&ItemDeletionMarked{Item: sampleRef},
		&ItemDeleted{Item: sampleRef},
		&ItemAttachable{Item: sampleRef, Agent: "A"},
		&ItemAttachedToMe{Item: sampleRef, Document: sampleDoc, Signer: "s"},
		&ItemAttached{Item: sampleRef, Agent: "A"},
		&ItemDetachable{Item: sampleRef, Agent: "A"},
		&ItemDetached{Item: sampleRef, Agent: "A"},
		&ItemRefused{Item: sampleRef, Agent: "A", Problem: sampleBug},
		&ItemQuarantined{Item: sampleRef, Agent: "A", Problem: sampleBug},
		&ItemReleased{Item: sampleRef, Agent: "A"},
		&PathControlled{Control: PathControl{Path: "W", Suspended: true, Skip: []string{"L"}, Revision: 5}},
		&WorkflowControlled{Control: WorkflowControl{Workflow: sampleID, Breakpoints: []workflow.Position{workflow.At(1)}, Revision: 5}},
		&AgentDedicated{LogID: "l"},
		&AgentCoupled{},
		&AgentCouplingFailed{Problem: sampleBug},
		&AgentEventsObserved{UntilEventID: 9},
		&AgentReset{LogID: "l"},
		&AgentReady{},
		&EventsReleased{Reader: "r", Until: 8},
		&AgentBatchReceived{Term: 1, Sequence: 2},
		&AgentInitialized{Agent: "A", LogID: "l", ControllerID: "c"},
	}
}

// TestGolden keeps the first form of every event for ever; see package order.
func TestGolden(t *testing.T) {
	t.Parallel()
	const file = "testdata/golden.events"
	data, err := os.ReadFile(file)
	if err != nil && !goldenUpdate {
		t.Fatal(err)
	}
	golden := map[string][2]string{}
	lines := strings.Split(strings.TrimSpace(string(data)), "\n")
	for i := 0; i+2 < len(lines); i += 3 {
		golden[lines[i]] = [2]string{lines[i+1], lines[i+2]}
	}
	covered := map[uint16]bool{}
	for _, ev := range samples() {
		number := codes[ev.Type()]
		covered[number] = true
		name := fmt.Sprintf("%d %s", number, ev.Type())
		want, ok := golden[name]
		if !ok {
			if !goldenUpdate {
				t.Errorf("%s has no golden form (SIGNET_GOLDEN=add adds it)", name)
			}
			data = fmt.Appendf(data, "%s\n%s\n%x\n", name, codec.JSON(nil, ev), codec.Binary(nil, ev))
			continue
		}
		old, err := hex.DecodeString(want[1])
		if err != nil {
			t.Fatal(err)
		}
		read := makers[number]()
		if err := codec.ReadBinary(old, read); err != nil || string(codec.JSON(nil, read)) != want[0] {
			t.Errorf("%s: the first form reads as\n%s, not\n%s (%v)", name, codec.JSON(nil, read), want[0], err)
		}
		if read.Type() != ev.Type() {
			t.Errorf("%s is read as %s", name, read.Type())
		}
	}
	for number := range registry {
		if !covered[number] {
			t.Errorf("the event %d has no sample", number)
		}
	}
	if goldenUpdate {
		if err := os.WriteFile(file, data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

// sampleBatch is a batch with every command.
func sampleBatch() *AgentBatch {
	p := workflow.At(1)
	return &AgentBatch{ControllerID: "c", LogID: "l", Term: 2, Sequence: 3, Commands: []AgentCommand{
		&AttachItem{Item: sampleRef, Document: sampleDoc}, &DetachItem{Item: sampleRef},
		&AttachPathControl{Control: PathControl{Path: "W", Suspended: true}},
		&AttachWorkflowControl{Control: WorkflowControl{Workflow: sampleID, Breakpoints: []workflow.Position{p}}},
		&AttachOrder{Order: &order.Order{ID: "O", Workflow: sampleID, State: order.State{Kind: order.Fresh}, Arguments: value.Map{"a": value.NewInt(1)}}},
		&DetachOrder{OrderID: "O"}, &MarkOrder{OrderID: "O", Mark: order.Mark{Kind: order.Going, Go: p}}, &ConfirmEvents{Until: 5},
	}}
}

func TestBatchRoundTrip(t *testing.T) {
	t.Parallel()
	b := sampleBatch()
	if len(b.Commands) != len(agentCommands) {
		t.Errorf("the sample has %d commands of %d", len(b.Commands), len(agentCommands))
	}
	data := codec.Binary(nil, b)
	var again AgentBatch
	if err := codec.ReadBinary(data, &again); err != nil || string(codec.Binary(nil, &again)) != string(data) {
		t.Errorf("%v", err)
	}
	for i := range data {
		var torn AgentBatch
		_ = codec.ReadBinary(data[:i], &torn) // no panic
	}
}

// sampleEntry is an entry with every event there is.
func sampleEntry() []Stamped {
	var events []Stamped
	for i, ev := range samples() {
		events = append(events, Stamped{ID: int64(i + 1), Key: "k", Timestamp: int64(i), Event: ev})
	}
	return events
}

func TestEntryRoundTrip(t *testing.T) {
	t.Parallel()
	events := sampleEntry()
	data := AppendEvents(nil, events)
	again, err := ReadEvents(data)
	if err != nil || string(AppendEvents(nil, again)) != string(data) {
		t.Fatalf("%v", err)
	}
	for i, e := range again {
		if e.ID != events[i].ID || e.Key != "k" || e.Timestamp != events[i].Timestamp || e.Event.Type() != events[i].Event.Type() {
			t.Errorf("%d: %+v", i, e)
		}
		if _, err := strictjson.Parse(e.AppendJSON(nil), strictjson.Limits{}); err != nil {
			t.Errorf("%s: %v", e.Event.Type(), err)
		}
	}
	for i := range data {
		if _, err := ReadEvents(data[:i]); err == nil && i < len(data)-1 {
			continue // the last fields may be missing: written by an older version
		}
	}
	for _, bad := range [][]byte{nil, {2}, {1, 1, 0}, {1, 1, 2, 0xFF, 0xFF, 3}} {
		if _, err := ReadEvents(bad); !fault.Is(err, fault.Corrupt) {
			t.Errorf("%v: %v", bad, err)
		}
	}
}

func TestCountEvents(t *testing.T) {
	t.Parallel()
	many := make([]Stamped, 300)
	for i := range many {
		many[i] = Stamped{ID: int64(i + 1), Event: &ControllerReady{}}
	}
	for _, c := range []struct {
		data []byte
		want int
	}{
		{AppendEvents(nil, many), 300},
		{AppendEvents(nil, many[:1]), 1},
		{AppendEvents(nil, nil), 0},
		{nil, 0},
		{[]byte{1}, 0},
		{[]byte{2, 7}, 0},
		{[]byte{1, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1}, 11},
	} {
		if got := CountEvents(c.data); got != c.want {
			t.Errorf("%d bytes: %d events, want %d", len(c.data), got, c.want)
		}
	}
}

func FuzzReadEvents(f *testing.F) {
	f.Add(AppendEvents(nil, sampleEntry()))
	f.Add([]byte{1, 0})
	f.Fuzz(func(t *testing.T, data []byte) {
		events, err := ReadEvents(data)
		if err != nil {
			return
		}
		first := AppendEvents(nil, events)
		again, err := ReadEvents(first)
		if err != nil || string(AppendEvents(nil, again)) != string(first) {
			t.Fatalf("what was written reads differently: %v", err)
		}
		for i := range events {
			_ = events[i].AppendJSON(nil)
		}
		c, a := NewController(Config{ControllerID: "c", Verifier: anyone{}}), NewAgent(Config{Agent: "A", Verifier: anyone{}})
		_ = c.Apply(events) // total on whatever decodes
		_ = a.Apply(events)
		_ = c.Freeze().Digest()
		_ = a.Freeze().Digest()
	})
}

func FuzzReadCommand(f *testing.F) {
	f.Add([]byte(`{"TYPE":"AddOrders","commandId":"1","by":{"account":"a"},"orders":[{"id":"O","workflowPath":"W","arguments":{"a":[1]},"startPosition":[0,"then",1]}]}`))
	f.Add([]byte(`{"TYPE":"CancelOrders","orderIds":["O"],"mode":{"TYPE":"FreshOrStarted","kill":{"immediately":true}}}`))
	f.Add([]byte(`{"TYPE":"ResumeOrders","orderIds":["O"],"position":[1],"historyOperations":[{"TYPE":"Insert","before":[0],"position":[1],"outcome":{"TYPE":"Succeeded"}}]}`))
	f.Add([]byte(`{"TYPE":"ControlWorkflow","workflowId":{"path":"W","versionId":"1"},"addBreakpoints":[[0,"x",1]]}`))
	for name := range commandTypes {
		f.Add([]byte(`{"TYPE":"` + name + `"}`))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		cmd, err := ReadCommand(data, strictjson.Limits{})
		if err != nil {
			return
		}
		c := NewController(Config{ControllerID: "c", Verifier: anyone{}})
		before := c.Freeze().Digest()
		if _, err := c.Submit(cmd, 1); err != nil && (fault.Is(err, fault.Internal) || c.Freeze().Digest() != before) {
			t.Fatalf("%v", err)
		}
	})
}

func FuzzAgentBatch(f *testing.F) {
	f.Add(codec.Binary(nil, sampleBatch()))
	f.Fuzz(func(t *testing.T, data []byte) {
		var b AgentBatch
		if codec.ReadBinary(data, &b) != nil {
			return
		}
		a := NewAgent(Config{Agent: "A", Verifier: anyone{}})
		if err := a.Lead("l", func(string) bool { return false }, 1); err != nil {
			t.Fatal(err)
		}
		b.LogID = "l"
		if _, err := a.Batch(&b, 2); fault.Is(err, fault.Internal) && err != nil {
			t.Fatalf("%v", err)
		}
		if _, err := ReadEvents(AppendEvents(nil, a.Take().Events)); err != nil {
			t.Fatalf("its events can't be read: %v", err)
		}
	})
}

// anyone trusts everybody.
type anyone struct{}

func (anyone) Verify(d Document, _ *Document, _ int64) (Verified, error) {
	return Verified{Text: d.Text}, nil
}

func FuzzRestore(f *testing.F) {
	c, a := NewController(Config{ControllerID: "c", Verifier: anyone{}}), NewAgent(Config{Agent: "A", Verifier: anyone{}})
	if err := c.Apply(sampleEntry()[:9]); err != nil {
		f.Fatal(err)
	}
	if err := a.Apply([]Stamped{{ID: 1, Event: &AgentInitialized{Agent: "A", LogID: "l"}}, {ID: 2, Event: &ItemAttachedToMe{Item: sampleRef, Document: sampleDoc}}}); err != nil {
		f.Fatal(err)
	}
	for _, frozen := range []*Frozen{c.Freeze(), a.Freeze()} {
		var b strings.Builder
		if _, err := frozen.WriteTo(&b); err != nil {
			f.Fatal(err)
		}
		f.Add([]byte(b.String()))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		if c, err := RestoreController(Config{ControllerID: "c", Verifier: anyone{}}, strings.NewReader(string(data))); err == nil {
			_ = c.Freeze().Digest()
			_ = c.Lead(1, 1<<40)
		}
		if a, err := RestoreAgent(Config{Agent: "A", Verifier: anyone{}}, strings.NewReader(string(data))); err == nil {
			_ = a.Freeze().Digest()
			_ = a.Lead("l", func(string) bool { return false }, 1<<40)
		}
	})
}
