package app

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"

	"github.com/signet-scheduler/signet/internal/cli"
	"github.com/signet-scheduler/signet/internal/cockpit"
	"github.com/signet-scheduler/signet/internal/conf"
	"github.com/signet-scheduler/signet/internal/fault"
	"github.com/signet-scheduler/signet/internal/fsys"
	"github.com/signet-scheduler/signet/internal/store/transfer"
)

// migrateDatabase copies a Cockpit's SQLite database into an empty PostgreSQL
// database. The file stays as it is.
func migrateDatabase(ctx context.Context, o cli.MigrateDatabaseOptions, tell func(cli.CopyProgress)) (result cli.MigrateDatabaseResult, err error) {
	ctx, stop := untilSignal(ctx)
	defer stop()
	set, err := cockpitSettings(o.ConfigDir, o.DataDir)
	if err != nil {
		return result, err
	}
	file, ok := strings.CutPrefix(set.Database, "sqlite:")
	if !ok {
		return result, fault.New(fault.Conflict, "DatabaseMoved", "%s names a PostgreSQL database already: its data isn't here", set.DatabaseAt)
	}
	if _, err := os.Stat(file); err != nil {
		return result, fault.Wrap(fault.NotFound, "UnknownDatabase", err, "there is no database %s", file)
	}
	if o.PasswordFile != "" {
		if o.PasswordFile, err = filepath.Abs(o.PasswordFile); err != nil {
			return result, err
		}
	}
	target, err := set.WithDatabase(o.To, o.PasswordFile)
	if err != nil {
		return result, err
	}
	lock, err := holdCockpit(set)
	if err != nil {
		return result, err
	}
	defer lock.Close()
	into, err := cockpit.OpenDatabase(ctx, target, fsys.Real{})
	if err != nil {
		return result, err
	}
	done, err := fillFrom(ctx, file, into, func(p transfer.Progress) { tell(cli.CopyProgress(p)) })
	if err = errors.Join(err, into.Close()); err != nil {
		return result, err
	}
	result = cli.MigrateDatabaseResult{From: file, Where: set.DatabaseAt, Settings: []string{`signet.cockpit.database = ` + conf.QuoteString(target.Database)}}
	if o.PasswordFile != "" {
		result.Settings = append(result.Settings, `signet.cockpit.database-password-file = `+conf.QuoteString(o.PasswordFile))
	}
	for _, p := range done {
		result.Tables = append(result.Tables, cli.CopiedTable{Table: p.Table, Rows: p.Rows})
	}
	return result, nil
}
