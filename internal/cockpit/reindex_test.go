package cockpit

import (
	"context"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/signet-scheduler/signet/internal/fsys"
	"github.com/signet-scheduler/signet/internal/store/postgres/postgrestest"
	"github.com/signet-scheduler/signet/internal/store/transfer"
)

// move copies the database to another, and goes on with that.
func (b *bench) move(to string) {
	b.Helper()
	ctx := context.Background()
	b.stop()
	from, err := OpenDatabase(ctx, b.settings, fsys.Real{})
	b.check(err)
	b.settings.Database = to
	into, err := OpenDatabase(ctx, b.settings, fsys.Real{})
	b.check(err)
	done, err := transfer.Fill(ctx, from, into, func(transfer.Progress) {})
	b.check(err)
	tables := map[string]int64{}
	for _, p := range done {
		if tables[p.Table] = p.Rows; p.Rows != p.Of || !p.Checked {
			b.Errorf("copied: %+v", p)
		}
	}
	for _, table := range []string{"objects", "object_drafts", "object_versions", "object_deployments", "object_references", "folders"} {
		if tables[table] == 0 {
			b.Errorf("table %s has no rows", table)
		}
	}
	b.check(from.Close())
	b.check(into.Close())
	b.start()
}

// The inventory moves to PostgreSQL and back; what was found before is found there.
func TestInventoryMoves(t *testing.T) {
	t.Parallel()
	b := newBench(t, options{})
	b.deploy(map[string]string{"nightly/sqlplus": job("out one\nout SqlPlus -s"), "other": job("out two")})
	b.settled()
	b.draft("Workflow:yaml", "instructions: []\nsource: calls sqlplus\n")
	b.draft("Workflow:other", "{ sqlplus, and not to be read")
	b.draft("Workflow:away", `{"instructions": [], "source": "sqlplus"}`)
	b.call("DELETE", objectURL("Workflow:away"), nil, nil)
	type picture struct{ Objects, Hits, Names, Users []string }
	look := func() (p picture) {
		b.Helper()
		b.settled()                                                  // the services run
		if _, err := b.c.reindex(context.Background()); err != nil { // it has begun with the start
			b.Fatal(err)
		}
		return picture{b.objects("recursive=true"), b.search("q=sqlplus"), b.search("q=nightly"), b.search("q=agent-1")}
	}
	want := look()
	if len(want.Hits) != 4 || len(want.Names) == 0 || len(want.Users) == 0 || strings.Contains(strings.Join(want.Hits, " "), "away") {
		t.Fatalf("before: %+v", want)
	}
	for _, to := range []string{postgrestest.Database(t), "sqlite:" + filepath.Join(t.TempDir(), "back.db")} {
		b.move(to)
		if d := cmp.Diff(want, look()); d != "" {
			t.Errorf("after moving to %.8s (-want +got):\n%s", to, d)
		}
		if n, err := b.c.reindex(context.Background()); n != 0 || err != nil {
			t.Errorf("%d objects weren't in the index, %v", n, err)
		}
	}
	b.deployDrafts("Workflow:yaml")
	b.settled()
	if o := b.object("Workflow:yaml"); o.Object.State != "deployed" {
		t.Errorf("deployed afterwards: %+v", o.Object)
	}
}
