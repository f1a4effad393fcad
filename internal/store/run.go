package store

// Result says how a step or a run ended, for filters and counts. Numbers are part
// of the format: engines keep what is above Succeeded at hand.
type Result int64

// The results. Cancelled is of runs only; steps only have those from TimedOut to
// Disrupted.
const (
	Open      Result = 0 // it runs, or hasn't begun
	Succeeded Result = 1
	Failed    Result = 2
	TimedOut  Result = 3
	Killed    Result = 4
	Lost      Result = 5 // the process was lost; the step is repeated
	Disrupted Result = 6 // it could not be carried out, or nobody knows how it ended
	Cancelled Result = 7
)

var resultNames = [...]string{"open", "succeeded", "failed", "timedOut", "killed", "lost", "disrupted", "cancelled"}

// String returns the result's name in the API.
func (r Result) String() string {
	if r >= 0 && int(r) < len(resultNames) {
		return resultNames[r]
	}
	return resultNames[Disrupted]
}

// ParseResult is the reverse of String.
func ParseResult(name string) (Result, bool) {
	for i, n := range resultNames {
		if n == name {
			return Result(i), true
		}
	}
	return 0, false
}

// RunKey names the run of an order: the event that added it.
type RunKey = StepKey

// Run is the way of one order that isn't a child, from when it was added.
type Run struct {
	RunKey
	OrderID      string
	Workflow     string
	Version      string
	Account      string // who added it; "": not known
	Method       string // how they were logged in
	ScheduledFor int64  // 0: at once
	Start        int64  // when its first instruction was carried out; 0: not yet
	RunEnd
}

// RunEnd is how a run ended; its zero value that it hasn't.
type RunEnd struct {
	State   string
	Result  Result
	End     int64
	Outcome string // JSON, without other values than returnCode; "": none
	Message string // shortened
}

// RunChange is what has changed about a run.
type RunChange struct {
	Start int64   // 0: as before
	State string  // of a run that stays ended as it is; "": as before
	End   *RunEnd // nil: as before; with Result Open: it goes on
}

// Hour counts the runs that ended in one hour.
type Hour struct {
	Controller string
	Hour       int64 // hours since 1970 UTC
	Succeeded  int64
	Failed     int64
	Cancelled  int64
}

// Filter is a saved filter of a page.
type Filter struct {
	Owner     string // account
	Page      string
	Name      string
	Query     string // opaque
	Shared    bool   // all accounts see it
	Revision  int64
	ChangedAt int64
}
