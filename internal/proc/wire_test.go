//go:build linux

package proc

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

// sample has every field set that some kind uses.
func sample() message {
	at := time.Unix(1_700_000_000, 123)
	return message{
		version: 1, text: "auto", more: "/var/lib/signet", base: "/sys/fs/cgroup/x", key: "k", number: 64, files: 3,
		spec:    Spec{Key: "k", Argv: []string{"/bin/sh", ""}, Env: []string{"A=b"}, Dir: "/tmp", Shell: true},
		running: Running{Key: "k", PID: 5, StartTicks: 7, BootID: "b", Cgroup: "/c", Started: at},
		fail:    &StartError{ProgramMissing, "none"},
		end: End{
			Key: "k", ExitCode: 3, Signal: 9, Started: at, Ended: at.Add(time.Second), CPU: time.Millisecond,
			MaxRSS: 1 << 20, LeftOver: 2, KilledBy: KilledByTerm,
		},
	}
}

func TestWire(t *testing.T) {
	t.Parallel()
	for kind := msgConfigure; kind <= msgLog; kind++ {
		m := sample()
		m.kind = kind
		b := encodeMessage(&m)
		got, err := decodeMessage(b)
		if err != nil {
			t.Fatalf("kind %d: %v", kind, err)
		}
		if again := encodeMessage(got); !bytes.Equal(again, b) {
			t.Errorf("kind %d comes back as %+v", kind, got)
		}
		for n := range b {
			if _, err := decodeMessage(b[:n]); err == nil {
				t.Errorf("kind %d: the first %d of %d bytes are accepted", kind, n, len(b))
			}
		}
		if _, err := decodeMessage(append(b, 0)); err == nil {
			t.Errorf("kind %d: a byte too many is accepted", kind)
		}
	}
	m := sample()
	m.kind = msgEnded
	got, err := decodeMessage(encodeMessage(&m))
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(m.end, got.end); d != "" {
		t.Error(d)
	}
}

func FuzzWire(f *testing.F) {
	for kind := msgConfigure; kind <= msgLog; kind++ {
		m := sample()
		m.kind = kind
		f.Add(encodeMessage(&m))
	}
	f.Add([]byte{byte(msgStart), 0, 0, 0, 0, 0xff, 0xff, 0xff, 0xff, 0x0f})
	f.Fuzz(func(t *testing.T, b []byte) {
		m, err := decodeMessage(b)
		if err != nil {
			return
		}
		// What was accepted says the same after another turn.
		once := encodeMessage(m)
		again, err := decodeMessage(once)
		if err != nil || !bytes.Equal(once, encodeMessage(again)) {
			t.Fatalf("%+v becomes %+v: %v", m, again, err)
		}
	})
}

func TestSafeName(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		a, b := rapid.String().Draw(t, "a"), rapid.String().Draw(t, "b")
		name := safeName(a)
		if len(name) > 64 || name[0] == 0 || strings.ContainsAny(name, "/\x00\n ") {
			t.Fatalf("%q has the name %q", a, name)
		}
		if a != b && name == safeName(b) {
			t.Fatalf("%q and %q have the same name", a, b)
		}
	})
}

func TestParseStat(t *testing.T) {
	t.Parallel()
	const rest = " 17 42 41 0 -1 4194304 1 0 0 0 0 0 0 0 20 0 1 0 98765 0 0"
	for _, c := range []struct {
		line string
		want procStat
		ok   bool
	}{
		{"5 (sh) S" + rest, procStat{procID{5, 98765}, 17, 41, false}, true},
		{"5 (a) Z 1 (b)) Z" + rest, procStat{procID{5, 98765}, 17, 41, true}, true},
		{"5 (sh) S 1 2 3", procStat{}, false},
		{"5 sh S" + rest, procStat{}, false},
		{"", procStat{}, false},
	} {
		got, ok := parseStat(5, []byte(c.line))
		if ok != c.ok || got != c.want {
			t.Errorf("%q: %+v, %v", c.line, got, ok)
		}
	}
}

// A walk must not take another job's processes for those of a tree whose main
// process had the same number.
func TestForestWithUsedNumber(t *testing.T) {
	t.Parallel()
	old := &tree{main: procID{100, 5}, seen: map[procID]struct{}{{200, 6}: {}}}
	now := &tree{main: procID{100, 50}, seen: map[procID]struct{}{}}
	f := &forest{
		root: 10,
		all: map[int]procStat{
			10:  {procID{10, 1}, 1, 10, false},
			100: {procID{100, 50}, 10, 100, false},
			101: {procID{101, 51}, 100, 100, false},
			102: {procID{102, 52}, 10, 100, false},  // its parent has gone
			200: {procID{200, 6}, 10, 200, false},   // seen before
			201: {procID{201, 60}, 200, 201, false}, // its child
			300: {procID{300, 9}, 1, 100, false},    // not below the root
		},
		trees: []*tree{old, now}, found: map[int]*tree{}, below: map[int]bool{10: true, 1: false, 0: false},
	}
	for pid, want := range map[int]*tree{100: now, 101: now, 102: now, 200: old, 201: old, 300: nil, 10: nil} {
		if got := f.treeOf(pid); got != want {
			t.Errorf("process %d belongs to the wrong tree: %+v", pid, got)
		}
	}
}

func TestLimits(t *testing.T) {
	t.Parallel()
	l := Limits()
	if l.Processes < 1 || l.Processes > 1<<30 || l.Reason == "" {
		t.Errorf("%+v", l)
	}
}
