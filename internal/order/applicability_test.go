package order

import (
	"slices"
	"strings"
	"testing"

	"github.com/signet-scheduler/signet/internal/workflow"
)

// applicability says, for each event, in which states an order takes it, and
// where it must be: D(etached), ">" attaching, A(ttached), "<" detaching.
// "*" is every state, "!X Y" every state but these. It is written down again
// in docs/architecture/engine.md, and TestApplicability holds fits against it.
var applicability = []struct{ event, states, where string }{
	{"OrderAttachable", "Fresh Ready", "D"},
	{"OrderAttached", "*", ">"},
	{"OrderStarted", "Fresh", "DA"},
	{"OrderProcessingStarted", "Ready", "A"},
	{"OrderProcessed", "Processing", "A"},
	{"OrderProcessingKilled", "Processed", "DA"},
	{"OrderMoved", "Fresh Ready Processed Sleeping", "DA"},
	{"OrderOutcomeAdded", "Fresh Ready", "DA"},
	{"OrderForked", "Ready", "DA"},
	{"OrderJoined", "Forked", "D"},
	{"OrderCaught", "Fresh Ready Processed ProcessingKilled", "DA"},
	{"OrderRetrying", "Ready", "DA"},
	{"OrderAwoke", "DelayingRetry", "DA"},
	{"OrderSleeping", "Ready", "DA"},
	{"OrderFailed", "Fresh Ready Processed ProcessingKilled", "D"},
	{"OrderFailedInFork", "Fresh Ready Processed ProcessingKilled", "D"},
	{"OrderStopped", "Fresh Ready Processed ProcessingKilled", "D"},
	{"OrderBroken", "!Processing Broken Finished Cancelled", "DA"},
	{"OrderFinished", "Ready", "D"},
	{"OrderCancelled", "!Processing Forked Sleeping Finished Cancelled", "D"},
	{"OrderDetachable", "!Processing Finished Cancelled", "A"},
	{"OrderDetached", "*", "<"},
	{"OrderDetached", "!Processing", "A"},
	{"OrderCancellationMarked", "!Finished Cancelled", "D>A<"},
	{"OrderSuspensionMarked", "!Finished Cancelled", "D>A<"},
	{"OrderResumptionMarked", "!Finished Cancelled", "D>A<"},
	{"OrderGoMarked", "!Finished Cancelled", "D>A<"},
	{"OrderStateReset", "DelayingRetry Sleeping", "D"},
	{"OrderSuspended", "Fresh Ready ProcessingKilled Stopped StoppedWhileFresh", "D"},
	{"OrderResumed", "Failed FailedWhileFresh Stopped StoppedWhileFresh Broken", "D"},
	{"OrderGoes", "Fresh DelayingRetry Sleeping", "DA"},
	{"OrderPriorityChanged", "!Finished Cancelled", "D>A<"},
	{"OrderTransferred", "!Finished Cancelled", "D"},
	{"OrderDeletionMarked", "!Finished Cancelled", "D>A<"},
	{"OrderDeleted", "Finished Cancelled", "D>A<"},
	// With a mark only, or at the beginning of an order.
	{"OrderCancellationMarkedOnAgent", "", ""},
	{"OrderSuspensionMarkedOnAgent", "", ""},
	{"OrderAdded", "", ""},
	{"OrderAttachedToAgent", "", ""},
}

// expected reads the table.
func expected(event string, s StateKind, w Where) bool {
	for _, row := range applicability {
		if row.event != event || !strings.Contains(row.where, string("D>A<"[w])) {
			continue
		}
		list, inverted := strings.CutPrefix(row.states, "!")
		if row.states == "*" || slices.Contains(strings.Fields(list), string(s)) != inverted {
			return true
		}
	}
	return false
}

// orderIn returns an order in a state, somewhere. A Processed one was killed,
// so that OrderProcessingKilled fits.
func orderIn(s StateKind, w Where) *Order {
	o := &Order{ID: "O", Workflow: workflow.ID{Path: "W", VersionID: "1"}, State: State{Kind: s}}
	if w != Detached {
		o.Attachment = Attachment{Where: w, Agent: "A"}
	}
	o.History = o.History.push(workflow.At(0), &Outcome{Kind: Killed, Inner: FailedWith("x")})
	return o
}

// filled gives an event what Apply needs.
func filled(ev Event) Event {
	switch e := ev.(type) {
	case *ProcessedEvent:
		e.Outcome = &Outcome{Kind: Succeeded}
	case *OutcomeAdded:
		e.Outcome = &Outcome{Kind: Succeeded}
	case *Joined:
		e.Outcome = &Outcome{Kind: Succeeded}
	}
	return ev
}

// TestApplicability tries every event in every state and place.
func TestApplicability(t *testing.T) {
	t.Parallel()
	for _, f := range Registry() {
		name := f().Type()
		if !slices.ContainsFunc(applicability, func(r struct{ event, states, where string }) bool { return r.event == name }) {
			t.Errorf("%s is missing in the table", name)
		}
		for _, s := range States {
			for w := Detached; w <= Detaching; w++ {
				o := orderIn(s, w)
				before := *o
				now, err := Apply(o, filled(f()))
				if want := expected(name, s, w); (err == nil) != want {
					t.Errorf("%s in %s (%s): accepted %v, want %v", name, s, w, err == nil, want)
				}
				if err != nil && now != nil {
					t.Errorf("%s in %s: an error and an order", name, s)
				}
				if o.State.Kind != before.State.Kind || o.Attachment != before.Attachment || o.Position != before.Position || o.Mark != before.Mark {
					t.Errorf("%s in %s has changed the order itself", name, s)
				}
			}
		}
	}
}

// TestSuspendedStandsStill makes sure that a suspended order does nothing.
func TestSuspendedStandsStill(t *testing.T) {
	t.Parallel()
	for _, f := range Registry() {
		ev := filled(f())
		switch ev.(type) {
		case *Attachable, *Started, *ProcessingStarted, *Moved, *ForkedEvent, *Retrying, *SleepingEvent, *FinishedEvent, *SuspendedEvent:
		default:
			continue
		}
		for _, s := range States {
			for _, w := range []Where{Detached, Attached} {
				o := orderIn(s, w)
				o.Suspended = true
				if _, err := Apply(o, ev); err == nil {
					t.Errorf("%s: a suspended order in %s takes it", ev.Type(), s)
				}
			}
		}
	}
	o := orderIn(Ready, Detached)
	o.Suspended = true
	if now, err := Apply(o, &ResumedEvent{}); err != nil || now.Suspended {
		t.Errorf("a suspended order isn't resumed: %v", err)
	}
}

func TestMarks(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		mark  MarkKind
		event Event
		fits  bool
	}{
		{Cancelling, &CancellationMarkedOnAgent{}, true},
		{Suspending, &CancellationMarkedOnAgent{}, false},
		{Suspending, &SuspensionMarkedOnAgent{}, true},
		{Cancelling, &SuspensionMarkedOnAgent{}, false},
		{Suspending, &ResumedEvent{}, true},
		{Resuming, &ResumedEvent{}, true},
		{Cancelling, &ResumedEvent{}, false},
		{Going, &ResumedEvent{}, false},
	} {
		o := orderIn(Processing, Attached)
		o.Mark = &Mark{Kind: c.mark}
		now, err := Apply(o, c.event)
		if (err == nil) != c.fits {
			t.Errorf("%s with mark %s: %v", c.event.Type(), c.mark, err)
		}
		if _, resumed := c.event.(*ResumedEvent); err == nil && resumed && (now.Mark != nil || now.State.Kind != Processing) {
			t.Errorf("taking back the mark %s left %+v", c.mark, now)
		}
	}
	// A Go mark is meant for one place, FreshOnly for a fresh order.
	o := orderIn(Ready, Attached)
	o.Mark = &Mark{Kind: Going}
	if now, err := Apply(o, &Moved{To: workflow.At(1)}); err != nil || now.Mark != nil {
		t.Errorf("a Go mark stays: %v", err)
	}
	o = orderIn(Fresh, Attached)
	o.Mark = &Mark{Kind: Cancelling, Cancel: CancelMode{FreshOnly: true}}
	if now, err := Apply(o, &Started{}); err != nil || now.Mark != nil {
		t.Errorf("a FreshOnly mark stays: %v", err)
	}
}

// TestHistoryIsBounded lets an order fail more often than is remembered.
func TestHistoryIsBounded(t *testing.T) {
	t.Parallel()
	var h *Step
	for i := range 3 * keptSteps {
		h = h.push(workflow.At(i), &Outcome{Kind: Succeeded})
		if h.n >= 2*keptSteps {
			t.Fatalf("%d steps", h.n)
		}
	}
	n := 0
	for s := h; s != nil; s = s.Prev {
		if s.Position != workflow.At(3*keptSteps-1-n) || s.n != h.n-n {
			t.Fatalf("step %d is %+v", n, s)
		}
		n++
	}
	if n < keptSteps || n != h.n {
		t.Errorf("%d steps kept, %d counted", n, h.n)
	}
}
