//go:build linux

package joblog

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/signet-scheduler/signet/internal/fault"
)

// TestMain lets the test program be a process that captures a flood, see
// TestFloodMemory.
func TestMain(m *testing.M) {
	if len(os.Args) > 2 && os.Args[1] == "flood" {
		os.Exit(floodMain(os.Args[2], os.Args[3]))
	}
	os.Exit(m.Run())
}

func create(t *testing.T, o Options) (*Capture, string) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "task.log")
	c, err := Create(path, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _, _ = c.Finish(0) })
	return c, path
}

func newHub(t *testing.T) *Hub {
	t.Helper()
	hub := NewHub()
	t.Cleanup(func() {
		for range 2 {
			if err := hub.Close(); err != nil {
				t.Error(err)
			}
		}
	})
	return hub
}

func write(t *testing.T, w io.Writer, text string) {
	t.Helper()
	if _, err := io.WriteString(w, text); err != nil {
		t.Fatal(err)
	}
}

func finish(t *testing.T, c *Capture) Summary {
	t.Helper()
	s, err := c.Finish(time.Minute)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// content returns what a log holds, by channel, and in order with all frames.
type content struct {
	stdout, stderr string
	marks          []string
	frames         []Frame
	ended          bool
}

func read(t *testing.T, path string) content {
	t.Helper()
	r, err := Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	var c content
	for f, err := range r.Frames() {
		if err != nil {
			t.Fatal(err)
		}
		f.Data = bytes.Clone(f.Data)
		c.frames = append(c.frames, f)
		switch f.Channel {
		case Stdout:
			c.stdout += string(f.Data)
		case Stderr:
			c.stderr += string(f.Data)
		case Mark:
			c.marks = append(c.marks, string(f.Data))
		}
	}
	_, c.ended = r.Summary()
	return c
}

func TestCapture(t *testing.T) {
	t.Parallel()
	at := time.UnixMilli(1_700_000_000_000)
	c, path := create(t, Options{Now: func() time.Time { return at }})
	write(t, c.Stdout(), "hello\n\xff\xfe\x00")
	write(t, c.Stderr(), "oops\n  last line \n\n \n")
	c.Mark("a line of ours")
	s := finish(t, c)
	want := Summary{StdoutBytes: 9, StderrBytes: 21, LastStderrLine: "last line"}
	if d := cmp.Diff(want, s); d != "" {
		t.Error(d)
	}
	got := read(t, path)
	if got.stdout != "hello\n\xff\xfe\x00" || got.stderr != "oops\n  last line \n\n \n" || !slices.Equal(got.marks, []string{"a line of ours"}) {
		t.Errorf("the log holds %+v", got)
	}
	for _, f := range got.frames {
		if !f.Time.Equal(at) {
			t.Errorf("frame at %v, want %v", f.Time, at)
		}
	}
	again, err := c.Finish(0)
	if err != nil || again != s {
		t.Errorf("the second Finish says %+v, %v", again, err)
	}
	if c.Stdout() != nil || c.Stderr() != nil {
		t.Error("write ends are open after Finish")
	}
	fi, err := os.Stat(path)
	if err != nil || fi.Mode().Perm() != 0o600 {
		t.Errorf("mode %v, %v", fi.Mode(), err)
	}
}

// A log is written once: what another has written stays.
func TestExists(t *testing.T) {
	t.Parallel()
	c, path := create(t, Options{})
	write(t, c.Stdout(), "first\n")
	finish(t, c)
	second, err := Create(path, Options{})
	if err != nil {
		t.Fatal(err)
	}
	write(t, second.Stdout(), "second\n")
	if s, err := second.Finish(time.Minute); !is(err, "TaskLogExists") || s.Silent || s.Cut != 7 {
		t.Errorf("a second log of the task: %+v, %v", s, err)
	}
	third, err := Create(path, Options{})
	if err != nil {
		t.Fatal(err)
	}
	if err := third.Materialize(); !is(err, "TaskLogExists") {
		t.Errorf("a third log of the task: %v", err)
	}
	if s, err := third.Finish(0); err != nil || !s.Silent {
		t.Errorf("a silent one: %+v, %v", s, err)
	}
	below, err := Create(filepath.Join(path, "x"), Options{})
	if err != nil {
		t.Fatal(err)
	}
	below.Mark("nowhere")
	if _, err := below.Finish(0); err == nil {
		t.Error("a log was made below a file")
	}
	if got := read(t, path); got.stdout != "first\n" || len(got.marks) != 0 || !got.ended {
		t.Errorf("the log holds %+v", got)
	}
}

func is(err error, code string) bool {
	var e *fault.Error
	return errors.As(err, &e) && e.Code == code
}

// A process that writes nothing leaves no file.
func TestSilent(t *testing.T) {
	t.Parallel()
	c, path := create(t, Options{})
	if s := finish(t, c); s != (Summary{Silent: true}) {
		t.Errorf("summary %+v", s)
	}
	if err := c.Materialize(); err != nil {
		t.Error(err)
	}
	if _, err := os.Lstat(path); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("there is a file: %v", err)
	}
}

// Who wants to follow a silent process gets a file, which then ends as any other.
func TestEmpty(t *testing.T) {
	t.Parallel()
	c, path := create(t, Options{})
	for range 2 {
		if err := c.Materialize(); err != nil {
			t.Fatal(err)
		}
	}
	if s := finish(t, c); s != (Summary{}) {
		t.Errorf("summary %+v", s)
	}
	r, err := Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	for range 2 {
		if f, err := r.Next(); err != ErrEnded {
			t.Errorf("Next: %+v, %v", f, err)
		}
	}
	if s, ok := r.Summary(); !ok || s != (Summary{}) {
		t.Errorf("Summary: %+v, %v", s, ok)
	}
}

// The process's end decides; who else holds the pipe gets the grace only.
func TestLeftOverHoldsThePipe(t *testing.T) {
	t.Parallel()
	c, path := create(t, Options{})
	held, err := dup(c.Stdout())
	if err != nil {
		t.Fatal(err)
	}
	defer held.Close()
	write(t, held, "what is there\n")
	begin := time.Now()
	s, err := c.Finish(50 * time.Millisecond)
	if err != nil || !s.Open || s.StdoutBytes != 14 {
		t.Errorf("%+v, %v", s, err)
	}
	if took := time.Since(begin); took < 50*time.Millisecond || took > 20*time.Second {
		t.Errorf("Finish took %v", took)
	}
	if _, err := held.WriteString("x"); err == nil {
		t.Error("the pipe is still read")
	}
	if got := read(t, path); got.stdout != "what is there\n" {
		t.Errorf("the log holds %+v", got)
	}
	r, err := Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	for _, err = r.Next(); err == nil; _, err = r.Next() {
	}
	if s, ok := r.Summary(); !ok || !s.Open {
		t.Errorf("the end record says %+v, %v", s, ok)
	}
}

// Without grace everything that is in the pipes is read all the same. Not
// parallel: a process that another test starts has the pipes until it executes
// its program.
func TestNoGrace(t *testing.T) {
	for range 20 {
		c, path := create(t, Options{})
		text := strings.Repeat("0123456789abcdef", 3000)
		write(t, c.Stdout(), text)
		write(t, c.Stderr(), text)
		s, err := c.Finish(0)
		if err != nil || s.Open {
			t.Fatalf("%+v, %v", s, err)
		}
		if got := read(t, path); got.stdout != text || got.stderr != text {
			t.Fatalf("lost: %d and %d bytes of %d", len(got.stdout), len(got.stderr), len(text))
		}
	}
}

func TestLimit(t *testing.T) {
	t.Parallel()
	const limit = 10_000
	c, path := create(t, Options{Limit: limit})
	var out strings.Builder
	for i := range 40_000 {
		fmt.Fprintf(&out, "line %d\n", i)
	}
	half := len(out.String()) / 2
	write(t, c.Stdout(), out.String()[:half])
	write(t, c.Stderr(), "from stderr\n")
	write(t, c.Stdout(), out.String()[half:])
	s := finish(t, c)
	got := read(t, path)
	kept := int64(len(got.stdout) + len(got.stderr))
	if s.StdoutBytes != int64(out.Len()) || s.StderrBytes != 12 || s.Cut != s.StdoutBytes+12-kept {
		t.Errorf("%+v with %d bytes kept", s, kept)
	}
	if s.LastStderrLine != "from stderr" {
		t.Errorf("the last line of stderr is lost: %+v", s)
	}
	i := 0
	for i < len(got.stdout) && got.stdout[i] == out.String()[i] {
		i++
	}
	if i < limit-1000 || i > limit {
		t.Errorf("the first %d bytes are kept, the limit is %d", i, limit)
	}
	tail := got.stdout[i:]
	if len(tail) < tailBytes-100 || !strings.HasSuffix(out.String(), tail[len(tail)-60_000:]) {
		t.Errorf("a tail of %d bytes", len(tail))
	}
	if len(got.marks) != 2 || !strings.Contains(got.marks[0], "10000 bytes") || !strings.Contains(got.marks[1], fmt.Sprint(s.Cut)) {
		t.Errorf("marks %q, cut %d", got.marks, s.Cut)
	}
	fi, err := os.Stat(path)
	if err != nil || fi.Size() > limit+tailBytes+4096 {
		t.Errorf("the file has %d bytes, %v", fi.Size(), err)
	}
}

// Just over the limit: the tail has it all, and nothing is said to be missing.
func TestLimitNothingMissing(t *testing.T) {
	t.Parallel()
	c, path := create(t, Options{Limit: 1000})
	text := strings.Repeat("x", 2500)
	write(t, c.Stdout(), text)
	s := finish(t, c)
	got := read(t, path)
	if s.Cut != 0 || got.stdout != text || len(got.marks) != 1 {
		t.Errorf("%+v, %d bytes, marks %q", s, len(got.stdout), got.marks)
	}
}

func TestTail(t *testing.T) {
	t.Parallel()
	var tl tail
	for i := range 100_000 {
		tl.add(byte(1+i%2), uint64(i), []byte{byte(i)})
	}
	if len(tl.pieces) > tailPieces || cap(tl.pieces) > 4*tailPieces {
		t.Errorf("%d pieces, room for %d", len(tl.pieces), cap(tl.pieces))
	}
	for range 100 {
		tl.add(1, 1, make([]byte, bufferSize))
	}
	sum := 0
	for _, p := range tl.pieces {
		sum += len(p.data)
	}
	if sum != tl.size || sum != tailBytes {
		t.Errorf("%d bytes in the pieces, size %d", sum, tl.size)
	}
}

func TestLastLine(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("y", MaxLine+10)
	for _, c := range []struct{ in, want string }{
		{"", ""},
		{" \n\t\n", ""},
		{"a", "a"},
		{"a\n", "a"},
		{"a\r\nb\r\n\r\n", "b"},
		{"first\nsecond half", "second half"},
		{"first\n   ", "first"},
		{"  indented  \n", "indented"},
		{long + "\n", long[:MaxLine]},
		{strings.Repeat(" ", 9000) + "far\n", "far"},
		{"bad \xff byte\n", "bad \uFFFD byte"},
		{strings.Repeat("\xff", MaxLine), strings.Repeat("\uFFFD", MaxLine/3)},
	} {
		for _, size := range []int{1, 2, 3, 7, 1 << 20} {
			var l lastLine
			for p := range slices.Chunk([]byte(c.in), size) {
				l.add(p)
			}
			got := l.text()
			if got != c.want && !(strings.HasPrefix(c.in, "\xff") && strings.HasPrefix(got, c.want[:3]) && len(got) <= MaxLine) {
				t.Errorf("%.40q in pieces of %d: %.40q, want %.40q", c.in, size, got, c.want)
			}
		}
	}
}

// failing is a file that fails after some writes.
type failing struct {
	logFile
	writes int
	fails  int // so many of the writes after them, 0: all
	err    error
}

func (f *failing) Write(b []byte) (int, error) {
	if f.writes--; f.writes < 0 && f.err != nil && (f.fails == 0 || f.writes >= -f.fails) {
		n, _ := f.logFile.Write(b[:len(b)/2])
		return n, f.err
	}
	return f.logFile.Write(b)
}

// A full disk doesn't stop the job; the log stays readable and says so.
func TestWriteFails(t *testing.T) {
	t.Parallel()
	for writes := 1; writes < 4; writes++ {
		path := filepath.Join(t.TempDir(), "task.log")
		bad := &failing{writes: writes, err: errors.New("disk is full")}
		c, err := start(func(path string, create bool) (f logFile, err error) {
			bad.logFile, err = openFile(path, create)
			return bad, err
		}, path, Options{})
		if err != nil {
			t.Fatal(err)
		}
		text := strings.Repeat("z", 300_000)
		write(t, c.Stdout(), text)
		c.Mark("not written")
		if writes < 3 {
			c.mu.Lock()
			bad.err = nil // there is room again, for the end
			c.mu.Unlock()
		}
		s, err := c.Finish(time.Minute)
		if err == nil || s.StdoutBytes != int64(len(text)) {
			t.Errorf("after %d writes: %+v, %v", writes, s, err)
		}
		got := read(t, path)
		if int64(len(got.stdout)) != s.StdoutBytes-s.Cut || !strings.HasPrefix(text, got.stdout) {
			t.Errorf("after %d writes: %d bytes kept, cut %d", writes, len(got.stdout), s.Cut)
		}
		if bad.err == nil && (len(got.marks) != 1 || !strings.Contains(got.marks[0], "disk is full")) {
			t.Errorf("after %d writes: marks %q", writes, got.marks)
		}
	}
}

// A log has no end without the mark that says what is missing: Seal makes both
// when there is space.
func TestNoSpaceForTheMark(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "task.log")
	bad := &failing{writes: 1, fails: 2, err: syscall.ENOSPC}
	c, err := start(func(path string, create bool) (f logFile, err error) {
		bad.logFile, err = openFile(path, create)
		return bad, err
	}, path, Options{})
	if err != nil {
		t.Fatal(err)
	}
	write(t, c.Stdout(), "lost")
	s, err := c.Finish(time.Minute)
	if !fault.Is(err, fault.NoSpace) || s.Cut != 4 {
		t.Fatalf("%+v, %v", s, err)
	}
	if got := read(t, path); len(got.marks) != 0 || got.ended {
		t.Fatalf("%+v", got)
	}
	if _, err := newHub(t).Seal(path, "no space"); err != nil {
		t.Fatal(err)
	}
	if got := read(t, path); len(got.marks) != 1 || got.marks[0] != "no space" || !got.ended {
		t.Fatalf("%+v", got)
	}
}

// Whatever a crash leaves of a file, what is whole can be read, and sealed.
func TestTorn(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	var whole []byte
	var ends []int
	whole = append(whole, encodeHeader(time.UnixMilli(1_700_000_000_000))...)
	ends = append(ends, len(whole))
	for i, text := range []string{"one\n", "two\n", "three\n"} {
		whole = appendFrame(whole, byte(1+i%2), uint64(i), []byte(text))
		ends = append(ends, len(whole))
	}
	hub := newHub(t)
	for n := 0; n <= len(whole); n++ {
		for _, zeros := range []int{0, 50} { // what a crash of the machine may leave
			path := filepath.Join(dir, fmt.Sprint(n, "-", zeros))
			if err := os.WriteFile(path, append(whole[:n:n], make([]byte, zeros)...), 0o600); err != nil {
				t.Fatal(err)
			}
			frames := 0
			for frames < 3 && ends[frames+1] <= n {
				frames++
			}
			if n < ends[0] && zeros > 0 {
				continue // a header that isn't one is no log
			}
			checkTorn(t, hub, path, frames, zeros > 0)
		}
	}
}

func checkTorn(t *testing.T, hub *Hub, path string, frames int, damaged bool) {
	t.Helper()
	r, err := Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	n := 0
	for ; ; n++ {
		if _, err = r.Next(); err != nil {
			break
		}
	}
	if n != frames || (err != io.EOF && !(damaged && is(err, "TaskLogCorrupt"))) {
		t.Errorf("%s: %d frames, want %d, then %v", path, n, frames, err)
	}
	s, err := hub.Seal(path, "the Agent has crashed")
	if err != nil {
		t.Fatalf("%s: Seal: %v", path, err)
	}
	if again, err := hub.Seal(path, "again"); err != nil || again != s {
		t.Errorf("%s: sealed again: %+v, %v, before %+v", path, again, err, s)
	}
	got := read(t, path)
	if len(got.frames) != frames+1 || !slices.Equal(got.marks, []string{"the Agent has crashed"}) || s.StdoutBytes+s.StderrBytes != int64(len(got.stdout+got.stderr)) {
		t.Errorf("%s: sealed it holds %+v, summary %+v", path, got, s)
	}
	f := hub.Follow(path, 0)
	defer f.Close()
	for err = nil; err == nil; {
		_, err = f.Next(context.Background())
	}
	if err != ErrEnded {
		t.Errorf("%s: followed to %v", path, err)
	}
}

func TestResume(t *testing.T) {
	t.Parallel()
	c, path := create(t, Options{})
	for i := range 50 {
		c.Mark(strconv.Itoa(i))
	}
	finish(t, c)
	all := read(t, path).frames
	for i, f := range all[:len(all)-1] {
		r, err := OpenAt(path, f.Offset)
		if err != nil {
			t.Fatal(err)
		}
		next, err := r.Next()
		if err != nil || string(next.Data) != strconv.Itoa(i+1) || next.Offset != all[i+1].Offset || r.Offset() != next.Offset {
			t.Errorf("at %d: %+v, %v", f.Offset, next, err)
		}
		r.Close()
	}
	for _, offset := range []int64{30, all[3].Offset + 1} {
		r, err := OpenAt(path, offset)
		if err != nil {
			t.Fatal(err)
		}
		if f, err := r.Next(); err == nil {
			t.Errorf("a frame at the wrong offset %d: %+v", offset, f)
		}
		r.Close()
	}
	if _, err := Open(path + "x"); !is(err, "UnknownTaskLog") {
		t.Errorf("a missing log: %v", err)
	}
	if err := os.WriteFile(path+"y", []byte("this is no task log, but long enough"), 0o600); err != nil {
		t.Fatal(err)
	}
	r, err := Open(path + "y")
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	if _, err := r.Next(); !is(err, "NotATaskLog") {
		t.Errorf("something else: %v", err)
	}
}

func TestText(t *testing.T) {
	t.Parallel()
	frames := []Frame{
		{Channel: Stdout, Data: []byte("one\ntw")},
		{Channel: Stdout, Data: []byte("o\n")},
		{Channel: Stdout, Data: []byte("half")},
		{Channel: Stderr, Data: []byte("oops\n")},
		{Channel: Stdout, Data: []byte("rest")},
		{Channel: Mark, Data: []byte("killed")},
		{Channel: Stderr, Data: []byte("end")},
	}
	for prefix, want := range map[bool]string{
		false: "one\ntwo\nhalfoops\nrest\n[killed]\nend",
		true:  "stdout| one\nstdout| two\nstdout| half\nstderr| oops\nstdout| rest\n[killed]\nstderr| end",
	} {
		var b strings.Builder
		text := Text{W: &b, Prefix: prefix}
		for _, f := range frames {
			if err := text.Write(f); err != nil {
				t.Fatal(err)
			}
		}
		if d := cmp.Diff(want, b.String()); d != "" {
			t.Errorf("prefix %v: %s", prefix, d)
		}
	}
}
