package cockpit

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"hash/crc32"
	"io"
	"slices"
	"sort"
	"strings"
	"sync"
	"time"

	"github.com/signet-scheduler/signet/internal/backup"
	"github.com/signet-scheduler/signet/internal/bulletin"
	"github.com/signet-scheduler/signet/internal/codec"
	"github.com/signet-scheduler/signet/internal/engine"
	"github.com/signet-scheduler/signet/internal/fault"
	"github.com/signet-scheduler/signet/internal/item"
	"github.com/signet-scheduler/signet/internal/joblog"
	"github.com/signet-scheduler/signet/internal/order"
	"github.com/signet-scheduler/signet/internal/part"
	"github.com/signet-scheduler/signet/internal/release"
	"github.com/signet-scheduler/signet/internal/transport"
	"github.com/signet-scheduler/signet/internal/trust"
	"github.com/signet-scheduler/signet/internal/value"
	"github.com/signet-scheduler/signet/internal/workflow"
)

// fake is a Controller in memory: the real machines of Controller and Agents,
// without consensus, journal and network. Jobs are played: a script's lines say
// what it does.
//
//	out TEXT   writes TEXT and a line feed to stdout
//	err TEXT   the same to stderr
//	rc N       ends with that return code
//	hold       runs until release is called
type fake struct {
	id           string
	installation string
	set          *trust.Set
	verify       time.Time // the time at which signatures are verified

	mu      sync.Mutex
	c       *engine.Controller
	agents  map[string]*fakeAgent
	events  []engine.Stamped
	torn    int64 // events up to here are not kept
	grown   chan struct{}
	micros  int64
	logs    map[string]*fakeLog
	notices []bulletin.Notice                                 // that were delivered
	receipt func(bulletin.Delivery) (bulletin.Receipt, error) // nil: it answers nothing
	parts   map[PartName]*transport.Credentials
	down    error // every call fails with it
	full    bool  // its disk
	report  *part.Report
	noLogs  error // calls about logs do
	confirm []int64
	readers []string // who confirmed, each once
	held    map[order.ID]*engine.Launch
	streams int
	lists   int // of all workflows that were asked for
	looks   int // at Agents
}

type fakeAgent struct {
	a        *engine.Agent
	sequence int64
}

func newFake(id string, set *trust.Set, verify time.Time) *fake {
	f := &fake{
		id: id, set: set, verify: verify, agents: map[string]*fakeAgent{}, grown: make(chan struct{}), micros: 1_790_000_000_000_000,
		logs: map[string]*fakeLog{}, held: map[order.ID]*engine.Launch{},
	}
	f.c = engine.NewController(engine.Config{ControllerID: id, Verifier: f, Env: func(string) (string, bool) { return "", false }})
	f.must(f.c.Lead(1, f.now()))
	f.pump()
	return f
}

func (f *fake) must(err error) {
	if err != nil {
		panic(err)
	}
}

func (f *fake) now() int64 {
	f.micros += 1000
	return f.micros
}

// Verify implements engine.Verifier.
func (f *fake) Verify(d engine.Document, manifest *engine.Document, at int64) (engine.Verified, error) {
	if ref, ok := release.ReferenceOf(d.Evidence); ok {
		if manifest == nil {
			return engine.Verified{}, fault.New(fault.Untrusted, release.CodeReleaseMissing, "release number %d isn't here", ref.Serial)
		}
		v, err := f.Verify(*manifest, nil, at)
		if err != nil {
			return v, err
		}
		m, err := release.Parse([]byte(v.Text))
		if err != nil {
			return v, err
		}
		sum := sha256.Sum256([]byte(d.Text))
		i := slices.IndexFunc(m.Objects, func(o release.Object) bool { return o.SHA256 == sum })
		if i < 0 {
			return engine.Verified{}, fault.New(fault.Untrusted, release.CodeNotInRelease, "the release doesn't list this text")
		}
		return engine.Verified{Text: d.Text, Signer: v.Signer, Listed: &m.Objects[i]}, nil
	}
	if list := []json.RawMessage{}; json.Unmarshal([]byte(d.Evidence), &list) == nil && len(list) > 0 {
		d.Evidence = string(list[0])
	}
	var e trust.Evidence
	if err := json.Unmarshal([]byte(d.Evidence), &e); err != nil {
		return engine.Verified{}, err
	}
	v, err := f.set.Verify([]byte(d.Text), e, f.verify)
	if err != nil {
		return engine.Verified{}, err
	}
	return engine.Verified{Text: string(v.Bytes()), Signer: v.Signer().Name}, nil
}

// pump carries out everything that can be.
func (f *fake) pump() {
	for {
		w := f.c.Take()
		f.c.Committed(w)
		f.events = append(f.events, w.Events...)
		commands := map[string][]engine.AgentCommand{}
		for agent, cmds := range w.Items {
			for _, cmd := range cmds {
				if at, ok := cmd.(*engine.AttachItem); ok {
					v, err := f.Verify(at.Document, f.c.Manifest(at.Document), 0)
					at.Verdict = &engine.Verdict{Signer: v.Signer}
					if err != nil {
						at.Verdict.Problem = order.ProblemOf(err)
					}
				}
				commands[agent] = append(commands[agent], cmd)
			}
		}
		for _, t := range append(w.Touched, w.All...) {
			if t.Order == nil {
				continue
			}
			agent := t.Order.Attachment.Agent
			switch engine.ToDoFor(t.Order) {
			case engine.AttachIt:
				commands[agent] = append(commands[agent], &engine.AttachOrder{Order: t.Order})
			case engine.DetachIt:
				commands[agent] = append(commands[agent], &engine.DetachOrder{OrderID: t.ID})
			case engine.MarkIt:
				commands[agent] = append(commands[agent], &engine.MarkOrder{OrderID: t.ID, Mark: *t.Order.Mark})
			}
		}
		for _, path := range f.c.AgentPaths() {
			f.agent(path)
		}
		if len(w.Events) == 0 && len(commands) == 0 {
			break
		}
		names := make([]string, 0, len(commands))
		for name := range commands {
			names = append(names, name)
		}
		sort.Strings(names)
		for _, name := range names {
			f.send(name, commands[name])
		}
	}
	close(f.grown)
	f.grown = make(chan struct{})
}

// agent returns the Agent, which is started when it is needed first.
func (f *fake) agent(name string) *fakeAgent {
	if a, ok := f.agents[name]; ok {
		return a
	}
	a := &fakeAgent{a: engine.NewAgent(engine.Config{
		Agent: name, Verifier: f, Env: func(string) (string, bool) { return "", false },
		Job: engine.JobConfig{ScriptsAllowed: true, ProcessLimit: 1000, TaskDir: "/tasks", ExecutablesDir: "/bin"},
	})}
	f.agents[name] = a
	f.must(a.a.Lead("log-"+name, func(string) bool { return false }, f.now()))
	f.take(name, a)
	f.must(f.c.AgentDedicated(name, "log-"+name, f.now()))
	f.must(f.c.AgentCoupled(name, f.now()))
	return a
}

func (f *fake) send(name string, cmds []engine.AgentCommand) {
	a := f.agent(name)
	a.sequence++
	_, err := a.a.Batch(&engine.AgentBatch{ControllerID: f.id, LogID: "log-" + name, Term: 1, Sequence: a.sequence, Commands: cmds}, f.now())
	f.must(err)
	f.take(name, a)
}

// take carries out what an Agent has decided and tells the Controller.
func (f *fake) take(name string, a *fakeAgent) {
	for {
		w := a.a.Take()
		a.a.Committed(w)
		if len(w.Events) == 0 && len(w.Launches) == 0 {
			return
		}
		if f.c.AgentPaths() != nil {
			if _, known := f.c.Agent(name); known {
				f.must(f.c.AgentEvents(name, "log-"+name, w.Events, f.now()))
			}
		}
		for _, l := range w.Launches {
			f.launch(name, a, l)
		}
	}
}

func (f *fake) launch(name string, a *fakeAgent, l *engine.Launch) {
	log := newFakeLog(f.micros / 1000)
	f.logs[name+"/"+l.Task] = log
	rc, held := play(l.Script, log, func() int64 { return f.now() / 1000 })
	if held {
		f.held[l.OrderID] = l
		return
	}
	f.end(name, a, l, rc)
}

// play carries out a script.
func play(script string, log *fakeLog, now func() int64) (rc int64, held bool) {
	for line := range strings.Lines(script) {
		word, rest, _ := strings.Cut(strings.TrimSpace(line), " ")
		switch word {
		case "out":
			log.add(byte(joblog.Stdout), now(), rest+"\n")
		case "err":
			log.add(byte(joblog.Stderr), now(), rest+"\n")
		case "rc":
			_, _ = fmt.Sscan(rest, &rc)
		case "hold":
			return rc, true
		}
	}
	log.end()
	return rc, false
}

func (f *fake) end(_ string, a *fakeAgent, l *engine.Launch, rc int64) {
	out := &order.Outcome{Kind: order.Succeeded, Values: value.Map{"returnCode": value.NewInt(rc)}}
	if rc != 0 {
		out.Kind = order.Fails
	}
	f.must(a.a.ProcessEnded(l.OrderID, l.Task, out, f.now()))
}

// release lets a held job write a line and end.
func (f *fake) release(id order.ID, text string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	l := f.held[id]
	delete(f.held, id)
	for name, a := range f.agents {
		if a.a.Order(id) == nil {
			continue
		}
		log := f.logs[name+"/"+l.Task]
		log.add(byte(joblog.Stdout), f.now()/1000, text+"\n")
		log.end()
		f.end(name, a, l, 0)
		f.take(name, a)
	}
	f.pump()
}

func (f *fake) isHeld(id order.ID) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.held[id] != nil
}

// do calls g under the lock, unless the fake is down.
func (f *fake) do(g func() error) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.down != nil {
		return f.down
	}
	return g()
}

func (f *fake) setDown(err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.down = err
	close(f.grown)
	f.grown = make(chan struct{})
}

func (f *fake) setFull() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.full = true
}

// Command implements Controller. It goes through the JSON form, as on the wire.
func (f *fake) Command(_ context.Context, cmd engine.Command) (reply json.RawMessage, err error) {
	text := codec.JSON(nil, &cmd)
	err = f.do(func() error {
		var read engine.Command
		if read, err = engine.ReadCommand(text, limits); err != nil {
			return err
		}
		r, err := f.c.Submit(read, f.now())
		if err != nil {
			return err
		}
		reply = json.RawMessage(r)
		if release, ok := read.Body.(*engine.ReleaseEvents); ok {
			f.confirm = append(f.confirm, release.Until)
			if !slices.Contains(f.readers, release.Reader) {
				f.readers = append(f.readers, release.Reader)
			}
		}
		f.pump()
		return nil
	})
	return reply, err
}

// UpdateItems implements Controller.
func (f *fake) UpdateItems(_ context.Context, u ItemUpdate) error {
	return f.do(func() error {
		update := &engine.UpdateItems{Remove: u.Remove}
		var manifest *engine.Document
		if u.Release != nil {
			evidence, err := json.Marshal(u.Release.Evidence)
			if err != nil {
				return err
			}
			manifest = &engine.Document{Text: u.Release.String, Evidence: string(evidence)}
			v, err := f.Verify(*manifest, nil, 0)
			if err != nil {
				return err
			}
			m, err := release.Parse([]byte(v.Text))
			if err != nil {
				return err
			}
			update.Release = &engine.NewRelease{Document: *manifest, Signer: v.Signer, Manifest: m}
		}
		for _, d := range u.Add {
			doc := engine.Document{Text: d.String, Evidence: string(d.Evidence)}
			v, err := f.Verify(doc, manifest, 0)
			if err != nil {
				return err
			}
			it, err := item.Parse([]byte(v.Text))
			if err != nil {
				return err
			}
			n := engine.NewItem{Document: doc, Signer: v.Signer, Item: it, Ref: engine.ItemRef{Kind: it.Key().Kind, Path: it.Key().Path}}
			if w, ok := it.(item.Workflow); ok {
				n.Ref.VersionID = w.ID.VersionID
			}
			update.Add = append(update.Add, n)
		}
		if _, err := f.c.Submit(engine.Command{ID: u.CommandID, By: u.By, Body: update}, f.now()); err != nil {
			return err
		}
		f.pump()
		return nil
	})
}

// NextRelease implements Controller.
func (f *fake) NextRelease(context.Context) (next NextRelease, err error) {
	return next, f.do(func() error {
		next = NextRelease{Installation: f.installation, SecurityLevel: "low", Serial: f.c.ReleaseSerial()}
		return nil
	})
}

// Events implements Controller.
func (f *fake) Events(ctx context.Context, after int64) (Events, error) {
	var s *fakeEvents
	err := f.do(func() error {
		if after < f.torn && after != 0 {
			return fault.New(fault.NotFound, "EventSeqTorn", "events after %d are not kept any more", after)
		}
		f.streams++
		ctx, cancel := context.WithCancel(ctx)
		s = &fakeEvents{f: f, after: after, ctx: ctx, cancel: cancel}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return s, nil
}

type fakeEvents struct {
	f      *fake
	after  int64
	ctx    context.Context
	cancel context.CancelFunc
}

func (s *fakeEvents) Next() ([]engine.Stamped, error) {
	for {
		var batch []engine.Stamped
		var grown chan struct{}
		err := s.f.do(func() error {
			grown = s.f.grown
			behind := max(s.after, s.f.torn)
			from := sort.Search(len(s.f.events), func(i int) bool { return s.f.events[i].ID > behind })
			batch = append(batch, s.f.events[from:min(len(s.f.events), from+7)]...)
			return nil
		})
		if err != nil {
			return nil, err
		}
		if len(batch) > 0 {
			s.after = batch[len(batch)-1].ID
			// As on the wire: the follower must not share values with the machine.
			return engine.ReadEvents(engine.AppendEvents(nil, batch))
		}
		select {
		case <-grown:
		case <-s.ctx.Done():
			return nil, s.ctx.Err()
		}
	}
}

func (s *fakeEvents) Close() error {
	s.cancel()
	return nil
}

// EventLines implements Controller.
func (f *fake) EventLines(ctx context.Context, after int64, follow bool) (io.ReadCloser, error) {
	events, err := f.Events(ctx, after)
	if err != nil {
		return nil, err
	}
	f.mu.Lock()
	last := f.c.LastEventID()
	f.mu.Unlock()
	r, w := io.Pipe()
	go func() {
		for at := after; follow || at < last; {
			batch, err := events.Next()
			if err != nil {
				_ = w.CloseWithError(err)
				return
			}
			for i := range batch {
				at = batch[i].ID
				if _, err := w.Write(append(batch[i].AppendJSON(nil), '\n')); err != nil {
					return
				}
			}
		}
		_ = w.Close()
	}()
	return r, nil
}

// Orders implements Controller.
func (f *fake) Orders(_ context.Context, q OrderQuery) (all []json.RawMessage, err error) {
	err = f.do(func() error {
		for _, o := range f.c.OrdersAfter(order.ID(q.After), q.Limit, func(o *order.Order) bool {
			return (q.Workflow == "" || o.Workflow.Path == q.Workflow) && (q.State == "" || string(o.State.Kind) == q.State)
		}) {
			all = append(all, codec.JSON(nil, &engine.OrderView{Order: o, Obstacles: f.c.Obstacles(o)}))
		}
		return nil
	})
	return all, err
}

// Order implements Controller.
func (f *fake) Order(_ context.Context, id string) (out json.RawMessage, err error) {
	err = f.do(func() error {
		o := f.c.Order(order.ID(id))
		if o == nil {
			return fault.New(fault.NotFound, "UnknownOrder", "there is no order %s at the Controller", id)
		}
		out = codec.JSON(nil, &engine.OrderView{Order: o, Obstacles: f.c.Obstacles(o)})
		return nil
	})
	return out, err
}

func (f *fake) workflowInfo(it *engine.Item) WorkflowInfo {
	w := WorkflowInfo{Path: it.Ref.Path, VersionID: it.Ref.VersionID, Signer: it.Signer, Orders: f.c.OrdersOf(workflow.ID{Path: it.Ref.Path, VersionID: it.Ref.VersionID})}
	if p := f.c.Control(it.Ref.Path); p != nil {
		w.Suspended, w.Skip = p.Suspended, p.Skip
	}
	return w
}

// Workflows implements Controller.
func (f *fake) Workflows(_ context.Context, after string, limit int) (all []WorkflowInfo, err error) {
	err = f.do(func() error {
		if limit == 0 {
			f.lists++
		}
		for _, it := range f.c.WorkflowsAfter(after, limit) {
			all = append(all, f.workflowInfo(it))
		}
		return nil
	})
	return all, err
}

// Workflow implements Controller.
func (f *fake) Workflow(_ context.Context, path, version string) (w WorkflowInfo, err error) {
	err = f.do(func() error {
		var versions []string
		found := false
		for _, it := range f.c.VersionsOf(path) {
			versions = append(versions, it.Ref.VersionID)
			if version == it.Ref.VersionID || version == "" && f.c.IsHead(it) {
				w, found = f.workflowInfo(it), true
				w.Document = it.Document.Text
				for _, p := range f.c.Breakpoints(workflow.ID{Path: path, VersionID: it.Ref.VersionID}) {
					w.Breakpoints = append(w.Breakpoints, p.AppendJSON(nil))
				}
			}
		}
		if !found {
			return fault.New(fault.NotFound, "UnknownKey", "there is no workflow %s", path)
		}
		w.Versions = versions
		return nil
	})
	return w, err
}

// Items implements Controller.
func (f *fake) Items(_ context.Context, after item.Key, limit int) (all []ItemInfo, err error) {
	err = f.do(func() error {
		for _, it := range f.c.ItemsAfter(after, limit) {
			all = append(all, ItemInfo{
				Kind: string(it.Ref.Kind), Path: it.Ref.Path, VersionID: it.Ref.VersionID, Revision: it.Ref.Revision, Signer: it.Signer,
				Newest: f.c.IsHead(it), Removed: it.Removed,
			})
		}
		return nil
	})
	return all, err
}

// Item implements Controller.
func (f *fake) Item(_ context.Context, key item.Key) (i ItemInfo, err error) {
	err = f.do(func() error {
		it, ok := f.c.Newest(key)
		if !ok {
			return fault.New(fault.NotFound, "UnknownKey", "%s is not deployed", key)
		}
		i = ItemInfo{
			Kind: string(it.Ref.Kind), Path: it.Ref.Path, VersionID: it.Ref.VersionID, Revision: it.Ref.Revision, Signer: it.Signer, Newest: true,
			Document: it.Document.Text, Added: it.Added,
		}
		return nil
	})
	return i, err
}

// Agents implements Controller.
func (f *fake) Agents(context.Context) (all []AgentInfo, err error) {
	err = f.do(func() error {
		f.looks++
		for _, path := range f.c.AgentPaths() {
			a := AgentInfo{Path: path}
			if ref, err := f.c.AgentItem(path); err == nil {
				a.URI, a.Disabled = ref.URI, ref.Disabled
				if ref.ProcessLimit != item.NoLimit {
					a.ProcessLimit = &ref.ProcessLimit
				}
			}
			if s, ok := f.c.Agent(path); ok {
				a.Coupled = s.Coupled
			}
			if f.report != nil {
				a.Report, a.Heard = f.report, 5
			}
			a.Orders, a.Running = f.c.AgentLoad(path)
			all = append(all, a)
		}
		return nil
	})
	return all, err
}

// Status implements Controller.
func (f *fake) Status(context.Context) (s Status, err error) {
	err = f.do(func() error {
		s = Status{
			ControllerID: f.id, Name: f.id + "-1", Leader: f.id + "-1", Term: 1, LastEventID: f.c.LastEventID(), OutOfSpace: f.full,
			Members: []MemberInfo{{Name: f.id + "-1", Role: "leader", URL: "https://localhost:4444"}},
		}
		return nil
	})
	return s, err
}

func (f *fake) setReport(r *part.Report) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.report = r
}

// Reports implements Controller.
func (f *fake) Members() []string { return []string{"c"} }

// Certificate implements Controller.
func (f *fake) Certificate(_ context.Context, p PartName) (transport.Shown, error) {
	c := f.part(p)
	if c == nil {
		return transport.Shown{}, fault.New(fault.Unavailable, "CannotConnect", "it is away")
	}
	return c.Shown(), nil
}

// RequestCertificate implements Controller.
func (f *fake) RequestCertificate(_ context.Context, p PartName) (transport.CertificateRequest, error) {
	return f.part(p).Request()
}

// InstallCertificate implements Controller.
func (f *fake) InstallCertificate(_ context.Context, p PartName, n transport.NewCertificate) error {
	return f.part(p).Install(n)
}

// part returns the credentials of a part; nil: it can't be reached.
func (f *fake) part(p PartName) *transport.Credentials {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.parts[p]
}

// Deliver implements Controller: it takes everything in.
func (f *fake) Deliver(_ context.Context, _ string, d bulletin.Delivery) (bulletin.Receipt, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.notices = append(f.notices, d.Notices...)
	if f.receipt != nil {
		return f.receipt(d)
	}
	return bulletin.Receipt{}, nil
}

func (f *fake) Reports(context.Context) map[string]part.Report {
	all := map[string]part.Report{}
	_ = f.do(func() error {
		if f.report != nil {
			all[f.id+"-1"] = *f.report
		}
		return nil
	})
	return all
}

// Activity implements Controller.
func (f *fake) Activity(_ context.Context, agent string) (a Activity, err error) {
	err = f.do(func() error {
		x, ok := f.agents[agent]
		if !ok {
			return fault.New(fault.NotFound, "UnknownKey", "there is no Agent %s", agent)
		}
		running, waiting := x.a.Load(10)
		a = Activity{ProcessLimit: 5, LimitReason: "the fake's", RunningCount: x.a.Running(), WaitingCount: x.a.Waiting()}
		if f.report != nil {
			a.Report = *f.report
		}
		for _, s := range running {
			a.Running = append(a.Running, StepInfo{OrderID: string(s.Order), Workflow: s.Workflow.Path, Label: s.Label, Job: s.Job, Task: s.Task, PID: 17, Since: 1})
		}
		for _, s := range waiting {
			a.Waiting = append(a.Waiting, StepInfo{OrderID: string(s.Order), Workflow: s.Workflow.Path, Label: s.Label, Job: s.Job, Place: s.Place, JobFull: s.JobFull})
		}
		return nil
	})
	return a, err
}

// PartLog implements Controller.
func (f *fake) PartLog(_ context.Context, p PartName, after int64, limit int) (l part.Lines, err error) {
	err = f.do(func() error {
		if p.Agent == "" && p.Member != f.id+"-1" {
			return unknownMember(p.Member)
		}
		l = part.Lines{Lines: []part.Line{{ID: after + 1, Time: 1, Level: "info", Text: fmt.Sprintf("%s%s says %d", p.Agent, p.Member, limit)}}}
		return nil
	})
	return l, err
}

// TaskLog implements Controller.
func (f *fake) TaskLog(ctx context.Context, agent, task string, offset int64, follow bool) (r io.ReadCloser, err error) {
	err = f.do(func() error {
		log, ok := f.logs[agent+"/"+task]
		switch {
		case f.noLogs != nil:
			return f.noLogs
		case !ok:
			return fault.New(fault.NotFound, "UnknownTaskLog", "there is no such log")
		}
		r = log.open(ctx, offset, follow)
		return nil
	})
	return r, err
}

// TaskLogs implements Controller.
func (f *fake) TaskLogs(_ context.Context, agent string, tasks []string) ([][]byte, error) {
	logs := make([][]byte, len(tasks))
	err := f.do(func() error {
		for i, task := range tasks {
			if log := f.logs[agent+"/"+task]; log != nil && f.noLogs == nil {
				logs[i] = log.bytes()
			}
		}
		return nil
	})
	return logs, err
}

// Close implements Controller.
func (f *fake) Close() error { return nil }

// Backup implements Controller.
func (f *fake) Backup(_ context.Context, after int64) (io.ReadCloser, error) {
	var b bytes.Buffer
	err := f.do(func() error {
		s := backup.NewSender(&b)
		for _, p := range []backup.Part{{Kind: backup.ControllerPart, Name: f.id}, {Kind: backup.AgentPart, Name: "A", Controller: f.id}} {
			if err := s.Send(p, func(w io.Writer) error {
				_, err := fmt.Fprintf(w, "after %d of %d", after, f.c.LastEventID())
				return err
			}); err != nil {
				return err
			}
		}
		return s.End([]backup.Missing{{Kind: backup.AgentPart, Name: "B", Controller: f.id, Reason: "away"}})
	})
	return io.NopCloser(&b), err
}

// fakeLog is a task's log in the format of the Agent's file.
type fakeLog struct {
	mu      sync.Mutex
	created int64
	data    []byte
	ended   bool
	grown   chan struct{}
}

func newFakeLog(created int64) *fakeLog {
	l := &fakeLog{created: created, grown: make(chan struct{})}
	l.data = append(l.data, logMagic...)
	l.data = binary.LittleEndian.AppendUint32(l.data, logFormat)
	l.data = binary.LittleEndian.AppendUint64(l.data, uint64(created))
	l.data = binary.LittleEndian.AppendUint32(l.data, crc32.Checksum(l.data, crc32.MakeTable(crc32.Castagnoli)))
	return l
}

func (l *fakeLog) add(kind byte, at int64, text string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	start := len(l.data)
	l.data = append(l.data, kind)
	l.data = binary.AppendUvarint(l.data, uint64(max(0, at-l.created)))
	l.data = binary.AppendUvarint(l.data, uint64(len(text)))
	l.data = append(l.data, text...)
	l.data = binary.LittleEndian.AppendUint32(l.data, crc32.Checksum(l.data[start:], crc32.MakeTable(crc32.Castagnoli)))
	close(l.grown)
	l.grown = make(chan struct{})
}

func (l *fakeLog) end() {
	l.add(kindEnd, l.created, "\x00\x00\x00\x00")
	l.mu.Lock()
	defer l.mu.Unlock()
	l.ended = true
	close(l.grown)
	l.grown = make(chan struct{})
}

func (l *fakeLog) open(ctx context.Context, offset int64, follow bool) io.ReadCloser {
	ctx, cancel := context.WithCancel(ctx)
	return &fakeLogReader{l: l, at: int(offset), follow: follow, ctx: ctx, cancel: cancel}
}

type fakeLogReader struct {
	l      *fakeLog
	at     int
	follow bool
	ctx    context.Context
	cancel context.CancelFunc
}

func (r *fakeLogReader) Read(p []byte) (int, error) {
	for {
		r.l.mu.Lock()
		grown, ended := r.l.grown, r.l.ended
		n := copy(p, r.l.data[min(r.at, len(r.l.data)):])
		r.l.mu.Unlock()
		if r.at += n; n > 0 {
			return n, nil
		}
		if ended || !r.follow {
			return 0, io.EOF
		}
		select {
		case <-grown:
		case <-r.ctx.Done():
			return 0, r.ctx.Err()
		}
	}
}

func (r *fakeLogReader) Close() error {
	r.cancel()
	return nil
}

// text returns what a log holds, for comparison.
func (l *fakeLog) bytes() []byte {
	l.mu.Lock()
	defer l.mu.Unlock()
	return bytes.Clone(l.data)
}
