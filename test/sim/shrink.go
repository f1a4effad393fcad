package sim

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/signet-scheduler/signet/test/sim/oracle"
)

// class tells failures apart that have different reasons.
func class(err error) string {
	if err == nil {
		return ""
	}
	if f, ok := errors.AsType[*oracle.Finding](err); ok {
		return string(f.Rule)
	}
	text, _, _ := strings.Cut(err.Error(), ":")
	var words []string
	for word := range strings.FieldsSeq(text) {
		if !strings.ContainsAny(word, "0123456789") {
			words = append(words, word)
		}
	}
	return strings.Join(words, " ")
}

// Shrink looks for a smaller world that fails in the same way: shorter, with
// fewer kinds of faults and load, with fewer parts. It tells how many worlds it
// tried.
func Shrink(cfg Config, failed *Result) (Config, int) {
	want, runs := class(failed.Err), 0
	fails := func(c Config) bool {
		runs++
		return class(Run(c).Err) == want
	}
	cfg.Duration = failed.Duration
	try := func(c Config) {
		if fails(c) {
			cfg = c
		}
	}
	shorter := func() {
		low, high := time.Duration(0), cfg.Duration // fails at high
		for range 7 {
			c := cfg
			if c.Duration = (low + high) / 2; c.Duration < 50*time.Millisecond {
				break
			}
			if fails(c) {
				high, cfg = c.Duration, c
			} else {
				low = c.Duration
			}
		}
	}
	shorter()
	for _, kind := range append(Faults(), Loads()...) {
		c := cfg
		c.Without = maps.Clone(cfg.Without)
		if c.Without == nil {
			c.Without = map[string]bool{}
		}
		if c.Without[kind] {
			continue
		}
		c.Without[kind] = true
		try(c)
	}
	for _, n := range []int{1, 3} {
		if n < failed.Shape[0] && (cfg.Controllers == 0 || n < cfg.Controllers) {
			c := cfg
			c.Controllers = n
			try(c)
		}
	}
	if failed.Shape[1] > 1 {
		c := cfg
		c.Agents = 1
		try(c)
	}
	shorter()
	return cfg, runs
}

// Story runs a world and returns its last lines.
func Story(cfg Config, lines int) ([]string, error) {
	var story []string
	cfg.Tell = func(line string) {
		story = append(story, line)
		if len(story) > 2*lines {
			story = slices.Clone(story[len(story)-lines:])
		}
	}
	r := Run(cfg)
	return story[max(0, len(story)-lines):], r.Err
}

// Repeat returns the command that runs a world again.
func (c *Config) Repeat() string {
	var b strings.Builder
	fmt.Fprintf(&b, "go run -tags invariants ./test/sim/simulate -story -seed %d", c.Seed)
	if c.Duration > 0 {
		fmt.Fprintf(&b, " -duration %v", c.Duration)
	}
	if c.Controllers > 0 {
		fmt.Fprintf(&b, " -controllers %d", c.Controllers)
	}
	if c.Agents > 0 {
		fmt.Fprintf(&b, " -agents %d", c.Agents)
	}
	if c.Bug != "" {
		fmt.Fprintf(&b, " -bug %s", c.Bug)
	}
	if len(c.Focus) > 0 {
		fmt.Fprintf(&b, " -focus '%s'", strings.Join(c.Focus, ","))
	}
	if len(c.Without) > 0 {
		fmt.Fprintf(&b, " -without '%s'", strings.Join(slices.Sorted(maps.Keys(c.Without)), ","))
	}
	return b.String()
}
