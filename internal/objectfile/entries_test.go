package objectfile

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/signet-scheduler/signet/internal/fault"
	"github.com/signet-scheduler/signet/internal/item"
)

func entriesOf(files map[string]string) *Entries {
	e := &Entries{}
	for name, text := range files {
		e.Add(name, []byte(text))
	}
	return e
}

// told returns what was found as "key file: suffixes of its evidence".
func told(objects []Object) (got []string) {
	for _, o := range objects {
		line := o.Key.String() + " " + o.File + ":"
		for _, suffix := range EvidenceSuffixes() {
			if _, ok := o.Evidence[suffix]; ok {
				line += " " + suffix
			}
		}
		got = append(got, line)
	}
	return got
}

func TestEntries(t *testing.T) {
	t.Parallel()
	got, err := entriesOf(map[string]string{
		"x/b.workflow.json": full, "x/b.workflow.json.sig": "MEUC", "x/b.workflow.json.pem": "cert", "a.workflow.yaml": "instructions: []\n",
		"r.jobresource.json": "{}", "r.jobresource.json.sshsig": "s", "agents/agent-1.agent.json": "{}", "broken.workflow.json": "{",
	}).Contents()
	if err != nil {
		t.Fatal(err)
	}
	want := []string{
		"Agent:agent-1 agents/agent-1.agent.json:", "JobResource:r r.jobresource.json: .sshsig", "Workflow:a a.workflow.yaml:",
		"Workflow:broken broken.workflow.json:", "Workflow:x/b x/b.workflow.json: .sig .pem",
	}
	if d := cmp.Diff(want, told(got.Objects)); d != "" || got.Bare != nil {
		t.Errorf("%s, %v", d, got.Bare)
	}
}

func TestEntriesRefused(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		files map[string]string
		kind  fault.Kind
		where string
		says  string
	}{
		"unknown":           {map[string]string{"README.md": "x", "a.workflow.json": minimal}, fault.Invalid, "README.md", "no object file"},
		"hidden":            {map[string]string{"x/.a.workflow.json": minimal}, fault.Invalid, "x/.a.workflow.json", "hidden"},
		"rubbish of macs":   {map[string]string{"__MACOSX/._a.workflow.json": "x"}, fault.Invalid, "__MACOSX/._a.workflow.json", "hidden"},
		"later kind":        {map[string]string{"a.lock.json": "{}"}, fault.Invalid, "a.lock.json", "not supported by this version"},
		"twice":             {map[string]string{"a.workflow.json": minimal, "a.workflow.yaml": "instructions: []"}, fault.Invalid, "a.workflow.yaml", "already in the file a.workflow.json"},
		"Agent twice":       {map[string]string{"x/a.agent.json": minimal, "y/a.agent.json": minimal}, fault.Invalid, "y/a.agent.json", "already"},
		"bad YAML":          {map[string]string{"a.workflow.yaml": "a: &b"}, fault.Invalid, "a.workflow.yaml:1:4 $.a", "anchors"},
		"surplus":           {map[string]string{"a.workflow.json": full, "b.workflow.json.sig": "x"}, fault.Untrusted, "b.workflow.json.sig", "belongs to no document"},
		"empty":             {map[string]string{"a.workflow.json": full, "a.workflow.json.sig": ""}, fault.Untrusted, "a.workflow.json.sig", "empty"},
		"signed YAML":       {map[string]string{"a.workflow.yaml": "instructions: []", "a.workflow.yaml.asc": "x"}, fault.Untrusted, "a.workflow.yaml.asc", "JSON form"},
		"large evidence":    {map[string]string{"a.workflow.json": full, "a.workflow.json.sig": strings.Repeat("x", MaxEvidence+1)}, fault.Untrusted, "a.workflow.json.sig", "larger than"},
		"large document":    {map[string]string{"a.workflow.json": strings.Repeat(" ", MaxDocument+1)}, fault.Invalid, "a.workflow.json", "larger than"},
		"broken meta_inf":   {map[string]string{"meta_inf": "{", "a.workflow.json": full}, fault.Invalid, "meta_inf", ""},
		"two releases":      {map[string]string{"a.release.json": "{}", "b.release.json": "{}"}, fault.Invalid, "b.release.json", "there is a release already: a.release.json"},
		"release below":     {map[string]string{"x/a.release.json": "{}"}, fault.Invalid, "x/a.release.json", "in no folder"},
		"release's surplus": {map[string]string{"a.workflow.json": full, "a.release.json.sig": "x"}, fault.Untrusted, "a.release.json.sig", "no signature of a release that is there"},
		"release's other":   {map[string]string{"a.release.json": "{}", "a.release.json.txt": "x"}, fault.Untrusted, "a.release.json.txt", "no signature"},
		"release's label":   {map[string]string{"a.release.json": "{}", "a.release.json.Bob.sig": "x"}, fault.Untrusted, "a.release.json.Bob.sig", "no signature"},
		"release's labels":  {map[string]string{"a.release.json": "{}", "a.release.json.a.b.sig": "x"}, fault.Untrusted, "a.release.json.a.b.sig", "no signature"},
		"release's crowd":   {crowd(), fault.Untrusted, "a.release.json", "17 signatures"},
		"labelled document": {map[string]string{"a.workflow.json": full, "a.workflow.json.bob.sig": "x"}, fault.Invalid, "a.workflow.json.bob.sig", "no object file"},
		"release's empty":   {map[string]string{"a.release.json": "{}", "a.release.json.sig": ""}, fault.Untrusted, "a.release.json.sig", "empty"},
		"JS7's others":      {map[string]string{"meta_inf": "{}", "a/x.script.json": "{}"}, fault.Invalid, "a/x.script.json", "unknown kind"},
	} {
		_, err := entriesOf(c.files).Contents()
		f := fault.Of(err)
		if err == nil || f.Kind != c.kind || len(f.Problems) != 1 || f.Problems[0].Where != c.where || !strings.Contains(f.Problems[0].Message, c.says) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// crowd is a release with one signature more than may be there.
func crowd() map[string]string {
	files := map[string]string{"a.release.json": "{}", "a.release.json.sig": "x"}
	for i := range 16 {
		files[fmt.Sprintf("a.release.json.p%d.sig", i)] = "x"
	}
	return files
}

// Each signature of a release is one of another person; labels tell apart those of one
// form.
func TestEntriesOfARelease(t *testing.T) {
	t.Parallel()
	got, err := entriesOf(map[string]string{
		"a.workflow.json": full, "r.release.json": "{}", "r.release.json.sig": "s", "r.release.json.pem": "c", "r.release.json.asc": "p",
		"r.release.json.2.asc": "q", "r.release.json.bob.sig": "b", "r.release.json.bob.pem": "d",
	}).Contents()
	if err != nil {
		t.Fatal(err)
	}
	want := &Release{File: "r.release.json", Text: []byte("{}"), Signatures: []ReleaseSignature{
		{Evidence: map[string][]byte{".sig": []byte("s"), ".pem": []byte("c")}},
		{Evidence: map[string][]byte{".asc": []byte("p")}},
		{Label: "2", Evidence: map[string][]byte{".asc": []byte("q")}},
		{Label: "bob", Evidence: map[string][]byte{".sig": []byte("b"), ".pem": []byte("d")}},
	}}
	if d := cmp.Diff(want, got.Release); d != "" || len(got.Objects) != 1 {
		t.Error(d)
	}
	labels := func(r *Release) (all []string) {
		for _, one := range []string{".asc", ".asc", ".sig", ".sshsig", ".sshsig"} {
			all = append(all, r.Add(map[string][]byte{one: []byte("x")}).Label)
		}
		return all
	}
	if d := cmp.Diff([]string{"3", "4", "2", "", "2"}, labels(got.Release)); d != "" {
		t.Error(d)
	}
	if len(got.Release.Files()) != 12 || got.Release.Files()["r.release.json.bob.pem"] == nil || (*Release)(nil).Files() != nil {
		t.Errorf("its files are %d", len(got.Release.Files()))
	}
}

// JS7's documents have no folder: where one states its name, that is its path.
func TestEntriesOfJS7(t *testing.T) {
	t.Parallel()
	got, err := entriesOf(map[string]string{
		"meta_inf": `{"jocVersion": "2.8.0", "versionId": "4711"}`, "ap/w1.workflow.json": `{"TYPE":"Workflow","path":"w1","versionId":"4711","instructions":[]}`,
		"ap/w1.workflow.json.sig": "MEUC", "ap/db.jobresource.json": `{"env":{}}`, "x/same.jobresource.json": "{}", "y/same.jobresource.json": "{}",
	}).Contents()
	if err != nil {
		t.Fatal(err)
	}
	want := []string{
		"JobResource:ap/db ap/db.jobresource.json:", "JobResource:x/same x/same.jobresource.json:", "JobResource:y/same y/same.jobresource.json:",
		"Workflow:w1 ap/w1.workflow.json: .sig",
	}
	if d := cmp.Diff(want, told(got.Objects)); d != "" {
		t.Error(d)
	}
	if d := cmp.Diff(map[item.Key]item.Key{{Kind: item.KindJobResource, Path: "db"}: {Kind: item.KindJobResource, Path: "ap/db"}}, got.Bare); d != "" {
		t.Error(d)
	}
	_, err = entriesOf(map[string]string{"meta_inf": `{}`, "x/w.workflow.json": `{"path":"w"}`, "y/w.workflow.json": `{"path":"w"}`}).Contents()
	if f := fault.Of(err); err == nil || !strings.Contains(f.Problems[0].Message, "Workflow:w is already in the file x/w.workflow.json") {
		t.Errorf("%v", err)
	}
}
