package sim

import (
	"crypto/rand"
	"fmt"
	"io"
	"maps"
	"slices"
	"time"

	"github.com/signet-scheduler/signet/internal/codec"
	"github.com/signet-scheduler/signet/internal/consensus"
	"github.com/signet-scheduler/signet/internal/engine"
	"github.com/signet-scheduler/signet/internal/engine/enginetest"
	"github.com/signet-scheduler/signet/internal/fault"
	"github.com/signet-scheduler/signet/internal/fsys"
	"github.com/signet-scheduler/signet/internal/ledger"
)

// agent is one Agent with its made-up processes, which die with it.
type agent struct {
	host
	m       *ledger.Machine[*engine.Agent, engine.AgentWork]
	eng     *engine.Agent
	trust   enginetest.Signers // its trust directory: survives the process
	ready   bool               // it serves
	news    bool               // the trust directory has changed since the machine looked
	running map[string]*process
	timer   timer
	batches seenBatch
}

func newAgent(w *world, i int) *agent {
	a := &agent{trust: enginetest.Signers{}, running: map[string]*process{}}
	a.host = host{part: newPart(w, 11+i, fmt.Sprintf("agent-%d", i+1)), look: a.looked}
	a.part.begin, a.part.ended = a.open, a.close
	return a
}

func (w *world) agentNamed(name string) *agent {
	for _, a := range w.agents {
		if a.name == name {
			return a
		}
	}
	return nil
}

func (a *agent) config() engine.Config {
	return engine.Config{
		Agent: a.name, Verifier: a.w.cfg.Bug.verifier(a.trust), Env: noEnvironment,
		Job: engine.JobConfig{ScriptsAllowed: true, TaskDir: "/tasks", ExecutablesDir: "/executables", ProcessLimit: 20},
	}
}

// open starts the Agent on what its disk holds.
func (a *agent) open() error {
	cfg := a.config()
	a.eng, a.ready, a.told, a.timer = engine.NewAgent(cfg), false, 0, timer{}
	a.m = ledger.New(a.eng, ledger.Hooks[*engine.Agent, engine.AgentWork]{
		Restore: func(r io.Reader) (*engine.Agent, error) {
			e, err := engine.RestoreAgent(cfg, r)
			a.eng = e
			return e, err
		},
		Publish: a.publish,
		Leads:   func(bool, uint64) {},
		Needed:  func(e *engine.Agent) (int64, bool) { return e.Confirmed(), true },
	})
	o := a.options()
	o.Machine = a.w.cfg.Bug.hasty(a.m)
	o.FS = a.w.cfg.Bug.disk(o.FS)
	s, err := consensus.OpenLocalStepper(o)
	if err != nil {
		return err
	}
	if err := a.m.Index.Build(s); err != nil {
		return err
	}
	a.seen = s.Status().OldestSeq - 1
	a.w.record.agentStarts(a, s.Applied())
	a.run(s)
	if a.life != nil {
		a.lead()
	}
	return nil
}

// lead lets the machine begin: no process of an earlier life runs any more.
func (a *agent) lead() {
	a.ask(func(e *engine.Agent, now int64) (any, error) {
		if err := e.Lead(rand.Text(), func(string) bool { return a.w.cfg.Bug == ForgetLost }, now); err != nil {
			return nil, err
		}
		a.news = false
		return nil, e.TrustChanged(now)
	}, func(_ any, err error) {
		if err != nil {
			a.after(time.Second, "lead", a.lead) // the real one ends and is started again
			return
		}
		a.ready = true
		a.w.record.distrust(a)
		if a.news {
			a.trustChanged() // since the machine has decided
		}
		a.keepTime()
	})
}

func (a *agent) close() {
	for _, task := range slices.Sorted(maps.Keys(a.running)) {
		a.w.record.ended(a, a.running[task])
	}
	clear(a.running)
	a.stop()
}

// wipe gives the machine an empty disk.
func (a *agent) wipe() {
	a.w.reach("fault wipe")
	a.die(false)
	a.disk = fsys.NewMem()
	a.weak = fsys.NewFailing(a.disk)
	a.w.record.wiped(a)
}

// ask has the machine decide; done gets the outcome once it is synced.
func (a *agent) ask(f func(e *engine.Agent, now int64) (any, error), done func(any, error)) {
	a.input(func() {
		ledger.AskAsync[*engine.Agent](a.step, f, func(v any, err error) {
			a.after(0, "decided", func() { done(v, err) })
		})
	})
}

// settled has the machine record something until it is done.
func (a *agent) settled(f func(e *engine.Agent, now int64) error, done func()) {
	a.ask(func(e *engine.Agent, now int64) (any, error) { return nil, f(e, now) }, func(_ any, err error) {
		if err == nil {
			done()
			return
		}
		a.after(time.Second, "settle", func() { a.settled(f, done) })
	})
}

func (a *agent) looked() {
	a.entries(func(e consensus.Entry) error { return a.w.record.agentEntry(a, e) })
	if seq, _, _ := a.m.Index.Position(); seq != a.told {
		a.told = seq
		a.pumpFeeds()
	}
	if next := a.m.NextWake.Load(); a.ready && next != a.timer.next && !a.timer.asking {
		a.keepTime()
	}
}

// status answers with the id of the log.
func (a *agent) status(reply func(any, error)) {
	if !a.ready {
		reply(nil, errDown)
		return
	}
	a.ask(func(e *engine.Agent, _ int64) (any, error) { return e.LogID(), nil }, reply)
}

// follow opens a feed of the log that the reader means.
func (a *agent) follow(logID string, after int64, to *part, deliver func([]engine.Stamped), end func(error), reply func(any, error)) {
	if !a.ready {
		reply(nil, errDown)
		return
	}
	a.ask(func(e *engine.Agent, _ int64) (any, error) { return e.LogID(), nil }, func(v any, err error) {
		if err == nil && v != logID {
			err = fault.New(fault.Conflict, "AgentLogMismatch", "this Agent's log is not the one that the Controller knows")
		}
		if err == nil {
			err = a.openFeed(a.m.Index, after, to, deliver, end)
		}
		reply(nil, err)
	})
}

// batch carries out a batch of commands; documents are verified before.
func (a *agent) batch(data []byte, reply func(any, error)) {
	if !a.ready {
		reply(nil, errDown)
		return
	}
	b := &engine.AgentBatch{}
	if err := codec.ReadBinary(data, b); err != nil {
		a.w.fail(fmt.Errorf("%s can't read a batch: %w", a.name, err))
		return
	}
	for _, cmd := range b.Commands {
		a.w.reach("agent command " + fmt.Sprintf("%T", cmd)[len("*engine."):])
	}
	a.w.tell("%s gets batch %d of term %d: %s", a.name, b.Sequence, b.Term, summary(b))
	a.verify(b, nil)
	a.ask(func(e *engine.Agent, now int64) (any, error) {
		a.verify(b, e.Manifest) // the trust set may have changed meanwhile
		return a.w.cfg.Bug.batch(&a.batches, e, b, now)
	}, func(v any, err error) {
		if fresh, ok := v.(bool); ok && !fresh {
			a.w.reach("batch passed over")
		}
		if err != nil {
			a.w.tell("%s refuses batch %d: %v", a.name, b.Sequence, err)
		}
		reply(nil, err)
	})
}

func summary(b *engine.AgentBatch) string {
	var s []byte
	for _, cmd := range b.Commands {
		s = append(s, fmt.Sprintf("%T", cmd)[len("*engine."):]...)
		switch c := cmd.(type) {
		case *engine.AttachOrder:
			s = append(s, (":" + string(c.Order.ID))...)
		case *engine.DetachOrder:
			s = append(s, (":" + string(c.OrderID))...)
		case *engine.MarkOrder:
			s = append(s, (":" + string(c.OrderID))...)
		case *engine.AttachItem:
			s = append(s, (":" + c.Item.String())...)
		}
		s = append(s, ' ')
	}
	return string(s)
}

// verify has the batch verified; releases that are here are looked up in the machine
// that decides on it.
func (a *agent) verify(b *engine.AgentBatch, held func(engine.Document) *engine.Document) bool {
	return b.Verify(a.w.cfg.Bug.verifier(a.trust), held)
}

// distrust changes the Agent's trust directory.
func (a *agent) distrust(signer string, on bool) {
	a.trust[signer] = on
	if !on {
		a.w.record.trust(a, signer)
	}
	if a.news = true; a.ready && a.up() {
		a.trustChanged()
	}
}

// trustChanged has the documents verified anew.
func (a *agent) trustChanged() {
	a.news = false
	a.settled((*engine.Agent).TrustChanged, func() { a.w.record.distrust(a) })
}

func (a *agent) keepTime() {
	t := &a.timer
	t.gen++
	t.asking = false
	gen := t.gen
	again := func(d time.Duration) {
		a.after(d, "time", func() {
			if a.timer.gen == gen {
				a.timer.asking = false
				a.keepTime()
			}
		})
	}
	t.next = a.m.NextWake.Load()
	if t.next == 0 {
		return
	}
	if wait := time.Duration(t.next*1000-a.clock.micros()) * time.Microsecond; wait > 0 {
		again(min(wait, longestWait))
		return
	}
	t.asking = true
	a.ask(func(e *engine.Agent, now int64) (any, error) { return nil, e.Tick(now) }, func(_ any, err error) {
		if err != nil {
			again(time.Second)
		} else {
			again(5 * time.Millisecond)
		}
	})
}
