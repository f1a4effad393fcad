package app

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"runtime/debug"
	"runtime/metrics"
	"sync"
	"time"

	"github.com/signet-scheduler/signet/internal/cli"
	"github.com/signet-scheduler/signet/internal/clock"
	"github.com/signet-scheduler/signet/internal/conf"
	"github.com/signet-scheduler/signet/internal/fault"
	"github.com/signet-scheduler/signet/internal/part"
)

// running is a part that has been started.
type running interface {
	Addr() string
	// Wait returns nil when ctx has ended, or why the part stopped by itself.
	Wait(ctx context.Context) error
	Close() error
}

// serve runs one part until a signal or ctx ends it, or it fails.
func serve(ctx context.Context, o cli.ServeOptions, stderr io.Writer) error {
	ctx, stop := untilSignal(ctx)
	defer stop()
	var err error
	if o.ConfigDir, err = filepath.Abs(o.ConfigDir); err != nil {
		return err
	}
	if o.DataDir, err = filepath.Abs(o.DataDir); err != nil {
		return err
	}
	prepared, err := prepare(o)
	if err != nil {
		return err
	}
	lock, err := lockDir(o.DataDir)
	if err != nil {
		return err
	}
	defer lock.Close()
	if err := finishReplacement(o.DataDir); err != nil {
		return err
	}
	if o.Part != "controller" {
		collectSeldom() // a Controller's state may be large, and its memory is to stay near that
	}
	var trimming sync.WaitGroup
	defer trimming.Wait()
	idle, stopTrimming := context.WithCancel(ctx)
	defer stopTrimming()
	trimming.Go(func() { trimWhenIdle(idle) })
	self := part.Self{Version: Version, Started: time.Now(), Log: part.NewRing(clock.Real{})}
	log := newLog(stderr, prepared.logLevel, prepared.logFormat, self.Log)
	log.Info("starting", "part", o.Part, "version", Version, "commit", Commit, "config", o.ConfigDir, "data", o.DataDir, "pid", os.Getpid())
	serving, err := prepared.start(log, self)
	if err != nil {
		return failed(o.Part, "can't start", err)
	}
	log.Info("serving", "part", o.Part, "address", serving.Addr())
	err = serving.Wait(ctx)
	stop()
	if err != nil {
		err = failed(o.Part, "has failed", err)
	} else {
		log.Info("stopping", "part", o.Part)
	}
	return errors.Join(err, closeWithin(serving, prepared.shutdown, o.Part))
}

// collectSeldom has garbage collected when it is twice as much as what lives,
// unless the environment says otherwise: a part lives on little, and under load
// an eighth of its CPU goes into collecting.
func collectSeldom() {
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(200)
	}
}

// How memory is given back: so often it is looked whether the part is idle, which
// it is while it allocates less than that; and there must be something to gain.
const (
	trimEvery  = time.Second
	idleAllocs = 512 << 10
	worthTrim  = 16 << 20
)

// trimWhenIdle gives memory back to the system when load has ended, instead of
// minutes later.
func trimWhenIdle(ctx context.Context) {
	ticker := time.NewTicker(trimEvery)
	defer ticker.Stop()
	allocs := []metrics.Sample{{Name: "/gc/heap/allocs:bytes"}}
	var last, trimmed uint64
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
		metrics.Read(allocs)
		now := allocs[0].Value.Uint64()
		if now-last < idleAllocs && now-trimmed > worthTrim {
			debug.FreeOSMemory()
			trimmed = now
		}
		last = now
	}
}

// failed makes the one error that ends a part's process, with exit code 1
// whatever the cause was.
func failed(part, what string, err error) error {
	return fault.Wrap(fault.Internal, "PartFailed", err, "the %s %s", part, what)
}

// closeWithin ends a part in order, or not at all when that takes too long.
func closeWithin(part running, limit time.Duration, name string) error {
	done := make(chan error, 1)
	go func() { done <- part.Close() }()
	t := time.NewTimer(limit)
	defer t.Stop()
	select {
	case err := <-done:
		if err != nil {
			return failed(name, "didn't end in order", err)
		}
		return nil
	case <-t.C:
		return failed(name, "didn't end in order", fmt.Errorf("it took longer than %s", limit))
	}
}

// prepared is a part whose settings are read.
type prepared struct {
	start               func(*slog.Logger, part.Self) (running, error)
	shutdown            time.Duration
	logLevel, logFormat string
}

// prepare reads the settings of a part.
func prepare(o cli.ServeOptions) (*prepared, error) {
	switch conf.Part(o.Part) {
	case conf.ControllerPart:
		set, err := conf.LoadControllerWith(o.ConfigDir, o.DataDir, os.ReadFile, given())
		if err != nil {
			return nil, err
		}
		return &prepared{startController(set, o), set.ShutdownTimeout, set.LogLevel, set.LogFormat}, nil
	case conf.AgentPart:
		set, err := conf.LoadAgentWith(o.ConfigDir, o.DataDir, os.ReadFile, given())
		if err != nil {
			return nil, err
		}
		return &prepared{startAgent(set, o), set.ShutdownTimeout, set.LogLevel, set.LogFormat}, nil
	case conf.CockpitPart:
		set, err := conf.LoadCockpit(o.ConfigDir, o.DataDir, os.ReadFile)
		if err != nil {
			return nil, err
		}
		return &prepared{startCockpit(set), set.ShutdownTimeout, set.LogLevel, set.LogFormat}, nil
	}
	return nil, cli.Usage("there is no part %q", o.Part)
}

// given is what JS7's containers tell a part by their environment.
func given() conf.Given {
	return conf.Given{HTTPPort: os.Getenv("RUN_JS_HTTP_PORT"), HTTPSPort: os.Getenv("RUN_JS_HTTPS_PORT")}
}

// newLog makes the log of a part: lines on standard error, of which the last are
// kept.
func newLog(w io.Writer, level, format string, kept *part.Ring) *slog.Logger {
	levels := map[string]slog.Level{"debug": slog.LevelDebug, "warn": slog.LevelWarn, "error": slog.LevelError}
	o := &slog.HandlerOptions{Level: levels[level]}
	if format == "json" {
		return slog.New(kept.Handler(slog.NewJSONHandler(w, o)))
	}
	return slog.New(kept.Handler(slog.NewTextHandler(w, o)))
}
