package order

import (
	"encoding/hex"
	"flag"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/signet-scheduler/signet/internal/codec"
	"github.com/signet-scheduler/signet/internal/strictjson"
	"github.com/signet-scheduler/signet/internal/value"
	"github.com/signet-scheduler/signet/internal/workflow"
)

var update = flag.Bool("update", false, "add missing first forms to testdata/golden.txt")

// samples are events with every field set.
func samples() []Event {
	id := workflow.ID{Path: "folder/W", VersionID: "v1"}
	p := workflow.At(2).Into("try+1")
	args := value.Map{"a": value.NewInt(1), "b": value.List{value.String("x"), value.Missing{}}}
	kill := &KillMode{Immediately: true, At: &WorkflowPosition{Workflow: id, Position: p}}
	no := false
	resume := Resumption{
		Position: &p, AsSucceeded: true, RestartKilledJob: &no, Arguments: args,
		Operations: []HistoryOperation{
			{Kind: "Replace", At: p, Outcome: &Outcome{Kind: Succeeded}},
			{Kind: "Delete", At: p},
			{Kind: "Insert", At: p, New: workflow.At(1), Outcome: &Outcome{Kind: Succeeded}},
			{Kind: "Append", New: p, Outcome: FailedWith("x")},
		},
	}
	return []Event{
		&Added{
			Workflow: id, Arguments: args, ScheduledFor: 1_700_000_000_000, Priority: -3, DeleteWhenTerminated: true, StartPosition: &p,
			InnerBlock: p.Block, StopPositions: []workflow.Position{p, workflow.At(9)}, By: Actor{Account: "alice", Method: "password", Signature: []byte{1, 2}},
		},
		&Attachable{Agent: "A"},
		&Attachable{Agent: "A", ID: 7},
		&AttachedToAgent{Order: sampleOrder()},
		&AttachedEvent{Agent: "A"},
		&Started{},
		&ProcessingStarted{Agent: "A", Task: "17", Job: "LOAD", Label: "L", Try: 2, Attempt: 3, JobKey: "#LOAD"},
		&ProcessedEvent{Outcome: &Outcome{Kind: TimedOut, Inner: &Outcome{Kind: Fails, Message: "m", Values: args, Uncatchable: true}}},
		&ProcessedEvent{Outcome: &Outcome{Kind: Succeeded}, Silent: true},
		&ProcessingKilledEvent{},
		&Moved{To: p, Reason: "SkippedDueToWorkflowPathControl"},
		&OutcomeAdded{Outcome: &Outcome{Kind: Disrupted, ProcessLost: true, Problem: &Problem{Code: "C", Message: "m"}}},
		&ForkedEvent{Children: []ForkedChild{{BranchID: "b", OrderID: "O|b"}, {OrderID: "O|c", Arguments: args}}},
		&Joined{Outcome: &Outcome{Kind: Succeeded, Values: args}},
		&CaughtEvent{MovedTo: p},
		&Retrying{DelayedUntil: 1_700_000_000_001},
		&Awoke{},
		&SleepingEvent{Until: 1_700_000_000_002, Cause: "SleepInstruction"},
		&FailedEvent{MovedTo: p},
		&FailedInForkEvent{MovedTo: p},
		&BrokenEvent{Problem: &Problem{Code: "C", Message: "m"}},
		&StoppedEvent{},
		&FinishedEvent{Outcome: &Outcome{Kind: Succeeded, Values: args}},
		&CancelledEvent{},
		&Detachable{},
		&DetachedEvent{},
		&CancellationMarked{Mode: CancelMode{Kill: kill}},
		&CancellationMarkedOnAgent{},
		&StateReset{},
		&SuspensionMarked{Mode: SuspendMode{ResetState: true, Kill: kill}},
		&SuspensionMarkedOnAgent{},
		&SuspendedEvent{},
		&ResumptionMarked{Resumption: resume},
		&ResumedEvent{Resumption: resume},
		&GoMarked{Position: p},
		&GoesEvent{},
		&PriorityChanged{Priority: 7},
		&Transferred{To: WorkflowPosition{Workflow: id, Position: p}},
		&DeletionMarked{},
		&Deleted{},
	}
}

func sampleOrder() *Order {
	p := workflow.At(2).Into("try+1")
	var h *Step
	h = h.push(workflow.At(0), &Outcome{Kind: Succeeded, Values: value.Map{"returnCode": value.NewInt(0)}}).push(p, &Outcome{Kind: Caught})
	return &Order{
		ID: "#2026-11-22#O", Workflow: workflow.ID{Path: "folder/W", VersionID: "v1"}, Position: p,
		State:     State{Kind: Processing, Until: 1, Task: "17", Agent: "A", Children: []ChildRef{{"b", "O|b"}}, Problem: &Problem{"C", "m"}, JobKey: "#LOAD"},
		Arguments: value.Map{"a": value.String("x")}, ScheduledFor: 1_700_000_000_000, Priority: 1, Attachment: Attachment{Where: Attached, Agent: "A"},
		Parent: "P", Mark: &Mark{Kind: Cancelling, Cancel: CancelMode{FreshOnly: true}, OnAgent: true}, History: h,
		Suspended: true, Resumed: true, Failing: true, Goes: true, DeleteWhenTerminated: true, InnerBlock: p.Block,
		StopPositions: []workflow.Position{workflow.At(9)}, By: Actor{Account: "alice", Method: "oidc", Signature: []byte{3}}, AddedAt: 12,
	}
}

// TestGolden keeps the first form of every event, and of an order, for ever:
// what a log once held must be read the same by every later version.
func TestGolden(t *testing.T) {
	t.Parallel()
	const file = "testdata/golden.txt"
	data, err := os.ReadFile(file)
	if err != nil && !*update {
		t.Fatal(err)
	}
	golden := map[string][2]string{}
	lines := strings.Split(strings.TrimSpace(string(data)), "\n")
	for i := 0; i+2 < len(lines); i += 3 {
		golden[lines[i]] = [2]string{lines[i+1], lines[i+2]}
	}
	numbers := map[string]uint16{}
	for n, f := range Registry() {
		numbers[f().Type()] = n
	}
	check := func(name string, x, empty codec.Fielder) {
		json, binary := string(codec.JSON(nil, x)), hex.EncodeToString(codec.Binary(nil, x))
		want, ok := golden[name]
		if !ok {
			if !*update {
				t.Errorf("%s has no golden form (-update adds it)", name)
				return
			}
			data = fmt.Appendf(data, "%s\n%s\n%s\n", name, json, binary)
			return
		}
		old, err := hex.DecodeString(want[1])
		if err != nil {
			t.Fatal(err)
		}
		if err := codec.ReadBinary(old, empty); err != nil {
			t.Errorf("%s: the first form can't be read: %v", name, err)
			return
		}
		if got := string(codec.JSON(nil, empty)); got != want[0] {
			t.Errorf("%s: the first form reads as\n%s, not\n%s", name, got, want[0])
		}
		if json != want[0] || binary != want[1] {
			t.Logf("%s has got more fields since", name)
		}
	}
	covered := map[string]bool{}
	for _, ev := range samples() {
		covered[ev.Type()] = true
		check(fmt.Sprintf("%d %s", numbers[ev.Type()], ev.Type()), ev, Registry()[numbers[ev.Type()]]())
	}
	for name := range numbers {
		if !covered[name] {
			t.Errorf("%s has no sample", name)
		}
	}
	check("Order", sampleOrder(), &Order{})
	check("Outcome", &Outcome{Kind: Killed, Inner: FailedWith("x")}, &Outcome{})
	if *update {
		if err := os.WriteFile(file, data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

// TestRoundTrip writes and reads every event in both forms.
func TestRoundTrip(t *testing.T) {
	t.Parallel()
	numbers := map[string]uint16{}
	for n, f := range Registry() {
		numbers[f().Type()] = n
	}
	for _, ev := range samples() {
		json, binary := codec.JSON(nil, ev), codec.Binary(nil, ev)
		again := Registry()[numbers[ev.Type()]]()
		if err := codec.ReadBinary(binary, again); err != nil || string(codec.Binary(nil, again)) != string(binary) || string(codec.JSON(nil, again)) != string(json) {
			t.Errorf("%s: binary: %v\n%s\n%s", ev.Type(), err, json, codec.JSON(nil, again))
		}
		if ev.Type() == "OrderAttachedToAgent" {
			continue // its JSON has a field for readers
		}
		n, err := strictjson.Parse(json, strictjson.Limits{})
		if err != nil {
			t.Errorf("%s: %v", ev.Type(), err)
			continue
		}
		again = Registry()[numbers[ev.Type()]]()
		if err := codec.ReadJSON(n, "$", again); err != nil || string(codec.Binary(nil, again)) != string(binary) {
			t.Errorf("%s: JSON: %v\n%s\n%s", ev.Type(), err, json, codec.JSON(nil, again))
		}
		// A record that lacks the newest fields reads as zero.
		for i := range binary {
			_ = codec.ReadBinary(binary[:i], Registry()[numbers[ev.Type()]]())
		}
	}
}

func FuzzOrder(f *testing.F) {
	f.Add(codec.Binary(nil, sampleOrder()))
	f.Add(codec.Binary(nil, &Order{ID: "O", State: State{Kind: Fresh}}))
	f.Fuzz(func(t *testing.T, data []byte) {
		var o Order
		if codec.ReadBinary(data, &o) != nil {
			return
		}
		first := codec.Binary(nil, &o)
		var again Order
		if err := codec.ReadBinary(first, &again); err != nil {
			t.Fatalf("what was written can't be read: %v", err)
		}
		if string(codec.Binary(nil, &again)) != string(first) {
			t.Fatal("the second form differs from the first")
		}
		_ = codec.JSON(nil, &o)
		for _, ev := range samples() { // total on whatever decodes
			if now, err := Apply(&o, ev); err == nil && now != nil {
				_ = now.Steps()
				_ = now.Position.Normalize()
			}
		}
	})
}
