package workflow

import (
	"strings"
	"time"

	"github.com/signet-scheduler/signet/internal/fault"
	"github.com/signet-scheduler/signet/internal/strictjson"
)

// MaxProcessLimit is the greatest processLimit of a job or of an Agent.
const MaxProcessLimit = 1_000_000

// laterJobFields are known to the reference, some under an old name, and
// refused by this version.
var laterJobFields = []string{
	"admissionTimeScheme", "skipIfNoAdmissionStartForOrderDay", "skipIfNoAdmissionForOrderDay", "killAtEndOfAdmissionPeriod",
	"subagentBundleId", "subagentBundleIdExpr", "subagentSelectionId", "subagentSelectionIdExpr",
}

func (p *parser) namedJobs(f *Fields) map[string]*Job {
	jobs := make(map[string]*Job, len(f.node.Keys))
	for i, name := range f.node.Keys {
		where := f.At(name)
		if err := CheckName(name); err != nil {
			p.Add(where, "%s", message(err))
		}
		jobs[name] = p.job(ReadFields(f.node.Items[i], where, p.Problems))
	}
	return jobs
}

func (p *parser) job(f *Fields) *Job {
	if p.jobs++; p.jobs == MaxJobs+1 {
		f.Problem("", "the workflow has more than %d jobs", MaxJobs)
	}
	job := &Job{SigkillDelay: -1}
	f.Need("agentPath")
	job.AgentPath = p.agentPath(f)
	f.Need("executable")
	if o := f.Object("executable"); o != nil {
		job.Executable = p.executable(o)
	}
	job.DefaultArguments = p.exprs(f, "defaultArguments", PlaceProcess, CheckVariable)
	job.JobResourcePaths = p.resourcePaths(f)
	job.ProcessLimit = f.Int(0, MaxProcessLimit, 1, "processLimit", "parallelism")
	if timeout, ok := f.Duration("timeout"); ok {
		if timeout <= 0 {
			f.Problem("timeout", "the timeout must be greater than 0; leave the field out for no limit")
		}
		job.Timeout = timeout
	}
	if delay, ok := f.Duration("sigkillDelay"); ok {
		job.SigkillDelay = max(delay, 0) // the reference: 0 or less is "at once"
	}
	job.FailOnErrWritten = f.Bool("failOnErrWritten")
	job.NotRestartable = f.Bool("isNotRestartable")
	for _, name := range laterJobFields {
		f.Refuse(name, "%s", unsupported(name))
	}
	f.Done()
	return job
}

func (p *parser) retryDelays(f *Fields) []time.Duration {
	items, _ := f.array("retryDelays", maxRetryDelays)
	var delays []time.Duration
	for i, item := range items {
		where := strictjson.IndexPath(f.At("retryDelays"), i)
		if item.Kind != strictjson.Number {
			p.Add(where, "expected a number of seconds, but this is %s", item.Kind)
		} else if d, err := parseSeconds(item.Text); err != nil {
			p.Add(where, "%s", message(err))
		} else if d < 0 {
			p.Add(where, "a delay must not be negative")
		} else {
			delays = append(delays, d)
		}
	}
	return delays
}

// executableTypes are the TYPEs of executables, old names included.
var executableTypes = map[string]ExecutableType{
	"ShellScriptExecutable": ShellScript,
	"ScriptExecutable":      ShellScript,
	"ExecutableScript":      ShellScript,
	"PathExecutable":        Path,
	"ExecutablePath":        Path,
	"CommandLineExecutable": CommandLine,
}

func (p *parser) executable(f *Fields) Executable {
	f.Need("TYPE")
	typ, ok := f.Text("TYPE")
	if !ok {
		return Executable{}
	}
	x := Executable{Type: executableTypes[typ]}
	switch x.Type {
	case ShellScript:
		f.Need("script")
		x.Script, _ = f.Text("script")
		x.V1 = f.Bool("v1Compatible")
	case Path:
		f.Need("path")
		x.Path, _ = f.Checked("path", checkExecutablePath)
		x.V1 = f.Bool("v1Compatible")
	case CommandLine:
		f.Need("command")
		if command, ok := f.Text("command"); ok {
			x.Command = p.commandLine(command, f.At("command"))
		}
		f.Refuse("v1Compatible", "a CommandLineExecutable can't be v1Compatible")
	default:
		if typ == "InternalExecutable" {
			f.Problem("", "%s", unsupported("InternalExecutable (a class in the Agent)"))
		} else {
			f.Problem("TYPE", "unknown executable %s (known are ShellScriptExecutable, PathExecutable, CommandLineExecutable)", quoted(typ))
		}
		return x
	}
	x.Env = p.exprs(f, "env", PlaceProcess, CheckEnv)
	x.Meaning = p.returnCodeMeaning(f)
	f.Refuse("login", "%s", unsupported("login (running as another Windows user)"))
	f.Done()
	return x
}

// checkExecutablePath: an absolute path is any file of the Agent's machine; a
// relative one must stay below the Agent's directory of executables and must
// not name hidden files.
func checkExecutablePath(path string) error {
	invalid := func(why string) error {
		return fault.New(fault.Invalid, "InvalidExecutablePath", "the path %s %s", quoted(path), why)
	}
	switch {
	case path == "":
		return fault.New(fault.Invalid, "InvalidExecutablePath", "the path of an executable must not be empty")
	case len(path) > 4096:
		return invalid("is longer than 4096 bytes")
	case strings.HasSuffix(path, "/"):
		return invalid("names a directory")
	case strings.HasPrefix(path, "/"):
		return nil
	case strings.TrimSpace(path) != path:
		return invalid("must not begin or end with white space")
	case strings.HasPrefix(path, ".") || strings.Contains(path, "/."):
		return invalid("is relative to the Agent's directory of executables and must not contain a name that begins with a dot")
	case strings.Contains(path, `\`):
		return invalid("is relative to the Agent's directory of executables and must not contain a backslash")
	}
	return nil
}

func (p *parser) returnCodeMeaning(f *Fields) ReturnCodeMeaning {
	o := f.Object("returnCodeMeaning")
	if o == nil {
		return ReturnCodeMeaning{}
	}
	var m ReturnCodeMeaning
	success, _ := o.Get("success")
	failure, _ := o.Get("failure")
	codes, name := success, "success"
	switch {
	case success != nil && failure != nil:
		o.Problem("", "only one of \"success\" and \"failure\" may be given")
	case failure != nil:
		codes, name = failure, "failure"
		m.Failure = true
	case success == nil:
		o.Problem("", "\"success\" or \"failure\" is missing")
	}
	if codes != nil {
		r, err := ParseRange(codes)
		if err != nil {
			o.Problem(name, "%s", message(err))
		}
		m.Codes, m.Set = r, true
	}
	o.Done()
	return m
}
