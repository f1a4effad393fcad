package sim

import (
	"strconv"
	"strings"
	"time"

	"github.com/signet-scheduler/signet/internal/engine"
	"github.com/signet-scheduler/signet/internal/engine/enginetest"
	"github.com/signet-scheduler/signet/internal/order"
)

// process is a made-up process. Its script says what it does, in words:
// "rc=N", "ms=N" how long it takes, "flaky" now and then rc=1, "trap" it
// doesn't end by SIGTERM, "NAME=VALUE" a value that it returns.
type process struct {
	launch   *engine.Launch
	order    *order.Order // as it was when the process was decided on
	decided  int64        // own time of that, milliseconds
	started  bool
	killed   bool
	timedOut bool
	over     bool
	pid      int64
}

// publish takes in what a synced batch has caused: processes to be started and
// killed.
func (a *agent) publish(w engine.AgentWork) {
	for _, l := range w.Launches {
		var o *order.Order
		for _, t := range w.Touched {
			if t.ID == l.OrderID {
				o = t.Order
			}
		}
		a.launch(l, o)
	}
	for _, x := range w.Touched {
		if x.Order == nil {
			continue
		}
		if kill, immediately := engine.KillOf(x.Order); kill {
			if k := a.running[x.Order.State.Task]; k != nil && !k.killed {
				k.killed = true
				a.after(time.Millisecond, "kill", func() { a.kill(k, immediately) })
			}
		}
	}
}

func (a *agent) launch(l *engine.Launch, o *order.Order) {
	k := &process{launch: l, order: o, decided: a.clock.micros() / 1000}
	a.running[l.Task] = k
	a.after(between(a.rand, 100*time.Microsecond, 3*time.Millisecond), "process", func() {
		if k.killed {
			a.finish(k, order.FailedWith("killed before it began"))
			return
		}
		k.started = true
		a.w.record.started(a, k)
		if l.Timeout > 0 {
			a.after(l.Timeout, "timeout", func() {
				if !k.over && !k.killed {
					k.timedOut = true
					a.kill(k, false)
				}
			})
		}
		out, took := a.act(l)
		a.after(took, "process", func() { a.finish(k, out) })
	})
}

// act plays a script.
func (a *agent) act(l *engine.Launch) (*order.Outcome, time.Duration) {
	script := l.Script
	if script == "" {
		script = strings.Join(l.Argv[1:], " ")
	}
	took := between(a.rand, time.Millisecond, 80*time.Millisecond)
	words := strings.Fields(script)
	kept := words[:0]
	for _, word := range words {
		name, text, _ := strings.Cut(word, "=")
		switch name {
		case "ms":
			n, _ := strconv.Atoi(text) // made-up scripts have numbers there
			took = between(a.rand, time.Millisecond, 2*time.Duration(n)*time.Millisecond)
		case "flaky":
			if chance(a.rand, 40) {
				kept = append(kept, "rc=1")
			}
		case "trap":
		default:
			kept = append(kept, word)
		}
	}
	return enginetest.Result(strings.Join(kept, " ")), took
}

// kill sends a signal.
func (a *agent) kill(k *process, immediately bool) {
	if k.over || !k.started {
		return // launch looks at the mark
	}
	if !immediately && strings.Contains(k.launch.Script, "trap") {
		a.after(time.Second, "kill", func() { a.kill(k, true) })
		return
	}
	a.finish(k, enginetest.Result("rc=143"))
}

// finish records how a process ended.
func (a *agent) finish(k *process, out *order.Outcome) {
	if k.over {
		return
	}
	k.over = true
	a.w.record.ended(a, k)
	switch {
	case k.timedOut:
		out = &order.Outcome{Kind: order.TimedOut, Inner: out}
	case k.killed:
		out = &order.Outcome{Kind: order.Killed, Inner: out}
	}
	l := k.launch
	a.settled(func(e *engine.Agent, now int64) error { return e.ProcessEnded(l.OrderID, l.Task, out, now) }, func() {
		delete(a.running, l.Task)
	})
}
