package faults

import (
	"context"
	"crypto/rand"
	"encoding/binary"
	"flag"
	"fmt"
	"os"
	"testing"

	mathrand "math/rand/v2"

	"github.com/signet-scheduler/signet/internal/store/postgres/postgrestest"
	"github.com/signet-scheduler/signet/test/faults/rig"
)

// How much is done; 0 is what belongs into every run of all tests.
var (
	killsFlag  = flag.Int("kills", 0, "how many kills the campaign of kills has; 0: a hundred")
	leaderFlag = flag.Int("leaders", 0, "how many leaders are killed or held; 0: a few")
	cutsFlag   = flag.Int("cuts", 0, "how many faults of the network; 0: a few")
	seedFlag   = flag.Uint64("seed", 0, "of the campaigns' choices; 0: a new one")
)

var built rig.Binary

func TestMain(m *testing.M) {
	code := rig.Main(m, &built)
	postgrestest.Stop()
	os.Exit(code)
}

// campaign begins a campaign: its source of randomness, and the number of
// faults. It prints how to repeat it.
func campaign(t *testing.T, flagName string, long *int, short int) (*mathrand.Rand, int) {
	t.Helper()
	if testing.Short() {
		t.Skip("plays whole installations")
	}
	seed := *seedFlag
	for seed == 0 {
		var b [4]byte
		_, _ = rand.Read(b[:]) // never fails
		seed = uint64(binary.LittleEndian.Uint32(b[:]))
	}
	n := *long
	if n == 0 {
		n = short
	}
	t.Logf("seed %d; again: go test ./test/faults -run '^%s$' -v -timeout 6h -args -%s=%d -seed=%d", seed, t.Name(), flagName, n, seed)
	return mathrand.New(mathrand.NewPCG(seed, 0)), n
}

// chance is true in one of n cases.
func chance(rnd *mathrand.Rand, n int) bool { return rnd.IntN(n) == 0 }

// persistently repeats what may fail for the moment, as a user would by exit
// code 6.
func persistently(ctx context.Context, f func() error) error {
	var refused error
	err := rig.Poll(ctx, 2*rig.Patience, func() error {
		err := f()
		if err != nil && !rig.Transient(err) {
			refused = err
			return nil
		}
		return err
	})
	if refused != nil {
		return fmt.Errorf("refused: %w", refused)
	}
	return err
}
