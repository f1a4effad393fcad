package sim

import (
	"fmt"
	"strings"
)

// signers are those who sign documents in this world; "root" is never
// distrusted.
var signers = []string{"alice", "bob", "carol", "root"}

// document is a document that is deployed in one version after the other.
type document struct {
	path   string
	signer string
	text   func(version int) string
}

// agentName returns the name of an Agent; there may be fewer than are named.
func (w *world) agentName(i int) string { return fmt.Sprintf("agent-%d", i%w.cfg.Agents+1) }

// documents are all workflows. Between them they use every instruction of the
// language (TestInstructions).
func (w *world) documents() []document {
	names := strings.NewReplacer("%A", w.agentName(0), "%B", w.agentName(1), "%C", w.agentName(2))
	wf := func(path, signer, head, instructions string, jobs ...string) document {
		return document{path, signer, func(version int) string {
			extra := ""
			if version%2 == 0 { // something must differ
				extra = fmt.Sprintf(`{"TYPE":"EmptyInstruction","label":"even%d"},`, version)
			}
			body := strings.Replace(instructions, "%X", extra, 1)
			return names.Replace(fmt.Sprintf(`{"TYPE":"Workflow","path":%q,"versionId":"%s-%d",%s"jobs":{%s},"instructions":[%s]}`,
				path, strings.ToLower(path), version, head, strings.Join(jobs, ","), body))
		}}
	}
	return []document{
		wf("ONE", "alice", "", `{"TYPE":"Execute.Named","jobName":"A"},%X{"TYPE":"ImplicitEnd"}`,
			`"A":{"agentPath":"%A","processLimit":2,"executable":{"TYPE":"ShellScriptExecutable","script":"rc=0 ms=30"}}`),
		wf("CHAIN", "bob", `"orderPreparation":{"parameters":{"n":{"type":"Number","default":"1"}}},`,
			`{"TYPE":"Execute.Named","jobName":"A","label":"first"},
			 {"TYPE":"If","predicate":"$n == 1","then":{"instructions":[{"TYPE":"Execute.Named","jobName":"B","label":"second"}]},"else":{"instructions":[{"TYPE":"EmptyInstruction"}]}},
			 {"TYPE":"Sleep","duration":"1"},%X
			 {"TYPE":"Execute.Anonymous","job":{"agentPath":"%C","executable":{"TYPE":"CommandLineExecutable","command":"/bin/do rc=0 ms=200"}}},{"TYPE":"End"}`,
			`"A":{"agentPath":"%A","jobResourcePaths":["R"],"executable":{"TYPE":"ShellScriptExecutable","script":"rc=0 x=y"}}`,
			`"B":{"agentPath":"%B","isNotRestartable":true,"executable":{"TYPE":"ShellScriptExecutable","script":"rc=0 ms=400"}}`),
		wf("TRY", "bob", "",
			`{"TYPE":"Try","try":{"instructions":[{"TYPE":"Execute.Named","jobName":"F"}]},"catch":{"instructions":[
			   {"TYPE":"If","predicate":"$js7TryCount < 3","then":{"instructions":[{"TYPE":"Retry"}]},"else":{"instructions":[{"TYPE":"Finish","outcome":{"TYPE":"Failed","message":"tried enough"}}]}}]},
			  "maxTries":4,"retryDelays":[0,1]},%X
			 {"TYPE":"Options","stopOnFailure":true,"block":{"instructions":[{"TYPE":"Execute.Named","jobName":"F","label":"again"}]}},
			 {"TYPE":"Try","try":{"instructions":[{"TYPE":"Fail","message":"'planned'"}]},"catch":{"instructions":[{"TYPE":"Execute.Named","jobName":"T"}]}}`,
			`"F":{"agentPath":"%B","executable":{"TYPE":"ShellScriptExecutable","script":"flaky ms=50"}}`,
			`"T":{"agentPath":"%A","timeout":1,"executable":{"TYPE":"ShellScriptExecutable","script":"trap ms=900"}}`),
		wf("FORK", "carol", "",
			`{"TYPE":"Fork","joinIfFailed":true,"branches":[
			   {"id":"a","workflow":{"instructions":[{"TYPE":"Execute.Named","jobName":"A"},{"TYPE":"Execute.Named","jobName":"B"}]}},
			   {"id":"b","workflow":{"instructions":[{"TYPE":"Execute.Named","jobName":"F"}]}}]},%X
			 {"TYPE":"ForkList","agentPath":"%A","children":"[1, 2, 3]","childToId":"x => $x","childToArguments":"x => { n: $x }","workflow":{"result":{"r":"$n"},"instructions":[{"TYPE":"Execute.Named","jobName":"A"}]}}`,
			`"A":{"agentPath":"%A","processLimit":2,"executable":{"TYPE":"ShellScriptExecutable","script":"rc=0 ms=100"}}`,
			`"B":{"agentPath":"%B","executable":{"TYPE":"ShellScriptExecutable","script":"rc=0"}}`,
			`"F":{"agentPath":"%C","executable":{"TYPE":"ShellScriptExecutable","script":"flaky"}}`),
		wf("STOP", "alice", `"orderPreparation":{"parameters":{"n":{"type":"Number","default":"1"}}},`,
			`%X{"TYPE":"Execute.Named","jobName":"L","label":"long"},
			 {"TYPE":"If","predicate":"$n == 2","then":{"instructions":[{"TYPE":"Stop"}]}},
			 {"TYPE":"If","predicate":"$n == 3","then":{"instructions":[{"TYPE":"Fail","message":"'no'","uncatchable":true}]}}`,
			`"L":{"agentPath":"%B","executable":{"TYPE":"ShellScriptExecutable","script":"rc=0 ms=1200"}}`),
	}
}

// spare is the document of a job resource that nothing names: it may go.
func spare(version int) string {
	return fmt.Sprintf(`{"TYPE":"JobResource","path":"SPARE","env":{"S":"'%d'"}}`, version)
}

// resource is the job resource's document.
func resource(version int) string {
	return fmt.Sprintf(`{"TYPE":"JobResource","path":"R","variables":{"v":"'%d'"},"env":{"V":"'%d'"}}`, version, version)
}

// agentRef is an Agent's document.
func agentRef(name string, disabled bool, limit int) string {
	more := ""
	if limit > 0 {
		more = fmt.Sprintf(`,"processLimit":%d`, limit)
	}
	return fmt.Sprintf(`{"TYPE":"AgentRef","path":%q,"uri":"https://%s:1","disabled":%v%s}`, name, name, disabled, more)
}
