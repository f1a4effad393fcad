package engine

import (
	"strings"

	"github.com/signet-scheduler/signet/internal/fault"
)

// A log that is restored from a backup begins another life: what it knew of
// the time after the backup is gone, and others may know it. So an Agent's log
// gets another id then, and the Controller that is restored with it expects
// that one. An id is what the log was born with, and the life's name:
//
//	BORN~LIFE
const lifeMark = "~"

// bornAs returns what is the same in all lives of a log.
func bornAs(logID string) string {
	born, _, _ := strings.Cut(logID, lifeMark)
	return born
}

// inLife returns the id of a log in another life.
func inLife(logID, life string) string { return bornAs(logID) + lifeMark + life }

// BeginLife returns the events with which a Controller that was restored goes
// on: it expects its Agents in the same life. They are the same on every
// member that is restored from the same copy for the same life.
func (c *Controller) BeginLife(life string, term int64) []Stamped {
	events := []Stamped{{Event: &ControllerReady{Term: term}}}
	for _, a := range c.Agents() {
		if a.LogID == "" {
			continue
		}
		events = append(events, Stamped{Key: a.Path, Event: &AgentDedicated{LogID: inLife(a.LogID, life)}})
		if a.Observed > 0 { // which the event before has forgotten
			events = append(events, Stamped{Key: a.Path, Event: &AgentEventsObserved{UntilEventID: a.Observed}})
		}
	}
	return behind(c.lastID, events)
}

// BeginLife returns the event with which an Agent that was restored goes on.
func (a *Agent) BeginLife(name, life string) []Stamped {
	return behind(a.lastID, []Stamped{{Event: &AgentInitialized{Agent: name, LogID: inLife(a.logID.v, life), ControllerID: a.controller.v, Level: a.estate.v.Level}}})
}

// behind numbers events from the one after last on.
func behind(last int64, events []Stamped) []Stamped {
	for i := range events {
		last++
		events[i].ID = last
	}
	return events
}

// checkLife refuses an Agent's log that isn't the one that is known, or that
// was given up.
func checkLife(agent string, known AgentState, logID string) error {
	switch {
	case known.Gone != "" && bornAs(known.Gone) == bornAs(logID):
		return fault.New(fault.Conflict, "AgentLogMismatch",
			"the Agent %s still has the data that ResetAgent gave up: stop it, delete its data directory, start it again", agent)
	case known.LogID == "" || known.LogID == logID:
		return nil
	case bornAs(known.LogID) == bornAs(logID):
		return fault.New(fault.Conflict, "AgentLogMismatch",
			"the Agent %s and this Controller were not restored together from one backup: what one of them has done since, the other doesn't know. "+
				"Orders that were there are held. Restore both from one backup in one run; or stop the Agent, confirm with ResetAgent that it is gone, delete its data directory, and start it again", agent)
	}
	return fault.New(fault.Conflict, "AgentLogMismatch",
		"the Agent %s comes with another log than before: its data were lost or restored. Orders that were there are held; confirm with ResetAgent that the old Agent is gone", agent)
}
