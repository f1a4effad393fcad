// Package turn lets those who write to a database take turns: one at a time, and
// whoever comes meanwhile waits and then shares a commit with the others who
// wait, so that one sync to disk serves many.
//
// It owns the queue, and who is inside when a database is to be closed. It must
// not know SQL: an engine carries out what has come together.
package turn

import (
	"context"
	"fmt"
	"sync"

	"github.com/signet-scheduler/signet/internal/fault"
	"github.com/signet-scheduler/signet/internal/store"
)

// maxShared is how many calls share one commit at most.
const maxShared = 64

// Job is a waiting call of Write. Its owner is whoever writes.
type Job struct {
	Ctx context.Context // of the call that waits
	Err error           // its result

	f    func(store.Writer) error
	done chan bool // true: the result is in Err; false: it is this caller's turn to write
}

// Run calls the job's function and keeps its result. A panic of one is kept from
// the others who share the transaction.
func (j *Job) Run(w store.Writer) {
	defer func() {
		if p := recover(); p != nil {
			j.Err = fault.Wrap(fault.Internal, "InternalError", fmt.Errorf("panic: %v", p), "internal error")
		}
	}()
	j.Err = j.f(w)
}

// Queue is where the callers of one database meet. Safe for concurrent use.
type Queue struct {
	commit func([]*Job) error

	mu      sync.Mutex
	waiting []*Job
	busy    bool // somebody writes, and will look at the queue when done
	inside  int  // readers
	closed  bool
	idle    sync.Cond // on mu: a call has ended
}

// NewQueue returns a queue whose jobs are carried out by commit, which sets the
// jobs' results; what it returns is the result of those that have none.
func NewQueue(commit func([]*Job) error) *Queue {
	q := &Queue{commit: commit}
	q.idle.L = &q.mu
	return q
}

// Write waits for its turn and has f carried out. Whoever comes while others write
// waits; when they are done, the first of those who wait writes for all of
// them.
func (q *Queue) Write(ctx context.Context, f func(store.Writer) error) error {
	j := &Job{Ctx: ctx, f: f, done: make(chan bool, 1)}
	q.mu.Lock()
	if q.closed {
		q.mu.Unlock()
		return errClosed()
	}
	q.waiting = append(q.waiting, j)
	if q.busy {
		q.mu.Unlock()
		if <-j.done {
			return j.Err
		}
		q.mu.Lock()
	}
	q.busy = true
	batch := q.waiting[:min(len(q.waiting), maxShared)]
	q.waiting = q.waiting[len(batch):]
	q.mu.Unlock()

	if err := q.commit(batch); err != nil {
		for _, j := range batch {
			if j.Err == nil {
				j.Err = err
			}
		}
	}
	q.handOver()
	for _, other := range batch {
		if other != j {
			other.done <- true
		}
	}
	return j.Err
}

// handOver lets the next who waits write.
func (q *Queue) handOver() {
	q.mu.Lock()
	defer q.mu.Unlock()
	if len(q.waiting) > 0 {
		q.waiting[0].done <- false
		return
	}
	q.waiting = nil
	q.busy = false
	q.idle.Broadcast()
}

func errClosed() error {
	return fault.New(fault.Unavailable, "DatabaseClosed", "the database is closed: the program is stopping")
}

// Enter lets a reader in. Leave must follow, unless there is an error.
func (q *Queue) Enter() error {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.closed {
		return errClosed()
	}
	q.inside++
	return nil
}

// Leave is the end of what Enter began.
func (q *Queue) Leave() {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.inside--
	q.idle.Broadcast()
}

// Close lets nobody in any more and waits for those who are. It tells whether
// this was the first call.
func (q *Queue) Close() bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.closed {
		return false
	}
	q.closed = true
	for q.busy || q.inside > 0 {
		q.idle.Wait()
	}
	return true
}
