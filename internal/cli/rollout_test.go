package cli_test

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/signet-scheduler/signet/internal/fault"
	"github.com/signet-scheduler/signet/internal/release"
	"github.com/signet-scheduler/signet/internal/transport"
	"github.com/signet-scheduler/signet/internal/trust/trusttest"
)

// place is an installation that keeps what is deployed.
type place struct {
	*fakeCockpit
	file string // its profile

	mu         sync.Mutex
	has        map[string]string // text by file
	deployed   []map[string][]byte
	reasons    []string
	refuse     error // every deployment
	problems   string
	slow       int // previews until what was deployed shows
	agents     string
	quarantine string
}

func newPlace(t *testing.T, name string) *place {
	t.Helper()
	p := &place{fakeCockpit: newCockpit(t), has: map[string]string{}, agents: `[]`, problems: `[]`}
	p.file = filepath.Join(p.dir, name+".json")
	if err := os.Rename(p.profile, p.file); err != nil {
		t.Fatal(err)
	}
	p.on("POST /deployments/import", func(w http.ResponseWriter, r *http.Request) { p.imports(t, w, r) })
	p.on("GET /releases/next", func(w http.ResponseWriter, _ *http.Request) {
		fmt.Fprintf(w, `{"audience":%q,"serial":7,"securityLevel":"high"}`, name)
	})
	p.on("GET /items", func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Query().Get("cursor") == "" {
			_, _ = io.WriteString(w, `{"items":[{"kind":"Workflow","path":"other","newest":true,"quarantine":{"code":"UnknownSigner","message":"x"}}],"cursor":"c"}`)
			return
		}
		fmt.Fprintf(w, `{"items":[{"kind":"Workflow","path":"a","newest":true%s}]}`, p.quarantine)
	})
	p.on("GET /agents", func(w http.ResponseWriter, _ *http.Request) {
		p.mu.Lock()
		defer p.mu.Unlock()
		fmt.Fprintf(w, `{"agents":%s}`, p.agents)
	})
	return p
}

// asDeployed leaves out what is new in each deployment.
func asDeployed(text []byte) string {
	var m map[string]any
	if json.Unmarshal(text, &m) != nil {
		return string(text)
	}
	if v, ok := m["versionId"].(string); ok && len(v) > 10 {
		delete(m, "versionId")
	}
	delete(m, "TYPE")
	delete(m, "path")
	out, _ := json.Marshal(m)
	return string(out)
}

func (p *place) imports(t *testing.T, w http.ResponseWriter, r *http.Request) {
	p.mu.Lock()
	defer p.mu.Unlock()
	asked := p.requests()
	files := unpacked(t, []byte(asked[len(asked)-1].body))
	preview := r.URL.Query().Get("preview") != ""
	var objects []string
	for name, data := range files {
		path, ok := strings.CutSuffix(name, ".workflow.json")
		if !ok {
			continue
		}
		change := "new"
		if now, there := p.has[name]; there {
			change = "changed"
			if now == asDeployed(data) {
				change = "same"
			}
		}
		if p.slow > 0 && len(p.deployed) > 0 {
			change = "changed"
		}
		objects = append(objects, fmt.Sprintf(`{"kind":"Workflow","path":%q,"file":%q,"change":%q,"signed":false,"problems":[],"adjusted":[]}`, path, name, change))
	}
	if preview && len(p.deployed) > 0 {
		p.slow--
	}
	problems := p.problems
	if !preview {
		if p.refuse != nil {
			transport.WriteProblem(w, p.refuse)
			return
		}
		problems = "[]"
		p.deployed = append(p.deployed, files)
		p.reasons = append(p.reasons, r.URL.Query().Get("reason"))
		for name, data := range files {
			p.has[name] = asDeployed(data)
		}
	}
	fmt.Fprintf(w, `{"preview":%v,"objects":[%s],"problems":%s,"deployed":[]}`, preview, strings.Join(objects, ","), problems)
}

// times returns how often something was deployed.
func (p *place) times() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return len(p.deployed)
}

const (
	flowA = `{"instructions":[{"TYPE":"Execute.Named","jobName":"J"}],"jobs":{"J":{"agentPath":"agent-1","executable":{"TYPE":"ShellScriptExecutable","script":"true"}}}}`
	flowB = `{"instructions":[]}`
)

// flows makes a folder with two objects.
func flows(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	write(t, dir+"/a.workflow.json", flowA)
	write(t, dir+"/n/b.workflow.json", flowB)
	return dir
}

func roll(t *testing.T, args ...string) result {
	t.Helper()
	return run(t, "", nil, append([]string{"rollout"}, args...)...)
}

const coupled = `[{"name":"agent-1","uri":"","coupled":true,"disabled":false,"orders":0,"running":0},{"name":"prod-1","uri":"","coupled":true,"disabled":false,"orders":0,"running":0}]`

func TestRollout(t *testing.T) {
	t.Parallel()
	test, prod := newPlace(t, "test"), newPlace(t, "prod")
	test.agents, prod.agents = coupled, coupled
	prod.slow = 2
	dir := flows(t)
	mapping := write(t, t.TempDir()+"/mapping.json", `{"prod":{"mapAgent":{"agent-1":"prod-1"},"prefix":"p-","controller":"c"}}`)
	args := []string{dir, "--to", test.file, "--to", prod.file, "--mapping", mapping, "--reason", "why"}

	r := roll(t, append(args, "--check", "-o", "json")...).want(t, 0)
	if test.times()+prod.times() > 0 {
		t.Fatal("a check has deployed")
	}
	if !strings.Contains(r.out, `"check": true`) || strings.Count(r.out, `"state": "ready"`) != 2 || !strings.Contains(r.out, `"prod-1"`) {
		t.Errorf("said %s", r.out)
	}
	r = roll(t, args...).want(t, 0)
	if !strings.Contains(r.out, "test          inForce  2    0        0     0") || !strings.Contains(r.out, "prod          inForce  2    0        0     0") {
		t.Errorf("said\n%s", r.out)
	}
	if diff := cmp.Diff(map[string]string{"p-a.workflow.json": strings.ReplaceAll(flowA, "agent-1", "prod-1"), "n/p-b.workflow.json": flowB}, texts(prod.deployed[0])); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff(map[string]string{"a.workflow.json": flowA, "n/b.workflow.json": flowB}, texts(test.deployed[0])); diff != "" {
		t.Error(diff)
	}
	if test.reasons[0] != "why" || !strings.Contains(prod.last(t, "POST /deployments/import").query, "controller=c") {
		t.Errorf("the reason is %q", test.reasons[0])
	}

	// Again: nothing is deployed. Then only what has changed.
	roll(t, args...).want(t, 0)
	if test.times() != 1 || prod.times() != 1 {
		t.Error("what is the same was deployed again")
	}
	write(t, dir+"/n/b.workflow.json", `{"instructions":[{"TYPE":"Finish"}]}`)
	roll(t, args...).want(t, 0)
	if got := texts(prod.deployed[1]); len(got) != 1 || got["n/p-b.workflow.json"] == "" {
		t.Errorf("deployed %v", got)
	}
}

func texts(files map[string][]byte) map[string]string {
	out := map[string]string{}
	for name, data := range files {
		out[name] = string(data)
	}
	return out
}

// What is signed here is a release for each installation, of what differs there.
func TestRolloutSigns(t *testing.T) {
	t.Parallel()
	test, prod := newPlace(t, "test"), newPlace(t, "prod")
	test.agents, prod.agents = coupled, coupled
	who := trusttest.NewSSH(t, "anna")
	key := write(t, t.TempDir()+"/key", string(who.Private))
	dir := flows(t)
	args := []string{dir, "--to", test.file, "--to", prod.file, "--sign-with", key}
	test.has["n/b.workflow.json"] = asDeployed([]byte(flowB))
	r := roll(t, append(args, "-o", "json")...).want(t, 0)
	if strings.Count(r.out, `"release": 7`) != 2 {
		t.Errorf("said %s", r.out)
	}
	for p, want := range map[*place]int{test: 1, prod: 2} {
		files := p.deployed[0]
		var manifest *release.Manifest
		for name, data := range files {
			if strings.HasSuffix(name, release.Suffix) {
				var err error
				if manifest, err = release.Parse(data); err != nil {
					t.Fatal(err)
				}
				verified(t, data, map[string][]byte{".sshsig": files[name+".sshsig"]}, who)
			}
		}
		if manifest == nil || len(manifest.Objects) != want || len(files) != want+2 || manifest.Author != "anna" || manifest.Audience != strings.TrimSuffix(filepath.Base(p.file), ".json") {
			t.Fatalf("%+v", manifest)
		}
		for _, o := range manifest.Objects {
			if err := manifest.Covers(o.Key, o.VersionID, string(files[o.Key.Path+".workflow.json"])); err != nil {
				t.Error(err)
			}
		}
	}
	roll(t, args...).want(t, 0)
	if test.times() != 1 || prod.times() != 1 {
		t.Error("what is the same was deployed again")
	}
}

// An archive with a release is deployed as it is, at the installation that it is for.
func TestRolloutOfARelease(t *testing.T) {
	t.Parallel()
	here, there := newPlace(t, "here"), newPlace(t, "there")
	here.agents = coupled
	who := trusttest.NewSSH(t, "anna")
	key := write(t, t.TempDir()+"/key", string(who.Private))
	text := signedForm("x", "1")
	file := filepath.Join(t.TempDir(), "r.tar.gz")
	pack(t, file, map[string]string{"r-1.release.json": released(t, time.Now().Add(time.Hour).UTC().Truncate(time.Second), map[string]string{"x": text}), "x.workflow.json": text})
	run(t, "", nil, "sign", "--key", key, file).want(t, 0)
	roll(t, file, "--to", here.file, "--to", there.file).want(t, 7).says(t, "there: r-1.release.json: it is for the installation here")
	if here.times()+there.times() > 0 {
		t.Error("something was deployed")
	}
	roll(t, file, "--to", here.file, "--sign-with", key).want(t, 2)
	roll(t, file, "--to", here.file).want(t, 0)
	if diff := cmp.Diff(texts(unpack(t, file)), texts(here.deployed[0])); diff != "" {
		t.Error(diff)
	}
	mapping := write(t, t.TempDir()+"/mapping.json", `{"here":{"folder":"f"}}`)
	roll(t, file, "--to", here.file, "--mapping", mapping).want(t, 7).says(t, "it is signed")
	pack(t, file, map[string]string{"r-1.release.json": released(t, time.Now().Add(-time.Hour).UTC().Truncate(time.Second), map[string]string{"x": text}), "x.workflow.json": text, "r-1.release.json.asc": "x"})
	delete(here.has, "x.workflow.json")
	roll(t, file, "--to", here.file).want(t, 7).says(t, "had to be deployed before")
}

// Nothing is changed anywhere unless all agree.
func TestRolloutIsRefused(t *testing.T) {
	t.Parallel()
	test, prod := newPlace(t, "test"), newPlace(t, "prod")
	prod.problems = `[{"where":"a.workflow.json","message":"the document has no signature"}]`
	dir := flows(t)
	args := []string{dir, "--to", test.file, "--to", prod.file}
	roll(t, args...).want(t, 7).says(t, "nothing was changed anywhere", "prod: a.workflow.json: the document has no signature")
	roll(t, append(args, "--check")...).want(t, 1).says(t, "no signature")
	if r := roll(t, append(args, "--check", "-o", "json")...).want(t, 1); !strings.Contains(r.out, `"state": "refused"`) || !strings.Contains(r.out, `"state": "ready"`) {
		t.Errorf("said %s", r.out)
	}
	dead := newPlace(t, "dead")
	dead.Close()
	roll(t, dir, "--to", test.file, "--to", dead.file).want(t, 6).says(t, "nothing was changed anywhere: dead")
	forbidden := newCockpit(t)
	forbidden.on("POST /deployments/import", refuse(fault.Forbidden, "Forbidden", "you may not"))
	roll(t, dir, "--to", test.file, "--to", forbidden.profile).want(t, 4).says(t, "you may not")
	another := write(t, t.TempDir()+"/m.json", `{"test":{"installation":"dev"}}`)
	roll(t, dir, "--to", test.file, "--mapping", another).want(t, 5).says(t, "this is the installation test, not dev")
	if test.times() > 0 {
		t.Error("something was deployed")
	}

	// What is wrong here is told before anybody is asked.
	asked := len(test.requests())
	bad := t.TempDir()
	write(t, bad+"/a.workflow.json", `{"instructionz":[]}`)
	mapping := func(text string) []string {
		return []string{dir, "--to", test.file, "--mapping", write(t, t.TempDir()+"/m.json", text)}
	}
	for name, tt := range map[string]struct {
		args []string
		code int
	}{
		"no source": {[]string{"--to", test.file}, 2}, "no target": {[]string{dir}, 2}, "twice": {[]string{dir, "--to", test.file, "--to", test.file}, 2},
		"no profile": {[]string{dir, "--to", dir + "/none.json"}, 4}, "invalid": {[]string{bad, "--to", test.file}, 7}, "empty": {[]string{t.TempDir(), "--to", test.file}, 7},
		"no archive": {[]string{test.file, "--to", test.file}, 2}, "not there": {[]string{dir + "/none", "--to", test.file}, 3}, "commit and source": {[]string{dir, "--to", test.file, "--commit", "x"}, 2},
		"two keys": {[]string{dir, "--to", test.file, "--sign-with", "x", "--agent", "y"}, 2}, "negative": {[]string{dir, "--to", test.file, "--wait", "-1s"}, 2},
		"no mapping": {[]string{dir, "--to", test.file, "--mapping", dir + "/none"}, 3}, "mapping for others": {mapping(`{"prod":{}}`), 2}, "unknown member": {mapping(`{"test":{"x":1}}`), 7},
		"no JSON": {mapping(`x`), 7}, "more": {mapping(`{} {}`), 7}, "bad prefix": {mapping(`{"test":{"prefix":"/"}}`), 7}, "bad Agent": {mapping(`{"test":{"mapAgent":{"a":"b c"}}}`), 7},
	} {
		if r := roll(t, tt.args...); r.code != tt.code {
			t.Errorf("%s: exit code %d, want %d: %s", name, r.code, tt.code, r.err)
		}
	}
	if len(test.requests()) != asked {
		t.Error("the Cockpit was asked")
	}
}

// A rollout stops at the first that fails, says what is where, and goes on later.
func TestRolloutStops(t *testing.T) {
	t.Parallel()
	one, two, three := newPlace(t, "one"), newPlace(t, "two"), newPlace(t, "three")
	for _, p := range []*place{one, two, three} {
		p.agents = coupled
	}
	dir := flows(t)
	args := []string{dir, "--to", one.file, "--to", two.file, "--to", three.file, "--wait", "300ms"}
	two.refuse = fault.New(fault.Untrusted, "UnknownSigner", "the key isn't trusted here")
	r := roll(t, args...).want(t, 5).says(t, "the rollout stopped at two: ", "in force at one", "Nothing was done at three", "goes on")
	if !strings.Contains(r.out, "three         ready") || one.times() != 1 || three.times() != 0 {
		t.Errorf("said %s", r.out)
	}
	two.refuse = nil
	two.quarantine = `,"quarantine":{"code":"UnknownSigner","message":"not trusted by agent-1"}`
	roll(t, args...).want(t, 5).says(t, "in quarantine: not trusted by agent-1")
	two.quarantine = ""
	three.agents = `[{"name":"agent-1","uri":"","coupled":false,"disabled":false,"orders":0,"running":0}]`
	r = roll(t, args...).want(t, 6).says(t, "stopped at three: it is deployed, but 300ms are over: the Agent agent-1 is not coupled")
	if !strings.Contains(r.out, "three         deployed") {
		t.Errorf("said %s", r.out)
	}
	if one.times() != 1 || two.times() != 1 || three.times() != 1 {
		t.Error("what is the same was deployed again")
	}
	// It is the same now, and Agents aren't waited for.
	roll(t, args...).want(t, 0)
	three.has = map[string]string{}
	roll(t, append(args[:len(args)-1], "0")...).want(t, 0)

	slow := newPlace(t, "slow")
	slow.slow, slow.agents = 1<<30, coupled
	roll(t, dir, "--to", slow.file, "--wait", "200ms").want(t, 6).says(t, "isn't in force yet")
	unknown := newPlace(t, "unknown")
	roll(t, dir, "--to", unknown.file, "--wait", "200ms").want(t, 6).says(t, "agent-1 is not known")
}

// The files of a commit go to all.
func TestRolloutOfACommit(t *testing.T) {
	t.Parallel()
	p := newPlace(t, "test")
	p.agents = coupled
	repo := filepath.Join(p.dir, "flows")
	git, public := gitRepository(t, repo)
	write(t, repo+"/f/a.workflow.json", flowA)
	git("add", "-A")
	git("commit", "-q", "-S", "-m", "x")
	write(t, repo+"/f/a.workflow.json", flowB)
	trusted := p.dir + "/trusted"
	write(t, trusted+"/trusted-ssh-keys/ann.pub", public)
	env := []string{"PATH=" + os.Getenv("PATH")}
	run(t, "", env, "rollout", "--commit", "HEAD", "--repository", repo, "--folder", "f", "--trusted-signers", trusted, "--to", p.file).want(t, 0)
	if got := texts(p.deployed[0]); got["a.workflow.json"] != flowA || !strings.Contains(p.reasons[0], "signed by ann") {
		t.Errorf("deployed %v because of %s", got, p.reasons[0])
	}
}
