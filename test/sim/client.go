package sim

import (
	"errors"
	"strings"
	"time"

	"github.com/signet-scheduler/signet/internal/fault"
	"github.com/signet-scheduler/signet/test/sim/oracle"
)

// client asks for one thing after the other, of any member, and repeats what it
// got no answer to.
type client struct {
	*part
	pause time.Duration
	guess int // the member that it takes for the leader
}

func newClient(w *world, i int) *client {
	c := &client{part: newPart(w, 31+i, "client")}
	c.part.rand = w.random("client" + string(rune('0'+i)))
	c.life = &life{}
	c.pause = []time.Duration{40 * time.Millisecond, 100 * time.Millisecond, 250 * time.Millisecond, 600 * time.Millisecond}[c.rand.IntN(4)]
	return c
}

// begin lets the client work until a moment.
func (c *client) begin(end int64) {
	c.after(time.Duration(c.rand.ExpFloat64()*float64(c.pause)), "client", func() {
		if c.w.now > end {
			return
		}
		q := c.w.load.choose()
		if q == nil {
			c.begin(end)
			return
		}
		c.w.reach("load " + strings.Fields(q.what)[0])
		c.w.load.asking++
		call := oracle.Call{ID: q.id, Kind: q.kind, Order: q.order, At: c.w.now}
		if apart(q.order) {
			call.Kind, call.Order = oracle.Other, ""
		}
		n := c.w.commands.Sent(call)
		c.ask(q, n, 1, false, func() {
			c.w.load.asking--
			c.begin(end)
		})
	})
}

// ask asks a member, and others, until there is an answer, or patience ends.
// open tells that an earlier attempt may still be carried out: then a refusal
// says nothing.
func (c *client) ask(q *request, n, try int, open bool, next func()) {
	m := c.w.controllers[c.guess%len(c.w.controllers)]
	if chance(c.rand, 10) {
		m = c.w.controllers[c.rand.IntN(len(c.w.controllers))]
	}
	wait := between(c.rand, time.Second, 5*time.Second)
	c.w.tell("client asks %s: %s %s %s", m.name, q.what, q.order, q.id)
	c.w.net.call(c.part, m.part, "ask", wait, func(reply func(any, error)) { c.w.load.carryOut(m, q, reply) }, func(v any, err error) {
		again := func() {
			c.guess = c.rand.IntN(len(c.w.controllers))
			if try < 6 && !q.read && !q.shoot {
				c.w.reach("client repeats")
				c.after(between(c.rand, 10*time.Millisecond, time.Second), "again", func() { c.ask(q, n, try+1, open || unanswered(err), next) })
				return
			}
			next() // its outcome stays unknown
		}
		if err != nil && (unanswered(err) || fault.Is(err, fault.Unavailable) || fault.Is(err, fault.NoSpace) || errors.Is(err, errDown)) {
			again()
			return
		}
		if q.shoot {
			next()
			return
		}
		a := answer(q, v, err)
		if open && err != nil {
			a.Kind = oracle.Unknown
		}
		c.w.tell("client is told about %s %s: %v %v", q.what, q.id, v, err)
		c.w.fail(c.w.commands.Answered(n, c.w.now, a))
		if q.kind == oracle.Add && a.Kind == oracle.Done {
			c.w.load.acked = append(c.w.load.acked, q.order)
		}
		next()
	})
}

// answer says what an answer means.
func answer(q *request, v any, err error) oracle.Answer {
	text, _ := v.(string)
	switch {
	case fault.HasCode(err, "UnknownOrder"):
		return oracle.Answer{Kind: oracle.Missing}
	case err != nil:
		return oracle.Answer{Kind: oracle.Refused}
	case q.read && text == "":
		return oracle.Answer{Kind: oracle.Missing}
	case q.read:
		return oracle.Answer{Kind: oracle.Done, State: text}
	}
	return oracle.Answer{Kind: oracle.Done, Added: strings.Contains(text, `"added":1`)}
}
