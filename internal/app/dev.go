package app

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"github.com/signet-scheduler/signet/internal/cli"
	"github.com/signet-scheduler/signet/internal/cockpit"
	"github.com/signet-scheduler/signet/internal/conf"
	"github.com/signet-scheduler/signet/internal/fault"
	"github.com/signet-scheduler/signet/internal/identity"
)

// devGrace is how long a part of `signet dev` has to end in order. With what
// follows it stays below the 10 s that are promised.
const devGrace = 9 * time.Second

// dev plays a whole installation until a signal or ctx ends it.
func dev(ctx context.Context, o cli.DevOptions, stdout, stderr io.Writer) error {
	ctx, stop := untilSignal(ctx)
	defer stop()
	e, lock, err := enter(o)
	if err != nil {
		return err
	}
	defer lock.Close()
	if err := e.prepare(ctx); ctx.Err() != nil {
		return nil // it was told to end
	} else if err != nil {
		return err
	}
	executable, err := os.Executable()
	if err != nil {
		return err
	}
	s, err := newSupervisor(filepath.Join(e.dir, "run"), devGrace, stderr)
	if err != nil {
		return err
	}
	parts, end := context.WithCancel(context.WithoutCancel(ctx))
	for _, c := range e.children(executable) {
		s.keep(parts, c)
	}
	g := &greeter{estate: e, say: func(text string) { s.lines.say("signet", text) }, patience: readyPause}
	err = g.greet(ctx, stdout)
	if err == nil {
		<-ctx.Done()
	}
	if ctx.Err() != nil {
		err = nil // it was told to end, whatever it was waiting for
	}
	stop() // a second signal ends it at once
	s.lines.say("signet", "ending all parts")
	end()
	s.wait()
	return err
}

// enter locks the folder and reads what is in it. Wrong flags are told before
// anything is made.
func enter(o cli.DevOptions) (*estate, *os.File, error) {
	if err := checkDevFlags(o); err != nil {
		return nil, nil, err
	}
	if _, _, err := splitAddress(o.Cockpit); err != nil {
		return nil, nil, err
	}
	lock, err := lockDir(o.Data)
	if err != nil {
		return nil, nil, err
	}
	if err := finishReplacement(o.Data); err != nil {
		return nil, nil, errors.Join(err, lock.Close())
	}
	e, err := openEstate(o)
	if err != nil {
		return nil, nil, errors.Join(err, lock.Close())
	}
	return e, lock, nil
}

// prepare makes or completes everything on disk.
func (e *estate) prepare(ctx context.Context) error {
	if err := os.Chmod(e.dir, 0o700); err != nil {
		return err
	}
	if err := e.save(); err != nil {
		return err
	}
	if err := e.files(time.Now()); err != nil {
		return err
	}
	return e.administrator(ctx)
}

// passwordFile holds the administrator's password.
const passwordFile = "admin-password"

// administrator sees to it that the Cockpit's database and its first
// administrator are there, and the password in its file. The file comes first:
// a start that was cut between both goes on with it.
func (e *estate) administrator(ctx context.Context) error {
	file := filepath.Join(e.dir, passwordFile)
	if err := writeUnless(file, identity.RandomPassword()+"\n", true); err != nil {
		return err
	}
	password, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	set, err := conf.LoadCockpit(e.configDir(cockpitName), e.dataDir(cockpitName), os.ReadFile)
	if err != nil {
		return err
	}
	_, err = cockpit.Init(ctx, cockpit.InitOptions{Settings: set, Account: adminAccount, Password: strings.TrimSpace(string(password))})
	if fault.HasCode(err, "AlreadyInitialized") {
		return nil
	}
	return err
}

// adminAccount is the first administrator's account.
const adminAccount = "admin"

// children returns the processes of all parts.
func (e *estate) children(executable string) []child {
	var all []child
	add := func(part string, names ...string) {
		for _, name := range names {
			all = append(all, child{
				name: name, logFile: filepath.Join(e.dir, name, "log"),
				command: func() *exec.Cmd {
					cmd := exec.Command(executable, "serve", part, "--config", e.configDir(name), "--data", e.dataDir(name)) // it is ended by signal
					cmd.SysProcAttr = dieWithParent()
					return cmd
				},
			})
		}
	}
	add("controller", e.controllers()...)
	add("agent", e.agents()...)
	add("cockpit", cockpitName)
	return all
}

// trusted is the file with the authorities of parts: two, while one is replaced.
func (e *estate) trusted() string { return filepath.Join(e.privateDir(cockpitName), "https-trust.pem") }

// loginHint tells how to log in.
func (e *estate) loginHint() string {
	return strings.Join([]string{
		fmt.Sprintf("log in as %q; the password is in %s", adminAccount, filepath.Join(e.dir, passwordFile)),
		fmt.Sprintf("browsers are to trust the CA certificate %s", e.trusted()),
		fmt.Sprintf("on the command line: export SIGNET_PROFILE=%s", filepath.Join(e.dir, "profile.json")),
	}, "\n")
}
