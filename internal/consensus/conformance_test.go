package consensus_test

import (
	"testing"

	"github.com/signet-scheduler/signet/internal/consensus"
	"github.com/signet-scheduler/signet/internal/consensus/consensustest"
)

func TestConformance(t *testing.T) {
	t.Parallel()
	for _, f := range []consensustest.Form{
		{Name: "local", Members: 1, Start: consensus.StartLocal},
		{Name: "group of 1", Members: 1, Start: consensus.StartGroup},
		{Name: "group of 3", Members: 3, Start: consensus.StartGroup},
	} {
		t.Run(f.Name, func(t *testing.T) {
			t.Parallel()
			consensustest.Run(t, f)
		})
	}
}
