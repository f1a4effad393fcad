package main

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// What is to be reached; docs/benchmarks.md has the same.
const (
	wantShare     = 0.6
	wantOwnCPU    = 500 * time.Microsecond
	wantSyncs     = 8
	wantBeyond    = 3 * time.Millisecond
	wantStep      = 2500 * time.Microsecond
	wantFork      = 200 * time.Millisecond
	wantScheduled = 20_000
)

// oneStep measures the throughput of orders of one job, and what CPU our parts
// need for one. Bare starts are measured before and after each round, so that
// both see the same machine.
func (b *bench) oneStep(ctx context.Context) error {
	atOnce := parallelPerCore * runtime.NumCPU()
	if _, err := b.inst.run(ctx, oneStep, "warm-up", 1000); err != nil {
		return err
	}
	var rates, floorRates, shares []float64
	var own, jobs, floorJobs []time.Duration
	perPart := map[string][]time.Duration{}
	for round := range b.o.rounds {
		before, err := b.bareStarts(ctx, b.o.oneStep/5, atOnce)
		if err != nil {
			return err
		}
		used, err := b.inst.usage()
		if err != nil {
			return err
		}
		took, err := b.inst.run(ctx, oneStep, fmt.Sprintf("one-step-%d", round), b.o.oneStep)
		if err != nil {
			return err
		}
		now, err := b.inst.usage()
		if err != nil {
			return err
		}
		after, err := b.bareStarts(ctx, b.o.oneStep/5, atOnce)
		if err != nil {
			return err
		}
		rate, floor := float64(b.o.oneStep)/took.Seconds(), (before.perSecond+after.perSecond)/2
		rates, floorRates, shares = append(rates, rate), append(floorRates, floor), append(shares, rate/floor)
		sum := time.Duration(0)
		for name, c := range now {
			each := c.minus(used[name]).self / time.Duration(b.o.oneStep)
			perPart[name] = append(perPart[name], each)
			sum += each
		}
		own = append(own, sum)
		jobs = append(jobs, now[starter].minus(used[starter]).children/time.Duration(b.o.oneStep))
		floorJobs = append(floorJobs, (before.child+after.child)/2)
	}
	share, ownCPU := median(shares), median(own)
	var detail []string
	for _, name := range slices.Sorted(maps.Keys(perPart)) {
		detail = append(detail, name+" "+millis(median(perPart[name])))
	}
	b.report.add(
		row{
			figure: "one-step orders per second", value: number(median(rates)) + "/s", floor: number(median(floorRates)) + "/s", ratio: number(share),
			target: fmt.Sprintf("ratio >= %g", wantShare), ok: verdictOf(share >= wantShare),
			note: fmt.Sprintf("median of %d round(s) of %d orders in one request, until the history of all is stored; floor: start and wait of the same script, %d at once", b.o.rounds, b.o.oneStep, atOnce),
		},
		row{
			figure: "our CPU for one such order", value: millis(ownCPU), target: "<= " + millis(wantOwnCPU), ok: verdictOf(ownCPU <= wantOwnCPU),
			note: "user and system time of our processes' own threads: " + strings.Join(detail, ", "),
		},
		row{
			figure: "CPU of the job's own process", value: millis(median(jobs)), floor: millis(median(floorJobs)), ratio: number(float64(median(jobs)) / float64(max(1, median(floorJobs)))),
			note: "time of the starter's children, not in the row above; it holds what the new process does for us between fork and exec",
		})
	return nil
}

// latency measures single orders one after the other.
func (b *bench) latency(ctx context.Context) error {
	if b.floor.http == 0 {
		var err error
		if b.floor.http, err = b.inst.emptyRequest(ctx); err != nil {
			return err
		}
	}
	sync, err := syncTime(ctx, b.o.dir) // of this minute: disks have moods
	if err != nil {
		return err
	}
	for n := range 20 {
		if _, err := b.inst.runOne(ctx, oneStep, fmt.Sprintf("single-warm-up-%d", n)); err != nil {
			return err
		}
	}
	all := make([]time.Duration, 0, b.o.latency)
	for n := range b.o.latency {
		took, err := b.inst.runOne(ctx, oneStep, fmt.Sprintf("single-%d", n))
		if err != nil {
			return err
		}
		all = append(all, took)
	}
	slices.Sort(all)
	want, got := wantSyncs*sync+wantBeyond, median(all)
	floor := b.floor.start + sync
	b.report.add(row{
		figure: "order add to recorded end, median", value: millis(got), floor: millis(floor), ratio: number(float64(got) / float64(floor)),
		target: "<= " + millis(want), ok: verdictOf(got <= want),
		note: fmt.Sprintf("%d orders one after the other, from the request to the answer that its history is stored; p90 %s, p99 %s; to reach: %d syncs of %s each + %s; floor: one start and one sync. An empty request over mutual TLS takes %s",
			len(all), millis(all[len(all)*90/100]), millis(all[len(all)*99/100]), wantSyncs, millis(sync), millis(wantBeyond), millis(b.floor.http)),
	})
	return nil
}

// sequence measures jobs of one order one after the other on one Agent.
func (b *bench) sequence(ctx context.Context) error {
	got, err := b.several(ctx, sequence, 5)
	if err != nil {
		return err
	}
	step := got / steps
	b.report.add(row{
		figure: fmt.Sprintf("%d sequential jobs: time per step", steps), value: millis(step), floor: millis(b.floor.start), ratio: number(float64(step) / float64(b.floor.start)),
		target: "<= " + millis(wantStep), ok: verdictOf(step <= wantStep), note: "median of 5 orders; floor: start and wait of the script, one at a time",
	})
	return nil
}

// fork measures one order that forks.
func (b *bench) fork(ctx context.Context) error {
	bare, err := b.bareStarts(ctx, 5*branches, parallelPerCore*runtime.NumCPU())
	if err != nil {
		return err
	}
	got, err := b.several(ctx, forkJoin, 9)
	if err != nil {
		return err
	}
	floor := time.Duration(branches / bare.perSecond * float64(time.Second))
	b.report.add(row{
		figure: fmt.Sprintf("Fork into %d one-job branches", branches), value: millis(got), floor: millis(floor), ratio: number(float64(got) / float64(floor)),
		target: "<= " + millis(wantFork), ok: verdictOf(got <= wantFork), note: fmt.Sprintf("median of 9 orders, from the request to the stored history; floor: %d bare starts", branches),
	})
	return nil
}

// several runs single orders after a first one that doesn't count, and returns
// their median time.
func (b *bench) several(ctx context.Context, workflow string, times int) (time.Duration, error) {
	var all []time.Duration
	for n := range times + 1 {
		took, err := b.inst.runOne(ctx, workflow, fmt.Sprintf("%s-%d", strings.ReplaceAll(workflow, "/", "-"), n))
		if err != nil {
			return 0, err
		}
		if n > 0 {
			all = append(all, took)
		}
	}
	return median(all), nil
}

// scheduled measures how many orders a Controller takes durably: requests of
// 1,000 orders that start in a year, straight to the Controller, then through
// the Cockpit.
func (b *bench) scheduled(ctx context.Context) error {
	peer, err := b.inst.peer()
	if err != nil {
		return err
	}
	defer peer.Close()
	when := time.Now().AddDate(1, 0, 0).UnixMilli()
	straight := make([]json.RawMessage, b.o.scheduled)
	through := make([]json.RawMessage, b.o.scheduled)
	for n := range straight {
		if straight[n], err = addCommand(n, when); err != nil {
			return err
		}
		through[n] = json.RawMessage(fmt.Sprintf(`{"workflow":%q,"id":"through-%d","count":%d,"scheduledFor":%d}`, oneStep, n, perRequest, when))
	}
	const senders = 4
	direct, err := sendAll(ctx, senders, straight, func(ctx context.Context, body json.RawMessage) error {
		return peer.PostJSON(ctx, b.inst.controllerURL+"/controller/api/command", body, nil)
	})
	if err != nil {
		return err
	}
	cockpit, err := sendAll(ctx, senders, through, func(ctx context.Context, body json.RawMessage) error {
		return b.inst.api.Post(ctx, "/orders", body, false, nil)
	})
	if err != nil {
		return err
	}
	b.report.add(
		row{
			figure: "orders added per second, durable", value: number(direct) + "/s", target: fmt.Sprintf(">= %s/s", number(wantScheduled)), ok: verdictOf(direct >= wantScheduled),
			note: fmt.Sprintf("%d AddOrders commands of %d orders scheduled in a year, %d at once, from the sending to the last answer", b.o.scheduled, perRequest, senders),
		},
		row{figure: "the same through the Cockpit", value: number(cockpit) + "/s"})
	return nil
}

const perRequest = 1000

// addCommand is a command for the Controller, as the Cockpit would send it.
func addCommand(n int, when int64) (json.RawMessage, error) {
	orders := make([]any, perRequest)
	for i := range orders {
		orders[i] = map[string]any{"id": fmt.Sprintf("straight-%d-%d", n, i), "workflowPath": oneStep, "scheduledFor": when, "deleteWhenTerminated": true}
	}
	return json.Marshal(map[string]any{
		"TYPE": "AddOrders", "commandId": fmt.Sprintf("bench-%d-%d", when, n), "by": map[string]any{"account": "bench", "method": "test"}, "orders": orders,
	})
}

// sendAll sends requests, so many at once, and returns orders per second.
func sendAll(ctx context.Context, senders int, bodies []json.RawMessage, send func(ctx context.Context, body json.RawMessage) error) (float64, error) {
	var next atomic.Int64
	errs := make(chan error, senders)
	began := time.Now()
	var all sync.WaitGroup
	for range senders {
		all.Go(func() {
			for n := next.Add(1) - 1; n < int64(len(bodies)); n = next.Add(1) - 1 {
				if err := send(ctx, bodies[n]); err != nil {
					errs <- err
					return
				}
			}
		})
	}
	all.Wait()
	took := time.Since(began)
	select {
	case err := <-errs:
		return 0, err
	default:
		return float64(len(bodies)*perRequest) / took.Seconds(), nil
	}
}
