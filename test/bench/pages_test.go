package main

import (
	"net/url"
	"testing"
)

// Calls that are kept apart ask for the same.
func TestApart(t *testing.T) {
	t.Parallel()
	for _, q := range questions() {
		seen := map[string]bool{}
		for n := range 3 {
			got, err := url.Parse(apart(q.path, n))
			if err != nil {
				continue // it has a place for a number
			}
			want, err := url.Parse(q.path)
			if err != nil || got.Path != want.Path || got.Query().Encode() != want.Query().Encode() {
				t.Errorf("%s asks for something else than %s", got, want)
			}
			if seen[got.RawQuery] {
				t.Errorf("%s is not another call", got)
			}
			seen[got.RawQuery] = true
		}
	}
}

func TestTenJobsLieInFolders(t *testing.T) {
	t.Parallel()
	paths := map[string]bool{}
	for n := range 5000 {
		path, _ := tenJobs(n)
		paths[path] = true
	}
	if len(paths) != 5000 || !paths["company3/team3/app3/nightly/workflow-3"] || !paths["company3/team13/app13/nightly/workflow-1013"] {
		t.Errorf("%d paths", len(paths))
	}
}
