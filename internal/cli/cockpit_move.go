package cli

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"
)

// MigrateDatabaseOptions says whose database goes where.
type MigrateDatabaseOptions struct {
	ConfigDir, DataDir string
	To                 string // URL of the PostgreSQL database
	PasswordFile       string
}

// CopyProgress tells how far a table is copied.
type CopyProgress struct {
	Table   string
	Rows    int64
	Of      int64
	Checked bool // and read back
}

// CopiedTable is a table that was copied.
type CopiedTable struct {
	Table string `json:"table"`
	Rows  int64  `json:"rows"`
}

// MigrateDatabaseResult tells what was copied, and what to change now.
type MigrateDatabaseResult struct {
	From     string        `json:"from"`
	Tables   []CopiedTable `json:"tables"`
	Where    string        `json:"where"`    // where the settings are to be changed
	Settings []string      `json:"settings"` // to what
}

func (s *session) migrateDatabaseVerb() *cobra.Command {
	var o MigrateDatabaseOptions
	c := s.verb(verb{
		use: "migrate-database --config DIR --data DIR --to URL", short: "Copy a Cockpit's SQLite database to PostgreSQL",
		long: `The Cockpit must not run, and the PostgreSQL database must exist and be empty. All rows are copied in one transaction, read back and
compared. The old file stays as it is. Afterwards change the line of cockpit.conf that is told, and start the Cockpit.`,
		example: `  signet cockpit migrate-database --config /etc/signet/cockpit --data /var/lib/signet/cockpit \
    --to postgres://signet@db.example.com/signet --password-file /etc/signet/cockpit/private/database-password`,
		run: func(ctx context.Context, _ []string) error {
			if err := cockpitDirs(o.ConfigDir, o.DataDir); err != nil {
				return err
			}
			if o.To == "" {
				return Usage("--to is missing: the PostgreSQL database, like postgres://signet@db.example.com/signet")
			}
			p := s.progress()
			result, err := s.program.MigrateDatabase(ctx, o, func(c CopyProgress) {
				if !c.Checked {
					p.show("table %s: %d of %d rows", c.Table, c.Rows, c.Of)
				} else {
					p.show("table %s: %d rows, checked", c.Table, c.Rows)
				}
			})
			p.end()
			if err != nil {
				return err
			}
			return s.tellMigrated(result)
		},
	})
	dirFlags(c, &o.ConfigDir, &o.DataDir)
	c.Flags().StringVar(&o.To, "to", "", "the PostgreSQL database: a libpq URL without a password")
	c.Flags().StringVar(&o.PasswordFile, "password-file", "", "file with nothing but its password")
	_ = c.MarkFlagFilename("password-file") // the flag is there
	return c
}

func (s *session) tellMigrated(r MigrateDatabaseResult) error {
	if s.json() {
		return s.printJSON(r)
	}
	t := s.table("TABLE", "ROWS")
	for _, c := range r.Tables {
		t.row(c.Table, fmt.Sprint(c.Rows))
	}
	if err := t.flush(); err != nil {
		return err
	}
	fmt.Fprintf(s.io.Err, "all rows are there and were compared; %s stays as it was. Now change %s to:\n", r.From, r.Where)
	for _, line := range r.Settings {
		fmt.Fprintf(s.io.Err, "  %s\n", line)
	}
	return nil
}
