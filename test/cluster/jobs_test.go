package cluster_test

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/signet-scheduler/signet/test/cluster"
)

// jobCase is one job on a real Agent.
type jobCase struct {
	name    string
	job     string // fields of the job besides agentPath
	execute string // further fields of the instruction
	fields  string // further fields of the workflow
	agent   string // default: agent-1
	args    map[string]any
	state   string // default: Finished
	outcome string // regular expression over the outcome as text
	log     string // regular expression over the task's log
}

// sh is a script as executable, with further fields of it.
func sh(text string, more ...string) string {
	return fmt.Sprintf(`"executable":{"TYPE":"ShellScriptExecutable","script":%q%s}`, text, fields(more))
}

func fields(more []string) string {
	var b strings.Builder
	for _, m := range more {
		b.WriteString("," + m)
	}
	return b.String()
}

var jobCases = []jobCase{
	// Timeouts.
	{name: "timeout", job: `"timeout":0.2,"sigkillDelay":20,` + sh("trap 'exit 7' TERM\nwhile :; do sleep 0.02; done"), state: "Failed", outcome: `TimedOut.*returnCode:7`, log: `took longer than 200ms`},
	{name: "timeout, SIGTERM ignored", job: `"timeout":0.2,"sigkillDelay":0.1,` + sh("trap '' TERM\nwhile :; do sleep 0.02; done"), state: "Failed", outcome: `TimedOut.*returnCode:137`},
	{name: "timeout, SIGKILL at once", job: `"timeout":0.2,"sigkillDelay":0,` + sh("trap 'exit 7' TERM\nwhile :; do sleep 0.02; done"), state: "Failed", outcome: `TimedOut.*returnCode:137`},
	{name: "no timeout", job: `"timeout":60,` + sh("exit 0"), outcome: `Succeeded`},

	// What is a failure.
	{name: "return code", job: sh("exit 3"), state: "Failed", outcome: `Failed.*returnCode:3`},
	{name: "signal", job: sh("kill -9 $$"), state: "Failed", outcome: `Failed.*returnCode:137`},
	{name: "success by meaning", job: sh("exit 3", `"returnCodeMeaning":{"success":"0,3..5"}`), outcome: `Succeeded.*returnCode:3`},
	{name: "failure by meaning", job: sh("exit 0", `"returnCodeMeaning":{"failure":[0]}`), state: "Failed", outcome: `Failed.*returnCode:0`},
	{name: "not a failure by meaning", job: sh("exit 9", `"returnCodeMeaning":{"failure":[0]}`), outcome: `Succeeded.*returnCode:9`},
	{name: "stderr", job: `"failOnErrWritten":true,` + sh("echo first >&2; echo the last >&2; echo out"), state: "Failed", outcome: `Failed.*error channel: the last.*returnCode:0`},
	{name: "no stderr", job: `"failOnErrWritten":true,` + sh("echo out"), outcome: `Succeeded`},
	{name: "stderr allowed", job: sh("echo oops >&2"), outcome: `Succeeded`, log: `(?m)stderr.*oops`},

	// Values.
	{name: "return values", job: sh("echo ' a = b=c ' >>$SIGNET_RETURN_VALUES; echo n=1 >>$JS7_RETURN_VALUES"), outcome: `a:b=c n:1 returnCode:0`},
	{name: "broken return values", job: sh("echo nonsense >>$SIGNET_RETURN_VALUES"), state: "Failed", outcome: `line 1 of the file of return values has not the form NAME=VALUE`},
	{name: "return values as pipe", job: sh("rm $SIGNET_RETURN_VALUES; mkfifo $SIGNET_RETURN_VALUES"), state: "Failed", outcome: `the file of return values`},
	{name: "return values as endless file", job: sh("ln -sf /dev/zero $SIGNET_RETURN_VALUES"), state: "Failed", outcome: `the file of return values`},
	{name: "return values as folder", job: sh("rm $SIGNET_RETURN_VALUES; mkdir $SIGNET_RETURN_VALUES"), state: "Failed", outcome: `the file of return values`},
	{name: "too many return values", job: sh("yes abcdefgh=1 | head -c 2000000 >>$SIGNET_RETURN_VALUES"), state: "Failed", outcome: `larger than 1048576 bytes`},

	// Environment: the first job resource wins over the second and over the executable's own; Missing takes away.
	{
		name: "environment", fields: `,"jobResourcePaths":["R2"]`,
		job: `"jobResourcePaths":["R1"],` + sh(`for n in A B C D E OF_THE_AGENT; do eval "echo $n=\${$n-unset}" >>$SIGNET_RETURN_VALUES; done`,
			`"env":{"A":"'executable'","B":"'executable'","E":"$word","OF_THE_AGENT":"missing"}`),
		args: map[string]any{"word": `a "b" $c`}, outcome: `A:first B:executable C:first D:second E:a "b" \$c OF_THE_AGENT:unset`,
	},
	{name: "the Agent's environment", job: sh(`echo "x=$OF_THE_AGENT" >>$SIGNET_RETURN_VALUES`), outcome: `x:agent`},
	{name: "wrong environment", job: sh("exit 0", `"env":{"X":"1 / $zero"}`), args: map[string]any{"zero": 0}, state: "Failed", outcome: `environment variable X`},
	{
		name: "toFile", job: sh(`case $F in *.txt) echo "x=$(cat $F)" >>$SIGNET_RETURN_VALUES;; esac`, `"env":{"F":"toFile($text, '*.txt')"}`),
		args: map[string]any{"text": "line 1\n"}, outcome: `x:line 1`,
	},
	{
		name: "default arguments", execute: `,"defaultArguments":{"a":"'instruction'","b":"'instruction'"}`,
		job: `"defaultArguments":{"a":"'job'","b":"'job'","c":"'job'"},` +
			sh(`echo "x=$A $B $C" >>$SIGNET_RETURN_VALUES`, `"env":{"A":"$a","B":"$b","C":"$c"}`),
		args: map[string]any{"a": "order"}, outcome: `x:order instruction job`,
	},
	{
		name: "v1", job: sh(`echo "x=$SCHEDULER_PARAM_WORD" >>$SCHEDULER_RETURN_VALUES`, `"v1Compatible":true`),
		args: map[string]any{"word": "w"}, outcome: `x:w`,
	},
	{name: "not v1", job: sh(`echo "x=[$SCHEDULER_PARAM_WORD$SCHEDULER_RETURN_VALUES]" >>$SIGNET_RETURN_VALUES`), args: map[string]any{"word": "w"}, outcome: `x:\[\]`},

	// Other executables.
	{name: "program of the Agent", job: `"executable":{"TYPE":"PathExecutable","path":"bin/hello","env":{"WHO":"'you'"}}`, outcome: `x:hello you`},
	{
		name: "command line", job: `"executable":{"TYPE":"CommandLineExecutable","command":"/bin/sh -c 'printf \"x=%s|%s\\n\" \"$1\" \"$2\" >>$SIGNET_RETURN_VALUES' sh $word \"<${word}>\""}`,
		args: map[string]any{"word": "a b;c"}, outcome: `x:a b;c\|<a b;c>`,
	},

	// What can't be started.
	{name: "program missing", job: `"executable":{"TYPE":"PathExecutable","path":"bin/none"}`, state: "Failed", outcome: `couldn't be started: .*bin/none`},
	{name: "program without x", job: `"executable":{"TYPE":"PathExecutable","path":"bin/plain"}`, state: "Failed", outcome: `couldn't be started: .*bin/plain`},
	{name: "interpreter missing", job: sh("#!/no/such/interpreter\n"), state: "Failed", outcome: `couldn't be started: .*/no/such/interpreter`},
	{name: "carriage return", job: sh("#!/bin/sh\r\nexit 0\r\n"), state: "Failed", outcome: `couldn't be started: `},
	{name: "too long", job: sh("exit 0", `"env":{"X":"$text"}`), args: map[string]any{"text": strings.Repeat("x", 200_000)}, state: "Failed", outcome: `couldn't be started: `},
	{name: "NUL", job: sh("exit 0", `"env":{"X":"$text"}`), args: map[string]any{"text": "a\x00b"}, state: "Failed", outcome: `NUL`},

	// An Agent that wasn't allowed to run what workflows bring.
	{name: "no scripts", agent: "agent-2", job: sh("exit 0"), state: "Failed", outcome: `SignedInjectionNotAllowed`},
	{name: "no absolute path", agent: "agent-2", job: `"executable":{"TYPE":"PathExecutable","path":"/bin/true"}`, state: "Failed", outcome: `SignedInjectionNotAllowed`},
	{name: "no command line", agent: "agent-2", job: `"executable":{"TYPE":"CommandLineExecutable","command":"/bin/true"}`, state: "Failed", outcome: `SignedInjectionNotAllowed`},
	{name: "own program", agent: "agent-2", job: `"executable":{"TYPE":"PathExecutable","path":"bin/hello"}`, outcome: `x:hello`},
}

// jobCluster has an Agent that may run everything, one at the default, and one
// with a process limit.
func jobCluster(t *testing.T) *cluster.Cluster {
	t.Helper()
	c := cluster.New(t, 1, 3, cluster.NoScripts("agent-2"), cluster.AgentKey("agent-3", "signet.job.process-limit", "2"))
	for _, p := range c.Agents {
		bin := filepath.Join(p.Config, "executables", "bin")
		if err := os.MkdirAll(bin, 0o700); err != nil {
			t.Fatal(err)
		}
		for name, mode := range map[string]os.FileMode{"hello": 0o700, "plain": 0o600} {
			if err := os.WriteFile(filepath.Join(bin, name), []byte("#!/bin/sh\necho \"x=hello $WHO\" >>$SIGNET_RETURN_VALUES\n"), mode); err != nil {
				t.Fatal(err)
			}
		}
	}
	deploy(t, c, `{"TYPE":"JobResource","path":"R1","env":{"A":"'first'","C":"'first'"}}`, `{"TYPE":"JobResource","path":"R2","env":{"A":"'second'","C":"'second'","D":"'second'"}}`)
	return c
}

func TestJobs(t *testing.T) {
	t.Parallel()
	c := jobCluster(t)
	var docs []string
	var orders []any
	for i, k := range jobCases {
		if k.agent == "" {
			k.agent = "agent-1"
		}
		path := fmt.Sprintf("J%d", i)
		docs = append(docs, fmt.Sprintf(`{"TYPE":"Workflow","path":%q,"versionId":"1"%s,"instructions":[{"TYPE":"Execute.Anonymous","job":{"agentPath":%q,%s}%s}]}`, path, k.fields, k.agent, k.job, k.execute))
		orders = append(orders, map[string]any{"id": path, "workflowPath": path, "arguments": k.args})
		if k.args == nil {
			orders[i] = map[string]any{"id": path, "workflowPath": path}
		}
	}
	if err := c.Deploy(docs...); err != nil {
		t.Fatal(err)
	}
	if err := c.Command("AddOrders", map[string]any{"orders": orders}); err != nil {
		t.Fatal(err)
	}
	for i, k := range jobCases {
		t.Run(k.name, func(t *testing.T) {
			t.Parallel()
			c := c.For(t)
			id := fmt.Sprintf("J%d", i)
			if k.state == "" {
				k.state = "Finished"
			}
			c.Eventually("it ends", func() bool { s := c.State(id); return s == "Finished" || s == "Failed" })
			o, err := c.Order(id)
			if err != nil {
				t.Fatal(err)
			}
			var outcome string
			if list, _ := o["historicOutcomes"].([]any); len(list) > 0 {
				outcome = fmt.Sprint(list[0])
			}
			if s := c.State(id); s != k.state {
				t.Errorf("it is %s, not %s: %s", s, k.state, outcome)
			}
			if !regexp.MustCompile(k.outcome).MatchString(outcome) {
				t.Errorf("the outcome %s doesn't match %s", outcome, k.outcome)
			}
			if k.log == "" {
				return
			}
			if log := c.Log(id); !regexp.MustCompile(k.log).MatchString(log) {
				t.Errorf("the log %q doesn't match %s", log, k.log)
			}
		})
	}
	t.Run("process limits", func(t *testing.T) { t.Parallel(); processLimits(t, c.For(t)) })
}

// processLimits lets many orders run whose jobs count how many of them run.
func processLimits(t *testing.T, c *cluster.Cluster) {
	dir := t.TempDir()
	counting := func(name string) string {
		return fmt.Sprintf(`"executable":{"TYPE":"ShellScriptExecutable","script":"echo + >>%[1]s/%[2]s; sleep 0.1; echo - >>%[1]s/%[2]s"}`, dir, name)
	}
	for _, k := range []struct {
		name, agent, job string
		most             int
	}{
		{"job", "agent-1", `"processLimit":3,` + counting("job"), 3},
		{"agent", "agent-3", `"processLimit":100,` + counting("agent"), 2},
	} {
		path := "LIMIT-" + k.name
		if err := c.Deploy(fmt.Sprintf(`{"TYPE":"Workflow","path":%q,"versionId":"1","instructions":[{"TYPE":"Execute.Anonymous","job":{"agentPath":%q,%s}}]}`, path, k.agent, k.job)); err != nil {
			t.Fatal(err)
		}
		var ids []string
		for i := range 12 {
			ids = append(ids, fmt.Sprintf("%s-%d", path, i))
		}
		add(t, c, path, ids...)
		for _, id := range ids {
			c.Eventually(id+" finishes", func() bool { return c.State(id) == "Finished" })
		}
		b, err := os.ReadFile(filepath.Join(dir, k.name))
		if err != nil {
			t.Fatal(err)
		}
		running, most := 0, 0
		for line := range strings.FieldsSeq(string(b)) {
			if line == "+" {
				running++
			} else {
				running--
			}
			most = max(most, running)
		}
		if most != k.most {
			t.Errorf("%s: %d processes at once, not %d", k.name, most, k.most)
		}
	}
}

// A lost process is repeated unless its job says that it must not be.
func TestNotRestartable(t *testing.T) {
	t.Parallel()
	c := cluster.New(t, 1, 1)
	dir := t.TempDir()
	once := fmt.Sprintf("echo x >>%s/$NAME; [ $(wc -l <%s/$NAME) -ge 2 ] || sleep 100", dir, dir)
	deploy(t, c,
		fmt.Sprintf(`{"TYPE":"Workflow","path":"YES","versionId":"1","instructions":[{"TYPE":"Execute.Anonymous","job":{"agentPath":"agent-1",%s}}]}`, sh(once, `"env":{"NAME":"'yes'"}`)),
		fmt.Sprintf(`{"TYPE":"Workflow","path":"NO","versionId":"1","instructions":[{"TYPE":"Execute.Anonymous","job":{"agentPath":"agent-1","isNotRestartable":true,%s}}]}`, sh(once, `"env":{"NAME":"'no'"}`)))
	add(t, c, "YES", "YES")
	add(t, c, "NO", "NO")
	starts := func(name string) int {
		b, _ := os.ReadFile(filepath.Join(dir, name))
		return strings.Count(string(b), "x")
	}
	// The processes run before the Controller has heard of them.
	c.Eventually("both run", func() bool {
		return starts("yes") == 1 && starts("no") == 1 && c.State("YES") == "Processing" && c.State("NO") == "Processing"
	})
	_, lost := c.TaskOf("NO")
	if err := c.Agents[0].Running.Close(); err != nil {
		t.Fatal(err)
	}
	c.StartAgent(c.Agents[0])
	c.Eventually("YES finishes", func() bool { return c.State("YES") == "Finished" })
	c.Eventually("NO fails", func() bool { return c.State("NO") == "Failed" })
	if starts("yes") != 2 || starts("no") != 1 {
		t.Errorf("%d starts of the restartable job, %d of the other", starts("yes"), starts("no"))
	}
	if log := c.Log("NO"); !strings.Contains(log, "the Agent was") {
		t.Errorf("the log of the lost task %s doesn't tell that: %q", lost, log)
	}
}
