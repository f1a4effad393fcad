// Package cli is the command line of Signet: it reads what a user typed, makes
// one request to the Cockpit or works on local files, and prints the answer.
//
// It owns verbs, flags, help, output forms, exit codes and the profile file. It
// must not decide anything that the API doesn't: whatever a verb does, the API
// does. Parts of Signet are started by functions that internal/app hands in
// (Program), so that the package knows none of them. Only internal/app calls it.
package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/signet-scheduler/signet/internal/fault"
)

// Program is what the command line needs from the program around it.
type Program struct {
	Version, Commit, GoVersion string

	// Serve runs one part until ctx ends, or until the part fails.
	Serve func(ctx context.Context, o ServeOptions, stderr io.Writer) error
	// Dev plays a whole installation until ctx ends.
	Dev func(ctx context.Context, o DevOptions, stdout, stderr io.Writer) error
	// InitCockpit makes database, first administrator and keys of a Cockpit.
	InitCockpit func(ctx context.Context, o InitCockpitOptions) (InitCockpitResult, error)
	// MigrateDatabase copies a Cockpit's SQLite database into a PostgreSQL database,
	// and tells how far it is.
	MigrateDatabase func(ctx context.Context, o MigrateDatabaseOptions, tell func(CopyProgress)) (MigrateDatabaseResult, error)
	// ForgetKeys deletes the accounts' signing keys from a Cockpit's database, when what
	// they are sealed with is lost.
	ForgetKeys func(ctx context.Context, o ForgetKeysOptions) (ForgetKeysResult, error)
	// Restore brings an installation, or a part of one, back from a backup.
	Restore func(ctx context.Context, o RestoreOptions) (RestoreResult, error)
	// InstallationFiles returns the files of the installation of `signet dev` in
	// a folder, besides its parts' data; none if there is no installation.
	InstallationFiles func(dir string) ([]InstallationFile, error)
	// UntilSignal returns a context that ends when the process is told to end.
	UntilSignal func(ctx context.Context) (context.Context, context.CancelFunc)
	// Starter is the main function of the process that starts jobs.
	Starter func() int
}

// ServeOptions says which part to run, and where its files are.
type ServeOptions struct {
	Part               string // cockpit, controller or agent
	ConfigDir, DataDir string
}

// DevOptions are the flags of `signet dev`. Given tells which were set by the
// user, by name.
type DevOptions struct {
	Data        string
	Cockpit     string // HOST:PORT
	Controllers int
	Agents      int
	FreePorts   bool
	Level       string
	NoSample    bool
	Given       map[string]bool
}

// InitCockpitOptions says where a Cockpit's files are, and who its first
// administrator is.
type InitCockpitOptions struct {
	ConfigDir, DataDir string
	Account            string
	CADir              string   // authority that issues keys that are missing; "": none
	Hosts              []string // DNS names and IP addresses that users open
}

// InitCockpitResult is what the administrator must be told once.
type InitCockpitResult struct {
	Account  string   `json:"account"`
	Password string   `json:"password"`
	Created  []string `json:"created,omitempty"` // key and certificate files that were made
	Missing  []string `json:"missing,omitempty"` // those that the configuration asks for and that aren't there
}

// Streams are the three standard streams of a run.
type Streams struct {
	In       io.Reader
	Out, Err io.Writer
}

// Exit codes that don't come from a fault's kind.
const (
	exitDone     = 0
	exitNegative = 1
	exitUsage    = 2
	exitTime     = 6
)

// usageError is wrong use of the command line.
type usageError struct{ message string }

func (e *usageError) Error() string { return e.message }

// Usage returns an error that ends the program with exit code 2, wrong use of
// the command line.
func Usage(format string, args ...any) error {
	return &usageError{message: fmt.Sprintf(format, args...)}
}

// exitError ends the program with a code; what there was to say is said.
type exitError struct{ code int }

func (e *exitError) Error() string { return fmt.Sprintf("exit code %d", e.code) }

// Run carries out one command line, without the program's name, and returns the
// exit code. Env holds NAME=value entries.
func Run(ctx context.Context, p Program, args []string, io Streams, env []string) int {
	s := &session{program: p, args: args, io: io, env: environment(env)}
	root := s.root()
	root.SetArgs(args)
	return s.finish(root.ExecuteContext(ctx))
}

// finish prints an error and returns the exit code.
func (s *session) finish(err error) int {
	var usage *usageError
	var exit *exitError
	switch {
	case err == nil:
		return exitDone
	case errors.As(err, &exit):
		return exit.code
	case errors.As(err, &usage) || !s.ran:
		fmt.Fprintf(s.io.Err, "signet: %s\n", err)
		fmt.Fprintf(s.io.Err, "`%s --help` shows how it is used.\n", s.commandPath())
		return exitUsage
	case errors.Is(err, context.Canceled):
		fmt.Fprintln(s.io.Err, "signet: interrupted")
		return exitTime
	}
	fmt.Fprintf(s.io.Err, "signet: %s\n", s.message(err))
	if e := fault.Of(err); e.Kind != fault.Internal {
		return e.Kind.ExitCode()
	}
	return exitNegative
}

// message says for people what went wrong. An error that is nobody's fault is
// shown as it is: on the user's own machine its cause is no secret.
func (s *session) message(err error) string {
	e := fault.Of(err)
	text := e.Public()
	switch {
	case e.Err != nil && (e.Message == "" || e.Kind == fault.Internal):
		text = err.Error()
	case e.Kind == fault.Unauthenticated && s.profile != nil && !strings.Contains(text, "signet login"):
		text += fmt.Sprintf("\nLog in first: signet login %s", s.profile.URL)
	}
	return text
}

// environment makes a map of NAME=value entries.
func environment(env []string) map[string]string {
	m := make(map[string]string, len(env))
	for _, e := range env {
		if name, value, ok := strings.Cut(e, "="); ok {
			m[name] = value
		}
	}
	return m
}
