package postgres

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/url"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/signet-scheduler/signet/internal/fault"
	"github.com/signet-scheduler/signet/internal/store"
	"github.com/signet-scheduler/signet/internal/store/postgres/postgrestest"
)

func position(t *testing.T, db store.Store) (p int64) {
	t.Helper()
	err := db.Read(context.Background(), func(r store.Reader) (err error) {
		p, err = r.Position("c")
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func TestOpenRefuses(t *testing.T) {
	t.Parallel()
	good := postgrestest.Database(t)
	none, err := url.Parse(good)
	if err != nil {
		t.Fatal(err)
	}
	none.Path = "/none"
	for _, c := range []struct {
		name, url string
		kind      fault.Kind
		code      string
	}{
		{"nothing", "", fault.Invalid, "InvalidDatabase"},
		{"another scheme", "mysql://u@h/d", fault.Invalid, "InvalidDatabase"},
		{"unknown sslmode", "postgres://u:s3cret@h/d?sslmode=perhaps", fault.Invalid, "InvalidDatabase"},
		{"bad port", "postgres://u:s3cret@h:x/d", fault.Invalid, "InvalidDatabase"},
		{"no CA file", "postgres://u:s3cret@h/d?sslrootcert=/none", fault.Invalid, "InvalidDatabase"},
		{"no socket", "postgres:///d?host=/none&user=s3cret", fault.Unavailable, "DatabaseUnreachable"},
		{"nobody listens", "postgres://u:s3cret@127.0.0.1:1/d", fault.Unavailable, "DatabaseUnreachable"},
		{"no such database", none.String(), fault.Unavailable, "UnknownDatabase"},
		{"no such user", strings.Replace(good, "//signet@", "//nobody@", 1), fault.Unavailable, "DatabaseLogin"},
	} {
		db, err := Open(t.Context(), Options{URL: c.url})
		if err == nil {
			_ = db.Close()
		}
		if !fault.Is(err, c.kind) || !fault.HasCode(err, c.code) || strings.Contains(fault.Of(err).Public(), "s3cret") {
			t.Errorf("%s: got %v, want %s", c.name, err, c.code)
		}
	}
	if _, err := Open(t.Context(), Options{URL: good, Password: func() (string, error) { return "", io.ErrUnexpectedEOF }}); err == nil {
		t.Error("a password that can't be had passes")
	}
}

// The password is asked for with each new connection.
func TestPassword(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	server := postgrestest.New(t)
	address := server.Database(t)
	admin := open(t, address)
	defer admin.Close()
	do := func(statement string) {
		t.Helper()
		if _, err := admin.pool.Exec(ctx, statement); err != nil {
			t.Fatal(err)
		}
	}
	var rules string
	if err := admin.pool.QueryRow(ctx, "SHOW hba_file").Scan(&rules); err != nil {
		t.Fatal(err)
	}
	do("CREATE ROLE guarded LOGIN PASSWORD 'first' IN ROLE signet")
	do("COPY (SELECT * FROM (VALUES (1, 'local all guarded scram-sha-256'), (2, 'local all all trust')) AS r (n, line) ORDER BY n) TO PROGRAM 'cut -f 2 >" + rules + "'")
	do("SELECT pg_reload_conf()")
	password := "wrong"
	guarded := Options{URL: address + "&user=guarded", Password: func() (string, error) { return password, nil }}
	if db, err := Open(ctx, guarded); !fault.HasCode(err, "DatabaseLogin") {
		t.Errorf("with a wrong password: %v", err)
		if err == nil {
			_ = db.Close()
		}
	}
	password = "first"
	db, err := Open(ctx, guarded)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	do("ALTER ROLE guarded PASSWORD 'second'")
	password = "second"
	db.pool.Reset()
	if err := db.Read(ctx, func(store.Reader) error { return nil }); err != nil {
		t.Errorf("after the password has changed: %v", err)
	}
}

func TestAddress(t *testing.T) {
	t.Parallel()
	for from, want := range map[string]string{
		"postgres://u@db.example.com/signet":                   "signet at db.example.com, port 5432, TLS of db.example.com",
		"postgres://u@db.example.com:5433/x?sslmode=disable":   "x at db.example.com, port 5433, plain",
		"postgres://u@db.example.com/x?sslmode=require&user=v": "x at db.example.com, port 5432, TLS of anybody",
		"postgres://u@10.0.0.1":                                "signet at 10.0.0.1, port 5432, TLS of 10.0.0.1",
		"postgres://u@127.0.0.1/x":                             "x at 127.0.0.1, port 5432, TLS of anybody, plain",
		"postgresql://u@localhost/x":                           "x at localhost, port 5432, TLS of anybody, plain",
		"postgres://u@[::1]:99/x":                              "x at ::1, port 99, TLS of anybody, plain",
		"postgres:///x?host=/run/postgresql":                   "x at /run/postgresql, port 5432, plain",
		"postgres://localhost,db.example.com/x":                "x at localhost, port 5432, TLS of localhost, TLS of db.example.com",
	} {
		c, err := address(Options{URL: from})
		if err != nil {
			t.Errorf("%s: %v", from, err)
			continue
		}
		got := name(c)
		ways := []*pgconn.FallbackConfig{{TLSConfig: c.ConnConfig.TLSConfig}}
		for _, way := range append(ways, c.ConnConfig.Fallbacks...) {
			switch {
			case way.TLSConfig == nil:
				got += ", plain"
			case way.TLSConfig.InsecureSkipVerify:
				got += ", TLS of anybody"
			default:
				got += ", TLS of " + way.TLSConfig.ServerName
			}
		}
		if got != want {
			t.Errorf("%s: %s, want %s", from, got, want)
		}
	}
}

func TestNumbered(t *testing.T) {
	t.Parallel()
	if got := numbered("a = ? AND b IN (?, ?)" + strings.Repeat("?", 8)); got != "a = $1 AND b IN ($2, $3)$4$5$6$7$8$9$10$11" {
		t.Error(got)
	}
	if got := numbered("none"); got != "none" {
		t.Error(got)
	}
}

// What the server reports becomes a fault that says what to do.
func TestFailure(t *testing.T) {
	t.Parallel()
	for code, want := range map[string]fault.Kind{
		"53100": fault.NoSpace, "53300": fault.Unavailable, "40001": fault.Unavailable, "55P03": fault.Unavailable, "57014": fault.Timeout,
		"57P01": fault.Unavailable, "08006": fault.Unavailable, "25006": fault.Unavailable, "25P03": fault.Unavailable, "28P01": fault.Unavailable,
		"42501": fault.Unavailable, "23505": fault.Conflict, "XX001": fault.Corrupt, "42601": fault.Internal, "": fault.Internal, "25P02": fault.Internal,
	} {
		if err := failure(&pgconn.PgError{Code: code}); !fault.Is(err, want) {
			t.Errorf("%s: %v, want %v", code, err, want)
		}
	}
	own := fault.New(fault.NotFound, "X", "x")
	for want, err := range map[fault.Kind]error{
		fault.Timeout: context.DeadlineExceeded, fault.Unavailable: &net.OpError{Op: "read", Err: errors.New("reset")}, fault.Internal: errors.New("?"), fault.NotFound: own,
	} {
		if got := failure(err); !fault.Is(got, want) {
			t.Errorf("%v: %v", err, got)
		}
	}
	if failure(nil) != nil {
		t.Error("nil")
	}
}

// connOf returns the connection of a transaction.
func connOf(w store.Writer) *pgx.Conn {
	s, _ := w.(*writer).Engine.(*session)
	return s.conn
}

// Connections that the server has closed are replaced; what was under way is
// undone, and says so.
func TestLostConnections(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	server := postgrestest.New(t)
	db := open(t, server.Database(t))
	defer db.Close()
	write := func(from, to int64) error {
		return db.Write(ctx, func(w store.Writer) error { return w.SetPosition("c", from, to) })
	}
	if err := write(0, 1); err != nil {
		t.Fatal(err)
	}
	server.Stop()
	if err := write(1, 2); !fault.HasCode(err, "DatabaseUnreachable") {
		t.Errorf("without a server: %v", err)
	}
	if err := db.Read(ctx, func(store.Reader) error { return nil }); !fault.HasCode(err, "DatabaseUnreachable") {
		t.Errorf("reading without a server: %v", err)
	}
	if err := server.Start(); err != nil {
		t.Fatal(err)
	}
	if err := write(1, 2); err != nil {
		t.Errorf("after a restart: %v", err)
	}
	for _, swallow := range []bool{false, true} {
		err := db.Write(ctx, func(w store.Writer) error {
			if err := w.SetPosition("c", 2, 3); err != nil {
				return err
			}
			terminate(t, db, connOf(w).PgConn().PID())
			if err := w.SetPosition("c", 3, 4); !fault.HasCode(err, "DatabaseUnreachable") {
				t.Errorf("on a closed connection: %v", err)
			} else if !swallow {
				return err
			}
			return nil
		})
		if !fault.HasCode(err, "DatabaseUnreachable") {
			t.Errorf("swallowed %v: %v", swallow, err)
		}
	}
	if p := position(t, db); p != 2 {
		t.Errorf("position %d, want 2", p)
	}
}

func terminate(t *testing.T, db *DB, pid uint32) {
	t.Helper()
	var done bool
	if err := db.pool.QueryRow(context.Background(), "SELECT pg_terminate_backend($1, 10000)", int32(pid)).Scan(&done); err != nil || !done {
		t.Errorf("terminating: %v, %v", done, err)
	}
}

// A statement that failed makes the whole fail, also when its error was dropped.
func TestSwallowedFailure(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	db := open(t, postgrestest.Database(t))
	defer db.Close()
	bad := func(w store.Writer) error {
		_ = w.SetPosition("c", 0, 1)
		_, _ = w.(*writer).Exec("INSERT INTO nowhere VALUES (?)", 1)
		return nil
	}
	if err := db.Write(ctx, bad); !fault.HasCode(err, "DatabaseFailed") {
		t.Errorf("got %v", err)
	}
	if p := position(t, db); p != 0 {
		t.Errorf("position %d", p)
	}
}

// gate is between the engine and its server: it can cut a connection when
// something is said on it, before or after the server has heard it.
type gate struct {
	mu      sync.Mutex
	when    []byte
	deliver bool
	cuts    int
}

func (g *gate) set(when string, deliver bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.when, g.deliver, g.cuts = []byte(when), deliver, 0
}

// hit tells whether a message is the one to be cut at, which it is once.
func (g *gate) hit(message []byte) (cut, deliver bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if len(g.when) == 0 || !bytes.Contains(message, g.when) {
		return false, true
	}
	g.when = nil
	g.cuts++
	return true, g.deliver
}

// serve listens in a folder as a server does.
func (g *gate) serve(t *testing.T, dir, target string) {
	t.Helper()
	l, err := net.Listen("unix", filepath.Join(dir, ".s.PGSQL.5432"))
	if err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	t.Cleanup(func() {
		_ = l.Close()
		wg.Wait()
	})
	wg.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			s, err := net.Dial("unix", target)
			if err != nil {
				_ = c.Close()
				continue
			}
			wg.Go(func() { g.forward(c, s) })
		}
	})
}

func (g *gate) forward(client, server net.Conn) {
	defer server.Close()
	defer client.Close()
	var wg sync.WaitGroup
	defer wg.Wait()
	defer server.Close()
	answers := make(chan struct{}) // closed: the client gets none any more
	wg.Go(func() {
		buffer := make([]byte, 64<<10)
		for {
			n, err := server.Read(buffer)
			select {
			case <-answers:
				return // the answer has come, and is lost
			default:
			}
			if n > 0 {
				if _, err := client.Write(buffer[:n]); err != nil {
					return
				}
			}
			if err != nil {
				_ = client.Close()
				return
			}
		}
	})
	buffer := make([]byte, 64<<10)
	for {
		n, err := client.Read(buffer)
		if err != nil {
			return
		}
		cut, deliver := g.hit(buffer[:n])
		if cut {
			close(answers)
		}
		if deliver {
			if _, err := server.Write(buffer[:n]); err != nil {
				return
			}
		}
		if cut {
			if deliver {
				wg.Wait() // until the server has answered
			}
			return
		}
	}
}

// When the answer to a commit is lost, what became of it is found out.
func TestOutcomeOfACommit(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	server := postgrestest.New(t)
	address := server.Database(t)
	dir := t.TempDir()
	g := &gate{}
	g.serve(t, dir, server.Socket())
	db := open(t, strings.Replace(address, url.QueryEscape(filepath.Dir(server.Socket())), url.QueryEscape(dir), 1))
	defer db.Close()
	for n, c := range []struct {
		deliver bool
		want    string
	}{{true, ""}, {false, "DatabaseUnreachable"}} {
		g.set("COMMIT\x00", c.deliver)
		err := db.Write(ctx, func(w store.Writer) error { return w.SetPosition("c", int64(n), int64(n+1)) })
		code := ""
		if err != nil {
			code = fault.Of(err).Code
		}
		if code != c.want || g.cuts != 1 {
			t.Errorf("delivered %v, cut %d times: %v", c.deliver, g.cuts, err)
		}
	}
	if p := position(t, db); p != 1 {
		t.Errorf("position %d, want 1", p)
	}
}

// Whoever writes is waited for, and not for ever.
func TestWritingLock(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	url := postgrestest.Database(t)
	db, other := open(t, url), open(t, url)
	defer db.Close()
	defer other.Close()
	err := db.Write(ctx, func(w store.Writer) error {
		conn, _, err := other.begin(ctx, fmt.Sprintf("BEGIN; SET LOCAL lock_timeout = '50ms'; SELECT pg_advisory_xact_lock(%d)", writing))
		if err == nil {
			conn.Release()
		}
		if !fault.HasCode(err, "DatabaseBusy") {
			t.Errorf("while another writes: %v", err)
		}
		return w.SetPosition("c", 0, 1)
	})
	if err != nil {
		t.Error(err)
	}
	var held string
	if err := db.pool.QueryRow(ctx, "SELECT string_agg(name || '=' || setting, ' ' ORDER BY name) FROM pg_settings WHERE name IN ('lock_timeout', 'statement_timeout', 'idle_in_transaction_session_timeout', 'synchronous_commit')").Scan(&held); err != nil {
		t.Fatal(err)
	}
	if held != "idle_in_transaction_session_timeout=5000 lock_timeout=10000 statement_timeout=60000 synchronous_commit=on" {
		t.Error(held)
	}
}

// BenchmarkWriteStep writes steps, 100 in a transaction. Its floor is a statement
// that does nothing.
func BenchmarkWriteStep(b *testing.B) {
	db := open(b, postgrestest.Database(b))
	defer func() { _ = db.Close() }()
	write := func(b *testing.B, f func(store.Writer) error) {
		b.Helper()
		if err := db.Write(context.Background(), func(w store.Writer) error {
			var errs []error
			for range 100 {
				errs = append(errs, f(w))
			}
			return errors.Join(errs...)
		}); err != nil {
			b.Fatal(err)
		}
	}
	b.Run("steps", func(b *testing.B) {
		event, before := int64(b.N)*1_000_000, 0
		for b.Loop() {
			before += 100
			write(b, func(w store.Writer) error {
				event++
				return w.AddStep(store.Step{StepKey: store.StepKey{Controller: "c", Event: event}, OrderID: "O", Root: "O", Position: "[0]"})
			})
		}
		b.ReportMetric(float64(before)/b.Elapsed().Seconds(), "rows/s")
	})
	b.Run("floor", func(b *testing.B) {
		for b.Loop() {
			write(b, func(w store.Writer) error { return w.TouchSession([32]byte{}, 1) })
		}
	})
}
