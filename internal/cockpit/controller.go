package cockpit

import (
	"context"
	"encoding/json"
	"io"

	"github.com/signet-scheduler/signet/internal/bulletin"
	"github.com/signet-scheduler/signet/internal/engine"
	"github.com/signet-scheduler/signet/internal/item"
	"github.com/signet-scheduler/signet/internal/order"
	"github.com/signet-scheduler/signet/internal/part"
	"github.com/signet-scheduler/signet/internal/transport"
)

// Controller is one Controller, alone or a group, as the Cockpit sees it. Safe
// for concurrent use.
type Controller interface {
	// Command carries out a command and returns its reply; a repetition with the
	// same id is harmless.
	Command(ctx context.Context, cmd engine.Command) (json.RawMessage, error)
	// UpdateItems deploys and removes documents, all or nothing.
	UpdateItems(ctx context.Context, u ItemUpdate) error
	// NextRelease tells what a release that is made now has to state.
	NextRelease(ctx context.Context) (NextRelease, error)
	// Events returns the events behind after, and goes on as more come. When
	// they are no longer kept, the error is NotFound, EventSeqTorn.
	Events(ctx context.Context, after int64) (Events, error)
	// EventLines returns the same as NDJSON, with empty lines as heartbeats.
	EventLines(ctx context.Context, after int64, follow bool) (io.ReadCloser, error)
	Orders(ctx context.Context, q OrderQuery) ([]json.RawMessage, error)
	Order(ctx context.Context, id string) (json.RawMessage, error)
	// Workflows returns at most limit workflows behind a path, sorted; 0: all.
	Workflows(ctx context.Context, after string, limit int) ([]WorkflowInfo, error)
	Workflow(ctx context.Context, path, version string) (WorkflowInfo, error)
	// Items returns limit objects behind a key, by kind, path and age, with all
	// versions of the last; 0: all.
	Items(ctx context.Context, after item.Key, limit int) ([]ItemInfo, error)
	// Item returns the document that is in service under a key; NotFound,
	// UnknownKey.
	Item(ctx context.Context, key item.Key) (ItemInfo, error)
	Agents(ctx context.Context) ([]AgentInfo, error)
	Status(ctx context.Context) (Status, error)
	// Members names the members of the group.
	Members() []string
	// Deliver brings trust material to a member; NotFound, UnknownMember.
	Deliver(ctx context.Context, member string, d bulletin.Delivery) (bulletin.Receipt, error)
	// Certificate asks a part which certificate it shows to others,
	// RequestCertificate for a request for its new key, and InstallCertificate puts
	// in force what was requested.
	Certificate(ctx context.Context, p PartName) (transport.Shown, error)
	RequestCertificate(ctx context.Context, p PartName) (transport.CertificateRequest, error)
	InstallCertificate(ctx context.Context, p PartName, n transport.NewCertificate) error
	// Reports asks each member what it tells of itself; one that doesn't answer
	// isn't in it.
	Reports(ctx context.Context) map[string]part.Report
	// Activity asks an Agent what runs there and what waits for a process.
	Activity(ctx context.Context, agent string) (Activity, error)
	// PartLog returns lines of a part's own log; NotFound, UnknownMember.
	PartLog(ctx context.Context, p PartName, after int64, limit int) (part.Lines, error)
	// TaskLog returns the bytes of a task's log file from an offset; with follow
	// until the log is finished. NotFound when there is no such log (any more).
	TaskLog(ctx context.Context, agent, task string, offset int64, follow bool) (io.ReadCloser, error)
	// TaskLogs returns the whole logs of several tasks of one Agent, at most
	// MaxTaskLogs, in their order; nil for one that is to be asked for alone.
	TaskLogs(ctx context.Context, agent string, tasks []string) ([][]byte, error)
	// Backup returns consistent copies of the Controller and its Agents, as a
	// stream of package backup; all events behind after are in them.
	Backup(ctx context.Context, after int64) (io.ReadCloser, error)
	Close() error
}

// MaxTaskLogs is how many logs may be asked for at once.
const MaxTaskLogs = 256

// Events is a Controller's stream of events. Next and Close may be called by
// different goroutines.
type Events interface {
	// Next waits for events and returns at least one, in the order of their ids.
	Next() ([]engine.Stamped, error)
	Close() error
}

// ItemUpdate is a deployment: what comes, with its evidence, and what goes.
type ItemUpdate struct {
	CommandID string
	By        order.Actor
	Release   *SignedRelease // that the documents come with, or nil
	Add       []SignedDocument
	Remove    []item.Key
}

// SignedDocument is a document's exact text, and the evidence as JSON.
type SignedDocument struct {
	String   string          `json:"string"`
	Evidence json.RawMessage `json:"evidence"`
}

// OrderQuery selects orders, which come sorted by id.
type OrderQuery struct {
	Workflow string
	State    string
	After    string // an id
	Limit    int
}

// ProblemInfo is what is wrong with an object.
type ProblemInfo struct {
	Code    string `json:"code"`
	Message string `json:"message"`
}

// WorkflowInfo is a workflow as a Controller tells of it. The fields from
// Document on are in the answer about one workflow only.
type WorkflowInfo struct {
	Path       string       `json:"path"`
	VersionID  string       `json:"versionId"`
	Suspended  bool         `json:"suspended"`
	Skip       []string     `json:"skip"`
	Orders     int          `json:"orders"`
	Signer     string       `json:"signer"`
	Quarantine *ProblemInfo `json:"quarantine"`

	Document    string            `json:"document"`
	Versions    []string          `json:"versions"`
	Breakpoints []json.RawMessage `json:"breakpoints"`
}

// ItemInfo is a deployed object. The fields from Document on are in the answer
// about one object only.
type ItemInfo struct {
	Kind       string       `json:"kind"`
	Path       string       `json:"path"`
	VersionID  string       `json:"versionId"`
	Revision   int64        `json:"revision"`
	Signer     string       `json:"signer"`
	Newest     bool         `json:"newest"`
	Removed    bool         `json:"removed"`
	Quarantine *ProblemInfo `json:"quarantine"`

	Document string `json:"document"`
	Added    int64  `json:"added"` // the event that brought it
}

// AgentInfo is an Agent as its Controller sees it.
type AgentInfo struct {
	Path         string       `json:"path"`
	URI          string       `json:"uri"`
	Disabled     bool         `json:"disabled"`
	ProcessLimit *int         `json:"processLimit"`
	Coupled      bool         `json:"coupled"`
	Problem      *ProblemInfo `json:"problem"`
	Orders       int          `json:"orders"`
	Running      int          `json:"running"`
	Report       *part.Report `json:"report"` // nil until it was heard
	Heard        int64        `json:"heard"`
	Holds        *int         `json:"holds"` // index in holdings of the same answer
}

// PartName names an Agent, or a member of the Controller.
type PartName struct{ Agent, Member string }

// Activity is what runs at an Agent and what waits there.
type Activity struct {
	Report       part.Report `json:"report"`
	ProcessLimit int         `json:"processLimit"`
	LimitReason  string      `json:"limitReason"`
	Running      []StepInfo  `json:"running"`
	RunningCount int         `json:"runningCount"`
	Waiting      []StepInfo  `json:"waiting"`
	WaitingCount int         `json:"waitingCount"`
}

// StepInfo is a step that runs at an Agent, or waits there for a process.
type StepInfo struct {
	OrderID  string `json:"orderId"`
	Workflow string `json:"workflow"`
	Label    string `json:"label"`
	Job      string `json:"job"`
	Task     string `json:"task"`
	Since    int64  `json:"since"`
	PID      int    `json:"pid"`
	Place    int    `json:"place"`
	JobFull  bool   `json:"jobFull"`
}

// Status is what a Controller says of itself.
type Status struct {
	ControllerID string       `json:"controllerId"`
	Name         string       `json:"name"`
	Leader       string       `json:"leader"`
	Term         int64        `json:"term"`
	LastEventID  int64        `json:"lastEventId"`
	Members      []MemberInfo `json:"members"`
	OutOfSpace   bool         `json:"outOfSpace"` // of the member that answered
	Report       part.Report  `json:"report"`     // likewise
}

// MemberInfo is one member of a Controller.
type MemberInfo struct {
	Name string `json:"name"`
	Role string `json:"role"` // leader, follower
	URL  string `json:"url"`

	State string `json:"state"` // ready, joining, away; "" when unknown
}
