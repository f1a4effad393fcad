package disk

import (
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// smallDisk gives a part's data directory a disk of its own, with so many MiB.
func (in *installation) smallDisk(name string, mib int) {
	in.t.Helper()
	dir := in.data(name)
	aside := dir + ".aside"
	if err := os.Rename(dir, aside); err != nil {
		in.t.Fatal(err)
	}
	if err := os.Mkdir(dir, 0o700); err != nil {
		in.t.Fatal(err)
	}
	if err := syscall.Mount("tmpfs", dir, "tmpfs", 0, fmt.Sprintf("size=%dm,mode=700", mib)); err != nil {
		missing(in.t, "a file system can't be mounted here: "+err.Error())
	}
	in.t.Cleanup(func() {
		if err := syscall.Unmount(dir, syscall.MNT_DETACH); err != nil {
			in.t.Error(err)
		}
	})
	if out, err := exec.Command("cp", "-a", aside+"/.", dir).CombinedOutput(); err != nil {
		in.t.Fatalf("%s: %s", err, out)
	}
}

// grow makes a part's disk larger, as an operator may.
func (in *installation) grow(name string, mib int) {
	in.t.Helper()
	if err := syscall.Mount("tmpfs", in.data(name), "tmpfs", syscall.MS_REMOUNT, fmt.Sprintf("size=%dm,mode=700", mib)); err != nil {
		in.t.Fatal(err)
	}
}

// fill takes all space of a part's disk, and returns how to give it back.
func (in *installation) fill(name string) (free func()) {
	in.t.Helper()
	filler := filepath.Join(in.data(name), fmt.Sprintf("filler-%d", time.Now().UnixNano()))
	f, err := os.Create(filler)
	if err != nil {
		in.t.Fatal(err)
	}
	defer f.Close()
	block := make([]byte, 4096)
	for err == nil {
		_, err = f.Write(block)
	}
	if !errors.Is(err, syscall.ENOSPC) {
		in.t.Fatal(err)
	}
	return func() {
		in.t.Helper()
		if err := os.Remove(filler); err != nil {
			in.t.Fatal(err)
		}
	}
}

// load adds orders until it is told to stop.
type load struct {
	in      *installation
	stop    chan struct{}
	done    sync.WaitGroup
	mu      sync.Mutex
	taken   []string // ids that were acknowledged
	refused int      // calls that were refused for want of space
	odd     []string // other answers
}

func (in *installation) load(workflow, prefix string) *load {
	l := &load{in: in, stop: make(chan struct{})}
	l.done.Go(func() {
		tick := time.NewTicker(50 * time.Millisecond)
		defer tick.Stop()
		for i := 0; ; i++ {
			select {
			case <-l.stop:
				return
			case <-tick.C:
			}
			r := in.signet("order", "add", workflow, "--id", fmt.Sprintf("%s%d", prefix, i), "--count", "3")
			l.mu.Lock()
			switch {
			case r.code == 0:
				l.taken = append(l.taken, lines(r.stdout)...)
			case r.code == 6 && strings.Contains(r.stderr, "full"):
				l.refused++
			default:
				l.odd = append(l.odd, fmt.Sprintf("%d %s", r.code, r.stderr))
			}
			l.mu.Unlock()
		}
	})
	return l
}

func (l *load) end() {
	close(l.stop)
	l.done.Wait()
}

func (l *load) counts() (taken, refused int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.taken), l.refused
}

// settled waits until every acknowledged order has run exactly once, and fails
// for a step that didn't succeed or an order that is left.
func (l *load) settled(effects string) {
	l.in.t.Helper()
	eventually(l.in.t, "all orders end", func() error {
		if left := lines(l.in.must("order", "list")); len(left) > 1 {
			return fmt.Errorf("%d orders are left: %s", len(left)-1, left[1])
		}
		return nil
	})
	eventually(l.in.t, "the history is whole", func() error { return l.inHistory() })
	ran := map[string]int{}
	for _, id := range lines(string(readFile(l.in.t, effects))) {
		ran[id]++
	}
	for _, id := range l.taken {
		if ran[id] != 1 {
			l.in.t.Errorf("the job of order %s ran %d times", id, ran[id])
		}
	}
	for _, o := range l.odd {
		l.in.t.Errorf("an order was answered with %s", o)
	}
}

func (l *load) inHistory() error {
	rows := l.in.history()
	for _, id := range l.taken {
		if r := rows[id]; len(r) != 1 || r[0].End == 0 || r[0].Outcome.Type != "Succeeded" {
			return fmt.Errorf("order %s: %+v", id, r)
		}
	}
	return nil
}

// onSmallDisk plays an installation of which one part has a small disk.
func onSmallDisk(t *testing.T, part string, mib int) (in *installation, effects string) {
	t.Helper()
	t.Parallel()
	in = install(t)
	in.smallDisk(part, mib)
	in.startDev()
	effects = filepath.Join(t.TempDir(), "effects")
	in.deployEffects("w", effects, "")
	return in, effects
}

// steady fails if a part has died since its process was pid.
func (in *installation) steady(name string, pid int) {
	in.t.Helper()
	if now := in.pid(name); now != pid {
		in.t.Errorf("%s has died:\n%s", name, in.dev.output())
	}
}

// With a disk of the size that the defaults want, so that they are tried, too:
// 32 MiB are the log's, 64 MiB are to be free.
const small = 128

func TestControllerOutOfSpace(t *testing.T) {
	in, effects := onSmallDisk(t, "controller-1", small)
	pid := in.pid("controller-1")
	l := in.load("w", "A")
	eventually(t, "orders are taken", func() error { return atLeast(l, 9, 0) })
	free := in.fill("controller-1")
	eventually(t, "orders are refused", func() error { return atLeast(l, 9, 2) })

	in.signet("order", "add", "w").expect(t, 6, "is full")
	in.signet("controller", "status").expect(t, 6, "the disk of controller-1 is full")
	in.signet("order", "list").expect(t, 0, "")
	in.signet("agent", "list").expect(t, 0, "agent-1")
	in.signet("workflow", "list").expect(t, 0, "w")
	in.steady("controller-1", pid)

	// It comes back on the full disk, and again.
	for range 2 {
		in.killPart("controller-1")
		in.fill("controller-1")
	}
	eventually(t, "it says that its disk is full", func() error {
		if r := in.signet("controller", "status"); r.code != 6 || !strings.Contains(r.stderr, "is full") {
			return fmt.Errorf("%+v", r)
		}
		return nil
	})
	free()
	in.removeFillers("controller-1")
	taken, _ := l.counts()
	within(t, 20*time.Second, "orders are taken again", func() error { return atLeast(l, taken+6, 0) })
	l.end()
	l.settled(effects)
	in.signet("controller", "status").expect(t, 0, "leader")
}

// One full disk of three: the group goes on.
func TestLeaderOutOfSpace(t *testing.T) {
	t.Parallel()
	in := install(t, "--controllers", "3")
	for _, name := range []string{"controller-1", "controller-2", "controller-3"} {
		in.smallDisk(name, small)
	}
	in.startDev("--controllers", "3")
	effects := filepath.Join(t.TempDir(), "effects")
	in.deployEffects("w", effects, "")
	l := in.load("w", "A")
	eventually(t, "orders are taken", func() error { return atLeast(l, 9, 0) })
	old := in.leader()
	in.fill(old)
	eventually(t, "another member leads", func() error {
		if now := in.leader(); now == old || now == "" {
			return fmt.Errorf("%q leads", now)
		}
		return nil
	})
	taken, _ := l.counts()
	within(t, 20*time.Second, "orders are taken", func() error { return atLeast(l, taken+9, 0) })
	in.removeFillers(old)
	l.end()
	l.odd = nil // while the leader changed
	l.settled(effects)
}

// leader returns which Controller leads, "" if none does.
func (in *installation) leader() string {
	in.t.Helper()
	r := in.signet("controller", "status", "-o", "json")
	var members []struct{ Name, Role string }
	if err := json.Unmarshal([]byte(r.stdout), &members); err != nil {
		return ""
	}
	for _, m := range members {
		if m.Role == "leader" {
			return m.Name
		}
	}
	return ""
}

func TestControllerFillsItsDisk(t *testing.T) {
	in, effects := onSmallDisk(t, "controller-1", 32+64+4)
	pid := in.pid("controller-1")
	in.deployEffects("big", effects, `"orderPreparation":{"parameters":{"text":{"type":"String"}}},`)
	l := in.load("w", "A")
	args := filepath.Join(t.TempDir(), "args.json")
	noise := make([]byte, 384<<10) // the log is compressed
	if _, err := rand.Read(noise); err != nil {
		t.Fatal(err)
	}
	writeFile(t, args, fmt.Appendf(nil, `{"text":%q}`, base64.StdEncoding.EncodeToString(noise)))
	eventually(t, "its own log fills the disk", func() error {
		r := in.signet("order", "add", "big", "--args", args)
		if r.code != 6 {
			return fmt.Errorf("%+v", r)
		}
		return nil
	})
	eventually(t, "orders are refused", func() error { return atLeast(l, 1, 2) })
	in.steady("controller-1", pid)
	in.grow("controller-1", 256)
	taken, _ := l.counts()
	within(t, 20*time.Second, "orders are taken again", func() error { return atLeast(l, taken+6, 0) })
	in.steady("controller-1", pid)
	l.end()
	l.settled(effects)
}

func TestAgentOutOfSpace(t *testing.T) {
	in, effects := onSmallDisk(t, "agent-1", small)
	pid := in.pid("agent-1")
	in.deploy("slow", "#!/bin/sh\nseq 1 20000\nsleep 2\nseq 1 20000\n")
	in.must("order", "add", "slow", "--id", "S", "--count", "5")
	l := in.load("w", "A")
	eventually(t, "the slow jobs run", func() error { return runningJobs(in, "S-", 5) })
	in.fill("agent-1")
	eventually(t, "the Agent says that its disk is full", func() error {
		var r result
		if r = in.signet("agent", "show", "agent-1"); !strings.Contains(r.stdout, "is full") {
			return fmt.Errorf("%s", r.stdout)
		}
		return nil
	})
	in.steady("agent-1", pid)
	in.signet("order", "add", "w", "--id", "WAITS").expect(t, 0, "WAITS")
	in.removeFillers("agent-1")
	within(t, 20*time.Second, "the order runs", func() error { return ended(in, "WAITS", 1) })
	l.end()
	l.settled(effects)
	in.steady("agent-1", pid)
	// The jobs that ran when the disk was full, and what they wrote.
	for i := range 5 {
		id := fmt.Sprintf("S-%d", i+1)
		if err := ended(in, id, 1); err != nil {
			t.Error(err)
		}
		if r := in.signet("order", "log", id); r.code != 0 || !strings.Contains(r.stdout, "1\n2\n3\n") {
			t.Errorf("the log of %s: %d %.200s", id, r.code, r.stdout+r.stderr)
		}
	}
}

func TestAgentStartsOnAFullDisk(t *testing.T) {
	in, effects := onSmallDisk(t, "agent-1", small)
	for range 3 {
		in.fill("agent-1")
		in.killPart("agent-1")
	}
	in.fill("agent-1")
	in.must("order", "add", "w", "--id", "WAITS")
	eventually(t, "the Agent says that its disk is full", func() error {
		if r := in.signet("agent", "show", "agent-1"); !strings.Contains(r.stdout, "is full") {
			return fmt.Errorf("%s", r.stdout)
		}
		return nil
	})
	in.removeFillers("agent-1")
	within(t, 20*time.Second, "the order runs", func() error { return ended(in, "WAITS", 1) })
	if got := string(readFile(t, effects)); got != "WAITS\n" {
		t.Errorf("jobs that ran: %q", got)
	}
}

// A job writes more than the disk takes: it goes on, and its log says that it
// is cut.
func TestAgentFillsItsDisk(t *testing.T) {
	in, effects := onSmallDisk(t, "agent-1", 8+64+4)
	pid := in.pid("agent-1")
	in.deploy("flood", "#!/bin/sh\nyes 0123456789abcdef0123456789abcdef | head -c 25000000\necho $$ >> "+effects+"\n")
	in.must("order", "add", "flood", "--id", "F", "--count", "3")
	eventually(t, "the jobs end although the disk is full", func() error {
		if b, err := os.ReadFile(effects); err != nil || len(lines(string(b))) != 3 {
			return fmt.Errorf("%q %w", b, err)
		}
		return nil
	})
	in.grow("agent-1", 512)
	cut := 0
	for i := range 3 {
		id := fmt.Sprintf("F-%d", i+1)
		within(t, 20*time.Second, "order "+id+" ends", func() error { return ended(in, id, 1) })
		r := in.signet("order", "log", id)
		if r.code != 0 {
			t.Errorf("the log of %s: %d %s", id, r.code, r.stderr)
		}
		if strings.Contains(r.stdout, "The log couldn't be written") && strings.Contains(r.stdout, "bytes of output are missing") {
			cut++
		} else if len(r.stdout) < 25_000_000 {
			t.Errorf("the log of %s has %d bytes and doesn't say that it was cut", id, len(r.stdout))
		}
	}
	if cut == 0 {
		t.Error("no log was cut: the disk wasn't full")
	}
	in.steady("agent-1", pid)
	in.signet("order", "add", "w", "--wait").expect(t, 0, "")
}

func TestCockpitOutOfSpace(t *testing.T) {
	in, effects := onSmallDisk(t, "cockpit", 8)
	pid := in.pid("cockpit")
	in.deploy("slow", "#!/bin/sh\nsleep 2\necho done\n")
	l := in.load("w", "A")
	eventually(t, "orders are taken", func() error { return atLeast(l, 9, 0) })
	in.must("order", "add", "slow", "--id", "S", "--count", "2")
	eventually(t, "the slow jobs run", func() error { return runningJobs(in, "S-", 2) })
	in.fill("cockpit")
	// What changes something has to be noted in the audit log before.
	eventually(t, "orders are refused", func() error { return atLeast(l, 9, 2) })
	in.signet("order", "add", "w").expect(t, 6, "the disk with the database is full")
	in.signet("order", "list").expect(t, 0, "")
	in.signet("history", "--limit", "3").expect(t, 0, "")
	eventually(t, "it says that the history isn't written", func() error {
		if r := in.signet("controller", "status"); r.code != 0 || !strings.Contains(r.stderr, "isn't written: the disk with the database is full") {
			return fmt.Errorf("%+v", r)
		}
		return nil
	})
	in.login().expect(t, 6, "is full")
	in.steady("cockpit", pid)

	in.killPart("cockpit")
	eventually(t, "it serves on the full disk", func() error {
		if r := in.signet("order", "list"); r.code != 0 {
			return fmt.Errorf("%+v", r)
		}
		return nil
	})
	in.removeFillers("cockpit")
	taken, _ := l.counts()
	within(t, 20*time.Second, "orders are taken again", func() error { return atLeast(l, taken+6, 0) })
	l.end()
	// While the Cockpit was started nobody could reach it.
	l.odd = nil
	l.settled(effects)
	for _, id := range []string{"S-1", "S-2"} {
		if err := ended(in, id, 1); err != nil {
			t.Error(err)
		}
		in.signet("order", "log", id).expect(t, 0, "done")
	}
	in.login().expect(t, 0, "")
}

// atLeast tells whether so many orders were taken and so many calls refused.
func atLeast(l *load, taken, refused int) error {
	if t, r := l.counts(); t < taken || r < refused {
		return fmt.Errorf("%d orders were taken, %d calls refused", t, r)
	}
	return nil
}

// runningJobs tells whether so many steps of orders with a prefix run.
func runningJobs(in *installation, prefix string, n int) error {
	for id, rows := range in.history() {
		if strings.HasPrefix(id, prefix) && len(rows) == 1 && rows[0].End == 0 {
			n--
		}
	}
	if n != 0 {
		return fmt.Errorf("%d more should run", n)
	}
	return nil
}

// ended tells whether an order has run so many times, the last time well.
func ended(in *installation, id string, times int) error {
	r := in.history()[id]
	if len(r) != times || r[times-1].Outcome.Type != "Succeeded" {
		return fmt.Errorf("order %s: %+v", id, r)
	}
	return nil
}

// killPart kills a part under `signet dev` and waits for the next process.
func (in *installation) killPart(name string) {
	in.t.Helper()
	before := in.pid(name)
	if err := syscall.Kill(before, syscall.SIGKILL); err != nil {
		in.t.Fatal(err)
	}
	eventually(in.t, name+" is started again", func() error {
		if in.pid(name) == before {
			return errors.New("it isn't")
		}
		return nil
	})
}

func (in *installation) removeFillers(name string) {
	in.t.Helper()
	fillers, err := filepath.Glob(filepath.Join(in.data(name), "filler-*"))
	if err != nil {
		in.t.Fatal(err)
	}
	for _, f := range fillers {
		if err := os.Remove(f); err != nil {
			in.t.Fatal(err)
		}
	}
}
