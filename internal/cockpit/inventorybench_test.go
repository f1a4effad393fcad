package cockpit

import (
	"flag"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/signet-scheduler/signet/api"
)

var (
	benchObjects  = flag.Int("objects", 1000, "workflows, of ten jobs each, in the inventory of BenchmarkInventory")
	benchPostgres = flag.Bool("postgres", false, "BenchmarkInventory is about PostgreSQL")
)

// tenJobs is a workflow as they are: ten jobs whose scripts are much alike, in one
// of 500 folders.
func tenJobs(i int) (path, text string) {
	var steps, jobs []string
	for j := range 10 {
		steps = append(steps, fmt.Sprintf(`{"TYPE":"Execute.Named","jobName":"LOAD-%d","label":"step %d"}`, j, j))
		jobs = append(jobs, fmt.Sprintf(`"LOAD-%d":{"agentPath":"agent-1","executable":{"TYPE":"ShellScriptExecutable","script":"#!/bin/sh\nset -e\ncd /opt/app%d/bin\n./load.sh --day \"$DAY\" --table t_%d_%d --mode full\necho \"loaded $rows rows\"\n","env":{"DAY":"$day"}}}`,
			j, i%700, j, i))
	}
	return fmt.Sprintf("team%d/app%d/workflow-%d", i%20, i%500, i),
		fmt.Sprintf("{\n  \"orderPreparation\": {\"parameters\": {\"day\": {\"type\": \"String\"}}},\n  \"instructions\": [%s],\n  \"jobs\": {%s}\n}\n", strings.Join(steps, ","), strings.Join(jobs, ",\n"))
}

// fill saves and deploys the workflows, and tells how long that took.
func fill(b *bench, n int) (put, deployed time.Duration) {
	const atOnce = 1000
	b.call("POST", "/agents", api.AddAgentRequest{Name: "agent-1", Uri: "https://localhost:4445"}, nil)
	start := time.Now()
	for at := 0; at < n; at += atOnce {
		var in api.PutDraftsRequest
		for i := at; i < min(n, at+atOnce); i++ {
			path, text := tenJobs(i)
			in.Objects = append(in.Objects, api.DraftObject{Kind: "Workflow", Path: path, Text: text, Format: "json"})
		}
		b.call("POST", "/inventory/drafts", in, nil)
	}
	put = time.Since(start)
	start = time.Now()
	for at := 0; at < n; at += atOnce {
		var in api.DeployDraftsRequest
		for i := at; i < min(n, at+atOnce); i++ {
			path, _ := tenJobs(i)
			in.Objects = append(in.Objects, api.ObjectKey{Kind: "Workflow", Path: path})
		}
		b.call("POST", "/inventory/deploy", in, nil)
	}
	b.settled()
	return put, time.Since(start)
}

// BenchmarkInventory asks an inventory of many workflows what pages ask. p95 is
// over all calls.
func BenchmarkInventory(t *testing.B) {
	b := newBench(t, options{postgres: *benchPostgres})
	b.settled()
	n := *benchObjects
	put, deployed := fill(b, n)
	size := int64(0)
	for _, suffix := range []string{"", "-wal"} {
		if info, err := os.Stat(strings.TrimPrefix(b.settings.Database, "sqlite:") + suffix); err == nil {
			size += info.Size()
		}
	}
	t.Run("filled", func(t *testing.B) {
		t.ReportMetric(put.Seconds(), "s-to-save")
		t.ReportMetric(deployed.Seconds(), "s-to-deploy")
		t.ReportMetric(float64(size>>20), "MiB")
	})
	for i := 0; i < n; i += 50 { // some are at work
		path, text := tenJobs(i)
		b.draft("Workflow:"+path, strings.Replace(text, "--mode full", "--mode delta", 1))
	}
	for _, c := range []struct{ name, path string }{
		{"floor", "/version"},
		{"list", "/inventory?folder=team%d/app%[1]d&limit=100"},
		{"listAll", "/inventory?recursive=true&limit=100"},
		{"listChanged", "/inventory?recursive=true&state=changed&limit=100"},
		{"listByName", "/inventory?recursive=true&limit=100&q=flow-%d"},
		{"listByNoName", "/inventory?recursive=true&limit=100&q=x%d9"},
		{"listByShortName", "/inventory?recursive=true&limit=100&q=zz"},
		{"tree", "/inventory/folders?limit=1000"},
		{"treeBelow", "/inventory/folders?folder=team%d&limit=1000"},
		{"searchCommon", "/inventory/search?q=set+-e"},
		{"searchRare", "/inventory/search?q=--table+t_3_%d4"},
		{"searchNothing", "/inventory/search?q=no+such+text+%d"},
		{"searchInFolder", "/inventory/search?q=load.sh&folder=team7/app%d"},
		{"searchPiecesOnly", "/inventory/search?q=loadedset"},
		{"object", "/inventory/object?kind=Workflow&path=team3/app3/workflow-3"},
		{"usedBy", "/inventory/usedby?kind=AgentRef&path=agent-1"},
	} {
		t.Run(c.name, func(t *testing.B) {
			inner := *b
			inner.TB = t
			var took []time.Duration
			for i := 0; t.Loop(); i++ {
				path := c.path
				if strings.Contains(path, "%") {
					path = fmt.Sprintf(path, i%20)
				}
				start := time.Now()
				inner.call("GET", path, nil, nil)
				took = append(took, time.Since(start))
			}
			slices.Sort(took)
			t.ReportMetric(float64(took[len(took)*95/100].Microseconds())/1000, "p95-ms")
		})
	}
}
