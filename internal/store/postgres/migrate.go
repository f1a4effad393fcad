package postgres

import (
	"context"
	"embed"
	"fmt"

	"github.com/jackc/pgx/v5"

	"github.com/signet-scheduler/signet/internal/store/migration"
)

//go:embed migrations/*.sql
var files embed.FS

const createMigrations = `CREATE TABLE migrations (
  number   bigint NOT NULL PRIMARY KEY,
  name     text   NOT NULL,
  checksum text   NOT NULL
)`

// migrate brings the tables to the form of this version.
func migrate(ctx context.Context, conn *pgx.Conn) error {
	all, err := migration.Read(files, "migrations")
	if err != nil {
		return err
	}
	return migrateTo(ctx, conn, all)
}

// migrateTo makes all the steps that are missing, or none. Other Cockpits wait
// meanwhile, those that start as well as those that write.
func migrateTo(ctx context.Context, conn *pgx.Conn, all []migration.Step) error {
	done, err := applied(ctx, conn)
	if err != nil {
		return err
	}
	if missing, err := migration.Missing(all, done); err != nil || len(missing) == 0 {
		return err // who may only read and write needs to do no more
	}
	// Before the transaction: one that has begun may not know what tables were made
	// while it waited.
	if _, err := say(ctx, conn, fmt.Sprintf("SET lock_timeout = '60s'; SELECT pg_advisory_lock(%d); SET lock_timeout = '10s'", writing)); err != nil {
		return failure(err)
	}
	defer func() {
		if _, err := say(context.WithoutCancel(ctx), conn, fmt.Sprintf("SELECT pg_advisory_unlock(%d)", writing)); err != nil {
			_ = conn.Close(context.WithoutCancel(ctx)) // which does it, too
		}
	}()
	if done, err = applied(ctx, conn); err != nil { // perhaps another was quicker
		return err
	}
	missing, err := migration.Missing(all, done)
	if err != nil {
		return err
	}
	return failure(pgx.BeginFunc(ctx, conn, func(tx pgx.Tx) error {
		if _, err := tx.Exec(ctx, "SET LOCAL statement_timeout = 0"); err != nil {
			return err
		}
		for _, m := range missing {
			if err := apply(ctx, tx, m); err != nil {
				return fmt.Errorf("bringing the database to form %d (%s): %w", m.Number, m.Name, failure(err))
			}
		}
		return nil
	}))
}

// applied returns the steps that the database has seen.
func applied(ctx context.Context, conn *pgx.Conn) (done []migration.Applied, err error) {
	var there bool
	if err := conn.QueryRow(ctx, "SELECT to_regclass('migrations') IS NOT NULL").Scan(&there); err != nil || !there {
		return nil, failure(err)
	}
	found, err := conn.Query(ctx, "SELECT number, checksum FROM migrations ORDER BY number")
	if err != nil {
		return nil, failure(err)
	}
	done, err = pgx.CollectRows(found, pgx.RowToStructByPos[migration.Applied])
	return done, failure(err)
}

// apply makes one step.
func apply(ctx context.Context, tx pgx.Tx, m migration.Step) error {
	if m.Number == 1 {
		if _, err := tx.Exec(ctx, createMigrations); err != nil {
			return err
		}
	}
	if _, err := tx.Exec(ctx, m.Text); err != nil {
		return err
	}
	_, err := tx.Exec(ctx, "INSERT INTO migrations (number, name, checksum) VALUES ($1, $2, $3)", m.Number, m.Name, m.Checksum)
	return err
}
