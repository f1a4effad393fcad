package objectfile

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/signet-scheduler/signet/internal/fault"
	"github.com/signet-scheduler/signet/internal/inventory"
	"github.com/signet-scheduler/signet/internal/item"
	"github.com/signet-scheduler/signet/internal/strictjson"
	"github.com/signet-scheduler/signet/internal/value"
)

func TestReplace(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name, text string
		yaml       bool
		changes    []inventory.Replacement
		want       string // "": refused
	}{
		{"json", ` { "a" : "x" , "b":["y", 1.50] }` + "\n", false, []inventory.Replacement{{Pointer: "/a", Old: "x", New: "long\"er"}, {Pointer: "/b/0", Old: "y", New: "z"}}, ` { "a" : "long\"er" , "b":["z", 1.50] }` + "\n"},
		{"escapes stay", `{"a":"\u00e4\ud83d\ude00x\/y"}`, false, []inventory.Replacement{{Pointer: "/a", Old: "ä😀x/y", New: "ä😀z/y"}}, `{"a":"\u00e4\ud83d\ude00z\/y"}`},
		{"tail", `{"a":"old\n\u00e4"}`, false, []inventory.Replacement{{Pointer: "/a", Old: "old\nä", New: "new\nä"}}, `{"a":"new\n\u00e4"}`},
		{"escaped key", `{"a/b~":{"0":"x"}}`, false, []inventory.Replacement{{Pointer: "/a~1b~0/0", Old: "x", New: ""}}, `{"a/b~":{"0":""}}`},
		{"not there", `{"a":"x"}`, false, []inventory.Replacement{{Pointer: "/b", Old: "x", New: "y"}}, ""},
		{"another text", `{"a":"x"}`, false, []inventory.Replacement{{Pointer: "/a", Old: "z", New: "y"}}, ""},
		{"no index", `["x"]`, false, []inventory.Replacement{{Pointer: "/5", Old: "x", New: "y"}}, ""},
		{"wrong order", `{"a":"x","b":"y"}`, false, []inventory.Replacement{{Pointer: "/b", Old: "y", New: "1"}, {Pointer: "/a", Old: "x", New: "2"}}, ""},
		{
			"yaml", "# all\na: agent-1   # the old one\nb: ['x', \"y\"]\n", true,
			[]inventory.Replacement{{Pointer: "/a", Old: "agent-1", New: "agent-22"}, {Pointer: "/b/0", Old: "x", New: "u"}, {Pointer: "/b/1", Old: "y", New: "v"}},
			"# all\na: agent-22   # the old one\nb: ['u', \"v\"]\n",
		},
		{"yaml, new text needs quotes", "a: b\n", true, []inventory.Replacement{{Pointer: "/a", Old: "b", New: "12"}}, ""},
		{"yaml, escaped", "a: \"\\x41b\"\n", true, []inventory.Replacement{{Pointer: "/a", Old: "Ab", New: "c"}}, ""},
		{"yaml, block", "a: |\n  b\n", true, []inventory.Replacement{{Pointer: "/a", Old: "b\n", New: "c\n"}}, ""},
	} {
		got, err := Replace([]byte(c.text), c.yaml, c.changes)
		switch {
		case c.want == "" && !fault.HasCode(err, "CannotReplace"):
			t.Errorf("%s: %q, %v", c.name, got, err)
		case c.want != "" && (err != nil || string(got) != c.want):
			t.Errorf("%s: %q, %v, want %q", c.name, got, err, c.want)
		}
	}
	if _, err := Replace([]byte("{"), false, []inventory.Replacement{{Pointer: "/a"}}); !fault.HasCode(err, "InvalidJson") {
		t.Errorf("no JSON: %v", err)
	}
	if got, err := Replace([]byte("{"), false, nil); err != nil || string(got) != "{" {
		t.Errorf("no changes: %q, %v", got, err)
	}
}

// Whatever the texts are, only the one text changes.
func TestReplaceKeepsTheRest(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		text := rapid.SampledFrom([]string{"a", "b/c", "ä", "\"", "\\", "\n", "😀", "é"})
		old, changed := strings.Join(rapid.SliceOfN(text, 0, 6).Draw(t, "old"), ""), strings.Join(rapid.SliceOfN(text, 0, 6).Draw(t, "new"), "")
		head, tail := `{ "x":[1.0, `, ` ,{"y":"\u0061"}]}`
		written := string(value.AppendJSON(nil, value.String(old)))
		got, err := Replace([]byte(head+written+tail), false, []inventory.Replacement{{Pointer: "/x/1", Old: old, New: changed}})
		if err != nil || string(got) != head+string(value.AppendJSON(nil, value.String(changed)))+tail {
			t.Fatalf("%q to %q: %s, %v", old, changed, got, err)
		}
	})
}

func TestRead(t *testing.T) {
	t.Parallel()
	key := item.Key{Kind: item.KindWorkflow, Path: "a/b"}
	for _, c := range []struct {
		name, text string
		yaml       bool
		want       []Diagnosis
	}{
		{"good", `{"instructions":[]}`, false, nil},
		{"good yaml", "instructions: []\n", true, nil},
		{"field", "{\n \"instructions\":[],\n  \"jobz\":{}}", false, []Diagnosis{{Pointer: "/jobz", Line: 3, Column: 10, Message: `unknown field "jobz"`, Hint: `did you mean "jobs"?`}}},
		{"yaml field", "instructions:\n  - TYPE: Fail\n    message: 1 +\n", true, []Diagnosis{{Pointer: "/instructions/0/message", Line: 3, Column: 14, Message: "unexpected end, expected an operand", TextLine: 1, TextColumn: 4}}},
		{"syntax", "{\n\"instructions\" []}", false, []Diagnosis{{Line: 2, Column: 16, Message: "unexpected '[', expected ':'"}}},
		{"yaml syntax", "instructions: [\n", true, []Diagnosis{{Line: 1, Column: 1, Message: "not YAML: did not find expected node content"}}},
		{"anchor", "instructions: &x []\n", true, []Diagnosis{{Line: 1, Column: 15, Message: "anchors are not allowed"}}},
		{"path", `{"path":"x","instructions":[]}`, false, []Diagnosis{{Pointer: "/path", Line: 1, Column: 9, Message: `by its file name and folder it must be "a/b" (the field may be left out)`}}},
		{"a list", `[]`, false, []Diagnosis{{Line: 1, Column: 1, Message: "expected an object, but this is an array"}}},
	} {
		r := Draft{key, c.text, c.yaml}.Read()
		if d := cmp.Diff(c.want, r.Problems); d != "" {
			t.Errorf("%s (-want +got):\n%s", c.name, d)
		}
	}
}

func TestToYAML(t *testing.T) {
	t.Parallel()
	const document = `{"TYPE":"Workflow","b":[1.50,-0,1e3,true,null,"true","12","","no","~"],"a":{"script":"#!/bin/sh\nset -e\n","x y":"a: b","$k":"$n"},"o":{},"l":[]}`
	got, err := ToYAML([]byte(document))
	if err != nil {
		t.Fatal(err)
	}
	want := `TYPE: Workflow
b:
  - 1.50
  - -0
  - 1e3
  - true
  - null
  - "true"
  - "12"
  - ""
  - "no"
  - "~"
a:
  script: |
    #!/bin/sh
    set -e
  "x y": "a: b"
  "$k": "$n"
o: {}
l: []
`
	if d := cmp.Diff(want, string(got)); d != "" {
		t.Errorf("YAML (-want +got):\n%s", d)
	}
	back, err := FromYAML(got)
	if err != nil || string(back) != document {
		t.Errorf("back: %s, %v", back, err)
	}
	if _, err := ToYAML([]byte("{")); !fault.HasCode(err, "InvalidJson") {
		t.Errorf("no JSON: %v", err)
	}
}

// Any text survives, or the conversion says that it can't be made.
func TestToYAMLAnyText(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		text := rapid.OneOf(rapid.String(), rapid.StringMatching(`[-#:?!&*|>%@'" \n\t0-9a-f~.\\]{0,12}`)).Draw(t, "text")
		document := value.AppendJSON([]byte(`{"k":`), value.String(text))
		document = append(document, '}')
		got, err := ToYAML(document)
		if err != nil {
			if !fault.HasCode(err, "CannotConvert") {
				t.Fatalf("%q: %v", text, err)
			}
			return
		}
		back, err := FromYAML(got)
		if err != nil {
			t.Fatal(err)
		}
		n, err := strictjson.Parse(back, strictjson.Limits{})
		if k, _ := n.Get("k"); err != nil || k.Text != text {
			t.Fatalf("%q became %q", text, k.Text)
		}
	})
}

func FuzzDraft(f *testing.F) {
	f.Add(`{"instructions":[{"TYPE":"Fail","message":"1 +"}]}`, false)
	f.Add("instructions:\n  - TYPE: Stop\n", true)
	f.Fuzz(func(t *testing.T, text string, isYAML bool) {
		r := Draft{item.Key{Kind: item.KindWorkflow, Path: "a"}, text, isYAML}.Read()
		for _, p := range r.Problems {
			if p.Message == "" || p.Line < 0 || p.Column < 0 {
				t.Fatalf("%+v", p)
			}
		}
		if r.Root == nil {
			return
		}
		inventory.Texts(r.Root)
		changes, _ := inventory.Follow(r.Root, func(k item.Key) (item.Key, bool) { k.Path = "other"; return k, true })
		if out, err := Replace([]byte(text), isYAML, changes); err == nil {
			again := Draft{item.Key{Kind: item.KindWorkflow, Path: "a"}, string(out), isYAML}.Read()
			for _, k := range inventory.Named(inventory.References(again.Root)) {
				if k.Path != "other" {
					t.Fatalf("%s still names %s", out, k)
				}
			}
		}
	})
}
