package engine

import (
	"slices"

	"github.com/signet-scheduler/signet/internal/order"
	"github.com/signet-scheduler/signet/internal/workflow"
)

// jobID names a job of one version of a workflow; key is the part of
// workflow.JobKey behind the version.
type jobID struct {
	workflow workflow.ID
	key      string
}

// lines are the orders that wait for a process, one line for each job: first
// come, first served. Derived from the orders: who runs follows from their
// state; who waits, and since when, is forgotten at a restart, when all orders
// come anew in the order of their ids.
type lines struct {
	jobs    map[jobID]*jobLine
	waiting map[order.ID]*jobLine
	turn    []*jobLine // those that may have something to start, in turn
	running int        // processes of all jobs
	first   order.ID   // the order that serve is starting
}

type jobLine struct {
	job        jobID
	limit      int
	running    int
	executions int64      // since this Agent's start
	orders     []order.ID // may hold orders that wait no longer
	inTurn     bool
}

func newLines() lines {
	return lines{jobs: map[jobID]*jobLine{}, waiting: map[order.ID]*jobLine{}}
}

func (l *lines) of(job jobID) *jobLine {
	q := l.jobs[job]
	if q == nil {
		q = &jobLine{job: job}
		l.jobs[job] = q
	}
	return q
}

// join puts an order at the end of its job's line, unless it is in it.
func (l *lines) join(o *order.Order, job jobID, limit int) {
	q := l.of(job)
	q.limit = limit
	if l.waiting[o.ID] != q {
		l.waiting[o.ID] = q
		q.orders = append(q.orders, o.ID)
	}
	l.takeTurn(q)
}

func (l *lines) takeTurn(q *jobLine) {
	if !q.inTurn && len(q.orders) > 0 && q.running < q.limit {
		q.inTurn = true
		l.turn = append(l.turn, q)
	}
}

// any tells whether next may have something.
func (l *lines) any() bool { return len(l.turn) > 0 }

// next takes the first order out of the line whose turn it is.
func (l *lines) next() (order.ID, bool) {
	q := l.turn[0]
	l.turn[0] = nil
	l.turn = l.turn[1:]
	q.inTurn = false
	for len(q.orders) > 0 && q.running < q.limit {
		id := q.orders[0]
		q.orders = q.orders[1:]
		if l.waiting[id] == q {
			delete(l.waiting, id)
			l.again(q)
			return id, true
		}
	}
	return "", false
}

// again gives a line its next turn; whether there is room for one more process
// of the job shows when it comes.
func (l *lines) again(q *jobLine) {
	if !q.inTurn && len(q.orders) > 0 {
		q.inTurn = true
		l.turn = append(l.turn, q)
	}
}

// executed counts a start of the job.
func (l *lines) executed(job jobID) int64 {
	q := l.of(job)
	q.executions++
	return q.executions
}

// changed counts running processes, and lets an order leave the line that is
// no longer what stood in it.
func (l *lines) changed(old, now *order.Order) {
	if old != nil {
		if _, waits := l.waiting[old.ID]; waits && (now == nil || now.Attachment != old.Attachment || now.Position != old.Position || !now.State.FreshOrReady()) {
			delete(l.waiting, old.ID)
		}
		if old.State.Kind == order.Processing {
			q := l.of(jobID{old.Workflow, old.State.JobKey})
			q.running--
			l.running--
			l.takeTurn(q)
		}
	}
	if now != nil && now.State.Kind == order.Processing {
		l.of(jobID{now.Workflow, now.State.JobKey}).running++
		l.running++
	}
}

// clear forgets who waits.
func (l *lines) clear() {
	clear(l.waiting)
	l.turn = nil
	for _, q := range l.jobs {
		q.orders, q.inTurn = nil, false
	}
}

// forget drops the lines of a version of a workflow that is gone.
func (l *lines) forget(id workflow.ID) {
	for job, q := range l.jobs {
		if job.workflow == id && q.running == 0 {
			delete(l.jobs, job)
			l.turn = slices.DeleteFunc(l.turn, func(t *jobLine) bool { return t == q })
		}
	}
}
