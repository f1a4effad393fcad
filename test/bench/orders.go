package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"strings"
	"time"

	"github.com/signet-scheduler/signet/api"
)

// noLimit is a job's processLimit that no figure comes near: the Agent decides
// how many starts are under way.
const noLimit = 100_000

// job returns an instruction that runs a script on the Agent.
func job(text string) string {
	return fmt.Sprintf(`{"TYPE":"Execute.Anonymous","job":{"agentPath":"agent-1","processLimit":%d,"executable":{"TYPE":"ShellScriptExecutable","script":%s}}}`, noLimit, quote(text))
}

// workflow returns a document; the server completes and signs it.
func workflow(instructions ...string) string {
	return `{"instructions":[` + strings.Join(instructions, ",") + `]}`
}

func quote(text string) string {
	b, err := json.Marshal(text)
	if err != nil {
		panic(err) // a string can be written
	}
	return string(b)
}

// repeat returns n times the same.
func repeat(text string, n int) []string {
	all := make([]string, n)
	for i := range all {
		all[i] = text
	}
	return all
}

// The workflows that all figures but the one of 100,000 workflows use.
const (
	oneStep   = "bench/one-step"
	sequence  = "bench/sequence"
	forkJoin  = "bench/fork"
	sleeping  = "bench/sleeping"
	steps     = 100
	branches  = 100
	sleepText = "#!/bin/sh\nexec sleep 3600\n"
)

// samples are their documents, by path.
func samples() map[string]string {
	var split []string
	for n := range branches {
		split = append(split, fmt.Sprintf(`{"id":"b%d","workflow":{"instructions":[%s]}}`, n, job(script)))
	}
	return map[string]string{
		oneStep:  workflow(job(script)),
		sequence: workflow(repeat(job(script), steps)...),
		forkJoin: workflow(`{"TYPE":"Fork","branches":[` + strings.Join(split, ",") + `]}`),
		sleeping: workflow(job(sleepText)),
	}
}

func (i *installation) deploySamples(ctx context.Context) error {
	return i.deploy(ctx, samples())
}

// deploy deploys workflows in one request.
func (i *installation) deploy(ctx context.Context, documents map[string]string) error {
	var in api.DeployRequest
	for path, text := range documents {
		in.Objects = append(in.Objects, api.DeployObject{Kind: "Workflow", Path: path, Document: text})
	}
	return i.api.Post(ctx, "/deployments", in, false, nil)
}

// add adds orders in one request.
func (i *installation) add(ctx context.Context, workflow, id string, count int) ([]string, error) {
	var out api.AddOrdersResponse
	err := i.api.Post(ctx, "/orders", api.AddOrdersRequest{Workflow: workflow, Id: id, Count: int64(count)}, false, &out)
	if err == nil && out.Added != count {
		err = fmt.Errorf("%d orders were added, not %d", out.Added, count)
	}
	return out.Ids, err
}

// addOne adds one order.
func (i *installation) addOne(ctx context.Context, workflow, id string) error {
	return i.api.Post(ctx, "/orders", api.AddOrdersRequest{Workflow: workflow, Id: id}, false, nil)
}

// chunk is how many orders are waited for by one request.
const chunk = 1000

// ended returns when orders have ended and their history is stored. If they
// must succeed, another end is an error.
func (i *installation) ended(ctx context.Context, succeed bool, ids ...string) error {
	seconds := int64(30)
	for len(ids) > 0 {
		some := ids[:min(chunk, len(ids))]
		var out api.WaitResponse
		if err := i.api.Post(ctx, "/orders/wait", api.WaitRequest{Ids: some, Timeout: &seconds}, true, &out); err != nil {
			return err
		}
		for _, o := range out.Orders {
			if succeed && o.Ended && !o.Successful {
				return fmt.Errorf("order %s ended as %s: %s", o.Id, o.State, i.outcome(ctx, o.Id))
			}
		}
		if out.Complete {
			ids = ids[len(some):]
		}
	}
	return nil
}

// outcome tells why an order has ended as it did.
func (i *installation) outcome(ctx context.Context, id string) string {
	var o struct {
		Outcome json.RawMessage `json:"outcome"`
	}
	if err := i.api.Get(ctx, "/orders/"+url.PathEscape(id), nil, &o); err != nil {
		return err.Error()
	}
	return string(o.Outcome)
}

// run adds orders in one request, waits for their ends and returns the time
// that took.
func (i *installation) run(ctx context.Context, workflow, id string, count int) (time.Duration, error) {
	began := time.Now()
	ids, err := i.add(ctx, workflow, id, count)
	if err == nil {
		err = i.ended(ctx, true, ids...)
	}
	return time.Since(began), err
}

// runOne does the same with one order.
func (i *installation) runOne(ctx context.Context, workflow, id string) (time.Duration, error) {
	began := time.Now()
	err := i.addOne(ctx, workflow, id)
	if err == nil {
		err = i.ended(ctx, true, id)
	}
	return time.Since(began), err
}

// running returns when so many jobs run.
func (i *installation) running(ctx context.Context, want int) error {
	for {
		var a api.Agent
		if err := i.api.Get(ctx, "/agents/agent-1", nil, &a); err != nil {
			return err
		}
		if a.Running >= want {
			return nil
		}
		if !wait(ctx, 100*time.Millisecond) {
			return fmt.Errorf("%d of %d jobs run: %w", a.Running, want, ctx.Err())
		}
	}
}

// forked returns when the starter has that many children: the Agent counts a job
// as running when that is decided, and thousands take a while to be forked.
func (i *installation) forked(ctx context.Context, want int) error {
	pid, err := i.pidOf(starter)
	if err != nil {
		return err
	}
	for {
		n, err := countChildren(pid)
		if err != nil || n >= want {
			return err
		}
		if !wait(ctx, 100*time.Millisecond) {
			return fmt.Errorf("%d of %d jobs have a process: %w", n, want, ctx.Err())
		}
	}
}

// kill ends orders with their jobs, and returns when they have ended.
func (i *installation) kill(ctx context.Context, ids []string) error {
	for begin := 0; begin < len(ids); begin += chunk {
		some := ids[begin:min(begin+chunk, len(ids))]
		if err := i.api.Post(ctx, "/orders/cancel", api.CancelOrdersRequest{Ids: some, Kill: true, Immediately: true}, true, nil); err != nil {
			return err
		}
	}
	return i.ended(ctx, false, ids...)
}

// findController asks where the Controller is.
func (i *installation) findController(ctx context.Context) error {
	var out api.ControllersStatus
	if err := i.api.Get(ctx, "/controllers/status", nil, &out); err != nil {
		return err
	}
	if len(out.Controllers) != 1 || len(out.Controllers[0].Members) != 1 {
		return errors.New("there is not exactly one Controller")
	}
	i.controllerURL = out.Controllers[0].Members[0].Url
	return nil
}
