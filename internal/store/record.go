package store

import "github.com/signet-scheduler/signet/internal/fault"

// Account is who may log in. Times are in milliseconds since the epoch.
type Account struct {
	Name         string // unique, regardless of case
	Role         string
	PasswordHash string // "" : no login by password
	Disabled     bool
	CreatedAt    int64
}

// Session is a login. Only the hash of its token is kept.
type Session struct {
	Hash        [32]byte
	Account     string
	Method      string // how it was begun
	Certificate string // name in the client certificate that every call must show; "": none
	CreatedAt   int64
	LastUsed    int64
	ExpiresAt   int64
}

// AuditEntry tells who changed what.
type AuditEntry struct {
	ID         int64
	Time       int64
	Account    string
	Method     string
	Address    string
	Action     string
	Controller string
	Objects    []string
	Reason     string
	Ticket     string
	TimeSpent  int64  // minutes
	Result     string // "begun", then "done" or a code of fault
}

// Order is what the history knows of an order: the newest one of its id.
type Order struct {
	Controller string
	ID         string
	Root       string // id of its outermost parent, or its own
	Run        int64  // event id that added the root: tells orders of one id apart
	Workflow   string
	Version    string
	State      string
	Ended      bool // in a state that lasts until somebody intervenes, or gone
	Successful bool
	Gone       bool   // the Controller has forgotten it
	EndedAt    int64  // when it ended; 0: not yet
	Since      int64  // when it came into its state
	Step       int64  // event id of the step that runs; 0: none
	Label      string // of the step that was begun last
	Job        string
	Body       []byte
}

// StepKey names a run of a step: the event that started it.
type StepKey struct {
	Controller string
	Event      int64
}

// UnknownOrder is the fault about an order that isn't in the database.
func UnknownOrder(id string) error {
	return fault.New(fault.NotFound, "UnknownOrder", "there is no order %s", id).About("Order:" + id)
}

// OrderEnd is what there is to know of an order for one who waits for its end.
type OrderEnd struct {
	ID         string
	State      string
	Ended      bool
	Successful bool
	Awaited    int // logs of the order's run, once it has ended
}

// LogState says where the log of a step is.
type LogState int64

// The states of a log. Numbers are part of the format.
const (
	LogRunning  LogState = 0 // at the Agent, and growing
	LogPending  LogState = 1 // at the Agent, to be fetched
	LogComplete LogState = 2 // here
	LogMissing  LogState = 3 // gone, or there never was one
)

// LogStatus says how far the log of a step has been fetched.
type LogStatus struct {
	State   LogState
	Created int64 // the log's own time, from which its frames count
	Bytes   int64 // of the Agent's file that are here
	Chunks  int
	RetryAt int64 // when to try to fetch it (again)
	Problem string
}

// Step is one run of a step of an order.
type Step struct {
	StepKey
	OrderID  string
	Root     string
	Run      int64
	Workflow string
	Version  string
	Position string // JSON
	Label    string
	Job      string
	Agent    string
	Task     string
	Start    int64
	Try      int64
	Attempt  int64
	StepEnd
	Log LogStatus
}

// StepEnd is how a step ended.
type StepEnd struct {
	End        int64  // 0: it runs
	Outcome    string // JSON; "": not known
	Result     Result
	Message    string // of the outcome, shortened
	ReturnCode *int64
	EndedHere  int64 // when the Cockpit got to know
}

// StepQuery selects steps, in the order of their keys.
type StepQuery struct {
	Controller string // "": all
	Order      string // with its children
	Root       string // of Order
	Run        int64  // 0: all runs
	Workflow   string
	After      StepKey // begin behind it; zero: at the beginning
	Newest     bool    // newest first
	Limit      int
}
