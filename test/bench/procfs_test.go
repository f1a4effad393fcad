package main

import (
	"os"
	"testing"
	"time"
)

func TestParseStat(t *testing.T) {
	t.Parallel()
	got, err := parseStat("4711 (a ) b (c) S 42 1 1 0 -1 4194560 1 2 3 4 150 50 1000 200 20 0 7 0 99 1 2\n")
	if err != nil {
		t.Fatal(err)
	}
	want := stat{parent: 42, cpu: cpu{self: 2 * time.Second, children: 12 * time.Second}}
	if got != want {
		t.Errorf("parseStat = %+v, want %+v", got, want)
	}
	for _, bad := range []string{"", "1 x S", "1 (x) S 1"} {
		if _, err := parseStat(bad); err == nil {
			t.Errorf("parseStat(%q) has no error", bad)
		}
	}
}

func TestOwnProcess(t *testing.T) {
	t.Parallel()
	st, err := statOf(os.Getpid())
	if err != nil || st.parent != os.Getppid() {
		t.Errorf("statOf(self) = %+v, %v; parent is %d", st, err, os.Getppid())
	}
	if size, err := rss(os.Getpid()); err != nil || size < 1<<20 {
		t.Errorf("rss(self) = %d, %v", size, err)
	}
	if _, err := childOf(os.Getpid(), "no-such-verb"); err == nil {
		t.Error("a child that isn't there is found")
	}
}

func TestParseRSS(t *testing.T) {
	t.Parallel()
	if n, err := parseRSS("Name:\tx\nVmRSS:\t    1234 kB\nVmData:\t1 kB\n"); err != nil || n != 1234<<10 {
		t.Errorf("parseRSS = %d, %v", n, err)
	}
	if _, err := parseRSS("Name:\tx\nState:\tZ\n"); err == nil {
		t.Error("a zombie has memory")
	}
}

func TestSteady(t *testing.T) {
	t.Parallel()
	if !steady([]int64{1000, 1005, 1010}) || steady([]int64{1000, 1005, 1020}) {
		t.Error("the bound is 1 %")
	}
}
