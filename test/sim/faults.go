package sim

import (
	mathrand "math/rand/v2"
	"slices"
	"syscall"
	"time"

	"github.com/signet-scheduler/signet/internal/fsys"
)

// faults makes things go wrong, and right again.
type faults struct {
	w    *world
	rand *mathrand.Rand
	end  int64
	lost *part // the last member of the group whose disk was damaged
}

// kinds of faults: how often in a minute of a rough world, and what they do.
var kinds = []struct {
	name string
	rate float64
	do   func(f *faults, r *mathrand.Rand)
}{
	{"kill", 6, (*faults).kill},
	{"power", 6, (*faults).power},
	{"pause", 4, (*faults).pause},
	{"hang", 2, (*faults).hang},
	{"slow", 3, (*faults).slow},
	{"isolate", 5, (*faults).isolate},
	{"oneway", 4, (*faults).oneway},
	{"flap", 2, (*faults).flap},
	{"agentcut", 4, (*faults).agentCut},
	{"cockpitcut", 2, (*faults).cockpitCut},
	{"loss", 3, (*faults).loss},
	{"latency", 3, (*faults).latency},
	{"double", 3, (*faults).double},
	{"late", 3, (*faults).late},
	{"clock", 2, (*faults).clock},
	{"drift", 2, (*faults).drift},
	{"full", 3, (*faults).full},
	{"diskerror", 5, (*faults).diskError},
	{"rot", 4, (*faults).bitRot},
	{"disklost", 1, (*faults).diskLost},
	{"transfer", 4, (*faults).transfer},
	{"snapshot", 6, (*faults).snapshot},
	{"wipe", 0.5, (*faults).wipe},
	{"distrust", 4, (*faults).distrust},
	{"rolling", 1, (*faults).rolling},
}

// Faults returns the names of all kinds of faults.
func Faults() []string {
	var names []string
	for _, k := range kinds {
		names = append(names, "fault "+k.name)
	}
	return names
}

func newFaults(w *world) *faults {
	return &faults{w: w, rand: w.random("faults")}
}

// begin has each kind that belongs to this world happen again and again, until a
// moment. Each has its own source of random numbers: leaving one out leaves the
// others as they are.
func (f *faults) begin(end int64) {
	f.end = end
	calm := f.rand.IntN(10) == 0
	rough := []float64{1, 3, 10}[f.rand.IntN(3)]
	for _, k := range kinds {
		r := f.w.random("fault " + k.name)
		in := chance(r, 45) // not all at once: each world has its own mixture
		rate := rough * k.rate
		if slices.Contains(f.w.cfg.Focus, "fault "+k.name) {
			in, rate = true, 10*k.rate
		} else if calm {
			continue
		}
		if in && f.w.with("fault "+k.name) {
			f.plan(k.name, rate, r, k.do)
		}
	}
}

func (f *faults) plan(name string, rate float64, r *mathrand.Rand, do func(*faults, *mathrand.Rand)) {
	gap := time.Duration(r.ExpFloat64() / rate * float64(time.Minute))
	f.w.after(gap, "fault", func() {
		if f.w.now >= f.end || f.w.calm {
			return
		}
		f.w.reach("fault " + name)
		f.w.tell("fault: %s", name)
		do(f, r)
		f.plan(name, rate, r, do)
	})
}

// parts are all that can be disturbed.
func (f *faults) parts() []*part {
	var all []*part
	for _, c := range f.w.controllers {
		all = append(all, c.part)
	}
	for _, a := range f.w.agents {
		all = append(all, a.part)
	}
	return append(all, f.w.cockpit.part)
}

func (f *faults) part(r *mathrand.Rand) *part {
	all := f.parts()
	return all[r.IntN(len(all))]
}

// later takes something back after a while.
func (f *faults) later(d time.Duration, do func()) {
	f.w.after(d, "mend", func() {
		if !f.w.calm {
			do()
		}
	})
}

func (f *faults) kill(r *mathrand.Rand)  { f.part(r).die(false) }
func (f *faults) power(r *mathrand.Rand) { f.part(r).die(true) }

func (f *faults) pause(r *mathrand.Rand) {
	p := f.part(r)
	if !p.up() || p.paused {
		return
	}
	p.pause(true)
	f.later(between(r, 100*time.Millisecond, 8*time.Second), func() {
		if p.paused {
			p.pause(false)
		}
	})
}

func (f *faults) hang(r *mathrand.Rand) {
	p := f.part(r)
	p.hung = true
	f.later(between(r, 100*time.Millisecond, 20*time.Second), func() { p.hung = false })
}

func (f *faults) slow(r *mathrand.Rand) {
	p := f.part(r)
	p.slow = 2 + r.IntN(20)
	f.later(between(r, 300*time.Millisecond, 5*time.Second), func() { p.slow = 1 })
}

// cut cuts directions between parts until it is taken back.
func (f *faults) cut(d time.Duration, ways ...[2]int) {
	for _, way := range ways {
		f.w.net.cut[way]++
	}
	f.later(d, func() {
		for _, way := range ways {
			f.w.net.cut[way]--
		}
	})
}

func both(a, b *part) [][2]int { return [][2]int{{a.id, b.id}, {b.id, a.id}} }

// isolate cuts some parts off from the others.
func (f *faults) isolate(r *mathrand.Rand) {
	all := f.parts()
	for _, c := range f.w.clients {
		all = append(all, c.part)
	}
	side := map[int]bool{}
	for _, p := range all {
		side[p.id] = chance(r, 40)
	}
	var ways [][2]int
	for _, a := range all {
		for _, b := range all {
			if side[a.id] && !side[b.id] {
				ways = append(ways, both(a, b)...)
			}
		}
	}
	f.cut(between(r, 300*time.Millisecond, 8*time.Second), ways...)
}

func (f *faults) oneway(r *mathrand.Rand) {
	a, b := f.part(r), f.part(r)
	f.cut(between(r, 300*time.Millisecond, 8*time.Second), [2]int{a.id, b.id})
}

func (f *faults) flap(r *mathrand.Rand) {
	a, b := f.part(r), f.part(r)
	for i := range 8 {
		f.w.after(time.Duration(i)*between(r, 200*time.Millisecond, 2*time.Second), "flap", func() {
			if !f.w.calm {
				f.cut(between(r, 100*time.Millisecond, time.Second), both(a, b)...)
			}
		})
	}
}

func (f *faults) agentCut(r *mathrand.Rand) {
	a := f.w.agents[r.IntN(len(f.w.agents))]
	var ways [][2]int
	for _, c := range f.w.controllers {
		ways = append(ways, both(a.part, c.part)...)
	}
	f.cut(between(r, 300*time.Millisecond, 20*time.Second), ways...)
}

func (f *faults) cockpitCut(r *mathrand.Rand) {
	var ways [][2]int
	for _, c := range f.w.controllers {
		ways = append(ways, both(f.w.cockpit.part, c.part)...)
	}
	f.cut(between(r, 300*time.Millisecond, 20*time.Second), ways...)
}

func (f *faults) loss(r *mathrand.Rand) {
	f.w.net.loss = []float64{1, 5, 20}[r.IntN(3)]
	f.later(between(r, 300*time.Millisecond, 5*time.Second), func() { f.w.net.loss = 0 })
}

func (f *faults) latency(r *mathrand.Rand) {
	f.w.net.slow = between(r, 5*time.Millisecond, 400*time.Millisecond)
	f.later(between(r, 300*time.Millisecond, 5*time.Second), func() { f.w.net.slow = 0 })
}

func (f *faults) double(r *mathrand.Rand) {
	f.w.net.twice = []float64{2, 10, 50}[r.IntN(3)]
	f.later(between(r, 300*time.Millisecond, 5*time.Second), func() { f.w.net.twice = 0 })
}

func (f *faults) late(r *mathrand.Rand) {
	f.w.net.late = []float64{1, 5, 20}[r.IntN(3)]
	f.later(between(r, 300*time.Millisecond, 5*time.Second), func() { f.w.net.late = 0 })
}

// clock sets a machine's clock: minutes to a year, forward or backward.
func (f *faults) clock(r *mathrand.Rand) {
	p := f.part(r)
	by := []time.Duration{time.Minute, 10 * time.Minute, time.Hour, 24 * time.Hour, 365 * 24 * time.Hour}[r.IntN(5)].Microseconds()
	if chance(r, 50) {
		by = -by
	}
	p.clock.set(max(start, p.clock.micros()+by), p.clock.drift)
}

func (f *faults) drift(r *mathrand.Rand) {
	p := f.part(r)
	p.clock.set(p.clock.micros(), int64(r.IntN(2000)-1000))
}

func (f *faults) full(r *mathrand.Rand) {
	p := f.part(r)
	p.disk.SetCapacity(p.disk.Used() + int64(r.IntN(60_000)))
	f.later(between(r, 300*time.Millisecond, 5*time.Second), func() { p.disk.SetCapacity(1 << 40) })
}

func (f *faults) diskError(r *mathrand.Rand) {
	rule := fsys.Rule{Nth: 1 + r.IntN(20), Err: syscall.EIO, Short: chance(r, 50)}
	switch r.IntN(4) {
	case 0:
		rule.Ops = []fsys.Op{fsys.OpRename, fsys.OpSyncDir, fsys.OpRemove, fsys.OpCreate, fsys.OpAllocate}
		rule.Nth = 1 + r.IntN(3)
	case 1:
		rule.Ops = []fsys.Op{fsys.OpSync}
		rule.Nth = 1 + r.IntN(3)
	}
	f.part(r).weak.SetRules(rule)
}

func (f *faults) transfer(r *mathrand.Rand) {
	m, to := f.w.leader(), f.w.controllers[r.IntN(len(f.w.controllers))]
	if m != nil {
		m.part.now("transfer", func() {
			m.input(func() { _ = m.step.TransferLeadership(uint64(to.id)) }) // it may be the leader itself
		})
	}
}

func (f *faults) snapshot(r *mathrand.Rand) {
	hosts := []*host{}
	for _, c := range f.w.controllers {
		hosts = append(hosts, &c.host)
	}
	for _, a := range f.w.agents {
		hosts = append(hosts, &a.host)
	}
	h := hosts[r.IntN(len(hosts))]
	h.part.now("snapshot", func() { h.input(func() { h.step.Snapshot(func(error) {}) }) })
}

func (f *faults) wipe(r *mathrand.Rand) {
	a := f.w.agents[r.IntN(len(f.w.agents))]
	if a.up() && a.ready {
		a.wipe()
	}
}

// distrust takes a signer out of a trust directory, or puts it in again.
func (f *faults) distrust(r *mathrand.Rand) {
	signer := signers[r.IntN(3)]
	if chance(r, 30) {
		for _, c := range f.w.controllers {
			c.distrust(signer, !c.trust[signer])
		}
		return
	}
	a := f.w.agents[r.IntN(len(f.w.agents))]
	a.distrust(signer, !a.trust[signer])
}

// rolling restarts one member after the other.
func (f *faults) rolling(r *mathrand.Rand) {
	for i, c := range f.w.controllers {
		f.w.after(time.Duration(i)*between(r, 3*time.Second, 4*time.Second), "rolling", func() {
			if !f.w.calm {
				c.die(false)
			}
		})
	}
}
