package sim

import (
	"bytes"
	"fmt"
	"io"
	"time"

	"github.com/signet-scheduler/signet/internal/consensus"
	"github.com/signet-scheduler/signet/internal/engine"
	"github.com/signet-scheduler/signet/internal/engine/enginetest"
	"github.com/signet-scheduler/signet/internal/fault"
	"github.com/signet-scheduler/signet/internal/handover"
	"github.com/signet-scheduler/signet/internal/item"
	"github.com/signet-scheduler/signet/internal/ledger"
	"github.com/signet-scheduler/signet/internal/release"
	"github.com/signet-scheduler/signet/internal/strictjson"
)

// controllerID is the id of the Controller.
const controllerID = "controller"

// controller is one member of the Controller group.
type controller struct {
	host
	m     *ledger.Machine[*engine.Controller, engine.ControllerWork]
	eng   *engine.Controller // the machine's
	board *handover.Board
	trust enginetest.Signers // its trust directory: survives the process
	news  bool               // the trust directory has changed since the machine looked
	term  *term              // while it leads
	timer timer
}

func newController(w *world, i int) *controller {
	c := &controller{trust: enginetest.Signers{}}
	c.host = host{part: newPart(w, i+1, fmt.Sprintf("controller-%d", i+1)), look: c.looked}
	c.part.begin, c.part.ended = c.open, c.close
	return c
}

func (c *controller) engine() *engine.Controller { return c.eng }

func (c *controller) config() engine.Config {
	return engine.Config{ControllerID: controllerID, Verifier: c.verifier(), Env: noEnvironment}
}

func noEnvironment(string) (string, bool) { return "", false }

// open starts the member on what its disk holds.
func (c *controller) open() error {
	cfg := c.config()
	c.eng, c.board, c.term, c.told = engine.NewController(cfg), handover.NewBoard(), nil, 0
	c.timer = timer{}
	c.m = ledger.New(c.eng, ledger.Hooks[*engine.Controller, engine.ControllerWork]{
		Restore: func(r io.Reader) (*engine.Controller, error) {
			e, err := engine.RestoreController(cfg, r)
			c.eng = e
			return e, err
		},
		Publish: c.publish,
		Leads:   c.leads,
		Needed:  c.needed,
	})
	o := c.options()
	o.ID, o.Machine, o.Transport = uint64(c.id), c.w.cfg.Bug.machine(c.m), c
	o.FS = c.w.cfg.Bug.disk(o.FS)
	for _, other := range c.w.controllers {
		o.Members = append(o.Members, uint64(other.id))
	}
	s, err := consensus.OpenGroupStepper(o)
	if err != nil {
		return err
	}
	if err := c.m.Index.Build(s); err != nil {
		return err
	}
	c.seen = s.Status().OldestSeq - 1
	c.run(s)
	c.keepTime()
	return nil
}

func (c *controller) needed(e *engine.Controller) (int64, bool) {
	if c.w.cfg.Bug == IgnoreReaders {
		return 0, false
	}
	return e.Retained()
}

func (c *controller) close() {
	c.over()
	c.stop()
}

// Send implements consensus.Transport.
func (c *controller) Send(to uint64, msgs [][]byte) {
	other := c.w.controllers[to-1]
	c.w.net.send(c.part, other.part, "raft", func() {
		other.input(func() {
			for _, m := range msgs {
				if err := other.step.Receive(uint64(c.id), m); err != nil {
					c.w.fail(fmt.Errorf("%s can't read a message of %s: %w", other.name, c.name, err))
				}
			}
		})
	})
}

// SendSnapshot implements consensus.Transport.
func (c *controller) SendSnapshot(to uint64, meta []byte, body io.Reader, done func(error)) {
	other := c.w.controllers[to-1]
	c.w.reach("state sent")
	life := c.life
	c.w.net.call(c.part, other.part, "state", 30*time.Second, func(reply func(any, error)) {
		if c.life != life {
			return // the stream broke
		}
		data, err := io.ReadAll(body)
		if err == nil {
			other.input(func() { err = other.step.ReceiveSnapshot(uint64(c.id), meta, bytes.NewReader(data)) })
		}
		if err != nil && !isDisk(err) && !fault.HasCode(err, "EntriesCompacted") && !fault.Is(err, fault.Unavailable) {
			c.w.fail(fmt.Errorf("%s can't receive the state of %s: %w", other.name, c.name, err))
		}
		reply(nil, err)
	}, func(_ any, err error) { c.input(func() { done(err) }) })
}

// looked looks at what an input left.
func (c *controller) looked() {
	if c.m.Index.Stale() {
		if err := c.m.Index.Build(c.step); err != nil {
			c.w.fail(err)
		}
	}
	c.entries(func(e consensus.Entry) error { return c.w.record.entry(c, e) })
	if seq, _, _ := c.m.Index.Position(); seq != c.told {
		c.told = seq
		c.pumpFeeds()
	}
	c.wake()
	if c.term != nil {
		c.term.pump()
	}
}

// ask has the machine decide; done gets the outcome once it is committed.
func (c *controller) ask(f handover.Decision, done func(any, error)) {
	c.input(func() {
		ledger.AskAsync[*engine.Controller](c.step, f, func(v any, err error) {
			c.after(0, "decided", func() { done(v, err) })
		})
	})
}

// publish takes what a committed batch has caused.
func (c *controller) publish(w engine.ControllerWork) { c.board.Publish(w) }

// command carries out a client's command; data is its JSON.
func (c *controller) command(data []byte, reply func(any, error)) {
	cmd, err := engine.ReadCommand(data, strictjson.Limits{MaxBytes: 1 << 20, MaxNodes: 100_000})
	if err != nil {
		c.w.fail(fmt.Errorf("reading the command %s: %w", data, err))
		return
	}
	if c.w.cfg.Bug == ReplyEarly && c.term != nil && c.term.begun {
		early := func(e *engine.Controller, now int64) (any, error) {
			v, err := e.Submit(cmd, now)
			c.after(0, "decided", func() { reply(v, err) })
			return v, err
		}
		c.ask(early, func(any, error) {})
		return
	}
	c.ask(func(e *engine.Controller, now int64) (any, error) { return e.Submit(cmd, now) }, reply)
}

// deployment is documents with their evidence, the release that they come with, if
// any, and what is to be removed.
type deployment struct {
	release  *enginetest.Release
	texts    []string
	evidence []string
	remove   []item.Key
}

func (c *controller) verifier() engine.Verifier { return c.w.cfg.Bug.verifierAbove(c.trust) }

// deploy verifies documents and deploys them.
func (c *controller) deploy(id string, d *deployment, reply func(any, error)) {
	c.ask(func(e *engine.Controller, now int64) (any, error) {
		u, err := c.update(e, d)
		if err != nil {
			return nil, err
		}
		return e.Submit(engine.Command{ID: id, Body: u}, now)
	}, reply)
}

// update returns a deployment whose documents are all trusted.
func (c *controller) update(e *engine.Controller, d *deployment) (*engine.UpdateItems, error) {
	u := &engine.UpdateItems{Remove: d.remove}
	if r := d.release; r != nil {
		v, err := c.trust.Verify(r.Document, nil, 0)
		if err != nil {
			return nil, err
		}
		u.Release = &engine.NewRelease{Document: r.Document, Signer: v.Signer, Manifest: r.Manifest}
	}
	for i, text := range d.texts {
		doc := engine.Document{Text: text, Evidence: d.evidence[i]}
		manifest := e.Manifest(doc)
		if ref, ok := release.ReferenceOf(doc.Evidence); ok && d.release != nil && ref.Serial == d.release.Manifest.Serial {
			manifest = &d.release.Document
		}
		v, err := c.verifier().Verify(doc, manifest, 0)
		if err != nil {
			return nil, err
		}
		it, err := item.Parse([]byte(v.Text))
		if err != nil {
			return nil, err
		}
		n := engine.NewItem{Document: doc, Signer: v.Signer, Item: it, Ref: engine.ItemRef{Kind: it.Key().Kind, Path: it.Key().Path}}
		if wf, ok := it.(item.Workflow); ok {
			n.Ref.VersionID = wf.ID.VersionID
		}
		if err := v.Is(n.Ref); err != nil {
			return nil, err
		}
		u.Add = append(u.Add, n)
	}
	return u, nil
}

// distrust changes the member's trust directory.
func (c *controller) distrust(signer string, on bool) {
	c.trust[signer] = on
	if c.news = true; c.term != nil && c.term.begun {
		c.term.trustChanged()
	}
}

// timer wakes a machine at its NextWake, as the shells' keepTime does.
type timer struct {
	gen    int
	asking bool
	next   int64
}

// longestWait is how long a shell waits at most before it looks at the clock again.
const longestWait = 10 * time.Second

func (c *controller) wake() {
	if next := c.m.NextWake.Load(); next != c.timer.next && !c.timer.asking {
		c.keepTime()
	}
}

func (c *controller) keepTime() {
	t := &c.timer
	t.gen++
	t.asking = false
	gen := t.gen
	again := func(d time.Duration) {
		c.after(d, "time", func() {
			if c.timer.gen == gen {
				c.timer.asking = false
				c.keepTime()
			}
		})
	}
	t.next = c.m.NextWake.Load()
	if t.next == 0 {
		return
	}
	wait := time.Duration(t.next*1000-c.clock.micros()) * time.Microsecond
	switch {
	case wait > 0:
		again(min(wait, longestWait))
	case c.term == nil:
		again(time.Second)
	default:
		t.asking = true
		c.ask(func(e *engine.Controller, now int64) (any, error) { return nil, e.Tick(now) }, func(any, error) { again(10 * time.Millisecond) })
	}
}
