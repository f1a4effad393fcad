package oracle

import (
	"fmt"
	"strconv"
	"strings"
)

// Rule names what was broken.
type Rule string

// The rules, by the invariant they belong to (package comment).
const (
	CommandTwice      Rule = "CommandTwice"      // 1: a command was carried out twice
	CommandLost       Rule = "CommandLost"       // 1: an acknowledged command isn't in the stream
	CommandUnrecorded Rule = "CommandUnrecorded" // 1: something happened that only a command can cause, and none is recorded
	NotLinearizable   Rule = "NotLinearizable"   // 1: no order of the commands explains the answers
	OrderLost         Rule = "OrderLost"         // 1: an acknowledged order was never added

	IllegalEvent    Rule = "IllegalEvent"    // 2: the event doesn't fit the order's state
	UnknownOrder    Rule = "UnknownOrder"    // 2: an event of an order that doesn't exist
	AddedTwice      Rule = "AddedTwice"      // 2: the order exists already
	EndedTwice      Rule = "EndedTwice"      // 2: a second terminal event
	AfterEnd        Rule = "AfterEnd"        // 2: something followed the terminal event
	TooEarly        Rule = "TooEarly"        // 2: the order went on before the moment it waits for
	NotDeleted      Rule = "NotDeleted"      // 2: an order that has ended and was to be deleted is still there
	WrongAgent      Rule = "WrongAgent"      // 2: an Agent's event of an order that is elsewhere
	WrongChild      Rule = "WrongChild"      // 2: forked or joined with children that can't be
	StartedTwice    Rule = "StartedTwice"    // 3: a second process for one step that wasn't lost
	WrongAttempt    Rule = "WrongAttempt"    // 3: the count of tries or attempts doesn't fit
	TaskTwice       Rule = "TaskTwice"       // 3: a task's id was used before at that Agent
	EffectUnstarted Rule = "EffectUnstarted" // 4: a process without a committed start
	EffectTwice     Rule = "EffectTwice"     // 4: a start led to more than one process
	EffectMissing   Rule = "EffectMissing"   // 4: a process was told to have ended that never ran
	EffectUntrusted Rule = "EffectUntrusted" // 4: a process of a document whose signer the Agent didn't trust
	OldRelease      Rule = "OldRelease"      // 4: a release or a document came back that a newer release has replaced
	NotListed       Rule = "NotListed"       // 4: a document came with a release that doesn't list it
	HeldBack        Rule = "HeldBack"        // 4: a start although the document was in quarantine, refused or removed

	NotAdopted     Rule = "NotAdopted"     // 5: an Agent's event is missing, doubled or changed at the Controller
	NotObserved    Rule = "NotObserved"    // 5: an Agent's news without the position up to which they go
	ObservedBack   Rule = "ObservedBack"   // 5: the position in an Agent's stream went back
	IDNotRising    Rule = "IDNotRising"    // 6: an event id isn't above the one before
	ReaderDiffers  Rule = "ReaderDiffers"  // 6: a reader got something else than the stream has
	TermNotRising  Rule = "TermNotRising"  // 6: a leader began in a term that isn't above the last
	Unreadable     Rule = "Unreadable"     // 6: a line isn't an event
	OverLimit      Rule = "OverLimit"      // 7: more processes of a job than its limit
	WrongItem      Rule = "WrongItem"      // 2: an event of a document that doesn't fit what is known of it
	HistoryDiffers Rule = "HistoryDiffers" // 8: a row isn't what the stream says
	HistoryMissing Rule = "HistoryMissing" // 8: a step has no row
	HistoryExtra   Rule = "HistoryExtra"   // 8: a row without a step
	NotAtRest      Rule = "NotAtRest"      // 9: an order waits for nothing
)

// Finding is one broken rule.
type Finding struct { //nolint:errname // it is more a report than an error
	Invariant int     // number in the package comment
	Rule      Rule    // which rule
	Order     string  // order concerned, or ""
	Agent     string  // Agent concerned, or ""
	Events    []int64 // ids of the events concerned
	Text      string  // what is wrong
	Story     []string
}

// Error tells the finding with the story of its order, in several lines.
func (f *Finding) Error() string {
	var b strings.Builder
	fmt.Fprintf(&b, "invariant %d, %s", f.Invariant, f.Rule)
	if f.Order != "" {
		fmt.Fprintf(&b, ", order %s", f.Order)
	}
	if f.Agent != "" {
		fmt.Fprintf(&b, ", Agent %s", f.Agent)
	}
	b.WriteString(": " + f.Text)
	if len(f.Events) > 0 {
		b.WriteString(" (event")
		if len(f.Events) > 1 {
			b.WriteByte('s')
		}
		for i, id := range f.Events {
			if i > 0 {
				b.WriteByte(',')
			}
			b.WriteString(" " + strconv.FormatInt(id, 10))
		}
		b.WriteByte(')')
	}
	for _, line := range f.Story {
		b.WriteString("\n\t" + line)
	}
	return b.String()
}

// mostFindings bounds what is kept: a broken stream breaks everything after it.
const mostFindings = 1000

// findings collects what is wrong.
type findings struct {
	all  []*Finding
	more int // not kept
}

func (c *findings) add(f *Finding) {
	if len(c.all) < mostFindings {
		c.all = append(c.all, f)
	} else {
		c.more++
	}
}

// since returns the first finding behind the first n, or nil.
func (c *findings) since(n int) error {
	if len(c.all) > n {
		return c.all[n]
	}
	return nil
}
