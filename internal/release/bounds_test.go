package release_test

import (
	"fmt"
	"strconv"
	"strings"
	"testing"

	"github.com/signet-scheduler/signet/internal/fault"
	"github.com/signet-scheduler/signet/internal/item"
	"github.com/signet-scheduler/signet/internal/release"
)

// manifest returns the sample's text with one change.
func manifest(t *testing.T, change func(*release.Manifest)) (string, error) {
	t.Helper()
	m := sample()
	change(m)
	text, err := m.Text()
	return string(text), err
}

// Each bound holds exactly: what reaches it is read, what is one beyond isn't.
func TestBounds(t *testing.T) {
	t.Parallel()
	objects := func(n int) func(*release.Manifest) {
		return func(m *release.Manifest) {
			m.Objects = make([]release.Object, n)
			for i := range m.Objects {
				m.Objects[i] = release.NewObject(item.Key{Kind: item.KindWorkflow, Path: fmt.Sprintf("w%06d", i)}, "v1", nil)
			}
		}
	}
	for _, tt := range []struct {
		name   string
		change func(*release.Manifest)
		good   bool
	}{
		{"the longest name", func(m *release.Manifest) { m.Name = strings.Repeat("n", release.MaxName) }, true},
		{"a longer name", func(m *release.Manifest) { m.Name = strings.Repeat("n", release.MaxName+1) }, false},
		{"the longest author", func(m *release.Manifest) { m.Author = strings.Repeat("a", release.MaxName) }, true},
		{"a longer author", func(m *release.Manifest) { m.Author = strings.Repeat("a", release.MaxName+1) }, false},
		{"the longest reason", func(m *release.Manifest) { m.Reason = strings.Repeat("r", release.MaxText) }, true},
		{"a longer reason", func(m *release.Manifest) { m.Reason = strings.Repeat("r", release.MaxText+1) }, false},
		{"the first serial", func(m *release.Manifest) { m.Serial = 1 }, true},
		{"the last serial", func(m *release.Manifest) { m.Serial = 1<<53 - 1 }, true},
		{"a serial that readers of JSON round", func(m *release.Manifest) { m.Serial = 1 << 53 }, false},
		{"the first year", func(m *release.Manifest) { m.Created = m.Created.AddDate(1970-2026, 0, 0) }, true},
		{"the year before", func(m *release.Manifest) { m.Created = m.Created.AddDate(1969-2026, 0, 0) }, false},
		{"the most documents", objects(release.MaxObjects), true},
		{"one document more", objects(release.MaxObjects + 1), false},
	} {
		_, err := manifest(t, tt.change)
		switch {
		case tt.good && err != nil:
			t.Errorf("%s: %v", tt.name, err)
		case !tt.good && !fault.HasCode(err, "InvalidRelease"):
			t.Errorf("%s: got %v", tt.name, err)
		}
	}
}

// The characters at both ends of each range, and their neighbours.
func TestNames(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"a", "z", "A", "Z", "0", "9", "a.", "a_", "a-"} {
		if err := release.CheckName(name); err != nil {
			t.Errorf("%q: %v", name, err)
		}
	}
	for _, name := range []string{"", "`", "{", "@", "[", "/", ":", ".", "_", "-", "a`", "a{", "a@", "a[", "a/", "a:", "ä", "a\x00"} {
		if err := release.CheckName(name); !fault.HasCode(err, "InvalidName") {
			t.Errorf("%q: got %v", name, err)
		}
	}
	if got := release.FileName("2026-12"); got != "2026-12.release.json" {
		t.Errorf("the file is called %s", got)
	}
}

// A time that can't be read is one problem: nothing is compared with it.
func TestUnreadableTimeIsOneProblem(t *testing.T) {
	t.Parallel()
	good, err := manifest(t, func(*release.Manifest) {})
	if err != nil {
		t.Fatal(err)
	}
	for _, old := range []string{`"created":"2026-11-30T20:15:00Z"`, `"expires":"2026-12-30T20:15:00Z"`} {
		name, _, _ := strings.Cut(old, ":")
		_, err := release.Parse([]byte(strings.Replace(good, old, name+`:"soon"`, 1)))
		if !fault.HasCode(err, "InvalidRelease") {
			t.Fatalf("%s: got %v", name, err)
		}
		if problems := fault.Of(err).Problems; len(problems) != 1 || problems[0].Where != "$."+strings.Trim(name, `"`) {
			t.Errorf("%s: got %v", name, problems)
		}
	}
}

func TestReferenceBounds(t *testing.T) {
	t.Parallel()
	for serial, good := range map[int64]bool{-1: false, 0: false, 1: true, 1<<53 - 1: true, 1 << 53: false} {
		want := release.Reference{Serial: serial, SHA256: release.Digest("text")}
		got, ok := release.ReferenceOf(want.Evidence())
		if ok != good || good && got != want {
			t.Errorf("serial %s: got %v, %v", strconv.FormatInt(serial, 10), got, ok)
		}
	}
	whole := release.Reference{Serial: 1}.Evidence()
	for name, sum := range map[string]string{"short": strings.Repeat("0", 62), "long": strings.Repeat("0", 66), "odd": strings.Repeat("0", 63), "empty": ""} {
		if got, ok := release.ReferenceOf(strings.Replace(whole, strings.Repeat("0", 64), sum, 1)); ok {
			t.Errorf("a sum that is %s is read as %v", name, got)
		}
	}
}
