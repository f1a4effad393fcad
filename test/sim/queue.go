package sim

// event is something that is going to happen at a moment.
type event struct {
	at   int64 // microseconds of the world
	n    uint64
	what string
	f    func()
}

func (e *event) before(o *event) bool { return e.at < o.at || e.at == o.at && e.n < o.n }

// queue holds what is going to happen, the earliest first, and of the same
// moment what came first.
type queue struct {
	heap []event
	n    uint64
}

func (q *queue) put(at int64, what string, f func()) {
	q.n++
	q.heap = append(q.heap, event{at, q.n, what, f})
	h, i := q.heap, len(q.heap)-1
	for i > 0 {
		p := (i - 1) / 2
		if !h[i].before(&h[p]) {
			break
		}
		h[i], h[p] = h[p], h[i]
		i = p
	}
}

func (q *queue) take() (event, bool) {
	h := q.heap
	if len(h) == 0 {
		return event{}, false
	}
	first := h[0]
	last := len(h) - 1
	h[0] = h[last]
	h[last] = event{}
	h = h[:last]
	q.heap = h
	for i := 0; ; {
		c := 2*i + 1
		if c >= len(h) {
			break
		}
		if c+1 < len(h) && h[c+1].before(&h[c]) {
			c++
		}
		if !h[c].before(&h[i]) {
			break
		}
		h[i], h[c] = h[c], h[i]
		i = c
	}
	return first, true
}
