package item

import (
	"slices"
	"strings"

	"github.com/signet-scheduler/signet/internal/fault"
	"github.com/signet-scheduler/signet/internal/strictjson"
	"github.com/signet-scheduler/signet/internal/workflow"
)

// Parse reads a document of any kind, told by its TYPE. The error is a
// *fault.Error: that of strictjson.Parse; Invalid with code UnknownKind or
// UnsupportedKind; or Invalid with code Invalid… and the name of the kind
// (InvalidWorkflow) and every problem with its JSON path.
func Parse(data []byte) (Item, error) {
	n, err := strictjson.Parse(data, workflow.DocumentLimits())
	if err != nil {
		return nil, err
	}
	kind, err := kindOf(n)
	if err != nil {
		return nil, err
	}
	switch kind {
	case KindWorkflow:
		w, err := workflow.FromNode(n)
		if err != nil {
			return nil, err
		}
		return Workflow{w}, nil
	case KindJobResource:
		return parseJobResource(n)
	default:
		return parseAgentRef(n)
	}
}

// ParseAs is Parse for a document that must be of that kind and path, and of
// that version unless versionID is empty. It is Invalid with code KeyMismatch
// when it isn't, and InvalidVersion when an unversioned kind is to have a
// version.
func ParseAs(k Key, versionID string, data []byte) (Item, error) {
	if versionID != "" && !k.Kind.Versioned() {
		return nil, fault.New(fault.Invalid, "InvalidVersion", "objects of the kind %s have no version", k.Kind).About(k.String())
	}
	i, err := Parse(data)
	if err != nil {
		return nil, about(err, k)
	}
	if got := i.Key(); got != k {
		return nil, fault.New(fault.Invalid, "KeyMismatch", "the document states that it is %s", got).About(k.String())
	}
	if w, ok := i.(Workflow); ok && versionID != "" && w.ID.VersionID != versionID {
		return nil, fault.New(fault.Invalid, "KeyMismatch", "the document states version %q, expected is version %q", w.ID.VersionID, versionID).About(k.String())
	}
	return i, nil
}

func about(err error, k Key) error { return fault.Of(err).About(k.String()) }

func kindOf(n *strictjson.Node) (Kind, error) {
	typ, ok := n.Get("TYPE")
	if !ok || typ.Kind != strictjson.String {
		e := fault.New(fault.Invalid, "UnknownKind", "the kind of the document can't be told")
		e.Problems = []fault.Problem{{Where: "$", Message: `expected an object with the field "TYPE": ` + knownTypes()}}
		return "", e
	}
	if Kind(typ.Text).info() != nil {
		return Kind(typ.Text), nil
	}
	for _, later := range laterKinds {
		if later.typ == typ.Text {
			e := fault.New(fault.Invalid, "UnsupportedKind", "the document can't be used")
			e.Problems = []fault.Problem{{Where: "$.TYPE", Message: later.typ + " is not supported by this version of Signet"}}
			return "", e
		}
	}
	e := fault.New(fault.Invalid, "UnknownKind", "the kind of the document is unknown")
	e.Problems = []fault.Problem{{Where: "$.TYPE", Message: "expected " + knownTypes()}}
	return "", e
}

func knownTypes() string {
	names := make([]string, len(kinds))
	for i := range kinds {
		names[i] = `"` + string(kinds[i].Kind) + `"`
	}
	return strings.Join(names, ", ")
}

// header reads the fields that every document has.
func header(f *workflow.Fields, checkPath func(string) error) (path string) {
	f.Has("TYPE")
	f.Need("path")
	path, _ = f.Checked("path", checkPath)
	f.Refuse("itemRevision", "the Controller assigns revisions: itemRevision is not accepted here")
	f.Refuse("versionId", "only workflows have versions")
	return path
}

// finish reports what is left and returns the error of a document.
func finish(f *workflow.Fields, problems *workflow.Problems, k Key) error {
	f.Done()
	err := problems.Err("Invalid"+string(k.Kind), "the document is not valid")
	if err != nil && k.Path != "" {
		return about(err, k)
	}
	return err
}

func parseJobResource(n *strictjson.Node) (Item, error) {
	problems := &workflow.Problems{}
	f := workflow.ReadFields(n, "$", problems)
	r := &JobResource{Path: header(f, workflow.CheckPath)}
	r.Variables = f.Exprs("variables", workflow.PlaceJobResource, workflow.CheckVariable)
	r.Env = f.Exprs("env", workflow.PlaceJobResource, workflow.CheckEnv)
	checkNames(f, r, problems)
	if err := finish(f, problems, r.Key()); err != nil {
		return nil, err
	}
	return r, nil
}

// builtIns are the names that a job resource may read beside its variables:
// what the engine itself knows about the order, never what a user gave it.
var builtIns = []string{
	"js7ControllerId", "js7EpochMilli", "js7EpochSecond", "js7Job", "js7JobExecutionCount", "js7JobName", "js7Label", "js7MaxTries",
	"js7OrderId", "js7TryCount", "js7WorkflowPath", "js7WorkflowPosition", "js7WorkflowTimezone",
}

// checkNames reports names that a job resource can't read, and variables that
// depend on themselves.
func checkNames(f *workflow.Fields, r *JobResource, problems *workflow.Problems) {
	own := map[string]workflow.NamedExpr{}
	for _, v := range r.Variables {
		own[v.Name] = v
	}
	for _, list := range []struct {
		field string
		exprs []workflow.NamedExpr
	}{{"variables", r.Variables}, {"env", r.Env}} {
		for _, e := range list.exprs {
			for _, name := range e.Expr.Names() {
				if _, ok := own[name]; !ok && !slices.Contains(builtIns, name) {
					problems.Add(strictjson.KeyPath(f.At(list.field), e.Name), "$%.60s is no variable of this job resource; "+
						"a job resource can't read the variables of an order", name)
				}
			}
		}
	}
	checkCircles(f.At("variables"), own, problems)
}

func checkCircles(where string, own map[string]workflow.NamedExpr, problems *workflow.Problems) {
	const (
		open = 1
		done = 2
	)
	state := map[string]int{}
	var visit func(name string)
	visit = func(name string) {
		v, ok := own[name]
		if !ok || state[name] == done {
			return
		}
		if state[name] == open {
			problems.Add(strictjson.KeyPath(where, name), "RecursiveEvaluation: the variable depends on itself")
			return
		}
		state[name] = open
		for _, other := range v.Expr.Names() {
			visit(other)
		}
		state[name] = done
	}
	names := make([]string, 0, len(own))
	for name := range own {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range names {
		visit(name)
	}
}

func parseAgentRef(n *strictjson.Node) (Item, error) {
	problems := &workflow.Problems{}
	f := workflow.ReadFields(n, "$", problems)
	a := &AgentRef{Path: header(f, workflow.CheckAgentPath)}
	if f.Has("directors") {
		f.Problem("directors", "an Agent of Signet is one process without directors: name its address instead, as \"uri\": \"https://host:4445\"")
	} else {
		f.Need("uri")
	}
	a.URI, _ = f.Checked("uri", CheckURI)
	a.ProcessLimit = f.Int(0, workflow.MaxProcessLimit, NoLimit, "processLimit")
	a.Disabled = f.Bool("disabled")
	f.Refuse("requireFailoverConfirmation", "requireFailoverConfirmation is not supported by this version of Signet: an Agent is one process without fail-over")
	if err := finish(f, problems, a.Key()); err != nil {
		return nil, err
	}
	return a, nil
}
