// Command benchtable turns the output of `go test -bench` into a table: figure,
// unit, the floor measured in the same run, and the ratio of the two.
//
// A benchmark states its floor by a sub-benchmark named "floor" that does the
// least that could be done, like a bare fsync or the start of an empty process:
// BenchmarkCommit/group and BenchmarkCommit/floor. All others below the same
// benchmark are compared with it, unit by unit.
package main

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"regexp"
	"strconv"
	"strings"
	"text/tabwriter"
)

func main() {
	if err := run(os.Stdin, os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "benchtable:", err)
		os.Exit(1)
	}
}

// figure is one measured value.
type figure struct {
	pkg, name, unit string
	value           float64
}

// group is what shares a floor: the package and all but the last part of the name.
func (f figure) group() string {
	i := strings.LastIndex(f.name, "/")
	return f.pkg + " " + f.name[:max(i, 0)] + " " + f.unit
}

func (f figure) isFloor() bool { return strings.HasSuffix(f.name, "/floor") }

// result is a line like "BenchmarkCommit/group-2   100   12 ns/op   3.5 MB/s".
var result = regexp.MustCompile(`^Benchmark(\S+?)(?:-\d+)?\s+\d+\s+(.+)$`)

func run(in io.Reader, out io.Writer) error {
	figures, failed, err := read(in)
	if err != nil {
		return err
	}
	floors := map[string]float64{}
	for _, f := range figures {
		if f.isFloor() {
			floors[f.group()] = f.value
		}
	}
	w := tabwriter.NewWriter(out, 0, 8, 2, ' ', 0)
	fmt.Fprintln(w, "FIGURE\tVALUE\tUNIT\tFLOOR\tRATIO")
	for _, f := range figures {
		if f.isFloor() {
			continue
		}
		floor, ratio := "-", "-"
		if v, ok := floors[f.group()]; ok && v != 0 {
			floor, ratio = number(v), strconv.FormatFloat(f.value/v, 'f', 2, 64)
		}
		fmt.Fprintf(w, "%s.%s\t%s\t%s\t%s\t%s\n", f.pkg, f.name, number(f.value), f.unit, floor, ratio)
	}
	if err := w.Flush(); err != nil {
		return err
	}
	if len(failed) > 0 {
		return fmt.Errorf("failed: %s", strings.Join(failed, ", "))
	}
	if len(figures) == 0 {
		return errors.New("no figures in the input")
	}
	return nil
}

// read returns all figures in their order, and the packages that failed.
func read(in io.Reader) (figures []figure, failed []string, err error) {
	pkg := ""
	lines := bufio.NewScanner(in)
	for lines.Scan() {
		line := lines.Text()
		if p, ok := strings.CutPrefix(line, "pkg: "); ok {
			pkg = p[strings.LastIndex(p, "/")+1:]
			continue
		}
		if strings.HasPrefix(line, "FAIL") || strings.HasPrefix(line, "--- FAIL") {
			failed = append(failed, strings.Join(strings.Fields(line), " "))
			continue
		}
		m := result.FindStringSubmatch(line)
		if m == nil {
			continue
		}
		fields := strings.Fields(m[2])
		for i := 0; i+1 < len(fields); i += 2 {
			v, err := strconv.ParseFloat(fields[i], 64)
			if err != nil {
				return nil, nil, fmt.Errorf("%q: %w", line, err)
			}
			figures = append(figures, figure{pkg, m[1], fields[i+1], v})
		}
	}
	return figures, failed, lines.Err()
}

// number prints three significant digits, and whole numbers in full.
func number(v float64) string {
	if v >= 100 {
		return strconv.FormatFloat(v, 'f', 0, 64)
	}
	return strconv.FormatFloat(v, 'g', 3, 64)
}
