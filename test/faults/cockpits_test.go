package faults

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/signet-scheduler/signet/internal/conf"
	"github.com/signet-scheduler/signet/internal/store/postgres/postgrestest"
	"github.com/signet-scheduler/signet/test/faults/rig"
)

// takeover is how long orders may wait for history when the Cockpit that writes it
// is lost.
const takeover = 10 * time.Second

// valve is the way to a database's socket; it can be held, so that connections
// stay open and nothing comes through.
type valve struct {
	dir string

	mu   sync.Mutex
	open chan struct{} // closed while bytes come through
}

func newValve(t *testing.T, target string) *valve {
	t.Helper()
	dir, err := os.MkdirTemp("", "valve") // the name of a socket is bounded
	if err != nil {
		t.Fatal(err)
	}
	v := &valve{dir: dir, open: make(chan struct{})}
	close(v.open)
	l, err := net.Listen("unix", filepath.Join(dir, filepath.Base(target)))
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	var wg sync.WaitGroup
	t.Cleanup(func() {
		cancel()
		_ = l.Close()
		wg.Wait()
		_ = os.RemoveAll(dir)
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
			stop := context.AfterFunc(ctx, func() { _, _ = c.Close(), s.Close() })
			wg.Go(func() {
				defer stop()
				defer s.Close()
				v.pass(ctx, s, c)
			})
			wg.Go(func() {
				defer c.Close()
				v.pass(ctx, c, s)
			})
		}
	})
	return v
}

// pass passes on bytes of one direction.
func (v *valve) pass(ctx context.Context, to io.Writer, from io.Reader) {
	buffer := make([]byte, 64<<10)
	for {
		n, err := from.Read(buffer)
		v.mu.Lock()
		open := v.open
		v.mu.Unlock()
		select {
		case <-open:
		case <-ctx.Done():
			return
		}
		if _, werr := to.Write(buffer[:n]); err != nil || werr != nil {
			return
		}
	}
}

func (v *valve) hold() {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.open = make(chan struct{})
}

func (v *valve) release() {
	v.mu.Lock()
	defer v.mu.Unlock()
	close(v.open)
}

// seat is a Cockpit of its own, beside that of the installation.
type seat struct {
	r       *rig.Rig
	name    string
	dir     string
	profile string
	process *exec.Cmd
	runs    int
}

// newSeat gives a Cockpit the configuration of the installation's, with another
// database.
func newSeat(t *testing.T, r *rig.Rig, name, database string) *seat {
	t.Helper()
	s := &seat{r: r, name: name, dir: filepath.Join(r.Dir, name)} // at the same depth: paths in it are relative
	s.profile = filepath.Join(s.dir, "profile.json")
	if err := os.CopyFS(filepath.Join(s.dir, "config"), os.DirFS(filepath.Join(r.Dir, "cockpit", "config"))); err != nil {
		t.Fatal(err)
	}
	err := filepath.WalkDir(s.dir, func(path string, d fs.DirEntry, err error) error {
		if err == nil && !d.IsDir() {
			err = os.Chmod(path, 0o600) // CopyFS lets others read it
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	own := fmt.Sprintf("signet.cockpit.listen = \"127.0.0.1:0\"\nsignet.cockpit.database = %s\n", conf.QuoteString(database))
	if err := os.WriteFile(filepath.Join(s.dir, "config", "private", "private.conf"), []byte(own), 0o600); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.kill)
	return s
}

func (s *seat) args() []string {
	return []string{"--config", filepath.Join(s.dir, "config"), "--data", filepath.Join(s.dir, "data")}
}

func (s *seat) log() string { return filepath.Join(s.dir, fmt.Sprint(s.runs, ".log")) }

// awaitLog waits for a line in what this run has said, and returns what it has
// in brackets.
func (s *seat) awaitLog(ctx context.Context, pattern string) (found string, err error) {
	re := regexp.MustCompile(pattern)
	err = rig.Poll(ctx, rig.Patience, func() error {
		text, err := os.ReadFile(s.log())
		if err != nil {
			return err
		}
		m := re.FindSubmatch(text)
		if m == nil {
			return fmt.Errorf("%s doesn't say %s:\n%s", s.name, pattern, text)
		}
		found = string(m[len(m)-1])
		return nil
	})
	return found, err
}

// serve starts the Cockpit and logs in.
func (s *seat) serve(t *testing.T, password string) {
	t.Helper()
	s.runs++
	out, err := os.Create(s.log())
	if err != nil {
		t.Fatal(err)
	}
	defer out.Close()
	if s.process, err = s.r.Serve(out, append([]string{"cockpit"}, s.args()...)...); err != nil {
		t.Fatal(err)
	}
	address, err := s.awaitLog(t.Context(), `the Cockpit serves" address=127\.0\.0\.1:([0-9]+)`)
	if err != nil {
		t.Fatal(err)
	}
	res, err := s.r.RunAs(t.Context(), s.profile, password, "login", "https://localhost:"+address, "--account", "admin",
		"--ca", filepath.Join(s.r.Dir, "ca", "node", "root.pem"), "--profile", s.profile)
	if err != nil || res.Err() != nil {
		t.Fatalf("logging in at %s: %v, %v", s.name, err, res.Err())
	}
}

func (s *seat) kill() {
	if s.process != nil {
		_ = s.process.Process.Kill()
		_ = s.process.Wait() // it was killed
		s.process = nil
	}
}

// must runs a verb at this Cockpit.
func (s *seat) must(t *testing.T, args ...string) []byte {
	t.Helper()
	res, err := s.r.RunAs(t.Context(), s.profile, "", args...)
	if err != nil || res.Err() != nil {
		t.Fatalf("%s: signet %s: %v, %v", s.name, strings.Join(args, " "), err, res.Err())
	}
	return res.Stdout
}

// rows returns the history as this Cockpit tells it.
func (s *seat) rows(t *testing.T) []map[string]any {
	t.Helper()
	return decodeRows(t, s.must(t, "history", "-o", "json"))
}

func decodeRows(t *testing.T, text []byte) (rows []map[string]any) {
	t.Helper()
	if err := json.Unmarshal(text, &rows); err != nil {
		t.Fatal(err)
	}
	return rows
}

// Two Cockpits on one PostgreSQL database: the one that writes the history is
// killed, its connections to the database hang, it is held. The other goes on within 10 s,
// and the history has each step once: it is that of the installation's own Cockpit.
func TestTwoCockpits(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("plays whole installations")
	}
	database := postgrestest.Database(t)
	way := newValve(t, postgrestest.Socket(database))
	r := rig.Start(t, rig.Options{Binary: &built})
	r.Deploy(map[string]string{"W.workflow.json": `{"instructions":[{"TYPE":"Execute.Anonymous","job":{"agentPath":"agent-1","executable":{"TYPE":"ShellScriptExecutable","script":"true"}}}]}`})

	held, err := url.Parse(database)
	if err != nil {
		t.Fatal(err)
	}
	held.RawQuery = url.Values{"host": {way.dir}}.Encode()
	one, two := newSeat(t, r, "one", database), newSeat(t, r, "two", held.String())
	made, err := r.RunAs(t.Context(), "", "", append([]string{"cockpit", "init"}, one.args()...)...)
	if err != nil || made.Err() != nil {
		t.Fatalf("init: %v, %v", err, made.Err())
	}
	_, password, _ := bytes.Cut(made.Stdout, []byte("password: "))
	one.serve(t, string(password))
	if _, err := one.awaitLog(t.Context(), `this Cockpit runs the services`); err != nil {
		t.Fatal(err)
	}
	two.serve(t, string(password))

	n := 0
	// orders adds some at a Cockpit, and waits there until all about them is known.
	orders := func(at *seat, count int) time.Duration {
		t.Helper()
		n++
		begin := time.Now()
		at.must(t, "order", "add", "W", "--id", fmt.Sprint("O", n), "--count", fmt.Sprint(count), "--wait=60s")
		return time.Since(begin)
	}
	orders(one, 20)
	t.Logf("20 orders, awaited at the Cockpit that stands by: %s", orders(two, 20))
	lost := func(what string, at *seat, harm func()) {
		t.Helper()
		n++ // these are under way when it comes
		at.must(t, "order", "add", "W", "--id", fmt.Sprint("O", n), "--count", "30")
		harm()
		took := orders(at, 5)
		t.Logf("%s: history goes on after %s", what, took)
		if took > takeover {
			t.Errorf("%s: history goes on after %s only", what, took)
		}
	}
	lost("killed", two, one.kill)
	one.serve(t, string(password))
	lost("its database hangs", one, way.hold)
	way.release()
	orders(two, 5) // it stands by, and serves
	lost("held", two, func() {
		if err := one.process.Process.Signal(syscall.SIGSTOP); err != nil {
			t.Fatal(err)
		}
	})
	if err := one.process.Process.Signal(syscall.SIGCONT); err != nil {
		t.Fatal(err)
	}
	orders(one, 5)

	want := decodeRows(t, r.Must("history", "-o", "json"))
	for _, s := range []*seat{one, two} {
		if d := cmp.Diff(want, s.rows(t)); d != "" {
			t.Errorf("the history of %s isn't that of the installation's Cockpit:\n%s", s.name, d)
		}
	}
	if len(want) != 20+20+3*35+5+5 {
		t.Errorf("%d steps", len(want))
	}
}
