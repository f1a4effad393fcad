package policy_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/signet-scheduler/signet/internal/fault"
	"github.com/signet-scheduler/signet/internal/policy"
)

// change returns the good policy's text with one value replaced, or removed
// when the value is nil. The path is of names and indexes.
func change(t testing.TB, value any, path ...any) []byte {
	t.Helper()
	text, err := json.Marshal(base(rule{Name: "all", Folders: []string{"/a"}, Signers: []string{"alice", "bob"}}))
	if err != nil {
		t.Fatal(err)
	}
	var root any
	if err := json.Unmarshal(text, &root); err != nil {
		t.Fatal(err)
	}
	at := root
	for i, step := range path {
		last := i == len(path)-1
		switch step := step.(type) {
		case string:
			m := at.(map[string]any)
			switch {
			case last && value == nil:
				delete(m, step)
			case last:
				m[step] = value
			}
			at = m[step]
		case int:
			at = at.([]any)[step]
		}
	}
	if text, err = json.Marshal(root); err != nil {
		t.Fatal(err)
	}
	return text
}

func TestKeepBeforeRevocation(t *testing.T) {
	t.Parallel()
	for want, value := range map[bool]any{true: true, false: nil} {
		p, err := policy.Parse(change(t, value, "keepBeforeRevocation"))
		if err != nil || p.KeepsBeforeRevocation() != want {
			t.Errorf("%v: %t, %v", value, p.KeepsBeforeRevocation(), err)
		}
	}
	for _, value := range []any{"true", 1, []any{}} {
		if _, err := policy.Parse(change(t, value, "keepBeforeRevocation")); !fault.HasCode(err, "InvalidTrustPolicy") {
			t.Errorf("%v: %v", value, err)
		}
	}
	if p := (*policy.Policy)(nil); p.KeepsBeforeRevocation() {
		t.Error("no policy keeps something")
	}
}

func many(n int, format string) []string {
	var list []string
	for i := range n {
		list = append(list, fmt.Sprintf(format, i))
	}
	return list
}

func TestParse(t *testing.T) {
	t.Parallel()
	for name, text := range map[string][]byte{
		"as it is":              change(t, nil),
		"the greatest version":  change(t, 1<<31-1, "version"),
		"an end":                change(t, "2026-01-01T00:00:00.001Z", "expires"),
		"a name of many bytes":  change(t, []string{strings.Repeat("ü", 100)}, "audience"),
		"an OpenPGP key":        change(t, []string{strings.Repeat("a", 40)}, "persons", "carol", "keys"),
		"threshold":             change(t, 2, "rules", 0, "threshold"),
		"folder of all":         change(t, []string{"/"}, "rules", 0, "folders"),
		"exception far below":   change(t, []string{"/a/b/c"}, "rules", 0, "except"),
		"every kind":            change(t, []string{"Workflow", "JobResource", "AgentRef"}, "rules", 0, "kinds"),
		"conditions stated":     change(t, false, "rules", 0, "hardwareOnly"),
		"spaces within a name":  change(t, "all of it", "rules", 0, "name"),
		"white space around it": append([]byte(" \n"), append(change(t, nil), '\n')...),
	} {
		if _, err := policy.Parse(text); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// Invariant 7: each of these is one mistake in a good policy, and it is told where.
func TestParseRefuses(t *testing.T) {
	t.Parallel()
	r := func(name string) []any { return []any{"rules", 0, name} }
	all := rule{Name: "all", Folders: []string{"/"}, Signers: []string{"alice"}}
	for _, tt := range []struct {
		where string
		text  []byte
	}{
		{"$", change(t, nil, "TYPE")},
		{"$.TYPE", change(t, "Trustpolicy", "TYPE")},
		{"$.type", change(t, policy.Type, "type")},
		{"$", change(t, nil, "version")},
		{"$.version", change(t, 0, "version")},
		{"$.version", change(t, -1, "version")},
		{"$.version", change(t, 1<<31, "version")},
		{"$.version", change(t, 1.5, "version")},
		{"$.version", change(t, "7", "version")},
		{"$", change(t, nil, "audience")},
		{"$.audience", change(t, []string{}, "audience")},
		{"$.audience", change(t, "prod", "audience")},
		{"$.audience[1]", change(t, []string{"prod", "prod"}, "audience")},
		{"$.audience[0]", change(t, []string{""}, "audience")},
		{"$.audience[0]", change(t, []string{" prod"}, "audience")},
		{"$.audience[0]", change(t, []string{"pr\nod"}, "audience")},
		{"$.audience[0]", change(t, []string{strings.Repeat("p", 201)}, "audience")},
		{"$", change(t, nil, "issued")},
		{"$.issued", change(t, "2026-01-01", "issued")},
		{"$.issued", change(t, "2026-01-01T00:00:00+01:00", "issued")},
		{"$.issued", change(t, "0001-01-01T00:00:00Z", "issued")},
		{"$.expires", change(t, "never", "expires")},
		{"$.expires", change(t, "2026-01-01T00:00:00Z", "expires")},
		{"$", change(t, nil, "persons")},
		{"$.persons", change(t, map[string]any{}, "persons")},
		{"$.persons", change(t, []string{"alice"}, "persons")},
		{`$.persons["alice "]`, change(t, map[string]any{"keys": []string{}}, "persons", "alice ")},
		{"$.persons.alice", change(t, nil, "persons", "alice", "keys")},
		{"$.persons.alice.keys[0]", change(t, []string{strings.Repeat("A", 64)}, "persons", "alice", "keys")},
		{"$.persons.alice.keys[0]", change(t, []string{strings.Repeat("a", 63)}, "persons", "alice", "keys")},
		{"$.persons.alice.keys[0]", change(t, []string{"SHA256:" + strings.Repeat("a", 57)}, "persons", "alice", "keys")},
		{"$.persons.alice.keys[1]", change(t, []string{key("alice", 1), key("alice", 1)}, "persons", "alice", "keys")},
		{"$.persons.bob.keys", change(t, []string{key("alice", 1)}, "persons", "bob", "keys")},
		{"$.persons.alice.name", change(t, "Alice", "persons", "alice", "name")},
		{"$", change(t, nil, "rules")},
		{"$.rules", change(t, []any{}, "rules")},
		{"$.rules", change(t, map[string]any{}, "rules")},
		{"$.rules[0]", change(t, []any{"all"}, "rules")},
		{"$.rules[1].name", change(t, []any{all, all}, "rules")},
		{"$.rules[0]", change(t, nil, r("name")...)},
		{"$.rules[0].name", change(t, "", r("name")...)},
		{"$.rules[0]", change(t, nil, r("folders")...)},
		{"$.rules[0].folders", change(t, []string{}, r("folders")...)},
		{"$.rules[0].folders[0]", change(t, []string{""}, r("folders")...)},
		{"$.rules[0].folders[0]", change(t, []string{"a"}, r("folders")...)},
		{"$.rules[0].folders[0]", change(t, []string{"/a/"}, r("folders")...)},
		{"$.rules[0].folders[0]", change(t, []string{"//a"}, r("folders")...)},
		{"$.rules[0].folders[0]", change(t, []string{"/a/*"}, r("folders")...)},
		{"$.rules[0].folders[0]", change(t, []string{"/a/../b"}, r("folders")...)},
		{"$.rules[0].folder", change(t, []string{"/a"}, r("folder")...)},
		{"$.rules[0].except", change(t, []string{}, r("except")...)},
		{"$.rules[0].except", change(t, []string{"/a"}, r("except")...)},
		{"$.rules[0].except", change(t, []string{"/ab"}, r("except")...)},
		{"$.rules[0].except", change(t, []string{"/"}, r("except")...)},
		{"$.rules[0].except", change(t, []string{"/b/a"}, r("except")...)},
		{"$.rules[0].kinds", change(t, []string{}, r("kinds")...)},
		{"$.rules[0].kinds[0]", change(t, []string{"workflow"}, r("kinds")...)},
		{"$.rules[0].kinds[0]", change(t, []string{"*"}, r("kinds")...)},
		{"$.rules[0].agents", change(t, []string{}, r("agents")...)},
		{"$.rules[0].agents[0]", change(t, []string{"a*"}, r("agents")...)},
		{"$.rules[0].agents", change(t, many(1001, "a%d"), r("agents")...)},
		{"$.rules[0].environments", change(t, []string{}, r("environments")...)},
		{"$.rules[0].environments[0]", change(t, []string{"dev"}, r("environments")...)},
		{"$.rules[0]", change(t, nil, r("signers")...)},
		{"$.rules[0].signers", change(t, []string{}, r("signers")...)},
		{"$.rules[0].signers[0]", change(t, []string{"mallory"}, r("signers")...)},
		{"$.rules[0].signers[0]", change(t, []string{"erin"}, r("signers")...)},
		{"$.rules[0].signers[1]", change(t, []string{"alice", "alice"}, r("signers")...)},
		{"$.rules[0].threshold", change(t, 0, r("threshold")...)},
		{"$.rules[0].threshold", change(t, -1, r("threshold")...)},
		{"$.rules[0].threshold", change(t, 3, r("threshold")...)},
		{"$.rules[0].threshold", change(t, "2", r("threshold")...)},
		{"$.rules[0].authorDiffers", change(t, "yes", r("authorDiffers")...)},
		{"$.rules[0].releasesOnly", change(t, 1, r("releasesOnly")...)},
		{"$.rules[0].hardwareOnly", change(t, []any{}, r("hardwareOnly")...)},
		{"$.rules[0].runAs", change(t, []string{"root"}, r("runAs")...)},
		{"$.rules[0].mandatory", change(t, true, r("mandatory")...)},
		{"$.comment", change(t, "x", "comment")},
		{"$", []byte("[]")},
	} {
		p, err := policy.Parse(tt.text)
		f := fault.Of(err)
		if p != nil || err == nil || f.Code != "InvalidTrustPolicy" {
			t.Errorf("%s: %.200s: got %v, %v", tt.where, tt.text, p, err)
			continue
		}
		found := false
		for _, problem := range f.Problems {
			found = found || problem.Where == tt.where
			if strings.Contains(problem.Message, "internal") {
				t.Errorf("%s: %.200s: the author is told %q", tt.where, tt.text, problem.Message)
			}
		}
		if !found {
			t.Errorf("%s: %.200s: the problem is told at %v", tt.where, tt.text, f.Problems)
		}
	}
	if _, err := policy.Parse(change(t, []string{"root"}, r("runAs")...)); !strings.Contains(fmt.Sprint(fault.Of(err).Problems), "user of their Agent") {
		t.Errorf("runAs: got %v", err)
	}
	persons := map[string]any{"alice": person{[]string{key("alice", 1)}}, "bob": person{[]string{key("bob", 1)}}}
	for i := range 9_999 {
		persons[fmt.Sprint("p", i)] = person{[]string{}}
	}
	if _, err := policy.Parse(change(t, persons, "persons")); !strings.Contains(fmt.Sprint(fault.Of(err).Problems), "1 to 10000 persons") {
		t.Errorf("10001 persons: got %v", err)
	}
	good := change(t, nil)
	for name, text := range map[string][]byte{
		"nothing": nil, "no JSON": []byte("TrustPolicy"), "trailing data": append(bytes.Clone(good), '1'),
		"a member twice": bytes.Replace(good, []byte(`"version":7`), []byte(`"version":7,"version":8`), 1),
		"a person twice": bytes.Replace(good, []byte(`"erin":{`), []byte(`"erin":{"keys":[]},"erin":{`), 1),
		"too long":       append(bytes.Clone(good), bytes.Repeat([]byte(" "), policy.MaxBytes)...),
		"too deep":       bytes.Replace(good, []byte(`"rules":`), []byte(`"x":[[[[[[[[[]]]]]]]]],"rules":`), 1),
	} {
		if p, err := policy.Parse(text); err == nil || p != nil {
			t.Errorf("%s: got %v", name, p)
		}
	}
}

// The largest policies are read and asked in bounded time.
func TestLargePolicy(t *testing.T) {
	t.Parallel()
	d := base()
	for i := range 1000 {
		d.Rules = append(d.Rules, rule{Name: fmt.Sprint("r", i), Folders: []string{fmt.Sprintf("/f%d", i)}, Signers: []string{"alice", "bob", "carol", "dave"}})
	}
	p := d.parse(t)
	if !p.Decide(request("f999/a", "dave")).Allowed() || p.Decide(request("f1000/a", "dave")).Allowed() {
		t.Error("a policy of 1000 rules decides wrongly")
	}
	d.Rules = append(d.Rules, rule{Name: "one more", Folders: []string{"/"}, Signers: []string{"alice"}})
	text, err := json.Marshal(d)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := policy.Parse(text); err == nil {
		t.Error("1001 rules were read")
	}
}

func FuzzParse(f *testing.F) {
	f.Add(change(f, nil))
	f.Add(change(f, []string{"/a/b"}, "rules", 0, "except"))
	f.Add(change(f, 2, "rules", 0, "threshold"))
	f.Add([]byte(`{"TYPE":"TrustPolicy","persons":{"a":1},"rules":[{}]}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		p, err := policy.Parse(text)
		if err != nil {
			if p != nil || fault.Is(err, fault.Internal) {
				t.Errorf("got %v with %v", p, err)
			}
			return
		}
		if p.Version() < 1 || len(p.Audience()) == 0 || p.Issued().IsZero() {
			t.Errorf("accepted %q", text)
		}
		// Nobody signed, so nothing is accepted, whatever the policy says.
		for _, path := range []string{"a", "a/b", "b/c/d"} {
			r := request(path, "nobody")
			r.Environment = p.Audience()[0]
			if d := p.Decide(r); d.Allowed() {
				t.Errorf("%q accepts a document that nobody signed: %s", text, d.Reason)
			}
		}
		// encoding/json reads the same version and thresholds.
		var std doc
		if err := json.Unmarshal(text, &std); err != nil || std.Version != p.Version() {
			t.Errorf("%q: encoding/json reads %+v, %v", text, std, err)
		}
	})
}
