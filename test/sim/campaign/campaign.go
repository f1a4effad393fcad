// Package campaign runs many worlds of test/sim on all processors, tells what
// they reached, and for one that fails the shortest story and the command that
// repeats it.
//
// Each shard is a process of its own: the source of random numbers, which every
// world sets, is the process's. It decides nothing about worlds. The program in
// test/sim/simulate and the tests of this package call it.
package campaign

import (
	"bufio"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"maps"
	"os"
	"os/exec"
	"runtime"
	"runtime/debug"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/signet-scheduler/signet/test/sim"
)

// options are the flags.
type options struct {
	seeds, first, stride uint64
	shards               int
	child, story, cover  bool
	golden               string
	shrink               int
	cfg                  sim.Config
}

// report is what a shard tells its parent, one JSON text a line.
type report struct {
	Seed      uint64         `json:"seed,omitempty"`
	Err       string         `json:"err,omitempty"`
	Seeds     uint64         `json:"seeds,omitempty"`
	Simulated time.Duration  `json:"simulated,omitempty"`
	Events    int            `json:"events,omitempty"`
	Reached   map[string]int `json:"reached,omitempty"`
}

// Main carries out a command line and returns the exit code: 0 when nothing is
// wrong, 1 when something is, 2 for a command line that can't be read.
func Main(args []string, out, errs io.Writer) int {
	o, err := parse(args, errs)
	if err != nil {
		return 2
	}
	debug.SetGCPercent(400)
	switch {
	case o.golden != "":
		return store(o, errs)
	case o.story:
		return tell(o, out)
	case o.child:
		return shard(o, out)
	}
	return all(o, out, errs)
}

func parse(args []string, errs io.Writer) (*options, error) {
	o := &options{}
	f := flag.NewFlagSet("simulate", flag.ContinueOnError)
	f.SetOutput(errs)
	f.Uint64Var(&o.seeds, "seeds", 1000, "how many seeds to run")
	f.Uint64Var(&o.first, "first", 1, "the first of them")
	f.Uint64Var(&o.stride, "stride", 1, "take every so many'th")
	f.IntVar(&o.shards, "shards", runtime.NumCPU(), "processes to run them in")
	f.BoolVar(&o.child, "child", false, "be one of those processes")
	f.BoolVar(&o.story, "story", false, "run one seed and tell its end")
	f.StringVar(&o.golden, "golden", "", "write a stored state for later builds into this file, and end")
	f.BoolVar(&o.cover, "cover", false, "fail when something isn't reached that 1,000 seeds must reach")
	f.IntVar(&o.shrink, "shrink", 3, "how many failing seeds are shrunk to a short story")
	f.Uint64Var(&o.cfg.Seed, "seed", 1, "with -story: the seed")
	f.DurationVar(&o.cfg.Duration, "duration", 0, "time of load and faults; 0: by the seed")
	f.IntVar(&o.cfg.Controllers, "controllers", 0, "members of the Controller group; 0: by the seed")
	f.IntVar(&o.cfg.Agents, "agents", 0, "Agents; 0: by the seed")
	bug := f.String("bug", "", "a mistake on purpose: "+fmt.Sprint(sim.Bugs()))
	focus := f.String("focus", "", "kinds of faults that happen in every world, separated by commas")
	without := f.String("without", "", "kinds of faults and load to leave out, separated by commas")
	if err := f.Parse(args); err != nil {
		return nil, err
	}
	o.cfg.Bug = sim.Bug(*bug)
	if *focus != "" {
		o.cfg.Focus = strings.Split(*focus, ",")
	}
	if *without != "" {
		o.cfg.Without = map[string]bool{}
		for kind := range strings.SplitSeq(*without, ",") {
			o.cfg.Without[kind] = true
		}
	}
	return o, nil
}

// tell runs one world and tells its story.
func tell(o *options, out io.Writer) int {
	o.cfg.Tell = func(line string) { fmt.Fprintln(out, line) }
	r := sim.Run(o.cfg)
	if r.Err != nil {
		fmt.Fprintf(out, "seed %d: %v\n", o.cfg.Seed, r.Err)
		return 1
	}
	fmt.Fprintf(out, "seed %d: nothing is wrong; trace %016x\n", o.cfg.Seed, r.Trace)
	return 0
}

// store writes a stored state.
func store(o *options, errs io.Writer) int {
	data, err := sim.Golden(o.cfg.Seed)
	if err == nil {
		err = os.WriteFile(o.golden, data, 0o644)
	}
	if err != nil {
		fmt.Fprintln(errs, err)
		return 1
	}
	return 0
}

// shard runs its part of the seeds.
func shard(o *options, out io.Writer) int {
	enc := json.NewEncoder(out)
	sum := report{Reached: map[string]int{}}
	for seed := o.first; seed < o.first+o.seeds; seed += o.stride {
		cfg := o.cfg
		cfg.Seed = seed
		r := sim.Run(cfg)
		sum.Seeds++
		sum.Simulated += r.Simulated
		sum.Events += r.Events
		for what, n := range r.Reached {
			sum.Reached[what] += n
		}
		if r.Err != nil {
			if enc.Encode(report{Seed: seed, Err: r.Err.Error()}) != nil {
				return 1
			}
		}
	}
	if enc.Encode(sum) != nil {
		return 1
	}
	return 0
}

// all runs the shards and adds up what they tell.
func all(o *options, out, errs io.Writer) int {
	errs = &shared{w: errs}
	began := time.Now()
	self, err := os.Executable()
	if err != nil {
		fmt.Fprintln(errs, err)
		return 1
	}
	sum := report{Reached: map[string]int{}}
	var failed []report
	var mu sync.Mutex
	var group sync.WaitGroup
	var cpu time.Duration
	broken := false
	n := uint64(max(1, o.shards))
	for i := range n {
		args := []string{
			"-child", "-first", strconv.FormatUint(o.first+i, 10), "-seeds", strconv.FormatUint(o.seeds-min(i, o.seeds), 10), "-stride", strconv.FormatUint(n, 10),
			"-duration", o.cfg.Duration.String(), "-controllers", strconv.Itoa(o.cfg.Controllers), "-agents", strconv.Itoa(o.cfg.Agents),
			"-bug", string(o.cfg.Bug), "-focus", strings.Join(o.cfg.Focus, ","), "-without", strings.Join(slices.Sorted(maps.Keys(o.cfg.Without)), ","),
		}
		cmd := exec.Command(self, args...)
		cmd.Env = append(os.Environ(), "GOMAXPROCS=1", "GOCOVERDIR=")
		cmd.Stderr = errs
		group.Go(func() {
			err := readShard(cmd, func(r report) {
				mu.Lock()
				defer mu.Unlock()
				if r.Seed > 0 {
					failed = append(failed, r)
					first, _, _ := strings.Cut(r.Err, "\n")
					fmt.Fprintf(errs, "seed %d fails: %s\n", r.Seed, first)
					return
				}
				sum.Seeds += r.Seeds
				sum.Simulated += r.Simulated
				sum.Events += r.Events
				for what, n := range r.Reached {
					sum.Reached[what] += n
				}
			})
			mu.Lock()
			defer mu.Unlock()
			cpu += cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime()
			if err != nil {
				broken = true
				fmt.Fprintln(errs, "a shard failed:", err)
			}
		})
	}
	group.Wait()
	slices.SortFunc(failed, func(a, b report) int { return int(int64(a.Seed) - int64(b.Seed)) })
	summarize(out, &sum, time.Since(began), cpu)
	explain(o, out, failed)
	bad := broken || len(failed) > 0
	if missing := sim.Missing(sum.Reached); len(missing) > 0 && (o.cover || sum.Seeds >= 1000) && o.cfg.Bug == "" && o.cfg.Without == nil {
		fmt.Fprintf(out, "not reached, and so not simulated any more: %s\n", strings.Join(missing, ", "))
		bad = true
	}
	if bad {
		return 1
	}
	return 0
}

// shared is a writer for many at once.
type shared struct {
	mu sync.Mutex
	w  io.Writer
}

// Write implements io.Writer.
func (s *shared) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.w.Write(p)
}

func readShard(cmd *exec.Cmd, take func(report)) error {
	pipe, err := cmd.StdoutPipe()
	if err != nil {
		return err
	}
	if err := cmd.Start(); err != nil {
		return err
	}
	lines := bufio.NewReader(pipe)
	dec := json.NewDecoder(lines)
	for {
		var r report
		if err := dec.Decode(&r); err != nil {
			break // the end; a shard that broke off says so by its exit code
		}
		take(r)
	}
	return cmd.Wait()
}

func summarize(out io.Writer, sum *report, took, cpu time.Duration) {
	groups := sim.Summary(sum.Reached)
	for _, g := range slices.Sorted(maps.Keys(groups)) {
		var parts []string
		for _, what := range groups[g] {
			parts = append(parts, fmt.Sprintf("%s %d", strings.TrimPrefix(what, g+" "), sum.Reached[what]))
		}
		fmt.Fprintf(out, "%s: %s\n", g, strings.Join(parts, ", "))
	}
	fmt.Fprintf(out, "%d seeds in %v: %.0f a second, %.1f ms of CPU each, %.1f simulated hours per CPU minute, %d committed events\n",
		sum.Seeds, took.Round(time.Second), float64(sum.Seeds)/took.Seconds(), float64(cpu.Milliseconds())/float64(max(1, sum.Seeds)),
		sum.Simulated.Hours()/max(cpu.Minutes(), 1e-9), sum.Events)
}

// explain tells what failed, the first few as short stories.
func explain(o *options, out io.Writer, failed []report) {
	for i, r := range failed {
		fmt.Fprintf(out, "\nseed %d fails: %s\n", r.Seed, r.Err)
		cfg := o.cfg
		cfg.Seed = r.Seed
		if i < o.shrink {
			small, runs := sim.Shrink(cfg, sim.Run(cfg))
			story, err := sim.Story(small, 40)
			fmt.Fprintf(out, "shrunk in %d runs; the last lines of its story:\n  %s\n%v\n", runs, strings.Join(story, "\n  "), err)
			cfg = small
		}
		fmt.Fprintf(out, "repeat: %s\n", cfg.Repeat())
	}
}
