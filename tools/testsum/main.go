// Command testsum reads the events of `go test -json` and prints what matters:
// a line for each package, the output of failed tests, why tests were skipped,
// and as last line "N passed, N failed".
//
// It is the end of a pipe in the Makefile and the only judge of its success:
// it exits with 1 if anything failed, or if no test ran at all.
package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"slices"
	"sort"
	"strings"
)

func main() {
	s := newSummary(os.Stdout)
	if err := s.read(os.Stdin); err != nil {
		fmt.Fprintln(os.Stderr, "testsum:", err)
		os.Exit(1)
	}
	if !s.finish() {
		os.Exit(1)
	}
}

// maxLines bounds what is kept and printed of one test's output: its first half
// and its last lines, since the cause stands at either end.
const maxLines = 400

// event is one line of `go test -json`.
type event struct {
	Action      string
	Package     string
	ImportPath  string // of build-output and build-fail
	Test        string
	Output      string
	Elapsed     float64
	FailedBuild string // the ImportPath whose build failed this package
}

type testID struct{ pkg, test string }

// summary collects events; the output of a test is kept until its end only.
type summary struct {
	out            io.Writer
	output         map[testID][]string // of running tests; test "" is the package itself
	build          map[string][]string
	failedIn       map[string]int // failed tests by package
	testsIn        map[string]int
	skipped        []string
	failures       []string
	open           map[string]bool // packages begun and not ended
	passed, failed int
}

func newSummary(out io.Writer) *summary {
	return &summary{
		out:      out,
		output:   map[testID][]string{},
		build:    map[string][]string{},
		failedIn: map[string]int{},
		testsIn:  map[string]int{},
		open:     map[string]bool{},
	}
}

// read takes all events. A line that is no event, like a message of the go
// command itself, is passed on.
func (s *summary) read(in io.Reader) error {
	lines := bufio.NewReaderSize(in, 1<<16)
	for {
		line, err := lines.ReadString('\n')
		if line != "" {
			s.line(line)
		}
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
	}
}

func (s *summary) line(line string) {
	var e event
	if !strings.HasPrefix(line, "{") || json.Unmarshal([]byte(line), &e) != nil || e.Action == "" {
		if !strings.HasPrefix(line, "go: downloading ") {
			fmt.Fprintln(s.out, strings.TrimRight(line, "\n"))
		}
		return
	}
	id := testID{e.Package, e.Test}
	switch e.Action {
	case "build-output":
		s.build[e.ImportPath] = append(s.build[e.ImportPath], e.Output)
	case "start":
		s.open[e.Package] = true
	case "output":
		s.output[id] = keep(s.output[id], e.Output)
	case "pass", "fail", "skip":
		if e.Test == "" {
			s.endPackage(e)
		} else {
			s.endTest(e, id)
		}
	}
}

// keep appends a line within maxLines: the middle is given up.
func keep(lines []string, line string) []string {
	if len(lines) < maxLines {
		return append(lines, line)
	}
	copy(lines[maxLines/2+1:], lines[maxLines/2+2:])
	lines[maxLines/2] = "    [lines left out]\n"
	lines[maxLines-1] = line
	return lines
}

func (s *summary) endTest(e event, id testID) {
	s.testsIn[e.Package]++
	switch e.Action {
	case "pass":
		s.passed++
	case "skip":
		s.skipped = append(s.skipped, e.Package+" "+e.Test+": "+reason(s.output[id]))
	case "fail":
		s.failed++
		s.failedIn[e.Package]++
		s.failures = append(s.failures, e.Package+" "+e.Test)
		fmt.Fprintf(s.out, "--- FAIL: %s (%s)\n", e.Test, e.Package)
		s.print(s.output[id])
	}
	delete(s.output, id)
}

// endPackage prints the package's line. A package that failed without a failed
// test (it doesn't build, it panicked, its time ran out) counts as one.
func (s *summary) endPackage(e event) {
	delete(s.open, e.Package)
	if e.Action == "fail" && s.failedIn[e.Package] == 0 {
		s.failed++
		s.failures = append(s.failures, e.Package)
		fmt.Fprintf(s.out, "--- FAIL: %s\n", e.Package)
		s.print(s.build[e.FailedBuild])
		s.print(s.rest(e.Package))
	}
	switch {
	case e.Action == "fail":
		fmt.Fprintf(s.out, "FAIL  %s  %.1fs\n", e.Package, e.Elapsed)
	case s.testsIn[e.Package] > 0:
		fmt.Fprintf(s.out, "ok    %s  %.1fs  %d tests\n", e.Package, e.Elapsed, s.testsIn[e.Package])
	}
	for id := range s.output {
		if id.pkg == e.Package {
			delete(s.output, id)
		}
	}
}

// rest returns what the package and its unfinished tests have written.
func (s *summary) rest(pkg string) []string {
	var ids []testID
	for id := range s.output {
		if id.pkg == pkg {
			ids = append(ids, id)
		}
	}
	sort.Slice(ids, func(i, j int) bool { return ids[i].test < ids[j].test })
	var lines []string
	for _, id := range ids {
		lines = append(lines, s.output[id]...)
	}
	return lines
}

// print writes a test's output without the lines that go test adds around it.
func (s *summary) print(lines []string) {
	for _, l := range lines {
		t := strings.TrimSpace(l)
		if strings.HasPrefix(t, "=== ") || strings.HasPrefix(t, "--- FAIL") || t == "FAIL" || strings.HasPrefix(t, "FAIL\t") {
			continue
		}
		fmt.Fprintln(s.out, strings.TrimRight(l, "\n"))
	}
}

// reason returns what a skipped test said: its last line of its own.
func reason(lines []string) string {
	for _, line := range slices.Backward(lines) {
		t := strings.TrimSpace(line)
		if t != "" && !strings.HasPrefix(t, "=== ") && !strings.HasPrefix(t, "--- ") {
			return t
		}
	}
	return "no reason given"
}

// finish prints the totals and tells whether all is well.
func (s *summary) finish() bool {
	for pkg := range s.open {
		s.failed++
		s.failures = append(s.failures, pkg+" (never ended)")
	}
	if len(s.skipped) > 0 {
		sort.Strings(s.skipped)
		fmt.Fprintf(s.out, "\n%d skipped:\n", len(s.skipped))
		for _, l := range s.skipped {
			fmt.Fprintln(s.out, "  "+l)
		}
	}
	if len(s.failures) > 0 {
		sort.Strings(s.failures)
		fmt.Fprintln(s.out, "\nfailed:")
		for _, l := range s.failures {
			fmt.Fprintln(s.out, "  "+l)
		}
	}
	if s.passed == 0 && s.failed == 0 {
		fmt.Fprintln(s.out, "no test ran")
	}
	fmt.Fprintf(s.out, "\n%d passed, %d failed\n", s.passed, s.failed)
	return s.failed == 0 && s.passed > 0
}
