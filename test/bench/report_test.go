package main

import (
	"errors"
	"strings"
	"testing"
)

func TestReport(t *testing.T) {
	t.Parallel()
	r := &report{}
	r.add(row{figure: "one-step orders", value: "1,200/s", floor: "1,850/s", ratio: "0.65", target: ">= 0.6", ok: reached, note: "beside nothing"})
	r.add(row{figure: "a step", value: "3 ms", target: "<= 2.5 ms", ok: missed})
	r.failed("fork", errors.New("no answer"))
	want := `| figure          | value   | floor   | ratio | to reach  | reached |
|-----------------|---------|---------|-------|-----------|---------|
| one-step orders | 1,200/s | 1,850/s | 0.65  | >= 0.6    | yes     |
| a step          | 3 ms    |         |       | <= 2.5 ms | NO      |
| fork            | failed  |         |       |           |         |

- one-step orders: beside nothing
- fork: no answer
`
	if got := r.String(); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
	if err := r.failure(); err == nil || !strings.Contains(err.Error(), "fork") {
		t.Errorf("failure() = %v, want one that names fork", err)
	}
	r.failures = nil
	if err := r.failure(); err != nil {
		t.Errorf("a missed target is a failure: %v", err)
	}
}

func TestNumber(t *testing.T) {
	t.Parallel()
	for v, want := range map[float64]string{0: "0", 0.1234: "0.123", 3: "3", 99.94: "99.9", 99.96: "100", 1234: "1,234", 1234567: "1,234,567", -1500: "-1,500", 999.6: "1,000"} {
		if got := number(v); got != want {
			t.Errorf("number(%v) = %s, want %s", v, got, want)
		}
	}
}

func TestChoose(t *testing.T) {
	t.Parallel()
	all, err := choose("")
	if err != nil || len(all) != len(groups()) {
		t.Errorf("choose(\"\") = %d groups, %v", len(all), err)
	}
	some, err := choose("fork, s")
	if err != nil || some[0].name != "fork" || len(some) != 5 {
		t.Errorf("choose(fork, s) = %v, %v", some, err)
	}
	if _, err := choose("nothing"); err == nil {
		t.Error("a group that isn't there is taken")
	}
}

func TestParse(t *testing.T) {
	t.Parallel()
	var out strings.Builder
	for _, args := range []string{"-quick -full", "stray", "-unknown"} {
		if _, err := parse(strings.Fields(args), &out); err == nil {
			t.Errorf("%s is taken", args)
		}
	}
	o, err := parse([]string{"-full"}, &out)
	if err != nil || o.finished != 100_000 || len(o.sleepers) != 2 {
		t.Errorf("-full = %+v, %v", o, err)
	}
}
