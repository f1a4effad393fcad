// Package app starts and stops the parts of Signet: one part for `signet serve`,
// all of them as processes for `signet dev`. It hands every other command line
// to package cli.
//
// It owns what a process has only once: arguments, environment, signals, the
// lock on a data directory, the processes of the supervisor. It must not decide
// anything about orders, documents or users. Only cmd/signet calls it.
package app

import (
	"context"
	"os"
	"os/signal"
	"runtime"
	"syscall"
	_ "time/tzdata" // zones don't depend on the machine

	"github.com/signet-scheduler/signet/internal/cli"
	"github.com/signet-scheduler/signet/internal/proc"
)

// Version and Commit tell what was built; the linker sets them.
var (
	Version = "devel"
	Commit  = "unknown"
)

// Main carries out the command line of this process and returns its exit code.
func Main() int {
	if len(os.Args) > 1 && os.Args[1] == "serve" {
		gatherTimers() // before anything else: it may not return
	}
	p := cli.Program{
		Version: Version, Commit: Commit, GoVersion: runtime.Version(),
		Serve:       serve,
		Dev:         dev,
		InitCockpit: initCockpit, MigrateDatabase: migrateDatabase, ForgetKeys: forgetKeys,
		Restore: restore, InstallationFiles: installationFiles, UntilSignal: untilSignal,
		Starter: func() int {
			collectSeldom()
			return proc.StarterMain()
		},
	}
	return cli.Run(context.Background(), p, os.Args[1:], cli.Streams{In: os.Stdin, Out: os.Stdout, Err: os.Stderr}, os.Environ())
}

// untilSignal returns a context that ends with SIGTERM or SIGINT. After stop a
// further signal ends the process at once.
func untilSignal(ctx context.Context) (signalled context.Context, stop context.CancelFunc) {
	return signal.NotifyContext(ctx, syscall.SIGTERM, syscall.SIGINT)
}
