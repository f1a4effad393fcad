// Package agent is the shell around the Agent machine: it keeps the Agent's
// log, takes a Controller's commands, runs jobs as processes, and serves events
// and task logs.
//
// It owns the listener, the processes and the files of tasks; it decides
// nothing about orders. internal/app starts it. Nothing leaves before the batch
// that caused it is synced: a process starts only after its
// OrderProcessingStarted is durable.
package agent

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/signet-scheduler/signet/internal/bulletin"
	"github.com/signet-scheduler/signet/internal/clock"
	"github.com/signet-scheduler/signet/internal/conf"
	"github.com/signet-scheduler/signet/internal/consensus"
	"github.com/signet-scheduler/signet/internal/engine"
	"github.com/signet-scheduler/signet/internal/fault"
	"github.com/signet-scheduler/signet/internal/fsys"
	"github.com/signet-scheduler/signet/internal/guard"
	"github.com/signet-scheduler/signet/internal/joblog"
	"github.com/signet-scheduler/signet/internal/ledger"
	"github.com/signet-scheduler/signet/internal/order"
	"github.com/signet-scheduler/signet/internal/part"
	"github.com/signet-scheduler/signet/internal/pki"
	"github.com/signet-scheduler/signet/internal/proc"
	"github.com/signet-scheduler/signet/internal/transport"
)

// gatherTime is for how long ends of jobs and commands are gathered when there
// are many of them.
const gatherTime = 10 * time.Millisecond

// Options is what an Agent needs besides its settings.
type Options struct {
	Settings   *conf.Agent
	DataDir    string
	Executable string // of this program: the starter process is another run of it
	Environ    []string
	FS         fsys.FS     // default: the real disk
	Clock      clock.Clock // default: the machine's
	Log        *slog.Logger
	Self       part.Self // what it tells of itself
}

// Agent is a running Agent.
type Agent struct {
	set     *conf.Agent
	clock   clock.Clock
	log     *slog.Logger
	guard   *guard.Guard
	creds   *transport.Credentials // nil: passwords only
	notices *bulletin.Board
	node    consensus.Node
	m       *ledger.Machine[*engine.Agent, engine.AgentWork]
	owner   proc.Owner
	limits  proc.LimitInfo // of the machine
	hub     *joblog.Hub
	tasks   *tasks
	dirs    directories
	self    part.Self

	servers  []*transport.Server
	subjects *pki.Subjects // Controllers that are known by their certificates' subjects

	ctx    context.Context // the life of all goroutines
	cancel context.CancelFunc
	group  sync.WaitGroup
	ready  chan struct{} // closed when the machine decides
	begun  atomic.Bool   // the machine has begun
	trust  chan struct{} // capacity 1: the trust set has changed
	once   sync.Once
	failed chan error
}

// directories are the folders below the data directory.
type directories struct {
	journal, tasks, logs, scripts, work string
}

// Start opens the log, ends what an earlier life left, and begins to serve.
func Start(o Options) (*Agent, error) {
	if o.Clock == nil {
		o.Clock = clock.Real{}
	}
	a := &Agent{
		set: o.Settings, clock: o.Clock, log: o.Log, self: o.Self, hub: joblog.NewHub(), ready: make(chan struct{}), trust: make(chan struct{}, 1), failed: make(chan error, 1),
		dirs: directories{
			journal: filepath.Join(o.DataDir, "journal"), tasks: filepath.Join(o.DataDir, "tasks"),
			logs: filepath.Join(o.DataDir, "logs"), scripts: filepath.Join(o.DataDir, "scripts"), work: o.Settings.WorkDir,
		},
	}
	a.ctx, a.cancel = context.WithCancel(context.Background())
	if err := a.open(o); err != nil {
		return nil, errors.Join(err, a.Close())
	}
	return a, nil
}

func (a *Agent) open(o Options) error {
	var err error
	if err := a.makeDirectories(); err != nil {
		return err
	}
	if err := a.openBoard(o); err != nil {
		return err
	}
	if err := a.openAccess(o.DataDir); err != nil {
		return err
	}
	if a.guard, err = guard.Open(a.set.Trust, o.DataDir, o.FS, a.clock, a.log, a.trustChanged); err != nil {
		return err
	}
	a.log.Warn("jobs run as the Agent's own user: whoever may deploy a job here can read what this user can read")
	if err := a.openOwner(o); err != nil {
		return err
	}
	a.tasks = newTasks(a, o.Environ)
	a.newMachine(o.Environ)
	a.node, err = consensus.StartLocal(consensus.Options{
		FS: o.FS, Dir: a.dirs.journal, Clock: a.clock, Machine: a.m, Log: a.log,
		SegmentBytes: ledger.SegmentBytes, SnapshotBytes: a.set.SnapshotBytes, SnapshotPeriod: a.set.SnapshotPeriod, MinFreeSpace: a.set.MinFreeSpace,
		Gather: gatherTime,
	})
	if err != nil {
		return err
	}
	if err := a.m.Index.Build(a.node); err != nil {
		return err
	}
	lead, err := a.begin()
	if err != nil {
		return err
	}
	if err := a.lead(lead); fault.HasCode(err, "OutOfSpace") {
		a.log.Error("the Agent begins when its disk has space again", "error", err)
		a.group.Go(func() { a.leadLater(lead) })
	} else if err != nil {
		return err
	}
	a.guard.Start()
	if err := a.listen(); err != nil {
		return err
	}
	a.group.Go(a.keepTime)
	a.group.Go(a.keepTrust)
	a.group.Go(func() { a.m.Index.Keep(a.ctx, a.node, a.clock, a.log) })
	a.group.Go(a.tasks.reap)
	a.group.Go(a.tasks.sweep)
	a.group.Go(func() {
		select {
		case <-a.node.Done():
			a.fail(fmt.Errorf("the log stopped: %w", a.node.Err()))
		case <-a.ctx.Done():
		}
	})
	return nil
}

func (a *Agent) makeDirectories() error {
	for _, d := range []string{a.dirs.tasks, a.dirs.logs, a.dirs.scripts, a.dirs.work} {
		if err := os.MkdirAll(d, 0o700); err != nil {
			return fault.Wrap(fault.Unavailable, "DataDirectory", err, "the directory %s can't be made: %s", d, err)
		}
	}
	return nil
}

func (a *Agent) openOwner(o Options) error {
	instance, err := filepath.Abs(o.DataDir)
	if err != nil {
		return fmt.Errorf("finding the data directory: %w", err)
	}
	a.owner, err = proc.StartStarter(proc.Options{Argv: []string{o.Executable, "starter"}, Cgroup: a.set.Cgroup, Instance: instance, Log: a.log})
	return err
}

func (a *Agent) newMachine(environ []string) {
	limits := proc.Limits()
	a.limits = limits
	limit := limits.Processes
	if a.set.ProcessLimit > 0 {
		limit = min(limit, a.set.ProcessLimit)
	}
	a.log.Info("process limit", "processes", limit, "machine", limits.Processes, "because", limits.Reason)
	cfg := engine.Config{
		Agent: a.set.Name, Verifier: a.guard, Env: lookup(environ),
		Estate: engine.Estate{Installation: a.set.Trust.Installation, Level: a.set.Trust.SecurityLevel},
		Job:    engine.JobConfig{ScriptsAllowed: a.set.ScriptsAllowed, ProcessLimit: limit, TaskDir: a.dirs.tasks, ExecutablesDir: a.set.ExecutablesDir},
	}
	a.m = ledger.New(engine.NewAgent(cfg), ledger.Hooks[*engine.Agent, engine.AgentWork]{
		Restore: func(r io.Reader) (*engine.Agent, error) { return engine.RestoreAgent(cfg, r) },
		Publish: a.tasks.publish,
		Leads: func(leads bool, _ uint64) {
			if leads {
				a.once.Do(func() { close(a.ready) })
			}
		},
		Needed: func(e *engine.Agent) (int64, bool) { return e.Confirmed(), true },
	})
}

// lookup returns the environment as a function.
func lookup(environ []string) func(string) (string, bool) {
	m := environment(environ)
	return func(name string) (string, bool) {
		v, ok := m[name]
		return v, ok
	}
}

// begin waits until the log is folded, and returns how the machine is to begin:
// what is said to be running there and isn't was lost.
func (a *Agent) begin() (ledger.Decision[*engine.Agent], error) {
	select {
	case <-a.ready:
	case <-a.node.Done():
		return nil, a.node.Err()
	}
	running, _, err := a.owner.List(a.ctx)
	if err != nil {
		return nil, err
	}
	alive := map[string]bool{}
	for _, r := range running {
		alive[string(r.Key)] = true
	}
	v, err := a.look(a.ctx, func(e *engine.Agent) (any, error) { return lostTasks(e, alive), nil })
	if err != nil {
		return nil, err
	}
	lost, _ := v.([]string)
	a.tasks.tidy(lost)
	return func(e *engine.Agent, now int64) (any, error) {
		a.guard.Adopt(e.Belongs(nil)) // before documents are verified again
		if err := e.Lead(rand.Text(), func(task string) bool { return alive[task] }, now); err != nil {
			return nil, err
		}
		return nil, e.TrustChanged(now) // while the Agent was down
	}, nil
}

// lead has the machine begin.
func (a *Agent) lead(begin ledger.Decision[*engine.Agent]) error {
	_, err := ledger.Ask(a.ctx, a.node, begin)
	if err == nil {
		a.begun.Store(true)
	}
	return err
}

// leadLater has the machine begin when the disk has space: nothing can be done
// before, and nothing is lost by waiting.
func (a *Agent) leadLater(begin ledger.Decision[*engine.Agent]) {
	for {
		t := a.clock.NewTimer(recordRetry)
		select {
		case <-t.C():
		case <-a.ctx.Done():
			t.Stop()
			return
		}
		err := a.lead(begin)
		if err == nil {
			a.log.Info("the Agent has begun: its disk has space again")
			return
		}
		if !fault.HasCode(err, "OutOfSpace") {
			a.fail(err)
			return
		}
	}
}

// lostTasks returns the tasks that are said to be running and aren't.
func lostTasks(e *engine.Agent, alive map[string]bool) []string {
	var lost []string
	for _, o := range e.Orders() {
		if o.State.Kind == order.Processing && !alive[o.State.Task] {
			lost = append(lost, o.State.Task)
		}
	}
	return lost
}

// Addr returns the addresses that the listeners got.
func (a *Agent) Addr() string {
	var all []string
	for _, s := range a.servers {
		all = append(all, s.Addr().String())
	}
	return strings.Join(all, " ")
}

// Wait returns when the Agent has stopped by itself, with the reason, or when
// ctx ends.
func (a *Agent) Wait(ctx context.Context) error {
	select {
	case <-ctx.Done():
		return nil
	case err := <-a.failed:
		return err
	}
}

func (a *Agent) fail(err error) {
	if a.ctx.Err() != nil {
		return
	}
	select {
	case a.failed <- err:
	default:
	}
}

// Close ends all jobs, records how they ended, stops everything and waits for
// it. Further calls do nothing.
func (a *Agent) Close() error {
	var errs []error
	if a.tasks != nil && a.node != nil && a.ctx.Err() == nil {
		a.tasks.endAll()
	}
	a.cancel()
	ctx, stop := context.WithTimeout(context.Background(), 2*time.Second)
	defer stop()
	for _, s := range a.servers {
		errs = append(errs, s.Shutdown(ctx))
	}
	if a.owner != nil {
		errs = append(errs, a.owner.Close())
	}
	a.group.Wait()
	if a.tasks != nil {
		a.tasks.abandon()
	}
	errs = append(errs, a.hub.Close())
	if a.node != nil {
		errs = append(errs, a.node.Close())
	}
	if a.guard != nil {
		errs = append(errs, a.guard.Close())
	}
	return errors.Join(errs...)
}

// decide has the machine carry f out, and waits until what it rests on is
// synced.
func (a *Agent) decide(ctx context.Context, f ledger.Decision[*engine.Agent]) (any, error) {
	if !a.begun.Load() {
		return nil, fault.New(fault.NoSpace, "OutOfSpace", "the disk of %s is full: the Agent begins when there is space", a.dirs.journal)
	}
	return ledger.Ask(ctx, a.node, f)
}

// look has the machine look something up, and waits until what the answer rests
// on is synced.
func (a *Agent) look(ctx context.Context, f func(e *engine.Agent) (any, error)) (any, error) {
	return ledger.Look(ctx, a.node, f)
}

// trustChanged has the documents verified anew.
func (a *Agent) trustChanged() {
	select {
	case a.trust <- struct{}{}:
	default:
	}
}

// keepTrust has the documents verified anew whenever the trust set changes,
// again and again until it is done: a full disk must not leave a key in force
// that was removed.
func (a *Agent) keepTrust() {
	for {
		select {
		case <-a.ctx.Done():
			return
		case <-a.trust:
			a.tasks.settle("verifying documents anew", (*engine.Agent).TrustChanged)
		}
	}
}

// longestWait is how long keepTime waits before it looks at the clock again:
// timers don't notice that the clock was set forward, or that the machine slept.
const longestWait = 10 * time.Second

// keepTime wakes orders whose time has come.
func (a *Agent) keepTime() {
	for {
		next := a.m.NextWake.Load()
		wait := longestWait
		if next > 0 {
			wait = min(wait, time.Duration(next-a.clock.Now().UnixMilli())*time.Millisecond)
		}
		if wait <= 0 {
			_, err := a.decide(a.ctx, func(e *engine.Agent, now int64) (any, error) { return nil, e.Tick(now) })
			wait = 5 * time.Millisecond
			if err != nil {
				wait = time.Second // out of space, most likely
			}
		}
		t := a.clock.NewTimer(wait)
		select {
		case <-a.ctx.Done():
			t.Stop()
			return
		case <-t.C():
		case <-a.m.WakeSet:
			t.Stop()
		}
	}
}
