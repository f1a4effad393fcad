package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func lockIn(t *testing.T, text string) string {
	t.Helper()
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "package-lock.json"), []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	return dir
}

func TestPackages(t *testing.T) {
	t.Parallel()
	dir := lockIn(t, `{"packages":{"":{"license":"Apache-2.0"},
		"node_modules/b":{"version":"2.0.0","license":"MIT","integrity":"sha512-x"},
		"node_modules/b/node_modules/@a/a":{"version":"1.0.0","license":"ISC"},
		"node_modules/tool":{"version":"3.0.0","license":"MPL-2.0","dev":true}}}`)
	if err := os.MkdirAll(filepath.Join(dir, "node_modules/b"), 0o755); err != nil {
		t.Fatal(err)
	}
	for name, content := range map[string]string{"LICENSE.md": "text", "README.md": "no licence"} {
		if err := os.WriteFile(filepath.Join(dir, "node_modules/b", name), []byte(content), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	got, err := packages(dir)
	if err != nil || len(got) != 2 {
		t.Fatalf("%v, %v", got, err)
	}
	a, b := got[0], got[1]
	if a.Path != "@a/a" || a.Version != "1.0.0" || len(a.texts) != 0 || b.Path != "b" || b.Sum != "sha512-x" || len(b.texts) != 1 || b.texts[0].content != "text" {
		t.Errorf("got %+v and %+v", a, b)
	}
	if c := newComponent("library", a); c.PURL != "pkg:npm/%40a/a@1.0.0" || c.Scope != "" {
		t.Errorf("component %+v", c)
	}
}

func TestPackagesOfOtherLicencesAreRefused(t *testing.T) {
	t.Parallel()
	_, err := packages(lockIn(t, `{"packages":{
		"node_modules/x":{"version":"1","license":"MPL-2.0"},
		"node_modules/y":{"version":"1","license":"GPL-3.0","dev":true},
		"node_modules/z":{"version":"1"}}}`))
	if err == nil {
		t.Fatal("accepted")
	}
	for _, want := range []string{`x: the licence "MPL-2.0"`, `y: the licence "GPL-3.0"`, `z: the licence ""`} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("no %s in %v", want, err)
		}
	}
}
