package cockpit

import (
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/signet-scheduler/signet/internal/engine"
	"github.com/signet-scheduler/signet/internal/joblog"
	"github.com/signet-scheduler/signet/internal/store"
)

func readFrames(r *frameReader, err error) (got []string, end error) {
	for err == nil {
		var f frame
		if f, err = r.next(); err == nil {
			got = append(got, f.channel.String()+" "+string(f.data))
		}
	}
	return got, err
}

// Our reader of streams reads what the Agent's writer writes.
func TestFramesOfJoblog(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "x.log")
	begin := time.UnixMilli(1_790_000_000_000)
	l, err := joblog.Create(path, joblog.Options{Now: func() time.Time { return begin }})
	if err != nil {
		t.Fatal(err)
	}
	l.Mark("a remark")
	if _, err := l.Stdout().WriteString(strings.Repeat("long ", 50_000) + "end\n"); err != nil {
		t.Fatal(err)
	}
	l.CloseWriteEnds()
	if _, err := l.Finish(time.Minute); err != nil {
		t.Fatal(err)
	}
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	r, err := newFrameReader(bytes.NewReader(data), 0, true)
	if err != nil || r.created != begin.UnixMilli() {
		t.Fatalf("%v %v", r, err)
	}
	got, end := readFrames(r, nil)
	if !errors.Is(end, errLogEnded) || got[0] != "mark a remark" {
		t.Fatalf("%v, %.100q", end, got)
	}
	var text strings.Builder
	for _, g := range got[1:] {
		text.WriteString(strings.TrimPrefix(g, "stdout "))
	}
	if text.String() != strings.Repeat("long ", 50_000)+"end\n" {
		t.Errorf("%d bytes came out", text.Len())
	}
	// Every cut is an end that isn't the log's own; every flipped bit is found.
	small := newFakeLog(5)
	small.add(1, 7, "hello")
	small.end()
	whole := small.bytes()
	want, _ := readFrames(newFrameReader(bytes.NewReader(whole), 0, true))
	for n := range whole {
		if _, err := readFrames(newFrameReader(bytes.NewReader(whole[:n]), 0, true)); !errors.Is(err, io.EOF) {
			t.Errorf("cut at %d: %v", n, err)
		}
		for bit := range 8 {
			bad := bytes.Clone(whole)
			bad[n] ^= 1 << bit
			if got, err := readFrames(newFrameReader(bytes.NewReader(bad), 0, true)); errors.Is(err, errLogEnded) && cmp.Equal(got, want) {
				t.Errorf("bit %d of byte %d makes no difference", bit, n)
			}
		}
	}
}

func FuzzFrames(f *testing.F) {
	l := newFakeLog(5)
	l.add(1, 7, "hello")
	l.add(3, 8, "mark")
	l.end()
	f.Add(l.bytes())
	f.Add([]byte(logMagic))
	f.Fuzz(func(t *testing.T, data []byte) {
		r, err := newFrameReader(bytes.NewReader(data), 0, true)
		n := logHeader
		for err == nil {
			var fr frame
			fr, err = r.next()
			n += len(fr.raw)
		}
		if n > len(data) && n != logHeader {
			t.Errorf("%d bytes came out of %d", n, len(data))
		}
	})
}

func FuzzEventFrames(f *testing.F) {
	body := engine.AppendEvents(nil, []engine.Stamped{{ID: 5, Event: &engine.AgentCoupled{}, Key: "a"}})
	f.Add(append([]byte{0, byte(len(body))}, body...))
	f.Add([]byte{0xff, 0xff, 0xff, 0xff, 0x0f, 1})
	f.Fuzz(func(t *testing.T, data []byte) {
		r := newFrames(io.NopCloser(bytes.NewReader(data)))
		defer func() { _ = r.Close() }()
		for {
			events, err := r.Next()
			if err != nil {
				return
			}
			if len(events) == 0 {
				t.Fatal("no events and no error")
			}
		}
	})
}

// Lines stay whole, however the output was cut into frames, and logs are merged by time.
func TestMergedLines(t *testing.T) {
	t.Parallel()
	logOf := func(event, start int64, frames ...frame) *stepLog {
		return &stepLog{step: store.Step{StepKey: store.StepKey{Event: event}, Start: start}, close: func() {}, next: func(context.Context) (frame, error) {
			if len(frames) == 0 {
				return frame{}, io.EOF
			}
			fr := frames[0]
			frames = frames[1:]
			return fr, nil
		}}
	}
	out := func(at int64, text string) frame { return frame{channel: joblog.Stdout, time: at, data: []byte(text)} }
	bad := func(at int64, text string) frame { return frame{channel: joblog.Stderr, time: at, data: []byte(text)} }
	m := newMerged([]*stepLog{
		logOf(2, 20, out(20, "two"), out(50, " more\nlast")),
		logOf(1, 10, out(10, "on"), bad(11, "err"), out(12, "e\n"), bad(30, "or\n"), out(40, strings.Repeat("x", maxLogLine+1))),
		logOf(3, 60, frame{channel: joblog.Mark, time: 60, data: []byte("m")}),
	})
	var got []string
	for {
		l, err := m.line(context.Background())
		if err != nil {
			break
		}
		got = append(got, l.Channel+" "+l.Text[:min(len(l.Text), 12)])
	}
	want := []string{"stdout one\n", "stderr error\n", "stdout two more\n", "stdout xxxxxxxxxxxx", "stdout last", "mark m\n"}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
}
