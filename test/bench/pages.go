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
	callsOfEach = 100
	slowCalls   = 25 // of calls that are there for comparison only
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
	at := max(1, orders/1000) // of each workflow that has some
	when := json.RawMessage(fmt.Sprint(time.Now().AddDate(1, 0, 0).UnixMilli()))
	for n := range orders / at {
		path, _ := tenJobs(n * 37 % b.o.shown)
		in := api.AddOrdersRequest{Workflow: path, Id: fmt.Sprintf("nightly-%d", n), Count: int64(at), ScheduledFor: when}
		if err := b.inst.api.Post(ctx, "/orders", in, false, nil); err != nil {
			return fmt.Errorf("after %d orders: %w", n*at, err)
		}
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
}

// questions are what the pages ask, in the order of the navigation.
func questions() []question {
	return []question{
		{"floor: an answer without a look at the data", "/version", true},
		{"dashboard", "/overview/dashboard", false},
		{"dashboard of a folder", "/overview/dashboard?folder=company3/team%[1]d3", false},

		{"workflows: folders of the root", "/overview/workflows?limit=100", false},
		{"workflows: a folder with folders", "/overview/workflows?folder=company3&limit=100", false},
		{"workflows: a deep folder", "/overview/workflows?folder=company3/team%[1]d3/app%[1]d3/nightly&limit=100", false},
		{"workflows: all, the first 100", "/overview/workflows?deep=true&limit=100", false},
		{"workflows: all, 1,000", "/overview/workflows?deep=true&limit=1000", false},
		{"workflows: by name, many have it", "/overview/workflows?deep=true&limit=100&q=flow-%d", false},
		{"workflows: by name, nobody has it", "/overview/workflows?deep=true&limit=100&q=nosuch%d", false},
		{"workflows: with failed orders", "/overview/workflows?deep=true&limit=100&status=Failed", false},
		{"one workflow", "/workflow?path=company3/team3/app3/nightly/workflow-3", false},
		{"positions of its orders", "/overview/places?workflow=company3/team3/app3/nightly/workflow-3", false},

		{"orders: all, those in need first", "/overview/orders?limit=100", false},
		{"orders: 1,000", "/overview/orders?limit=1000", false},
		{"orders: the page at 50,000", "/overview/orders?limit=100&offset=50000", false},
		{"orders: by id", "/overview/orders?limit=100&sort=id", false},
		{"orders: latest change first", "/overview/orders?limit=100&sort=since", false},
		{"orders: by start", "/overview/orders?limit=100&sort=start", false},
		{"orders: failed", "/overview/orders?limit=100&status=Failed", false},
		{"orders: scheduled", "/overview/orders?limit=100&status=Scheduled", false},
		{"orders: with children", "/overview/orders?limit=100&children=true", false},
		{"orders: of a workflow", "/overview/orders?limit=100&workflow=company3/team3/app3/nightly/workflow-3", false},
		{"orders: of a folder", "/overview/orders?limit=100&folder=company%d", false},
		{"orders: by text, many have it", "/overview/orders?limit=100&q=Nightly-%d", false},
		{"orders: by text, nobody has it", "/overview/orders?limit=100&q=nosuch%d", false},
		{"one order", "/orders/nightly-%d-1", false},
		{"orders as the Controller has them, 100", "/orders?limit=100", false},

		{"inventory: tree, the root's folders", "/inventory/folders?limit=1000", false},
		{"inventory: tree, a folder's", "/inventory/folders?folder=company%[1]d/team%[1]d&limit=1000", false},
		{"inventory: a folder", "/inventory?folder=company3/team%[1]d3/app%[1]d3/nightly&limit=100", false},
		{"inventory: all, the first 100", "/inventory?recursive=true&limit=100", false},
		{"inventory: all below a folder", "/inventory?recursive=true&folder=company%d&limit=100", false},
		{"inventory: what is changed", "/inventory?recursive=true&limit=100&state=changed", false},
		{"inventory: a kind", "/inventory?recursive=true&limit=100&kind=AgentRef", false},
		{"inventory: by name, many have it", "/inventory?recursive=true&limit=100&q=flow-%d", false},
		{"inventory: by name, nobody has it", "/inventory?recursive=true&limit=100&q=nosuch%d", false},
		{"inventory: two characters, many have them", "/inventory?recursive=true&limit=100&q=%d9", false},
		{"inventory: two characters, nobody has them", "/inventory?recursive=true&limit=100&q=zz", false},
		{"inventory: one character in a folder, nobody has it", "/inventory?recursive=true&limit=100&folder=company%d&q=z", false},
		{"inventory: an object", "/inventory/object?kind=Workflow&path=company3/team3/app3/nightly/workflow-3", false},
		{"inventory: versions of an object", "/inventory/versions?kind=Workflow&path=company3/team3/app3/nightly/workflow-3", false},
		{"inventory: who uses an Agent that all use", "/inventory/usedby?kind=AgentRef&path=agent-1", false},
		{"inventory: who uses it, 1,000", "/inventory/usedby?kind=AgentRef&path=agent-1&limit=1000", false},
		{"inventory: trash", "/inventory/trash?limit=100", false},

		{"search: a name", "/inventory/search?q=workflow-%d1", false},
		{"search: a label", "/inventory/search?q=of+application+12%d", false},
		{"search: a text that all scripts have", "/inventory/search?q=set+-e", false},
		{"search: a text that one script has", "/inventory/search?q=--table+t_3_%d4+", false},
		{"search: a text that some scripts have", "/inventory/search?q=app%d9/bin", false},
		{"search: a text that nobody has", "/inventory/search?q=no+such+text+%d", false},
		{"search: a text whose pieces all have", "/inventory/search?q=loadedset", false},
		{"search: a common text in a folder", "/inventory/search?q=load.sh&folder=company3", false},
		{"search: a common text in a small folder", "/inventory/search?q=load.sh&folder=company3/team%[1]d3/app%[1]d3", false},
		{"search: a rare text in a folder", "/inventory/search?q=--table+t_3_%d4+&folder=company4", false},
		{"search: nothing in a folder whose pieces all have", "/inventory/search?q=loadedset&folder=company%d", false},

		{"history: steps", "/history/steps?limit=100", false},
		{"history: runs", "/history/runs?limit=100", false},
		{"history: failed runs", "/history/runs?limit=100&result=failed", false},
		{"history: steps of a workflow, counted", "/history/steps?limit=100&count=true&workflow=" + oneStep, false},
		{"history: by text, nobody has it", "/history/steps?limit=100&text=nosuch%d", false},
		{"history: throughput of a day", "/history/throughput?hours=24", false},
		{"audit", "/audit?limit=100", false},
		{"audit: by text, nobody has it", "/audit?limit=100&text=nosuch%d", false},

		{"API: workflows as the Controller has them, 100", "/workflows?limit=100", false},
		{"API: objects as the Controller has them", "/items?limit=100", true},
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
		p50, p95, size, err := b.ask(ctx, q)
		if err != nil {
			return fmt.Errorf("%s: %w", q.name, err)
		}
		r := row{figure: q.name, value: millis(p95), floor: millis(p50) + " median", note: fmt.Sprintf("%s, %s bytes", q.path, number(float64(size)))}
		if !q.beside {
			r.target, r.ok = "<= "+millis(wantPage), onlyIf(complete, p95 <= wantPage)
		}
		b.report.add(r)
	}
	return nil
}

// ask makes a call many times; the first, which fills caches, counts like any
// other.
func (b *bench) ask(ctx context.Context, q question) (p50, p95 time.Duration, size int, err error) {
	calls := callsOfEach
	if q.beside {
		calls = slowCalls
	}
	took := make([]time.Duration, calls)
	for n := range took {
		path := q.path
		if strings.Contains(path, "%") {
			path = fmt.Sprintf(path, n%4+1)
		}
		var answer json.RawMessage
		began := time.Now()
		if err := b.inst.api.Get(ctx, path, nil, &answer); err != nil {
			return 0, 0, 0, err
		}
		took[n], size = time.Since(began), len(answer)
	}
	slices.Sort(took)
	return took[len(took)/2], took[len(took)*95/100], size, nil
}
