package faults

import (
	"context"
	"fmt"
	"maps"
	mathrand "math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/signet-scheduler/signet/test/faults/rig"
)

// ordersPerKill orders are added for each kill: there is always something to do.
const ordersPerKill = 2

// longestShort ends a short campaign on a machine that is busy with other things.
const longestShort = 40 * time.Second

// devName is what a kill of `signet dev`, and with it of everything, is called.
const devName = "signet dev"

// deathsUntilPause is how often a part may die within a minute before `signet
// dev` begins to wait longer. A new dev counts anew.
const deathsUntilPause = 10

func TestKills(t *testing.T) {
	t.Parallel()
	rnd, kills := campaign(t, "kills", killsFlag, 100)
	e := newEffects(t, ":2")
	r := rig.Start(t, rig.Options{Binary: &built, Agents: 2})
	r.Deploy(map[string]string{"THREE.workflow.json": workflow(e.job("agent-1", "0.05"), e.job("agent-1", "0"), e.job("agent-2", "0.03"))})
	k := &killer{evidence: &evidence{r: r, effects: e}, t: t, rnd: rnd, deaths: map[string]int{}, count: map[string]int{}}
	if *killsFlag == 0 {
		k.until = time.Now().Add(longestShort)
	}
	k.run(t.Context(), kills)
	k.rest(t)
	k.judge(t)
	k.report()
}

// killer kills parts and adds orders meanwhile. Owned by the test's goroutine,
// but for the evidence.
type killer struct {
	*evidence
	t      *testing.T
	rnd    *mathrand.Rand
	deaths map[string]int // since the last start of dev
	count  map[string]int
	began  time.Time
	until  time.Time // zero: for all kills
}

func (k *killer) run(ctx context.Context, kills int) {
	k.began = time.Now()
	waves := make(chan int, 4) // more than that needn't wait
	var adding sync.WaitGroup
	adding.Go(func() {
		for n := range waves {
			k.wave(ctx, n)
		}
	})
	defer adding.Wait()
	defer close(waves)
	for n := range kills {
		select {
		case waves <- n:
		case <-ctx.Done():
			return
		}
		if k.t.Failed() || !k.until.IsZero() && time.Now().After(k.until) {
			return
		}
		k.await(ctx)
		k.kill(ctx)
		if n%100 == 99 {
			k.t.Logf("%d kills", n+1)
			if err := k.stream.fetch(ctx, k.r); err != nil {
				k.t.Logf("reading events after %d kills was interrupted: %v", n+1, err)
			}
		}
	}
}

// wave adds the orders that belong to a kill.
func (k *killer) wave(ctx context.Context, n int) {
	id := fmt.Sprintf("K%d", n)
	err := persistently(ctx, func() error { return k.r.Add(ctx, "THREE", id, ordersPerKill, id) })
	if err != nil {
		k.t.Errorf("adding orders %s: %v", id, err)
		return
	}
	for i := range ordersPerKill {
		k.acknowledged(fmt.Sprintf("%s-%d", id, i+1))
	}
}

// await waits until the next kill is due: a while, often until jobs go on.
func (k *killer) await(ctx context.Context) {
	if chance(k.rnd, 3) {
		before, _, err := k.effects.look()
		if err != nil {
			k.t.Error(err)
		}
		_ = rig.Poll(ctx, time.Second, func() error { // else: at this moment nothing can go on
			now, _, err := k.effects.look()
			if err == nil && now <= before {
				return errNothingNew
			}
			return err
		})
	}
	pause(ctx, time.Duration(k.rnd.IntN(150))*time.Millisecond)
}

type nothingNewError struct{}

func (nothingNewError) Error() string { return "nothing new" }

var errNothingNew error = nothingNewError{}

// pause waits for a moment between two faults.
func pause(ctx context.Context, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
}

// victim chooses what dies next.
func (k *killer) victim() string {
	all := []string{
		"controller-1", "controller-1", "controller-1", "agent-1", "agent-1", "agent-2", "agent-2", "cockpit", "cockpit",
		rig.Starter("agent-1"), rig.Starter("agent-2"), devName,
	}
	part := all[k.rnd.IntN(len(all))]
	if k.deaths[part] == deathsUntilPause {
		return devName
	}
	return part
}

func (k *killer) kill(ctx context.Context) {
	part := k.victim()
	k.count[part]++
	if part == devName {
		clear(k.deaths)
		if err := k.r.KillDev(); err != nil {
			k.t.Error(err)
		}
		if err := k.r.StartDev(); err != nil {
			k.t.Fatal(err)
		}
		return
	}
	k.deaths[part]++
	var pid int
	// A part that is just being started has no process, or a starter none yet.
	err := rig.Poll(ctx, rig.Patience, func() (err error) { pid, err = k.r.Kill(part); return err })
	if err == nil && !strings.HasPrefix(part, rig.Starter("")) {
		err = k.r.AwaitOther(ctx, part, pid)
	}
	if err != nil {
		k.t.Errorf("killing %s: %v\n%s", part, err, k.r.Tail())
	}
}

func (k *killer) report() {
	starts, done, err := k.effects.look()
	if err != nil {
		k.t.Error(err)
	}
	var parts []string
	total := 0
	for _, name := range slices.Sorted(maps.Keys(k.count)) {
		parts = append(parts, fmt.Sprintf("%s %d", name, k.count[name]))
		total += k.count[name]
	}
	k.t.Logf("%d kills in %s (%s); %d orders acknowledged, %d went through, %d jobs started, %d of them again",
		total, time.Since(k.began).Round(time.Second), strings.Join(parts, ", "), len(k.promised()), done, starts, starts-3*done)
}
