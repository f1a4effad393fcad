package cockpit

import (
	"encoding/json"
	"testing"

	"github.com/signet-scheduler/signet/api"
)

// An order is resumed with other arguments and results than it had.
func TestResumeChanged(t *testing.T) { onBoth(t, options{}, testResumeChanged) }

func testResumeChanged(t *testing.T, b *bench) {
	b.deploy(map[string]string{"W": `{"orderPreparation":{"parameters":{"n":{"type":"Number","default":"1"},"day":{"type":"String"}}},
		"instructions":[{"TYPE":"Execute.Anonymous","label":"L","job":{"agentPath":"agent-1","executable":{"TYPE":"ShellScriptExecutable","script":"rc 0"}}},
		{"TYPE":"Fail","message":"\"$day \" ++ $n ++ \" \" ++ $returnCode"}]}`})
	b.add(api.AddOrdersRequest{Workflow: "W", Id: "A", ArgumentTexts: map[string]string{"day": "mo"}})
	b.await("A")
	state := func() (arguments, message string) {
		var o struct {
			Arguments map[string]any
			Outcome   struct{ Message string }
		}
		b.call("GET", orderPath("A", ""), nil, &o)
		text, err := json.Marshal(o.Arguments)
		b.check(err)
		return string(text), o.Outcome.Message
	}
	if args, message := state(); args != `{"day":"mo"}` || message != "mo 1 0" {
		t.Errorf("%s, %s", args, message)
	}
	b.call("POST", "/orders/resume", `{"ids":["A"],"argumentTexts":{"n":"12"},"arguments":{"day":"tu"},"reason":"wrong day",
		"historyOperations":[{"TYPE":"Replace","position":[0],"outcome":{"TYPE":"Succeeded","namedValues":{"returnCode":7}}}]}`, nil)
	b.await("A")
	if args, message := state(); args != `{"day":"tu","n":12}` || message != "tu 12 7" {
		t.Errorf("%s, %s", args, message)
	}
	for body, want := range map[string]struct {
		status int
		code   string
	}{
		`{"ids":["A"],"argumentTexts":{"n":"x"}}`:                              {422, "InvalidOrderArguments"},
		`{"ids":["A"],"arguments":{"day":5}}`:                                  {422, "InvalidOrderArguments"},
		`{"ids":["A"],"arguments":{"other":5}}`:                                {422, "InvalidOrderArguments"},
		`{"ids":["A"],"arguments":{"n":1},"argumentTexts":{"n":"1"}}`:          {422, "InvalidOrderArguments"},
		`{"ids":["A","B"],"arguments":{"n":1}}`:                                {422, "InvalidCommand"},
		`{"ids":["B"],"argumentTexts":{"n":"1"}}`:                              {404, "UnknownOrder"},
		`{"ids":[],"arguments":{"n":1}}`:                                       {422, "InvalidRequest"},
		`{"ids":["A"],"historyOperations":[{"TYPE":"Delete","position":[5]}]}`: {422, "UnknownPositionInHistory"},
	} {
		b.refused(want.status, want.code, "POST", "/orders/resume", body)
	}
	if args, _ := state(); args != `{"day":"tu","n":12}` {
		t.Errorf("a refused change has changed %s", args)
	}
}
