package workflow

import (
	"maps"
	"slices"
	"strings"
	"time"
	_ "time/tzdata" // so that a time zone is valid on every machine or on none

	"github.com/signet-scheduler/signet/internal/fault"
	"github.com/signet-scheduler/signet/internal/strictjson"
)

// Bounds of a workflow document.
const (
	MaxBytes        = 4 << 20 // of the JSON document
	MaxInstructions = 10_000  // in all blocks together
	MaxJobs         = 10_000  // in all blocks together, anonymous ones included
	MaxNesting      = 50      // blocks in blocks
	MaxParameters   = 1_000
	maxBranches     = 10_000 // branches of one Fork, conditions of one If

	// MaxDepth is the depth of JSON. It suffices for MaxNesting blocks, each
	// of which takes up to five levels, with a constant in the innermost.
	MaxDepth = 5*MaxNesting + 80
)

// DocumentLimits returns the limits within which documents of items are read.
func DocumentLimits() strictjson.Limits {
	return strictjson.Limits{MaxBytes: MaxBytes, MaxDepth: MaxDepth}
}

// Parse reads a workflow document and makes every check that needs nothing but
// the document. The error is a *fault.Error: that of strictjson.Parse, or
// Invalid, code InvalidWorkflow, with every problem (at most MaxProblems) and
// its JSON path.
func Parse(data []byte) (*Workflow, error) {
	n, err := strictjson.Parse(data, DocumentLimits())
	if err != nil {
		return nil, err
	}
	return FromNode(n)
}

// FromNode is Parse for a document that is read already, within
// DocumentLimits.
func FromNode(n *strictjson.Node) (*Workflow, error) {
	p := &parser{
		Problems:  &Problems{},
		table:     instructionParsers(),
		labels:    map[string]Position{},
		resources: map[string]bool{},
		agents:    map[string]bool{},
	}
	w := p.workflow(ReadFields(n, "$", p.Problems))
	if err := p.Err("InvalidWorkflow", "the workflow is not valid"); err != nil {
		if w.ID.Path != "" {
			return nil, fault.Of(err).About("Workflow:" + w.ID.Path)
		}
		return nil, err
	}
	return w, nil
}

// parser is the state while one document is read.
type parser struct {
	*Problems
	table        map[string]instructionParser
	labels       map[string]Position
	resources    map[string]bool // job resources referred to
	agents       map[string]bool // Agents referred to
	instructions int
	jobs         int
}

func (p *parser) workflow(f *Fields) *Workflow {
	w := &Workflow{TimeZone: "UTC"}
	f.Need("TYPE")
	if typ, ok := f.Text("TYPE"); ok && typ != "Workflow" {
		f.Problem("TYPE", "expected \"Workflow\", but this is %s", quoted(typ))
	}
	f.Need("path")
	w.ID.Path, _ = f.Checked("path", CheckPath)
	f.Need("versionId")
	w.ID.VersionID, _ = f.Checked("versionId", CheckVersionID)
	f.Refuse("itemRevision", "the Controller assigns revisions: itemRevision is not accepted here")
	if zone, ok := f.Checked("timeZone", checkTimeZone); ok {
		w.TimeZone = zone
	}
	f.Refuse("calendarPath", "%s", unsupported("calendarPath"))
	w.JobResourcePaths = p.resourcePaths(f)
	if o := f.Object("orderPreparation"); o != nil {
		w.Preparation = p.preparation(o)
	}
	w.Source, _ = f.Text("source")
	w.Block = p.sequence(f, context{})
	f.Done()
	w.labels = p.labels
	w.jobResources = slices.Sorted(maps.Keys(p.resources))
	w.agents = slices.Sorted(maps.Keys(p.agents))
	return w
}

// checkTimeZone is the documented exception to "no I/O": the zone database of
// the machine is read, or the one in the binary.
func checkTimeZone(zone string) error {
	if zone == "" || zone == "Local" || len(zone) > MaxName {
		return fault.New(fault.Invalid, "UnknownTimeZone", "%s is not the name of a time zone; expected a name like \"Europe/Berlin\"", quoted(zone))
	}
	if _, err := time.LoadLocation(zone); err != nil {
		return fault.Wrap(fault.Invalid, "UnknownTimeZone", err, "unknown time zone %s; expected a name like \"Europe/Berlin\"", quoted(zone))
	}
	return nil
}

// unsupported returns the message for what the reference knows and this
// version doesn't have. It is refused, since to ignore it would change what
// the author meant.
func unsupported(what string) string {
	return what + " is not supported by this version of Signet"
}

func (p *parser) resourcePaths(f *Fields) []string {
	paths := f.Paths("jobResourcePaths", CheckPath)
	for _, path := range paths {
		p.resources[path] = true
	}
	return paths
}

// context is where a block stands.
type context struct {
	outer   *Sequence
	block   Block
	depth   int
	inCatch bool // a Retry may stand here
	result  bool // the block may return a result to a fork
}

// site is where an instruction stands.
type site struct {
	context
	seq *Sequence // the block itself
	nr  int
}

func (s site) position() Position { return s.block.Position(s.nr) }

// sequence reads instructions, jobs and result of a block; the caller has the
// other fields of the object.
func (p *parser) sequence(f *Fields, c context) *Sequence {
	seq := &Sequence{Outer: c.outer}
	if jobs := f.Object("jobs"); jobs != nil {
		seq.Jobs = p.namedJobs(jobs)
	}
	if c.result {
		seq.Result = p.exprs(f, "result", PlaceInstruction, CheckVariable)
	} else {
		f.Refuse("result", "only the workflow of a Fork branch or of a ForkList returns a result")
	}
	f.Need("instructions")
	items, _ := f.Array("instructions")
	for i, item := range items {
		if p.instructions++; p.instructions > MaxInstructions {
			if p.instructions == MaxInstructions+1 {
				f.Problem("instructions", "the workflow has more than %d instructions", MaxInstructions)
			}
			break
		}
		fields := ReadFields(item, strictjson.IndexPath(f.At("instructions"), i), p.Problems)
		ins := p.instruction(fields, site{context: c, seq: seq, nr: i})
		if end, ok := ins.(*End); ok && end.Implicit && i < len(items)-1 {
			fields.Problem("TYPE", "ImplicitEnd may only stand at the end of a block; write End")
		}
		seq.Instructions = append(seq.Instructions, ins)
	}
	if last := len(seq.Instructions) - 1; last < 0 || !isEnd(seq.Instructions[last]) {
		seq.Instructions = append(seq.Instructions, &End{Implicit: true})
	}
	return seq
}

func isEnd(ins Instruction) bool {
	_, ok := ins.(*End)
	return ok
}

// child reads the block in a field of an instruction; it is never nil. enter
// changes the context for it.
func (p *parser) child(f *Fields, s site, field, branch string, enter func(*context)) *Sequence {
	f.Need(field)
	o := f.Object(field)
	if o == nil {
		return p.noBlock(s)
	}
	c := s.context
	c.outer, c.block, c.depth, c.result = s.seq, s.position().Branch(branch), c.depth+1, false
	if c.depth > MaxNesting {
		f.Problem(field, "blocks are nested deeper than %d", MaxNesting)
		return p.noBlock(s)
	}
	if enter != nil {
		enter(&c)
	}
	if typ, ok := o.Text("TYPE"); ok && typ != "Workflow" {
		o.Problem("TYPE", "expected a block, but this is %s", quoted(typ))
	}
	for _, name := range []string{"path", "versionId", "timeZone", "calendarPath", "jobResourcePaths", "orderPreparation"} {
		o.Refuse(name, "%s belongs to the whole workflow, not to a block", name)
	}
	seq := p.sequence(o, c)
	o.Done()
	return seq
}

// noBlock stands for a block that couldn't be read.
func (p *parser) noBlock(s site) *Sequence {
	return &Sequence{Outer: s.seq, Instructions: []Instruction{&End{Implicit: true}}}
}

// exprs is Fields.Exprs that notes the job resources referred to.
func (p *parser) exprs(f *Fields, name string, place Place, check func(string) error) []NamedExpr {
	named := f.Exprs(name, place, check)
	for _, e := range named {
		p.note(e.Expr.JobResources())
	}
	return named
}

func (p *parser) note(jobResources []string) {
	for _, path := range jobResources {
		p.resources[path] = true
	}
}

func (p *parser) agentPath(f *Fields) string {
	path, ok := f.Checked("agentPath", CheckAgentPath)
	if ok {
		p.agents[path] = true
	}
	return path
}

// typeNames returns the TYPEs of a table as a readable list.
func typeNames[V any](table map[string]V) string {
	return strings.Join(slices.Sorted(maps.Keys(table)), ", ")
}
