package faults

import (
	"fmt"
	"path/filepath"
	"testing"
	"time"

	"github.com/signet-scheduler/signet/test/faults/proxy"
	"github.com/signet-scheduler/signet/test/faults/rig"
)

// An Agent that is cut off goes through all that it can do by itself, and
// nothing of it is lost or done twice when the connection is back: held back
// and let go, lost on the way, or reset while bytes were under way.
func TestAgentIsCutOff(t *testing.T) {
	t.Parallel()
	rnd, cuts := campaign(t, "cuts", cutsFlag, 6)
	e := newEffects(t, ":2")
	var way *proxy.Proxy
	r := rig.Start(t, rig.Options{Binary: &built})
	ports, err := rig.Ports(r.Dir)
	if err != nil {
		t.Fatal(err)
	}
	if way, err = proxy.New(fmt.Sprintf("127.0.0.1:%d", ports["agent-1"])); err != nil {
		t.Fatal(err)
	}
	defer way.Close()
	r.Must("agent", "add", "agent-1", "--uri", "https://"+way.Addr())
	r.Deploy(map[string]string{"THREE.workflow.json": workflow(e.job("agent-1", "0.05"), e.job("agent-1", "0.1"), e.job("agent-1", "0"))})
	v := &evidence{r: r, effects: e}
	ctx := t.Context()
	for n := range cuts {
		id := fmt.Sprintf("A%d", n)
		if err := r.AddPersistently(ctx, "THREE", id, 5); err != nil {
			t.Fatal(err)
		}
		for i := range 5 {
			v.acknowledged(fmt.Sprintf("%s-%d", id, i+1))
		}
		// Some jobs have begun when the cut comes, or are about to.
		before, _, err := e.look()
		if err != nil {
			t.Fatal(err)
		}
		_ = rig.Poll(ctx, time.Second, func() error { // else: nothing has come through yet, which is a case as well
			if now, _, err := e.look(); err != nil || now == before {
				return errNothingNew
			}
			return nil
		})
		pause(ctx, time.Duration(rnd.IntN(80))*time.Millisecond)
		switch n % 4 {
		case 0:
			way.Cut()
		case 1:
			way.Set(proxy.Down, proxy.Fault{Swallow: true})
		case 2:
			way.Set(proxy.Up, proxy.Fault{Swallow: true})
		case 3:
			way.Reset()
			way.Set(proxy.Down, proxy.Fault{Delay: time.Duration(50+rnd.IntN(950)) * time.Millisecond})
		}
		// What the Agent has got it goes through alone.
		quiet(t, v)
		if left := e.halfway(); left > 0 {
			t.Errorf("cut %d: the Agent left %d orders that it had begun", n, left)
		}
		way.Heal()
	}
	v.rest(t)
	v.judge(t)
	starts, done, err := e.look()
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("%d cuts; %d orders acknowledged, %d went through, %d jobs started", cuts, len(v.promised()), done, starts)
}

// quiet waits until no job runs and none has begun for a while.
func quiet(t *testing.T, v *evidence) {
	t.Helper()
	since, last := time.Now(), -1
	err := rig.Poll(t.Context(), rig.Patience, func() error {
		starts, _, err := v.effects.look()
		if err != nil {
			return err
		}
		if starts != last || len(v.r.Jobs()) > 0 {
			since, last = time.Now(), starts
		}
		if time.Since(since) < 500*time.Millisecond {
			return errNothingNew
		}
		return nil
	})
	if err != nil {
		t.Errorf("jobs at %s don't come to an end: %v", filepath.Base(v.r.Dir), err)
	}
}
