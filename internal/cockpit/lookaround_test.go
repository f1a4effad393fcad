package cockpit

import (
	"net"
	"testing"
	"time"

	"github.com/signet-scheduler/signet/internal/engine"
	"github.com/signet-scheduler/signet/internal/order"
)

// soon is far below the time that one try may take.
const soon = tryTime / 2

// set changes who leads, and who doesn't answer.
func (g *group) set(leader int, term int64, hangs ...int) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.leader, g.term, g.hangs = leader, term, [2]bool{}
	for _, i := range hangs {
		g.hangs[i] = true
	}
}

// A member that hangs is left for the one that leads now, by commands, queries
// and streams alike.
func TestHangingMemberIsLeft(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	for name, call := range map[string]func(*Remote) error{
		"command": func(r *Remote) error {
			_, err := r.Command(ctx, engine.Command{ID: "1", By: order.Actor{Account: "anna"}, Body: &engine.DeleteOrders{OrderIDs: []string{"A"}}})
			return err
		},
		"query": func(r *Remote) error { _, err := r.Agents(ctx); return err },
		"stream": func(r *Remote) error {
			e, err := r.Events(ctx, 0)
			if err == nil {
				err = e.Close()
			}
			return err
		},
		"status": func(r *Remote) error { _, err := r.Status(ctx); return err },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			g, r := newGroup(t)
			if err := call(r); err != nil {
				t.Fatal(err)
			}
			g.set(1, 2, 0)
			began := time.Now()
			if err := call(r); err != nil {
				t.Fatal(err)
			}
			if took := time.Since(began); took > soon {
				t.Errorf("it took %s", took)
			}
			if at := r.leader.Load(); at != 1 {
				t.Errorf("the member asked first is %d", at)
			}
		})
	}
}

// One that answers that it leads in a newer term isn't left for what a member
// says that is behind.
func TestNewestTermCounts(t *testing.T) {
	t.Parallel()
	g, r := newGroup(t)
	g.set(1, 7)
	for i, others := range []int64{3, 9} {
		g.mu.Lock()
		g.says = map[int]Status{0: {Name: "c-1", Leader: "c-1", Term: others}}
		g.mu.Unlock()
		want := []string{"c-2", "c-1"}[i]
		if st, err := r.survey(t.Context()); err != nil || st.Leader != want {
			t.Errorf("one says it leads in term 7, the other in term %d: %q leads (%v)", others, st.Leader, err)
		}
	}
}

// A stream on which nothing comes any more ends, and its reader goes elsewhere.
func TestSilentStreamEnds(t *testing.T) {
	t.Parallel()
	body, from := net.Pipe()
	defer from.Close()
	f := newFrames(body)
	defer f.Close()
	go func() { _, _ = from.Write([]byte{0}) }() // read at once, or ended with the pipe
	began := time.Now()
	if _, err := f.Next(); err == nil {
		t.Error("it goes on")
	}
	if took := time.Since(began); took > 2*eventIdle || took < eventIdle/2 {
		t.Errorf("it ended after %s", took)
	}
}
