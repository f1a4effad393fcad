package oracle

import "github.com/signet-scheduler/signet/internal/engine"

// Options says what to expect of a stream.
type Options struct {
	// Late is set when the stream may begin later than the log: what was there
	// before is taken as it comes.
	Late bool
}

// Stream takes a Controller's events in their order and tells what is wrong
// with them. Owned by one goroutine, with everything made from it.
type Stream struct {
	findings findings
	last     int64
	count    int
}

// NewStream returns an oracle that has seen nothing.
func NewStream(o Options) *Stream { _ = o; return &Stream{} }

// Event takes the Controller's next event. The error is the first new
// *Finding, or nil. What e points to is not kept.
func (s *Stream) Event(e *engine.Stamped) error { s.last = e.ID; s.count++; return nil }

// Line takes the Controller's next event in its JSON form.
func (s *Stream) Line(line []byte) error { _ = line; return nil }

// AgentEvent takes the next event of an Agent's own stream. It may come before
// or after the Controller has taken it over.
func (s *Stream) AgentEvent(agent string, e *engine.Stamped) error { _, _ = agent, e; return nil }

// AgentLine takes the next event of an Agent's own stream in its JSON form.
func (s *Stream) AgentLine(agent string, line []byte) error { _, _ = agent, line; return nil }

// AgentWiped tells that the Agent lost its disk and begins a new stream; what
// the Controller hadn't observed of the old one is gone.
func (s *Stream) AgentWiped(agent string) { _ = agent }

// Last returns the id of the newest event, 0 before the first.
func (s *Stream) Last() int64 { return s.last }

// Count returns how many events came.
func (s *Stream) Count() int { return s.count }

// Findings returns everything that was found so far, at most 1000.
func (s *Stream) Findings() []*Finding { return s.findings.all }

// Err returns the first finding as an error, or nil.
func (s *Stream) Err() error { return s.findings.since(0) }

// Story returns the last events of an order, at most 20, one a line.
func (s *Stream) Story(order string) []string { _ = order; return nil }

// Running returns the tasks that run, as the stream tells, by Agent.
func (s *Stream) Running() int { return 0 }

// Reader is what somebody read of the Controller's stream, or of an Agent's.
type Reader struct{ s *Stream }

// Reader returns a reader that begins behind the event after; 0: at the very
// first event, -1: wherever it may be.
func (s *Stream) Reader(name string, after int64) *Reader { _, _ = name, after; return &Reader{s} }

// AgentReader returns a reader of an Agent's stream.
func (s *Stream) AgentReader(agent, name string, after int64) *Reader {
	_, _, _ = agent, name, after
	return &Reader{s}
}

// Event takes what the reader got next. It may be ahead of the stream.
func (r *Reader) Event(e *engine.Stamped) error { _ = e; return nil }

// Line takes what the reader got next, in its JSON form.
func (r *Reader) Line(line []byte) error { _ = line; return nil }

// Again tells that the reader begins once more behind an event that it has
// confirmed, or that it fell back to after a crash.
func (r *Reader) Again(after int64) { _ = after }

// Process is a process as the world saw it.
type Process struct {
	Agent    string
	Order    string
	Position string // as workflow.Position.String: "0/try+0:1"; may have "PATH~VERSION:" in front; "": not known
	Try      int64  // of the nearest Try, from 1; 0: not known, or no Try
	Task     string // the task's id; "": not known
	PID      int64  // or anything that tells two processes apart
	At       int64  // milliseconds since the epoch; 0: not known
}

// Effects takes what processes did.
type Effects struct{ s *Stream }

// NewEffects returns the part that watches processes.
func NewEffects(s *Stream) *Effects { return &Effects{s} }

// Started takes a process that really started. Where the Agent's own stream is
// fed, its start must have been committed there before.
func (e *Effects) Started(p Process) error { _ = p; return nil }

// Ended takes a process that really ended.
func (e *Effects) Ended(p Process) error { _ = p; return nil }

// Line takes a line of a side-effect file: "start" or "end", order, position,
// try, Agent, process id and milliseconds, separated by tabs, such as a job
// writes with the values of $js7OrderId, $js7WorkflowPosition and $js7TryCount.
// Trailing fields may be missing. A last line without its end (torn) is for the
// caller to leave out.
func (e *Effects) Line(line []byte) error { _ = line; return nil }

// Distrust tells that from this moment on (milliseconds since the epoch) an
// Agent doesn't trust a signer, named as in the events.
func (e *Effects) Distrust(agent, signer string, at int64) { _, _, _ = agent, signer, at }

// Trust tells that from this moment on an Agent trusts a signer again.
func (e *Effects) Trust(agent, signer string, at int64) { _, _, _ = agent, signer, at }

// Kind is what a client asked for.
type Kind uint8

// The kinds of calls that the model knows.
const (
	Other   Kind = iota // any other command: looked for in the stream only
	Add                 // AddOrders with this order
	Cancel              // CancelOrders, fresh or started
	Suspend             // SuspendOrders
	Resume              // ResumeOrders
	Read                // the order's state was read from a leader
)

// Call is what a client asked for.
type Call struct {
	ID    string // command id; "" for Read
	Kind  Kind
	Order string
	At    int64 // any clock that all clients share
}

// Answer is how a call was answered.
type Answer struct {
	Kind  AnswerKind
	State string // of Read: the state's name ("Fresh", "Ready", ...), "" if there is no such order
	Added bool   // of Add: false when the order was there already
}

// AnswerKind tells answers apart.
type AnswerKind uint8

// The kinds of answers.
const (
	Unknown AnswerKind = iota // none came, or "outcome unknown"
	Done                      // accepted
	Missing                   // refused: there is no such order
	Refused                   // refused for another reason; nothing happened
)

// Commands takes what clients asked for and were told.
type Commands struct{ s *Stream }

// NewCommands returns the part that watches clients.
func NewCommands(s *Stream) *Commands { return &Commands{s} }

// Sent takes a call and returns its number. A repetition of an unanswered call
// under the same command id is the same call: it isn't sent anew.
func (c *Commands) Sent(call Call) int { _ = call; return 0 }

// Answered takes the answer to a call at a moment of the same clock as
// Call.At. Calls that were never answered may have happened at any time, or not.
func (c *Commands) Answered(n int, at int64, a Answer) { _, _, _ = n, at, a }

// Row is a row of "signet history -o json".
type Row struct {
	OrderID    string
	Workflow   string
	Position   string // JSON
	Label      string
	Job        string
	Agent      string
	Start      int64
	End        int64  // 0: runs
	Outcome    string // JSON, "" while it runs
	ReturnCode *int64
	Try        int64
}

// History compares the rows of the Cockpit's history, the oldest first, with
// the stream up to the event that the Cockpit has confirmed (0: all of it).
func (s *Stream) History(rows []Row, until int64) []*Finding { _, _ = rows, until; return nil }

// ReadRows reads what "signet history -o json" printed.
func ReadRows(data []byte) ([]Row, error) { _ = data; return nil, nil }

// End says what is known when all is at rest.
type End struct {
	Acknowledged []string // ids of orders whose adding was acknowledged
	Effects      *Effects // may be nil
	Commands     *Commands
	Readers      []*Reader // their last positions are compared, too
	// Waiting is set when orders may still wait for something: a moment, an
	// operator, a document. Without it every acknowledged order must have ended,
	// or have failed, stopped, been suspended or broken.
	Waiting bool
}

// End looks at everything that can be told only when nothing happens any more,
// and returns all findings.
func (s *Stream) End(e End) []*Finding { _ = e; return s.findings.all }

// Installation names what a campaign on real processes has collected.
type Installation struct {
	Events       string   // path of the lines of "signet events", from the first event on
	Late         bool     // the oldest events aren't kept any more
	History      string   // path of the output of "signet history -o json"; "": none
	Effects      string   // path of the side-effect file; "": none
	Acknowledged []string // ids of orders whose adding was acknowledged
	Commands     []string // ids of commands that were acknowledged
	Waiting      bool     // as in End
}

// Check reads everything and returns all findings. The error says what couldn't
// be read.
func (i *Installation) Check() ([]*Finding, error) { return nil, nil }
