package cluster_test

import (
	"slices"
	"testing"

	"github.com/signet-scheduler/signet/test/cluster"
)

func TestMain(m *testing.M) { cluster.Main(m) }

func eventsOf(c *cluster.Cluster, order string) []string {
	var names []string
	for _, e := range c.Events() {
		if e["Key"] == order {
			names = append(names, e["TYPE"].(string))
		}
	}
	return names
}

func TestOneJob(t *testing.T) {
	t.Parallel()
	c := cluster.New(t, 1, 1)
	if err := c.DeployAgents(); err != nil {
		t.Fatal(err)
	}
	if err := c.Deploy(`{"TYPE":"Workflow","path":"A","versionId":"1","instructions":[
		{"TYPE":"Execute.Anonymous","job":{"agentPath":"agent-1","executable":{"TYPE":"ShellScriptExecutable","script":"#!/bin/sh\necho hello\necho r=7 >>$SIGNET_RETURN_VALUES\n"}}},
		{"TYPE":"If","predicate":"$r == '7'","then":{"instructions":[{"TYPE":"Execute.Anonymous","job":{"agentPath":"agent-1","executable":{"TYPE":"ShellScriptExecutable","script":"exit 0"}}}]}}]}`); err != nil {
		t.Fatal(err)
	}
	if err := c.Command("AddOrders", map[string]any{"orders": []any{map[string]any{"id": "O1", "workflowPath": "A"}}}); err != nil {
		t.Fatal(err)
	}
	c.Eventually("O1 finishes", func() bool { return c.State("O1") == "Finished" })
	want := []string{
		"OrderAdded", "OrderAttachable", "OrderAttached", "OrderStarted", "OrderProcessingStarted", "OrderProcessed", "OrderMoved",
		"OrderProcessingStarted", "OrderProcessed", "OrderMoved", "OrderDetachable", "OrderDetached", "OrderFinished",
	}
	if got := eventsOf(c, "O1"); !slices.Equal(got, want) {
		t.Errorf("events:\n got %q\nwant %q", got, want)
	}
}
