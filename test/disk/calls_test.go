package disk

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
)

// A site is one call of a part's process to the system, and what becomes of it.
type site struct {
	call  string
	fault string // error=EIO, error=ENOSPC, signal=KILL
	n     int    // the n-th call of a thread
}

func (s site) String() string { return fmt.Sprintf("%s:%s:when=%d", s.call, s.fault, s.n) }

// text is how the system names the error.
func (s site) text() string {
	return map[string]string{"error=EIO": "input/output error", "error=ENOSPC": "no space left on device"}[s.fault]
}

// calls are the calls by which a part changes its disk, and how many of each are
// tried at least in the long form; it goes on until no thread makes so many.
var calls = map[string][]string{
	"controller-1": {"fdatasync", "fsync", "pwrite64", "ftruncate", "fallocate", "renameat", "unlinkat"},
	"agent-1":      {"fdatasync", "fsync", "pwrite64", "ftruncate", "fallocate", "renameat", "unlinkat"},
	"cockpit":      {"fsync", "pwrite64", "ftruncate", "unlink"},
}

var faults = []string{"error=EIO", "error=ENOSPC", "signal=KILL"}

// sample is what is tried in the short form.
var sample = map[string][]site{
	"controller-1": {
		{"fdatasync", "error=EIO", 1},
		{"fdatasync", "error=EIO", 4},
		{"fdatasync", "signal=KILL", 3},
		{"pwrite64", "error=EIO", 2},
		{"pwrite64", "error=ENOSPC", 4},
		{"pwrite64", "signal=KILL", 3},
		{"renameat", "error=EIO", 1},
		{"fallocate", "error=ENOSPC", 1},
		{"ftruncate", "error=EIO", 1},
	},
	"agent-1": {
		{"fdatasync", "error=EIO", 1},
		{"fdatasync", "error=EIO", 4},
		{"fdatasync", "signal=KILL", 3},
		{"pwrite64", "error=ENOSPC", 3},
		{"pwrite64", "signal=KILL", 3},
		{"renameat", "error=ENOSPC", 1},
	},
	"cockpit": {
		{"fsync", "error=EIO", 2},
		{"fsync", "error=EIO", 5},
		{"fsync", "signal=KILL", 3},
		{"pwrite64", "error=EIO", 2},
		{"pwrite64", "error=EIO", 6},
		{"pwrite64", "error=ENOSPC", 5},
		{"pwrite64", "signal=KILL", 4},
	},
}

func TestCallsFail(t *testing.T) {
	needs(t, "strace")
	for part := range calls {
		t.Run(part, func(t *testing.T) {
			t.Parallel()
			v := newVictim(t, part)
			if !*long {
				hits := 0
				for _, s := range sample[part] {
					if v.suffer(s) {
						hits++
					}
				}
				// How many calls a thread makes differs from run to run.
				if t.Logf("%d of %d sites were met", hits, v.sites); 3*hits < 2*v.sites {
					t.Error("too few")
				}
				return
			}
			for _, call := range calls[part] {
				for _, f := range faults {
					for n := 1; v.suffer(site{call, f, n}); n++ {
					}
				}
			}
			t.Logf("%d sites", v.sites)
		})
	}
}

// victim is an installation whose parts run one by one; one of them is made to
// suffer.
type victim struct {
	*installation
	part    string
	effects string
	sites   int
}

func newVictim(t *testing.T, part string) *victim {
	t.Helper()
	v := &victim{installation: install(t), part: part, effects: filepath.Join(t.TempDir(), "effects")}
	v.startDev()
	v.deployEffects("w", v.effects, "")
	v.stopDev()
	for _, name := range []string{"controller-1", "agent-1", "cockpit"} {
		if name != part {
			v.serve(name).await("msg=serving")
		}
	}
	return v
}

// keeper runs a part, the first time under strace, and again when it ends.
type keeper struct {
	mu      sync.Mutex
	now     *process
	ends    []string // how it ended, but for the last time
	stopped bool
	done    chan struct{}
}

func (v *victim) keep(wrap ...string) *keeper {
	k := &keeper{done: make(chan struct{})}
	k.now = v.serve(v.part, wrap...)
	go func() {
		defer close(k.done)
		for p := k.now; ; {
			<-p.ended
			k.mu.Lock()
			if k.stopped {
				k.mu.Unlock()
				return
			}
			k.ends = append(k.ends, fmt.Sprintf("%v\n%s", p.err, p.output()))
			p = v.serve(v.part)
			k.now = p
			k.mu.Unlock()
		}
	}()
	return k
}

// stop ends the part in order, and returns how it ended.
func (k *keeper) stop(v *victim) (*process, []string) {
	v.t.Helper()
	k.mu.Lock()
	k.stopped = true
	p := k.now
	k.mu.Unlock()
	// A process that has only just begun doesn't know yet what the signal means.
	p.await("msg=serving")
	pid := p.cmd.Process.Pid
	if p.cmd.Args[0] == "strace" { // that isn't the part, but its child is
		b, err := os.ReadFile(fmt.Sprintf("/proc/%d/task/%d/children", pid, pid))
		if err == nil && len(b) > 0 {
			if pid, err = strconv.Atoi(strings.Fields(string(b))[0]); err != nil {
				v.t.Fatal(err)
			}
		}
	}
	if err := syscall.Kill(pid, syscall.SIGTERM); err != nil && err != syscall.ESRCH {
		v.t.Fatal(err)
	}
	_ = p.wait() // looked at by the caller
	<-k.done
	return p, k.ends
}

// suffer lets a call of the part fail while it works, and looks whether what it
// acknowledged is done exactly once. It tells whether there was such a call.
func (v *victim) suffer(s site) bool {
	v.t.Helper()
	v.sites++
	trace := filepath.Join(v.t.TempDir(), "trace")
	k := v.keep("strace", "-f", "--seccomp-bpf", "-qq", "-o", trace, "-e", "trace="+s.call+",listen", "-e", "inject="+s.String())
	var taken []string
	for i := range 3 {
		eventually(v.t, s.String()+": an order is taken", func() error {
			r := v.signet("order", "add", "w", "--id", fmt.Sprintf("%s%d-%d", v.part, v.sites, i), "--count", "2")
			switch {
			case r.code == 0:
				taken = append(taken, lines(r.stdout)...)
				return nil
			case r.code == 7 && strings.Contains(r.stderr, "exist"):
				return nil // taken, but nobody was told
			}
			return fmt.Errorf("%d %s", r.code, r.stderr)
		})
	}
	eventually(v.t, s.String()+": what was acknowledged is done", func() error {
		v.resume(s)
		return v.done(taken)
	})
	last, ends := k.stop(v)

	b, err := os.ReadFile(trace)
	if err != nil {
		v.t.Fatal(err)
	}
	// A killed part may have been met while it was stopping.
	hit := strings.Contains(string(b), "(INJECTED)") || s.fault == "signal=KILL" && (len(ends) > 0 || last.code() != 0)
	v.judge(s, hit, opening(string(b)), last, ends)
	return hit
}

// opening tells whether a call failed before the part listened: while it opened
// its log.
func opening(trace string) bool {
	before, _, _ := strings.Cut(trace, " listen(")
	return strings.Contains(before, "(INJECTED)")
}

// resume goes on with orders whose job couldn't begin because the call that failed
// was about its script, as a person would. Such an order has failed and says why.
func (v *victim) resume(s site) {
	v.t.Helper()
	for _, line := range lines(v.signet("order", "list", "--state", "Failed").stdout) {
		id, _, _ := strings.Cut(line, " ")
		if !strings.HasPrefix(id, v.part) {
			continue // the table's head
		}
		if told := v.signet("order", "show", id, "-o", "json").stdout; s.text() == "" || !strings.Contains(told, s.text()) {
			v.t.Fatalf("%s: order %s has failed, and not over this: %s", s, id, told)
		}
		if r := v.signet("order", "resume", id); r.code != 0 {
			v.t.Fatalf("%s: order %s can't be resumed: %d %s", s, id, r.code, r.stderr)
		}
	}
}

// judge looks at how the part took it.
func (v *victim) judge(s site, hit, opening bool, last *process, ends []string) {
	v.t.Helper()
	text := s.text()
	if code := last.code(); code != 0 {
		ends = append(ends, last.output())
	}
	switch {
	case !hit && len(ends) > 0:
		v.t.Errorf("%s: %s ended although nothing failed:\n%s", s, v.part, ends[0])
	case hit && s.fault == "signal=KILL":
		// It didn't choose.
	case len(ends) > 1:
		v.t.Errorf("%s: %s ended %d times:\n%s", s, v.part, len(ends), strings.Join(ends, "\nand then:\n"))
	case len(ends) == 1 && !strings.Contains(ends[0], text) && !strings.Contains(ends[0], "disk I/O error") && !strings.Contains(ends[0], "is full"):
		v.t.Errorf("%s: %s ended and didn't say why:\n%s", s, v.part, ends[0])
	case opening && s.fault == "error=ENOSPC":
		// On a disk that seems full it has begun a shorter log file instead:
		// nothing is in it yet that could be lost.
	case hit && len(ends) == 0 && v.part != "cockpit" && (s.call == "fdatasync" || s.call == "pwrite64"):
		// Nothing else is written or synced so but the log.
		v.t.Errorf("%s: %s went on after its log failed:\n%s", s, v.part, last.output())
	}
}

// done tells whether orders have ended well, with a row of history for each run
// of a job.
func (v *victim) done(orders []string) error {
	r := v.signet("order", "list")
	if r.code != 0 {
		return fmt.Errorf("%d %s", r.code, r.stderr)
	}
	if left := lines(r.stdout); len(left) > 1 {
		return fmt.Errorf("%d orders are left: %s", len(left)-1, left[1])
	}
	ran := map[string]int{}
	if b, err := os.ReadFile(v.effects); err == nil {
		for _, id := range lines(string(b)) {
			ran[id]++
		}
	}
	r = v.signet("history", "-o", "json", "--limit", "100000")
	if r.code != 0 {
		return fmt.Errorf("%d %s", r.code, r.stderr)
	}
	rows, err := parseHistory(r.stdout)
	if err != nil {
		return err
	}
	for _, id := range orders {
		h := rows[id]
		if len(h) == 0 {
			return fmt.Errorf("order %s isn't in the history", id)
		}
		well := 0
		for _, row := range h {
			if row.End == 0 {
				return fmt.Errorf("order %s: a step runs", id)
			}
			if row.Outcome.Type == "Succeeded" {
				well++
			}
		}
		// A run that was lost may have done its work.
		if well != 1 || ran[id] < 1 || ran[id] > len(h) || len(h) > 1 && v.part != "agent-1" {
			v.t.Errorf("order %s: the job ran %d times, and its history is %+v", id, ran[id], h)
		}
	}
	return nil
}
