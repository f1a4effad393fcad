package oracle

import (
	"fmt"
	"hash/maphash"
	"maps"
	"slices"

	"github.com/signet-scheduler/signet/internal/engine"
	"github.com/signet-scheduler/signet/internal/workflow"
)

// Options says what to expect of a stream.
type Options struct {
	// Late is set when the stream may begin later than the log: what was there
	// before is left out.
	Late bool
}

// Stream takes a Controller's events in their order, and those of Agents, and
// tells what is wrong with them. It is owned by one goroutine, as is
// everything made from it.
type Stream struct {
	found findings
	late  bool
	seed  maphash.Seed
	log   *book            // the Controller's
	logs  map[string]*book // the Agents'

	documents map[workflow.ID]*document
	adoption  adoption
	commands  commandLog
	items     items
	term      int64
	added     map[string]int // how often each order was added
	dying     map[*life]bool // orders that have ended and must be deleted in the same transaction
	effects   *Effects
	history   []*start // every start in the Controller's stream, in order; nil without keepHistory
	keepRows  bool
}

// NewStream returns an oracle that has seen nothing.
func NewStream(o Options) *Stream {
	s := &Stream{
		late: o.Late, seed: maphash.MakeSeed(), logs: map[string]*book{}, documents: map[workflow.ID]*document{},
		added: map[string]int{}, dying: map[*life]bool{}, keepRows: true,
	}
	s.log = newBook(s, "")
	s.commands = commandLog{ids: map[string]int64{}}
	s.items = newItems()
	s.adoption.expected, s.adoption.logs = map[agentLog][]news{}, map[string]string{}
	s.adoption.over, s.adoption.observed = map[agentLog]bool{}, map[string]int64{}
	return s
}

// Event takes the Controller's next event. The error is the first new
// *Finding, or nil. The event must not be changed afterwards: the story keeps it.
func (s *Stream) Event(e *engine.Stamped) error {
	n := len(s.found.all)
	s.log.enter(e)
	s.adoptionBegins(e)
	if !s.log.orderEvent(e) {
		s.otherEvent(e)
	}
	s.commandEvent(e)
	return s.found.since(n)
}

// AgentEvent takes the next event of an Agent's own stream. It must come before
// the Controller's events that take it over. An Agent that has lost its disk
// begins a new stream by itself, with AgentInitialized.
func (s *Stream) AgentEvent(agent string, e *engine.Stamped) error {
	n := len(s.found.all)
	b := s.logs[agent]
	init, begins := e.Event.(*engine.AgentInitialized)
	if begins && b != nil && b.count > 0 { // it has lost its disk
		if s.effects != nil {
			s.effects.begins(agent)
		}
		b = nil
	}
	if b == nil {
		b = newBook(s, agent)
		s.logs[agent] = b
	}
	if begins {
		b.logID = init.LogID
		s.adoption.expected[agentLog{agent, b.logID}] = nil // from now on it is known what must come over
	}
	b.enter(e)
	s.expect(agent, e, b)
	if !b.orderEvent(e) {
		s.agentsEvent(b, e)
	}
	return s.found.since(n)
}

// Last returns the id of the Controller's newest event, 0 before the first.
func (s *Stream) Last() int64 { return s.log.last }

// Count returns how many of the Controller's events came.
func (s *Stream) Count() int { return s.log.count }

// Findings returns everything that was found so far, at most 1000.
func (s *Stream) Findings() []*Finding { return s.found.all }

// Err returns the first finding as an error, or nil.
func (s *Stream) Err() error { return s.found.since(0) }

// Running returns how many processes run, as the Controller's stream tells.
func (s *Stream) Running() int {
	n := 0
	for _, k := range s.log.running {
		n += k
	}
	return n
}

// Orders returns the ids of the orders that are there, sorted.
func (s *Stream) Orders() []string { return slices.Sorted(maps.Keys(s.log.orders)) }

// State returns the state of an order as "signet order show" names it, "" if
// there is no such order.
func (s *Stream) State(id string) string {
	if l := s.log.orders[id]; l != nil {
		return l.state.String()
	}
	return ""
}

// Story returns the last events of an order, at most 20, one a line.
func (s *Stream) Story(id string) []string {
	if l := s.log.orders[id]; l != nil {
		return s.log.story(l.told)
	}
	return nil
}

// document is a version of a workflow as it was signed.
type document struct {
	id     workflow.ID
	text   string
	signer string
	orders int // that the Controller has of it

	parsed   bool
	workflow *workflow.Workflow
}

// parse returns the workflow; nil: it isn't known, or can't be read. d may be nil.
func (d *document) parse() *workflow.Workflow {
	if d == nil {
		return nil
	}
	if !d.parsed {
		d.parsed = true
		if w, err := workflow.Parse([]byte(d.text)); err == nil {
			d.workflow = w
		}
	}
	return d.workflow
}

// jobOf names a job of one version.
type jobOf struct {
	document *document
	key      string
}

// document returns the document of a version as it came, and notes it.
func (s *Stream) document(id workflow.ID, d engine.Document, signer string) *document {
	doc := s.documents[id]
	if doc == nil || doc.text != d.Text {
		doc = &document{id: id, text: d.Text}
		s.documents[id] = doc
	}
	doc.signer = signer
	return doc
}

func (s *Stream) wrong(f *Finding) { s.found.add(f) }

func text(format string, args ...any) string { return fmt.Sprintf(format, args...) }
