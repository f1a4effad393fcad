// Package postgrestest runs a PostgreSQL server for tests: one for a test
// program, in a temporary folder, reached by a Unix socket only, and a fresh
// database for each test.
//
// It owns the server's life. It must not know what is in a database. Tests call
// it; a package that does has a TestMain that calls Main.
package postgrestest

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/url"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
)

// The server of this test program.
var shared struct {
	once   sync.Once
	server *Server
	err    error
	number int
	mu     sync.Mutex
}

// Main runs the tests and then stops the server, if one was started. It returns
// what the program is to exit with.
func Main(m *testing.M) int {
	defer Stop()
	return m.Run()
}

// Stop stops the server of this test program, for one that has a Main of another
// package.
func Stop() {
	if shared.server != nil {
		shared.server.Close()
	}
}

// Database returns the address of a new, empty database, which is removed when
// the test ends. The test is skipped where PostgreSQL isn't installed, and fails
// in CI.
func Database(t testing.TB) string {
	t.Helper()
	shared.once.Do(func() { shared.server, shared.err = start() })
	if shared.err != nil {
		Missing(t, shared.err)
	}
	return shared.server.database(t)
}

// Installed tells why no server can be started; nil when one can.
func Installed() error {
	_, err := programs()
	return err
}

// New returns a server that belongs to one test.
func New(t testing.TB) *Server {
	t.Helper()
	s, err := start()
	if err != nil {
		Missing(t, err)
	}
	t.Cleanup(s.Close)
	return s
}

// Missing skips a test that needs PostgreSQL, or fails it in CI or when there is
// another reason than that it isn't installed.
func Missing(t testing.TB, err error) {
	t.Helper()
	if os.Getenv("CI") != "" || !errors.Is(err, exec.ErrNotFound) {
		t.Fatal(err)
	}
	t.Skip(err)
}

// Server is a running server.
type Server struct {
	dir     string
	bin     string
	as      *syscall.Credential
	process *exec.Cmd
	alive   io.Closer // the server ends when it is closed, or when we die
	ended   chan struct{}
	closing sync.Once
}

// programs returns the folder with the server's programs, which Debian doesn't
// have on the path.
func programs() (string, error) {
	if found, err := exec.LookPath("postgres"); err == nil {
		if found, err = filepath.EvalSymlinks(found); err == nil {
			return filepath.Dir(found), nil
		}
	}
	dirs, err := filepath.Glob("/usr/lib/postgresql/*/bin")
	if err != nil || len(dirs) == 0 {
		return "", fmt.Errorf("PostgreSQL's server isn't installed (Debian package postgresql): %w", exec.ErrNotFound)
	}
	version := func(dir string) int {
		n, _ := strconv.Atoi(filepath.Base(filepath.Dir(dir)))
		return n
	}
	return slices.MaxFunc(dirs, func(a, b string) int { return version(a) - version(b) }), nil
}

// credential returns whom the server runs as: it refuses to be root.
func credential() (*syscall.Credential, error) {
	if os.Getuid() != 0 {
		return nil, nil // as ourselves
	}
	for _, name := range []string{"postgres", "nobody"} {
		u, err := user.Lookup(name)
		if err != nil {
			continue
		}
		uid, err := strconv.ParseUint(u.Uid, 10, 32)
		if err != nil {
			return nil, err
		}
		gid, err := strconv.ParseUint(u.Gid, 10, 32)
		return &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}, err
	}
	return nil, errors.New("there is neither a user postgres nor a user nobody that the server could run as")
}

func start() (s *Server, err error) {
	s = &Server{}
	if s.bin, err = programs(); err != nil {
		return nil, err
	}
	if s.as, err = credential(); err != nil {
		return nil, err
	}
	// A short name: that of a socket is bounded.
	if s.dir, err = os.MkdirTemp("", "pg"); err != nil {
		return nil, err
	}
	if s.as != nil {
		if err := os.Chown(s.dir, int(s.as.Uid), int(s.as.Gid)); err != nil {
			return nil, err
		}
	}
	if err = s.initialize(); err == nil {
		err = s.Start()
	}
	if err != nil {
		s.Close()
		return nil, err
	}
	return s, nil
}

func (s *Server) command(name string, args ...string) *exec.Cmd {
	c := exec.Command(name, args...)
	c.Dir = s.dir
	c.Env = []string{"PATH=" + s.bin + ":/usr/bin:/bin", "LC_ALL=C", "TZ=UTC"}
	c.SysProcAttr = &syscall.SysProcAttr{Credential: s.as, Setpgid: true}
	return c
}

func (s *Server) initialize() error {
	out, err := s.command(filepath.Join(s.bin, "initdb"), "-D", filepath.Join(s.dir, "data"), "-U", "signet", "-A", "trust",
		"-E", "UTF8", "--locale=C", "--no-sync", "--no-instructions").CombinedOutput()
	if err != nil {
		return fmt.Errorf("initdb: %w: %s", err, out)
	}
	return nil
}

// Start starts the server and waits until it serves.
func (s *Server) Start() error {
	// The shell waits for its input to end, which it also does when this program is
	// killed, and takes the server along.
	const guarded = `exec 3<&0; "$@" </dev/null >>log 2>&1 & read -r _ <&3; kill -QUIT $!; wait`
	s.process = s.command("/bin/sh", "-c", guarded, "sh", filepath.Join(s.bin, "postgres"), "-D", filepath.Join(s.dir, "data"),
		"-c", "listen_addresses=", "-c", "unix_socket_directories="+s.dir, "-c", "fsync=off", "-c", "full_page_writes=off",
		"-c", "max_connections=400", "-c", "shared_buffers=32MB", "-c", "max_wal_size=256MB", "-c", "autovacuum=off")
	in, err := s.process.StdinPipe()
	if err != nil {
		return err
	}
	s.alive = in
	if err := s.process.Start(); err != nil {
		return err
	}
	ended := make(chan struct{})
	s.ended = ended
	go func() {
		defer close(ended)
		_ = s.process.Wait() // it was told to end
	}()
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		conn, err := pgx.Connect(ctx, s.URL("postgres"))
		if err == nil {
			return conn.Close(ctx)
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			text, _ := os.ReadFile(filepath.Join(s.dir, "log"))
			return fmt.Errorf("the server doesn't serve: %w: %s", err, text)
		}
	}
}

// Stop ends the server at once; it can be started again.
func (s *Server) Stop() {
	if s.alive != nil {
		_ = s.alive.Close()
		<-s.ended
		s.alive = nil
	}
}

// Close ends the server and removes its folder.
func (s *Server) Close() {
	s.closing.Do(func() {
		s.Stop()
		_ = os.RemoveAll(s.dir)
	})
}

// Socket returns the path of the socket that an address leads to.
func Socket(address string) string {
	u, err := url.Parse(address)
	if err != nil {
		return ""
	}
	return filepath.Join(u.Query().Get("host"), ".s.PGSQL.5432")
}

// Socket returns the path of the socket.
func (s *Server) Socket() string { return filepath.Join(s.dir, ".s.PGSQL.5432") }

// URL returns the address of a database.
func (s *Server) URL(database string) string {
	u := url.URL{Scheme: "postgres", User: url.User("signet"), Path: "/" + database, RawQuery: url.Values{"host": {s.dir}}.Encode()}
	return u.String()
}

// Database returns the address of a new, empty database of a server of one's own.
func (s *Server) Database(t testing.TB) string {
	t.Helper()
	return s.database(t)
}

func (s *Server) database(t testing.TB) string {
	t.Helper()
	shared.mu.Lock()
	shared.number++
	name := "test" + strconv.Itoa(shared.number)
	shared.mu.Unlock()
	if err := s.do("CREATE DATABASE " + name); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if s.alive == nil {
			return
		}
		if err := s.do("DROP DATABASE " + name + " WITH (FORCE)"); err != nil {
			t.Error(err)
		}
	})
	return s.URL(name)
}

func (s *Server) do(statement string) error {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	conn, err := pgx.Connect(ctx, s.URL("postgres"))
	if err != nil {
		return err
	}
	defer conn.Close(ctx)
	if _, err = conn.Exec(ctx, statement); err != nil {
		return fmt.Errorf("%s: %w", strings.Fields(statement)[0], err)
	}
	return nil
}
