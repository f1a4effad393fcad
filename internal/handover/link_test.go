package handover

import (
	"testing"
	"time"

	"github.com/signet-scheduler/signet/internal/engine"
	"github.com/signet-scheduler/signet/internal/fault"
	"github.com/signet-scheduler/signet/internal/order"
)

// attaching is an order that is to be given to the Agent.
func attaching(id order.ID) *order.Order {
	return &order.Order{ID: id, Attachment: order.Attachment{Where: order.Attaching, Agent: "a"}}
}

func publish(b *Board, ids ...order.ID) {
	w := engine.ControllerWork{}
	for _, id := range ids {
		w.Touched = append(w.Touched, engine.Touched{ID: id, Order: attaching(id)})
	}
	b.Publish(w)
}

func next(t *testing.T, l *Link) *engine.AgentBatch {
	t.Helper()
	b, err := l.Next()
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// Batches are numbered throughout the term, and what wasn't answered is sent
// again, by a batch of another number.
func TestLinkSendsAgain(t *testing.T) {
	t.Parallel()
	b := NewBoard()
	publish(b, "1", "2")
	l := NewLink(b, "c", engine.Estate{}, "a", 7, 100)
	l.Begin("log", int64(0))
	first := next(t, l)
	if first == nil || first.Sequence != 1 || first.Term != 7 || first.LogID != "log" || len(first.Commands) != 2 {
		t.Fatalf("the first batch is %+v", first)
	}
	l.Begin("log", int64(0)) // the answer never came
	second := next(t, l)
	if second == nil || second.Sequence != 2 || len(second.Commands) != 2 {
		t.Fatalf("after another coupling: %+v", second)
	}
	l.Sent()
	if more := next(t, l); more != nil {
		t.Errorf("nothing is left, but %+v is sent", more)
	}
	publish(b, "3")
	if third := next(t, l); third == nil || third.Sequence != 3 || len(third.Commands) != 1 {
		t.Errorf("the third batch is %+v", third)
	}
}

// An order that changed while it was sent stays on the board.
func TestLinkKeepsWhatChanged(t *testing.T) {
	t.Parallel()
	b := NewBoard()
	publish(b, "1")
	l := NewLink(b, "c", engine.Estate{}, "a", 1, 100)
	l.Begin("log", int64(0))
	if next(t, l) == nil {
		t.Fatal("nothing is sent")
	}
	publish(b, "1")
	l.Sent()
	if again := next(t, l); again == nil || len(again.Commands) != 1 {
		t.Errorf("the changed order isn't sent: %+v", again)
	}
}

// Events are confirmed once they are taken over, and again after each coupling.
func TestLinkConfirms(t *testing.T) {
	t.Parallel()
	l := NewLink(NewBoard(), "c", engine.Estate{}, "a", 1, 100)
	l.Begin("log", int64(5))
	confirms := func(want int64) {
		t.Helper()
		batch := next(t, l)
		if batch == nil || len(batch.Commands) != 1 {
			t.Fatalf("the batch is %+v", batch)
		}
		if c, ok := batch.Commands[0].(*engine.ConfirmEvents); !ok || c.Until != want {
			t.Errorf("got %+v, want a confirmation of %d", batch.Commands[0], want)
		}
	}
	confirms(5)
	l.Adopted(int64(9)) // while the batch is under way
	l.Sent()
	confirms(9)
	l.Sent()
	if b := next(t, l); b != nil {
		t.Errorf("all is confirmed, but %+v is sent", b)
	}
	l.Adopted(nil) // the decision failed
	if l.After() != 9 {
		t.Errorf("events are read behind %d, not 9", l.After())
	}
	l.Begin("log", int64(9))
	confirms(9)
}

// Documents come before orders, and orders wait until all documents are there.
func TestDocumentsComeFirst(t *testing.T) {
	t.Parallel()
	b := NewBoard()
	publish(b, "1")
	items := []engine.AgentCommand{&engine.AttachItem{}, &engine.AttachItem{}, &engine.AttachItem{}}
	b.Publish(engine.ControllerWork{Items: map[string][]engine.AgentCommand{"a": items}})
	l := NewLink(b, "c", engine.Estate{}, "a", 1, 2)
	l.Begin("log", int64(0))
	for i, want := range []int{2, 2, 0} {
		batch := next(t, l)
		if want == 0 {
			if batch != nil {
				t.Errorf("batch %d is %+v", i, batch)
			}
			continue
		}
		if batch == nil || len(batch.Commands) != want {
			t.Fatalf("batch %d is %+v", i, batch)
		}
		_, ordered := batch.Commands[want-1].(*engine.AttachOrder)
		if ordered != (i == 1) {
			t.Errorf("batch %d ends with %T", i, batch.Commands[want-1])
		}
		l.Sent()
	}
}

// The pause grows, and begins anew after a coupling that lasted.
func TestLinkPauses(t *testing.T) {
	t.Parallel()
	l := NewLink(NewBoard(), "c", engine.Estate{}, "a", 1, 1)
	var last time.Duration
	for range 10 {
		p := l.Pause(0)
		if p < last {
			t.Errorf("the pause shrinks from %v to %v", last, p)
		}
		last = p
	}
	if last != lastRetry {
		t.Errorf("the pause ends at %v", last)
	}
	if p := l.Pause(time.Minute); p != firstRetry {
		t.Errorf("after a minute the pause is %v", p)
	}
}

// What an Agent was told is told again in the next coupling, until its own
// events say that it is done: it may have lost it with its data.
func TestLinkTellsAgain(t *testing.T) {
	t.Parallel()
	b := NewBoard()
	publish(b, "1", "2")
	l := NewLink(b, "c", engine.Estate{}, "a", 1, 100)
	l.Begin("log", int64(0))
	if first := next(t, l); first == nil || len(first.Commands) != 2 {
		t.Fatalf("the first batch is %+v", first)
	}
	l.Sent()
	done := attaching("1")
	done.Attachment.Where = order.Attached
	b.Publish(engine.ControllerWork{Batch: engine.Batch{Touched: []engine.Touched{{ID: "1", Order: done}}}})
	l.Begin("another log", int64(0))
	if again := next(t, l); again == nil || len(again.Commands) != 1 {
		t.Errorf("after the Agent lost its data: %+v", again)
	}
}

// When somebody resets the Agent, its coupling ends: the log that it is with
// isn't welcome any more, whether or not there is something to say.
func TestLinkEndsWithReset(t *testing.T) {
	t.Parallel()
	b := NewBoard()
	l := NewLink(b, "c", engine.Estate{}, "a", 1, 100)
	l.Dedicate("log")
	l.Begin("log", int64(0))
	next(t, l)
	b.Publish(engine.ControllerWork{Batch: engine.Batch{Events: []engine.Stamped{{ID: 1, Key: "a", Event: &engine.AgentReset{}}}}})
	select {
	case <-l.Work():
	default:
		t.Error("nobody is woken")
	}
	if _, err := l.Next(); !fault.HasCode(err, "AgentReset") {
		t.Errorf("after a reset: %v", err)
	}
	l.Dedicate("another log")
	l.Begin("another log", int64(0))
	next(t, l)
}
