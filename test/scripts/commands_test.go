package scripts

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/signet-scheduler/signet/internal/store/postgres/postgrestest"
)

// docs is where the pages are that scripts take examples from; tests run in their
// own folder.
const docs = "../../docs/operations"

// eventually is `eventually [-out REGEXP] [-within DURATION] PROGRAM ARG...`: it
// repeats a program until it ends with 0 and its output matches. With `!` until
// it doesn't. What it prints is not there for `stdout`.
func eventually(ts *testscript.TestScript, neg bool, args []string) {
	limit := patience
	var out *regexp.Regexp
	for len(args) > 1 && strings.HasPrefix(args[0], "-") {
		var err error
		switch args[0] {
		case "-out":
			out, err = regexp.Compile(args[1])
		case "-within":
			limit, err = time.ParseDuration(args[1])
		default:
			ts.Fatalf("eventually: unknown flag %s", args[0])
		}
		ts.Check(err)
		args = args[2:]
	}
	if len(args) == 0 {
		ts.Fatalf("usage: eventually [-out REGEXP] [-within DURATION] PROGRAM ARG...")
	}
	// Not by ts.Exec, which would fill the script's log with every attempt.
	err := poll(limit, func() error {
		text, err := attempt(ts, args)
		if err == nil && out != nil && !out.MatchString(text) {
			err = fmt.Errorf("no match for %s in:\n%s", out, text)
		}
		if neg {
			if err == nil {
				return errors.New("it still does")
			}
			return nil
		}
		return err
	})
	if err != nil {
		ts.Fatalf("eventually %v: %s", args, err)
	}
}

// attempt runs a program with the script's environment and returns its output.
func attempt(ts *testscript.TestScript, args []string) (string, error) {
	program := args[0]
	if program == "signet" {
		program = filepath.Join(bin, program)
	}
	cmd := exec.Command(program, args[1:]...)
	cmd.Dir = ts.MkAbs(".")
	for _, name := range []string{"PATH", "HOME", "WORK", "DATA", "SIGNET_PROFILE", "GNUPGHOME", "SSH_AUTH_SOCK"} {
		cmd.Env = append(cmd.Env, name+"="+ts.Getenv(name))
	}
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	if err := cmd.Run(); err != nil {
		return "", fmt.Errorf("%w\n%s%s", err, stdout.String(), stderr.String())
	}
	return stdout.String(), nil
}

// jsonCommand is `json PATH [VALUE]`: what stands at a path in the JSON that the
// last command printed. Elements of a path are names, indices, and len for the
// length; VALUE is a text, or JSON. Without VALUE it is there; with `!` it isn't.
func jsonCommand(ts *testscript.TestScript, neg bool, args []string) {
	if len(args) != 1 && len(args) != 2 {
		ts.Fatalf("usage: json PATH [VALUE]")
	}
	text := ts.ReadFile("stdout")
	d := json.NewDecoder(strings.NewReader(text))
	d.UseNumber()
	var v any
	if err := d.Decode(&v); err != nil {
		ts.Fatalf("the output is no JSON: %s\n%s", err, text)
	}
	v, err := lookUp(v, args[0])
	found := err == nil
	if found && len(args) == 2 {
		var b bytes.Buffer
		e := json.NewEncoder(&b)
		e.SetEscapeHTML(false)
		ts.Check(e.Encode(v))
		got := strings.TrimSpace(b.String())
		if s, ok := v.(string); ok {
			got = s
		}
		if got != args[1] {
			found, err = false, fmt.Errorf("is %s, not %s", got, args[1])
		}
	}
	switch {
	case !found && !neg:
		ts.Fatalf("%s: %s, in\n%s", args[0], err, text)
	case found && neg:
		ts.Fatalf("%s is there, in\n%s", args[0], text)
	}
}

func lookUp(v any, path string) (any, error) {
	if path == "." {
		return v, nil
	}
	for element := range strings.SplitSeq(path, ".") {
		switch now := v.(type) {
		case map[string]any:
			next, ok := now[element]
			if !ok {
				return nil, fmt.Errorf("there is no %s", element)
			}
			v = next
		case []any:
			if element == "len" {
				return json.Number(strconv.Itoa(len(now))), nil
			}
			i, err := strconv.Atoi(element)
			if err != nil || i < 0 || i >= len(now) {
				return nil, fmt.Errorf("there is no element %s of %d", element, len(now))
			}
			v = now[i]
		default:
			return nil, fmt.Errorf("nothing is below %v", now)
		}
	}
	return v, nil
}

// codeCommand is `code N PROGRAM ARG...`: the program ends with exit code N.
func codeCommand(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: code N PROGRAM ARG...")
	}
	want, err := strconv.Atoi(args[0])
	ts.Check(err)
	got := 0
	if err := ts.Exec(args[1], args[2:]...); err != nil {
		var exit *exec.ExitError
		if !errors.As(err, &exit) {
			ts.Fatalf("%s", err)
		}
		got = exit.ExitCode()
	}
	if got != want {
		ts.Fatalf("exit code %d, want %d\n%s%s", got, want, ts.ReadFile("stdout"), ts.ReadFile("stderr"))
	}
}

// pidsCommand is `pids FILE`: all processes whose numbers are in the file's
// lines run; with `!`, within a while, none does.
func pidsCommand(ts *testscript.TestScript, neg bool, args []string) {
	if len(args) != 1 {
		ts.Fatalf("usage: pids FILE")
	}
	pids := strings.Fields(ts.ReadFile(args[0]))
	if len(pids) == 0 {
		ts.Fatalf("%s holds no process numbers", args[0])
	}
	ts.Check(poll(patience, func() error {
		for _, pid := range pids {
			stat, err := os.ReadFile("/proc/" + pid + "/stat")
			alive := err == nil && !strings.Contains(string(stat), ") Z ")
			if alive == neg {
				return fmt.Errorf("process %s: runs=%v", pid, alive)
			}
		}
		return nil
	}))
}

// freePort is `freeport NAME`: a port that nobody has, as a variable.
func freePort(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: freeport NAME")
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	ts.Check(err)
	defer l.Close()
	ts.Setenv(args[0], strconv.Itoa(l.Addr().(*net.TCPAddr).Port))
}

// exampleCommand is `example PAGE LANGUAGE N FILE`: the Nth example in that language on
// a page of docs/operations, as a file.
func exampleCommand(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 4 {
		ts.Fatalf("usage: example PAGE LANGUAGE N FILE")
	}
	n, err := strconv.Atoi(args[2])
	ts.Check(err)
	page, err := os.ReadFile(filepath.Join(docs, args[0]))
	ts.Check(err)
	parts := strings.Split(string(page), "\n```"+args[1]+"\n")
	if n < 1 || n >= len(parts) {
		ts.Fatalf("%s has %d examples in %s", args[0], len(parts)-1, args[1])
	}
	text, _, ok := strings.Cut(parts[n], "\n```")
	if !ok {
		ts.Fatalf("%s: example %d has no end", args[0], n)
	}
	ts.Check(os.WriteFile(ts.MkAbs(args[3]), []byte(text+"\n"), 0o600))
}

// databaseCommand is `database NAME`: it makes an empty PostgreSQL database, whose
// address is in the variable NAME then.
func databaseCommand(t *testing.T) func(*testscript.TestScript, bool, []string) {
	t.Helper()
	return func(ts *testscript.TestScript, neg bool, args []string) {
		if neg || len(args) != 1 {
			ts.Fatalf("usage: database NAME")
		}
		ts.Setenv(args[0], postgrestest.Database(t))
	}
}
