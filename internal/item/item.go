// Package item owns the documents that are deployed, of every kind: it tells
// the kinds apart, reads each strictly, and names what a document refers to.
// Workflows are read by package workflow and wrapped here.
//
// It must not read files, verify signatures or know which items exist: a
// reference is a key, whoever keeps the items looks it up. The engine, the
// Controller, the Agent, the Cockpit and the command line call it.
package item

import (
	"slices"
	"strings"

	"github.com/signet-scheduler/signet/internal/fault"
	"github.com/signet-scheduler/signet/internal/workflow"
)

// Kind is a kind of item: the TYPE of its document.
type Kind string

// The kinds of items.
const (
	KindWorkflow    Kind = "Workflow"
	KindJobResource Kind = "JobResource"
	KindAgentRef    Kind = "AgentRef"
)

// KindInfo is what is known about a kind.
type KindInfo struct {
	Kind      Kind
	Prefix    string // of Key.String: "Agent:agent-1"
	Suffix    string // of file names: NAME.agent.json
	Versioned bool   // its documents carry a versionId
}

// kinds is the one table of kinds.
var kinds = []KindInfo{
	{KindWorkflow, "Workflow", "workflow", true},
	{KindJobResource, "JobResource", "jobresource", false},
	{KindAgentRef, "Agent", "agent", false},
}

// laterKinds are known to the reference and refused by this version: the TYPEs
// of documents with the suffixes of their files ("" where files have none).
var laterKinds = []struct{ typ, suffix string }{
	{"Lock", "lock"},
	{"GlobalBoard", "noticeboard"},
	{"PlannableBoard", "noticeboard"},
	{"Board", "noticeboard"},
	{"FileWatch", "fileordersource"},
	{"Calendar", "calendar"},
	{"Schedule", "schedule"},
	{"SubagentItem", ""},
	{"SubagentBundle", ""},
	{"PlanSchema", ""},
	{"WorkflowPathControl", ""},
	{"WorkflowControl", ""},
}

// Kinds returns the table of kinds.
func Kinds() []KindInfo { return slices.Clone(kinds) }

// info returns the entry of a kind, or nil.
func (k Kind) info() *KindInfo {
	for i := range kinds {
		if kinds[i].Kind == k {
			return &kinds[i]
		}
	}
	return nil
}

// Versioned tells whether documents of the kind carry a versionId.
func (k Kind) Versioned() bool {
	info := k.info()
	return info != nil && info.Versioned
}

// Suffix returns the part of file names that tells the kind: "workflow" in
// NAME.workflow.json; "" for an unknown kind.
func (k Kind) Suffix() string {
	if info := k.info(); info != nil {
		return info.Suffix
	}
	return ""
}

// KindOfSuffix returns the kind of files NAME.suffix.json. The error is
// Invalid: code UnsupportedKind for a kind of a later version, else
// UnknownKind.
func KindOfSuffix(suffix string) (Kind, error) {
	var known []string
	for i := range kinds {
		if kinds[i].Suffix == suffix {
			return kinds[i].Kind, nil
		}
		known = append(known, kinds[i].Suffix)
	}
	for _, later := range laterKinds {
		if later.suffix == suffix && suffix != "" {
			return "", fault.New(fault.Invalid, "UnsupportedKind", "objects of the kind %q are not supported by this version of Signet", suffix)
		}
	}
	return "", fault.New(fault.Invalid, "UnknownKind", "unknown kind of object %.60q (known are %s)", suffix, strings.Join(known, ", "))
}

// Key names an item, whatever its version.
type Key struct {
	Kind Kind
	Path string
}

// String returns "Workflow:A/B", "JobResource:R", "Agent:agent-1".
func (k Key) String() string {
	if info := k.Kind.info(); info != nil {
		return info.Prefix + ":" + k.Path
	}
	return string(k.Kind) + ":" + k.Path
}

// Compare orders keys by kind, then by path.
func (k Key) Compare(other Key) int {
	if c := strings.Compare(string(k.Kind), string(other.Kind)); c != 0 {
		return c
	}
	return strings.Compare(k.Path, other.Path)
}

// Check tells what is wrong with the key: the kind must be known, the path
// well-formed for it. The error is Invalid, code UnknownKind or InvalidName.
func (k Key) Check() error {
	switch {
	case k.Kind.info() == nil:
		return fault.New(fault.Invalid, "UnknownKind", "unknown kind of object %.60q", string(k.Kind))
	case k.Kind == KindAgentRef:
		return workflow.CheckAgentPath(k.Path)
	}
	return workflow.CheckPath(k.Path)
}

// ParseKey reads what Key.String writes, and the kind's own name as well
// ("AgentRef:agent-1"). The error is Invalid, code UnknownKind or InvalidName.
func ParseKey(s string) (Key, error) {
	prefix, path, _ := strings.Cut(s, ":")
	k := Key{Kind: Kind(prefix), Path: path}
	for i := range kinds {
		if kinds[i].Prefix == prefix {
			k.Kind = kinds[i].Kind
		}
	}
	if err := k.Check(); err != nil {
		return Key{}, err
	}
	return k, nil
}

// Item is a parsed document: a Workflow, *JobResource or *AgentRef. It is
// never changed.
type Item interface {
	Key() Key
}

// Workflow is a workflow as an item.
type Workflow struct{ *workflow.Workflow }

// Key returns the workflow's key.
func (w Workflow) Key() Key { return Key{KindWorkflow, w.ID.Path} }

// JobResource gives environment variables to processes, and variables to
// expressions. Both lists are sorted by name.
type JobResource struct {
	Path      string
	Variables []workflow.NamedExpr
	Env       []workflow.NamedExpr
}

// Key returns the job resource's key.
func (r *JobResource) Key() Key { return Key{KindJobResource, r.Path} }

// AgentRef tells where an Agent is. Path is also the name in its certificate.
type AgentRef struct {
	Path         string
	URI          string // https://host:port, without path
	ProcessLimit int    // processes of all jobs at once; NoLimit when absent, 0: none starts
	Disabled     bool   // no new process starts there
}

// NoLimit is the ProcessLimit of an AgentRef that states none.
const NoLimit = -1

// Key returns the Agent's key.
func (a *AgentRef) Key() Key { return Key{KindAgentRef, a.Path} }

// References returns the keys of the items that i names, sorted and without
// repetition.
func References(i Item) []Key {
	w, ok := i.(Workflow)
	if !ok {
		return nil
	}
	var keys []Key
	for _, path := range w.AgentPaths() {
		keys = append(keys, Key{KindAgentRef, path})
	}
	for _, path := range w.JobResources() {
		keys = append(keys, Key{KindJobResource, path})
	}
	slices.SortFunc(keys, Key.Compare)
	return keys
}
