package oracle

import (
	"bytes"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/signet-scheduler/signet/internal/fault"
	"github.com/signet-scheduler/signet/internal/order"
)

// Process is a process as the world saw it.
type Process struct {
	Agent    string
	Order    string
	Position string // as workflow.Position.String: "0/try+0:1"; may have "PATH~VERSION:" in front; "": not known
	Try      int64  // of the nearest Try, from 1; 0: not known, or there is none
	Task     string // the task's id; "": not known
	PID      int64  // or anything that tells two processes apart; 0: not known
	At       int64  // milliseconds since the epoch; 0: not known
}

// Effects takes what processes did and holds it against the committed starts.
type Effects struct {
	s       *Stream
	tasks   map[string]map[string]*start // by Agent and task: of the Agents' streams, or of the Controller's
	doubts  map[agentSigner][]interval
	traces  map[trace][]Process // of processes whose task isn't known
	unknown []Process           // started, and no start is known yet
	own     []*start            // of the Agents' own streams: some may never come over
}

type agentSigner struct{ agent, signer string }

// trace names a step as a process knows it: its position may have the workflow
// in front.
type trace struct {
	order, position string
	try             int64
}

// interval is a time, in milliseconds, in which a signer wasn't trusted; until
// 0: it lasts.
type interval struct{ from, until int64 }

// NewEffects returns the part that watches processes. It must be made before
// the first event comes.
func NewEffects(s *Stream) *Effects {
	e := &Effects{s: s, tasks: map[string]map[string]*start{}, doubts: map[agentSigner][]interval{}, traces: map[trace][]Process{}}
	s.effects = e
	return e
}

// committed takes a start of a stream.
func (x *Effects) committed(b *book, st *start) {
	if b.agent == "" && x.s.logs[st.agent] != nil {
		return // the Agent's own stream has told it before
	}
	if x.tasks[st.agent] == nil {
		x.tasks[st.agent] = map[string]*start{}
	}
	if b.agent != "" {
		x.own = append(x.own, st)
	}
	if _, twice := x.tasks[st.agent][st.task]; !twice {
		x.tasks[st.agent][st.task] = st
	}
	x.trusted(st)
}

// begins forgets the tasks of an Agent's log that is gone: a new one may give
// the same ids again. It may begin at an earlier time, too, if the clock was set
// back, so doubts that are over say nothing about it.
func (x *Effects) begins(agent string) {
	delete(x.tasks, agent)
	for key, list := range x.doubts {
		if key.agent == agent {
			x.doubts[key] = slices.DeleteFunc(list, func(d interval) bool { return d.until != 0 })
		}
	}
}

// Started takes a process that really started. Where the Agent's own stream is
// fed, its start must have been committed there before; else that is looked at
// in End.
func (x *Effects) Started(p Process) error {
	n := len(x.s.found.all)
	switch {
	case p.Task == "":
		key := trace{p.Order, p.Position, max(1, p.Try)}
		x.traces[key] = append(x.traces[key], p)
	case x.tasks[p.Agent][p.Task] != nil:
		x.ran(x.tasks[p.Agent][p.Task], p)
	case x.s.logs[p.Agent] != nil:
		x.unstarted(p)
	default:
		x.unknown = append(x.unknown, p)
	}
	return x.s.found.since(n)
}

// ran notes that a start led to a process.
func (x *Effects) ran(st *start, p Process) {
	st.ran++
	if st.order != p.Order && p.Order != "" {
		x.tell(EffectUnstarted, st, p, text("the task %s is of the order %s, and its process says %s", st.task, st.order, p.Order))
	}
	if st.ran > 1 {
		x.tell(EffectTwice, st, p, text("the task %s of the step at %s, try %d, ran %d processes", st.task, st.position, st.try, st.ran))
	}
	if st.ended != 0 && st.ran == 1 {
		x.tell(EffectUnstarted, st, p, text("the process of the task %s started after its end was recorded", st.task))
	}
	x.trusted(st)
}

// Ended takes a process that really ended.
func (x *Effects) Ended(p Process) error {
	n := len(x.s.found.all)
	if st := x.tasks[p.Agent][p.Task]; st != nil && st.ran == 0 {
		x.tell(EffectUnstarted, st, p, text("a process of the task %s ended that never started", st.task))
	}
	return x.s.found.since(n)
}

// Line takes a line of a side-effect file: "start" or "end", order, position,
// try, Agent, process id and milliseconds, separated by tabs, as a job writes it
// with the values of $js7OrderId, $js7WorkflowPosition and $js7TryCount.
// Fields at the end may be missing. A last line that is torn is for the caller
// to leave out.
func (x *Effects) Line(line []byte) error {
	fields := strings.Split(string(bytes.TrimRight(line, "\r\n")), "\t")
	if len(fields) < 4 || len(fields) > 7 || fields[0] != "start" && fields[0] != "end" || fields[1] == "" {
		return x.s.unreadable("the side-effect file", line, fault.New(fault.Invalid, "InvalidLine", "want start or end, order, position, try, Agent, process id, milliseconds"))
	}
	p := Process{Order: fields[1], Position: fields[2]}
	numbers := []*int64{3: &p.Try, 5: &p.PID, 6: &p.At}
	for i, f := range fields[3:] {
		if i == 1 {
			p.Agent = f
			continue
		}
		n, err := strconv.ParseInt(f, 10, 64)
		if err != nil && f != "" {
			return x.s.unreadable("the side-effect file", line, err)
		}
		*numbers[i+3] = n
	}
	if fields[0] == "end" {
		return x.Ended(p)
	}
	return x.Started(p)
}

// Distrust tells that from this moment on (milliseconds since the epoch) an
// Agent doesn't trust a signer, named as in the events.
func (x *Effects) Distrust(agent, signer string, at int64) {
	key := agentSigner{agent, signer}
	x.Trust(agent, signer, at)
	x.doubts[key] = append(x.doubts[key], interval{from: at})
}

// Trust tells that from this moment on an Agent trusts a signer again.
func (x *Effects) Trust(agent, signer string, at int64) {
	list := x.doubts[agentSigner{agent, signer}]
	if n := len(list); n > 0 && list[n-1].until == 0 {
		list[n-1].until = at
	}
}

// trusted makes sure that a start was decided while its signer was trusted.
// Within the very millisecond of a change both are right.
func (x *Effects) trusted(st *start) {
	if st.untrusted || st.document == nil {
		return
	}
	for _, d := range x.doubts[agentSigner{st.agent, st.document.signer}] {
		if st.at > d.from && (d.until == 0 || st.at < d.until) {
			st.untrusted = true
			x.s.wrong(&Finding{
				Invariant: 4, Rule: EffectUntrusted, Order: st.order, Agent: st.agent, Events: []int64{st.id},
				Text:  text("the step at %s started %d ms after the Agent had ceased to trust %s, who signed %s", st.position, st.at-d.from, st.document.signer, st.workflow),
				Story: x.s.Story(st.order),
			})
		}
	}
}

func (x *Effects) tell(r Rule, st *start, p Process, why string) {
	x.s.wrong(&Finding{Invariant: 4, Rule: r, Order: st.order, Agent: st.agent, Events: []int64{st.id}, Text: why + pidText(p), Story: x.s.Story(st.order)})
}

func (x *Effects) unstarted(p Process) {
	x.s.wrong(&Finding{
		Invariant: 4, Rule: EffectUnstarted, Order: p.Order, Agent: p.Agent,
		Text: text("a process of the task %q at %s, try %d, started, and no start of it was committed", p.Task, p.Position, p.Try) + pidText(p), Story: x.s.Story(p.Order),
	})
}

func pidText(p Process) string {
	if p.PID == 0 {
		return ""
	}
	return text(" (process %d)", p.PID)
}

// end holds what is left against the stream, when all is at rest. With complete
// set, every process leaves a trace.
func (x *Effects) end(complete bool) {
	for _, p := range x.unknown {
		if st := x.tasks[p.Agent][p.Task]; st != nil {
			st.ran++
			if st.ran > 1 {
				x.tell(EffectTwice, st, p, text("the task %s ran %d processes", st.task, st.ran))
			}
		} else {
			x.unstarted(p)
		}
	}
	x.unknown = nil
	x.endTraces(complete)
	for _, agent := range slices.Sorted(maps.Keys(x.tasks)) {
		for _, task := range slices.Sorted(maps.Keys(x.tasks[agent])) {
			x.trusted(x.tasks[agent][task])
		}
	}
}

// endTraces compares the traces of each step with its starts.
func (x *Effects) endTraces(complete bool) {
	if len(x.traces) == 0 && !complete {
		return
	}
	starts, steps := map[trace][]*start{}, []trace{}
	for _, st := range x.allStarts() {
		key := trace{st.order, st.position.String(), max(1, st.try)}
		if starts[key] == nil {
			steps = append(steps, key)
		}
		starts[key] = append(starts[key], st)
		long := trace{key.order, st.workflow.String() + ":" + key.position, key.try}
		x.traces[key] = append(x.traces[key], x.traces[long]...)
		delete(x.traces, long)
	}
	for _, key := range steps {
		x.compare(key, starts[key], x.traces[key], complete)
		delete(x.traces, key)
	}
	for _, list := range x.traces {
		x.unstarted(list[0])
	}
}

// allStarts returns the starts of the Controller's stream, and those of the
// Agents' that never came over: an Agent that loses its disk takes them along.
func (x *Effects) allStarts() []*start {
	type task struct{ agent, task, order string }
	over := make(map[task]bool, len(x.s.history))
	for _, st := range x.s.history {
		over[task{st.agent, st.task, st.order}] = true
	}
	all := slices.Clone(x.s.history)
	for _, st := range x.own {
		if !over[task{st.agent, st.task, st.order}] {
			all = append(all, st)
		}
	}
	return all
}

func (x *Effects) compare(key trace, starts []*start, traces []Process, complete bool) {
	last, need := starts[len(starts)-1], 0
	for _, st := range starts {
		if st.surelyRan() {
			need++
		}
	}
	switch {
	case len(traces) > len(starts):
		x.tell(EffectTwice, last, traces[len(traces)-1], text("the step at %s, try %d, ran %d processes, and %d starts were committed", key.position, key.try, len(traces), len(starts)))
	case complete && len(traces) < need:
		x.tell(EffectMissing, last, Process{}, text("%d processes of the step at %s, try %d, have come to their end, and %d left a trace", need, key.position, key.try, len(traces)))
	}
}

// surelyRan tells whether the recorded end can come only from a process that
// came to its own end.
func (st *start) surelyRan() bool {
	if st.outcome == nil || st.outcome.Kind != order.Succeeded && st.outcome.Kind != order.Fails {
		return false
	}
	_, ok := st.outcome.Values["returnCode"]
	return ok
}
