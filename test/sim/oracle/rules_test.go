package oracle_test

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/signet-scheduler/signet/test/sim/oracle"
)

// TestRules runs testdata/rules/*.txt. Each case is told twice: as it is right
// (without the lines that begin with +), where nothing may be found, and as it
// is wrong (without those that begin with -), where nothing but its rule may be
// found. testdata/rules/README.md explains the lines.
func TestRules(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob("testdata/rules/*.txt")
	if err != nil || len(files) == 0 {
		t.Fatalf("no cases: %v", err)
	}
	covered := map[string]bool{}
	for _, file := range files {
		data, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for _, text := range strings.Split(string(data), "\n== ")[1:] {
			title, lines, _ := strings.Cut(text, "\n")
			words := strings.Fields(title) // invariant, rule:, title
			rule := strings.TrimSuffix(words[1], ":")
			covered[rule] = true
			t.Run(strings.Join(words[1:], "_"), func(t *testing.T) {
				t.Parallel()
				if found := tell(t, lines, "-"); len(found) > 0 {
					t.Errorf("the correct stream: %v", found[0])
				}
				found := tell(t, lines, "+")
				if len(found) == 0 {
					t.Fatal("nothing is found in the wrong stream")
				}
				for _, f := range found {
					if string(f.Rule) != rule || strconv.Itoa(f.Invariant) != words[0] {
						t.Errorf("the wrong stream: want invariant %s, %s; got: %v", words[0], rule, f)
					}
				}
			})
		}
	}
	for _, rule := range allRules(t) {
		if !covered[rule] {
			t.Errorf("the rule %s has no case in testdata/rules", rule)
		}
	}
}

// allRules returns the rules as finding.go lists them.
func allRules(t *testing.T) []string {
	t.Helper()
	source, err := os.ReadFile("finding.go")
	if err != nil {
		t.Fatal(err)
	}
	var all []string
	for _, m := range regexp.MustCompile(`(?m)^\s+\w+\s+Rule = "(\w+)"`).FindAllStringSubmatch(string(source), -1) {
		all = append(all, m[1])
	}
	if len(all) < 30 {
		t.Fatalf("only %d rules found in finding.go", len(all))
	}
	return all
}

// teller tells an oracle the lines of a case.
type teller struct {
	t       *testing.T
	s       *oracle.Stream
	x       *oracle.Effects
	c       *oracle.Commands
	readers map[string]*oracle.Reader
	calls   map[string]int
	lines   map[string][]string // of each stream, "" the Controller's
	last    map[string]int64
	rows    []oracle.Row
	history bool
	end     oracle.End
}

// tell returns what is found in the lines of a case that belong to a side.
func tell(t *testing.T, text, side string) []*oracle.Finding {
	t.Helper()
	s := oracle.NewStream(oracle.Options{})
	w := &teller{
		t: t, s: s, x: oracle.NewEffects(s), c: oracle.NewCommands(s), readers: map[string]*oracle.Reader{}, calls: map[string]int{},
		lines: map[string][]string{}, last: map[string]int64{},
	}
	w.end = oracle.End{Effects: w.x, Commands: w.c, Waiting: true}
	prelude, err := os.ReadFile("testdata/prelude")
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.SplitSeq(string(prelude)+text, "\n") {
		switch {
		case line == "", strings.HasPrefix(line, "# "):
			continue
		case line[0] == '+' || line[0] == '-':
			if line[:1] != side {
				continue
			}
			line = strings.TrimLeft(line[1:], " ")
		}
		w.line(strings.TrimSpace(line))
	}
	if w.history {
		s.History(w.rows, 0)
	}
	return s.End(w.end)
}

// line tells one line. What is wrong is kept by the stream.
func (w *teller) line(line string) {
	word, rest, _ := strings.Cut(line, " ")
	f := strings.Fields(rest)
	switch word {
	case "agent":
		w.event("", fmt.Sprintf(`. SignedItemAdded {"item":{"kind":"AgentRef","path":%q},"signed":{"string":"{}"}}`, f[0]))
		w.line("command - UpdateItems")
	case "workflow":
		w.workflow(f[0], f[1], f[2], strings.Join(f[3:], " "))
	case "command":
		reply := ""
		if len(f) > 2 {
			reply = fmt.Sprintf(`,"reply":"{\"added\":%s}"`, f[2])
		}
		w.event("", fmt.Sprintf(`. CommandExecuted {"commandId":%q,"command":%q%s}`, strings.Trim(f[0], "-"), f[1], reply))
	case "process":
		_ = w.x.Started(oracle.Process{Agent: f[0], Task: f[1], Order: f[2]})
	case "ended":
		_ = w.x.Ended(oracle.Process{Agent: f[0], Task: f[1], Order: f[2]})
	case "trace":
		_ = w.x.Line([]byte(strings.Join(f, "\t")))
	case "distrust":
		w.x.Distrust(f[0], f[1], w.number(f[2]))
	case "call", "answer":
		w.call(word, f)
	case "reader":
		w.readers[f[0]] = w.s.Reader(f[0], w.number(f[1]))
		w.end.Readers = append(w.end.Readers, w.readers[f[0]])
	case "reads":
		for _, n := range f[1:] { // the number of an event, from the end: 1 is the newest
			all := w.lines[""]
			_ = w.readers[f[0]].Line([]byte(all[len(all)-int(w.number(n))]))
		}
	case "row":
		var r oracle.Row
		if err := json.Unmarshal([]byte(rest), &r); err != nil {
			w.t.Fatal(err)
		}
		w.rows, w.history = append(w.rows, r), true
	case "acknowledged":
		w.end.Acknowledged = append(w.end.Acknowledged, f...)
	case "rest":
		w.end.Waiting = false
	case "complete":
		w.end.Complete = true
	case "raw":
		_ = w.s.Line([]byte(rest))
	case "at": // of an Agent's stream
		w.event(f[0], strings.Join(f[1:], " "))
	default:
		w.event("", line)
	}
}

func (w *teller) number(s string) int64 {
	w.t.Helper()
	n, err := strconv.ParseInt(s, 10, 64)
	if err != nil {
		w.t.Fatal(err)
	}
	return n
}

// event tells "[#ID] KEY TYPE {fields}"; without an id it is a millisecond
// behind the one before.
func (w *teller) event(who, line string) {
	w.t.Helper()
	id := w.last[who] + 1000
	if rest, ok := strings.CutPrefix(line, "#"); ok {
		number, more, _ := strings.Cut(rest, " ")
		id, line = w.number(number), more
	}
	parts := strings.SplitN(line, " ", 3)
	if len(parts) < 2 {
		w.t.Fatalf("not an event: %q", line)
	}
	text := fmt.Sprintf(`{"eventId":%d,"TYPE":%q`, id, parts[1])
	if parts[0] != "." {
		text += fmt.Sprintf(`,"Key":%q`, parts[0])
	}
	if len(parts) == 3 {
		if fields := strings.TrimSpace(parts[2]); fields != "{}" {
			text += "," + strings.TrimPrefix(fields, "{")
		} else {
			text += "}"
		}
	} else {
		text += "}"
	}
	w.last[who] = max(w.last[who], id)
	w.lines[who] = append(w.lines[who], text)
	if who == "" {
		_ = w.s.Line([]byte(text))
	} else {
		_ = w.s.AgentLine(who, []byte(text))
	}
}

// workflow tells that a signer's workflow is deployed.
func (w *teller) workflow(path, version, signer, body string) {
	doc, err := json.Marshal(fmt.Sprintf(`{"TYPE":"Workflow","path":%q,"versionId":%q,%s`, path, version, strings.TrimPrefix(body, "{")))
	if err != nil {
		w.t.Fatal(err)
	}
	w.event("", fmt.Sprintf(`. VersionAdded {"versionId":%q}`, version))
	w.event("", fmt.Sprintf(`. VersionedItemAdded {"item":{"kind":"Workflow","path":%q,"versionId":%q},"signed":{"string":%s},"signer":%q}`, path, version, doc, signer))
	w.line("command - UpdateItems")
}

// call tells "call NAME AT KIND ORDER [kept]" and "answer NAME AT ANSWER [STATE]".
func (w *teller) call(word string, f []string) {
	at := w.number(f[1])
	if word == "call" {
		kind := oracle.Kind(slices.Index([]string{"other", "add", "cancel", "suspend", "resume", "read"}, f[2]))
		k := oracle.Call{ID: f[0], Kind: kind, At: at}
		if len(f) > 3 {
			k.Order, k.Kept = f[3], len(f) > 4
		}
		if kind == oracle.Read {
			k.ID = ""
		}
		w.calls[f[0]] = w.c.Sent(k)
		return
	}
	a := oracle.Answer{Kind: oracle.AnswerKind(slices.Index([]string{"unknown", "done", "missing", "refused"}, f[2]))}
	for _, x := range f[3:] {
		if x == "added" {
			a.Added = true
		} else {
			a.State = x
		}
	}
	_ = w.c.Answered(w.calls[f[0]], at, a)
}
