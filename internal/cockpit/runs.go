package cockpit

import (
	"cmp"
	"strings"

	"github.com/signet-scheduler/signet/internal/codec"
	"github.com/signet-scheduler/signet/internal/engine"
	"github.com/signet-scheduler/signet/internal/order"
	"github.com/signet-scheduler/signet/internal/store"
	"github.com/signet-scheduler/signet/internal/value"
)

// runs collects what a batch changes about the runs of orders, and how many have
// ended in which hour. Part of fold.
//
// A run has the result with which it ended first: to cancel an order that failed
// changes its state only, so a failure stays one. A failed run that is resumed is open
// again, and taken off the hour in which it was counted: the counts of an hour are
// always those of the runs that ended in it. All is decided event by event, so that it
// makes no difference how events are cut into batches.
type runs struct {
	controller string
	all        []*changedRun // in the order of their first event
	by         map[int64]*changedRun
	hours      map[int64]*store.Hour
}

// changedRun is a run with what the batch has changed.
type changedRun struct {
	isNew  bool
	run    store.Run // of one that isn't new, the key only
	change store.RunChange
}

func newRuns(controller string) *runs {
	return &runs{controller: controller, by: map[int64]*changedRun{}, hours: map[int64]*store.Hour{}}
}

// added begins the run of a new order.
func (r *runs) added(o *order.Order, event int64) {
	c := &changedRun{isNew: true, run: store.Run{
		RunKey: store.RunKey{Controller: r.controller, Event: event}, OrderID: string(o.ID), Workflow: o.Workflow.Path, Version: o.Workflow.VersionID,
		Account: o.By.Account, Method: o.By.Method, ScheduledFor: o.ScheduledFor,
	}}
	r.by[event] = c
	r.all = append(r.all, c)
}

func (r *runs) changed(event int64) *changedRun {
	c, ok := r.by[event]
	if !ok {
		c = &changedRun{run: store.Run{RunKey: store.RunKey{Controller: r.controller, Event: event}}}
		r.by[event] = c
		r.all = append(r.all, c)
	}
	return c
}

// event notes what an event means for the run of its order.
func (r *runs) event(before, next *tracked, s *engine.Stamped) {
	o := next.order
	if o.Parent != "" {
		return
	}
	if _, ok := s.Event.(*order.Started); ok {
		r.changed(next.run).change.Start = s.Time()
	}
	switch was, is := hasEnded(before), hasEnded(next); {
	case !was && is:
		end := endOf(next)
		r.changed(next.run).change.End = &end
		r.count(end.End, end.Result, 1)
	case was && !is:
		// Only what failed can be resumed.
		r.changed(next.run).change.End = &store.RunEnd{}
		r.count(before.endedAt, store.Failed, -1)
	case is && before.order.State.Kind != o.State.Kind:
		c := r.changed(next.run)
		if c.change.State = string(o.State.Kind); c.change.End != nil {
			c.change.End.State = c.change.State
		}
	}
}

// endOf returns how a run has ended.
func endOf(t *tracked) store.RunEnd {
	o := t.order
	end := store.RunEnd{State: string(o.State.Kind), Result: store.Cancelled, End: t.endedAt}
	switch {
	case isSuccessful(o):
		end.Result = store.Succeeded
	case o.State.Kind == order.Finished || o.State.IsFailed() || o.State.IsStopped() || o.State.Kind == order.Broken:
		end.Result = store.Failed
	}
	if last := o.Last(); last != nil {
		end.Outcome = string(codec.JSON(nil, withoutValues(last)))
		end.Message = messageOf(last)
	}
	if p := o.State.Problem; p != nil {
		end.Message = shortMessage(p.Message)
	}
	return end
}

// withoutValues returns an outcome as it is kept with a run: the step has its
// values.
func withoutValues(o *order.Outcome) *order.Outcome {
	kept := *o
	kept.Values = nil
	if rc, ok := o.Values["returnCode"]; ok {
		kept.Values = value.Map{"returnCode": rc}
	}
	if o.Inner != nil {
		kept.Inner = withoutValues(o.Inner)
	}
	return &kept
}

// messageOf returns what an outcome says about a failure.
func messageOf(o *order.Outcome) string {
	if o.IsSucceeded() {
		return ""
	}
	text := o.Message
	if o.Problem != nil {
		text = cmp.Or(text, o.Problem.Message)
	}
	if o.Inner != nil {
		text = cmp.Or(text, messageOf(o.Inner))
	}
	return shortMessage(text)
}

// maxMessage is how much of a message stands in a column of its own, in bytes;
// the outcome has all of it.
const maxMessage = 1000

func shortMessage(text string) string {
	if len(text) > maxMessage {
		text = strings.ToValidUTF8(text[:maxMessage], "")
	}
	return text
}

// stepResult returns how a step ended.
func stepResult(o *order.Outcome) store.Result {
	if o == nil {
		return store.Disrupted
	}
	switch o.Kind {
	case order.Succeeded, order.Caught:
		return store.Succeeded
	case order.Fails:
		return store.Failed
	case order.TimedOut:
		return store.TimedOut
	case order.Killed:
		return store.Killed
	case order.Disrupted:
		if o.ProcessLost {
			return store.Lost
		}
	}
	return store.Disrupted
}

// count adds a run that has ended, or takes it off.
func (r *runs) count(at int64, result store.Result, n int64) {
	hour := at / msPerHour
	h, ok := r.hours[hour]
	if !ok {
		h = &store.Hour{Controller: r.controller, Hour: hour}
		r.hours[hour] = h
	}
	switch result {
	case store.Succeeded:
		h.Succeeded += n
	case store.Failed:
		h.Failed += n
	default:
		h.Cancelled += n
	}
}

const msPerHour = 3_600_000

// write writes what has changed.
func (r *runs) write(w store.Writer) error {
	for _, c := range r.all {
		var err error
		if c.isNew {
			c.run.Start = c.change.Start
			if c.change.End != nil {
				c.run.RunEnd = *c.change.End
			}
			err = w.AddRun(c.run)
		} else {
			err = w.ChangeRun(c.run.RunKey, c.change)
		}
		if err != nil {
			return err
		}
	}
	for _, h := range r.hours {
		if h.Succeeded == 0 && h.Failed == 0 && h.Cancelled == 0 {
			continue
		}
		if err := w.AddHour(*h); err != nil {
			return err
		}
	}
	return nil
}
