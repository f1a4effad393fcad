package migration

import (
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"

	"github.com/signet-scheduler/signet/internal/fault"
)

func TestNames(t *testing.T) {
	t.Parallel()
	for name, bad := range map[string]fstest.MapFS{
		"gap":       {"m/0001_a.sql": {}, "m/0003_b.sql": {}},
		"no name":   {"m/0001.sql": {}},
		"no number": {"m/a_b.sql": {}},
	} {
		if _, err := Read(bad, "m"); err == nil {
			t.Errorf("%s passes", name)
		}
	}
}

func TestMissing(t *testing.T) {
	t.Parallel()
	all, err := Read(fstest.MapFS{"m/0002_more.sql": {Data: []byte("b")}, "m/0001_initial.sql": {Data: []byte("a")}, "m/notes.txt": {}}, "m")
	if err != nil {
		t.Fatal(err)
	}
	const sumOfA = "ca978112ca1bbdcafac231b39a23dc4da786eff8147c4e72b9807785afee48bb"
	if len(all) != 2 || all[0].Name != "initial" || all[0].Checksum != sumOfA || all[1].Number != 2 {
		t.Fatalf("read %+v", all)
	}
	first, second := Applied{1, all[0].Checksum}, Applied{2, all[1].Checksum}
	for _, c := range []struct {
		name string
		done []Applied
		left int
		code string
	}{
		{"a new database", nil, 2, ""},
		{"half", []Applied{first}, 1, ""},
		{"all", []Applied{first, second}, 0, ""},
		{"later", []Applied{first, second, {3, "x"}}, 0, "DatabaseTooNew"},
		{"changed", []Applied{first, {2, "x"}}, 0, "MigrationChanged"},
		{"without the first", []Applied{second}, 0, "MigrationChanged"},
	} {
		left, err := Missing(all, c.done)
		code := ""
		if err != nil {
			code = fault.Of(err).Code
		}
		if len(left) != c.left || code != c.code {
			t.Errorf("%s: %d steps, %v", c.name, len(left), err)
		}
		if c.left > 0 {
			if d := cmp.Diff(all[2-c.left:], left); d != "" {
				t.Errorf("%s: %s", c.name, d)
			}
		}
	}
}
