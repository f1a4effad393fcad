package inventory_test

import (
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/signet-scheduler/signet/internal/inventory"
	"github.com/signet-scheduler/signet/internal/item"
	"github.com/signet-scheduler/signet/internal/objectfile"
	"github.com/signet-scheduler/signet/internal/strictjson"
	"github.com/signet-scheduler/signet/internal/workflow"
)

func parse(t testing.TB, text string) *strictjson.Node {
	t.Helper()
	n, err := strictjson.Parse([]byte(text), workflow.DocumentLimits())
	if err != nil {
		t.Fatal(err)
	}
	return n
}

func TestStates(t *testing.T) {
	t.Parallel()
	for want, all := range map[inventory.State][]inventory.Standing{
		inventory.Trash:       {{Trashed: true, Draft: true, Problems: 1}, {Trashed: true, Deployed: true, Ever: true}},
		inventory.Invalid:     {{Draft: true, Problems: 1}, {Draft: true, Problems: 2, Deployed: true, Ever: true}, {Draft: true, Problems: 2, Ever: true}},
		inventory.Changed:     {{Draft: true, Deployed: true, Ever: true}},
		inventory.Deployed:    {{Deployed: true, Ever: true}, {Deployed: true, Ever: true, Problems: 3}},
		inventory.NotDeployed: {{Ever: true}, {Draft: true, Ever: true}},
		inventory.Draft:       {{Draft: true}},
	} {
		if !slices.Contains(inventory.States(), want) {
			t.Errorf("%s isn't among all states", want)
		}
		for _, s := range all {
			if got := s.State(); got != want {
				t.Errorf("%+v: %s, want %s", s, got, want)
			}
		}
	}
}

func TestMoved(t *testing.T) {
	t.Parallel()
	w := func(path string) item.Key { return item.Key{Kind: item.KindWorkflow, Path: path} }
	for _, c := range []struct {
		key      item.Key
		from, to string
		folder   bool
		want     string // "": not concerned
	}{
		{w("a/b"), "a/b", "c", false, "c"},
		{w("a/b"), "a", "c", false, ""},
		{w("a/b"), "a", "c/d", true, "c/d/b"},
		{w("a/b/c"), "a/b", "x", true, "x/c"},
		{w("ab/c"), "a", "c", true, ""},
		{w("a"), "a", "c", true, ""},
		{w("a/b"), "", "new", true, "new/a/b"},
		{w("a/b"), "a", "", true, "b"},
		{item.Key{Kind: item.KindAgentRef, Path: "a"}, "", "new", true, ""},
		{item.Key{Kind: item.KindAgentRef, Path: "a"}, "a", "b", false, "b"},
	} {
		got, ok := inventory.Moved(c.key, c.from, c.to, c.folder)
		if ok != (c.want != "") || ok && got.Path != c.want || got.Kind != c.key.Kind {
			t.Errorf("%v from %q to %q: %v, %t", c.key, c.from, c.to, got, ok)
		}
	}
	if got := inventory.FolderOf("a/b/c") + "," + inventory.FolderOf("a"); got != "a/b," {
		t.Errorf("folders %q", got)
	}
}

// Invariant 1, for the document that has every field.
func TestReferencesOfEverything(t *testing.T) {
	t.Parallel()
	data, err := os.ReadFile("../workflow/testdata/everything.json")
	if err != nil {
		t.Fatal(err)
	}
	parsed, err := item.Parse(data)
	if err != nil {
		t.Fatal(err)
	}
	want := item.References(parsed)
	if len(want) < 3 {
		t.Fatalf("only %d references", len(want))
	}
	if d := cmp.Diff(want, inventory.Named(inventory.References(parse(t, string(data))))); d != "" {
		t.Errorf("references (-want +got):\n%s", d)
	}
}

const used = `{"jobResourcePaths": ["db/main", "mail"],
 "orderPreparation": {"parameters": {"agentPath": {"default": "JobResource:db/main:host"}, "o": {"type": {"TYPE": "Object", "agentPath": "String"}}}},
 "instructions": [
  {"TYPE": "Execute.Anonymous", "job": {"agentPath": "agent-1", "executable": {"TYPE": "ShellScriptExecutable",
    "script": "echo JobResource:db/main:x", "env": {"agentPath": "$js7OrderId ++ 'JobResource:db/main:no'", "H": "jobResourceVariable('db/main', 'host')"}}}},
  {"TYPE": "Fork", "agentPath": "agent-2", "branches": []},
  {"TYPE": "Fail", "message": "JobResource:db/main:text ++ \"ä\\\"\u00e9\" ++ JobResource:db/mainframe:x"},
  {"TYPE": "Finish", "outcome": {"TYPE": "Failed", "message": "JobResource:db/main:no"}},
  {"TYPE": "ForkList", "childToId": "(x) => $x ++ JobResource:db/main:id"}
 ]}`

func TestReferences(t *testing.T) {
	t.Parallel()
	var got []string
	for _, r := range inventory.References(parse(t, used)) {
		got = append(got, r.Pointer+" "+r.Key.String())
	}
	want := []string{
		"/jobResourcePaths/0 JobResource:db/main", "/jobResourcePaths/1 JobResource:mail",
		"/orderPreparation/parameters/agentPath/default JobResource:db/main",
		"/instructions/0/job/agentPath Agent:agent-1", "/instructions/0/job/executable/env/H JobResource:db/main",
		"/instructions/1/agentPath Agent:agent-2", "/instructions/2/message JobResource:db/main", "/instructions/2/message JobResource:db/mainframe",
		"/instructions/4/childToId JobResource:db/main",
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("references (-want +got):\n%s", d)
	}
	if n := inventory.References(parse(t, `["agentPath"]`)); n != nil {
		t.Errorf("a list refers to %v", n)
	}
}

// Invariant 2: after the rename the document names the new path at each place,
// and nothing else has changed.
func TestFollow(t *testing.T) {
	t.Parallel()
	from, to := item.Key{Kind: item.KindJobResource, Path: "db/main"}, item.Key{Kind: item.KindJobResource, Path: "common/Datenbank-ü"}
	changes, problems := inventory.Follow(parse(t, used), func(k item.Key) (item.Key, bool) { return to, k == from })
	if len(problems) > 0 {
		t.Fatal(problems)
	}
	got, err := objectfile.Replace([]byte(used), false, changes)
	if err != nil {
		t.Fatal(err)
	}
	want := used
	for _, r := range [][2]string{
		{`["db/main"`, `["common/Datenbank-ü"`},
		{`JobResource:db/main:host`, `JobResource:common/Datenbank-ü:host`},
		{`jobResourceVariable('db/main'`, `jobResourceVariable('common/Datenbank-ü'`},
		{`"JobResource:db/main:text`, `"JobResource:common/Datenbank-ü:text`},
		{`JobResource:db/main:id`, `JobResource:common/Datenbank-ü:id`},
	} {
		want = strings.Replace(want, r[0], r[1], 1)
	}
	if d := cmp.Diff(want, string(got)); d != "" {
		t.Errorf("text (-want +got):\n%s", d)
	}
	if again, _ := inventory.Follow(parse(t, string(got)), func(k item.Key) (item.Key, bool) { return to, k == from }); again != nil {
		t.Errorf("still named: %v", again)
	}
	// What can't be followed is told.
	hidden := `{"instructions":[{"TYPE":"Sleep","duration":"jobResourceVariable(name='x', path='db/main')"}]}`
	changes, problems = inventory.Follow(parse(t, hidden), func(k item.Key) (item.Key, bool) { return to, k == from })
	if len(changes) != 0 || len(problems) != 1 || problems[0].Where != "/instructions/0/duration" {
		t.Errorf("%v, %v", changes, problems)
	}
	if r := inventory.Itself(parse(t, `{"path":"a"}`), "b"); !cmp.Equal(r, []inventory.Replacement{{Pointer: "/path", Old: "a", New: "b"}}) {
		t.Errorf("itself: %v", r)
	}
	if r := inventory.Itself(parse(t, used), "b"); r != nil {
		t.Errorf("itself: %v", r)
	}
}

func TestTextsAndHits(t *testing.T) {
	t.Parallel()
	n := parse(t, `{"TYPE":"Workflow","title":"Nightly LOAD","tags":["Finance",7],"instructions":[{"TYPE":"Execute.Named","jobName":"LOAD","label":"first"}],
		"jobs":{"LOAD":{"agentPath":"agent-1","executable":{"TYPE":"ShellScriptExecutable","script":"#!/bin/sh\nset -e\nsqlplus "}}, "Ünter/1":{}}}`)
	var got []string
	for _, text := range inventory.Texts(n) {
		got = append(got, strings.Join([]string{text.Field, text.Job, text.Pointer}, " "))
	}
	want := []string{
		"title  /title", "tags  /tags/0", "jobName  /instructions/0/jobName", "label  /instructions/0/label", "job LOAD /jobs/LOAD",
		"agentPath LOAD /jobs/LOAD/agentPath", "script LOAD /jobs/LOAD/executable/script", "job Ünter/1 /jobs/Ünter~11",
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("texts (-want +got):\n%s", d)
	}
	if inventory.Title(n) != "Nightly LOAD" || !cmp.Equal(inventory.Tags(n), []string{"Finance"}) {
		t.Errorf("title %q, tags %q", inventory.Title(n), inventory.Tags(n))
	}
	hits := inventory.Hits(n, "sqlpl", 10)
	if len(hits) != 1 || hits[0].Line != 3 || hits[0].Job != "LOAD" || hits[0].Field != "script" || hits[0].Excerpt != "sqlplus " || hits[0].At != 0 || hits[0].Length != 5 {
		t.Errorf("hits %+v", hits)
	}
	if hits := inventory.Hits(n, "load", 2); len(hits) != 2 {
		t.Errorf("hits %+v", hits)
	}
	if _, ok := inventory.Find("a\nb", "a\nb"); ok {
		t.Error("a hit over the end of a line")
	}
	long := strings.Repeat("ä", 300) + "needle" + strings.Repeat("ö", 300)
	hit, ok := inventory.Find(long, "needle")
	if r := []rune(hit.Excerpt); !ok || len(r) != 160 || string(r[hit.At:hit.At+hit.Length]) != "needle" {
		t.Errorf("hit %+v", hit)
	}
}

// Invariant 3.
func TestHitsHoldTheText(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		text := rapid.StringMatching(`[aAbBİßẞ\n .]{0,40}`).Draw(t, "text")
		searched := inventory.Fold(rapid.StringMatching(`[aAbBß]{1,4}`).Draw(t, "searched"))
		hit, ok := inventory.Find(text, searched)
		if ok && !strings.Contains(inventory.Fold(hit.Excerpt), searched) {
			t.Fatalf("%q isn't in %q", searched, hit.Excerpt)
		}
	})
}

// Source takes back what Complete has put there: deploying it again unchanged
// gives the same document.
func TestSource(t *testing.T) {
	t.Parallel()
	key := item.Key{Kind: item.KindWorkflow, Path: `a/ü"b`}
	for text, want := range map[string]string{
		`{"instructions": []}`:                                     "",
		"  {\n  \"instructions\": [] }\n":                          "",
		`{"TYPE":"Workflow","instructions":[]}`:                    "",
		`{ "versionId": "mine", "instructions":[]}`:                `{"instructions":[]}`,
		`{"instructions":[], "versionId":"mine"}`:                  `{"instructions":[]}`,
		`{"instructions":[],"versionId":"mine","source":"x"}`:      `{"instructions":[],"source":"x"}`,
		`{"versionId":"mine"}`:                                     `{}`,
		`{"versionId":"\u006dine","source":"\"versionId\":\"x\""}`: "same",
	} {
		document, err := objectfile.Complete([]byte(text), key, "20261130T140000Z-abcdef")
		if err != nil {
			t.Fatal(err)
		}
		got := inventory.Source(string(document), key)
		switch want {
		case "":
			want = text
		case "same":
			want = text
		}
		if got != want {
			t.Errorf("%s: %s, want %s", text, got, want)
		}
	}
	if got := inventory.Source("[", key); got != "[" {
		t.Errorf("no JSON: %s", got)
	}
}
