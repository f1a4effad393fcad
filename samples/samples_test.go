package samples_test

import (
	"testing"

	"github.com/signet-scheduler/signet/internal/item"
	"github.com/signet-scheduler/signet/internal/objectfile"
	"github.com/signet-scheduler/signet/samples"
)

func TestSamplesAreValid(t *testing.T) {
	t.Parallel()
	objects, err := objectfile.Collect([]string{"."}, samples.Files())
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range objectfile.Validate(objects) {
		t.Error(p)
	}
	first := false
	for _, o := range objects {
		first = first || o.Key == item.Key{Kind: item.KindWorkflow, Path: samples.First}
	}
	if !first {
		t.Errorf("there is no workflow %s among %d objects", samples.First, len(objects))
	}
	// All they need is an Agent called agent-1.
	for key := range objectfile.Missing(objects) {
		if key != (item.Key{Kind: item.KindAgentRef, Path: "agent-1"}) {
			t.Errorf("%s is missing", key)
		}
	}
}
