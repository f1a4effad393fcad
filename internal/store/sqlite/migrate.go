package sqlite

import (
	"context"
	"crypto/sha256"
	"database/sql"
	"embed"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"sort"
	"strconv"
	"strings"

	"github.com/signet-scheduler/signet/internal/fault"
)

//go:embed migrations/*.sql
var files embed.FS

// migration is one step of the tables' form. Steps are applied in the order of
// their numbers, each once and never backwards; a step that was released is never
// changed.
type migration struct {
	number   int
	name     string
	text     string
	checksum string
}

// migrations reads the steps of this version.
func migrations(source fs.FS) ([]migration, error) {
	names, err := fs.Glob(source, "migrations/*.sql")
	if err != nil {
		return nil, err
	}
	sort.Strings(names)
	var all []migration
	for i, file := range names {
		name := strings.TrimSuffix(strings.TrimPrefix(file, "migrations/"), ".sql")
		digits, rest, ok := strings.Cut(name, "_")
		number, err := strconv.Atoi(digits)
		if !ok || err != nil || number != i+1 {
			return nil, fault.New(fault.Internal, "BadMigration", "%s: migrations are named NNNN_name.sql, without gaps", file)
		}
		text, err := fs.ReadFile(source, file)
		if err != nil {
			return nil, err
		}
		sum := sha256.Sum256(text)
		all = append(all, migration{number, rest, string(text), hex.EncodeToString(sum[:])})
	}
	return all, nil
}

const createMigrations = `CREATE TABLE IF NOT EXISTS migrations (
  number   INTEGER NOT NULL PRIMARY KEY,
  name     TEXT    NOT NULL,
  checksum TEXT    NOT NULL
)`

// migrate brings the tables to the form of this version.
func migrate(ctx context.Context, db *sql.DB) error {
	all, err := migrations(files)
	if err != nil {
		return err
	}
	return migrateTo(ctx, db, all)
}

func migrateTo(ctx context.Context, db *sql.DB, all []migration) error {
	if _, err := db.ExecContext(ctx, createMigrations); err != nil {
		return failure(err)
	}
	done, err := applied(ctx, db)
	if err != nil {
		return err
	}
	if len(done) > len(all) {
		return fault.New(fault.Conflict, "DatabaseTooNew", "the database has form %d, this program knows forms up to %d: use a newer program", len(done), len(all))
	}
	for i, m := range all {
		if i < len(done) {
			if done[i] != m.checksum {
				return fault.New(fault.Corrupt, "MigrationChanged", "form %d (%s) of the database is not the one that this program knows", m.number, m.name)
			}
			continue
		}
		if err := apply(ctx, db, m); err != nil {
			return fmt.Errorf("bringing the database to form %d (%s): %w", m.number, m.name, err)
		}
	}
	return nil
}

// applied returns the checksums of the steps that the database has seen.
func applied(ctx context.Context, db *sql.DB) (sums []string, err error) {
	rows, err := db.QueryContext(ctx, "SELECT number, checksum FROM migrations ORDER BY number")
	if err != nil {
		return nil, failure(err)
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	for rows.Next() {
		var number int
		var sum string
		if err := rows.Scan(&number, &sum); err != nil {
			return nil, failure(err)
		}
		if number != len(sums)+1 {
			return nil, fault.New(fault.Corrupt, "MigrationChanged", "the database has form %d without form %d", number, len(sums)+1)
		}
		sums = append(sums, sum)
	}
	return sums, failure(rows.Err())
}

// apply makes one step, whole or not at all.
func apply(ctx context.Context, db *sql.DB, m migration) error {
	tx, err := db.BeginTx(ctx, nil)
	if err != nil {
		return failure(err)
	}
	_, err = tx.ExecContext(ctx, m.text)
	if err == nil {
		_, err = tx.ExecContext(ctx, "INSERT INTO migrations (number, name, checksum) VALUES (?, ?, ?)", m.number, m.name, m.checksum)
	}
	if err != nil {
		return errors.Join(failure(err), tx.Rollback())
	}
	return failure(tx.Commit())
}
