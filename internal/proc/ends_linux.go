package proc

import (
	"time"

	"github.com/signet-scheduler/signet/internal/fault"
)

// neverRan returns the end of a process that couldn't be started.
func neverRan(key Key, err *StartError) End {
	now := time.Now()
	return End{Key: key, StartError: err, Started: now, Ended: now}
}

// startFault is the error of an owner that can't work.
func startFault(err error) error {
	return fault.Wrap(fault.Unavailable, "ProcessOwnerUnavailable", err, "jobs can't be started on this machine")
}
