// Command bench measures the figures that docs/benchmarks.md promises, on real
// processes of the built binary, and prints each beside the floor of this
// machine measured in the same run.
//
// It owns the figures, how they are taken and the table. It must not reach into
// a running part: it uses `signet dev`, the web API, the API between the parts
// and what the kernel tells about processes. People run it by `make bench`.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := run(ctx, os.Args[1:], os.Stdout, os.Stderr)
	stop()
	if err != nil && !errors.Is(err, flag.ErrHelp) {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

// options are the sizes of a run.
type options struct {
	bin, dir  string
	only      string
	keep      bool
	oneStep   int // orders of one job, added in one request
	rounds    int // times the throughput is measured
	latency   int // single orders
	workflows int
	released  int   // documents of one release
	sleepers  []int // jobs that sleep at once
	finished  int   // orders after which memory is looked at
	scheduled int   // requests of 1,000 orders
	shown     int   // workflows that pages show, and half as many as there are orders
	browsers  int   // that are open at once
}

func parse(args []string, errOut io.Writer) (options, error) {
	o := options{}
	f := flag.NewFlagSet("bench", flag.ContinueOnError)
	f.SetOutput(errOut)
	f.StringVar(&o.bin, "bin", "bin/signet", "the program that is measured")
	f.StringVar(&o.dir, "dir", "bin/bench-data", "folder for its data, made anew; its disk is what is measured")
	f.StringVar(&o.only, "only", "", "comma-separated beginnings of the names of groups: "+strings.Join(groupNames(), ", "))
	f.BoolVar(&o.keep, "keep", false, "leave the data and the parts' output in the folder")
	quick := f.Bool("quick", false, "smaller sizes: about a minute")
	full := f.Bool("full", false, "the sizes of every target: 10,000 sleeping jobs, 100,000 finished orders; about a quarter of an hour")
	if err := f.Parse(args); err != nil {
		return o, err
	}
	if f.NArg() > 0 {
		return o, fmt.Errorf("%q is no flag", f.Arg(0))
	}
	if *quick && *full {
		return o, errors.New("-quick and -full exclude each other")
	}
	o.oneStep, o.rounds, o.latency, o.workflows, o.sleepers, o.finished, o.scheduled = 5000, 3, 200, 100_000, []int{2000}, 20_000, 40
	o.shown, o.browsers, o.released = 50_000, 1000, wholeRelease
	switch {
	case *quick:
		o.oneStep, o.rounds, o.latency, o.workflows, o.sleepers, o.finished, o.scheduled = 2000, 1, 100, 5000, []int{500}, 5000, 20
		o.shown, o.browsers, o.released = 2000, 200, 5000
	case *full:
		o.sleepers, o.finished = []int{2000, 10_000}, 100_000
	}
	return o, nil
}

// group is a set of figures taken on one installation.
type group struct {
	name    string
	fresh   bool // on an installation of its own
	timeout time.Duration
	measure func(b *bench, ctx context.Context) error
}

// groups is the plan of a run, in order. Sizes grow towards the end, so that
// what one group leaves behind doesn't weigh on the next.
func groups() []group {
	return []group{
		{"start", true, 2 * time.Minute, (*bench).start},
		{"one-step", false, 5 * time.Minute, (*bench).oneStep},
		{"latency", false, time.Minute, (*bench).latency},
		{"sequence", false, time.Minute, (*bench).sequence},
		{"fork", false, time.Minute, (*bench).fork},
		{"sleeping", true, 6 * time.Minute, (*bench).sleeping},
		{"finished", true, 8 * time.Minute, (*bench).finished},
		{"scheduled", true, 2 * time.Minute, (*bench).scheduled},
		{"workflows", true, 6 * time.Minute, (*bench).workflows},
		{"release", true, 3 * time.Minute, (*bench).release},
		{"pages", true, 15 * time.Minute, (*bench).pages},
		{"browsers", false, 5 * time.Minute, (*bench).browsers},
	}
}

func groupNames() []string {
	var names []string
	for _, g := range groups() {
		names = append(names, g.name)
	}
	return names
}

// bench is one run.
type bench struct {
	o      options
	report *report
	log    io.Writer // progress, for people
	inst   *installation
	floor  floors
}

func run(ctx context.Context, args []string, out, progress io.Writer) (err error) {
	o, err := parse(args, progress)
	if err != nil {
		return err
	}
	for _, p := range []*string{&o.bin, &o.dir} {
		if *p, err = filepath.Abs(*p); err != nil {
			return err
		}
	}
	plan, err := choose(o.only)
	if err != nil {
		return err
	}
	if err := os.RemoveAll(o.dir); err != nil {
		return err
	}
	if err := os.MkdirAll(o.dir, 0o700); err != nil {
		return err
	}
	if !o.keep {
		defer func() { err = errors.Join(err, os.RemoveAll(o.dir)) }()
	}
	began := time.Now()
	b := &bench{o: o, report: &report{}, log: progress}
	defer func() { err = errors.Join(err, b.stop()) }()
	for _, line := range machine(ctx, o) {
		fmt.Fprintln(out, line)
	}
	if err := b.measureFloors(ctx, out); err != nil {
		return err
	}
	for _, g := range plan {
		if ctx.Err() != nil {
			break
		}
		b.take(ctx, g)
	}
	fmt.Fprintf(out, "\n%s\nTook %s; the load is %s now.\n", b.report, time.Since(began).Round(time.Second), load())
	if ctx.Err() != nil {
		return errors.New("interrupted: the table isn't complete")
	}
	return b.report.failure()
}

// choose returns the groups that -only names.
func choose(only string) ([]group, error) {
	plan := groups()
	if only == "" {
		return plan, nil
	}
	var chosen []group
	for prefix := range strings.SplitSeq(only, ",") {
		n := len(chosen)
		for _, g := range plan {
			if strings.HasPrefix(g.name, strings.TrimSpace(prefix)) {
				chosen = append(chosen, g)
			}
		}
		if len(chosen) == n {
			return nil, fmt.Errorf("no group is called %q: there are %s", prefix, strings.Join(groupNames(), ", "))
		}
	}
	return slices.CompactFunc(chosen, func(a, b group) bool { return a.name == b.name }), nil
}

// take measures a group; when it fails, the table says so and the run goes on
// with an installation that is known to be good.
func (b *bench) take(ctx context.Context, g group) {
	began := time.Now()
	fmt.Fprintf(b.log, "measuring: %s ... ", g.name)
	ctx, cancel := context.WithTimeout(ctx, g.timeout)
	defer cancel()
	err := b.prepare(ctx, g)
	if err == nil {
		err = g.measure(b, ctx)
	}
	if err != nil {
		fmt.Fprintf(b.log, "failed after %s: %v\n", time.Since(began).Round(time.Second), err)
		b.report.failed(g.name, err)
		if err := b.stop(); err != nil {
			fmt.Fprintln(b.log, "stopping the installation:", err)
		}
		return
	}
	fmt.Fprintf(b.log, "%s\n", time.Since(began).Round(time.Second))
}

// prepare sees to it that an installation runs.
func (b *bench) prepare(ctx context.Context, g group) error {
	if g.fresh {
		if err := b.stop(); err != nil {
			return err
		}
	}
	if b.inst != nil {
		return nil
	}
	inst, _, err := startInstallation(ctx, b.o.bin, filepath.Join(b.o.dir, g.name))
	b.inst = inst
	if err != nil {
		return err
	}
	return inst.deploySamples(ctx)
}

// stop ends the installation and removes its data.
func (b *bench) stop() error {
	inst := b.inst
	if inst == nil {
		return nil
	}
	b.inst = nil
	err := inst.stop()
	if !b.o.keep {
		err = errors.Join(err, os.RemoveAll(inst.dir))
	}
	return err
}

// wait returns false when ctx ends first.
func wait(ctx context.Context, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-t.C:
		return true
	}
}
