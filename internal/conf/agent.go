package conf

import (
	"path/filepath"
	"time"
)

func bindAgent(b *binder, a *Agent) {
	b.text(&a.Name, Key{
		Name: "signet.agent.name", Type: "name", Range: nameRange, advised: true, sample: `"agent-1"`,
		Meaning: "The Agent's name, which is its path at the Controller and the name in its certificate. " +
			"Without it, the name is the one in the certificate or, if there is no identity of Signet in that, its common name; without a certificate, it is the machine's.",
	}, "", checkName)
	bindUsers(b, &a.Users)
	bindAgentListen(b, a)
	b.names(&a.ControllerNames, Key{
		Name:    "signet.agent.controllers",
		Meaning: "The names, in their certificates, of the Controllers that may drive this Agent: all members of the group.",
	}, "controller-1")
	if len(a.Users) > 0 && b.find("signet.agent.controllers") == nil {
		a.ControllerNames = nil // the users are all
	}
	bindTLS(b, &a.TLS)
	bindTrust(b, &a.Trust)
	bindInstallation(b, &a.Trust.Installation, &a.Trust.SecurityLevel, "signet.security-level")
	bindJobs(b, a)
	bindJS7(b, a)
	bindJournal(b, &a.SnapshotBytes, &a.SnapshotPeriod, &a.MinFreeSpace)
	bindProcess(b, &a.ShutdownTimeout, &a.LogLevel, &a.LogFormat)
}

// bindJobs binds how jobs are run.
func bindJobs(b *binder, a *Agent) {
	const prefix = "signet.job."
	const js7 = "js7.job.execution."
	b.boolean(&a.ScriptsAllowed, Key{
		Name: prefix + "signed-script-injection-allowed", Alias: js7 + "signed-script-injection-allowed",
		Meaning: "Whether jobs may bring their script in the (signed) workflow. If not, only files in the executables directory are run.",
	})
	b.path(&a.ExecutablesDir, Key{
		Name:    prefix + "executables-directory",
		Meaning: "The directory with the programs that jobs name by a relative path.",
	}, configBase, "executables")
	b.path(&a.WorkDir, Key{
		Name:    prefix + "working-directory",
		Meaning: "The directory that processes start in, and where their temporary files are.",
	}, dataBase, "work")
	b.duration(&a.SigkillDelay, Key{
		Name: prefix + "sigkill-delay", Alias: js7 + "sigkill-delay",
		Meaning: "How long a process has from SIGTERM to SIGKILL when it is to be killed, if its job doesn't say.",
	}, 15*time.Second, limits[time.Duration]{low: 0, high: time.Hour})
	b.number(&a.ProcessLimit, Key{
		Name:    prefix + "process-limit",
		Meaning: "How many processes run at the same time at most; 0 is as many as the machine allows.",
	}, 0, limits[int]{low: 1, high: 100_000, zero: true})
	b.size(&a.OutputLimit, Key{
		Name:    prefix + "output-limit",
		Meaning: "How much of a task's output is kept; what is over is cut off, and the log says so.",
	}, 64*miB, limits[int64]{low: 4 * kiB, high: tiB})
	b.duration(&a.LogRetention, Key{
		Name:    prefix + "log-retention",
		Meaning: "How long a task's log file stays here after the Controller has confirmed the task's end.",
	}, 7*day, limits[time.Duration]{low: time.Minute, high: 3650 * day})
	b.text(&a.Cgroup, Key{
		Name: prefix + "cgroup", Type: "text", Default: "auto", Range: "auto, off, or an absolute path",
		Meaning: "Where each task gets a control group of its own, so that no process of it outlives it: " +
			"`auto` is below the Agent's own group if that is possible, `off` is nowhere, a path is a delegated group.",
	}, "auto", checkCgroup)
}

func checkCgroup(s string) (text, wrong string) {
	switch {
	case s == "auto" || s == "off":
		return s, ""
	case filepath.IsAbs(s):
		return filepath.Clean(s), ""
	}
	return "", "expected auto, off or an absolute path"
}
