package engine_test

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/signet-scheduler/signet/internal/engine"
	"github.com/signet-scheduler/signet/internal/engine/enginetest"
	"github.com/signet-scheduler/signet/internal/fault"
	"github.com/signet-scheduler/signet/internal/order"
	"github.com/signet-scheduler/signet/internal/strictjson"
)

var update = flag.Bool("update", false, "rewrite the transcripts in testdata")

// TestTranscripts runs testdata/*.txt: commands, each followed by ---- and by
// what happened. testdata/README.md explains them.
func TestTranscripts(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob("testdata/*.txt")
	if err != nil || len(files) == 0 {
		t.Fatalf("no transcripts: %v", err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txt"), func(t *testing.T) {
			t.Parallel()
			want, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			got := transcript(t, string(want))
			if *update {
				if err := os.WriteFile(file, []byte(got), 0o600); err != nil {
					t.Fatal(err)
				}
				return
			}
			if d := cmp.Diff(string(want), got); d != "" {
				t.Errorf("-want +got (go test ./internal/engine -run TestTranscripts -update rewrites, read what changes):\n%s", d)
			}
		})
	}
}

// play is one transcript being played.
type play struct {
	c    *enginetest.Cluster
	out  strings.Builder
	show map[string]bool
}

// transcript plays a script and returns it with what happens now.
func transcript(t *testing.T, text string) string {
	t.Helper()
	var out strings.Builder
	p := &play{show: map[string]bool{"orders": true}}
	for block := range strings.SplitSeq(strings.TrimRight(text, "\n"), "\n\n") {
		script, _, isCommand := strings.Cut(block+"\n", "----\n")
		if !isCommand || strings.HasPrefix(block, "#") && !strings.Contains(block, "----") {
			out.WriteString(block + "\n\n")
			continue
		}
		p.out.Reset()
		p.play(strings.Split(strings.TrimRight(script, "\n"), "\n"))
		out.WriteString(script + "----\n" + p.out.String() + "\n")
	}
	return strings.TrimRight(out.String(), "\n") + "\n"
}

// play carries out one command: lines[0], with the lines behind it as input.
func (p *play) play(lines []string) {
	for len(lines) > 1 && strings.HasPrefix(lines[0], "#") {
		lines = lines[1:]
	}
	words := strings.Fields(lines[0])
	input := strings.Join(lines[1:], "\n")
	err := p.command(words, input)
	if err == nil && p.c != nil {
		err = p.c.Pump()
	}
	if err != nil {
		fmt.Fprintf(&p.out, "error: %s\n", describe(err))
	}
	if p.c == nil {
		return
	}
	for _, name := range sortedNames(p.c.Agents) {
		if problem := p.c.Agents[name].Problem; problem != nil && words[0] != "state" {
			fmt.Fprintf(&p.out, "%s: %s\n", name, describe(problem))
		}
	}
	if err := p.c.Check(); err != nil {
		fmt.Fprintf(&p.out, "BROKEN: %s\n", err)
	}
}

func sortedNames[V any](m map[string]V) []string {
	var names []string
	for name := range m {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

func describe(err error) string {
	e := fault.Of(err)
	return e.Code + ": " + e.Public()
}

func (p *play) command(words []string, input string) error {
	arg := func(i int) string {
		if i < len(words) {
			return words[i]
		}
		return ""
	}
	switch words[0] {
	case "cluster":
		c, err := enginetest.New(words[1:]...)
		if err != nil {
			return err
		}
		p.c = c
		c.Told = p.told
		return nil
	case "show":
		p.show[arg(1)] = true
	case "hide":
		delete(p.show, arg(1))
	case "workflow":
		return p.deploy("Workflow", arg(1), arg(2), arg(3), input)
	case "jobresource":
		return p.deploy("JobResource", arg(1), "", arg(2), input)
	case "agent":
		return p.deploy("AgentRef", arg(1), "", arg(2), input)
	case "start":
		return p.c.AddAgent(arg(1))
	case "remove":
		return p.c.Remove(words[1:]...)
	case "end":
		return p.end(arg(1), strings.Join(words[2:], " "))
	case "advance":
		seconds, err := strconv.ParseFloat(arg(1), 64)
		if err != nil {
			return err
		}
		return p.c.Advance(int64(seconds * 1e6))
	case "cut":
		p.c.Agents[arg(1)].Cut = true
	case "connect":
		p.c.Agents[arg(1)].Cut = false
	case "mute", "unmute":
		p.c.Agents[arg(1)].Mute = words[0] == "mute"
	case "snapshot":
		return p.c.Snapshot()
	case "restart":
		if arg(1) == "controller" {
			return p.c.RestartController()
		}
		return p.c.Agents[arg(1)].Restart(arg(2) == "keep")
	case "wipe":
		return p.c.Agents[arg(1)].Wipe(arg(2))
	case "trust", "distrust":
		part := arg(2)
		if part == "controller" {
			part = ""
		}
		return p.c.Trust(part, arg(1), words[0] == "trust")
	case "state":
		p.state(words[1:])
	case "items":
		for _, it := range p.c.Controller.Items() {
			fmt.Fprintf(&p.out, "%s removed=%v quarantine=%v\n", it.Ref, it.Removed, it.Quarantine != nil)
		}
	default:
		return p.submit(words[0], input)
	}
	return nil
}

// submit sends a command as the API does: its name, and its fields as JSON.
func (p *play) submit(name, input string) error {
	if input == "" {
		input = "{}"
	}
	text := fmt.Sprintf(`{"TYPE":%q,"by":{"account":"tester"},%s`, name, strings.TrimPrefix(strings.TrimSpace(input), "{"))
	text = strings.Replace(text, ",}", "}", 1)
	cmd, err := engine.ReadCommand([]byte(text), strictjson.Limits{})
	if err != nil {
		return err
	}
	reply, err := p.c.Submit(cmd)
	if err == nil && reply != `{"TYPE":"Accepted"}` && p.show["replies"] {
		fmt.Fprintf(&p.out, "reply: %s\n", reply)
	}
	return err
}

func (p *play) deploy(kind, path, version, signer, input string) error {
	if signer == "" {
		signer = "alice"
	}
	var doc map[string]any
	if err := json.Unmarshal([]byte(input), &doc); err != nil {
		return err
	}
	doc["TYPE"], doc["path"] = kind, path
	if version != "" {
		doc["versionId"] = version
	}
	if kind == "AgentRef" {
		doc["uri"] = "https://" + path + ":1"
	}
	expand(doc)
	text, err := json.Marshal(doc)
	if err != nil {
		return err
	}
	return p.c.Deploy(signer, string(text))
}

// expand writes out {"run": script, "at": agent, "job": {…}}, and "do" for a
// block.
func expand(x any) {
	switch x := x.(type) {
	case []any:
		for _, v := range x {
			expand(v)
		}
	case map[string]any:
		if script, ok := x["run"].(string); ok {
			job, _ := x["job"].(map[string]any)
			if job == nil {
				job = map[string]any{}
			}
			job["agentPath"] = x["at"]
			executable := map[string]any{"TYPE": "ShellScriptExecutable", "script": script}
			if env, ok := x["env"]; ok {
				executable["env"] = env
			}
			job["executable"] = executable
			x["TYPE"], x["job"] = "Execute.Anonymous", job
			delete(x, "run")
			delete(x, "at")
			delete(x, "env")
		}
		if script, ok := x["script"].(string); ok && x["TYPE"] == nil {
			x["executable"] = map[string]any{"TYPE": "ShellScriptExecutable", "script": script}
			delete(x, "script")
		}
		for _, v := range x {
			expand(v)
		}
	}
}

// end ends the process of an order.
func (p *play) end(id, script string) error {
	for _, name := range sortedNames(p.c.Agents) {
		a := p.c.Agents[name]
		o := a.Machine.Order(order.ID(id))
		if o == nil || a.Running[o.State.Task] == nil {
			continue
		}
		out := enginetest.Result(strings.TrimPrefix(script, "killed "))
		if strings.HasPrefix(script, "killed ") {
			out = &order.Outcome{Kind: order.Killed, Inner: out}
		}
		a.End(o.State.Task, out)
		return nil
	}
	return fmt.Errorf("no process of %s", id)
}

func (p *play) state(ids []string) {
	for _, o := range p.c.Controller.Orders() {
		if len(ids) > 0 && !slices.Contains(ids, string(o.ID)) {
			continue
		}
		fmt.Fprintf(&p.out, "%s %s [%s]", o.ID, o.State.Kind, o.Position)
		if o.Attachment.Agent != "" {
			fmt.Fprintf(&p.out, " %s at %s", o.Attachment.Where, o.Attachment.Agent)
		}
		if o.Mark != nil {
			fmt.Fprintf(&p.out, " marked %s", o.Mark.Kind)
		}
		if o.Suspended {
			p.out.WriteString(" suspended")
		}
		for _, s := range o.Steps() {
			fmt.Fprintf(&p.out, " %s:%s", s.Position, s.Outcome.Text())
		}
		p.out.WriteByte('\n')
		for _, why := range p.c.Controller.Obstacles(o) {
			p.out.WriteString("  " + why + "\n")
		}
	}
}

var (
	millis = regexp.MustCompile(`\b17672\d{8}\b`)
	tasks  = regexp.MustCompile(`,?"attachmentId":\d+|"(taskId|revision|itemRevision)":"?\d+"?,?`)
)

// told writes one committed event.
func (p *play) told(who string, e engine.Stamped) {
	if who != "" && !p.show[who] {
		return
	}
	if _, isOrder := e.Event.(interface{ Type() string }); !isOrder {
		return
	}
	kind := e.Event.Type()
	if !strings.HasPrefix(kind, "Order") && !p.show[kind] && !p.show["all"] {
		return
	}
	text := e.AppendJSON(nil)
	var fields map[string]json.RawMessage
	if err := json.Unmarshal(text, &fields); err != nil {
		fmt.Fprintf(&p.out, "BROKEN: %s: %s\n", text, err)
		return
	}
	head := fmt.Sprintf(`"TYPE":%q`, kind)
	_, rest, _ := bytes.Cut(text, []byte(head))
	if e.Key != "" {
		if _, after, ok := bytes.Cut(rest, []byte(`"Key":`+strconv.Quote(e.Key))); ok {
			rest = after
		}
	}
	shown := "{" + strings.TrimPrefix(string(rest), ",")
	shown = tasks.ReplaceAllString(shown, "")
	shown = strings.ReplaceAll(shown, ",}", "}")
	shown = millis.ReplaceAllStringFunc(shown, func(s string) string {
		ms, _ := strconv.ParseInt(s, 10, 64)
		return "T+" + strconv.FormatFloat(float64(ms-enginetest.Start/1000)/1000, 'f', -1, 64)
	})
	if who != "" {
		who += "| "
	}
	if shown == "{}" {
		shown = ""
	}
	fmt.Fprintln(&p.out, strings.TrimRight(fmt.Sprintf("%s%s %s %s", who, e.Key, kind, shown), " "))
}
