package sim

import (
	"errors"
	mathrand "math/rand/v2"
	"time"
)

// network carries what the parts say to each other.
type network struct {
	w     *world
	rand  *mathrand.Rand
	cut   map[[2]int]int // directions that lose everything: how many faults say so
	loss  float64        // of 100
	twice float64        // of 100
	slow  time.Duration  // most that is added to a way
	late  float64        // of 100: a packet comes seconds later
}

func (n *network) init(w *world) {
	n.w, n.rand, n.cut = w, w.random("network"), map[[2]int]int{}
}

var (
	errLost    = errors.New("the connection broke")
	errTimeout = errors.New("no answer came in time")
)

func (n *network) delay() time.Duration {
	d := 100*time.Microsecond + time.Duration(n.rand.ExpFloat64()*float64(300*time.Microsecond))
	if n.slow > 0 {
		d += time.Duration(n.rand.Int64N(int64(n.slow)))
	}
	if n.late > 0 && chance(n.rand, n.late) {
		n.w.reach("fault late packet")
		d += between(n.rand, 100*time.Millisecond, 8*time.Second)
	}
	return d
}

// lose tells whether a packet gets lost on its way.
func (n *network) lose(from, to *part) bool {
	if n.cut[[2]int{from.id, to.id}] > 0 {
		return true
	}
	if n.loss > 0 && chance(n.rand, n.loss) {
		n.w.reach("fault lost packet")
		return true
	}
	return false
}

// send brings a packet to a part, in the life in which it arrives. It may be
// lost, doubled, late.
func (n *network) send(from, to *part, what string, arrive func()) {
	copies := 1
	// A connection doubles nothing; but a repeated request looks like that.
	if n.twice > 0 && (what == "raft" || what == "batch") && chance(n.rand, n.twice) {
		n.w.reach("fault doubled packet")
		copies = 2
	}
	for range copies {
		if n.lose(from, to) {
			continue
		}
		n.w.after(n.delay(), what, func() {
			if n.cut[[2]int{from.id, to.id}] == 0 {
				to.now(what, arrive)
			}
		})
	}
}

// call asks a part and brings its answer back, if there is one, to the life of
// from that asked. done is called once, with an error when nothing came in time.
// ask may be called twice, and after done, as networks are.
func (n *network) call(from, to *part, what string, wait time.Duration, ask func(reply func(any, error)), done func(any, error)) {
	answered := false
	life := from.life
	once := func(v any, err error) {
		if !answered && from.life == life {
			answered = true
			done(v, err)
		}
	}
	back := func(v any, err error) {
		n.send(to, from, "answer", func() { once(v, err) })
	}
	if to.life == nil && n.cut[[2]int{from.id, to.id}] == 0 {
		n.w.after(n.delay(), "refused", func() { from.now("refused", func() { once(nil, errDown) }) })
		return
	}
	n.send(from, to, what, func() { ask(back) })
	n.w.after(wait, "timeout", func() {
		if !answered && from.life == life {
			from.now("timeout", func() { once(nil, errTimeout) })
		}
	})
}
