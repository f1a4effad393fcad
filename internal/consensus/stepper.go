package consensus

import (
	"io"

	"github.com/signet-scheduler/signet/internal/journal"
)

// Stepper is a member without goroutines: whoever owns it says when time
// passes, when the disk carries out an order, and when it has synced. A
// simulation makes many of them act in one goroutine, from a seed. It offers
// what of Node doesn't wait. Nothing may be called after Kill or Close but
// Entries and Status, which then fail or stand still.
type Stepper struct {
	core  *core
	group *group // nil in a Local

	pending []*write // handed to the writer
	written []*write // carried out, not synced
	posts   []func()
	jobs    []func()
	dead    bool
}

// OpenGroupStepper is StartGroup for a member that is driven step by step.
func OpenGroupStepper(o Options) (*Stepper, error) {
	o = o.complete()
	if err := o.check(true); err != nil {
		return nil, err
	}
	j, err := openGroup(o)
	if err != nil {
		return nil, err
	}
	s := newStepper(o, j)
	if s.group, err = newGroup(s.core); err != nil {
		return nil, closing(j, err)
	}
	s.core.proto = s.group
	return s.start()
}

// OpenLocalStepper is StartLocal for a log that is driven step by step.
func OpenLocalStepper(o Options) (*Stepper, error) {
	o = o.complete()
	number(&o.ID, 1)
	if err := o.check(false); err != nil {
		return nil, err
	}
	j, err := openLocal(o)
	if err != nil {
		return nil, err
	}
	s := newStepper(o, j)
	s.core.proto = &local{c: s.core}
	return s.start()
}

func newStepper(o Options, j *journal.Journal) *Stepper {
	s := &Stepper{}
	s.core = newCore(o, j, s)
	return s
}

func (s *Stepper) start() (*Stepper, error) {
	s.core.start()
	if err := s.core.err; err != nil {
		return nil, closing(s.core.j, err)
	}
	return s, nil
}

// write implements env.
func (s *Stepper) write(w *write) { s.pending = append(s.pending, w) }

// background implements env.
func (s *Stepper) background(f func()) { s.jobs = append(s.jobs, f) }

// post implements env.
func (s *Stepper) post(f func()) {
	if !s.dead {
		s.posts = append(s.posts, f)
	}
}

// Tick tells that one tick has passed.
func (s *Stepper) Tick() { s.core.tick() }

// WriteOne carries out the oldest order to the disk, without its sync; on a
// full disk it may have to stay the oldest. The error is the disk's: the member
// must be killed, or closed.
func (s *Stepper) WriteOne() error {
	if len(s.pending) == 0 {
		return nil
	}
	w, x := s.pending[0], writer{s.core.j}
	if err := x.write(w); x.waits(err) {
		s.core.waiting()
		return nil
	} else if err != nil {
		return err
	}
	s.pending = s.pending[1:]
	s.written = append(s.written, w)
	return nil
}

// Sync makes all orders carried out so far durable, and gives them back. Errors
// are as WriteOne's.
func (s *Stepper) Sync() error {
	if err := (writer{s.core.j}).sync(s.written); err != nil {
		return err
	}
	s.back()
	return nil
}

// back gives the orders carried out back to the core.
func (s *Stepper) back() {
	list := s.written
	s.written = nil
	for _, w := range list {
		if s.dead || s.core.err != nil {
			return
		}
		s.core.stored(w)
	}
}

// RunAside runs the oldest of the jobs beside the loop: writing a snapshot.
func (s *Stepper) RunAside() {
	if len(s.jobs) == 0 {
		return
	}
	f := s.jobs[0]
	s.jobs = s.jobs[1:]
	f()
}

// Posted runs what was posted to the loop, by a job or from elsewhere.
func (s *Stepper) Posted() {
	for len(s.posts) > 0 && !s.dead && s.core.err == nil {
		f := s.posts[0]
		s.posts = s.posts[1:]
		f()
	}
}

// Work is how much waits at a Stepper.
type Work struct {
	Unwritten int // orders to the disk that aren't carried out
	Unsynced  int // orders that aren't synced
	Jobs      int // beside the loop
	Posted    int // calls
}

// Work tells how much waits.
func (s *Stepper) Work() Work {
	return Work{Unwritten: len(s.pending), Unsynced: len(s.written), Jobs: len(s.jobs), Posted: len(s.posts)}
}

// Err returns why the member stopped by itself; nil while it runs.
func (s *Stepper) Err() error { return s.core.err }

// Settled tells that the state holds nothing that isn't committed.
func (s *Stepper) Settled() bool { return s.core.seq == s.core.applied }

// Applied returns the number of the newest entry that is committed and in the state.
func (s *Stepper) Applied() uint64 { return s.core.applied }

// Recovered tells what opening the log found.
func (s *Stepper) Recovered() journal.Recovery { return s.core.j.Recovered() }

// Marked tells that the log has fallen idle and says so: damage to its end can be
// told from an unfinished write.
func (s *Stepper) Marked() bool { return s.core.j.Marked() }

// OpenSnapshot opens the newest snapshot of the state, nil when there is none;
// with Entries it is the other way to the state.
func (s *Stepper) OpenSnapshot() (io.ReadCloser, error) { return s.core.j.OpenSnapshot() }

// Kill ends the member as the end of its process does: nobody is answered, and
// what isn't written is lost. What is written stays as it is.
func (s *Stepper) Kill() {
	s.dead = true
	s.pending, s.written, s.posts, s.jobs = nil, nil, nil, nil
	s.core.queue, s.core.flight, s.core.reads, s.core.ready = nil, nil, nil, nil
	s.core.pub.end()
}

// Close ends the member in order: everybody who waits is answered, and what was
// handed to the disk is carried out, if there is space. Errors are the disk's.
func (s *Stepper) Close() error {
	if s.dead {
		return nil
	}
	s.core.close()
	var err error
	for n := 0; len(s.pending) != n && err == nil && s.core.err == nil; {
		n = len(s.pending)
		err = s.WriteOne()
	}
	if err == nil && s.core.err == nil {
		err = (writer{s.core.j}).sync(s.written)
	}
	s.Kill()
	s.core.snap.abandon()
	if err != nil {
		return closing(s.core.j, err)
	}
	return s.core.j.Close()
}

// SubmitAsync is Node's; done is called from within some step.
func (s *Stepper) SubmitAsync(cmd any, done func(reply any, err error)) {
	if s.dead {
		done(nil, errClosed())
		return
	}
	s.core.submit([]command{{cmd: cmd, done: done}})
}

// Entries is Node's.
func (s *Stepper) Entries(from uint64, maxBytes int) ([]Entry, error) {
	return s.core.pub.Entries(from, maxBytes)
}

// Status is Node's.
func (s *Stepper) Status() Status { return s.core.pub.Status() }

// TransferLeadership is Node's.
func (s *Stepper) TransferLeadership(to uint64) error {
	err := s.core.err
	s.core.guard(func() {
		err = s.core.proto.transfer(to)
		s.core.settle()
	})
	return err
}

// Snapshot asks for a snapshot now; done is called when it is published, or not.
func (s *Stepper) Snapshot(done func(error)) {
	s.core.guard(func() {
		s.core.snap.request(done)
		s.core.settle()
	})
}

// Receive is Node's.
func (s *Stepper) Receive(from uint64, msg []byte) error {
	if s.group == nil {
		return errNotAGroup()
	}
	m, err := decodeLetter(from, s.core.o.ID, msg)
	if err != nil {
		return err
	}
	s.core.guard(func() {
		s.group.receive([]letter{m})
		s.core.settle()
	})
	return nil
}

// ReceiveSnapshot is Node's.
func (s *Stepper) ReceiveSnapshot(from uint64, meta []byte, body io.Reader) error {
	if s.group == nil {
		return errNotAGroup()
	}
	m, err := decodeState(from, s.core.o.ID, meta)
	if err != nil {
		return err
	}
	d, err := receiveState(s.core.j, m, body)
	if err != nil {
		return err
	}
	s.core.stepState(s.group, m, d)
	return nil
}
