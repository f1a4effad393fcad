package agent

import (
	"os"
	"sync"
	"time"

	"github.com/signet-scheduler/signet/internal/engine"
	"github.com/signet-scheduler/signet/internal/fault"
	"github.com/signet-scheduler/signet/internal/joblog"
	"github.com/signet-scheduler/signet/internal/order"
	"github.com/signet-scheduler/signet/internal/proc"
)

const (
	// outputGrace is how long a job's output is waited for after its main
	// process has ended: somebody may hold the pipe open.
	outputGrace = 500 * time.Millisecond
	// startsAtOnce is how many tasks are being started at the same time.
	startsAtOnce = 32
	// sweepEvery is how often old logs are looked for.
	sweepEvery = time.Hour
	// recordRetry is how long to wait when the end of a process couldn't be
	// recorded: the disk is full.
	recordRetry = time.Second
)

// tasks runs processes: it starts what is committed, ends what is marked, and
// tells the machine how each ended. Safe for concurrent use.
type tasks struct {
	a         *Agent
	base      map[string]string // environment of this process
	inherited []string          // the same for jobs that change nothing in it

	crew *crew

	mu       sync.Mutex
	running  map[string]*task
	queue    []*task // to be started, in their order
	starting int     // goroutines that start tasks
	scripts  map[[32]byte]string
	closing  bool
}

// task is one process on its way.
type task struct {
	launch *engine.Launch
	ended  chan struct{}

	// Guarded by tasks.mu; capture is set once, before the process is started.
	capture  *joblog.Capture
	started  bool
	killed   bool
	timedOut bool
	atOnce   bool // it is to be killed without SIGTERM
	hard     bool // SIGKILL was sent
}

func newTasks(a *Agent, environ []string) *tasks {
	base := environment(environ)
	return &tasks{a: a, base: base, inherited: inherited(base), crew: newCrew(a.ctx, &a.group), running: map[string]*task{}, scripts: map[[32]byte]string{}}
}

// publish takes in what a synced batch has caused: processes to be started and
// killed. It is called by the loop goroutine and doesn't wait.
func (t *tasks) publish(w engine.AgentWork) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.closing {
		return // found as lost at the next start
	}
	for _, l := range w.Launches {
		k := &task{launch: l, ended: make(chan struct{})}
		t.running[l.Task] = k
		t.queue = append(t.queue, k)
		if t.starting < startsAtOnce {
			t.starting++
			t.crew.run(t.startQueued)
		}
	}
	for _, x := range w.Touched {
		if x.Order == nil {
			continue
		}
		if kill, immediately := engine.KillOf(x.Order); kill {
			if k := t.running[x.Order.State.Task]; k != nil && (!k.killed || immediately && !k.hard) {
				k.killed, k.atOnce = true, k.atOnce || immediately
				t.crew.run(func() { t.end(k, immediately) })
			}
		}
	}
}

// startQueued starts tasks until none waits. A few goroutines do so: pipes are
// opened for few at once, whatever number of jobs may start.
func (t *tasks) startQueued() {
	for {
		t.mu.Lock()
		if len(t.queue) == 0 || t.a.ctx.Err() != nil {
			t.queue = nil // what is left when the Agent stops is found as lost at the next start
			t.starting--
			t.mu.Unlock()
			return
		}
		k := t.queue[0]
		t.queue[0] = nil
		t.queue = t.queue[1:]
		t.mu.Unlock()
		t.start(k)
	}
}

// start prepares a process and starts it. What fails is the task's end.
func (t *tasks) start(k *task) {
	t.mu.Lock()
	cancelled := k.killed
	t.mu.Unlock()
	if cancelled {
		t.record(k, order.FailedWith("ProcessCancelledBeforeStart: the job was killed before it began"))
		return
	}
	spec, ok, err := t.prepareWithSpace(k)
	if !ok {
		return
	}
	if err != nil {
		t.record(k, order.FailedWith("the job couldn't be started: "+fault.Of(err).Error()))
		return
	}
	_, err = t.a.owner.Start(t.a.ctx, spec)
	k.capture.CloseWriteEnds()
	t.mu.Lock()
	k.started = true
	cancelled = k.killed
	atOnce := k.atOnce
	t.mu.Unlock()
	if err != nil && !isStartError(err) {
		if t.a.ctx.Err() == nil { // else: abandoned, and found as lost at the next start
			_, _ = k.capture.Finish(0) // there is no output to lose
			t.record(k, order.FailedWith("the job couldn't be started: "+fault.Of(err).Error()))
		}
		return
	}
	if cancelled {
		t.crew.run(func() { t.end(k, atOnce) })
	}
	if k.launch.Timeout > 0 {
		t.a.group.Go(func() { t.timeOut(k) })
	}
}

func isStartError(err error) bool {
	_, ok := err.(*proc.StartError) //nolint:errorlint // Start returns it as it is
	return ok
}

// timeOut ends a task that takes too long.
func (t *tasks) timeOut(k *task) {
	timer := t.a.clock.NewTimer(k.launch.Timeout)
	defer timer.Stop()
	select {
	case <-timer.C():
	case <-k.ended:
		return
	case <-t.a.ctx.Done():
		return
	}
	t.mu.Lock()
	first := !k.killed
	if first {
		k.timedOut = true
	}
	t.mu.Unlock()
	if first {
		k.capture.Mark("the job was ended: it took longer than " + k.launch.Timeout.String())
		t.end(k, false)
	}
}

// end sends SIGTERM, and SIGKILL to the whole tree when that doesn't help.
func (t *tasks) end(k *task, immediately bool) {
	t.mu.Lock()
	started := k.started
	t.mu.Unlock()
	if !started {
		return // start looks at the mark
	}
	delay := k.launch.SigkillDelay
	if delay < 0 {
		delay = t.a.set.SigkillDelay
	}
	key := proc.Key(k.launch.Task)
	if !immediately && delay > 0 {
		t.kill(key, proc.Term)
		timer := t.a.clock.NewTimer(delay)
		defer timer.Stop()
		select {
		case <-k.ended:
			return
		case <-t.a.ctx.Done():
			return
		case <-timer.C():
		}
	}
	t.mu.Lock()
	k.hard = true
	t.mu.Unlock()
	t.kill(key, proc.KillAll)
}

func (t *tasks) kill(key proc.Key, how proc.Signal) {
	if err := t.a.owner.Kill(key, how); err != nil && !fault.HasCode(err, "UnknownProcess") && t.a.ctx.Err() == nil {
		t.a.log.Error("killing a job", "task", key, "error", err)
	}
}

// reap takes the ends of processes.
func (t *tasks) reap() {
	for {
		select {
		case <-t.a.ctx.Done():
			return
		case end, ok := <-t.a.owner.Ends():
			if !ok {
				return
			}
			t.mu.Lock()
			k := t.running[string(end.Key)]
			t.mu.Unlock()
			if k != nil {
				close(k.ended)
				t.crew.run(func() { t.finish(k, end) })
			}
		}
	}
}

// finish reads what is left of a task's output and records its end.
func (t *tasks) finish(k *task, end proc.End) {
	if end.Unknown {
		k.capture.Mark("the process was lost: nobody knows how it ended")
	}
	summary, err := k.capture.Finish(outputGrace)
	if err != nil {
		t.a.log.Warn("a task's log isn't whole", "task", k.launch.Task, "error", err)
	}
	if t.a.ctx.Err() != nil {
		return // found as lost at the next start
	}
	if fault.Is(err, fault.NoSpace) {
		t.sealWithSpace(k, summary)
	}
	if end.Unknown {
		t.forget(k)
		t.settle("recording the end of a job", func(e *engine.Agent, now int64) error { return e.ProcessLost(k.launch.OrderID, k.launch.Task, now) })
		t.drop(k)
		return
	}
	t.mu.Lock()
	killed, timedOut := k.killed, k.timedOut
	t.mu.Unlock()
	out := outcome(k.launch, end, summary, killed || timedOut)
	switch {
	case timedOut:
		out = &order.Outcome{Kind: order.TimedOut, Inner: out}
	case killed:
		out = &order.Outcome{Kind: order.Killed, Inner: out}
	}
	t.settle("recording the end of a job", func(e *engine.Agent, now int64) error {
		if summary.Silent {
			return e.ProcessEndedSilently(k.launch.OrderID, k.launch.Task, out, now)
		}
		return e.ProcessEnded(k.launch.OrderID, k.launch.Task, out, now)
	})
	t.forget(k)
	t.drop(k)
}

// record notes the outcome of a task that never had a process.
func (t *tasks) record(k *task, out *order.Outcome) {
	t.mu.Lock()
	if k.killed {
		out = &order.Outcome{Kind: order.Killed, Inner: out}
	}
	t.mu.Unlock()
	t.settle("recording the end of a job", func(e *engine.Agent, now int64) error {
		return e.ProcessEndedSilently(k.launch.OrderID, k.launch.Task, out, now)
	})
	t.drop(k)
}

// settle has the machine record something until it is done: an end must not
// get lost because the disk is full for a while.
func (t *tasks) settle(what string, f func(e *engine.Agent, now int64) error) {
	for told := false; ; told = true {
		_, err := t.a.decide(t.a.ctx, func(e *engine.Agent, now int64) (any, error) { return nil, f(e, now) })
		if err == nil || t.a.ctx.Err() != nil {
			return
		}
		if !told {
			t.a.log.Error(what+" failed; it is tried until it is done", "error", err)
		}
		timer := t.a.clock.NewTimer(recordRetry)
		select {
		case <-timer.C():
		case <-t.a.ctx.Done():
			timer.Stop()
			return
		}
	}
}

// forget ends what is left of the process's tree. The end is recorded.
func (t *tasks) forget(k *task) {
	if err := t.a.owner.Forget(proc.Key(k.launch.Task)); err != nil && t.a.ctx.Err() == nil {
		t.a.log.Error("forgetting a process", "task", k.launch.Task, "error", err)
	}
}

// drop removes a task's files; its log stays.
func (t *tasks) drop(k *task) {
	t.mu.Lock()
	delete(t.running, k.launch.Task)
	t.mu.Unlock()
	if len(k.launch.Files) > 0 {
		if err := os.RemoveAll(k.launch.Dir); err != nil {
			t.a.log.Warn("removing a task's directory", "task", k.launch.Task, "error", err)
		}
	}
	if err := os.RemoveAll(returnValuesPath(k.launch)); err != nil {
		t.a.log.Warn("removing a task's return values", "task", k.launch.Task, "error", err)
	}
}

// endAll stops taking work. The processes end with their owner; what became of
// them is recorded at the next start.
func (t *tasks) endAll() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.closing = true
}

// abandon finishes the logs of the processes that ended with their owner.
// Nothing runs any more, and no goroutine of a task is left.
func (t *tasks) abandon() {
	for _, k := range t.running {
		if k.capture == nil {
			continue
		}
		k.capture.Mark("the job was killed: the Agent was stopped")
		if _, err := k.capture.Finish(0); err != nil {
			t.a.log.Warn("a task's log isn't whole", "task", k.launch.Task, "error", err)
		}
	}
	clear(t.running)
}
