package proctest

import (
	"context"
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/signet-scheduler/signet/internal/proc"
)

// TreeScript is a shell script that makes a tree which is hard to kill: a plain
// child, a child with its own session, and a double-forked orphan with its own session;
// all ignore SIGTERM. With the argument "bare" there is one more orphan, with nothing in
// its environment; only a cgroup finds that. It writes the file "ready" and waits.
const TreeScript = `#!/bin/sh
case $1 in
leaf) trap '' TERM HUP INT; echo "$2" >>leaves; while :; do sleep 1000; done;;
esac
trap '' TERM
"$0" leaf plain &
setsid "$0" leaf session &
(setsid "$0" leaf orphan & )
n=3
[ "$1" = bare ] && n=4 && (setsid env -i PATH="$PATH" "$0" leaf bare & )
while [ "$(wc -l <leaves)" -lt $n ]; do sleep 0.01; done
echo ready >ready
while :; do sleep 1000; done
`

// RunnerScript forks, takes a new session and leaves all the time, for a bounded
// number of generations.
const RunnerScript = `#!/bin/sh
[ "$1" -gt 3000 ] && exit
[ "$1" = 20 ] && echo ready >ready
setsid "$0" $(($1 + 1)) &
[ "$1" = 0 ] && exec sleep 1000 "$0"
exit
`

func testTerm(t *testing.T, b *Bench) {
	s := b.Sh(`trap 'echo got >got; exit 5' TERM; sleep 1000 & echo ready >ready; wait`)
	b.Start(s)
	b.File("ready")
	if err := b.Owner.Kill(s.Key, proc.Term); err != nil {
		t.Fatal(err)
	}
	e := b.End(s.Key)
	if e.ExitCode != 5 || e.Signal != 0 || e.KilledBy != proc.KilledByTerm || e.LeftOver != 1 {
		t.Errorf("ended as %+v", e)
	}
	if err := b.Owner.Kill(s.Key, proc.Term); err != nil {
		t.Errorf("Term after the end: %v", err)
	}
	if err := b.Owner.Forget(s.Key); err != nil {
		t.Fatal(err)
	}
}

func (b *Bench) startTree() proc.Spec {
	b.T.Helper()
	first := b.Sh("exit 0")
	cgroup := b.Start(first).Cgroup != ""
	b.End(first.Key)
	s := b.Sh("")
	s.Argv = []string{b.Script("tree", TreeScript)}
	if cgroup {
		s.Argv = append(s.Argv, "bare")
	}
	b.Script("leaves", "")
	b.Start(s)
	b.File("ready")
	return s
}

func testKillAllTree(t *testing.T, b *Bench) {
	s := b.startTree()
	if err := b.Owner.Kill(s.Key, proc.Term); err != nil {
		t.Fatal(err)
	}
	if n := len(Survivors(b.Dir)); n < 4 {
		t.Fatalf("the tree has %d processes; it should ignore SIGTERM", n)
	}
	if err := b.Owner.Kill(s.Key, proc.KillAll); err != nil {
		t.Fatal(err)
	}
	e := b.End(s.Key)
	if e.Signal != int(syscall.SIGKILL) || e.KilledBy != proc.KilledByKill {
		t.Errorf("ended as %+v", e)
	}
	b.NoneLeft()
	if err := b.Owner.Forget(s.Key); err != nil {
		t.Fatal(err)
	}
	// The cgroup that was killed isn't used again: the next process lives.
	next := b.Sh("exit 6")
	next.Key = s.Key
	b.Start(next)
	Eventually(t, "the key works again", func() bool {
		e, ok := b.Owner.Ended(s.Key)
		return ok && e.ExitCode == 6 && e.Signal == 0
	})
}

func testKillAllRunner(t *testing.T, b *Bench) {
	s := b.Sh("")
	s.Argv = []string{b.Script("runner", RunnerScript), "0"}
	b.Start(s)
	b.File("ready")
	if err := b.Owner.Kill(s.Key, proc.KillAll); err != nil {
		t.Fatal(err)
	}
	b.End(s.Key)
	b.NoneLeft()
}

func testLeftOver(t *testing.T, b *Bench) {
	left := filepath.Join(b.Dir, "left")
	if err := os.Symlink("/bin/sleep", left); err != nil {
		t.Fatal(err)
	}
	for _, how := range []string{"Forget", "KillAll"} {
		s := b.Sh(left + " 1000 & " + left + " 1000 & exit 3")
		b.Start(s)
		e := b.End(s.Key)
		if e.ExitCode != 3 || e.LeftOver != 2 || e.KilledBy != "" {
			t.Errorf("ended as %+v", e)
		}
		Eventually(t, "the end itself kills nobody", func() bool { return len(Survivors(left)) == 2 })
		var err error
		if how == "KillAll" {
			err = b.Owner.Kill(s.Key, proc.KillAll)
		} else {
			err = b.Owner.Forget(s.Key)
		}
		if err != nil {
			t.Fatal(err)
		}
		b.NoneLeft()
	}
}

func testClose(t *testing.T, b *Bench) {
	tree := b.startTree()
	left := b.Sh("sleep 1000 $0 & exit 0")
	b.Start(left)
	b.End(left.Key)
	for range 2 {
		if err := b.Owner.Close(); err != nil {
			t.Fatal(err)
		}
	}
	if s := Survivors(b.Dir); len(s) > 0 {
		t.Errorf("after Close these processes live: %v", s)
	}
	e, ok := b.Owner.Ended(tree.Key)
	if !ok || e.Signal != int(syscall.SIGKILL) || e.KilledBy != proc.KilledByClose {
		t.Errorf("the tree ended as %+v, %v", e, ok)
	}
	if _, err := b.Owner.Start(context.Background(), b.Sh("exit 0")); code(err) != "ProcessOwnerClosed" {
		t.Errorf("Start after Close: %v", err)
	}
}
