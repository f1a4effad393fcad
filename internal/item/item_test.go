package item

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/signet-scheduler/signet/internal/fault"
	"github.com/signet-scheduler/signet/internal/workflow"
)

const aWorkflow = `{"TYPE":"Workflow","path":"A/B","versionId":"v1","jobResourcePaths":["r"],"instructions":[
	{"TYPE":"Execute.Anonymous","job":{"agentPath":"agent-2","executable":{"TYPE":"ShellScriptExecutable","script":"",
		"env":{"X":"JobResource:db/main:host"}}}},
	{"TYPE":"Fork","agentPath":"agent-1","branches":[{"id":"x","workflow":{"instructions":[]}}]}]}`

func TestParse(t *testing.T) {
	t.Parallel()
	w, err := Parse([]byte(aWorkflow))
	if err != nil {
		t.Fatal(err)
	}
	if w.Key() != (Key{KindWorkflow, "A/B"}) {
		t.Errorf("key is %v", w.Key())
	}
	want := []Key{{KindAgentRef, "agent-1"}, {KindAgentRef, "agent-2"}, {KindJobResource, "db/main"}, {KindJobResource, "r"}}
	if diff := cmp.Diff(want, References(w)); diff != "" {
		t.Errorf("references (-want +got):\n%s", diff)
	}

	i, err := Parse([]byte(`{"TYPE":"JobResource","path":"db-env","variables":{"port":"5432","host":"'db1'"},
		"env":{"DB_HOST":"$host","CONF":"toFile(\"$host:$port $js7OrderId\", '*.conf')","AT":"now(format='yyyy-MM-dd')","PATH":"env('PATH') ++ ':/x'"}}`))
	if err != nil {
		t.Fatal(err)
	}
	r := i.(*JobResource)
	var names []string
	for _, list := range [][]workflow.NamedExpr{r.Variables, r.Env} {
		for _, e := range list {
			names = append(names, e.Name+"="+e.Expr.Source())
		}
	}
	wantNames := []string{"host='db1'", "port=5432", "AT=now(format='yyyy-MM-dd')", "CONF=toFile(\"$host:$port $js7OrderId\", '*.conf')", "DB_HOST=$host", "PATH=env('PATH') ++ ':/x'"}
	if diff := cmp.Diff(wantNames, names); diff != "" {
		t.Errorf("expressions (-want +got):\n%s", diff)
	}
	if References(r) != nil {
		t.Error("a job resource refers to something")
	}

	for doc, want := range map[string]AgentRef{
		`{"TYPE":"AgentRef","path":"agent-1","uri":"https://host:4445","processLimit":50,"disabled":true}`: {"agent-1", "https://host:4445", 50, true},
		`{"TYPE":"AgentRef","path":"a","uri":"https://[::1]/","processLimit":0}`:                           {"a", "https://[::1]/", 0, false},
		`{"TYPE":"AgentRef","path":"a","uri":"https://h"}`:                                                 {"a", "https://h", NoLimit, false},
	} {
		a, err := Parse([]byte(doc))
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(&want, a); diff != "" {
			t.Errorf("%s (-want +got):\n%s", doc, diff)
		}
	}
}

func TestParseRefuses(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name, doc, code string
		problems        []string // "where: part of the message"
	}{
		{"not JSON", `{"TYPE":`, "InvalidJson", []string{"1:9 $.TYPE: "}},
		{"no object", `[]`, "UnknownKind", []string{"$: expected an object"}},
		{"no TYPE", `{"path":"a"}`, "UnknownKind", []string{"$: expected an object with"}},
		{"unknown TYPE", `{"TYPE":"workflow"}`, "UnknownKind", []string{"$.TYPE: expected"}},
		{"later TYPE", `{"TYPE":"Lock","path":"a"}`, "UnsupportedKind", []string{"$.TYPE: Lock is not supported"}},
		{"workflow", `{"TYPE":"Workflow","path":"a","instructions":[]}`, "InvalidWorkflow", []string{`$: the field "versionId"`}},
		{
			"revision and version", `{"TYPE":"JobResource","path":"a","itemRevision":1,"versionId":"v"}`, "InvalidJobResource",
			[]string{"$.itemRevision: the Controller", "$.versionId: only workflows"},
		},
		{
			"order variable", `{"TYPE":"JobResource","path":"a","variables":{"x":"$customer"},"env":{"E":"argument('n')", "F":"$js7Unknown"}}`, "InvalidJobResource",
			[]string{"$.env.E: the function argument", "$.variables.x: $customer is no variable", "$.env.F: $js7Unknown"},
		},
		{
			"other resource", `{"TYPE":"JobResource","path":"a","env":{"E":"JobResource:b:x","G":"jobResourceVariable('b', 'x')"}}`, "InvalidJobResource",
			[]string{"$.env.E: a job resource can't", "$.env.G: the function jobResourceVariable", "$.env.G: a job resource can't"},
		},
		{
			"circle", `{"TYPE":"JobResource","path":"a","variables":{"x":"$y","y":"\"a$x\""}}`, "InvalidJobResource",
			[]string{"$.variables.x: RecursiveEvaluation"},
		},
		{
			"bad env name", `{"TYPE":"JobResource","path":"a","env":{"A=B":"1","":"2"}}`, "InvalidJobResource",
			[]string{`$.env["A=B"]: the name of an`, `$.env[""]: a name of an`},
		},
		{
			"no path, unknown field", `{"TYPE":"JobResource","varaibles":{}}`, "InvalidJobResource",
			[]string{`$: the field "path"`, `$.varaibles: unknown field "varaibles"; did you mean "variables"?`},
		},
		{"directors", `{"TYPE":"AgentRef","path":"a","directors":["s"]}`, "InvalidAgentRef", []string{"$.directors: an Agent of Signet"}},
		{"agent path", `{"TYPE":"AgentRef","path":"a/b","uri":"https://h"}`, "InvalidAgentRef", []string{"$.path: the Agent path"}},
		{
			"agent", `{"TYPE":"AgentRef","path":"a","uri":"ftp://h","processLimit":-1,"disabled":"no","requireFailoverConfirmation":false}`, "InvalidAgentRef",
			[]string{"$.uri: \"ftp://h\" is not", "$.processLimit: -1 is out of range", "$.disabled: expected a boolean", "$.requireFailoverConfirmation: requireFail"},
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			_, err := Parse([]byte(test.doc))
			checkError(t, err, test.code, test.problems)
		})
	}
}

func checkError(t *testing.T, err error, code string, problems []string) {
	t.Helper()
	if !fault.HasCode(err, code) || !fault.Is(err, fault.Invalid) {
		t.Fatalf("error is %v, expected code %s", err, code)
	}
	got := fault.Of(err).Problems
	if len(got) != len(problems) {
		t.Fatalf("problems are %v, expected %d", got, len(problems))
	}
	for i, want := range problems {
		if !strings.HasPrefix(got[i].String(), want) {
			t.Errorf("problem %d is %q, expected %q", i, got[i], want)
		}
	}
}

func TestParseAs(t *testing.T) {
	t.Parallel()
	key := Key{KindWorkflow, "A/B"}
	for _, version := range []string{"", "v1"} {
		if _, err := ParseAs(key, version, []byte(aWorkflow)); err != nil {
			t.Error(err)
		}
	}
	for name, err := range map[string]error{
		"KeyMismatch":     second(ParseAs(key, "v2", []byte(aWorkflow))),
		"InvalidWorkflow": second(ParseAs(key, "", []byte(`{"TYPE":"Workflow"}`))),
		"InvalidVersion":  second(ParseAs(Key{KindAgentRef, "a"}, "v1", []byte(`{"TYPE":"AgentRef","path":"a","uri":"https://h"}`))),
	} {
		if !fault.HasCode(err, name) || fault.Of(err).Subject == "" {
			t.Errorf("error is %v, expected code %s and a subject", err, name)
		}
	}
	if _, err := ParseAs(Key{KindWorkflow, "A"}, "", []byte(aWorkflow)); !fault.HasCode(err, "KeyMismatch") {
		t.Errorf("another path: %v", err)
	}
	if _, err := ParseAs(Key{KindJobResource, "A/B"}, "", []byte(aWorkflow)); !fault.HasCode(err, "KeyMismatch") {
		t.Errorf("another kind: %v", err)
	}
}

func second(_ Item, err error) error { return err }

func TestKeys(t *testing.T) {
	t.Parallel()
	for _, k := range []Key{{KindWorkflow, "A/B"}, {KindJobResource, "R"}, {KindAgentRef, "agent-1"}} {
		got, err := ParseKey(k.String())
		if err != nil || got != k {
			t.Errorf("%s reads as %v, %v", k, got, err)
		}
		kind, err := KindOfSuffix(k.Kind.Suffix())
		if err != nil || kind != k.Kind {
			t.Errorf("suffix of %s: %v, %v", k.Kind, kind, err)
		}
	}
	if k, err := ParseKey("AgentRef:a"); err != nil || k.String() != "Agent:a" {
		t.Errorf("AgentRef:a reads as %v, %v", k, err)
	}
	for _, s := range []string{"", "Workflow", "Workflow:", "Workflow:/a", "Lock:a", "agent:a", "Agent:a/b", "Workflow:a~v1"} {
		if k, err := ParseKey(s); err == nil {
			t.Errorf("%q reads as %v", s, k)
		}
	}
	for suffix, code := range map[string]string{
		"lock": "UnsupportedKind", "calendar": "UnsupportedKind", "schedule": "UnsupportedKind",
		"noticeboard": "UnsupportedKind", "fileordersource": "UnsupportedKind", "": "UnknownKind", "Workflow": "UnknownKind", "x": "UnknownKind",
	} {
		if _, err := KindOfSuffix(suffix); !fault.HasCode(err, code) {
			t.Errorf("suffix %q: %v", suffix, err)
		}
	}
	if !KindWorkflow.Versioned() || KindJobResource.Versioned() || Kind("x").Versioned() {
		t.Error("wrong kinds are versioned")
	}
	if len(Kinds()) != 3 {
		t.Error("the table of kinds has changed; the documents page lists them")
	}
}

func TestCheckURI(t *testing.T) {
	t.Parallel()
	for _, good := range []string{
		"https://host", "https://host/", "https://a-b.example.com:4445", "https://10.0.0.1:1", "https://[::1]:65535",
		"https://[2001:db8:0:0:0:0:0:1]", "https://[::]", "https://a_b:4445", "http://host:4445", "http://[::1]:4445/",
	} {
		if err := CheckURI(good); err != nil {
			t.Error(err)
		}
	}
	for _, bad := range []string{
		"", "host", "ftp://host", "http:/host", "http://", "http://user@host", "http://unix:/x", "HTTP://host", "HTTPS://host", "https://", "https://:4445", "https://host:", "https://host:0", "https://host:65536",
		"https://host:04445", "https://host:+1", "https://host:1:2", "https://user@host", "https://host/path", "https://host//", "https://host?x", "https://host#x",
		"https://-host", "https://host-", "https://a..b", "https://a.", "https://hö", "https://[", "https://[::1", "https://[1]", "https://[1:2:3:4:5:6:7:8:9]",
		"https://[::1]x", "https://[::1%eth0]", "https://[:::1]", "https://[12345::]", "https://ho st", "https://host\n", "https://" + strings.Repeat("a", 64),
		"https://" + strings.Repeat("a.", 150),
	} {
		if CheckURI(bad) == nil {
			t.Errorf("%q is accepted", bad)
		}
	}
}

func FuzzParse(f *testing.F) {
	f.Add([]byte(aWorkflow))
	f.Add([]byte(`{"TYPE":"JobResource","path":"a","variables":{"x":"$y","y":"$x"},"env":{"E":"'a'"}}`))
	f.Add([]byte(`{"TYPE":"AgentRef","path":"a","uri":"https://[::1]:4445","processLimit":1}`))
	f.Add([]byte(`{"TYPE":"Lock"}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		i, err := Parse(data)
		if err != nil {
			if fault.Is(err, fault.Internal) {
				t.Fatal(err)
			}
			return
		}
		if err := i.Key().Check(); err != nil {
			t.Fatal(err)
		}
		if _, err := ParseAs(i.Key(), "", data); err != nil {
			t.Fatal(err)
		}
		for _, ref := range References(i) {
			if err := ref.Check(); err != nil {
				t.Fatal(err)
			}
		}
	})
}
