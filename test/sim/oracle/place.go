package oracle

import (
	"github.com/signet-scheduler/signet/internal/engine"
	"github.com/signet-scheduler/signet/internal/workflow"
)

// instruction returns what an order stands at; nil: not known.
func (s *Stream) instruction(l *life) workflow.Instruction {
	w := s.documents[l.workflow].parse()
	if w == nil {
		return nil
	}
	return w.At(l.position)
}

// standsAt tells what is wrong when an order does something that isn't what the
// instruction at its place says.
func (b *book) standsAt(l *life, e *engine.Stamped, right func(workflow.Instruction) bool) {
	if l.wrong {
		return
	}
	w := b.s.documents[l.workflow].parse()
	if w == nil {
		return
	}
	if i := w.At(l.position); i == nil || !right(i) {
		b.wrong(2, IllegalEvent, l, e, "the instruction at %s doesn't do this (%T)", l.position, i)
	}
}

// The instructions; an unknown one is everything.

func isFork(i workflow.Instruction) bool {
	switch i.(type) {
	case nil, *workflow.Fork, *workflow.ForkList:
		return true
	}
	return false
}

func isRetry(i workflow.Instruction) bool {
	_, ok := i.(*workflow.Retry)
	return ok || i == nil
}

func isSleep(i workflow.Instruction) bool {
	_, ok := i.(*workflow.Sleep)
	return ok || i == nil
}

// isStop tells whether an order may stop there though nothing has just failed:
// at a Stop, or when the last round of a Try is over.
func isStop(i workflow.Instruction) bool {
	_, ok := i.(*workflow.Stop)
	return ok || isRetry(i)
}

func isEnd(i workflow.Instruction) bool {
	switch i.(type) {
	case nil, *workflow.End, *workflow.Finish:
		return true
	}
	return false
}

// isFor tells whether an instruction is carried out at an Agent.
func isFor(i workflow.Instruction, agent string) bool {
	switch i := i.(type) {
	case *workflow.Execute:
		return i.Job.AgentPath == agent
	case *workflow.Fork:
		return i.AgentPath == agent
	case *workflow.ForkList:
		return i.AgentPath == agent
	}
	return false
}

// fails tells what is wrong when an order fails although nothing has: not its
// last outcome, not its last round of a Try, no killed process behind which it
// was resumed.
func (b *book) fails(l *life, e *engine.Stamped) {
	if l.failing || l.gaveUp || l.state == processingKilled || l.wrong {
		return
	}
	if !isRetry(b.s.instruction(l)) {
		b.wrong(2, IllegalEvent, l, e, "nothing has failed")
	}
}

// started tells what is wrong when an instruction that does something is
// carried out by an order that hasn't started.
func (b *book) started(l *life, e *engine.Stamped) {
	if l.state != fresh || l.wrong {
		return
	}
	switch i := b.s.instruction(l).(type) {
	case *workflow.Fail, *workflow.Stop:
		b.wrong(2, IllegalEvent, l, e, "the order hasn't started, and is at %T", i)
	}
}

// due tells what is wrong when an order goes on before its time.
func (b *book) due(l *life, e *engine.Stamped, at int64) {
	if !l.goes && e.Time() < at {
		b.wrong(2, TooEarly, l, e, "the order waits for %d, and this is %d", at, e.Time())
	}
}

// use counts the orders of a version.
func (b *book) use(id workflow.ID, n int) {
	if doc := b.s.documents[id]; doc != nil && b.agent == "" {
		doc.orders += n
	}
}
