package faults

import (
	"context"
	"errors"
	"fmt"
	mathrand "math/rand/v2"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/signet-scheduler/signet/api"
	"github.com/signet-scheduler/signet/internal/fault"
	"github.com/signet-scheduler/signet/internal/transport"
	"github.com/signet-scheduler/signet/test/faults/rig"
)

// goOn is how soon orders have to go on when the leader is lost.
const goOn = 5 * time.Second

func TestLeaders(t *testing.T) {
	t.Parallel()
	rnd, faults := campaign(t, "leaders", leaderFlag, 8)
	e := newEffects(t, ":0")
	r := rig.Start(t, rig.Options{Binary: &built, Controllers: 3})
	r.Deploy(map[string]string{"ONE.workflow.json": workflow(e.job("agent-1", "0"))})
	peer, err := r.Peer()
	if err != nil {
		t.Fatal(err)
	}
	defer peer.Close()
	h := &hunter{evidence: &evidence{r: r, effects: e}, t: t, rnd: rnd, peer: peer, longest: 6}
	if faults >= 50 {
		h.longest = 30
	}
	h.run(t.Context(), faults)
	h.rest(t)
	h.askMembers(t, peer)
	h.judge(t)
	h.report()
}

// hunter takes the leader away, again and again, while orders are added. Owned
// by the test's goroutine, but for the evidence.
type hunter struct {
	*evidence
	t       *testing.T
	rnd     *mathrand.Rand
	peer    *transport.Client
	longest int // seconds that a leader is held
	added   atomic.Int64

	killed, held []recovery
}

// recovery is how long after a fault an order that was added at that moment had
// come so far.
type recovery struct {
	accepted, ran, known time.Duration
}

func (h *hunter) run(ctx context.Context, faults int) {
	ctx, stop := context.WithCancel(ctx)
	var load sync.WaitGroup
	defer load.Wait()
	defer stop()
	for client := range 2 {
		load.Go(func() { h.load(ctx, client) })
	}
	for n := range faults {
		leader := h.healthy(ctx)
		usual := h.probe(ctx, fmt.Sprintf("U%d", n)).known
		hold := time.Duration(0)
		if n%2 == 1 {
			hold = time.Second + time.Duration(h.rnd.Int64N(int64(h.longest-1)*int64(time.Second)))
		}
		limit := goOn + 10*usual // on a machine that is busy with other things
		got := h.lose(ctx, leader, fmt.Sprintf("P%d", n), hold)
		if got.known > limit {
			h.t.Errorf("fault %d, %s of %s: orders went on after %s, not within %s (accepted after %s, ran after %s)\n%s", n, kindOf(hold), leader,
				got.known, limit, got.accepted, got.ran, h.r.Tail())
		}
		if hold > 0 {
			h.held = append(h.held, got)
		} else {
			h.killed = append(h.killed, got)
		}
		if n%10 == 9 {
			if err := h.stream.fetch(ctx, h.r); err != nil {
				h.t.Logf("reading events after %d faults was interrupted: %v", n+1, err)
			}
			h.t.Logf("%d faults, %d orders: %s", n+1, h.added.Load(), h.figures())
		}
		if h.t.Failed() {
			return
		}
	}
	h.healthy(ctx)
}

func kindOf(hold time.Duration) string {
	if hold > 0 {
		return fmt.Sprintf("a hold of %s", hold.Round(time.Millisecond))
	}
	return "a kill"
}

// load adds one order after the other.
func (h *hunter) load(ctx context.Context, client int) {
	for n := 0; ctx.Err() == nil; n++ {
		id := fmt.Sprintf("L%d-%d", client, n)
		switch err := h.add(ctx, id); {
		case err == nil:
			h.added.Add(1)
		case ctx.Err() == nil:
			h.t.Errorf("adding %s: %v", id, err)
			return
		}
		pause(ctx, 100*time.Millisecond)
	}
}

// add adds one order and notes that it is promised.
func (h *hunter) add(ctx context.Context, id string) error {
	if err := persistently(ctx, func() error { return h.r.Add(ctx, "ONE", id, 1, id) }); err != nil {
		return err
	}
	h.acknowledged(id + "-1")
	return nil
}

// healthy waits until all three Controllers agree on who leads, and returns it.
func (h *hunter) healthy(ctx context.Context) string {
	var leader string
	err := rig.Poll(ctx, rig.Patience, func() error {
		leader = ""
		for _, name := range h.r.Controllers() {
			url, err := h.r.URL(name)
			if err != nil {
				return err
			}
			var st struct{ Leader string }
			if err := h.peer.GetJSON(ctx, url+"/controller/api/status", &st); err != nil {
				return err
			}
			if st.Leader == "" || leader != "" && st.Leader != leader {
				return fmt.Errorf("%s says %q leads, others say %q", name, st.Leader, leader)
			}
			leader = st.Leader
		}
		return nil
	})
	if err != nil {
		h.t.Fatalf("the group isn't whole again: %v\n%s", err, h.r.Tail())
	}
	return leader
}

// lose takes the leader away for a while, or kills it when the while is 0, and
// measures until a new order has ended.
func (h *hunter) lose(ctx context.Context, leader, id string, hold time.Duration) recovery {
	if hold == 0 {
		pid, err := h.r.Kill(leader)
		if err != nil {
			h.t.Fatal(err)
		}
		got := h.probe(ctx, id)
		if err := h.r.AwaitOther(ctx, leader, pid); err != nil {
			h.t.Fatal(err)
		}
		return got
	}
	if err := h.r.Stop(leader); err != nil {
		h.t.Fatal(err)
	}
	var got recovery
	var probing sync.WaitGroup
	probing.Go(func() { got = h.probe(ctx, id) })
	pause(ctx, hold)
	if err := h.r.Cont(leader); err != nil {
		h.t.Error(err)
	}
	probing.Wait()
	return got
}

// probe adds an order and measures until it was accepted, its job has ended,
// and the history knows.
func (h *hunter) probe(ctx context.Context, id string) recovery {
	began := time.Now()
	var got recovery
	if err := h.add(ctx, id); err != nil {
		h.t.Errorf("adding %s: %v", id, err)
		return got
	}
	got.accepted = time.Since(began)
	order := id + "-1"
	err := rig.Poll(ctx, rig.Patience, func() error {
		if done, err := h.effects.ended(order); err != nil || !done {
			return errors.Join(errNothingNew, err)
		}
		return nil
	})
	got.ran = time.Since(began)
	if err == nil {
		err = h.awaitEnd(ctx, order)
	}
	got.known = time.Since(began)
	if err != nil {
		h.t.Errorf("order %s: %v\n%s", order, err, h.r.Tail())
	}
	return got
}

// awaitEnd waits as `signet order add --wait` does.
func (h *hunter) awaitEnd(ctx context.Context, order string) error {
	return persistently(ctx, func() error {
		timeout := int64(20)
		var out api.WaitResponse
		if err := h.r.Client().Post(ctx, "/orders/wait", api.WaitRequest{Ids: []string{order}, Timeout: &timeout}, false, &out); err != nil {
			return err
		}
		if !out.Complete {
			return fault.New(fault.Timeout, "StillRuns", "it has not ended after %d s", timeout)
		}
		return nil
	})
}

func (h *hunter) report() {
	h.t.Logf("%d faults, %d orders: %s", len(h.killed)+len(h.held), len(h.promised()), h.figures())
}

// figures tells how long it took until orders went on.
func (h *hunter) figures() string {
	var parts []string
	for _, k := range []struct {
		name string
		all  []recovery
	}{{"killed", h.killed}, {"held", h.held}} {
		for _, f := range []struct {
			name string
			of   func(recovery) time.Duration
		}{
			{"accepted", func(r recovery) time.Duration { return r.accepted }},
			{"ran", func(r recovery) time.Duration { return r.ran }},
			{"in the history", func(r recovery) time.Duration { return r.known }},
		} {
			var d []time.Duration
			for _, r := range k.all {
				d = append(d, f.of(r))
			}
			if len(d) > 0 {
				parts = append(parts, fmt.Sprintf("leader %s, %s: %s", k.name, f.name, spread(d)))
			}
		}
	}
	return strings.Join(parts, "; ")
}

// spread tells median, 99th percentile and maximum.
func spread(d []time.Duration) string {
	d = slices.Sorted(slices.Values(d))
	at := func(p int) time.Duration { return d[min(len(d)-1, len(d)*p/100)].Round(time.Millisecond) }
	return fmt.Sprintf("median %s, p99 %s, max %s", at(50), at(99), at(100))
}
