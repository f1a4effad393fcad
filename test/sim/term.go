package sim

import (
	"maps"
	"slices"
	"time"

	"github.com/signet-scheduler/signet/internal/codec"
	"github.com/signet-scheduler/signet/internal/engine"
	"github.com/signet-scheduler/signet/internal/fault"
	"github.com/signet-scheduler/signet/internal/handover"
)

// term is what a Controller does while it leads: it begins the term in the
// machine and drives the Agents. It plays internal/controller's office.
type term struct {
	c       *controller
	no      uint64
	begun   bool
	over    bool
	links   map[string]*handover.Link
	drivers map[string]*driver
	order   []string // of drivers
	seen    int64
}

// leads is called by the machine.
func (c *controller) leads(on bool, no uint64) {
	c.over()
	if !on {
		c.w.tell("%s leads no more", c.name)
		return
	}
	c.w.tell("%s leads term %d", c.name, no)
	c.w.reach("term")
	t := &term{c: c, no: no, links: map[string]*handover.Link{}, drivers: map[string]*driver{}, seen: -1}
	c.term = t
	t.after(200*time.Microsecond, "office", func() {
		c.board.Clear()
		t.persist(func(e *engine.Controller, now int64) (any, error) {
			c.news = false
			if err := e.TrustChanged(now); err != nil {
				return nil, err
			}
			return nil, e.Lead(int64(no), now)
		}, func() {
			t.begun = true
			if c.news {
				t.trustChanged() // since the machine has decided
			}
			t.hire()
		})
	})
}

func (c *controller) over() {
	if c.term != nil {
		c.term.over = true
		c.term = nil
	}
}

// after is the part's, for as long as the term lasts.
func (t *term) after(d time.Duration, what string, f func()) {
	t.c.after(d, what, func() {
		if !t.over {
			f()
		}
	})
}

// ask is the controller's; when the term is over, nobody waits any more.
func (t *term) ask(f handover.Decision, done func(any, error)) {
	t.c.ask(f, func(v any, err error) {
		if !t.over {
			done(v, err)
		}
	})
}

// persist has the machine carry out what must not be left undone.
func (t *term) persist(f handover.Decision, done func()) {
	t.ask(f, func(_ any, err error) {
		if err == nil {
			done()
			return
		}
		t.after(time.Second, "persist", func() { t.persist(f, done) })
	})
}

// trustChanged has the documents verified anew.
func (t *term) trustChanged() {
	t.c.news = false
	t.persist(func(e *engine.Controller, now int64) (any, error) { return nil, e.TrustChanged(now) }, func() {})
}

// hire keeps a driver for each Agent that is deployed.
func (t *term) hire() {
	again := func() { t.after(time.Second, "hire", t.hire) }
	_, last, _ := t.c.m.Index.Position()
	if last == t.seen {
		again()
		return
	}
	t.seen = last
	t.ask(func(e *engine.Controller, _ int64) (any, error) { return handover.Addresses(e), nil }, func(v any, err error) {
		again()
		if err != nil {
			return
		}
		uris, _ := v.(map[string]string)
		for _, name := range t.order {
			if d := t.drivers[name]; d != nil && uris[name] != d.uri {
				d.close()
				delete(t.drivers, name)
			}
		}
		for _, name := range slices.Sorted(maps.Keys(uris)) {
			if t.drivers[name] == nil {
				t.drive(name, uris[name])
			}
		}
		t.order = slices.Sorted(maps.Keys(t.drivers))
	})
}

func (t *term) drive(name, uri string) {
	a := t.c.w.agentNamed(name)
	if a == nil {
		return
	}
	if t.links[name] == nil {
		t.links[name] = handover.NewLink(t.c.board, controllerID, engine.Estate{}, name, int64(t.no), t.c.w.sizes.batch)
	}
	d := &driver{t: t, a: a, uri: uri, link: t.links[name]}
	t.drivers[name] = d
	d.couple()
}

// pump sends what stands on the board.
func (t *term) pump() {
	for _, name := range t.order {
		if d := t.drivers[name]; d != nil && d.now != nil {
			select {
			case <-d.link.Work():
				d.now.waiting = true
			default:
			}
			d.now.send()
		}
	}
}

// driver drives one Agent for one term; it plays internal/controller's driver.
type driver struct {
	t      *term
	a      *agent
	uri    string
	link   *handover.Link
	now    *coupling
	closed bool
}

// coupling is one attempt at driving: requests one after the other in one
// direction, a feed of events in the other.
type coupling struct {
	d        *driver
	began    int64
	dead     bool
	active   bool // batches may be sent
	coupled  bool
	sending  bool
	waiting  bool // there may be something to send
	heard    int64
	adopting bool
	events   []engine.Stamped
}

const (
	callTimeout = 10 * time.Second
	idle        = 15 * time.Second
)

func (d *driver) close() {
	d.closed = true
	if d.now != nil {
		d.now.dead = true
		d.now = nil
	}
}

func (d *driver) gone() bool { return d.closed || d.t.over }

// couple begins a coupling.
func (d *driver) couple() {
	if d.gone() {
		return
	}
	w, c := d.t.c.w, d.t.c
	k := &coupling{d: d, began: c.clock.micros(), heard: w.now}
	d.now = k
	w.net.call(c.part, d.a.part, "status", callTimeout, d.a.status, func(v any, err error) {
		if k.over() {
			return
		}
		if err != nil {
			k.fail(err)
			return
		}
		logID, _ := v.(string)
		d.t.ask(d.link.Dedicate(logID), func(v any, err error) {
			if k.over() {
				return
			}
			if err != nil {
				k.fail(err)
				return
			}
			d.link.Begin(logID, v)
			k.active, k.waiting = true, true
			k.send()
			k.tick()
			k.follow()
		})
	})
}

func (k *coupling) over() bool { return k.dead || k.d.gone() }

// fail ends the coupling; another begins after a while.
func (k *coupling) fail(err error) {
	if k.over() {
		return
	}
	d := k.d
	k.dead, d.now = true, nil
	d.t.c.w.tell("%s: %s is not coupled: %v", d.t.c.name, d.a.name, err)
	if _, ok := err.(*fault.Error); !ok {
		err = fault.Wrap(fault.Unavailable, "Unreachable", err, "the Agent can't be reached")
	}
	d.t.ask(d.link.Failed(err), func(any, error) {
		lasted := time.Duration(d.t.c.clock.micros()-k.began) * time.Microsecond
		d.t.after(d.link.Pause(lasted), "couple", d.couple)
	})
}

// tick looks once a second whether there is something to confirm, and whether
// the feed is silent for too long.
func (k *coupling) tick() {
	k.d.t.after(handover.ConfirmEvery, "confirm", func() {
		if k.over() {
			return
		}
		if w := k.d.t.c.w; w.now-k.heard > idle.Microseconds() {
			k.fail(errLost)
			return
		}
		k.waiting = true
		k.send()
		k.tick()
	})
}

// send sends the next batch, if the last one was answered.
func (k *coupling) send() {
	if k.over() || !k.active || k.sending || !k.waiting {
		return
	}
	k.waiting = false
	b, err := k.d.link.Next()
	if err != nil {
		k.fail(err)
	}
	if b == nil {
		return
	}
	k.sending = true
	w, c, a := k.d.t.c.w, k.d.t.c, k.d.a
	if w.olderLeads(b.Term) {
		w.reach("earlier version leads")
		b.Commands = numbered(b, func(int64) int64 { return 0 })
	}
	data := codec.Binary(nil, b)
	w.net.call(c.part, a.part, "batch", callTimeout, func(reply func(any, error)) { a.batch(data, reply) }, func(_ any, err error) {
		if k.over() {
			return
		}
		if err != nil {
			k.fail(err)
			return
		}
		k.d.link.Sent()
		k.sending = false
		select {
		case <-k.d.link.Work():
			k.waiting = true
		default:
		}
		k.send()
	})
}

// olderLeads tells whether a leader is of an earlier version, whose attachments
// have no numbers: in some worlds every other one, as during an upgrade that lasts
// until the faults end.
func (w *world) olderLeads(term int64) bool { return w.upgrading() && !w.calm && term%2 == 1 }

func (w *world) upgrading() bool { return w.cfg.Seed%4 == 1 }

// upgraded ends the upgrade: the leader couples anew, as one that has just begun
// would.
func (w *world) upgraded() {
	for _, c := range w.controllers {
		if c.term == nil || !w.upgrading() {
			continue
		}
		for _, name := range c.term.order {
			if d := c.term.drivers[name]; d != nil && d.now != nil {
				d.now.fail(errDown)
			}
		}
	}
}

// follow opens the Agent's feed.
func (k *coupling) follow() {
	w, c, a := k.d.t.c.w, k.d.t.c, k.d.a
	after, logID := k.d.link.After(), k.d.link.LogID()
	w.net.call(c.part, a.part, "follow", callTimeout, func(reply func(any, error)) {
		a.follow(logID, after, c.part, k.arrive, k.fail, reply)
	}, func(_ any, err error) {
		if k.over() {
			return
		}
		if err != nil {
			k.fail(err)
			return
		}
		k.d.t.ask(k.d.link.Coupled(), func(_ any, err error) {
			if k.over() {
				return
			}
			if err != nil {
				k.fail(err)
				return
			}
			k.coupled = true
			k.adopt()
		})
	})
}

// arrive takes events of the feed.
func (k *coupling) arrive(events []engine.Stamped) {
	if k.over() {
		return
	}
	k.heard = k.d.t.c.w.now
	k.events = append(k.events, events...)
	k.adopt()
}

// adopt takes over what has come, one batch at a time.
func (k *coupling) adopt() {
	if !k.coupled || k.adopting || len(k.events) == 0 {
		return
	}
	events := k.events
	k.events, k.adopting = nil, true
	k.d.t.ask(k.d.t.c.w.cfg.Bug.adopt(k.d.link, events), func(v any, err error) {
		if k.over() {
			return
		}
		k.d.link.Adopted(v)
		if err != nil {
			k.fail(err)
			return
		}
		k.adopting = false
		k.adopt()
	})
}
