package oracle

// Kind is what a client asked for.
type Kind uint8

// The kinds of calls that the model knows.
const (
	Other   Kind = iota // any other command: looked for in the stream only
	Add                 // AddOrders with this order
	Cancel              // CancelOrders, also of started orders
	Suspend             // SuspendOrders
	Resume              // ResumeOrders
	Read                // the order's state was read from a leader
)

// Call is what a client asked for. ReleaseEvents isn't recorded in the stream
// and can't be a call.
type Call struct {
	ID    string // command id; "" for Read
	Kind  Kind
	Order string // "" for Other
	Kept  bool   // of Add: nobody deletes the order, so that it stays to be seen after its end
	At    int64  // of any clock that all clients share
}

// Answer is how a call was answered.
type Answer struct {
	Kind  AnswerKind
	Added bool   // of Add: false when the order was there already
	State string // of Read: the state's name ("Fresh", "Ready", ...)
}

// AnswerKind tells answers apart.
type AnswerKind uint8

// The kinds of answers.
const (
	Unknown AnswerKind = iota // none came, or "outcome unknown"
	Done                      // accepted, or read
	Missing                   // refused: there is no such order
	Refused                   // refused for another reason; nothing happened
)

// call is a call with its answer.
type call struct {
	Call
	answer   Answer
	answered int64
}

// Commands takes what clients asked for and were told.
type Commands struct {
	s     *Stream
	calls []call
	byID  map[string]int
}

// NewCommands returns the part that watches clients.
func NewCommands(s *Stream) *Commands { return &Commands{s: s, byID: map[string]int{}} }

// Sent takes a call and returns its number. A repetition under the same
// command id is the same call.
func (c *Commands) Sent(k Call) int {
	if n, ok := c.byID[k.ID]; ok && k.ID != "" {
		return n
	}
	n := len(c.calls)
	c.calls = append(c.calls, call{Call: k})
	if k.ID != "" {
		c.byID[k.ID] = n
	}
	return n
}

// Answered takes the answer to a call, at a moment of the clock of Call.At. A
// call that was never answered may take effect at any time, or never. Of two
// answers the first that says something counts; the second must not contradict.
func (c *Commands) Answered(n int, at int64, a Answer) error {
	k := &c.calls[n]
	before := len(c.s.found.all)
	switch {
	case a.Kind == Unknown:
	case k.answer.Kind == Unknown:
		k.answer, k.answered = a, at
	case k.answer.Kind == Done && a != k.answer:
		c.s.wrong(&Finding{Invariant: 1, Rule: CommandTwice, Order: k.Order, Text: text("the command %s was answered twice, and not in the same way", k.ID)})
	}
	return c.s.found.since(before)
}

// end compares the answers with the stream.
func (c *Commands) end() {
	for i := range c.calls {
		k := &c.calls[i]
		if k.ID == "" {
			continue
		}
		event, recorded := c.s.commands.ids[k.ID]
		switch {
		case k.answer.Kind == Done && !recorded && !c.s.late:
			c.s.wrong(&Finding{Invariant: 1, Rule: CommandLost, Order: k.Order, Text: text("the command %s was acknowledged, and the stream doesn't have it", k.ID), Story: c.s.Story(k.Order)})
		case (k.answer.Kind == Refused || k.answer.Kind == Missing) && recorded:
			c.s.wrong(&Finding{Invariant: 1, Rule: CommandTwice, Order: k.Order, Events: []int64{event}, Text: text("the command %s was refused, and was carried out", k.ID), Story: c.s.Story(k.Order)})
		}
	}
	c.linearizable()
}
