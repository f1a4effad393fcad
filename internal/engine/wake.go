package engine

import (
	"container/heap"

	"github.com/signet-scheduler/signet/internal/order"
)

// wakeTime returns when time alone lets an order go on that this machine owns,
// in milliseconds; 0: never. A waiting order that comes back gets its wake
// again, since owning it counts.
func (m *machine) wakeTime(o *order.Order) int64 {
	if o == nil || !m.rules.mine(o) {
		return 0
	}
	switch o.State.Kind {
	case order.DelayingRetry, order.Sleeping:
		return o.State.Until
	case order.Fresh:
		return o.ScheduledFor
	}
	return 0
}

// wakeQueue finds the orders whose time has come. It is derived from the
// orders: at holds each order's wake, line also holds wakes that hold no more.
type wakeQueue struct {
	at   map[order.ID]int64
	line wakeHeap
}

// changed notes an order's wake.
func (q *wakeQueue) changed(id order.ID, old, now int64) {
	if old == now {
		return
	}
	if now == 0 {
		delete(q.at, id)
		q.compact()
		return
	}
	if q.at == nil {
		q.at = map[order.ID]int64{}
	}
	q.at[id] = now
	heap.Push(&q.line, wake{now, id})
	q.compact()
}

// compact bounds the wakes that hold no more by those that do.
func (q *wakeQueue) compact() {
	if len(q.line) < 1000 || len(q.line) < 2*len(q.at) {
		return
	}
	kept := q.line[:0]
	for _, w := range q.line {
		if q.at[w.id] == w.at {
			kept = append(kept, w)
		}
	}
	clear(q.line[len(kept):])
	q.line = kept
	heap.Init(&q.line)
}

// first returns the earliest wake that holds.
func (q *wakeQueue) first() (wake, bool) {
	for len(q.line) > 0 {
		if w := q.line[0]; q.at[w.id] == w.at {
			return w, true
		}
		heap.Pop(&q.line)
	}
	return wake{}, false
}

type wake struct {
	at int64
	id order.ID
}

type wakeHeap []wake

func (h wakeHeap) Len() int { return len(h) }
func (h wakeHeap) Less(i, j int) bool {
	return h[i].at < h[j].at || h[i].at == h[j].at && h[i].id < h[j].id
}
func (h wakeHeap) Swap(i, j int) { h[i], h[j] = h[j], h[i] }
func (h *wakeHeap) Push(x any)   { *h = append(*h, x.(wake)) } // container/heap
func (h *wakeHeap) Pop() any {
	old := *h
	x := old[len(old)-1]
	*h = old[:len(old)-1]
	return x
}

// NextWake returns the earliest moment, in milliseconds since the epoch, at
// which Tick has something to do; 0: never. An order whose time has come and
// that is held back by something else doesn't count: what held it back lets it
// go on.
func (m *machine) NextWake() int64 {
	if len(m.unverified) > 0 {
		return 1 // at once
	}
	w, _ := m.wakes.first()
	return w.at
}

// rebuild puts every wake in line again, after events were taken back.
func (q *wakeQueue) rebuild() {
	q.line = q.line[:0]
	for id, at := range q.at {
		q.line = append(q.line, wake{at, id})
	}
	heap.Init(&q.line)
}

// wakeDue touches every order whose time has come.
func (m *machine) wakeDue() {
	for {
		w, ok := m.wakes.first()
		if !ok || w.at > m.now {
			return
		}
		heap.Pop(&m.wakes.line)
		m.touch(w.id)
	}
}
