package consensus

import (
	"log/slog"
	"slices"
	"time"

	"github.com/signet-scheduler/signet/internal/clock"
	"github.com/signet-scheduler/signet/internal/fault"
	"github.com/signet-scheduler/signet/internal/fsys"
)

// maxMembers is the most members a group has.
const maxMembers = 5

// commandBytes is what a command counts that doesn't tell its size.
const commandBytes = 256

// complete returns o with the defaults in place of zero values.
func (o Options) complete() Options {
	number(&o.ElectionTicks, 10)
	number(&o.HeartbeatTicks, 1)
	number(&o.HungTicks, 300)
	number(&o.Depth, 4)
	number(&o.MaxBatch, 4096)
	number(&o.MaxBatchBytes, 1<<20)
	number(&o.MaxQueue, 1<<16)
	number(&o.SegmentBytes, 16<<20)
	number(&o.SnapshotBytes, 64<<20)
	number(&o.Tick, 100*time.Millisecond)
	number(&o.SnapshotPeriod, time.Hour)
	number(&o.KeepEntries, 10_000)
	number(&o.MinFreeSpace, 2*o.SegmentBytes)
	if o.FS == nil {
		o.FS = fsys.Real{}
	}
	if o.Clock == nil {
		o.Clock = clock.Real{}
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	return o
}

func number[N int | int64 | uint64 | time.Duration](n *N, standard N) {
	if *n == 0 {
		*n = standard
	}
}

// check refuses options that can't work.
func (o Options) check(group bool) error {
	bad := func(format string, args ...any) error {
		return fault.New(fault.Invalid, "ConsensusOptions", format, args...)
	}
	switch {
	case o.Machine == nil || o.Dir == "":
		return bad("a log needs a machine and a folder")
	case o.Depth < 1 || o.MaxBatch < 1 || o.MaxQueue < 1 || o.MaxBatchBytes < 1 || o.Tick < 0:
		return bad("depth, batch, queue and tick must be positive")
	case o.HeartbeatTicks < 1 || o.ElectionTicks <= o.HeartbeatTicks || o.HungTicks <= o.ElectionTicks:
		return bad("heartbeat, election and hung ticks must rise (%d, %d, %d)", o.HeartbeatTicks, o.ElectionTicks, o.HungTicks)
	case !group:
		return nil
	case o.ID == 0 || o.ID != memberOf(o.ID):
		return bad("the member's id %d must lie between 1 and 2^32-1", o.ID)
	case len(o.Members) == 0 || len(o.Members) > maxMembers || !slices.Contains(o.Members, o.ID):
		return bad("a group has 1 to %d members, this one (%d) among them", maxMembers, o.ID)
	case len(o.Members) > 1 && o.Transport == nil:
		return bad("a group of more than one needs a transport")
	}
	for i, id := range o.Members {
		if id == 0 || id != memberOf(id) || slices.Contains(o.Members[:i], id) {
			return bad("the members' ids must be different, between 1 and 2^32-1")
		}
	}
	return nil
}

// periodTicks returns how many ticks a snapshot may be old.
func (o Options) periodTicks() uint64 { return uint64(o.SnapshotPeriod / o.Tick) }
