package handover

import (
	"slices"
	"sync"

	"github.com/signet-scheduler/signet/internal/engine"
	"github.com/signet-scheduler/signet/internal/order"
)

// Board is where committed work waits for the links to the Agents: for each
// Agent the orders for which something is to be done, and the documents on
// their way. Safe for concurrent use.
type Board struct {
	mu     sync.Mutex
	agents map[string]*notices
	where  map[order.ID]string // the Agent on whose notices an order stands
}

type notices struct {
	orders  map[order.ID]*order.Order
	queue   []order.ID // in the order in which they came; may name what is done
	items   []engine.AgentCommand
	changed chan struct{} // capacity 1: something came
	resets  int           // how often the Agent was reset
}

// NewBoard returns an empty board.
func NewBoard() *Board {
	return &Board{agents: map[string]*notices{}, where: map[order.ID]string{}}
}

func (b *Board) of(agent string) *notices {
	n := b.agents[agent]
	if n == nil {
		n = &notices{orders: map[order.ID]*order.Order{}, changed: make(chan struct{}, 1)}
		b.agents[agent] = n
	}
	return n
}

// Clear forgets everything: this member leads no more.
func (b *Board) Clear() {
	b.mu.Lock()
	defer b.mu.Unlock()
	clear(b.agents)
	clear(b.where)
}

// Publish takes in what a committed batch has caused.
func (b *Board) Publish(w engine.ControllerWork) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, t := range w.All {
		b.put(t)
	}
	for _, t := range w.Touched {
		b.put(t)
	}
	for i := range w.Events {
		if _, ok := w.Events[i].Event.(*engine.AgentReset); ok {
			n := b.of(w.Events[i].Key)
			n.resets++
			n.wake()
		}
	}
	for agent, items := range w.Items {
		n := b.of(agent)
		n.items = items
		if len(items) > 0 {
			n.wake()
		}
	}
}

func (b *Board) put(t engine.Touched) {
	if agent, ok := b.where[t.ID]; ok {
		delete(b.of(agent).orders, t.ID)
		delete(b.where, t.ID)
	}
	if t.Order == nil || engine.ToDoFor(t.Order) == engine.Nothing {
		return
	}
	agent := t.Order.Attachment.Agent
	n := b.of(agent)
	n.orders[t.ID] = t.Order
	n.queue = append(n.queue, t.ID)
	b.where[t.ID] = agent
	n.wake()
}

func (n *notices) wake() {
	select {
	case n.changed <- struct{}{}:
	default:
	}
}

// take returns the next commands for an Agent, at most limit, documents first,
// and what is to be called when the Agent has carried them out. Orders are told
// once in a coupling.
func (b *Board) take(agent string, limit int) (cmds []engine.AgentCommand, done func()) {
	b.mu.Lock()
	defer b.mu.Unlock()
	n := b.of(agent)
	items := len(n.items)
	if items > 0 {
		cmds = append(cmds, n.items[:min(items, limit)]...)
	}
	sent := n.items
	if len(cmds) < items {
		// Orders wait until all their documents are there.
		n.wake()
		taken := len(cmds)
		return cmds, func() { b.itemsDone(agent, sent, taken) }
	}
	for len(n.queue) > 0 && len(cmds) < limit+items {
		o := n.orders[n.queue[0]]
		n.queue = n.queue[1:]
		if o != nil {
			cmds = append(cmds, commandFor(engine.ToDoFor(o), o))
		}
	}
	if len(n.queue) > 0 {
		n.wake()
	}
	return cmds, func() { b.itemsDone(agent, sent, items) }
}

func commandFor(what engine.ToDo, o *order.Order) engine.AgentCommand {
	switch what {
	case engine.DetachIt:
		return &engine.DetachOrder{OrderID: o.ID}
	case engine.MarkIt:
		return &engine.MarkOrder{OrderID: o.ID, Mark: *o.Mark}
	default:
		return &engine.AttachOrder{Order: o}
	}
}

// requeue puts everything that is to be done for an Agent in line again, also
// what it was told: it may not have carried that out, or have lost it with its
// data since. An order stands on the board until the Agent's own events say that
// it is done, and an Agent takes what it is told twice as told once.
func (b *Board) requeue(agent string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	n := b.of(agent)
	n.queue = n.queue[:0]
	for id := range n.orders {
		n.queue = append(n.queue, id)
	}
	slices.Sort(n.queue)
	n.wake()
}

// itemsDone takes documents off that were sent; news of the Agent bring what
// is then outstanding.
func (b *Board) itemsDone(agent string, sent []engine.AgentCommand, n int) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if now := b.of(agent); len(sent) > 0 && len(now.items) == len(sent) && &now.items[0] == &sent[0] {
		now.items = now.items[n:]
	}
}

// resets returns how often an Agent was reset.
func (b *Board) resets(agent string) int {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.of(agent).resets
}

// changed returns a channel that tells of new work for an Agent.
func (b *Board) changed(agent string) <-chan struct{} {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.of(agent).changed
}
