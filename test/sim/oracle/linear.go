package oracle

import (
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/anishathalye/porcupine"
)

// seen is an order as clients see it: whether it is there, whether it has
// ended, and what it was told to do. What it does by itself may happen between
// any two calls.
type seen struct {
	life      seenLife
	cancelled bool // a cancellation was accepted
	held      bool // a suspension was accepted, and no resumption since
	kept      bool // nobody deletes it
}

type seenLife uint8

const (
	seenNothing seenLife = iota
	seenOpen
	seenFinished
	seenCancelled
)

// drift returns the states that an order may come to by itself, and its own.
func drift(o seen) []seen {
	all := []seen{o}
	if o.life == seenOpen && (!o.held || o.cancelled) {
		all = append(all, seen{life: seenFinished, kept: o.kept})
	}
	if o.life == seenOpen && o.cancelled {
		all = append(all, seen{life: seenCancelled, kept: o.kept})
	}
	if o.life != seenNothing && !o.kept && (len(all) > 1 || o.life != seenOpen) {
		all = append(all, seen{}) // deleted when it had ended
	}
	return all
}

// after returns the states that a call may leave behind; none: its answer can't
// be explained.
func after(o seen, in input, a Answer) []seen {
	var next []seen
	for _, o := range drift(o) {
		next = append(next, answered(o, in, a)...)
	}
	return next
}

// answered is after, of an order that does nothing by itself.
func answered(o seen, in input, a Answer) []seen {
	switch a.Kind {
	case Unknown:
		next := []seen{o} // nothing happened
		for _, a := range []Answer{{Kind: Done}, {Kind: Done, Added: true}} {
			next = append(next, answered(o, in, a)...)
		}
		return next
	case Missing:
		return only(o, o.life == seenNothing)
	case Refused:
		return only(o, in.kind == Add || o.life != seenNothing)
	case Done:
	}
	switch in.kind {
	case Add:
		if a.Added {
			return only(seen{life: seenOpen, kept: in.kept}, o.life == seenNothing)
		}
		return only(o, o.life != seenNothing)
	case Cancel:
		there := o.life != seenNothing
		if o.life == seenOpen {
			o.cancelled, o.held = true, false
		}
		return only(o, there)
	case Suspend:
		ok := o.life == seenOpen && !o.cancelled
		o.held = true
		return only(o, ok)
	case Resume:
		ok := o.life == seenOpen
		o.held = false
		return only(o, ok)
	case Read:
		return only(o, o.reads(a.State))
	case Other:
	}
	return []seen{o}
}

func only(o seen, ok bool) []seen {
	if ok {
		return []seen{o}
	}
	return nil
}

func (o seen) reads(state string) bool {
	switch state {
	case "Finished":
		return o.life == seenFinished
	case "Cancelled":
		return o.life == seenCancelled
	}
	return o.life == seenOpen
}

// input is a call as the model sees it.
type input struct {
	kind Kind
	kept bool
}

var model = porcupine.NondeterministicModel{
	Init: func() []any { return []any{seen{}} },
	Step: func(state, in, out any) []any {
		o, _ := state.(seen)
		i, _ := in.(input)
		a, _ := out.(Answer)
		var next []any
		for _, o := range after(o, i, a) {
			next = append(next, o)
		}
		return next
	},
}

// longestSearch bounds how long one order's calls are searched.
const longestSearch = 20 * time.Second

// linearizable looks for an order of the calls that explains all answers, for
// each order by itself. Child orders come and go with their parents, and aren't looked at.
func (c *Commands) linearizable() {
	calls := map[string][]porcupine.Operation{}
	for i := range c.calls {
		k := &c.calls[i]
		if k.Kind == Other || k.Order == "" || strings.Contains(k.Order, "|") || k.Kind == Read && k.answer.Kind == Unknown {
			continue
		}
		end := k.answered
		if k.answer.Kind == Unknown {
			end = math.MaxInt64
		}
		calls[k.Order] = append(calls[k.Order], porcupine.Operation{Input: input{k.Kind, k.Kept}, Call: k.At, Output: k.answer, Return: end})
	}
	m := model.ToModel()
	for _, id := range slices.Sorted(maps.Keys(calls)) {
		why := ""
		switch porcupine.CheckOperationsTimeout(m, calls[id], longestSearch) {
		case porcupine.Ok:
			continue
		case porcupine.Unknown:
			why = "whether some order of the calls explains the answers couldn't be found out in time"
		case porcupine.Illegal:
			why = "no order of the calls explains the answers"
		}
		c.s.wrong(&Finding{Invariant: 1, Rule: NotLinearizable, Order: id, Text: why + ":\n" + describe(calls[id]), Story: c.s.Story(id)})
	}
}

var (
	kindNames   = []string{"other", "add", "cancel", "suspend", "resume", "read"}
	answerNames = []string{"unknown", "done", "missing", "refused"}
)

// describe tells the calls, as they began.
func describe(calls []porcupine.Operation) string {
	slices.SortStableFunc(calls, func(a, b porcupine.Operation) int { return int(a.Call - b.Call) })
	var b strings.Builder
	for i := range calls {
		in, _ := calls[i].Input.(input)
		a, _ := calls[i].Output.(Answer)
		until := "never answered"
		if calls[i].Return != math.MaxInt64 {
			until = fmt.Sprintf("%d %s", calls[i].Return, answerNames[a.Kind])
		}
		fmt.Fprintf(&b, "\t%d %s: %s", calls[i].Call, kindNames[in.kind], until)
		if a.State != "" {
			b.WriteString(" " + a.State)
		}
		if in.kind == Add && a.Kind == Done && !a.Added {
			b.WriteString(", it was there")
		}
		b.WriteByte('\n')
	}
	return strings.TrimSuffix(b.String(), "\n")
}
