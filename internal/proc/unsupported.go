//go:build !linux

package proc

import "github.com/signet-scheduler/signet/internal/fault"

// NewInProcess is not available on this system.
func NewInProcess(Options) (Owner, error) { return nil, errUnsupported() }

// StartStarter is not available on this system.
func StartStarter(Options) (Owner, error) { return nil, errUnsupported() }

// StarterMain is not available on this system; it returns 1.
func StarterMain(...int) int { return 1 }

// Limits returns one process, because none can be started here.
func Limits() LimitInfo {
	return LimitInfo{Processes: 1, Reason: "jobs can run on Linux only"}
}

func errUnsupported() error {
	return fault.New(fault.Unavailable, "JobsUnsupported", "jobs can run on Linux only")
}
