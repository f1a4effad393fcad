package sqlite

import (
	"context"
	"database/sql"
	"embed"
	"errors"
	"fmt"

	"github.com/signet-scheduler/signet/internal/store/migration"
)

//go:embed migrations/*.sql
var files embed.FS

const createMigrations = `CREATE TABLE IF NOT EXISTS migrations (
  number   INTEGER NOT NULL PRIMARY KEY,
  name     TEXT    NOT NULL,
  checksum TEXT    NOT NULL
)`

// migrate brings the tables to the form of this version.
func migrate(ctx context.Context, db *sql.DB) error {
	all, err := migration.Read(files, "migrations")
	if err != nil {
		return err
	}
	return migrateTo(ctx, db, all)
}

func migrateTo(ctx context.Context, db *sql.DB, all []migration.Step) error {
	if _, err := db.ExecContext(ctx, createMigrations); err != nil {
		return failure(err)
	}
	done, err := applied(ctx, db)
	if err != nil {
		return err
	}
	missing, err := migration.Missing(all, done)
	if err != nil {
		return err
	}
	for _, m := range missing {
		if err := apply(ctx, db, m); err != nil {
			return fmt.Errorf("bringing the database to form %d (%s): %w", m.Number, m.Name, err)
		}
	}
	return nil
}

// applied returns the steps that the database has seen.
func applied(ctx context.Context, db *sql.DB) (done []migration.Applied, err error) {
	rows, err := db.QueryContext(ctx, "SELECT number, checksum FROM migrations ORDER BY number")
	if err != nil {
		return nil, failure(err)
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	for rows.Next() {
		var a migration.Applied
		if err := rows.Scan(&a.Number, &a.Checksum); err != nil {
			return nil, failure(err)
		}
		done = append(done, a)
	}
	return done, failure(rows.Err())
}

// apply makes one step, whole or not at all.
func apply(ctx context.Context, db *sql.DB, m migration.Step) error {
	tx, err := db.BeginTx(ctx, nil)
	if err != nil {
		return failure(err)
	}
	_, err = tx.ExecContext(ctx, m.Text)
	if err == nil {
		_, err = tx.ExecContext(ctx, "INSERT INTO migrations (number, name, checksum) VALUES (?, ?, ?)", m.Number, m.Name, m.Checksum)
	}
	if err != nil {
		return errors.Join(failure(err), tx.Rollback())
	}
	return failure(tx.Commit())
}
