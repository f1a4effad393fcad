package engine

import (
	"slices"

	"github.com/signet-scheduler/signet/internal/codec"
	"github.com/signet-scheduler/signet/internal/fault"
)

// Estate is the installation that a part belongs to. Both are fixed when the
// part's log begins, and compared at every start.
type Estate struct {
	Installation string // its id, the audience of its releases; "" as long as none is known
	Level        string // the security level: low, medium or high; "" is low
}

// Walk describes the fields.
func (e *Estate) Walk(w codec.Walker) {
	w.Str("installation", &e.Installation)
	w.Str("securityLevel", &e.Level)
}

// levels are the security levels, the lowest first.
var levels = []string{"low", "medium", "high"}

// levelOf returns the rank of a level, -1 for an unknown one.
func levelOf(name string) int {
	if name == "" {
		return 0
	}
	return slices.Index(levels, name)
}

// Below tells whether a level is lower than the estate's, or unknown.
func (e Estate) Below(level string) bool {
	return levelOf(level) < levelOf(e.Level)
}

// fits returns a Conflict unless the settings are those that the log began with;
// an installation may be added where the log has none.
func (e Estate) fits(set Estate) error {
	if levelOf(e.Level) != levelOf(set.Level) {
		return fault.New(fault.Conflict, "SecurityLevelFixed",
			"the security level was fixed as %s when this part started for the first time, and the configuration says %s: a level can't be changed", levels[max(0, levelOf(e.Level))], set.Level)
	}
	if e.Installation != "" && set.Installation != "" && e.Installation != set.Installation {
		return fault.New(fault.Conflict, "InstallationFixed", "this part belongs to the installation %s, and the configuration says %s", e.Installation, set.Installation)
	}
	return nil
}

// named returns the estate with the installation of the settings where it has none.
func (e Estate) named(installation string) Estate {
	if e.Installation == "" {
		e.Installation = installation
	}
	return e
}

// checkEstate refuses a Controller of another installation, or of a lower level.
func (a *Agent) checkEstate(b *AgentBatch) error {
	mine := a.cfg.Estate
	if mine.Below(b.Estate.Level) {
		return fault.New(fault.Forbidden, "SecurityLevelTooLow", "this Agent has the security level %s and takes no commands of a Controller with a lower one", mine.Level)
	}
	mine = a.Estate()
	if mine.Installation != "" && b.Estate.Installation != "" && mine.Installation != b.Estate.Installation {
		return fault.New(fault.Forbidden, "WrongInstallation", "this Agent belongs to the installation %s, the Controller to %s", mine.Installation, b.Estate.Installation)
	}
	return nil
}

// Belongs returns the id of the installation that the Agent belongs to, or will
// once it has carried out a batch; "" when none is known.
func (a *Agent) Belongs(b *AgentBatch) string {
	if id := a.Estate().Installation; id != "" || b == nil {
		return id
	}
	return b.Estate.Installation
}

// Estate returns the installation that the Agent belongs to, as its log or its
// settings have it.
func (a *Agent) Estate() Estate { return a.estate.v.named(a.cfg.Estate.Installation) }
