package agent

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"syscall"
	"unicode/utf8"

	"github.com/signet-scheduler/signet/internal/engine"
	"github.com/signet-scheduler/signet/internal/joblog"
	"github.com/signet-scheduler/signet/internal/logline"
	"github.com/signet-scheduler/signet/internal/order"
	"github.com/signet-scheduler/signet/internal/proc"
	"github.com/signet-scheduler/signet/internal/value"
)

// The bounds of a file of return values.
const (
	maxReturnValues     = 1 << 20 // bytes
	maxReturnValueCount = 10_000
)

// outcome says how a process ended, in the terms of orders: return code,
// return values, what failOnErrWritten and returnCodeMeaning make of it
// (sections 2.2 to 2.6 of the reference).
func outcome(l *engine.Launch, end proc.End, s joblog.Summary, ended bool) *order.Outcome {
	if end.StartError != nil {
		return order.FailedWith("the job couldn't be started: " + end.StartError.Reason)
	}
	rc := end.ExitCode
	if end.Signal != 0 {
		rc = 128 + end.Signal
	}
	values := value.Map{}
	var problem error
	if !ended {
		values, problem = readReturnValues(returnValuesPath(l))
	}
	values["returnCode"] = value.NewInt(int64(rc))
	out := &order.Outcome{Kind: order.Succeeded, Values: values}
	switch {
	case problem != nil:
		out.Kind, out.Message = order.Fails, problem.Error()
		out.Values = value.Map{"returnCode": values["returnCode"]}
	case end.Signal != 0 && !l.Meaning.Set, !l.Meaning.IsSuccess(rc):
		out.Kind, out.Message = order.Fails, errorLine(s.LastStderrLine)
	case l.FailOnErrWritten && s.StderrBytes > 0:
		out.Kind, out.Message = order.Fails, "The job's error channel: "+s.LastStderrLine
	}
	return out
}

// maxErrorLine is how much of its last line of stderr tells why a job has failed, in
// bytes. It goes with the order and into every list; the log has all of it.
const maxErrorLine = 500

// errorLine returns a line of output as people are to read it in lists: without
// colours and other sequences for terminals, and not too long.
func errorLine(line string) string {
	text := strings.TrimSpace(string(logline.Plain(nil, []byte(line))))
	if len(text) <= maxErrorLine {
		return text
	}
	end := maxErrorLine
	for !utf8.RuneStart(text[end]) {
		end--
	}
	return text[:end] + "…"
}

// openReturnValues opens the file as the job has left it. The job may have
// replaced it: a pipe would never end, another's file isn't the job's answer.
func openReturnValues(path string) (*os.File, error) {
	f, err := os.OpenFile(path, os.O_RDONLY|syscall.O_NONBLOCK|syscall.O_NOFOLLOW, 0)
	if errors.Is(err, os.ErrNotExist) {
		return nil, err // the caller asks for just this
	}
	if err != nil {
		return nil, fmt.Errorf("the file of return values can't be read: %w", err)
	}
	info, err := f.Stat()
	switch {
	case err != nil:
	case !info.Mode().IsRegular():
		err = errors.New("it is no regular file any more")
	case info.Size() > maxReturnValues:
		err = fmt.Errorf("it is larger than %d bytes", maxReturnValues)
	default:
		return f, nil
	}
	_ = f.Close() // the reason is told already
	return nil, fmt.Errorf("the file of return values can't be read: %w", err)
}

// readReturnValues reads lines NAME=VALUE; the first '=' splits, both sides
// are trimmed, all values are strings. Any other line is an error.
func readReturnValues(path string) (value.Map, error) {
	values := value.Map{}
	f, err := openReturnValues(path)
	if errors.Is(err, os.ErrNotExist) {
		return values, nil // most jobs leave none
	}
	if err != nil {
		return values, err
	}
	defer f.Close()
	r := &io.LimitedReader{R: f, N: maxReturnValues + 1}
	sc := bufio.NewScanner(r)
	sc.Buffer(nil, maxReturnValues+1)
	for n := 1; sc.Scan(); n++ {
		line := sc.Text()
		if strings.TrimSpace(line) == "" {
			continue
		}
		name, v, ok := strings.Cut(line, "=")
		name, v = strings.TrimSpace(name), strings.TrimSpace(v)
		switch {
		case !ok || name == "":
			return values, fmt.Errorf("line %d of the file of return values has not the form NAME=VALUE", n)
		case !utf8.ValidString(line) || strings.ContainsRune(line, 0):
			return values, fmt.Errorf("line %d of the file of return values is no UTF-8 text", n)
		case len(values) >= maxReturnValueCount:
			return values, fmt.Errorf("the file of return values has more than %d values", maxReturnValueCount)
		}
		values[name] = value.String(v)
	}
	if err := sc.Err(); err != nil {
		return values, fmt.Errorf("the file of return values can't be read: %w", err)
	}
	if r.N <= 0 {
		return values, fmt.Errorf("the file of return values can't be read: it is larger than %d bytes", maxReturnValues)
	}
	return values, nil
}
