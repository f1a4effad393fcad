package oracle

import (
	"cmp"
	"slices"

	"github.com/signet-scheduler/signet/internal/engine"
)

// Reader is what somebody read of the Controller's stream, or of an Agent's.
type Reader struct {
	b     *book
	name  string
	at    int     // index in the book of what must come next; -1: anything
	after int64   // else: behind this event, as soon as the book has it
	ahead []entry // read, and not yet in the book
	wrong bool    // told already
	read  int
}

// notPlaced is Reader.at while it isn't known yet.
const notPlaced = -1

// Reader returns a reader that begins behind the event after; 0: at the very
// first event, -1: wherever it may be.
func (s *Stream) Reader(name string, after int64) *Reader {
	return &Reader{b: s.log, name: name, at: notPlaced, after: after}
}

// AgentReader returns a reader of an Agent's stream.
func (s *Stream) AgentReader(agent, name string, after int64) *Reader {
	if s.logs[agent] == nil {
		s.logs[agent] = newBook(s, agent)
	}
	return &Reader{b: s.logs[agent], name: name, at: notPlaced, after: after}
}

// Event takes what the reader got next. It may be ahead of the stream.
func (r *Reader) Event(e *engine.Stamped) error {
	n := len(r.b.s.found.all)
	r.read++
	r.ahead = append(r.ahead, entry{e.ID, r.b.sum(e)})
	r.settle()
	return r.b.s.found.since(n)
}

// Line takes what the reader got next, in its JSON form.
func (r *Reader) Line(line []byte) error {
	e, err := ReadLine(line)
	if err != nil {
		return r.b.s.unreadable("what the reader "+r.name+" got", line, err)
	}
	return r.Event(&e)
}

// Again tells that the reader begins once more behind an event: one that it has
// confirmed, or what it fell back to after a crash; 0 and -1 as in
// [Stream.Reader].
func (r *Reader) Again(after int64) {
	r.settle()
	r.tellAhead()
	r.at, r.after, r.ahead, r.wrong = notPlaced, after, nil, false
}

// Read returns how many events the reader got.
func (r *Reader) Read() int { return r.read }

// settle compares what is in the book by now.
func (r *Reader) settle() {
	for len(r.ahead) > 0 && !r.wrong {
		got := r.ahead[0]
		if !r.place(got) || r.at >= len(r.b.seen) {
			return
		}
		want := r.b.seen[r.at]
		if got != want {
			why := text("the next event is %d, and it got %d", want.id, got.id)
			if got.id == want.id {
				why = text("it got another event %d than the stream has", got.id)
			}
			r.tell(why, want.id, got.id)
			return
		}
		r.at++
		r.ahead = r.ahead[1:]
	}
	if r.wrong {
		r.ahead = nil
	}
}

// place finds where the reader begins; false: the book isn't there yet.
func (r *Reader) place(first entry) bool {
	if r.at != notPlaced {
		return true
	}
	seen := r.b.seen
	behind := r.after
	if behind < 0 {
		behind = first.id - 1
	}
	i, _ := slices.BinarySearchFunc(seen, behind+1, func(e entry, id int64) int { return cmp.Compare(e.id, id) })
	if i == len(seen) {
		return false
	}
	r.at = i
	return true
}

func (r *Reader) tell(why string, events ...int64) {
	r.wrong = true
	r.b.s.wrong(&Finding{Invariant: 6, Rule: ReaderDiffers, Agent: r.b.agent, Events: events, Text: "the reader " + r.name + ": " + why})
}

// tellAhead tells of what the reader got and the stream never had.
func (r *Reader) tellAhead() {
	if len(r.ahead) > 0 && !r.wrong {
		r.tell(text("it got the event %d, and %d more, that the stream doesn't have", r.ahead[0].id, len(r.ahead)-1), r.ahead[0].id)
	}
}

// end compares what is left when all is at rest.
func (r *Reader) end() {
	r.settle()
	r.tellAhead()
}
