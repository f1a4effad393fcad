package proc

import (
	"context"
	"log/slog"
	"os"
	"time"
)

// MaxKey is the greatest length of a Key in bytes.
const MaxKey = 200

// Key names one start of one process, for instance a task id. It has 1 to
// MaxKey bytes, all printable ASCII, and is never used for a second start
// before it is forgotten.
type Key string

// Spec says what to start.
type Spec struct {
	Key Key
	// Argv is the program and its arguments. A program without a slash is
	// looked up in the PATH of Env; a relative path is relative to Dir.
	Argv []string
	// Env is the whole environment, as NAME=value. Nothing is inherited.
	Env []string
	// Dir is the working directory; empty means that of the owner's process.
	Dir string
	// Stdout and Stderr become descriptors 1 and 2; nil is /dev/null. The
	// caller may close them as soon as Start has returned. They are made
	// blocking, because programs break on EAGAIN. Descriptor 0 is /dev/null.
	Stdout, Stderr *os.File
	// Shell starts a text file without "#!" line through /bin/sh, as execvp(3)
	// and the shells do. Without it such a file is a start error.
	Shell bool
}

// Running identifies a process that was started. Its cgroup holds its processes
// and no others as long as it isn't forgotten; without one, PID, StartTicks and
// BootID together are unique.
type Running struct {
	Key        Key
	PID        int    // 0 when the starter was lost before it told the number
	StartTicks uint64 // since boot, field 22 of /proc/PID/stat; 0 when it has a cgroup, or was over before that could be read
	BootID     string
	Cgroup     string // directory of its own cgroup; empty when there is none and a tree is found by walking /proc
	Started    time.Time
}

// End tells how a process ended. Exactly one of these holds: StartError is
// set, Unknown is true, Signal isn't 0, or the process has exited by itself with
// ExitCode.
type End struct {
	Key        Key
	ExitCode   int         // 0..255
	Signal     int         // the signal that ended it; 0 for none
	StartError *StartError // it never ran
	Unknown    bool        // its end can't be known: the starter was lost; its tree has been killed
	Started    time.Time
	Ended      time.Time
	CPU        time.Duration // of the process and the children it has waited for
	MaxRSS     int64         // bytes, of the biggest of these
	LeftOver   int           // other processes of its tree alive when the main one ended; Forget or KillAll ends them
	KilledBy   string        // one of the KilledBy constants; empty when the owner sent no signal
}

// Values of End.KilledBy: the strongest thing that the owner did to the process
// before it ended.
const (
	KilledByTerm        = "term"         // Kill with Term
	KilledByKill        = "kill"         // Kill with KillAll
	KilledByClose       = "close"        // Close, or the Agent has gone
	KilledByStarterLost = "starter lost" // the starter process died
)

// Signal says what Kill does.
type Signal uint8

// The signals of Kill.
const (
	Term    Signal = iota + 1 // SIGTERM to the main process only
	KillAll                   // SIGKILL to every process of the tree
)

// Owner owns processes. Its methods are safe for concurrent use.
type Owner interface {
	// Start starts a process, and waits its turn while many starts are under
	// way. It returns nil or a *StartError (the process never ran; its text is
	// the reason); in both cases exactly one End follows. Every other error
	// means that nothing was started and nothing recorded: a bad key
	// ("InvalidProcessKey"), the context's end before the start, or a closed
	// owner ("ProcessOwnerClosed"). The same key again answers what is known
	// and never starts a second process.
	Start(ctx context.Context, s Spec) (Running, error)
	// List returns everything that isn't forgotten, in order of its start: what
	// runs, and what has ended.
	List(ctx context.Context) ([]Running, []End, error)
	// Kill signals a process or its tree. For a start under way it takes
	// effect right after it. A process that has ended gets nothing by Term,
	// while KillAll ends what it has left behind. An unknown key is the
	// fault "UnknownProcess".
	Kill(key Key, how Signal) error
	// Ended returns the end of a process, and false while it runs or when the
	// key isn't known.
	Ended(key Key) (End, bool)
	// Ends sends every end once, never before the outcome of its start is
	// known. Ends that nobody reads wait in memory and stop nothing. Close closes the channel; what was not read by then is
	// still answered by Ended and List.
	Ends() <-chan End
	// Forget drops an ended process: what is left of its tree is killed, its
	// cgroup removed, its end no longer answered. An unknown key is fine; a
	// process that still runs is the fault "ProcessRuns".
	Forget(key Key) error
	// Close kills every process that is left, waits and reaps, and ends the
	// starter. It may be called more than once.
	Close() error
}

// Options configure an owner.
type Options struct {
	// Argv is the command line of the starter process, for instance the own
	// executable and the verb "starter", which calls StarterMain. NewInProcess
	// doesn't use it.
	Argv []string
	// Cgroup is "auto" or empty (a cgroup v2 tree where it can be used), "off",
	// or the directory of a cgroup in which to make ours; that must work then.
	Cgroup string
	// Instance names the data directory whose jobs these are. Processes left by an
	// earlier owner of the same instance are killed at start. Empty means
	// that nothing is looked for.
	Instance string
	// Log gets what an administrator should know; nil means nowhere.
	Log *slog.Logger
}

// LimitInfo tells how many processes of jobs this machine allows at once.
type LimitInfo struct {
	Processes int    // at least 1
	Reason    string // the limit that decides, for people
}
