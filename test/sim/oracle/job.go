package oracle

import (
	"cmp"
	"strings"

	"github.com/signet-scheduler/signet/internal/engine"
	"github.com/signet-scheduler/signet/internal/order"
	"github.com/signet-scheduler/signet/internal/workflow"
)

// start is a committed start of a process, kept for Effects and History.
type start struct {
	id       int64 // event
	order    string
	workflow workflow.ID
	position workflow.Position
	try      int64
	attempt  int64
	agent    string
	task     string
	label    string
	job      string
	at       int64 // milliseconds
	document *document

	ended   int64 // event; 0: it runs
	endedAt int64
	outcome *order.Outcome

	ran       int  // processes that were seen
	untrusted bool // told already
}

// job takes what happens to an order at a job.
func (b *book) job(l *life, e *engine.Stamped) bool {
	switch ev := e.Event.(type) {
	case *order.ProcessingStarted:
		b.goesOn(l, e, ready, attached)
		b.starts(l, e, ev)
	case *order.ProcessedEvent:
		b.need(l, e, processing, attached)
		b.ends(l, e, ev.Outcome)
	case *order.ProcessingKilledEvent:
		b.need(l, e, processed, here)
		if !l.killed {
			b.wrong(2, IllegalEvent, l, e, "its process wasn't killed")
		}
		l.state = processingKilled
	default:
		return false
	}
	return true
}

func (b *book) starts(l *life, e *engine.Stamped, ev *order.ProcessingStarted) {
	b.sameAgent(l, e, ev.Agent)
	b.once(l, e, ev)
	doc := b.s.documents[l.workflow]
	b.room(l, e, ev, doc)
	b.mayStart(l, e)
	if !taskAfter(ev.Task, b.task[ev.Agent]) {
		b.wrong(3, TaskTwice, l, e, "the task %s isn't above %s, the last one of this Agent", ev.Task, b.task[ev.Agent])
	}
	b.task[ev.Agent] = ev.Task
	l.state = processing
	l.run.task = ev.Task
	l.run.start = b.s.began(b, l, e, ev, doc)
}

// taskAfter compares the numbers that name tasks.
func taskAfter(a, b string) bool {
	return cmp.Or(cmp.Compare(len(a), len(b)), strings.Compare(a, b)) > 0
}

// once makes sure that a step starts a second time only when it was lost.
func (b *book) once(l *life, e *engine.Stamped, ev *order.ProcessingStarted) {
	if try := int64(max(1, workflow.TryCount(l.position))); ev.Try != try {
		b.wrong(3, WrongAttempt, l, e, "it says try %d at %s, which is try %d", ev.Try, l.position, try)
	}
	again := l.losses > 0 && l.lossAt == l.position
	switch {
	case l.losses < 0: // the history was changed by a resumption
	case again && ev.Attempt != l.losses+1, !again && ev.Attempt != 1:
		b.wrong(3, WrongAttempt, l, e, "it says attempt %d at %s; processes lost there in a row: %d", ev.Attempt, l.position, max(l.losses, 0))
	}
	at := step{l.position, ev.Try}
	if l.ran[at] && !l.lost {
		b.wrong(3, StartedTwice, l, e, "the step at %s, try %d, has run already, and wasn't lost", l.position, ev.Try)
	}
	if l.ran == nil {
		l.ran = make(map[step]bool, 1)
	}
	l.ran[at] = true
	l.lost = false
}

// room makes sure that the job may have one more process, and is one of this Agent.
func (b *book) room(l *life, e *engine.Stamped, ev *order.ProcessingStarted, doc *document) {
	l.run.job = jobOf{doc, ev.JobKey}
	b.running[l.run.job]++
	w := doc.parse()
	if w == nil {
		return
	}
	ex, ok := w.At(l.position).(*workflow.Execute)
	switch {
	case !ok:
		b.wrong(2, IllegalEvent, l, e, "there is no job at %s", l.position)
	case ex.Job.AgentPath != ev.Agent:
		b.wrong(2, WrongAgent, l, e, "the job at %s is signed for the Agent %s", l.position, ex.Job.AgentPath)
	case b.running[l.run.job] > ex.Job.ProcessLimit:
		b.wrong(7, OverLimit, l, e, "%d processes of the job %s, and its limit is %d", b.running[l.run.job], ev.JobKey, ex.Job.ProcessLimit)
	}
}

func (b *book) ends(l *life, e *engine.Stamped, out *order.Outcome) {
	if l.state == processing {
		b.running[l.run.job]--
		if b.running[l.run.job] <= 0 {
			delete(b.running, l.run.job)
		}
	}
	l.state = processed
	l.outcome(out)
	if st := l.run.start; st != nil {
		st.ended, st.endedAt, st.outcome = e.ID, e.Time(), out
	}
	l.run = run{}
}

// mayStart makes sure that nothing of a document starts that is held back.
func (b *book) mayStart(l *life, e *engine.Stamped) {
	if b.agent == "" {
		b.s.items.mayStart(b, l, e)
		return
	}
	switch b.here[l.workflow] {
	case absent:
		b.wrong(4, HeldBack, l, e, "the Agent doesn't have the workflow %s", l.workflow)
	case inQuarantine:
		b.wrong(4, HeldBack, l, e, "the workflow %s is in quarantine", l.workflow)
	case present:
	}
	if b.paused[l.workflow.Path] {
		b.wrong(4, HeldBack, l, e, "the workflow %s is suspended", l.workflow.Path)
	}
}

// began keeps a start for those who ask for it later.
func (s *Stream) began(b *book, l *life, e *engine.Stamped, ev *order.ProcessingStarted, doc *document) *start {
	if b.agent == "" && !s.keepRows || b.agent != "" && s.effects == nil {
		return nil
	}
	st := &start{
		id: e.ID, order: l.id, workflow: l.workflow, position: l.position, try: ev.Try, attempt: ev.Attempt, agent: ev.Agent, task: ev.Task,
		label: ev.Label, job: ev.Job, at: e.Time(), document: doc,
	}
	if b.agent == "" {
		s.history = append(s.history, st)
	}
	if s.effects != nil {
		s.effects.committed(b, st)
	}
	return st
}
