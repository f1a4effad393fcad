package main

import (
	"context"
	"fmt"
	"syscall"
	"time"
)

const (
	wantStart       = 1500 * time.Millisecond
	wantDeploy      = 60 * time.Second
	wantRestart     = 10 * time.Second
	wantWorkflows   = 1 << 30 // memory of the Controller with them, bytes
	wantSleeper     = 50 << 10
	wantFlatRate    = 0.9
	wantFlatMemory  = 10 << 20
	wantController  = 60 << 20
	wantAgent       = 25 << 20
	wantCockpit     = 80 << 20
	workflowsAtOnce = 1000 // in one deployment
)

// start measures the start of `signet dev` on a folder that has data, and what
// the parts keep in memory when nothing happens.
func (b *bench) start(ctx context.Context) error {
	if _, err := b.inst.run(ctx, oneStep, "data", 100); err != nil {
		return err
	}
	dir := b.inst.dir
	var all []time.Duration
	for range 3 {
		if err := b.inst.stop(); err != nil {
			return err
		}
		inst, took, err := startInstallation(ctx, b.o.bin, dir)
		if inst != nil {
			b.inst = inst
		}
		if err != nil {
			return err
		}
		all = append(all, took)
	}
	sizes, err := b.inst.memory(ctx, "controller-1", "agent-1", "cockpit", starter)
	if err != nil {
		return err
	}
	b.report.add(
		row{
			figure: "start of signet dev on existing data", value: millis(median(all)), target: "<= " + millis(wantStart), ok: verdictOf(median(all) <= wantStart),
			note: "median of 3, from the start of the process to its line that it is ready",
		},
		memoryRow("idle memory: Controller", sizes[0], wantController),
		memoryRow("idle memory: Agent", sizes[1], wantAgent),
		memoryRow("idle memory: Cockpit", sizes[2], wantCockpit),
		row{figure: "idle memory: the Agent's starter", value: mib(sizes[3]), note: "all memory is VmRSS, once it has settled: pages of the program's file are in it, which processes share"})
	return nil
}

func memoryRow(figure string, size, want int64) row {
	return row{figure: figure, value: mib(size), target: "<= " + mib(want), ok: verdictOf(size <= want)}
}

// workflows measures deployment of many workflows, and a Controller with them.
func (b *bench) workflows(ctx context.Context) error {
	idle, err := b.inst.memory(ctx, "controller-1")
	if err != nil {
		return err
	}
	began := time.Now()
	last := ""
	for n := 0; n < b.o.workflows; {
		documents := make(map[string]string, workflowsAtOnce)
		for range min(workflowsAtOnce, b.o.workflows-n) {
			last = fmt.Sprintf("many/%03d/workflow-%d", n/1000, n)
			documents[last] = workflow(job(fmt.Sprintf("#!/bin/sh\n# %d\nexit 0\n", n)))
			n++
		}
		if err := b.inst.deploy(ctx, documents); err != nil {
			return fmt.Errorf("after %d workflows: %w", n, err)
		}
	}
	deployed := time.Since(began)
	full, err := b.inst.memory(ctx, "controller-1")
	if err != nil {
		return err
	}
	restart, err := b.crash(ctx, last)
	if err != nil {
		return err
	}
	again, err := b.inst.memory(ctx, "controller-1")
	if err != nil {
		return err
	}
	name := number(float64(b.o.workflows)) + " one-job workflows: "
	complete := b.o.workflows >= 100_000 // fewer don't prove the promise
	b.report.add(
		row{
			figure: name + "deployed", value: number(deployed.Seconds()) + " s", target: fmt.Sprintf("<= %g s", wantDeploy.Seconds()), ok: onlyIf(complete, deployed <= wantDeploy),
			note: fmt.Sprintf("in requests of %d to the Cockpit, which signs each; the Controller verifies each", workflowsAtOnce),
		},
		row{
			figure: name + "restart", value: number(restart.Seconds()) + " s", target: fmt.Sprintf("<= %g s", wantRestart.Seconds()), ok: onlyIf(complete, restart <= wantRestart),
			note: "from SIGKILL of the Controller to the stored end of an order of the last workflow, added as soon as it is taken",
		},
		row{
			figure: name + "memory of the Controller", value: mib(full[0]), floor: mib(idle[0]) + " before", target: "<= " + mib(wantWorkflows), ok: onlyIf(complete, max(full[0], again[0]) <= wantWorkflows),
			note: mib(again[0]) + " after the restart",
		})
	return nil
}

func onlyIf(complete, holds bool) verdict {
	if !complete && holds {
		return open
	}
	return verdictOf(holds)
}

// crash kills the Controller and returns the time until an order has run.
func (b *bench) crash(ctx context.Context, workflow string) (time.Duration, error) {
	pid, err := b.inst.pidOf("controller-1")
	if err != nil {
		return 0, err
	}
	began := time.Now()
	if err := syscall.Kill(pid, syscall.SIGKILL); err != nil {
		return 0, err
	}
	for {
		err := b.inst.addOne(ctx, workflow, "after-restart")
		if err == nil {
			break
		}
		if !wait(ctx, 20*time.Millisecond) {
			return 0, fmt.Errorf("the Controller isn't back: %w", err)
		}
	}
	err = b.inst.ended(ctx, true, "after-restart")
	return time.Since(began), err
}

// sleeping measures what many running jobs cost the Agent.
func (b *bench) sleeping(ctx context.Context) error {
	raiseFiles()
	if _, err := b.inst.run(ctx, oneStep, "warm-up", 1000); err != nil {
		return err
	}
	limit, err := b.inst.processLimit()
	if err != nil {
		return err
	}
	for _, n := range b.o.sleepers {
		if err := b.sleepers(ctx, n, limit); err != nil {
			return fmt.Errorf("%d jobs: %w", n, err)
		}
	}
	return nil
}

// sleepers measures so many sleeping jobs, or as many as the Agent's limit lets
// run while others start.
func (b *bench) sleepers(ctx context.Context, n, limit int) error {
	const further, room = 1000, 100
	wanted := n
	n = min(n, limit-room)
	idle, err := b.inst.memory(ctx, "agent-1", starter)
	if err != nil {
		return err
	}
	alone, err := b.inst.run(ctx, oneStep, fmt.Sprintf("alone-%d", n), further)
	if err != nil {
		return err
	}
	ids, err := b.inst.add(ctx, sleeping, fmt.Sprintf("sleep-%d", n), n)
	if err != nil {
		return err
	}
	began := time.Now()
	if err := b.inst.running(ctx, n); err != nil {
		return err
	}
	if err := b.inst.forked(ctx, n); err != nil {
		return err
	}
	started := time.Since(began)
	full, err := b.inst.memory(ctx, "agent-1", starter)
	if err != nil {
		return err
	}
	beside, err := b.inst.run(ctx, oneStep, fmt.Sprintf("beside-%d", n), further)
	if err != nil {
		return err
	}
	if err := b.inst.kill(ctx, ids); err != nil {
		return err
	}
	each := (full[0] + full[1] - idle[0] - idle[1]) / int64(n)
	name := number(float64(n)) + " sleeping jobs: "
	fewer := ""
	if n < wanted {
		fewer = fmt.Sprintf("; %d are the promise, but this machine lets the Agent run %d at once, and some must be left for the further orders", wanted, limit)
	}
	ratio := alone.Seconds() / beside.Seconds()
	b.report.add(
		row{
			figure: name + "memory of Agent and starter for each", value: number(float64(each)/(1<<10)) + " KiB", target: fmt.Sprintf("<= %d KiB", wantSleeper>>10), ok: verdictOf(each <= wantSleeper),
			note: fmt.Sprintf("Agent %s -> %s, starter %s -> %s; all ran after %s", mib(idle[0]), mib(full[0]), mib(idle[1]), mib(full[1]), millis(started)) + fewer,
		},
		row{
			figure: name + "further orders per second", value: number(further/beside.Seconds()) + "/s", floor: number(further/alone.Seconds()) + "/s without them", ratio: number(ratio),
			target: fmt.Sprintf("flat: ratio >= %g", wantFlatRate), ok: verdictOf(ratio >= wantFlatRate), note: fmt.Sprintf("%d one-step orders", further),
		})
	return nil
}

// raiseFiles lets the parts open as many files as root may: each job needs two
// pipes. Where that isn't allowed, the Agent says how many jobs it takes.
func raiseFiles() {
	const enough = 100_000
	_ = syscall.Setrlimit(syscall.RLIMIT_NOFILE, &syscall.Rlimit{Cur: enough, Max: enough})
}

// finished compares the Controller's memory before and after many orders.
func (b *bench) finished(ctx context.Context) error {
	const atOnce = 2000
	// What is kept for a while in any case is filled first: the newest 100,000
	// events, of which an order has eleven.
	for n := range 5 {
		if _, err := b.inst.run(ctx, oneStep, fmt.Sprintf("before-%d", n), atOnce); err != nil {
			return err
		}
	}
	names := []string{"controller-1", "agent-1", "cockpit", starter}
	before, err := b.inst.memory(ctx, names...)
	if err != nil {
		return err
	}
	began := time.Now()
	for n := range b.o.finished / atOnce {
		if _, err := b.inst.run(ctx, oneStep, fmt.Sprintf("finished-%d", n), atOnce); err != nil {
			return err
		}
	}
	took := time.Since(began)
	after, err := b.inst.memory(ctx, names...)
	if err != nil {
		return err
	}
	grown := after[0] - before[0]
	b.report.add(row{
		figure: "Controller's memory after " + number(float64(b.o.finished)) + " finished orders", value: mib(after[0]), floor: mib(before[0]) + " before", ratio: fmt.Sprintf("%+.1f MiB", float64(grown)/(1<<20)),
		target: "within " + mib(wantFlatMemory), ok: onlyIf(b.o.finished >= 100_000, grown <= wantFlatMemory),
		note: fmt.Sprintf("added by %d at once, %s/s on the average; beside it Agent %s -> %s, Cockpit %s -> %s, starter %s -> %s",
			atOnce, number(float64(b.o.finished)/took.Seconds()), mib(before[1]), mib(after[1]), mib(before[2]), mib(after[2]), mib(before[3]), mib(after[3])),
	})
	return nil
}
