package workflow

import (
	"maps"
	"slices"
	"strings"

	"github.com/signet-scheduler/signet/internal/expr"
	"github.com/signet-scheduler/signet/internal/strictjson"
	"github.com/signet-scheduler/signet/internal/value"
)

// instructionParser reads the fields that belong to one TYPE of instruction.
// It never returns nil; what is wrong goes to the parser's problems.
type instructionParser func(p *parser, f *Fields, l Labeled, s site) Instruction

// instructionParsers is the one table of instructions by TYPE.
func instructionParsers() map[string]instructionParser {
	return map[string]instructionParser{
		"Execute.Named":     parseExecuteNamed,
		"Execute.Anonymous": parseExecuteAnonymous,
		"If":                parseIf,
		"Try":               parseTry,
		"Retry":             parseRetry,
		"Fork":              parseFork,
		"ForkList":          parseForkList,
		"Fail":              parseFail,
		"Finish":            parseFinish,
		"Stop":              func(_ *parser, _ *Fields, l Labeled, _ site) Instruction { return &Stop{l} },
		"Options":           parseOptions,
		"Sleep":             parseSleep,
		"EmptyInstruction":  func(_ *parser, _ *Fields, l Labeled, _ site) Instruction { return &Empty{l} },
		"End":               func(_ *parser, _ *Fields, l Labeled, _ site) Instruction { return &End{Labeled: l} },
		"ImplicitEnd":       func(_ *parser, _ *Fields, l Labeled, _ site) Instruction { return &End{Labeled: l, Implicit: true} },
	}
}

// laterInstructions are known to the reference and refused by this version.
var laterInstructions = []string{
	"AddOrder", "AdmissionTime", "BreakOrder", "ConsumeNotices", "Cycle", "ExpectNotice", "ExpectNotices", "Gap",
	"Lock", "PostNotice", "PostNotices", "Prompt", "Say", "StickySubagent",
}

// instruction reads one instruction: what all have in common here, the rest by
// the table.
func (p *parser) instruction(f *Fields, s site) Instruction {
	f.Need("TYPE")
	typ, ok := f.Text("TYPE")
	if !ok {
		return &Empty{}
	}
	parse, known := p.table[typ]
	switch {
	case known:
	case slices.Contains(laterInstructions, typ):
		f.Problem("", "the instruction %s", unsupported(typ))
		return &Empty{}
	case typ == "Break":
		f.Problem("", "Break is only allowed in a Cycle")
		return &Empty{}
	case p.full():
		p.more++
		return &Empty{}
	default:
		f.Problem("TYPE", "unknown instruction %s%s (known are %s)", quoted(typ),
			didYouMean(typ, slices.Sorted(maps.Keys(p.table))), typeNames(p.table))
		return &Empty{}
	}
	ins := parse(p, f, p.label(f, s), s)
	p.sourcePosition(f, s)
	f.Done()
	return ins
}

func (p *parser) label(f *Fields, s site) Labeled {
	label, ok := f.Checked("label", func(l string) error { return checkText("label", l) })
	if !ok {
		return Labeled{}
	}
	if other, taken := p.labels[label]; taken {
		f.Problem("label", "the label %s is already used at position %s", quoted(label), other)
	} else {
		p.labels[label] = s.position().Normalize()
	}
	return Labeled{Name: label}
}

// sourcePosition checks the fields that printing clients add: sourcePos, the
// place in the source text, and position, the instruction's own. They carry
// nothing, but must not say anything wrong.
func (p *parser) sourcePosition(f *Fields, s site) {
	if items, ok := f.Array("sourcePos"); ok {
		good := len(items) == 2
		for _, item := range items {
			if i, err := item.Int(); err != nil || i < 0 {
				good = false
			}
		}
		if !good {
			f.Problem("sourcePos", "expected two integers, [from,to]")
		}
	}
	if n, _ := f.Get("position"); n != nil {
		if pos, err := ParsePosition(n); err != nil {
			f.Problem("position", "%s", message(err))
		} else if pos.Normalize() != s.position().Normalize() {
			f.Problem("position", "the instruction is at position %s, not at %s; the field may be left out", s.position(), pos)
		}
	}
}

func parseExecuteNamed(p *parser, f *Fields, l Labeled, s site) Instruction {
	e := &Execute{Labeled: l, DefaultArguments: p.exprs(f, "defaultArguments", PlaceProcess, CheckVariable)}
	f.Need("jobName")
	name, ok := f.Checked("jobName", CheckName)
	if !ok {
		return e
	}
	e.JobName = name
	if e.Job = s.seq.job(name); e.Job != nil {
		return e
	}
	var known []string
	for seq := s.seq; seq != nil && !p.full(); seq = seq.Outer {
		if len(seq.Jobs) <= maxHints {
			known = append(known, slices.Sorted(maps.Keys(seq.Jobs))...)
		}
	}
	f.Problem("jobName", "unknown job %s%s", quoted(name), didYouMean(name, known))
	return e
}

// job returns the job of that name of the block or the nearest block around
// it, or nil.
func (s *Sequence) job(name string) *Job {
	for ; s != nil; s = s.Outer {
		if job, ok := s.Jobs[name]; ok {
			return job
		}
	}
	return nil
}

func parseExecuteAnonymous(p *parser, f *Fields, l Labeled, s site) Instruction {
	e := &Execute{Labeled: l, DefaultArguments: p.exprs(f, "defaultArguments", PlaceProcess, CheckVariable)}
	f.Need("job")
	if job := f.Object("job"); job != nil {
		e.Job = p.job(job)
	}
	return e
}

func parseIf(p *parser, f *Fields, l Labeled, s site) Instruction {
	ins := &If{Labeled: l}
	if f.Has("ifThens") {
		for _, old := range []string{"predicate", "then"} {
			f.Refuse(old, "%q belongs to the old form of If and can't be given together with \"ifThens\"", old)
		}
		items, ok := f.array("ifThens", maxBranches)
		if ok && len(items) == 0 {
			f.Problem("ifThens", "an If needs at least one condition")
		}
		for i, item := range items {
			branch := ReadFields(item, strictjson.IndexPath(f.At("ifThens"), i), p.Problems)
			ins.IfThens = append(ins.IfThens, p.ifThen(branch, s, i))
			branch.Done()
		}
	} else {
		ins.IfThens = []IfThen{p.ifThen(f, s, 0)}
	}
	if f.Has("else") {
		ins.Else = p.child(f, s, "else", BranchElse, nil)
	}
	return ins
}

func (p *parser) ifThen(f *Fields, s site, i int) IfThen {
	predicate := p.expr(f, "predicate")
	if predicate != nil {
		checkConstant(predicate, f.At("predicate"), p.Problems, value.BooleanKind)
	}
	return IfThen{Predicate: predicate, Then: p.child(f, s, "then", ThenBranch(i), nil)}
}

// expr reads an expression that must be given; nil when there is a problem.
func (p *parser) expr(f *Fields, name string) *expr.Expr {
	f.Need(name)
	return p.optionalExpr(f, name)
}

func (p *parser) optionalExpr(f *Fields, name string) *expr.Expr {
	e := f.Expr(name, PlaceInstruction)
	if e != nil {
		p.note(e.JobResources())
	}
	return e
}

func parseTry(p *parser, f *Fields, l Labeled, s site) Instruction {
	ins := &Try{Labeled: l}
	ins.Try = p.child(f, s, "try", BranchTry, nil)
	ins.Catch = p.child(f, s, "catch", BranchCatch, func(c *context) { c.inCatch = true })
	ins.Retry.MaxTries = f.Int(1, maxTries, 0, "maxTries")
	ins.Retry.Delays = p.retryDelays(f)
	if (f.Has("maxTries") || f.Has("retryDelays")) && !hasRetry(ins.Catch) {
		f.Problem("", "MissingRetry: maxTries and retryDelays have no effect without a Retry in the catch block")
	}
	return ins
}

// Bounds of a retry policy.
const (
	maxTries       = 1_000_000_000
	maxRetryDelays = 1_000
)

// hasRetry tells whether a catch block has a Retry that belongs to its Try.
// The catch blocks of a Try in there have their own.
func hasRetry(seq *Sequence) bool {
	for _, ins := range seq.Instructions {
		switch ins := ins.(type) {
		case *Retry:
			return true
		case *Try:
			if hasRetry(ins.Try) {
				return true
			}
		case *If:
			for _, b := range Branches(ins) {
				if hasRetry(b.Block) {
					return true
				}
			}
		}
	}
	return false
}

func parseRetry(_ *parser, f *Fields, l Labeled, s site) Instruction {
	if !s.inCatch {
		f.Problem("", "Retry is only allowed in the catch block of a Try, or in an If or Try in there")
	}
	return &Retry{l}
}

// leave is for the blocks in which a Retry of an outer Try can't stand.
func leave(c *context) { c.inCatch = false }

// leaveToFork is leave for the blocks that return results.
func leaveToFork(c *context) { c.inCatch, c.result = false, true }

func parseFork(p *parser, f *Fields, l Labeled, s site) Instruction {
	ins := &Fork{Labeled: l, JoinIfFailed: f.Bool("joinIfFailed"), AgentPath: p.agentPath(f)}
	f.Need("branches")
	items, ok := f.array("branches", maxBranches)
	if ok && len(items) == 0 {
		f.Problem("branches", "a Fork needs at least one branch")
	}
	ids, results := map[string]bool{}, map[string]string{}
	for i, item := range items {
		b := ReadFields(item, strictjson.IndexPath(f.At("branches"), i), p.Problems)
		b.Need("id")
		id, ok := b.Checked("id", checkBranchID)
		if ok && ids[id] {
			b.Problem("id", "the branch id %s occurs twice", quoted(id))
		}
		ids[id] = true
		block := p.child(b, s, "workflow", ForkBranch(id), leaveToFork)
		for _, r := range block.Result {
			if other, taken := results[r.Name]; taken {
				b.Problem("workflow", "the result %s is already returned by the branch %s", quoted(r.Name), quoted(other))
			} else {
				results[r.Name] = id
			}
		}
		ins.Branches = append(ins.Branches, ForkBranchDef{ID: id, Block: block})
		b.Done()
	}
	return ins
}

// checkBranchID also keeps the ids of child orders unambiguous: "parent|id".
func checkBranchID(id string) error {
	if err := checkText("branch id", id); err != nil {
		return err
	}
	if strings.Contains(id, "|") {
		return invalidName("the branch id %s must not contain '|', which separates the ids of child orders", quoted(id))
	}
	if longest := MaxBranchID - len(BranchFork) - 1; len(id) > longest {
		return invalidName("the branch id %s is longer than %d bytes", quoted(id), longest)
	}
	return nil
}

func parseForkList(p *parser, f *Fields, l Labeled, s site) Instruction {
	ins := &ForkList{Labeled: l, JoinIfFailed: f.Bool("joinIfFailed"), AgentPath: p.agentPath(f)}
	if ins.Children = p.expr(f, "children"); ins.Children != nil {
		checkConstant(ins.Children, f.At("children"), p.Problems, value.ListKind)
	}
	f.Need("childToId")
	ins.ChildToID = p.function(f, "childToId", 1, 2)
	ins.ChildToArguments = p.function(f, "childToArguments", 0, 2)
	ins.Block = p.child(f, s, "workflow", BranchFork, leaveToFork)
	return ins
}

func (p *parser) function(f *Fields, name string, least, most int) *expr.Function {
	source, ok := f.Text(name)
	if !ok {
		return nil
	}
	function := parseFunction(source, f.At(name), least, most, p.Problems)
	if function != nil {
		p.note(function.Body().JobResources())
	}
	return function
}

func parseFail(p *parser, f *Fields, l Labeled, _ site) Instruction {
	return &Fail{
		Labeled:     l,
		Message:     p.optionalExpr(f, "message"),
		NamedValues: f.Values("namedValues"),
		Uncatchable: f.Bool("uncatchable"),
	}
}

func parseFinish(p *parser, f *Fields, l Labeled, _ site) Instruction {
	ins := &Finish{Labeled: l}
	o := f.Object("outcome")
	if o == nil {
		return ins
	}
	o.Need("TYPE")
	typ, ok := o.Text("TYPE")
	switch {
	case typ == "Succeeded":
		o.Refuse("message", "only a Failed outcome has a message")
	case typ == "Failed":
	case ok:
		o.Problem("TYPE", "expected \"Succeeded\" or \"Failed\", but this is %s", quoted(typ))
	}
	ins.Outcome = &FinishOutcome{Failed: typ == "Failed", NamedValues: o.Values("namedValues")}
	ins.Outcome.Message, _ = o.Text("message")
	if o.Bool("uncatchable") {
		o.Problem("uncatchable", "Finish can't give an uncatchable outcome; use Fail")
	}
	o.Done()
	return ins
}

func parseOptions(p *parser, f *Fields, l Labeled, s site) Instruction {
	ins := &Options{Labeled: l}
	if f.Has("stopOnFailure") {
		stop := f.Bool("stopOnFailure")
		ins.StopOnFailure = &stop
	}
	ins.Block = p.child(f, s, "block", BranchOptions, leave)
	return ins
}

func parseSleep(p *parser, f *Fields, l Labeled, _ site) Instruction {
	ins := &Sleep{Labeled: l, Duration: p.expr(f, "duration")}
	where := f.At("duration")
	v, ok := constant(ins.Duration, where, p.Problems)
	if !ok {
		return ins
	}
	switch v := v.(type) {
	case value.Number, value.Missing:
	case value.String:
		if _, err := value.ParseNumber(string(v)); err != nil {
			p.Add(where, "expected a number of seconds: %s", message(err))
		}
	default:
		p.Add(where, "WrongValueType: expected a Number of seconds, but this is always a %s", v.Kind())
	}
	return ins
}

// InstructionTypes returns the TYPEs of all instructions that are supported,
// sorted.
func InstructionTypes() []string { return slices.Sorted(maps.Keys(instructionParsers())) }
