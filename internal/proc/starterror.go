package proc

// StartErrorKind classifies why a process couldn't be started. The names are
// stable.
type StartErrorKind string

// The kinds of start errors.
const (
	ProgramMissing     StartErrorKind = "ProgramMissing"     // no such file, or not in PATH
	ProgramForbidden   StartErrorKind = "ProgramForbidden"   // no x bit, not searchable, a directory, a noexec mount
	ProgramFormat      StartErrorKind = "ProgramFormat"      // no "#!" line, empty, another machine's
	ProgramBusy        StartErrorKind = "ProgramBusy"        // still open for writing
	InterpreterMissing StartErrorKind = "InterpreterMissing" // of the "#!" line, or the loader of a binary
	CarriageReturn     StartErrorKind = "CarriageReturn"     // the "#!" line ends with CR LF
	DirectoryMissing   StartErrorKind = "DirectoryMissing"   // the working directory, or it isn't one
	DirectoryForbidden StartErrorKind = "DirectoryForbidden" // the working directory can't be entered
	TooLong            StartErrorKind = "TooLong"            // an argument, a variable, or all of them
	BadString          StartErrorKind = "BadString"          // a NUL byte, or nothing to start
	ResourcesExhausted StartErrorKind = "ResourcesExhausted" // no process number, memory or descriptor left
	StartFailed        StartErrorKind = "StartFailed"        // anything else
)

// StartError says why a process never ran. Reason is for people and names what
// was found by looking, not the system's error code alone.
type StartError struct {
	Kind   StartErrorKind
	Reason string
}

// Error returns the reason.
func (e *StartError) Error() string { return e.Reason }
