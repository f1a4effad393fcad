package mirror

import (
	"github.com/signet-scheduler/signet/internal/order"
)

// Status is the one word for how an order is, as pages show it: an order's state,
// unless it is suspended, or hasn't started yet.
type Status string

// The statuses that are no states.
const (
	Scheduled  Status = "Scheduled"  // fresh, and its time has not come
	NotStarted Status = "NotStarted" // fresh, and due
	Suspended  Status = "Suspended"
)

// Statuses lists all, those first that need a person.
var Statuses = []Status{
	Status(order.Failed), Status(order.FailedWhileFresh), Status(order.FailedInFork), Status(order.Broken), Suspended,
	Status(order.Stopped), Status(order.StoppedWhileFresh), Status(order.ProcessingKilled), Status(order.Processing), Status(order.Processed),
	Status(order.Forked), Status(order.Ready), Status(order.DelayingRetry), Status(order.Sleeping), NotStarted, Scheduled,
	Status(order.Finished), Status(order.Cancelled),
}

// StatusOf returns an order's status at a moment, in milliseconds.
func StatusOf(o *order.Order, now int64) Status {
	s := o.State
	switch {
	case s.IsFailed(), s.IsStopped(), s.Kind == order.Broken, s.Terminated():
		return Status(s.Kind)
	case o.Suspended:
		return Suspended
	case s.Kind == order.Fresh && o.ScheduledFor > now:
		return Scheduled
	case s.Kind == order.Fresh:
		return NotStarted
	}
	return Status(s.Kind)
}

// NeedsPerson tells whether nothing goes on unless somebody does something. A
// child that failed waits for its parent, which is the one to look at.
func NeedsPerson(s Status) bool {
	switch s {
	case Suspended, Status(order.Failed), Status(order.FailedWhileFresh), Status(order.Broken), Status(order.Stopped), Status(order.StoppedWhileFresh):
		return true
	}
	return false
}
