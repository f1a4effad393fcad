package postgres

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/signet-scheduler/signet/internal/fault"
	"github.com/signet-scheduler/signet/internal/store"
	"github.com/signet-scheduler/signet/internal/store/migration"
	"github.com/signet-scheduler/signet/internal/store/postgres/postgrestest"
)

func connect(t *testing.T, url string) *pgx.Conn {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close(context.Background()) })
	return conn
}

func steps(t *testing.T) []migration.Step {
	t.Helper()
	all, err := migration.Read(files, "migrations")
	if err != nil || len(all) == 0 {
		t.Fatalf("%v, %v", all, err)
	}
	return all
}

func TestMigrations(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	all := steps(t)
	conn := connect(t, postgrestest.Database(t))
	next := append(slices.Clone(all), migration.Step{Number: len(all) + 1, Name: "more", Text: "CREATE TABLE more (a bigint); INSERT INTO more VALUES (1);", Checksum: "sum"})
	broken := append(slices.Clone(all), migration.Step{Number: len(all) + 1, Name: "more", Text: "CREATE TABLE more (a bigint); nonsense;", Checksum: "sum"})
	if err := migrateTo(ctx, conn, broken); err == nil {
		t.Error("a broken migration passes")
	}
	if done, err := applied(ctx, conn); len(done) != 0 || err != nil {
		t.Errorf("a broken migration leaves %v, %v", done, err)
	}
	if err := migrateTo(ctx, conn, all); err != nil {
		t.Fatal(err)
	}
	if err := migrateTo(ctx, conn, next); err != nil {
		t.Errorf("the next: %v", err)
	}
	if err := migrateTo(ctx, conn, next); err != nil {
		t.Errorf("again: %v", err)
	}
	if err := migrateTo(ctx, conn, all); !fault.HasCode(err, "DatabaseTooNew") {
		t.Errorf("a newer database: %v", err)
	}
	next[0].Checksum = "other"
	if err := migrateTo(ctx, conn, next); !fault.HasCode(err, "MigrationChanged") {
		t.Errorf("a changed migration: %v", err)
	}
}

// Several Cockpits that start at once make one database.
func TestMigratingAtOnce(t *testing.T) {
	t.Parallel()
	url := postgrestest.Database(t)
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			db, err := Open(t.Context(), Options{URL: url})
			if err != nil {
				t.Error(err)
				return
			}
			_ = db.Close()
		})
	}
	wg.Wait()
}

// Who may only read and write can open a database whose tables are made.
func TestOpenWithoutDDL(t *testing.T) {
	t.Parallel()
	url := postgrestest.Database(t)
	db := open(t, url)
	defer db.Close()
	role := "clerk_of_" + db.pool.Config().ConnConfig.Database // roles are the whole server's
	for _, q := range []string{
		"CREATE ROLE " + role + " LOGIN", "REVOKE ALL ON SCHEMA public FROM PUBLIC", "GRANT USAGE ON SCHEMA public TO " + role,
		"GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO " + role,
	} {
		if _, err := db.pool.Exec(t.Context(), q); err != nil {
			t.Fatal(err)
		}
	}
	clerk, err := Open(t.Context(), Options{URL: url + "&user=" + role})
	if err != nil {
		t.Fatal(err)
	}
	defer clerk.Close()
	if err := clerk.Write(t.Context(), func(w store.Writer) error { return w.SetPosition("c", 0, 1) }); err != nil {
		t.Error(err)
	}
	fresh := postgrestest.Database(t)
	if db, err := Open(t.Context(), Options{URL: fresh + "&user=" + role}); !fault.HasCode(err, "DatabaseForbidden") {
		t.Errorf("making tables without the right to: %v", err)
		if err == nil {
			_ = db.Close()
		}
	}
}

// A released migration is never changed: add another one.
func TestReleasedMigrations(t *testing.T) {
	t.Parallel()
	const golden = "testdata/migrations.txt"
	var text string
	for _, m := range steps(t) {
		text += m.Checksum + " " + m.Name + "\n"
	}
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	if text != string(want) {
		t.Errorf("%s differs from the migrations there are:\n%s", golden, text)
	}
}

// A database that an earlier version made and filled comes to the form of this one.
func TestEarlierForms(t *testing.T) {
	t.Parallel()
	all := steps(t)
	for form := 1; form <= len(all); form++ {
		t.Run(fmt.Sprint(form), func(t *testing.T) {
			t.Parallel()
			url := postgrestest.Database(t)
			conn := connect(t, url)
			if err := migrateTo(t.Context(), conn, all[:form]); err != nil {
				t.Fatal(err)
			}
			rows, err := os.ReadFile(filepath.Join("testdata", fmt.Sprintf("form-%04d.sql", form)))
			if err != nil {
				t.Fatal(err)
			}
			if _, err := conn.Exec(t.Context(), string(rows)); err != nil {
				t.Fatal(err)
			}
			db := open(t, url)
			defer db.Close()
			err = db.Read(t.Context(), func(r store.Reader) error {
				a, err := r.Account("Anna")
				if err != nil || a.Role != "administrator" {
					t.Errorf("account: %+v, %v", a, err)
				}
				s, err := r.Step(store.StepKey{Controller: "c", Event: 1000})
				if err != nil || s.OrderID != "O|x\x00" || s.Label != "l" || s.Log.Problem != "p" {
					t.Errorf("step: %+v, %v", s, err)
				}
				o, err := r.Order("c", "O")
				if err != nil || !o.Ended || o.Since != 7 || string(o.Body) != "\x00\xff" {
					t.Errorf("order: %+v, %v", o, err)
				}
				data, err := r.LogChunk(s.StepKey, 0)
				if err != nil || string(data) != "\x00\x01\xff" {
					t.Errorf("chunk: %q, %v", data, err)
				}
				p, err := r.Position("c")
				if p != 1<<53 {
					t.Errorf("position: %d", p)
				}
				return err
			})
			if err != nil {
				t.Fatal(err)
			}
		})
	}
}
