package app

import (
	"log/slog"
	"os"

	"github.com/signet-scheduler/signet/internal/agent"
	"github.com/signet-scheduler/signet/internal/cli"
	"github.com/signet-scheduler/signet/internal/conf"
	"github.com/signet-scheduler/signet/internal/controller"
	"github.com/signet-scheduler/signet/internal/part"
)

func startController(set *conf.Controller, o cli.ServeOptions) func(*slog.Logger, part.Self) (running, error) {
	return func(log *slog.Logger, self part.Self) (running, error) {
		c, err := controller.Start(controller.Options{Settings: set, DataDir: o.DataDir, Log: log, Self: self})
		if err != nil {
			return nil, err
		}
		return c, nil
	}
}

func startAgent(set *conf.Agent, o cli.ServeOptions) func(*slog.Logger, part.Self) (running, error) {
	return func(log *slog.Logger, self part.Self) (running, error) {
		executable, err := os.Executable()
		if err != nil {
			return nil, err
		}
		a, err := agent.Start(agent.Options{Settings: set, DataDir: o.DataDir, Executable: executable, Environ: os.Environ(), Log: log, Self: self})
		if err != nil {
			return nil, err
		}
		return a, nil
	}
}
