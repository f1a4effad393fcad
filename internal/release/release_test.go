package release_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/signet-scheduler/signet/internal/fault"
	"github.com/signet-scheduler/signet/internal/item"
	"github.com/signet-scheduler/signet/internal/release"
)

var (
	created = time.Date(2026, 11, 30, 20, 15, 0, 0, time.UTC)
	sumOfA  = strings.Repeat("0a", 32)
)

func sample() *release.Manifest {
	return &release.Manifest{
		Name: "2026-12", Audience: "prod-1", Serial: 7, Created: created, Expires: created.AddDate(0, 1, 0), Author: "alice", Reason: "more <speed> & \"quotes\"",
		Objects: []release.Object{
			release.NewObject(item.Key{Kind: item.KindWorkflow, Path: "a/b"}, "v1", []byte("text")),
			release.NewObject(item.Key{Kind: item.KindJobResource, Path: "r"}, "", []byte("other")),
		},
	}
}

// The text is what people read and sign; it may never change by itself.
func TestText(t *testing.T) {
	t.Parallel()
	text, err := sample().Text()
	if err != nil {
		t.Fatal(err)
	}
	want := `{"TYPE":"Release","name":"2026-12","audience":"prod-1","serial":7,"created":"2026-11-30T20:15:00Z","expires":"2026-12-30T20:15:00Z","author":"alice","reason":"more <speed> & \"quotes\"","objects":[
  {"kind":"JobResource","path":"r","sha256":"d9298a10d1b0735837dc4bd85dac641b0f3cef27a47e5d53a54f2f3f5b2fcffa"},
  {"kind":"Workflow","path":"a/b","versionId":"v1","sha256":"982d9e3eb996f559e633f4d194def3761d909f5a3b647d1a851fead67c32c9d1"}
]}
`
	if d := cmp.Diff(want, string(text)); d != "" {
		t.Error(d)
	}
	read, err := release.Parse(text)
	if err != nil {
		t.Fatal(err)
	}
	again, err := read.Text()
	if err != nil || string(again) != want {
		t.Errorf("read and written again: %v\n%s", err, again)
	}
}

func TestParseRefuses(t *testing.T) {
	t.Parallel()
	const good = `{"TYPE":"Release","name":"n","audience":"a","serial":1,"created":"2026-11-30T20:15:00Z","expires":"2026-12-30T20:15:00Z","author":"x","objects":[{"kind":"JobResource","path":"r","sha256":"SUM"}]}`
	text := strings.ReplaceAll(good, "SUM", sumOfA)
	if _, err := release.Parse([]byte(text)); err != nil {
		t.Fatal(err)
	}
	second := `,{"kind":"JobResource","path":"r","sha256":"` + sumOfA + `"}]`
	for i, c := range []struct{ old, now, where string }{
		{`"TYPE":"Release"`, `"TYPE":"release"`, "$.TYPE"},
		{`"TYPE":"Release",`, ``, "$.TYPE"},
		{`"name":"n"`, `"name":""`, "$.name"},
		{`"name":"n"`, `"name":"a/b"`, "$.name"},
		{`"name":"n"`, `"name":".n"`, "$.name"},
		{`"name":"n",`, ``, "$"},
		{`"name":"n"`, `"name":"` + strings.Repeat("n", 129) + `"`, "$.name"},
		{`"audience":"a",`, ``, "$"},
		{`"audience":"a"`, `"audience":"a b"`, "$.audience"},
		{`"serial":1`, `"serial":0`, "$.serial"},
		{`"serial":1`, `"serial":-1`, "$.serial"},
		{`"serial":1`, `"serial":1.5`, "$.serial"},
		{`"serial":1`, `"serial":9007199254740992`, "$.serial"},
		{`"serial":1`, `"serial":"1"`, "$.serial"},
		{`"serial":1,`, ``, "$"},
		{`"created":"2026-11-30T20:15:00Z",`, ``, "$"},
		{`"created":"2026-11-30T20:15:00Z"`, `"created":"2026-11-30T21:15:00+01:00"`, "$.created"},
		{`"created":"2026-11-30T20:15:00Z"`, `"created":"2026-11-30T20:15:00.5Z"`, "$.created"},
		{`"created":"2026-11-30T20:15:00Z"`, `"created":"1969-11-30T20:15:00Z"`, "$.created"},
		{`"expires":"2026-12-30T20:15:00Z"`, `"expires":"2026-11-30T20:15:00Z"`, "$.expires"},
		{`"expires":"2026-12-30T20:15:00Z",`, ``, "$"},
		{`"author":"x",`, ``, "$"},
		{`"author":"x"`, `"author":"x\ny"`, "$.author"},
		{`"author":"x"`, `"author":"x","reason":"a\u202eb"`, "$.reason"},
		{`"author":"x"`, `"author":"x","olderUntil":"soon"`, "$.olderUntil"},
		{`"author":"x"`, `"author":"x","Author":"y"`, "$"},
		{`"author":"x"`, `"author":"x","author":"y"`, ""},
		{`"kind":"JobResource"`, `"kind":"Release"`, "$.objects[0].path"},
		{`"kind":"JobResource"`, `"kind":"JobResource","versionId":"1"`, "$.objects[0].versionId"},
		{`"kind":"JobResource"`, `"kind":"Workflow"`, "$.objects[0]"},
		{`"path":"r"`, `"path":"../r"`, "$.objects[0].path"},
		{`"path":"r",`, ``, "$.objects[0]"},
		{sumOfA, strings.ToUpper(sumOfA), "$.objects[0].sha256"},
		{sumOfA, sumOfA[2:], "$.objects[0].sha256"},
		{sumOfA, "zz" + sumOfA[2:], "$.objects[0].sha256"},
		{`}]`, `}` + second, "$.objects[1]"},
		{`[{"kind":"JobResource","path":"r","sha256":"` + sumOfA + `"}]`, `[]`, "$.objects"},
		{`[{"kind":"JobResource","path":"r","sha256":"` + sumOfA + `"}]`, `{}`, "$.objects"},
		{`}]}`, `}]} x`, ""},
	} {
		changed := strings.Replace(text, c.old, c.now, 1)
		if changed == text {
			t.Errorf("case %d changes nothing", i)
		}
		_, err := release.Parse([]byte(changed))
		if !fault.Is(err, fault.Invalid) {
			t.Errorf("%s: %v", changed, err)
			continue
		}
		if c.where != "" && !slices.ContainsFunc(fault.Of(err).Problems, func(p fault.Problem) bool { return strings.HasPrefix(p.Where, c.where) }) {
			t.Errorf("%s: the problems are %v, not one at %s", c.now, fault.Of(err).Problems, c.where)
		}
	}
}

func TestCovers(t *testing.T) {
	t.Parallel()
	m := sample()
	if _, err := m.Text(); err != nil { // sorts
		t.Fatal(err)
	}
	k := item.Key{Kind: item.KindWorkflow, Path: "a/b"}
	if err := m.Covers(k, "v1", "text"); err != nil {
		t.Error(err)
	}
	for _, c := range []struct {
		k             item.Key
		version, text string
	}{
		{k, "v1", "text "},
		{k, "v2", "text"},
		{k, "", "text"},
		{item.Key{Kind: item.KindWorkflow, Path: "a/c"}, "v1", "text"},
		{item.Key{Kind: item.KindJobResource, Path: "a/b"}, "v1", "text"},
	} {
		if err := m.Covers(c.k, c.version, c.text); !fault.Is(err, fault.Untrusted) || !fault.HasCode(err, release.CodeNotInRelease) {
			t.Errorf("%v: %v", c, err)
		}
	}
}

// A reference has one form, and nothing else is taken for one.
func TestReference(t *testing.T) {
	t.Parallel()
	m := sample()
	text, err := m.Text()
	if err != nil {
		t.Fatal(err)
	}
	r := release.Refer(m, string(text))
	if got, ok := release.ReferenceOf(r.Evidence()); !ok || got != r || r.Path() != "7" {
		t.Errorf("%s is read as %v, %v", r.Evidence(), got, ok)
	}
	good := r.Evidence()
	for i := range len(good) {
		for bit := range 8 {
			b := []byte(good)
			b[i] ^= 1 << bit
			if got, ok := release.ReferenceOf(string(b)); ok && got == r {
				t.Errorf("%s is read as the same reference", b)
			}
		}
	}
	for _, s := range []string{"", good + " ", " " + good, strings.Replace(good, ":7,", ":07,", 1), strings.Replace(good, ":7,", ":0,", 1), good[:len(good)-1], strings.ToUpper(good)} {
		if _, ok := release.ReferenceOf(s); ok {
			t.Errorf("%q is read as a reference", s)
		}
	}
}

// What is written is read as the same, whatever it says.
func TestRoundTrip(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		m := sample()
		m.Serial = rapid.Int64Range(1, 1<<53-1).Draw(t, "serial")
		m.Reason = rapid.StringMatching(`[ -~äöü€]{0,40}`).Draw(t, "reason")
		m.Objects = nil
		for i := range rapid.IntRange(1, 20).Draw(t, "objects") {
			m.Objects = append(m.Objects, release.NewObject(item.Key{Kind: item.KindJobResource, Path: fmt.Sprintf("r%d", i)}, "", []byte{byte(i)}))
		}
		text, err := m.Text()
		if err != nil {
			t.Fatal(err)
		}
		read, err := release.Parse(text)
		if err != nil {
			t.Fatal(err)
		}
		if d := cmp.Diff(m, read); d != "" {
			t.Fatal(d)
		}
	})
}

func FuzzParse(f *testing.F) {
	text, err := sample().Text()
	if err != nil {
		f.Fatal(err)
	}
	f.Add(text)
	f.Add([]byte(`{"TYPE":"Release"}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		m, err := release.Parse(text)
		if err != nil {
			return
		}
		if _, err := m.Text(); err != nil {
			t.Errorf("what was read can't be written: %v", err)
		}
	})
}
