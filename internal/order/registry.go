package order

// events lists every event type with the number that stands for it in the
// binary log. Numbers are final: never changed, never reused (checklist "add
// an event" in CONTRIBUTING).
var events = map[uint16]func() Event{
	1:  func() Event { return &Added{} },
	2:  func() Event { return &Attachable{} },
	3:  func() Event { return &AttachedToAgent{} },
	4:  func() Event { return &AttachedEvent{} },
	5:  func() Event { return &Started{} },
	6:  func() Event { return &ProcessingStarted{} },
	7:  func() Event { return &ProcessedEvent{} },
	8:  func() Event { return &ProcessingKilledEvent{} },
	9:  func() Event { return &Moved{} },
	10: func() Event { return &OutcomeAdded{} },
	11: func() Event { return &ForkedEvent{} },
	12: func() Event { return &Joined{} },
	13: func() Event { return &CaughtEvent{} },
	14: func() Event { return &Retrying{} },
	15: func() Event { return &Awoke{} },
	16: func() Event { return &SleepingEvent{} },
	17: func() Event { return &FailedEvent{} },
	18: func() Event { return &FailedInForkEvent{} },
	19: func() Event { return &BrokenEvent{} },
	20: func() Event { return &StoppedEvent{} },
	21: func() Event { return &FinishedEvent{} },
	22: func() Event { return &CancelledEvent{} },
	23: func() Event { return &Detachable{} },
	24: func() Event { return &DetachedEvent{} },
	25: func() Event { return &CancellationMarked{} },
	26: func() Event { return &CancellationMarkedOnAgent{} },
	27: func() Event { return &StateReset{} },
	28: func() Event { return &SuspensionMarked{} },
	29: func() Event { return &SuspensionMarkedOnAgent{} },
	30: func() Event { return &SuspendedEvent{} },
	31: func() Event { return &ResumptionMarked{} },
	32: func() Event { return &ResumedEvent{} },
	33: func() Event { return &GoMarked{} },
	34: func() Event { return &GoesEvent{} },
	35: func() Event { return &PriorityChanged{} },
	36: func() Event { return &Transferred{} },
	37: func() Event { return &DeletionMarked{} },
	38: func() Event { return &Deleted{} },
}

// Registry returns the constructors of all events by their number in the log.
func Registry() map[uint16]func() Event { return events }
