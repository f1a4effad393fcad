package sim

import (
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"log/slog"
	mathrand "math/rand/v2"
	"time"

	"github.com/signet-scheduler/signet/test/sim/oracle"
)

// start is the world's first moment: 2026-01-01T00:00:00Z.
const start = 1_767_225_600_000_000

// Config says which world to run. Everything that isn't given follows from the
// seed.
type Config struct {
	Seed        uint64
	Bug         Bug             // a mistake on purpose
	Duration    time.Duration   // of load and faults; 0: by the seed
	Controllers int             // 0: by the seed
	Agents      int             // 0: by the seed
	Without     map[string]bool // kinds of faults and of load that are left out
	Focus       []string        // kinds of faults that happen in every world, and often
	Tell        func(line string)

	atRest  func(w *world) error // for Golden
	keepAll bool                 // no entry is dropped
}

// Result is what became of a world.
type Result struct {
	Err       error
	Trace     uint64 // equal for two runs of the same configuration
	Simulated time.Duration
	Duration  time.Duration // of load and faults
	Events    int           // committed events
	Reached   map[string]int
	Shape     [2]int // Controllers, Agents
}

// findingError says what the world itself found wrong.
type findingError struct{ text string }

func (e *findingError) Error() string { return e.text }

// world is everything: parts, network, time. Owned by one goroutine.
type world struct {
	cfg    Config
	now    int64
	begun  int64
	latest int64 // that any clock ever showed when it was set
	q      queue
	rand   *mathrand.Rand
	log    *slog.Logger
	trace  uint64
	err    error
	calm   bool // no faults any more

	net         network
	controllers []*controller
	agents      []*agent
	cockpit     *cockpit
	clients     []*client
	faults      *faults
	load        *load
	record      *record
	effects     *oracle.Effects
	commands    *oracle.Commands
	stream      *oracle.Stream
	reached     map[string]int
	last        int64 // moment of the last order event
	sizes       sizes
}

// sizes are what makes rare things frequent; each world has its own.
type sizes struct {
	segment, snapshot int64
	keep              uint64
	tick              time.Duration
	election          int
	batch             int
}

// seeded makes everything random come from the seed, also what libraries draw.
type seeded struct{ r *mathrand.ChaCha8 }

func (s seeded) Read(p []byte) (int, error) { return s.r.Read(p) }

// Run runs a world. It sets the process's source of random numbers, so only one
// runs at a time. A panic of the code under test is a finding.
func Run(cfg Config) (res *Result) {
	old := rand.Reader
	defer func() { rand.Reader = old }()
	w := newWorld(cfg)
	res = &Result{Reached: w.reached, Duration: w.cfg.Duration, Shape: [2]int{len(w.controllers), len(w.agents)}}
	defer func() {
		if p := recover(); p != nil {
			res.Err = fmt.Errorf("panic: %v\n%s", p, stack())
		}
		res.Trace, res.Simulated, res.Events = w.trace, time.Duration(w.now-w.begun)*time.Microsecond, w.stream.Count()
	}()
	res.Err = w.run()
	return res
}

func newWorld(cfg Config) *world {
	var key [32]byte
	binary.LittleEndian.PutUint64(key[:], cfg.Seed)
	rand.Reader = seeded{mathrand.NewChaCha8(key)}
	w := &world{cfg: cfg, now: start, log: slog.New(slog.DiscardHandler), reached: map[string]int{}, last: start}
	w.rand = w.random("world")
	if cfg.Tell != nil {
		w.log = slog.New(teller{w: w})
	}
	w.stream = oracle.NewStream(oracle.Options{})
	w.effects, w.commands = oracle.NewEffects(w.stream), oracle.NewCommands(w.stream)
	w.record = newRecord(w)
	w.shape()
	return w
}

// random returns a source of random numbers for one purpose, so that leaving
// one thing out of a world changes the others as little as possible.
func (w *world) random(purpose string) *mathrand.Rand {
	h := uint64(14695981039346656037)
	for i := range len(purpose) {
		h = (h ^ uint64(purpose[i])) * 1099511628211
	}
	return mathrand.New(mathrand.NewPCG(w.cfg.Seed, h))
}

// shape decides what there is in this world.
func (w *world) shape() {
	r, old := w.random("shape"), w.cfg.isOld()
	members := []int{1, 1, 1, 3, 3, 3, 3, 3, 2, 5}[r.IntN(10)]
	if r.IntN(40) == 0 {
		members = 4
	}
	agents := []int{1, 1, 1, 2, 2, 3}[r.IntN(6)]
	seconds := []int{2, 3, 4, 5, 7, 15}[r.IntN(6)]
	if r.IntN(100) == 0 {
		seconds = 150
	}
	w.sizes = sizes{
		segment: int64(8<<10) << r.IntN(4), snapshot: int64(2<<10) << r.IntN(6), keep: uint64(1) << r.IntN(8),
		tick: time.Duration(1+r.IntN(3)) * 100 * time.Millisecond, election: 4 + r.IntN(5), batch: []int{2, 10, 200}[r.IntN(3)],
	}
	if w.cfg.Controllers == 0 {
		w.cfg.Controllers = members
	}
	if w.cfg.Agents == 0 {
		w.cfg.Agents = agents
	}
	if w.cfg.Duration == 0 {
		w.cfg.Duration = time.Duration(seconds) * time.Second
	}
	if old {
		w.cfg.Controllers, w.cfg.Agents = storedControllers, storedAgents
		w.now += storedAgo.Microseconds()
		w.last = w.now
	}
	if w.cfg.keepAll {
		w.sizes.keep, w.sizes.snapshot = 1<<30, 16<<10
	}
	w.net.init(w)
	for i := range w.cfg.Controllers {
		w.controllers = append(w.controllers, newController(w, i))
	}
	for i := range w.cfg.Agents {
		w.agents = append(w.agents, newAgent(w, i))
	}
	w.cockpit = newCockpit(w)
	w.load = newLoad(w)
	for i := range 1 + r.IntN(3) {
		w.clients = append(w.clients, newClient(w, i))
	}
	w.faults = newFaults(w)
	if old {
		w.reach("stored state")
		w.load.goOn()
		w.fail(w.loadDisks(stored))
	}
}

// run lives through the world's whole life: it is set up in peace, gets its load
// and faults, and comes to rest.
func (w *world) run() error {
	for _, a := range w.agents { // first, so that the oracle gets what is stored before it is taken over
		a.start()
	}
	for _, c := range w.controllers {
		c.start()
	}
	w.cockpit.start()
	w.begun, w.calm = w.now, true
	w.load.deploy()
	if !w.until(2*time.Minute, w.ready) {
		return w.failure("the installation doesn't come up in peace: %s", w.where())
	}
	w.calm = false
	w.reach("world " + fmt.Sprint(len(w.controllers)))
	end := w.now + w.cfg.Duration.Microseconds()
	w.faults.begin(end)
	for _, c := range w.clients {
		c.begin(end)
	}
	w.until(w.cfg.Duration, func() bool { return false })
	if w.err == nil {
		w.rest()
	}
	if w.err == nil && w.cfg.atRest != nil {
		return w.cfg.atRest(w)
	}
	return w.err
}

// ready tells that the installation works: documents deployed, Agents coupled,
// a reader registered.
func (w *world) ready() bool {
	if !w.load.deployed || w.cockpit.confirmed == 0 {
		return false
	}
	l := w.leader()
	if l == nil {
		return false
	}
	for _, a := range w.agents {
		if st, ok := l.engine().Agent(a.name); !ok || !st.Coupled {
			return false
		}
	}
	return true
}

// until runs until done says so, looked at ten times a second; false when the
// time is over first, or something is wrong.
func (w *world) until(most time.Duration, done func() bool) bool {
	end, look := w.now+most.Microseconds(), w.now
	for w.err == nil {
		if len(w.q.heap) == 0 || w.q.heap[0].at > end {
			w.now = end
			return false
		}
		if w.q.heap[0].at >= look {
			if done() {
				return true
			}
			look = w.q.heap[0].at + 100_000
		}
		w.next()
	}
	return false
}

// next lets the next thing happen.
func (w *world) next() {
	e, _ := w.q.take()
	w.now = max(w.now, e.at)
	h := w.trace ^ uint64(e.at)
	for i := range len(e.what) {
		h = (h ^ uint64(e.what[i])) * 1099511628211
	}
	w.trace = h*0x9e3779b97f4a7c15 ^ h>>29
	e.f()
}

// after has something happen later.
func (w *world) after(d time.Duration, what string, f func()) {
	w.q.put(w.now+max(0, d.Microseconds()), what, f)
}

// fail takes note that something is wrong; the first thing counts.
func (w *world) fail(err error) {
	if w.err == nil && err != nil {
		w.err = err
		w.tell("WRONG: %v", err)
	}
}

// failure returns a finding of the world's own.
func (w *world) failure(format string, args ...any) error {
	if w.err != nil {
		return w.err
	}
	return &findingError{fmt.Sprintf(format, args...)}
}

// tell adds a line to the story.
func (w *world) tell(format string, args ...any) {
	if w.cfg.Tell != nil {
		w.cfg.Tell(fmt.Sprintf("%10.4fs ", float64(w.now-start)/1e6) + fmt.Sprintf(format, args...))
	}
}

func (w *world) reach(what string) { w.reached[what]++ }

// with tells whether a kind of fault or load belongs to this world.
func (w *world) with(kind string) bool { return !w.cfg.Without[kind] }

// leader returns the Controller that leads and has begun its term, or nil. Of
// two that believe so, the one of the later term.
func (w *world) leader() *controller {
	var found *controller
	for _, c := range w.controllers {
		if c.up() && c.term != nil && c.term.begun && (found == nil || c.term.no > found.term.no) {
			found = c
		}
	}
	return found
}

func chance(r *mathrand.Rand, percent float64) bool { return r.Float64()*100 < percent }

// between draws a time.
func between(r *mathrand.Rand, from, to time.Duration) time.Duration {
	return from + time.Duration(r.Int64N(int64(to-from)+1))
}

var errDown = errors.New("nobody listens there")
