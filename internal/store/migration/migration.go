// Package migration reads the numbered steps by which the tables of a database
// come to the form of this version, and tells which of them a database still
// lacks.
//
// Steps are applied in the order of their numbers, each once and never backwards;
// a step that was released is never changed: a database keeps the checksum of
// each. The same number means the same tables and columns in every engine. This
// package must not know SQL; the engines apply the steps.
package migration

import (
	"crypto/sha256"
	"encoding/hex"
	"io/fs"
	"path"
	"sort"
	"strconv"
	"strings"

	"github.com/signet-scheduler/signet/internal/fault"
)

// Step is one step of the tables' form.
type Step struct {
	Number   int
	Name     string
	Text     string // SQL
	Checksum string // of the text: SHA-256, hexadecimal
}

// Applied is what a database keeps of a step.
type Applied struct {
	Number   int
	Checksum string
}

// Read reads the steps in a folder of files, in order.
func Read(files fs.FS, dir string) ([]Step, error) {
	names, err := fs.Glob(files, path.Join(dir, "*.sql"))
	if err != nil {
		return nil, err
	}
	sort.Strings(names)
	var all []Step
	for i, file := range names {
		name := strings.TrimSuffix(path.Base(file), ".sql")
		digits, rest, ok := strings.Cut(name, "_")
		number, err := strconv.Atoi(digits)
		if !ok || err != nil || number != i+1 {
			return nil, fault.New(fault.Internal, "BadMigration", "%s: migrations are named NNNN_name.sql, without gaps", file)
		}
		text, err := fs.ReadFile(files, file)
		if err != nil {
			return nil, err
		}
		sum := sha256.Sum256(text)
		all = append(all, Step{number, rest, string(text), hex.EncodeToString(sum[:])})
	}
	return all, nil
}

// Missing returns those of the steps that a database lacks. It is Conflict,
// DatabaseTooNew, when the database is of a later version, and Corrupt,
// MigrationChanged, when its past isn't ours.
func Missing(all []Step, done []Applied) ([]Step, error) {
	if len(done) > len(all) {
		return nil, fault.New(fault.Conflict, "DatabaseTooNew", "the database has form %d, this program knows forms up to %d: use a newer program", len(done), len(all))
	}
	for i, d := range done {
		if d.Number != i+1 {
			return nil, fault.New(fault.Corrupt, "MigrationChanged", "the database has form %d without form %d", d.Number, i+1)
		}
		if d.Checksum != all[i].Checksum {
			return nil, fault.New(fault.Corrupt, "MigrationChanged", "form %d (%s) of the database is not the one that this program knows", d.Number, all[i].Name)
		}
	}
	return all[len(done):], nil
}
