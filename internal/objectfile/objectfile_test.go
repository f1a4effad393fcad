package objectfile

import (
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/signet-scheduler/signet/internal/fault"
	"github.com/signet-scheduler/signet/internal/item"
	"github.com/signet-scheduler/signet/internal/strictjson"
)

func mapFS(files map[string]string) fstest.MapFS {
	m := fstest.MapFS{}
	for name, content := range files {
		m[name] = &fstest.MapFile{Data: []byte(content), Mode: 0o644}
	}
	return m
}

func TestKeyOf(t *testing.T) {
	t.Parallel()
	for file, want := range map[string]string{
		"a.workflow.json": "Workflow:a", "x/y/a.b.workflow.yaml": "Workflow:x/y/a.b", "R.jobresource.json": "JobResource:R",
		"agents/agent-1.agent.json": "Agent:agent-1", "workflow.workflow.json": "Workflow:workflow",
	} {
		key, isYAML, err := KeyOf(file)
		if err != nil || key.String() != want || isYAML != strings.HasSuffix(file, ".yaml") {
			t.Errorf("%s is %v, %v, %v", file, key, isYAML, err)
		}
	}
	for file, code := range map[string]string{
		"README.md": "UnknownFile", "a.json": "UnknownFile", "a.workflow": "UnknownFile", "a.workflow.yml": "UnknownFile", "a.workflow.JSON": "UnknownFile", "cert.pem": "UnknownFile",
		"a.lock.json": "UnsupportedKind", "a.calendar.yaml": "UnsupportedKind", "a.Workflow.json": "UnknownKind", "a.release.json": "UnknownKind", "a.b.json": "UnknownKind",
		".workflow.json": "InvalidName", "a b.workflow.json": "InvalidName", "x y/a.workflow.json": "InvalidName", "ä.agent.json": "InvalidName", "../a.workflow.json": "InvalidName",
	} {
		if key, _, err := KeyOf(file); !fault.HasCode(err, code) {
			t.Errorf("%s is %v, %v", file, key, err)
		}
	}
	for _, key := range []item.Key{{Kind: item.KindWorkflow, Path: "A/B"}, {Kind: item.KindAgentRef, Path: "a"}} {
		if got, _, err := KeyOf(FileOf(key)); err != nil || got != key {
			t.Errorf("%s is %v, %v", FileOf(key), got, err)
		}
	}
}

const (
	minimal = `{"instructions": []}`
	full    = `{"TYPE":"Workflow","path":"x/b","versionId":"v","instructions":[]}`
)

func TestCollectFolder(t *testing.T) {
	t.Parallel()
	source := mapFS(map[string]string{
		"root/a.workflow.json":              minimal,
		"root/x/b.workflow.json":            full,
		"root/x/b.workflow.json.sig":        "c2ln",
		"root/x/b.workflow.json.pem":        "cert",
		"root/x/y/c.workflow.yaml":          "instructions:\n- TYPE: Stop\n",
		"root/x/db.jobresource.json":        `{}`,
		"root/agents/agent-1.agent.json":    `{"uri":"https://h"}`,
		"root/.git/config":                  "x",
		"root/x/.hidden":                    "x",
		"other/not-collected.workflow.json": minimal,
	})
	objects, err := Collect([]string{"root/"}, source)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, o := range objects {
		got = append(got, o.Key.String()+" "+o.File+" "+string(o.Bytes)+" "+strings.Join(slices.Sorted(maps.Keys(o.Evidence)), ","))
		if o.YAML != strings.HasSuffix(o.File, ".yaml") {
			t.Errorf("%s: YAML is %v", o.File, o.YAML)
		}
	}
	want := []string{
		`Agent:agent-1 root/agents/agent-1.agent.json {"uri":"https://h"} `,
		`JobResource:x/db root/x/db.jobresource.json {} `,
		`Workflow:a root/a.workflow.json {"instructions": []} `,
		`Workflow:x/b root/x/b.workflow.json ` + full + ` .pem,.sig`,
		`Workflow:x/y/c root/x/y/c.workflow.yaml {"instructions":[{"TYPE":"Stop"}]} `,
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if p := Validate(objects); p != nil {
		t.Errorf("problems: %v", p)
	}
}

func TestCollectSingle(t *testing.T) {
	t.Parallel()
	source := mapFS(map[string]string{
		"d/e/a.workflow.json":     minimal,
		"d/e/b.workflow.json":     full,
		"d/e/b.workflow.json.asc": "pgp",
		"d/e/c.workflow.json":     `{"path":"x/other"}`,
		"d/e/f.workflow.yaml":     "path: q/f\n",
		"d/e/g.agent.json":        `{"path":"x"}`,
		"d/e/h.workflow.json":     `{"path":"/h"}`,
	})
	objects, err := Collect([]string{"d/e/a.workflow.json", "d/e/b.workflow.json", "d/e/b.workflow.json.asc", "d/e/a.workflow.json", "d/e/f.workflow.yaml", "d/e/g.agent.json"}, source)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, o := range objects {
		got = append(got, o.Key.String())
	}
	if diff := cmp.Diff([]string{"Agent:g", "Workflow:a", "Workflow:q/f", "Workflow:x/b"}, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if string(objects[3].Evidence[".asc"]) != "pgp" {
		t.Error("the evidence beside a single file is not found")
	}
	for file, want := range map[string]string{
		"d/e/c.workflow.json": `d/e/c.workflow.json:1 $.path: the document states the path "x/other", but`,
		"d/e/h.workflow.json": `d/e/h.workflow.json:1 $.path: the path "/h" must not begin`,
	} {
		_, err = Collect([]string{file}, source)
		if !fault.HasCode(err, "InvalidFiles") || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", file, err)
		}
	}
}

func TestCollectRefuses(t *testing.T) {
	t.Parallel()
	long := strings.Repeat(" ", MaxDocument+1)
	for _, test := range []struct {
		name  string
		files map[string]string
		paths []string
		code  string
		want  []string
	}{
		{"everything at once", map[string]string{
			"r/README.md": "", "r/a.lock.json": "{}", "r/b.workflow.yml": "", "r/c.workflow.yaml": "a: &x 1\nb: 0x1\n", "r/d.workflow.json": long, "r/e f/g.workflow.json": "{}",
			"r/h.workflow.json": "{}", "r/h.workflow.yaml": "{}", "r/i.workflow.json.sig": "x", "r/j.txt.sig": "x",
		}, []string{"r", "missing"}, "InvalidFiles", []string{
			"r/README.md: no object file",
			`r/a.lock.json: objects of the kind "lock" are not supported`,
			"r/b.workflow.yml: the suffix .yml",
			"r/c.workflow.yaml:1:4 $.a: anchors",
			"r/c.workflow.yaml:2:4 $.b: \"0x1\"",
			"r/d.workflow.json: the file is larger than",
			`r/e f/g.workflow.json: the name "e f"`,
			"r/h.workflow.yaml: Workflow:h is already in the file r/h.workflow.json",
			"r/j.txt.sig: no object file",
			"missing: the file doesn't exist",
			"r/i.workflow.json.sig: the signature belongs to no document",
		}},
		{
			"surplus evidence",
			map[string]string{"r/a.workflow.json.sig": "x", "r/b.workflow.json": "{}"},
			[]string{"r"},
			"InvalidEvidence",
			[]string{"r/a.workflow.json.sig: the signature belongs to no document"},
		},
		{
			"evidence alone",
			map[string]string{"r/a.workflow.json.sig": "x", "r/a.workflow.json": "{}"},
			[]string{"r/a.workflow.json.sig"},
			"InvalidEvidence",
			[]string{"r/a.workflow.json.sig: the signature belongs to a.workflow.json, which is not among"},
		},
		{
			"empty evidence",
			map[string]string{"r/a.workflow.json.sig": "", "r/a.workflow.json": "{}"},
			[]string{"r"},
			"InvalidEvidence",
			[]string{"r/a.workflow.json.sig: the file is empty"},
		},
		{
			"a private key for evidence",
			map[string]string{"r/a.workflow.json.pem": "-----BEGIN EC PRIVATE KEY-----\n", "r/a.workflow.json.asc": "-----BEGIN PGP PRIVATE KEY BLOCK-----\n", "r/a.workflow.json": "{}"},
			[]string{"r"},
			"InvalidEvidence",
			[]string{"r/a.workflow.json.asc: this is a private key", "r/a.workflow.json.pem: this is a private key"},
		},
		{
			"evidence of YAML",
			map[string]string{"r/a.workflow.yaml.sig": "x", "r/a.workflow.yaml": "{}"},
			[]string{"r"},
			"InvalidEvidence",
			[]string{"r/a.workflow.yaml.sig: a YAML file can't"},
		},
		{
			"large evidence",
			map[string]string{"r/a.workflow.json.pem": long, "r/a.workflow.json": "{}"},
			[]string{"r"},
			"InvalidEvidence",
			[]string{"r/a.workflow.json.pem: the file is larger"},
		},
		{"missing", map[string]string{"r/a.workflow.json": "{}"}, []string{"s", "t"}, "FileNotFound", []string{"s: the file", "t: the file"}},
		{"twice", map[string]string{"r/s/a.workflow.json": "{}"}, []string{"r", "r/s"}, "InvalidFiles", []string{"r/s/a.workflow.json: the file is named twice, once as Workflow:s/a"}},
		{"same Agent", map[string]string{"r/s/a.agent.json": "{}", "r/t/a.agent.json": "{}"}, []string{"r"}, "InvalidFiles", []string{"r/t/a.agent.json: Agent:a is already in"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			_, err := Collect(test.paths, mapFS(test.files))
			if !fault.HasCode(err, test.code) {
				t.Fatalf("error is %v", err)
			}
			checkProblems(t, fault.Of(err).Problems, test.want)
		})
	}
}

func checkProblems(t *testing.T, got []fault.Problem, want []string) {
	t.Helper()
	if len(got) != len(want) {
		t.Fatalf("problems are %v, expected %d", got, len(want))
	}
	for i := range want {
		if !strings.HasPrefix(got[i].String(), want[i]) {
			t.Errorf("problem %d is %q, expected %q", i, got[i], want[i])
		}
	}
}

func TestDisk(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	write := func(name, content string) {
		t.Helper()
		file := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, []byte(content), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	write("good/x/a.workflow.json", minimal)
	write("bad/x/a.workflow.json", minimal)
	objects, err := Collect([]string{filepath.Join(dir, "good")}, Disk{})
	if err != nil || len(objects) != 1 || objects[0].Key.Path != "x/a" {
		t.Fatalf("%v, %v", objects, err)
	}
	for link, target := range map[string]string{"bad/b.workflow.json": "x/a.workflow.json", "bad/folder": "x", "bad/x/a.workflow.json.sig": "a.workflow.json", "link": "good"} {
		if err := os.Symlink(target, filepath.Join(dir, link)); err != nil {
			t.Fatal(err)
		}
	}
	_, err = Collect([]string{filepath.Join(dir, "bad"), filepath.Join(dir, "link")}, Disk{})
	if problems := fault.Of(err).Problems; len(problems) != 4 {
		t.Errorf("%v", err)
	} else {
		for _, p := range problems {
			if !strings.Contains(p.Message, "symbolic link") {
				t.Errorf("%v", p)
			}
		}
	}
	if f, err := (Disk{}).Open(filepath.Join(dir, "link")); err == nil {
		_ = f.Close()
		t.Error("a symbolic link is opened")
	}
	if _, err := (Disk{}).Open(dir); err == nil {
		t.Error("a folder is opened")
	}
}

// unreadable fails to read what it lists.
type unreadable struct{ fstest.MapFS }

func (unreadable) Open(name string) (fs.File, error) {
	return nil, &fs.PathError{Op: "open", Path: name, Err: fs.ErrPermission}
}

func (u unreadable) ReadDir(name string) ([]fs.DirEntry, error) {
	if name == "r/s" {
		return nil, &fs.PathError{Op: "open", Path: name, Err: fs.ErrInvalid}
	}
	return u.MapFS.ReadDir(name)
}

func TestCollectReadErrors(t *testing.T) {
	t.Parallel()
	_, err := Collect([]string{"r"}, unreadable{mapFS(map[string]string{"r/a.workflow.json": "{}", "r/s/b.workflow.json": "{}"})})
	if !fault.HasCode(err, "InvalidFiles") {
		t.Fatal(err)
	}
	checkProblems(t, fault.Of(err).Problems, []string{"r/a.workflow.json: the file can't be read: permission denied", "r/s: the file can't be read: open r/s"})
}

func TestComplete(t *testing.T) {
	t.Parallel()
	wf, agent := item.Key{Kind: item.KindWorkflow, Path: "x/b"}, item.Key{Kind: item.KindAgentRef, Path: "a"}
	for _, test := range []struct {
		key               item.Key
		version, in, want string
	}{
		{wf, "v1", `{}`, `{"TYPE": "Workflow", "path": "x/b", "versionId": "v1"}`},
		{wf, "v1", " \n{\n \"instructions\" : [ ]\n}\n", " \n{\"TYPE\": \"Workflow\", \"path\": \"x/b\", \"versionId\": \"v1\", \n \"instructions\" : [ ]\n}\n"},
		{wf, "v1", full, full},
		{wf, "", full, full},
		{wf, "v1", `{"path":"x/b"}`, `{"TYPE": "Workflow", "versionId": "v1", "path":"x/b"}`},
		{agent, "", `{"uri":1}`, `{"TYPE": "AgentRef", "path": "a", "uri":1}`},
		{agent, "ignored", `{}`, `{"TYPE": "AgentRef", "path": "a"}`},
	} {
		got, err := Complete([]byte(test.in), test.key, test.version)
		if err != nil || string(got) != test.want {
			t.Errorf("%q: %q, %v", test.in, got, err)
		}
	}
	for in, want := range map[string][]string{
		`[]`:                                  {"$: expected an object"},
		`{"TYPE":"JobResource","path":"b"}`:   {`$.TYPE: by its file name it must be "Workflow"`, `$.path: by its file name and folder it must be "x/b"`, `$: the field "versionId"`},
		`{"TYPE":1,"path":[],"versionId":""}`: {"$.TYPE: by", "$.path: by"},
	} {
		_, err := Complete([]byte(in), wf, "")
		if !fault.HasCode(err, "KeyMismatch") {
			t.Fatalf("%s: %v", in, err)
		}
		checkProblems(t, fault.Of(err).Problems, want)
	}
	if _, err := Complete([]byte(`{"a":1,"a":2}`), wf, ""); !fault.HasCode(err, "InvalidJson") {
		t.Errorf("duplicate key: %v", err)
	}
}

// Completing keeps every byte of the author, gives a document that states what
// it should, and needs no second time.
func TestCompleteProperties(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		fields := []string{}
		for _, f := range []string{`"TYPE" : "Workflow"`, `"path":"x/b"`, `"versionId":"v"`, `"instructions":[{"TYPE":"Stop"}]`, `"source":"a{b"`} {
			if rapid.Bool().Draw(t, "field") {
				fields = append(fields, f)
			}
		}
		space := rapid.SampledFrom([]string{"", " ", "\n", "\r\n\t"})
		in := space.Draw(t, "space") + "{" + space.Draw(t, "space") + strings.Join(fields, ","+space.Draw(t, "space")) + "}" + space.Draw(t, "space")
		key := item.Key{Kind: item.KindWorkflow, Path: "x/b"}
		out, err := Complete([]byte(in), key, "v")
		if err != nil {
			t.Fatal(err)
		}
		open := strings.IndexByte(in, '{') + 1
		if !strings.HasPrefix(string(out), in[:open]) || !strings.HasSuffix(string(out), in[open:]) {
			t.Fatalf("%q became %q", in, out)
		}
		n, err := strictjson.Parse(out, strictjson.Limits{})
		if err != nil {
			t.Fatal(err)
		}
		for name, want := range map[string]string{"TYPE": "Workflow", "path": "x/b", "versionId": "v"} {
			if f, ok := n.Get(name); !ok || f.Text != want {
				t.Fatalf("%s is %v", name, f)
			}
		}
		if again, err := Complete(out, key, ""); err != nil || string(again) != string(out) {
			t.Fatalf("completed again: %q, %v", again, err)
		}
	})
}

func TestValidate(t *testing.T) {
	t.Parallel()
	source := mapFS(map[string]string{
		"r/a.workflow.json": "{\n \"instructions\": [\n  {\"TYPE\": \"Stop\"},\n  {\"TYPE\": \"Retry\"},\n  {\"TYPE\": \"If\", \"predicate\": \"true\",\n   \"then\": {\"instructions\": [\n    {\"TYPE\": \"Sleep\",\n     \"duration\": 30, \"a b\": 1}]}}\n ]\n}",
		"r/b.workflow.yaml": "# comment\ninstructions:\n- TYPE: Sleep\n  duration: 30\n- TYPE: Retry\n",
		"r/c.workflow.json": "{\n \"a\": 1,\n}",
		"r/d.workflow.json": "{\n \"TYPE\": \"Lock\"\n}",
		"r/e.workflow.json": `{"TYPE":"Workflow","path":"e","instructions":[]}`, "r/e.workflow.json.sig": "x",
		"r/f.workflow.json": full, "r/f.workflow.json.sig": "x",
	})
	objects, err := Collect([]string{"r"}, source)
	if err != nil {
		t.Fatal(err)
	}
	checkProblems(t, Validate(objects), []string{
		"r/a.workflow.json:4 $.instructions[1]: Retry is only",
		"r/a.workflow.json:8 $.instructions[2].then.instructions[0].duration: expected an expression",
		"r/a.workflow.json:8 $.instructions[2].then.instructions[0][\"a b\"]: unknown field",
		"r/b.workflow.yaml:4 $.instructions[0].duration: expected an expression",
		"r/b.workflow.yaml:5 $.instructions[1]: Retry is only",
		"r/c.workflow.json:3:1 $: ",
		"r/d.workflow.json:2 $.TYPE: by its file name it must be \"Workflow\"",
		"r/e.workflow.json:1 $: the field \"versionId\" is missing",
		"r/f.workflow.json: the document states that it is Workflow:x/b",
	})
}

func TestMissing(t *testing.T) {
	t.Parallel()
	const execute = `{"jobResourcePaths":["r"],"instructions":[{"TYPE":"Execute.Anonymous","job":{"agentPath":"agent-1","executable":{"TYPE":"ShellScriptExecutable","script":""}}}]}`
	objects, err := Collect([]string{"r"}, mapFS(map[string]string{
		"r/b.workflow.json": execute, "r/a.workflow.json": execute, "r/r.jobresource.json": "{}", "r/bad.workflow.json": "{",
	}))
	if err != nil {
		t.Fatal(err)
	}
	want := map[item.Key][]item.Key{
		{Kind: item.KindAgentRef, Path: "agent-1"}: {{Kind: item.KindWorkflow, Path: "a"}, {Kind: item.KindWorkflow, Path: "b"}},
	}
	if diff := cmp.Diff(want, Missing(objects)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func FuzzComplete(f *testing.F) {
	f.Add([]byte(minimal), "v")
	f.Add([]byte(full), "")
	f.Add([]byte(" {\n}"), "⊥\"")
	f.Fuzz(func(t *testing.T, data []byte, version string) {
		out, err := Complete(data, item.Key{Kind: item.KindWorkflow, Path: "x/b"}, version)
		if err != nil {
			return
		}
		if _, err := strictjson.Parse(out, strictjson.Limits{MaxDepth: 1000}); err != nil && !fault.Is(err, fault.TooLarge) {
			t.Fatalf("%q became %q: %v", data, out, err)
		}
	})
}
