package faults

import (
	"context"
	"encoding/json"
	"fmt"
	mathrand "math/rand/v2"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/signet-scheduler/signet/internal/fault"
	"github.com/signet-scheduler/signet/internal/transport"
	"github.com/signet-scheduler/signet/test/sim/oracle"
)

// The clients speak to the Controllers themselves, with the Cockpit's rights
// but none of its patience, and know the ids of their commands.
const (
	clientOrder  = "C" // begins the ids of their orders
	clientCount  = 3
	clientTry    = 1500 * time.Millisecond // for one request
	clientCall   = 20 * time.Second        // for a call, repeated
	clientOrders = 4                       // orders that all clients work on at a time
	clientCalls  = 40                      // calls on them, then others come
)

// clients call commands and read states, all on the same few orders, and note
// what they asked and were told.
type clients struct {
	began  time.Time
	url    func(member string) string
	far    int64 // a moment that doesn't come
	counts atomic.Int64

	mu    sync.Mutex
	calls []clientCallRecord
}

// clientCallRecord is a call and its answer.
type clientCallRecord struct {
	call     oracle.Call
	answer   oracle.Answer
	answered int64
}

// client is one of them. Owned by its goroutine.
type client struct {
	*clients
	name   string
	peer   *transport.Client
	rnd    *mathrand.Rand
	member int // that answered last
	number int // of the newest command
}

func newClients(url func(string) string) *clients {
	now := time.Now()
	return &clients{began: now, url: url, far: now.Add(24 * time.Hour).UnixMilli()}
}

// run calls until ctx ends.
func (c *client) run(ctx context.Context) {
	for ctx.Err() == nil {
		c.one(ctx)
		pause(ctx, time.Duration(c.rnd.IntN(60))*time.Millisecond)
	}
}

// one makes one call and notes it.
func (c *client) one(ctx context.Context) {
	round := c.counts.Add(1) / clientCalls
	id := fmt.Sprintf(clientOrder+"%d-%d", round, c.rnd.IntN(clientOrders))
	kinds := []oracle.Kind{oracle.Add, oracle.Add, oracle.Cancel, oracle.Suspend, oracle.Resume, oracle.Read, oracle.Read}
	r := clientCallRecord{call: oracle.Call{Kind: kinds[c.rnd.IntN(len(kinds))], Order: id, At: int64(time.Since(c.began))}}
	if r.call.Kind != oracle.Read {
		c.number++
		r.call.ID = fmt.Sprintf("%s-%d", c.name, c.number)
	}
	r.answer = c.ask(ctx, r.call)
	r.answered = int64(time.Since(c.began))
	c.mu.Lock()
	defer c.mu.Unlock()
	c.calls = append(c.calls, r)
}

// body is the command as the Controller takes it.
func (c *client) body(call oracle.Call) []byte {
	cmd := map[string]any{"commandId": call.ID, "by": map[string]any{"account": c.name, "method": "test"}}
	switch call.Kind {
	case oracle.Add:
		o := map[string]any{"id": call.Order, "workflowPath": "ONE"}
		if chance(c.rnd, 2) {
			o["scheduledFor"] = c.far
		}
		if chance(c.rnd, 2) {
			o["deleteWhenTerminated"] = true
		}
		cmd["TYPE"], cmd["orders"] = "AddOrders", []any{o}
	case oracle.Cancel:
		cmd["TYPE"], cmd["orderIds"], cmd["mode"] = "CancelOrders", []string{call.Order}, map[string]any{"TYPE": "FreshOrStarted"}
	case oracle.Suspend:
		cmd["TYPE"], cmd["orderIds"], cmd["mode"] = "SuspendOrders", []string{call.Order}, map[string]any{}
	case oracle.Resume:
		cmd["TYPE"], cmd["orderIds"] = "ResumeOrders", []string{call.Order}
	case oracle.Read, oracle.Other:
	}
	text, err := json.Marshal(cmd)
	if err != nil {
		return nil // strings and numbers
	}
	return text
}

// ask repeats a call, from member to member, until one answers that leads. A
// refusal counts only when nothing of the call can still be under way: an
// earlier try that a network holds back may come through later.
func (c *client) ask(ctx context.Context, call oracle.Call) oracle.Answer {
	ctx, cancel := context.WithTimeout(ctx, clientCall)
	defer cancel()
	body := c.body(call)
	uncertain := false
	for ctx.Err() == nil {
		text, err := c.try(ctx, call, body)
		switch {
		case err == nil:
			return done(call, text)
		case fault.HasCode(err, "NotLeader"):
		case fault.Is(err, fault.Unavailable) || fault.Is(err, fault.Timeout):
			uncertain = true
		case uncertain && call.Kind != oracle.Read:
			return oracle.Answer{Kind: oracle.Unknown}
		case fault.Is(err, fault.NotFound):
			return oracle.Answer{Kind: oracle.Missing}
		default:
			return oracle.Answer{Kind: oracle.Refused}
		}
		c.member = (c.member + 1) % len(controllers)
		pause(ctx, 20*time.Millisecond)
	}
	return oracle.Answer{Kind: oracle.Unknown}
}

func (c *client) try(ctx context.Context, call oracle.Call, body []byte) (json.RawMessage, error) {
	ctx, cancel := context.WithTimeout(ctx, clientTry)
	defer cancel()
	base := c.url(controllers[c.member]) + "/controller/api"
	var text json.RawMessage
	if call.Kind == oracle.Read {
		err := c.peer.GetJSON(ctx, base+"/order/"+call.Order, &text)
		return text, err
	}
	err := c.peer.PostJSON(ctx, base+"/command", body, &text)
	return text, err
}

// done reads an answer.
func done(call oracle.Call, text []byte) oracle.Answer {
	a := oracle.Answer{Kind: oracle.Done}
	var in struct {
		Added int `json:"added"`
		State struct {
			Type string `json:"TYPE"`
		} `json:"state"`
	}
	if err := json.Unmarshal(text, &in); err != nil {
		return oracle.Answer{Kind: oracle.Unknown}
	}
	switch call.Kind {
	case oracle.Add:
		a.Added = in.Added == 1
	case oracle.Read:
		a.State = in.State.Type
	case oracle.Cancel, oracle.Suspend, oracle.Resume, oracle.Other:
	}
	return a
}

// tell hands all calls to the oracle.
func (c *clients) tell(to *oracle.Commands) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, r := range c.calls {
		_ = to.Answered(to.Sent(r.call), r.answered, r.answer) // what is wrong is kept and told at the end
	}
}

// figures tells how many calls were answered how.
func (c *clients) figures() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	kinds := []string{"without answer", "done", "missing", "refused"}
	counts := make([]int, len(kinds))
	for _, r := range c.calls {
		counts[r.answer.Kind]++
	}
	var parts []string
	for i, k := range kinds {
		parts = append(parts, fmt.Sprintf("%d %s", counts[i], k))
	}
	return fmt.Sprintf("%d calls of clients: %s", len(c.calls), strings.Join(parts, ", "))
}
