package postgres

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/signet-scheduler/signet/internal/fault"
	"github.com/signet-scheduler/signet/internal/store"
	"github.com/signet-scheduler/signet/internal/store/turn"
)

// Options says how a database is opened.
type Options struct {
	URL string // postgres://USER@HOST/DATABASE
	// Password returns the password, for each new connection; nil, or an empty one:
	// what the URL has.
	Password func() (string, error)
	// Readers is how many views may be open at once; 0 means 8.
	Readers int
}

// DB is an open database. Safe for concurrent use.
type DB struct {
	pool    *pgxpool.Pool
	readers chan struct{} // a place for each view
	turns   *turn.Queue
	sender  string // of our news
}

var _ store.Store = (*DB)(nil)

// others is how many connections there may be beside those of views: the
// writer's, one that is looking what became of a transaction, one that listens, one for
// the lease, and one for a backup.
const others = 5

// oldest is the first version of PostgreSQL that can be used.
const oldest = 130000

// Open connects to the database, which must exist, and brings its tables to the
// form of this version. A database of a later version is refused (Conflict,
// DatabaseTooNew), one whose past differs from ours too (Corrupt,
// MigrationChanged).
func Open(ctx context.Context, o Options) (*DB, error) {
	if o.Readers <= 0 {
		o.Readers = 8
	}
	c, err := address(o)
	if err != nil {
		return nil, err
	}
	withPassword(c, o.Password)
	c.MaxConns = int32(o.Readers + others)
	c.MinConns = 0
	c.MaxConnIdleTime = 5 * time.Minute
	c.PingTimeout = 5 * time.Second
	c.AfterConnect = func(ctx context.Context, conn *pgx.Conn) error {
		_, err := conn.Exec(ctx, prepare)
		return err
	}
	pool, err := pgxpool.NewWithConfig(ctx, c)
	if err != nil {
		return nil, failure(err)
	}
	d := &DB{pool: pool, readers: make(chan struct{}, o.Readers), sender: rand.Text()}
	d.turns = turn.NewQueue(d.commit)
	if err := d.connect(ctx); err != nil {
		return nil, errors.Join(fmt.Errorf("opening the database %s: %w", name(c), err), d.Close())
	}
	return d, nil
}

// name tells people which database is meant.
func name(c *pgxpool.Config) string {
	return fmt.Sprintf("%s at %s, port %d", c.ConnConfig.Database, c.ConnConfig.Host, c.ConnConfig.Port)
}

func (d *DB) connect(ctx context.Context) error {
	conn, err := d.pool.Acquire(ctx)
	if err != nil {
		return failure(err)
	}
	defer conn.Release()
	version, err := strconv.Atoi(setting(ctx, conn, "server_version_num"))
	if err != nil || version < oldest {
		return fault.New(fault.Invalid, "InvalidDatabase", "the database's server is older than PostgreSQL %d, or none of PostgreSQL: use a newer one", oldest/10000)
	}
	return migrate(ctx, conn.Conn())
}

// setting returns a setting of the server; "" when it can't be had.
func setting(ctx context.Context, conn *pgxpool.Conn, name string) (value string) {
	if err := conn.QueryRow(ctx, "SELECT current_setting($1, true)", name).Scan(&value); err != nil {
		return ""
	}
	return value
}

// Close waits for the transactions that run and closes the connections.
func (d *DB) Close() error {
	if d.turns.Close() {
		d.pool.Close()
	}
	return nil
}
