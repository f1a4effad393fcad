package enginetest

import (
	"bytes"
	"cmp"
	"crypto/sha256"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/signet-scheduler/signet/internal/engine"
	"github.com/signet-scheduler/signet/internal/fault"
	"github.com/signet-scheduler/signet/internal/item"
	"github.com/signet-scheduler/signet/internal/order"
	"github.com/signet-scheduler/signet/internal/release"
	"github.com/signet-scheduler/signet/internal/workflow"
)

// Start is the moment, in microseconds since the epoch, at which every cluster
// begins: 2026-01-01T00:00:00Z.
const Start = 1_767_225_600_000_000

// ControllerID is the id of the Controller.
const ControllerID = "controller"

// Signers is a Verifier: a document's evidence is the name of its signer, and
// trusted are those that aren't in it. Who signs as "nobody" is never trusted.
type Signers map[string]bool

// Verify trusts a document whose signer isn't in the set, and what is listed by a
// release of such a signer.
func (s Signers) Verify(d engine.Document, manifest *engine.Document, at int64) (engine.Verified, error) {
	if ref, ok := release.ReferenceOf(d.Evidence); ok {
		return s.listed(d, ref, manifest, at)
	}
	if d.Evidence == "nobody" || s[d.Evidence] {
		return engine.Verified{}, fault.New(fault.Untrusted, "UnknownSigner", "the signer %s is not trusted", d.Evidence)
	}
	return engine.Verified{Text: d.Text, Signer: d.Evidence}, nil
}

func (s Signers) listed(d engine.Document, ref release.Reference, manifest *engine.Document, at int64) (engine.Verified, error) {
	if manifest == nil {
		return engine.Verified{}, fault.New(fault.Untrusted, release.CodeReleaseMissing, "release number %d isn't here", ref.Serial)
	}
	v, err := s.Verify(*manifest, nil, at)
	if err != nil {
		return v, err
	}
	r, err := release.Parse([]byte(v.Text))
	if err != nil {
		return engine.Verified{}, err
	}
	sum := sha256.Sum256([]byte(d.Text))
	i := slices.IndexFunc(r.Objects, func(o release.Object) bool { return o.SHA256 == sum })
	if i < 0 || release.Refer(r, v.Text) != ref {
		return engine.Verified{}, fault.New(fault.Untrusted, release.CodeNotInRelease, "the release %s doesn't list this text", r.Name)
	}
	return engine.Verified{Text: d.Text, Signer: v.Signer, Listed: &r.Objects[i]}, nil
}

// Cluster is a Controller with its Agents. Owned by one goroutine.
type Cluster struct {
	Now        int64 // microseconds since the epoch
	Controller *engine.Controller
	Distrusted Signers // by the Controller
	Agents     map[string]*Agent
	Log        []engine.Stamped                   // committed
	Told       func(who string, e engine.Stamped) // of every committed event; may be nil
	Hold       bool                               // nothing is committed until Commit

	term     int64
	inFlight []engine.ControllerWork
	board    map[order.ID]*order.Order // something is to be done at its Agent
	items    map[string][]engine.AgentCommand
	snapshot []byte
	rest     int // events before this index are in the snapshot
}

// Agent is an Agent machine with its connection and its processes.
type Agent struct {
	Name       string
	Machine    *engine.Agent
	Distrusted Signers
	Cut        bool // not connected
	Mute       bool // its events don't come through, while commands reach it
	Log        []engine.Stamped
	Running    map[string]*engine.Launch // by task
	Started    []*engine.Launch          // ever
	Problem    error                     // what the Controller said to its last events

	c        *Cluster
	sequence int64
	last     *engine.AgentBatch
	asked    map[order.ID]bool // killed
	snapshot []byte
	rest     int
}

// New returns a running Controller with Agents of those names, deployed and
// connected.
func New(agents ...string) (*Cluster, error) {
	c := &Cluster{Now: Start, Agents: map[string]*Agent{}, Distrusted: Signers{}}
	c.Controller = engine.NewController(c.config())
	if err := c.lead(); err != nil {
		return nil, err
	}
	for _, name := range agents {
		if err := c.AddAgent(name); err != nil {
			return nil, err
		}
	}
	return c, c.Pump()
}

func (c *Cluster) config() engine.Config {
	return engine.Config{ControllerID: ControllerID, Verifier: c.Distrusted}
}

func (c *Cluster) lead() error {
	c.term++
	c.board, c.items = map[order.ID]*order.Order{}, map[string][]engine.AgentCommand{}
	for _, a := range c.Agents {
		a.sequence = 0
	}
	return c.Controller.Lead(c.term, c.Now)
}

// AddAgent deploys an Agent's document and starts the Agent.
func (c *Cluster) AddAgent(name string) error {
	if err := c.Deploy("root", fmt.Sprintf(`{"TYPE":"AgentRef","path":%q,"uri":"https://%s:1"}`, name, name)); err != nil {
		return err
	}
	a := &Agent{Name: name, Distrusted: Signers{}, Running: map[string]*engine.Launch{}, asked: map[order.ID]bool{}, c: c}
	a.Machine = engine.NewAgent(a.config())
	c.Agents[name] = a
	return a.begin("log-of-" + name)
}

func (a *Agent) config() engine.Config {
	return engine.Config{
		Agent: a.Name, Verifier: a.Distrusted,
		Job: engine.JobConfig{ScriptsAllowed: true, TaskDir: "/tasks", ExecutablesDir: "/executables"},
	}
}

// begin starts the Agent machine; what it takes for running is lost unless it
// still runs.
func (a *Agent) begin(logID string) error {
	err := a.Machine.Lead(logID, func(task string) bool { return a.Running[task] != nil }, a.c.Now)
	a.commit()
	return err
}

// Wipe gives the Agent an empty disk and a new log.
func (a *Agent) Wipe(logID string) error {
	a.Log, a.snapshot, a.rest, a.last, a.Problem = nil, nil, 0, nil, nil
	clear(a.Running)
	clear(a.asked)
	a.Machine = engine.NewAgent(a.config())
	return a.begin(logID)
}

// Deploy deploys documents, signed by signer, which Controller and Agents
// verify each for itself.
func (c *Cluster) Deploy(signer string, texts ...string) error {
	u := &engine.UpdateItems{}
	for _, text := range texts {
		d := engine.Document{Text: text, Evidence: signer}
		if _, err := c.Distrusted.Verify(d, nil, 0); err != nil {
			return err
		}
		it, err := item.Parse([]byte(text))
		if err != nil {
			return err
		}
		ref := engine.ItemRef{Kind: it.Key().Kind, Path: it.Key().Path}
		if w, ok := it.(item.Workflow); ok {
			ref.VersionID = w.ID.VersionID
		}
		u.Add = append(u.Add, engine.NewItem{Ref: ref, Document: d, Signer: signer, Item: it})
	}
	_, err := c.Controller.Submit(engine.Command{Body: u}, c.Now)
	return err
}

// Remove takes objects out of service, named as "Workflow:A".
func (c *Cluster) Remove(keys ...string) error {
	u := &engine.UpdateItems{}
	for _, key := range keys {
		k, err := item.ParseKey(key)
		if err != nil {
			return err
		}
		u.Remove = append(u.Remove, k)
	}
	_, err := c.Controller.Submit(engine.Command{Body: u}, c.Now)
	return err
}

// Submit carries out a command.
func (c *Cluster) Submit(cmd engine.Command) (string, error) { return c.Controller.Submit(cmd, c.Now) }

// take ends a batch at the Controller; it is in flight.
func (c *Cluster) take() {
	w := c.Controller.Take()
	if len(w.Events) > 0 {
		c.inFlight = append(c.inFlight, w)
	}
}

// Commit makes everything decided so far permanent and lets its effects out.
// It tells whether there was anything.
func (c *Cluster) Commit() bool {
	c.take()
	for _, w := range c.inFlight {
		c.Controller.Committed(w)
		c.Log = append(c.Log, roundTrip(w.Events)...)
		c.tell("", w.Events)
		maps.Copy(c.items, w.Items)
		for _, t := range append(slices.Clone(w.All), w.Touched...) {
			delete(c.board, t.ID)
			if t.Order != nil && engine.ToDoFor(t.Order) != engine.Nothing {
				c.board[t.ID] = t.Order
			}
		}
	}
	n := len(c.inFlight)
	c.inFlight = nil
	return n > 0
}

func (c *Cluster) tell(who string, events []engine.Stamped) {
	if c.Told != nil {
		for _, e := range events {
			c.Told(who, e)
		}
	}
}

// roundTrip is what a log does to events.
func roundTrip(events []engine.Stamped) []engine.Stamped {
	read, err := engine.ReadEvents(engine.AppendEvents(nil, events))
	if err != nil {
		panic(err) // what was written must be readable
	}
	return read
}

// Pump lets everything happen that can happen without time passing.
func (c *Cluster) Pump() error {
	for i := 0; ; i++ {
		if i > 100_000 {
			return fault.New(fault.Internal, "Endless", "the cluster doesn't come to rest")
		}
		busy := !c.Hold && c.Commit()
		for _, name := range slices.Sorted(maps.Keys(c.Agents)) {
			b, err := c.Agents[name].pump()
			if err != nil {
				return err
			}
			busy = busy || b
		}
		if !busy {
			return nil
		}
	}
}

// pump lets an Agent get its next batch, its processes end, and its events be
// taken over.
func (a *Agent) pump() (busy bool, err error) {
	if !a.Cut && !a.c.Hold {
		if busy, err = a.couple(); err != nil {
			return false, err
		}
		if cmds := a.c.commandsFor(a.Name); len(cmds) > 0 && a.Problem == nil {
			busy = true
			if err := a.send(cmds); err != nil {
				return false, err
			}
		}
	}
	busy = a.runJobs() || busy
	a.commit()
	if !a.Cut && !a.Mute && !a.c.Hold {
		b, err := a.report()
		if err != nil {
			return false, err
		}
		busy = busy || b
	}
	return busy, nil
}

// couple tells the Controller how the connection is.
func (a *Agent) couple() (bool, error) {
	st, ok := a.c.Controller.Agent(a.Name)
	if ok && st.Coupled && st.LogID == a.Machine.LogID() {
		return false, nil
	}
	if a.Problem = a.c.Controller.AgentDedicated(a.Name, a.Machine.LogID(), a.c.Now); a.Problem != nil {
		if ok && !st.Coupled && st.Problem != nil {
			return false, nil
		}
		return true, a.c.Controller.AgentFailed(a.Name, order.ProblemOf(a.Problem), a.c.Now)
	}
	a.c.Controller.Order("") // a look
	return true, a.c.Controller.AgentCoupled(a.Name, a.c.Now)
}

// commandsFor takes what is to be done at an Agent off the board.
func (c *Cluster) commandsFor(agent string) []engine.AgentCommand {
	cmds := c.items[agent]
	delete(c.items, agent)
	for _, id := range slices.Sorted(maps.Keys(c.board)) {
		o := c.board[id]
		if o.Attachment.Agent != agent {
			continue
		}
		delete(c.board, id)
		switch engine.ToDoFor(o) {
		case engine.DetachIt:
			cmds = append(cmds, &engine.DetachOrder{OrderID: o.ID})
		case engine.MarkIt:
			cmds = append(cmds, &engine.MarkOrder{OrderID: o.ID, Mark: *o.Mark})
		default:
			cmds = append(cmds, &engine.AttachOrder{Order: o})
		}
	}
	return cmds
}

// send gives the Agent a numbered batch.
func (a *Agent) send(cmds []engine.AgentCommand) error {
	a.sequence++
	b := &engine.AgentBatch{ControllerID: ControllerID, LogID: a.Machine.LogID(), Term: a.c.term, Sequence: a.sequence, Commands: cmds}
	a.last = b
	return a.Deliver(b)
}

// Deliver brings a batch to the Agent, verified as the Agent's shell does.
func (a *Agent) Deliver(b *engine.AgentBatch) error {
	b.Verify(a.Distrusted, a.Machine.Manifest)
	_, err := a.Machine.Batch(b, a.c.Now)
	a.commit()
	return err
}

// Last returns the last batch that was sent, or nil.
func (a *Agent) Last() *engine.AgentBatch { return a.last }

// commit makes permanent what the Agent decided, and starts processes.
func (a *Agent) commit() {
	w := a.Machine.Take()
	a.Machine.Committed(w)
	a.Log = append(a.Log, roundTrip(w.Events)...)
	a.c.tell(a.Name, w.Events)
	for _, l := range w.Launches {
		a.Running[l.Task] = l
		a.Started = append(a.Started, l)
	}
	for _, t := range w.Touched {
		if t.Order == nil {
			continue
		}
		if kill, at := engine.KillOf(t.Order); kill {
			a.asked[t.ID] = at
		} else {
			delete(a.asked, t.ID)
		}
	}
}

// runJobs ends every process whose script says that it is quick, or that was
// killed.
func (a *Agent) runJobs() bool {
	ended := false
	for _, task := range slices.SortedFunc(maps.Keys(a.Running), compareTasks) {
		l := a.Running[task]
		if at, killed := a.asked[l.OrderID]; killed && !strings.HasPrefix(l.Script, "trap") {
			rc := 143
			if at {
				rc = 137
			}
			a.End(task, &order.Outcome{Kind: order.Killed, Inner: Result(fmt.Sprintf("rc=%d", rc))})
			ended = true
			continue
		}
		if !strings.HasPrefix(l.Script, "hold") && !strings.HasPrefix(l.Script, "trap") {
			a.End(task, Result(l.Script))
			ended = true
		}
	}
	return ended
}

func compareTasks(x, y string) int { return cmp.Or(cmp.Compare(len(x), len(y)), strings.Compare(x, y)) }

// End ends a process.
func (a *Agent) End(task string, out *order.Outcome) {
	l := a.Running[task]
	if l == nil {
		return
	}
	delete(a.Running, task)
	if err := a.Machine.ProcessEnded(l.OrderID, task, out, a.c.Now); err != nil {
		panic(err) // an outcome is never refused
	}
	a.commit()
}

// stranger tells whether the Controller doesn't know this Agent's log.
func (a *Agent) stranger() bool { return a.Problem != nil }

// report lets the Controller take over the Agent's new events.
func (a *Agent) report() (bool, error) {
	st, _ := a.c.Controller.Agent(a.Name)
	i, _ := slices.BinarySearchFunc(a.Log, st.Observed+1, func(e engine.Stamped, id int64) int { return cmp.Compare(e.ID, id) })
	if i == len(a.Log) || a.stranger() {
		return false, nil
	}
	before := a.c.Controller.LastEventID()
	err := a.c.Controller.AgentEvents(a.Name, a.Machine.LogID(), a.Log[i:], a.c.Now)
	return a.c.Controller.LastEventID() != before, err // bookkeeping of the Agent is no news
}

// Advance lets time pass, in microseconds, and wakes who is to be woken.
func (c *Cluster) Advance(micros int64) error {
	c.Now += micros
	if at := c.Controller.NextWake(); at > 0 && at*1000 <= c.Now {
		if err := c.Controller.Tick(c.Now); err != nil {
			return err
		}
	}
	for _, name := range slices.Sorted(maps.Keys(c.Agents)) {
		a := c.Agents[name]
		if at := a.Machine.NextWake(); at > 0 && at*1000 <= c.Now {
			if err := a.Machine.Tick(c.Now); err != nil {
				return err
			}
			a.commit()
		}
	}
	return c.Pump()
}

// NextWake returns the next moment, in milliseconds, at which something
// happens by itself; 0: none.
func (c *Cluster) NextWake() int64 {
	at := c.Controller.NextWake()
	for _, a := range c.Agents {
		if w := a.Machine.NextWake(); w > 0 && (at == 0 || w < at) {
			at = w
		}
	}
	return at
}

// ErrDiffers tells that states which must be equal aren't.
var errDiffers = fault.New(fault.Internal, "StatesDiffer", "states differ")

// Check compares the live states with those folded from the logs, and with
// those restored from the newest snapshot and what followed.
func (c *Cluster) Check() error {
	if len(c.inFlight) == 0 && !c.Hold {
		folded, restored, err := c.rebuild()
		if err != nil {
			return err
		}
		live := c.Controller.Freeze().Digest()
		if live != folded.Freeze().Digest() {
			return fmt.Errorf("the Controller and the fold of its log: %w", errDiffers)
		}
		if live != restored.Freeze().Digest() {
			return fmt.Errorf("the Controller and its snapshot: %w", errDiffers)
		}
	}
	for _, a := range c.Agents {
		folded, restored, err := a.rebuild()
		if err != nil {
			return err
		}
		live := a.Machine.Freeze().Digest()
		if live != folded.Freeze().Digest() || live != restored.Freeze().Digest() {
			return fmt.Errorf("the Agent %s and its log: %w", a.Name, errDiffers)
		}
		if folded.Running() != a.Machine.Running() || restored.Running() != a.Machine.Running() {
			return fmt.Errorf("the Agent %s: %d processes, %d folded, %d restored: %w", a.Name, a.Machine.Running(), folded.Running(), restored.Running(), errDiffers)
		}
	}
	return nil
}

func (c *Cluster) rebuild() (folded, restored *engine.Controller, err error) {
	folded = engine.NewController(c.config())
	if err := folded.Apply(c.Log); err != nil {
		return nil, nil, err
	}
	if c.snapshot == nil {
		restored = engine.NewController(c.config())
	} else if restored, err = engine.RestoreController(c.config(), bytes.NewReader(c.snapshot)); err != nil {
		return nil, nil, err
	}
	return folded, restored, restored.Apply(c.Log[c.rest:])
}

func (a *Agent) rebuild() (folded, restored *engine.Agent, err error) {
	folded = engine.NewAgent(a.config())
	if err := folded.Apply(a.Log); err != nil {
		return nil, nil, err
	}
	if a.snapshot == nil {
		restored = engine.NewAgent(a.config())
	} else if restored, err = engine.RestoreAgent(a.config(), bytes.NewReader(a.snapshot)); err != nil {
		return nil, nil, err
	}
	return folded, restored, restored.Apply(a.Log[a.rest:])
}

// Snapshot writes snapshots of all machines, for later restarts.
func (c *Cluster) Snapshot() error {
	c.Commit()
	var b bytes.Buffer
	if _, err := c.Controller.Freeze().WriteTo(&b); err != nil {
		return err
	}
	c.snapshot, c.rest = b.Bytes(), len(c.Log)
	for _, a := range c.Agents {
		var b bytes.Buffer
		if _, err := a.Machine.Freeze().WriteTo(&b); err != nil {
			return err
		}
		a.snapshot, a.rest = b.Bytes(), len(a.Log)
	}
	return nil
}

// RestartController loses what isn't committed, restores the Controller from
// its snapshot and log, and begins a new term.
func (c *Cluster) RestartController() error {
	c.inFlight = nil
	_, restored, err := c.rebuild()
	if err != nil {
		return err
	}
	c.Controller = restored
	return c.lead()
}

// LoseLeadership takes back what isn't committed, and begins a new term.
func (c *Cluster) LoseLeadership() error {
	c.inFlight = nil
	c.Controller.Undo()
	return c.lead()
}

// Take ends a batch without committing it.
func (c *Cluster) Take() { c.take() }

// Restart restores the Agent from its snapshot and log; its processes go on
// or are lost.
func (a *Agent) Restart(keep bool) error {
	_, restored, err := a.rebuild()
	if err != nil {
		return err
	}
	a.Machine = restored
	if !keep {
		clear(a.Running)
	}
	return a.begin("")
}

// Trust changes whom a part trusts: "" is the Controller.
func (c *Cluster) Trust(part, signer string, trusted bool) error {
	set := c.Distrusted
	if part != "" {
		set = c.Agents[part].Distrusted
	}
	set[signer] = !trusted
	if part == "" {
		return c.Controller.TrustChanged(c.Now)
	}
	err := c.Agents[part].Machine.TrustChanged(c.Now)
	c.Agents[part].commit()
	return err
}

// Position returns [nr].
func Position(nr int) workflow.Position { return workflow.At(nr) }
