package cockpit

import (
	"context"
	"encoding/json"
	"fmt"
	"hash/fnv"
	"strconv"
	"strings"

	"github.com/signet-scheduler/signet/api"
	"github.com/signet-scheduler/signet/internal/fault"
	"github.com/signet-scheduler/signet/internal/logline"
	"github.com/signet-scheduler/signet/internal/store"
)

// orderLogView is the log of an order, or of one step of it, as lines that are
// numbered from 1: the sections of its steps one after the other, in the order in
// which they began. Owned by one call.
type orderLogView struct {
	h        *history
	sections []logSection
	lines    int64
	complete bool // nothing will be added
	failed   bool // the order has not done what it should
	more     bool // there are more steps than are shown
}

// logSection is what one run of a step wrote.
type logSection struct {
	step   store.Step
	stored bool
	index  *logIndex
	remark string // the last line, when the log ends where it shouldn't
	first  int64  // number of its first line
	lines  int64  // with the remark
}

// maxSections is how many steps a log shows; a program that reads it all uses the
// log as text.
const maxSections = 5000

// settled tells whether nothing about a section will change.
func (s *logSection) settled() bool { return s.step.End != 0 && here(&s.step) }

// logSteps returns the steps whose output makes a log.
func (h *history) logSteps(ctx context.Context, o logOf) (now store.Order, steps []store.Step, more bool, err error) {
	for after := int64(0); ; {
		var page []store.Step
		if now, page, err = h.newSteps(ctx, o, after); err != nil {
			return now, nil, false, err
		}
		for _, s := range page {
			after = s.Event
			if o.has(&s) {
				steps = append(steps, s)
			}
		}
		if len(page) < stepPage {
			break
		}
		if len(steps) >= maxSections {
			return now, steps[:maxSections], true, nil
		}
	}
	if o.task != "" && len(steps) == 0 {
		return now, nil, false, fault.New(fault.NotFound, "UnknownTask", "order %s has no step that ran as task %s", o.ID, clip(o.task))
	}
	return now, steps, false, nil
}

// viewLog returns the log of an order as it is now.
func (h *history) viewLog(ctx context.Context, o logOf) (*orderLogView, error) {
	now, steps, more, err := h.logSteps(ctx, o)
	if err != nil {
		return nil, err
	}
	v := &orderLogView{h: h, more: more, sections: make([]logSection, len(steps))}
	v.complete = o.task != "" || now.Ended || now.Run != o.Run
	v.failed = now.Ended && !now.Successful || !now.Ended
	for i := range steps {
		s := &v.sections[i]
		if err := h.openSection(ctx, s, steps[i]); err != nil {
			return nil, err
		}
		s.first = v.lines + 1
		v.lines += s.lines
		v.complete = v.complete && s.settled()
	}
	return v, nil
}

// openSection finds out how many lines a step's log has.
func (h *history) openSection(ctx context.Context, s *logSection, step store.Step) (err error) {
	s.step, s.stored = step, here(&step)
	switch {
	case s.stored && step.Log.Chunks == 0:
		s.index = &logIndex{ended: true}
	case s.stored:
		s.index, err = h.logs.get(ctx, logKey{step.StepKey, true, step.Log.Chunks}, func(*logIndex) (*logIndex, error) { return h.storedIndex(ctx, &s.step) })
	default:
		s.index, err = h.logs.get(ctx, logKey{step: step.StepKey}, func(x *logIndex) (*logIndex, error) { return h.growIndex(ctx, &s.step, x) })
	}
	if ctx.Err() != nil {
		return ctx.Err()
	}
	switch {
	case err != nil:
		s.index, s.remark = &logIndex{}, unreadable(err)
	case s.stored:
		if end := h.storedEnd(&s.step); isEnd(end) {
			s.remark = unreadable(end)
		}
	}
	s.lines = s.index.total()
	if s.remark != "" {
		s.lines++
	}
	return nil
}

// isEnd tells whether a log ends otherwise than by its own end.
func isEnd(err error) bool { return err != nil && fault.Of(err).Code != "" && !isEOF(err) }

// at returns the index of the section that has line n, or of the next one that has
// any; len(sections) behind the last.
func (v *orderLogView) at(n int64) int {
	for i := range v.sections {
		if s := &v.sections[i]; s.lines > 0 && n < s.first+s.lines {
			return i
		}
	}
	return len(v.sections)
}

// seen is what a reader knows of a log: so many sections don't change any more,
// and what all others were like. It is written into the answer as a text that
// means nothing to the reader.
func (v *orderLogView) seen() string {
	settled := 0
	for settled < len(v.sections) && v.sections[settled].settled() {
		settled++
	}
	f := fnv.New64a()
	for i := range v.sections[settled:] {
		s := &v.sections[settled+i]
		fmt.Fprintln(f, s.step.Event, s.step.End, s.step.Log.State, s.lines, s.remark, s.index.end.line)
		for k := range s.index.end.state {
			fmt.Fprintln(f, s.index.end.state[k].Bytes)
		}
	}
	fmt.Fprint(f, len(v.sections), v.complete)
	return strconv.Itoa(settled) + "." + strconv.FormatUint(f.Sum64(), 36)
}

// known returns how many sections a reader knows for good.
func (v *orderLogView) known(seen string) int {
	count, _, _ := strings.Cut(seen, ".")
	n, err := strconv.Atoi(count)
	if err != nil || n < 0 {
		return 0
	}
	for i := range v.sections[:min(n, len(v.sections))] {
		if !v.sections[i].settled() {
			return i
		}
	}
	return min(n, len(v.sections))
}

// tell returns a section as the API tells it.
func (s *logSection) tell() api.LogSection {
	out := api.LogSection{
		Event: s.step.Event, OrderId: s.step.OrderID, Position: json.RawMessage(s.step.Position), Label: s.step.Label, Job: s.step.Job, Agent: s.step.Agent,
		Task: s.step.Task, Try: s.step.Try, Start: s.step.Start, End: s.step.End, ReturnCode: s.step.ReturnCode, First: s.first, Lines: s.lines, Complete: s.settled(),
	}
	if s.step.Outcome != "" {
		out.Outcome = json.RawMessage(s.step.Outcome)
	}
	return out
}

// failed tells whether the step ended otherwise than it should.
func (s *logSection) failed() bool {
	if s.step.End == 0 || s.step.Outcome == "" {
		return false
	}
	var outcome struct{ TYPE string }
	return json.Unmarshal([]byte(s.step.Outcome), &outcome) == nil && outcome.TYPE != "" && outcome.TYPE != "Succeeded"
}

// failing returns the section that a reader of a failed order looks for: the last
// one that failed and wasn't made good by another try; -1 if there is none.
func (v *orderLogView) failing() int {
	if !v.failed {
		return -1
	}
	later := map[string]bool{}
	for i := len(v.sections) - 1; i >= 0; i-- {
		s := &v.sections[i]
		place := s.step.OrderID + " " + s.step.Position
		if s.failed() && !later[place] {
			return i
		}
		later[place] = true
	}
	return -1
}

// opening returns where a reader is to begin: at the error of the step that failed,
// at the end of what still grows, else at the top.
func (v *orderLogView) opening(ctx context.Context) (api.LogOpening, error) {
	i := v.failing()
	for k := range v.sections {
		if v.sections[k].step.End == 0 {
			return api.LogOpening{Line: max(1, v.lines), Reason: "end"}, nil
		}
	}
	if i < 0 || v.sections[i].lines == 0 {
		return api.LogOpening{Line: 1, Reason: "start"}, nil
	}
	n, err := v.errorLine(ctx, i)
	return api.LogOpening{Line: n, Reason: "error"}, err
}

// errorLine returns the line that tells best why a step failed: its last one on
// stderr that isn't blank, else its first one that tells of an error, else its last.
func (v *orderLogView) errorLine(ctx context.Context, i int) (int64, error) {
	s := &v.sections[i]
	found := int64(-1)
	look := func(nr int, good func(logline.Line) bool, first bool) error {
		return v.cut(ctx, s, nr, nr+1, shownLine, func(n int64, l logline.Line) bool {
			if good(l) {
				found = n
				return !first
			}
			return true
		})
	}
	isStderr := func(l logline.Line) bool { return l.Channel == stderr && !logline.IsBlank(l.Text) }
	pieces := s.index.pieces
	rest := false // a line without newline is of no piece
	for k := range s.index.end.state {
		rest = rest || s.index.end.state[k].Bytes > 0
	}
	for nr := len(pieces) - 1; nr >= 0 && found < 0; nr-- {
		if pieces[nr].stderr > 0 || rest && nr == len(pieces)-1 {
			if err := look(nr, isStderr, false); err != nil {
				return 0, err
			}
		}
	}
	for nr := 0; nr < len(pieces) && found < 0; nr++ {
		if pieces[nr].errors > 0 || rest && nr == len(pieces)-1 {
			if err := look(nr, logline.IsError, true); err != nil {
				return 0, err
			}
		}
	}
	if found < 0 {
		found = s.lines - 1
	}
	return s.first + found, nil
}
