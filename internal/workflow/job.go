package workflow

import (
	"regexp"
	"time"

	"github.com/signet-scheduler/signet/internal/expr"
)

// Job is what an Agent runs (section 2.1 of the reference).
type Job struct {
	AgentPath        string
	Executable       Executable
	DefaultArguments []NamedExpr
	JobResourcePaths []string
	ProcessLimit     int           // processes of this job at once on its Agent; 0: never starts
	Timeout          time.Duration // 0: none
	SigkillDelay     time.Duration // negative: the Agent's setting; 0: SIGKILL at once
	FailOnErrWritten bool
	NotRestartable   bool
}

// ExecutableType tells the kinds of executables apart.
type ExecutableType string

// The kinds of executables.
const (
	ShellScript ExecutableType = "ShellScriptExecutable"
	Path        ExecutableType = "PathExecutable"
	CommandLine ExecutableType = "CommandLineExecutable"
)

// Executable is what a job starts (section 2.2 of the reference).
type Executable struct {
	Type    ExecutableType
	Script  string        // ShellScript: the text
	Path    string        // Path: absolute, or relative to the Agent's directory of executables
	Command []CommandWord // CommandLine: the words; the first is the file
	Env     []NamedExpr
	Meaning ReturnCodeMeaning
	V1      bool // v1Compatible: order variables as SCHEDULER_PARAM_*
}

// CommandWord is one word of a command line: the concatenation of its parts,
// evaluated as strings.
type CommandWord struct{ Parts []*expr.Expr }

// ReturnCodeMeaning tells which return codes are a success. The zero value
// means: 0 only.
type ReturnCodeMeaning struct {
	Failure bool  // Codes lists the failures; else the successes
	Set     bool  // Codes was given
	Codes   Range // sorted, merged
}

// IsSuccess tells whether return code rc is a success.
func (m ReturnCodeMeaning) IsSuccess(rc int) bool {
	if !m.Set {
		return rc == 0
	}
	return m.Codes.Contains(rc) != m.Failure
}

// Range is a set of integers as sorted, disjoint intervals, both ends included.
type Range [][2]int

// Contains tells whether n is in the set.
func (r Range) Contains(n int) bool {
	for _, iv := range r {
		if n >= iv[0] && n <= iv[1] {
			return true
		}
	}
	return false
}

// Pattern is a regular expression (RE2) that a whole value has to match.
type Pattern struct {
	Source string
	re     *regexp.Regexp
}

// NewPattern compiles source; the error tells what RE2 refuses.
func NewPattern(source string) (*Pattern, error) {
	// Alone first: "a)|(?:b" would escape from the group below.
	if _, err := regexp.Compile(source); err != nil {
		return nil, err
	}
	re, err := regexp.Compile(`\A(?:` + source + `)\z`)
	if err != nil {
		return nil, err
	}
	return &Pattern{Source: source, re: re}, nil
}

// Matches tells whether the whole of s matches.
func (p *Pattern) Matches(s string) bool { return p.re.MatchString(s) }
