package cluster_test

import (
	"testing"

	"github.com/signet-scheduler/signet/internal/fault"
	"github.com/signet-scheduler/signet/test/cluster"
)

// The Controller gives the document that is in service under a key, with its
// exact bytes: that of the newest version, and none of what was taken out.
func TestOneItem(t *testing.T) {
	t.Parallel()
	c := cluster.New(t, 1, 1)
	if err := c.DeployAgents(); err != nil {
		t.Fatal(err)
	}
	const first = `{"TYPE":"Workflow","path":"a/w","versionId":"1","instructions":[]}`
	const second = `{ "TYPE":"Workflow", "path":"a/w", "versionId":"2", "instructions":[{"TYPE":"Stop"}] }`
	const resource = `{"TYPE":"JobResource","path":"r","env":{}}`
	for _, documents := range [][]string{{first, resource}, {second}} {
		if err := c.Deploy(documents...); err != nil {
			t.Fatal(err)
		}
	}
	type answer struct {
		Kind, Path, VersionID, Signer, Document string
		Newest                                  bool
		Added, Revision                         int64
	}
	get := func(query string) (a answer, err error) {
		err = c.Get("/item?"+query, &a)
		return a, err
	}
	w, err := get("kind=Workflow&path=a%2Fw")
	if err != nil || w.Document != second || w.VersionID != "2" || !w.Newest || w.Added == 0 || w.Signer == "" {
		t.Errorf("workflow: %+v, %v", w, err)
	}
	r, err := get("kind=JobResource&path=r")
	if err != nil || r.Document != resource || r.Revision != r.Added || r.Added >= w.Added {
		t.Errorf("job resource: %+v, %v", r, err)
	}
	if err := c.Post("/item", map[string]any{"commandId": "gone", "by": map[string]any{}, "remove": []any{map[string]any{"kind": "Workflow", "path": "a/w"}}}, nil); err != nil {
		t.Fatal(err)
	}
	for _, query := range []string{"kind=Workflow&path=a%2Fw", "kind=Workflow&path=none", "kind=Lock&path=r", "path=r"} {
		if a, err := get(query); !fault.HasCode(err, "UnknownKey") {
			t.Errorf("%s: %+v, %v", query, a, err)
		}
	}
}
