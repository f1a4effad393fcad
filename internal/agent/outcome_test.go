package agent

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/signet-scheduler/signet/internal/codec"
	"github.com/signet-scheduler/signet/internal/engine"
	"github.com/signet-scheduler/signet/internal/joblog"
	"github.com/signet-scheduler/signet/internal/proc"
)

// A job that fails says why: with the last line that it wrote to stderr.
func TestOutcome(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("ä", 300)
	for name, c := range map[string]struct {
		end    proc.End
		line   string
		errors bool // the job fails when it writes to stderr
		want   string
	}{
		"good":                     {proc.End{}, "a warning", false, `{"TYPE":"Succeeded","namedValues":{"returnCode":0}}`},
		"failed":                   {proc.End{ExitCode: 3}, "disk full", false, `{"TYPE":"Failed","message":"disk full","namedValues":{"returnCode":3}}`},
		"failed without a word":    {proc.End{ExitCode: 3}, "", false, `{"TYPE":"Failed","namedValues":{"returnCode":3}}`},
		"ended by a signal":        {proc.End{Signal: 9}, "out of memory", false, `{"TYPE":"Failed","message":"out of memory","namedValues":{"returnCode":137}}`},
		"colours and titles":       {proc.End{ExitCode: 1}, "\x1b[31mERROR\x1b[0m: no\x1b]0;title\a table", false, `{"TYPE":"Failed","message":"ERROR: no table","namedValues":{"returnCode":1}}`},
		"a long line":              {proc.End{ExitCode: 1}, "x" + long, false, `{"TYPE":"Failed","message":"x` + long[:498] + `…","namedValues":{"returnCode":1}}`},
		"fails for what it writes": {proc.End{}, "careful", true, `{"TYPE":"Failed","message":"The job's error channel: careful","namedValues":{"returnCode":0}}`},
		"failed, and writes":       {proc.End{ExitCode: 2}, "careful", true, `{"TYPE":"Failed","message":"careful","namedValues":{"returnCode":2}}`},
		"not started":              {proc.End{StartError: &proc.StartError{Reason: "no such user"}}, "", false, `{"TYPE":"Failed","message":"the job couldn't be started: no such user"}`},
	} {
		s := joblog.Summary{LastStderrLine: c.line, StderrBytes: int64(len(c.line))}
		got := outcome(&engine.Launch{FailOnErrWritten: c.errors}, c.end, s, true)
		if d := cmp.Diff(c.want, string(codec.JSON(nil, got))); d != "" {
			t.Errorf("%s: %s", name, d)
		}
	}
}
