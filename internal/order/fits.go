package order

// fits tells whether an event is applicable to an order (section 5 of the
// reference). TestApplicability holds it against a table that is written in
// another way; docs/architecture/engine.md shows it.
func fits(o *Order, ev Event) bool {
	s := o.State
	detached, attached := o.Attachment.Where == Detached, o.Attachment.Where == Attached
	here := detached || attached
	switch e := ev.(type) {
	case *Attachable:
		return detached && s.FreshOrReady() && !o.Suspended
	case *AttachedEvent:
		return o.Attachment.Where == Attaching
	case *Detachable:
		return attached && s.Kind != Processing && !s.Terminated()
	case *DetachedEvent: // of an Attached order when its Agent is given up
		return attached && s.Kind != Processing || o.Attachment.Where == Detaching
	case *Started:
		return here && s.Kind == Fresh && !o.Suspended
	case *ProcessingStarted:
		return attached && s.Kind == Ready && !o.Suspended
	case *ProcessedEvent:
		return attached && s.Kind == Processing && e.Outcome != nil
	case *ProcessingKilledEvent:
		return here && s.Kind == Processed && o.Last() != nil && o.Last().Kind == Killed
	case *Moved:
		return here && !o.Suspended && (s.FreshOrReady() || s.Kind == Processed || s.Kind == Sleeping)
	case *OutcomeAdded:
		return here && s.FreshOrReady() && e.Outcome != nil
	case *ForkedEvent:
		return here && s.Kind == Ready && !o.Suspended
	case *Joined:
		return detached && s.Kind == Forked && e.Outcome != nil
	case *CaughtEvent:
		return here && (s.FreshOrReady() || s.Kind == Processed || s.Kind == ProcessingKilled)
	case *Retrying, *SleepingEvent:
		return here && s.Kind == Ready && !o.Suspended
	case *Awoke:
		return here && s.Kind == DelayingRetry
	case *FailedEvent, *FailedInForkEvent, *StoppedEvent:
		return detached && (s.FreshOrReady() || s.Kind == Processed || s.Kind == ProcessingKilled)
	case *FinishedEvent:
		return detached && s.Kind == Ready && !o.Suspended
	}
	return fitsCommand(o, ev)
}

// fitsCommand is fits for the events that follow from commands, and those that
// may come at any time.
func fitsCommand(o *Order, ev Event) bool {
	s := o.State
	detached, attached := o.Attachment.Where == Detached, o.Attachment.Where == Attached
	here := detached || attached
	switch ev.(type) {
	case *BrokenEvent:
		return here && !s.Terminated() && s.Kind != Processing && s.Kind != Broken
	case *CancelledEvent:
		return detached && !s.Terminated() && s.Kind != Processing && s.Kind != Forked && s.Kind != Sleeping
	case *CancellationMarked, *SuspensionMarked, *ResumptionMarked, *GoMarked:
		return !s.Terminated()
	case *CancellationMarkedOnAgent:
		return attached && o.Mark != nil && o.Mark.Kind == Cancelling
	case *SuspensionMarkedOnAgent:
		return attached && o.Mark != nil && o.Mark.Kind == Suspending
	case *StateReset:
		return detached && (s.Kind == DelayingRetry || s.Kind == Sleeping)
	case *SuspendedEvent:
		return detached && !o.Suspended && (s.FreshOrReady() || s.Kind == ProcessingKilled || s.IsStopped())
	case *ResumedEvent:
		return detached && o.resumable() || !s.Terminated() && o.Mark != nil && (o.Mark.Kind == Suspending || o.Mark.Kind == Resuming)
	case *GoesEvent:
		return here && (s.Kind == Fresh || s.Kind == DelayingRetry || s.Kind == Sleeping)
	case *PriorityChanged:
		return !s.Terminated()
	case *DeletionMarked:
		return o.Parent == "" && !s.Terminated()
	case *Transferred:
		return detached && !s.Terminated()
	case *Deleted:
		return s.Terminated() && o.Parent == ""
	}
	return false
}
