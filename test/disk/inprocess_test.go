package disk

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/signet-scheduler/signet/internal/fsys"
	"github.com/signet-scheduler/signet/test/cluster"
)

// fallible are the operations that are failed in turn.
var fallible = []struct {
	op fsys.Op
	// ends tells that the part must stop. Without snapshots, which may fail, all
	// that is written is the log.
	ends bool
}{
	{fsys.OpSync, true},
	{fsys.OpWrite, true},
	{fsys.OpRename, true},
	{fsys.OpTruncate, true},
	{fsys.OpSync, false},
	{fsys.OpWrite, false},
	{fsys.OpRename, false},
	{fsys.OpTruncate, false},
	{fsys.OpSyncDir, false},
	{fsys.OpCreate, false},
	{fsys.OpOpen, false},
	{fsys.OpMkdir, false},
	{fsys.OpRemove, false},
	{fsys.OpAllocate, false},
}

// life is a Controller or an Agent whose log is on a disk that may fail.
type life struct {
	t     *testing.T
	c     *cluster.Cluster
	agent bool
	mem   *fsys.Mem
	fail  *fsys.Failing
	n     int
	acked []string
}

func newLife(t *testing.T, agent bool) *life {
	t.Helper()
	mem := fsys.NewMem()
	fail := fsys.NewFailing(mem)
	name := "controller-1"
	if agent {
		name = "agent-1"
	}
	l := &life{t: t, agent: agent, mem: mem, fail: fail, c: cluster.New(t, 1, 1, cluster.Disk(name, fail))}
	if err := l.c.DeployAgents(); err != nil {
		t.Fatal(err)
	}
	if err := l.c.Deploy(`{"TYPE":"Workflow","path":"W","versionId":"1","instructions":[{"TYPE":"Execute.Anonymous","job":{"agentPath":"agent-1","executable":{"TYPE":"ShellScriptExecutable","script":"exit 0"}}}]}`); err != nil {
		t.Fatal(err)
	}
	return l
}

// start starts the part; it tells whether it could.
func (l *life) start() error {
	l.t.Helper()
	var err error
	eventually(l.t, "the port is free", func() error {
		if l.agent {
			err = l.c.TryAgent(l.c.Agents[0])
		} else {
			err = l.c.TryController(l.c.Controllers[0])
		}
		if err != nil && strings.Contains(err.Error(), "address already in use") {
			return err // some connection has just got it
		}
		return nil
	})
	return err
}

// end closes the part, as if it had been killed.
func (l *life) end() {
	if l.agent {
		_ = l.c.Agents[0].Running.Close() // its log has failed
		l.c.Agents[0].Running = nil
		return
	}
	_ = l.c.Controllers[0].Running.Close()
	l.c.Controllers[0].Running = nil
}

// failed returns why the part stopped by itself, nil while it runs.
func (l *life) failed(wait time.Duration) error {
	ctx, cancel := l.c.Within(wait)
	defer cancel()
	if l.agent {
		return l.c.Agents[0].Running.Wait(ctx)
	}
	return l.c.Controllers[0].Running.Wait(ctx)
}

// work adds orders, as far as the part lets it, and keeps those that were
// acknowledged.
func (l *life) work(snapshot bool) {
	for range 3 {
		l.n++
		id := fmt.Sprintf("O-%d", l.n)
		order := map[string]any{"id": id, "workflowPath": "W"}
		if l.c.Once("AddOrders", map[string]any{"orders": []any{order}}) == nil {
			l.acked = append(l.acked, id)
		}
	}
	if snapshot {
		_ = l.c.Once("TakeSnapshot", nil) // it may fail with the disk
	}
}

// suffer restarts the part on a disk of which an operation fails, lets it work,
// takes its power away, and looks whether what it acknowledged is there. It
// tells whether there was such an operation.
func (l *life) suffer(op fsys.Op, ends bool, nth int) bool {
	l.t.Helper()
	what := fmt.Sprintf("%s %d", op, nth)
	before := l.fail.Hits()
	l.end()
	l.fail.SetRules(fsys.Rule{Ops: []fsys.Op{op}, Nth: nth, Err: syscall.EIO})
	err := l.start()
	started := err == nil
	if started {
		l.work(!ends)
		hit := l.fail.Hits() > before
		wait := 50 * time.Millisecond
		if hit && ends {
			wait = 20 * time.Second
		}
		if err = l.failed(wait); err == nil && hit && ends {
			l.t.Errorf("%s failed, and the part went on", what)
		}
	}
	hit := l.fail.Hits() > before
	if err != nil && (!hit || !errors.Is(err, syscall.EIO) && !strings.Contains(err.Error(), "input/output error")) {
		l.t.Errorf("%s: the part ended with %v", what, err)
	}
	l.fail.SetRules()
	if started {
		l.end()
	}
	l.mem.Crash(rand.New(rand.NewPCG(uint64(nth), uint64(len(op)))))
	if err := l.start(); err != nil {
		l.t.Fatalf("%s: it doesn't start again: %v", what, err)
	}
	l.c.Eventually(what+": what was acknowledged is done", func() bool {
		for _, id := range l.acked {
			if l.c.State(id) != "Finished" {
				return false
			}
		}
		return true
	})
	l.acked = l.acked[max(0, len(l.acked)-6):]
	return hit
}

// Every operation on the log of a Controller and of an Agent fails once: the
// part stops if it can't know any more what is stored, and after a power cut
// all that was acknowledged is there.
func TestOperationsFail(t *testing.T) {
	for _, agent := range []bool{false, true} {
		name := "controller"
		if agent {
			name = "agent"
		}
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l := newLife(t, agent)
			sites := 0
			for _, f := range fallible {
				// The short form tries one of the start's and one of the work's.
				// An Agent's log is the same package, and the Controller takes its time
				// to couple again.
				step, most := 7, 2
				switch {
				case *long:
					step, most = 1, 60 // each life leaves a file more to open
				case agent && f.ends:
					most = 1
				case agent:
					most = 0
				}
				met := 0
				for met < most && l.suffer(f.op, f.ends, 1+met*step) {
					met++
				}
				t.Logf("%s: %d sites", f.op, met)
				sites += met
			}
			if t.Logf("%d sites", sites); sites < 3 {
				t.Error("that are too few")
			}
		})
	}
}
