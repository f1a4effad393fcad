package gitsource

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"
	"unicode"

	"github.com/signet-scheduler/signet/internal/fault"
)

// Bounds of what is read.
const (
	maxRevision = 500      // bytes of a revision's name
	maxCommit   = 1 << 20  // bytes of a commit or tag
	maxTree     = 16 << 20 // bytes of one folder
	maxHeader   = 200      // bytes of the line in front of an object
	maxErrors   = 4 << 10  // bytes of what git says on standard error
	maxDepth    = 64       // folders within each other

	within = 5 * time.Minute // for everything
)

// Limits are bounds of the files that are taken.
type Limits struct {
	Entries int   // files and folders
	Entry   int64 // bytes of one file
	Total   int64 // bytes of all files
}

// Repository is a repository that is being read. It isn't safe for concurrent
// use.
type Repository struct {
	dir     string
	program string // git
	path    string // for git's own programs
	cancel  context.CancelFunc
	objects *exec.Cmd // answers with objects
	in      io.WriteCloser
	out     *bufio.Reader
	stderr  *clipped
	closed  bool
	err     error // of Close
}

// Open begins reading the repository that a folder belongs to. path is the
// variable PATH, in which git is. The error is Invalid, code NoGit, when there is no
// such program. Whoever opens one closes it.
func Open(ctx context.Context, dir, path string) (*Repository, error) {
	program, err := findGit(path)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, within)
	r := &Repository{dir: dir, program: program, path: path, cancel: cancel, stderr: &clipped{}}
	cmd := r.git(ctx, "cat-file", "--batch")
	var out io.Reader
	if r.in, err = cmd.StdinPipe(); err == nil {
		out, err = cmd.StdoutPipe()
	}
	cmd.Stderr = r.stderr
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		cancel()
		return nil, notStarted(err)
	}
	r.objects, r.out = cmd, bufio.NewReaderSize(out, 64<<10)
	return r, nil
}

// findGit looks for git in absolute folders of PATH.
func findGit(path string) (string, error) {
	for _, dir := range filepath.SplitList(path) {
		program := filepath.Join(dir, "git")
		info, err := os.Stat(program)
		if filepath.IsAbs(dir) && err == nil && info.Mode().IsRegular() && info.Mode()&0o111 != 0 {
			return program, nil
		}
	}
	return "", fault.New(fault.Invalid, "NoGit", "the program git isn't installed, or not in PATH")
}

func notStarted(err error) error {
	return fault.Wrap(fault.Invalid, "NoGit", err, "git can't be started: %s", err)
}

// git returns a run of git that nobody else has a say in: no replaced objects or
// grafts, no hooks or other programs, no fetching, no configuration of the system
// or the user.
func (r *Repository) git(ctx context.Context, args ...string) *exec.Cmd {
	all := []string{
		"--no-replace-objects", "--no-optional-locks", "--no-pager", "-C", r.dir,
		"-c", "core.hooksPath=/dev/null", "-c", "core.fsmonitor=false", "-c", "protocol.allow=never",
	}
	cmd := exec.CommandContext(ctx, r.program, append(all, args...)...)
	cmd.Env = []string{
		"PATH=" + r.path, "LC_ALL=C", "HOME=/nonexistent",
		"GIT_CONFIG_NOSYSTEM=1", "GIT_CONFIG_SYSTEM=/dev/null", "GIT_CONFIG_GLOBAL=/dev/null", "GIT_ATTR_NOSYSTEM=1",
		"GIT_NO_REPLACE_OBJECTS=1", "GIT_GRAFT_FILE=/dev/null", "GIT_NO_LAZY_FETCH=1", "GIT_ALLOW_PROTOCOL=", "GIT_TERMINAL_PROMPT=0", "GIT_OPTIONAL_LOCKS=0",
	}
	cmd.WaitDelay = 5 * time.Second
	return cmd
}

// Close ends git. It may be called twice.
func (r *Repository) Close() error {
	if r.closed {
		return r.err
	}
	r.closed = true
	_ = r.in.Close() // git ends by it, or by what follows
	r.cancel()
	_ = r.objects.Wait() // it was told to end
	return nil
}

// id resolves a revision to the id of an object.
func (r *Repository) id(ctx context.Context, revision string) (string, error) {
	if err := checkRevision(revision); err != nil {
		return "", err
	}
	ctx, cancel := context.WithTimeout(ctx, within)
	defer cancel()
	var said, out clipped
	cmd := r.git(ctx, "rev-parse", "--verify", revision)
	cmd.Stdout, cmd.Stderr = &out, &said
	err := cmd.Run()
	id := strings.TrimSuffix(out.String(), "\n")
	var exit *exec.ExitError
	switch {
	case errors.As(err, &exit) && ctx.Err() == nil:
		return "", fault.Wrap(fault.NotFound, "NoSuchCommit", err, "there is no %s in the repository %s: %s", revision, r.dir, said.text())
	case err != nil && ctx.Err() != nil:
		return "", outOfTime(ctx)
	case err != nil:
		return "", notStarted(err)
	case hashOf(id) == nil:
		return "", fault.New(fault.Invalid, "StrangeGit", "git has answered %q for %s, which is no id", id, revision)
	}
	return id, nil
}

// checkRevision refuses what git could take for something else.
func checkRevision(revision string) error {
	switch {
	case revision == "":
		return fault.New(fault.Invalid, "InvalidRevision", "the commit is missing")
	case strings.HasPrefix(revision, "-"):
		return fault.New(fault.Invalid, "InvalidRevision", "the name of a commit doesn't begin with a dash: %s", clip(revision))
	case len(revision) > maxRevision || strings.ContainsFunc(revision, func(c rune) bool { return c < ' ' || c == 0x7f }):
		return fault.New(fault.Invalid, "InvalidRevision", "this is no name of a commit: %s", clip(revision))
	}
	return nil
}

func outOfTime(ctx context.Context) error {
	return fault.Wrap(fault.Timeout, "GitTimeout", ctx.Err(), "there was no time left to read the repository")
}

// object returns an object's bytes. Its kind must be the wanted one, and its id the
// one that these bytes have.
func (r *Repository) object(id, kind string, most int64) ([]byte, error) {
	if r.closed {
		return nil, fault.New(fault.Internal, "Closed", "the repository was closed")
	}
	if _, err := io.WriteString(r.in, id+"\n"); err != nil {
		return nil, r.broken(err)
	}
	size, err := r.header(id, kind)
	if err != nil {
		return nil, err
	}
	if size > most {
		return nil, fault.New(fault.TooLarge, "ObjectTooLarge", "it has %d bytes; at most %d are taken", size, most)
	}
	return r.body(id, kind, size)
}

// body reads the bytes of an object and verifies its id.
func (r *Repository) body(id, kind string, size int64) ([]byte, error) {
	data := make([]byte, size)
	if _, err := io.ReadFull(r.out, data); err != nil {
		return nil, r.broken(err)
	}
	if end, err := r.out.ReadByte(); err != nil || end != '\n' {
		return nil, r.broken(errors.Join(err, errors.New("an object doesn't end where it should")))
	}
	return data, verifyID(id, kind, data)
}

// header reads the line in front of an object: ID KIND SIZE, or ID missing.
func (r *Repository) header(id, kind string) (size int64, err error) {
	line, err := r.out.ReadSlice('\n')
	if err != nil || len(line) > maxHeader {
		return 0, r.broken(errors.Join(err, errors.New("its answer is no object")))
	}
	words := strings.Fields(string(line))
	if len(words) == 2 && words[0] == id {
		return 0, fault.New(fault.Invalid, "MissingObject", "the object %s isn't in the repository, which isn't complete (a shallow or partial clone?)", id)
	}
	if len(words) != 3 || words[0] != id {
		return 0, r.broken(errors.New("its answer is no object"))
	}
	size, err = strconv.ParseInt(words[2], 10, 64)
	if err != nil || size < 0 {
		return 0, r.broken(errors.New("its answer has no size"))
	}
	if words[1] != kind {
		return 0, &kindError{id: id, is: words[1], want: kind, size: size}
	}
	return size, nil
}

// kindError is what an object is that was taken for another kind; its bytes are
// still to be read.
type kindError struct {
	id, is, want string
	size         int64
}

func (e *kindError) Error() string {
	return fmt.Sprintf("the object %s is a %s, not a %s", e.id, e.is, e.want)
}

// broken tells why git gives no more objects.
func (r *Repository) broken(cause error) error {
	if said := r.stderr.text(); said != "" {
		return fault.Wrap(fault.Invalid, "CannotReadRepository", cause, "the repository %s can't be read: %s", r.dir, said)
	}
	return fault.Wrap(fault.Invalid, "CannotReadRepository", cause, "the repository %s can't be read: git has ended, or there was no time left", r.dir)
}

// clipped keeps the beginning of what is written to it.
type clipped struct{ bytes.Buffer }

func (c *clipped) Write(p []byte) (int, error) {
	c.Buffer.Write(p[:min(len(p), maxErrors-min(c.Len(), maxErrors))])
	return len(p), nil
}

// text returns it as one line that a terminal doesn't act upon.
func (c *clipped) text() string {
	return clip(strings.Join(strings.Fields(c.String()), " "))
}

// maxShown is how much of a text a message shows, in characters.
const maxShown = 200

// clip makes a text fit a message: one line that a terminal doesn't act upon.
func clip(text string) string {
	clean := strings.Map(func(r rune) rune {
		if !unicode.IsPrint(r) {
			return '?'
		}
		return r
	}, strings.ToValidUTF8(text, "?"))
	if runes := []rune(clean); len(runes) > maxShown {
		return string(runes[:maxShown]) + "..."
	}
	return clean
}
