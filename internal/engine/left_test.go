package engine_test

import (
	"bytes"
	"testing"

	"github.com/signet-scheduler/signet/internal/engine"
	"github.com/signet-scheduler/signet/internal/engine/enginetest"
	"github.com/signet-scheduler/signet/internal/order"
)

// leaving is an Agent that gets the same order again and again; its workflow
// isn't known there, so that it leaves at once.
type leaving struct {
	*testing.T
	m        *engine.Agent
	now      int64
	sequence int64
}

func newLeaving(t *testing.T) *leaving {
	t.Helper()
	l := &leaving{T: t, m: engine.NewAgent(engine.Config{Agent: "A", Verifier: enginetest.Signers{}}), now: enginetest.Start}
	l.must(l.m.Lead("LOG", func(string) bool { return false }, l.now))
	l.m.Committed(l.m.Take())
	return l
}

func (l *leaving) must(err error) {
	l.Helper()
	if err != nil {
		l.Fatal(err)
	}
}

// send has a batch carried out and returns the events of the order.
func (l *leaving) send(cmds ...engine.AgentCommand) (events []string, last int64) {
	l.Helper()
	l.sequence++
	l.now += 1000
	_, err := l.m.Batch(&engine.AgentBatch{ControllerID: "c", LogID: "LOG", Term: 1, Sequence: l.sequence, Commands: cmds}, l.now)
	l.must(err)
	w := l.m.Take()
	for _, e := range w.Events {
		if e.Key == "O" {
			events = append(events, e.Event.Type())
		}
	}
	l.m.Committed(w)
	return events, l.m.LastEventID()
}

func attach(id int64) engine.AgentCommand {
	return &engine.AttachOrder{Order: &order.Order{
		ID: "O", State: order.State{Kind: order.Ready}, Attachment: order.Attachment{Where: order.Attaching, Agent: "A", ID: id},
	}}
}

// An order that has left isn't taken again under the same attachment, until the
// Controller has confirmed that it knows; under another it is.
func TestLeftOrderComesAgain(t *testing.T) {
	t.Parallel()
	l := newLeaving(t)
	expect := func(what string, got []string, want int) {
		t.Helper()
		if len(got) != want || want > 0 && (got[0] != "OrderAttachedToAgent" || got[len(got)-1] != "OrderDetached") {
			t.Errorf("%s: the order's events are %v, want %d", what, got, want)
		}
		if l.m.Order("O") != nil {
			t.Errorf("%s: the order is still here", what)
		}
	}
	first, left := l.send(attach(7))
	expect("it comes", first, len(first))
	if len(first) < 3 {
		t.Fatalf("the order's events are %v", first)
	}
	again, _ := l.send(attach(7))
	expect("it is sent once more", again, 0)

	var b bytes.Buffer
	_, err := l.m.Freeze().WriteTo(&b)
	l.must(err)
	digest := l.m.Freeze().Digest()
	l.m, err = engine.RestoreAgent(engine.Config{Agent: "A", Verifier: enginetest.Signers{}}, &b)
	l.must(err)
	if l.m.Freeze().Digest() != digest {
		t.Error("the restored state is another")
	}
	again, _ = l.send(attach(7))
	expect("it is sent once more after a restart", again, 0)

	again, _ = l.send(attach(8))
	expect("it comes back from elsewhere", again, len(first))
	again, _ = l.send(&engine.ConfirmEvents{Until: left}, attach(8))
	expect("what is confirmed was before", again, 0)
	_, last := l.send()
	again, _ = l.send(&engine.ConfirmEvents{Until: last}, attach(8))
	expect("the Controller knows, so it can't be sent once more", again, len(first))
}

// What is taken back isn't remembered.
func TestLeftOrderTakenBack(t *testing.T) {
	t.Parallel()
	l := newLeaving(t)
	before := l.m.Freeze().Digest()
	_, err := l.m.Batch(&engine.AgentBatch{ControllerID: "c", LogID: "LOG", Term: 1, Sequence: 1, Commands: []engine.AgentCommand{attach(7)}}, l.now+1)
	l.must(err)
	l.m.Undo()
	if l.m.Freeze().Digest() != before {
		t.Error("something is left of what was taken back")
	}
}

// An order of a Controller that doesn't number attachments waits to be taken back.
func TestOrderWithoutAttachmentWaits(t *testing.T) {
	t.Parallel()
	l := newLeaving(t)
	events, _ := l.send(attach(0))
	if o := l.m.Order("O"); o == nil || o.Attachment.Where != order.Detaching {
		t.Fatalf("after %v the order is %+v", events, o)
	}
	if again, _ := l.send(attach(0)); len(again) != 0 {
		t.Errorf("it is sent once more: %v", again)
	}
	if events, _ = l.send(&engine.DetachOrder{OrderID: "O"}); len(events) != 1 || events[0] != "OrderDetached" {
		t.Errorf("it is taken back: %v", events)
	}
}
