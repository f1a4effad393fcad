package proc

import (
	"cmp"
	"context"
	"errors"
	"log/slog"
	"os"
	"sync"

	"golang.org/x/sys/unix"
)

// inProcess is the owner that forks by itself.
type inProcess struct {
	*book
	host   *host
	start  sync.Mutex // one start at a time
	closed chan struct{}
}

// NewInProcess returns an owner whose processes are children of this one. It is
// for tests and small programs: a process with many descriptors or much to do
// forks slowly.
func NewInProcess(o Options) (Owner, error) {
	p := &inProcess{book: newBook(), closed: make(chan struct{})}
	h, err := newHost(o, false, func(e End, _ bool) { p.ended(e) }, logTo(o.Log))
	if err != nil {
		p.book.close()
		return nil, startFault(err)
	}
	p.host = h
	return p, nil
}

// logTo returns a function that logs to l, which may be nil.
func logTo(l *slog.Logger) func(slog.Level, string) {
	return func(level slog.Level, message string) {
		if l != nil {
			l.Log(context.Background(), level, message)
		}
	}
}

// Start implements Owner.
func (p *inProcess) Start(ctx context.Context, s Spec) (Running, error) {
	e, mine, err := p.begin(s.Key)
	if err != nil {
		return Running{}, err
	}
	if !mine {
		return p.await(ctx, e)
	}
	p.start.Lock()
	defer p.start.Unlock()
	if err := cmp.Or(ctx.Err(), p.shutErr()); err != nil {
		p.abandon(s.Key, err)
		return Running{}, err
	}
	r, serr := p.fork(&s)
	if serr != nil {
		p.ended(neverRan(s.Key, serr))
		return Running{Key: s.Key}, serr
	}
	p.started(r)
	if how := p.takePending(e); how != 0 {
		p.host.kill(s.Key, how)
	}
	return r, nil
}

func (p *inProcess) fork(s *Spec) (r Running, serr *StartError) {
	if serr = checkSpec(s); serr != nil {
		return r, serr
	}
	err := withFDs(s, func(out, errFD int) error {
		r, serr = p.host.start(s, out, errFD)
		return nil
	})
	if err != nil {
		return r, &StartError{StartFailed, "the job's output can't be used: " + err.Error()}
	}
	return r, serr
}

// withFDs calls f with the descriptors of s's files, which stay open meanwhile,
// and -1 for a missing one.
func withFDs(s *Spec, f func(out, errFD int) error) error {
	return withFD(s.Stdout, func(out int) error {
		return withFD(s.Stderr, func(errFD int) error { return f(out, errFD) })
	})
}

func withFD(file *os.File, f func(fd int) error) error {
	if file == nil {
		return f(-1)
	}
	raw, err := file.SyscallConn()
	if err != nil {
		return err
	}
	var ferr error
	err = raw.Control(func(fd uintptr) {
		// Shared with the job: programs break on EAGAIN.
		if ferr = unix.SetNonblock(int(fd), false); ferr == nil {
			ferr = f(int(fd))
		}
	})
	return errors.Join(err, ferr)
}

// List implements Owner.
func (p *inProcess) List(context.Context) ([]Running, []End, error) {
	r, e := p.list()
	return r, e, nil
}

// Kill implements Owner.
func (p *inProcess) Kill(key Key, how Signal) error {
	now, err := p.kill(key, how)
	if now {
		p.host.kill(key, how)
	}
	return err
}

// Ended implements Owner.
func (p *inProcess) Ended(key Key) (End, bool) { return p.end(key) }

// Ends implements Owner.
func (p *inProcess) Ends() <-chan End { return p.out }

// Forget implements Owner.
func (p *inProcess) Forget(key Key) error {
	left, err := p.forget(key)
	if left {
		p.host.forget(key)
	}
	return err
}

// Close implements Owner.
func (p *inProcess) Close() error {
	if !p.shut() {
		<-p.closed
		return nil
	}
	p.start.Lock() // a start under way ends first
	defer p.start.Unlock()
	p.host.closeAll()
	p.book.close()
	close(p.closed)
	return nil
}
