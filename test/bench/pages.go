package main

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/signet-scheduler/signet/api"
)

const (
	wantPage    = 200 * time.Millisecond // p95 of any call that a page makes
	jobsOfEach  = 10
	ordersOfOne = 20 // of each workflow that has some
	callsOfEach = 100
	failing     = "bench/failing"
	failures    = 200
	drafts      = 1000
)

// tenJobs is a workflow as they are: ten jobs whose scripts are alike and yet
// differ, and a place in a deep tree of folders.
func tenJobs(n int) (path, document string) {
	var steps, jobs []string
	for j := range jobsOfEach {
		steps = append(steps, fmt.Sprintf(`{"TYPE":"Execute.Named","jobName":"LOAD-%d","label":"step %d of application %d"}`, j, j, n%1000))
		text := fmt.Sprintf("#!/bin/sh\nset -e\ncd /opt/app%d/bin\n./load.sh --day \"$DAY\" --table t_%d_%d --mode full\necho \"loaded $rows rows\"\n", n%700, j, n)
		jobs = append(jobs, fmt.Sprintf(`"LOAD-%d":{"agentPath":"agent-1","executable":{"TYPE":"ShellScriptExecutable","script":%s,"env":{"DAY":"$day"}}}`, j, quote(text)))
	}
	return fmt.Sprintf("%s/workflow-%d", appFolder(n), n),
		fmt.Sprintf(`{"orderPreparation":{"parameters":{"day":{"type":"String","default":"'today'"}}},"instructions":[%s],"jobs":{%s}}`, strings.Join(steps, ","), strings.Join(jobs, ","))
}

// appFolder is the folder of the n-th workflow: 5 companies of 10 teams of 20
// applications, every other one a folder deeper.
func appFolder(n int) string {
	app := n % 1000
	folder := fmt.Sprintf("company%d/team%d/app%d", app%5, app%50, app)
	if app%2 == 1 {
		folder += "/nightly"
	}
	return folder
}

// fill deploys the workflows and adds the orders that the pages show.
func (b *bench) fill(ctx context.Context) error {
	began := time.Now()
	for n := 0; n < b.o.shown; {
		documents := make(map[string]string, workflowsAtOnce)
		for range min(workflowsAtOnce, b.o.shown-n) {
			path, document := tenJobs(n)
			documents[path] = document
			n++
		}
		if err := b.inst.deploy(ctx, documents); err != nil {
			return fmt.Errorf("after %d workflows: %w", n, err)
		}
	}
	deployed := time.Since(began)
	if err := b.inst.taken(ctx, b.o.shown); err != nil {
		return err
	}
	taken := time.Since(began)
	began = time.Now()
	orders := 2 * b.o.shown
	when := time.Now().AddDate(1, 0, 0).UnixMilli()
	requests := make([]json.RawMessage, orders/ordersOfOne)
	for n := range requests {
		path, _ := tenJobs(n * 37 % b.o.shown)
		requests[n] = json.RawMessage(fmt.Sprintf(`{"workflow":%q,"id":"nightly-%d","count":%d,"scheduledFor":%d}`, path, n, ordersOfOne, when))
	}
	if _, err := sendAll(ctx, 4, requests, func(ctx context.Context, body json.RawMessage) error {
		return b.inst.api.Post(ctx, "/orders", body, false, nil)
	}); err != nil {
		return err
	}
	b.report.add(row{
		figure: fmt.Sprintf("%s workflows of %d jobs: deployed", number(float64(b.o.shown)), jobsOfEach), value: number(deployed.Seconds()) + " s",
		note: fmt.Sprintf("%s s until the inventory had them; then %s scheduled orders were added in %s s", number(taken.Seconds()), number(float64(orders)), number(time.Since(began).Seconds())),
	})
	return b.stir(ctx)
}

// stir makes some of what pages show besides: runs, failures, drafts.
func (b *bench) stir(ctx context.Context) error {
	if err := b.inst.deploy(ctx, map[string]string{failing: workflow(job("#!/bin/sh\necho no more space\nexit 3\n"))}); err != nil {
		return err
	}
	if _, err := b.inst.run(ctx, oneStep, "ran", 5000); err != nil {
		return err
	}
	ids, err := b.inst.add(ctx, failing, "failed", failures)
	if err != nil {
		return err
	}
	if err := b.inst.ended(ctx, false, ids...); err != nil {
		return err
	}
	var in api.PutDraftsRequest
	for n := range min(drafts, b.o.shown) {
		path, document := tenJobs(n * 13 % b.o.shown)
		in.Objects = append(in.Objects, api.DraftObject{Kind: "Workflow", Path: path, Text: strings.ReplaceAll(document, "--mode full", "--mode delta"), Format: "json"})
	}
	return b.inst.api.Post(ctx, "/inventory/drafts", in, true, nil)
}

// taken returns when the inventory has so many workflows.
func (i *installation) taken(ctx context.Context, want int) error {
	for {
		var out api.InventoryFolders
		if err := i.api.Get(ctx, "/inventory/folders", nil, &out); err != nil {
			return err
		}
		if out.Folder.Objects >= want {
			return nil
		}
		if !wait(ctx, 100*time.Millisecond) {
			return fmt.Errorf("%d of %d workflows are in the inventory: %w", out.Folder.Objects, want, ctx.Err())
		}
	}
}

// question is a call that a page makes. %d in the path becomes another number in
// each call.
type question struct {
	name, path string
	beside     bool // no page asks it: it is there for comparison
	deployed   bool // something was deployed a moment before
}

// questions are what the pages ask, in the order of the navigation.
func questions() []question {
	return []question{
		{name: "floor: an answer without a look at the data", path: "/version", beside: true},
		{name: "dashboard", path: "/overview/dashboard"},
		{name: "dashboard of a folder", path: "/overview/dashboard?folder=company3/team%[1]d3"},

		{name: "workflows: folders of the root", path: "/overview/workflows?limit=100"},
		{name: "workflows: folders of the root, after a deployment", path: "/overview/workflows?limit=100", deployed: true},
		{name: "workflows: a folder with folders", path: "/overview/workflows?folder=company3&limit=100"},
		{name: "workflows: a deep folder", path: "/overview/workflows?folder=company3/team%[1]d3/app%[1]d3/nightly&limit=100"},
		{name: "workflows: all, the first 100", path: "/overview/workflows?deep=true&limit=100"},
		{name: "workflows: all, 1,000", path: "/overview/workflows?deep=true&limit=1000"},
		{name: "workflows: by name, many have it", path: "/overview/workflows?deep=true&limit=100&q=flow-%d"},
		{name: "workflows: by name, nobody has it", path: "/overview/workflows?deep=true&limit=100&q=nosuch%d"},
		{name: "workflows: with failed orders", path: "/overview/workflows?deep=true&limit=100&status=Failed"},
		{name: "one workflow", path: "/workflow?path=company3/team3/app3/nightly/workflow-3"},
		{name: "positions of its orders", path: "/overview/places?workflow=company3/team3/app3/nightly/workflow-3"},

		{name: "orders: all, those in need first", path: "/overview/orders?limit=100"},
		{name: "orders: 1,000", path: "/overview/orders?limit=1000"},
		{name: "orders: the page at 50,000", path: "/overview/orders?limit=100&offset=50000"},
		{name: "orders: by id", path: "/overview/orders?limit=100&sort=id"},
		{name: "orders: latest change first", path: "/overview/orders?limit=100&sort=since"},
		{name: "orders: by start", path: "/overview/orders?limit=100&sort=start"},
		{name: "orders: failed", path: "/overview/orders?limit=100&status=Failed"},
		{name: "orders: scheduled", path: "/overview/orders?limit=100&status=Scheduled"},
		{name: "orders: with children", path: "/overview/orders?limit=100&children=true"},
		{name: "orders: of a workflow", path: "/overview/orders?limit=100&workflow=company3/team3/app3/nightly/workflow-3"},
		{name: "orders: of a folder", path: "/overview/orders?limit=100&folder=company%d"},
		{name: "orders: by text, many have it", path: "/overview/orders?limit=100&q=Nightly-%d"},
		{name: "orders: by text, nobody has it", path: "/overview/orders?limit=100&q=nosuch%d"},
		{name: "one order", path: "/orders/nightly-%d-1"},
		{name: "orders as the Controller has them, 100", path: "/orders?limit=100"},

		{name: "inventory: tree, the root's folders", path: "/inventory/folders?limit=1000"},
		{name: "inventory: tree, a folder's", path: "/inventory/folders?folder=company%[1]d/team%[1]d&limit=1000"},
		{name: "inventory: a folder", path: "/inventory?folder=company3/team%[1]d3/app%[1]d3/nightly&limit=100"},
		{name: "inventory: all, the first 100", path: "/inventory?recursive=true&limit=100"},
		{name: "inventory: all below a folder", path: "/inventory?recursive=true&folder=company%d&limit=100"},
		{name: "inventory: what is changed", path: "/inventory?recursive=true&limit=100&state=changed"},
		{name: "inventory: a kind", path: "/inventory?recursive=true&limit=100&kind=AgentRef"},
		{name: "inventory: by name, many have it", path: "/inventory?recursive=true&limit=100&q=flow-%d"},
		{name: "inventory: by name, nobody has it", path: "/inventory?recursive=true&limit=100&q=nosuch%d"},
		{name: "inventory: two characters, many have them", path: "/inventory?recursive=true&limit=100&q=%d9"},
		{name: "inventory: two characters, nobody has them", path: "/inventory?recursive=true&limit=100&q=zz"},
		{name: "inventory: one character in a folder, nobody has it", path: "/inventory?recursive=true&limit=100&folder=company%d&q=z"},
		{name: "inventory: an object", path: "/inventory/object?kind=Workflow&path=company3/team3/app3/nightly/workflow-3"},
		{name: "inventory: versions of an object", path: "/inventory/versions?kind=Workflow&path=company3/team3/app3/nightly/workflow-3"},
		{name: "inventory: who uses an Agent that all use", path: "/inventory/usedby?kind=AgentRef&path=agent-1"},
		{name: "inventory: who uses it, 1,000", path: "/inventory/usedby?kind=AgentRef&path=agent-1&limit=1000"},
		{name: "inventory: trash", path: "/inventory/trash?limit=100"},

		{name: "search: a name", path: "/inventory/search?q=workflow-%d1"},
		{name: "search: a label", path: "/inventory/search?q=of+application+12%d"},
		{name: "search: a text that all scripts have", path: "/inventory/search?q=set+-e"},
		{name: "search: a text that one script has", path: "/inventory/search?q=--table+t_3_%d4+"},
		{name: "search: a text that some scripts have", path: "/inventory/search?q=app%d9/bin"},
		{name: "search: a text that nobody has", path: "/inventory/search?q=no+such+text+%d"},
		{name: "search: a text whose pieces all have", path: "/inventory/search?q=loadedset"},
		{name: "search: a common text in a folder", path: "/inventory/search?q=load.sh&folder=company3"},
		{name: "search: a common text in a small folder", path: "/inventory/search?q=load.sh&folder=company3/team%[1]d3/app%[1]d3"},
		{name: "search: a rare text in a folder", path: "/inventory/search?q=--table+t_3_%d4+&folder=company4"},
		{name: "search: nothing in a folder whose pieces all have", path: "/inventory/search?q=loadedset&folder=company%d"},

		{name: "history: steps", path: "/history/steps?limit=100"},
		{name: "history: runs", path: "/history/runs?limit=100"},
		{name: "history: failed runs", path: "/history/runs?limit=100&result=failed"},
		{name: "history: steps of a workflow, counted", path: "/history/steps?limit=100&count=true&workflow=" + oneStep},
		{name: "history: by text, nobody has it", path: "/history/steps?limit=100&text=nosuch%d"},
		{name: "history: throughput of a day", path: "/history/throughput?hours=24"},
		{name: "audit", path: "/audit?limit=100"},
		{name: "audit: by text, nobody has it", path: "/audit?limit=100&text=nosuch%d"},

		{name: "API: workflows as the Controller has them, 100", path: "/workflows?limit=100"},
		{name: "API: objects as the Controller has them, 100", path: "/items?limit=100"},
	}
}

// pages fills an installation and measures every call that a page makes.
func (b *bench) pages(ctx context.Context) error {
	if err := b.fill(ctx); err != nil {
		return err
	}
	sizes, err := b.inst.memory(ctx, "cockpit", "controller-1")
	if err != nil {
		return err
	}
	complete := b.o.shown >= 50_000
	b.report.add(row{figure: "with them: memory of Cockpit · Controller", value: mib(sizes[0]) + " · " + mib(sizes[1])})
	for _, q := range questions() {
		a, err := b.ask(ctx, q)
		if err != nil {
			return fmt.Errorf("%s: %w", q.name, err)
		}
		r := row{
			figure: q.name, value: millis(a.p95), floor: millis(a.p50) + " median",
			note: fmt.Sprintf("%s, %s bytes, %s of the Cockpit's CPU", q.path, number(float64(a.size)), millis(a.cpu)),
		}
		if !q.beside {
			r.target, r.ok = "<= "+millis(wantPage), onlyIf(complete, a.p95 <= wantPage)
		}
		b.report.add(r)
	}
	return nil
}

// apart makes a call another one to the Cockpit, which gives those who ask the same
// at the same moment one answer. It says the same.
func apart(path string, n int) string {
	if !strings.Contains(path, "?") {
		path += "?"
	}
	return path + strings.Repeat("&", n)
}

// asked is what many calls took.
type asked struct {
	p50, p95 time.Duration
	cpu      time.Duration // of the Cockpit, for one call on the average
	size     int           // of the last answer, in bytes
}

// ask makes a call many times; the first, which fills caches, counts like any
// other.
func (b *bench) ask(ctx context.Context, q question) (a asked, err error) {
	pid, err := b.inst.pidOf("cockpit")
	if err != nil {
		return a, err
	}
	before, err := statOf(pid)
	if err != nil {
		return a, err
	}
	took := make([]time.Duration, callsOfEach)
	for n := range took {
		path := q.path
		if strings.Contains(path, "%") {
			path = fmt.Sprintf(path, n%4+1)
		}
		path = apart(path, n)
		if q.deployed {
			if err := b.inst.deploy(ctx, map[string]string{"bench/again": workflow(job(fmt.Sprintf("#!/bin/sh\n# %d\n", n)))}); err != nil {
				return a, err
			}
			if !wait(ctx, 50*time.Millisecond) { // until the Cockpit's mirror has it
				return a, ctx.Err()
			}
		}
		var answer json.RawMessage
		began := time.Now()
		if err := b.inst.api.Get(ctx, path, nil, &answer); err != nil {
			return a, err
		}
		took[n], a.size = time.Since(began), len(answer)
	}
	after, err := statOf(pid)
	slices.Sort(took)
	a.p50, a.p95, a.cpu = took[len(took)/2], took[len(took)*95/100], after.cpu.minus(before.cpu).self/time.Duration(len(took))
	return a, err
}
