package consensus

import (
	"strconv"

	"github.com/signet-scheduler/signet/internal/fault"
)

func errNotLeader(leader uint64) error {
	e := fault.New(fault.Unavailable, "NotLeader", "this member doesn't lead the group; nothing was done")
	if leader != 0 {
		return e.About(strconv.FormatUint(leader, 10))
	}
	return e
}

func errUnknown() error {
	return fault.New(fault.Unavailable, "OutcomeUnknown",
		"the leader changed, or this member stopped, while the command was being stored; it may be done or not: repeat it with the same id")
}

func errTooBusy() error {
	return fault.New(fault.Unavailable, "TooBusy", "too many commands wait; nothing was done, try again later")
}

func errOutOfSpace(dir string) error {
	return fault.New(fault.NoSpace, "OutOfSpace", "the disk of %s is full; nothing was done. Make space there: the log goes on by itself", dir)
}

func errTimeout(cause error) error {
	return fault.Wrap(fault.Timeout, "SubmitTimeout", cause, "no answer in time; the command may be done or not: repeat it with the same id")
}
