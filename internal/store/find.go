package store

import (
	"math"
	"slices"
)

// HistoryFilter selects steps or runs. A field that is zero selects all; those
// for the other kind of rows have to be.
type HistoryFilter struct {
	Controller string
	From, To   int64 // milliseconds: begun (a run: added) at From or later, and before To
	Results    []Result
	Workflow   string // path
	Folder     string // path: workflows below it
	Text       string // part of an id, path, name or message; capitals make no difference

	Order      string // steps: of it and its children
	Root       string // of Order
	Job        string
	Label      string
	Agent      string
	ReturnCode *int64

	States  []string // runs: as they ended
	Account string
}

// HistoryQuery asks for a page.
type HistoryQuery struct {
	HistoryFilter
	After  StepKey // begin behind it; zero: at the end that Oldest says
	Oldest bool    // the oldest first, else the newest
	Limit  int
	// Budget is at how many rows one call looks at most, so that a filter that
	// nearly nothing passes can't keep the database for minutes.
	Budget int
}

// Reach tells how far a call has looked.
type Reach struct {
	More bool    // there may be more rows, behind Key
	Key  StepKey // the last row that was looked at
	// Early is set when the budget ended the page, not its limit: it may have
	// few rows or none.
	Early bool
}

// AuditQuery asks for a page of the audit trail, newest first.
type AuditQuery struct {
	Before   int64 // ids below it; 0: all
	From, To int64 // milliseconds
	Account  string
	Action   string
	Actions  []string // any of these; nil: all
	Object   string   // as in AuditEntry.Objects, whole
	Result   string   // as there, or "refused": neither begun nor done
	Text     string   // part of account, action, objects, reason or ticket; capitals make no difference
	Limit    int
	Budget   int // at how many entries one call looks at most
}

// JobQuery asks for the newest runs of a job in a workflow.
type JobQuery struct {
	Controller string // "": all
	Workflow   string
	Job        string // "": any
	Label      string // "": any
	From, To   int64  // milliseconds; 0: no bound
	Succeeded  bool   // those only
	Limit      int
	Budget     int
}

// StepTime is what a statistic needs of a step.
type StepTime struct {
	StepKey
	OrderID    string
	Task       string
	Start, End int64
	Result     Result
	Message    string
	ReturnCode *int64
}

// Usual is how long a job usually takes, in milliseconds.
type Usual struct {
	Count    int // of runs that this is about
	P50, P95 int64
}

// UsualOf returns how long the newest runs took that a query selects.
func UsualOf(r Reader, q JobQuery) (Usual, error) {
	times, err := r.StepTimes(q)
	return UsualIn(times), err
}

// UsualIn is UsualOf for runs that were read already.
func UsualIn(times []StepTime) Usual {
	if len(times) == 0 {
		return Usual{}
	}
	took := make([]int64, len(times))
	for i, t := range times {
		took[i] = max(0, t.End-t.Start)
	}
	slices.Sort(took)
	return Usual{Count: len(took), P50: percentile(took, 0.5), P95: percentile(took, 0.95)}
}

// percentile returns the least of the sorted values that so many of them don't
// pass.
func percentile(sorted []int64, share float64) int64 {
	return sorted[max(0, int(math.Ceil(share*float64(len(sorted))))-1)]
}
