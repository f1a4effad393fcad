package postgres

import (
	"context"
	"os"
	"testing"

	"github.com/signet-scheduler/signet/internal/store"
	"github.com/signet-scheduler/signet/internal/store/postgres/postgrestest"
	"github.com/signet-scheduler/signet/internal/store/storetest"
)

func TestMain(m *testing.M) { os.Exit(postgrestest.Main(m)) }

func open(t testing.TB, url string) *DB {
	t.Helper()
	db, err := Open(context.Background(), Options{URL: url})
	if err != nil {
		t.Fatalf("Open: %v", err)
	}
	return db
}

func TestSuite(t *testing.T) {
	storetest.Run(t, storetest.Engine{Open: func(t *testing.T) func() store.Store {
		t.Helper()
		url := postgrestest.Database(t)
		return func() store.Store { return open(t, url) }
	}})
}
