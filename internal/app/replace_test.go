package app

import (
	"encoding/json"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/signet-scheduler/signet/internal/fsys"
)

// tree returns the files below a folder with their content.
func tree(t *testing.T, dir string) map[string]string {
	t.Helper()
	files := map[string]string{}
	err := filepath.WalkDir(dir, func(path string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		text, err := os.ReadFile(path)
		name, rerr := filepath.Rel(dir, path)
		files[name] = string(text)
		if err == nil {
			err = rerr
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return files
}

func put(t *testing.T, dir string, files map[string]string) {
	t.Helper()
	for name, text := range files {
		if err := writePart(filepath.Join(dir, name), 0o600, strings.NewReader(text)); err != nil {
			t.Fatal(err)
		}
	}
}

// However far a replacement came before it was interrupted, also while it was
// finished: what was decided is done by the next start, and nothing else.
func TestReplacementIsOneStep(t *testing.T) {
	t.Parallel()
	before := map[string]string{"lock": "1", "a/x": "old", "b": "old", "replaced-before/a/x": "older", "kept.backup": "the file"}
	after := map[string]string{
		"lock": "1", "replaced-before/a/x": "older", "kept.backup": "the file", "a/x": "new", "c/d/e": "new",
		"replaced-20261122T000000.000Z/a/x": "old", "replaced-20261122T000000.000Z/b": "old",
	}
	for interrupted := range 7 { // renames that were made
		dir := t.TempDir()
		put(t, dir, before)
		r, err := beginReplacement(dir)
		if err != nil {
			t.Fatal(err)
		}
		put(t, r.path("."), map[string]string{"a/x": "new", "c/d/e": "new"})
		put(t, r.scratch("."), map[string]string{"copies/x": "not needed"})
		if err := finishReplacement(dir); err != nil {
			t.Fatal(err)
		}
		now := time.Date(2026, 11, 22, 0, 0, 0, 0, time.UTC)
		replaced, err := r.decide(now, "kept.backup")
		if err != nil || filepath.Base(replaced) != "replaced-20261122T000000.000Z" {
			t.Fatalf("%q, %v", replaced, err)
		}
		text, err := os.ReadFile(r.scratch(movesName))
		if err != nil {
			t.Fatal(err)
		}
		var moves []move
		if err := json.Unmarshal(text, &moves); err != nil || len(moves) != 4 {
			t.Fatalf("moves %+v, %v", moves, err)
		}
		for range 2 {
			for _, m := range moves[:min(interrupted, len(moves))] {
				if err := carryOut(fsys.Real{}, dir, m); err != nil {
					t.Fatal(err)
				}
			}
		}
		for range 2 {
			if err := finishReplacement(dir); err != nil {
				t.Fatal(err)
			}
			if got := tree(t, dir); !maps.Equal(got, after) {
				t.Errorf("after %d renames: %v", interrupted, slices.Sorted(maps.Keys(got)))
			}
		}
	}
}

// What wasn't decided is nothing: the folder stays as it is.
func TestUndecidedReplacement(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	before := map[string]string{"a/x": "old"}
	put(t, dir, before)
	r, err := beginReplacement(dir)
	if err != nil {
		t.Fatal(err)
	}
	put(t, r.path("."), map[string]string{"a/x": "new"})
	if err := finishReplacement(dir); err != nil { // a start in between
		t.Fatal(err)
	}
	if _, err := beginReplacement(dir); err != nil { // the next one begins anew
		t.Fatal(err)
	}
	if err := r.abandon(); err != nil {
		t.Fatal(err)
	}
	if got := tree(t, dir); !maps.Equal(got, before) {
		t.Errorf("there is %v", got)
	}
	put(t, dir, map[string]string{asideName + "/" + movesName: `[{"from":"a","to":"../b"}]`})
	if err := finishReplacement(dir); err == nil {
		t.Error("a rename to somewhere else was made")
	}
}
