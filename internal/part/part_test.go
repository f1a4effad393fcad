package part_test

import (
	"crypto/x509"
	"crypto/x509/pkix"
	"fmt"
	"io"
	"log/slog"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"

	"github.com/signet-scheduler/signet/internal/clock"
	"github.com/signet-scheduler/signet/internal/part"
)

func newLog(t *testing.T) (*part.Ring, *slog.Logger, *clock.Fake) {
	t.Helper()
	c := clock.NewFake(time.UnixMilli(1_790_000_000_000))
	g := part.NewRing(c)
	return g, slog.New(g.Handler(slog.NewTextHandler(io.Discard, &slog.HandlerOptions{Level: slog.LevelInfo}))), c
}

func texts(l part.Lines) []string {
	all := []string{}
	for _, x := range l.Lines {
		all = append(all, x.Level+" "+x.Text)
	}
	return all
}

func TestLinesAreKeptAsTheyAreWritten(t *testing.T) {
	t.Parallel()
	g, log, c := newLog(t)
	log.Info("starting", "part", "agent", "pid", 17)
	log.Debug("not written, so not kept")
	c.Advance(time.Second)
	log.With("agent", "agent-1").WithGroup("tls").Warn("the Agent is not coupled", "error", "it can't be reached", "time", 1)
	got := g.After(0, 0)
	want := []string{`info starting part=agent pid=17`, `warn the Agent is not coupled agent=agent-1 tls.error="it can't be reached" tls.time=1`}
	if d := cmp.Diff(want, texts(got)); d != "" {
		t.Error(d)
	}
	if got.Missed || got.Lines[0].Time != 1_790_000_000_000 || got.Lines[1].Time != 1_790_000_001_000 {
		t.Errorf("%+v", got)
	}
}

func TestAReaderGoesOnBehindItsLastLine(t *testing.T) {
	t.Parallel()
	g, log, _ := newLog(t)
	for i := range 5 {
		log.Info(fmt.Sprint(i))
	}
	first := g.After(0, 2)
	if d := cmp.Diff([]string{"info 3", "info 4"}, texts(first)); d != "" {
		t.Error(d)
	}
	last := first.Lines[1].ID
	if got := g.After(last, 0); len(got.Lines) != 0 || got.Missed {
		t.Errorf("nothing is new, and there is %+v", got)
	}
	log.Info("5")
	if d := cmp.Diff([]string{"info 5"}, texts(g.After(last, 0))); d != "" {
		t.Error(d)
	}
	if d := cmp.Diff([]string{"info 4"}, texts(g.After(first.Lines[0].ID, 1))); d != "" {
		t.Error(d)
	}
	// A line that this life never had: its clock is behind that of the one before.
	other := g.After(last+1_000_000, 3)
	if d := cmp.Diff([]string{"info 3", "info 4", "info 5"}, texts(other)); d != "" || !other.Missed {
		t.Error(d, other.Missed)
	}
}

func TestMemoryIsBounded(t *testing.T) {
	t.Parallel()
	g, log, _ := newLog(t)
	log.Info("first")
	first := g.After(0, 0).Lines[0].ID
	for range 5000 {
		log.Info("short")
	}
	got := g.After(first, 0)
	if !got.Missed || len(got.Lines) != 2000 {
		t.Errorf("%d lines, missed is %t", len(got.Lines), got.Missed)
	}
	for range 1000 {
		log.Info(strings.Repeat("ä", 10_000), "bad", "\xff")
	}
	size := 0
	for _, l := range g.After(0, 0).Lines {
		size += len(l.Text)
		if len(l.Text) > 4<<10 || !utf8.ValidString(l.Text) {
			t.Fatalf("a line of %d bytes", len(l.Text))
		}
	}
	if size > 1<<20 {
		t.Errorf("%d bytes are kept", size)
	}
}

func TestManyWriters(t *testing.T) {
	t.Parallel()
	g, log, _ := newLog(t)
	var wg sync.WaitGroup
	for i := range 8 {
		wg.Go(func() {
			mine := log.With("writer", i)
			for range 200 {
				mine.Info("line")
			}
		})
	}
	wg.Wait()
	got := g.After(0, 0)
	if len(got.Lines) != 1600 {
		t.Errorf("%d lines", len(got.Lines))
	}
	for i, l := range got.Lines {
		if !strings.HasPrefix(l.Text, "line writer=") || i > 0 && l.ID <= got.Lines[i-1].ID {
			t.Fatalf("line %d is %+v", i, l)
		}
	}
}

func TestReport(t *testing.T) {
	t.Parallel()
	end := time.UnixMilli(1_800_000_000_000)
	root := &x509.Certificate{Subject: pkix.Name{CommonName: "root"}, Issuer: pkix.Name{CommonName: "root"}, NotAfter: end.Add(time.Hour)}
	leaf := &x509.Certificate{
		Subject: pkix.Name{CommonName: "a"}, Issuer: pkix.Name{CommonName: "root"}, NotAfter: end, URIs: []*url.URL{{Scheme: "signet", Host: "agent", Path: "/a"}},
	}
	s := part.Self{Version: "1.2.3", Started: time.UnixMilli(1_790_000_000_000)}
	got := s.Report(
		part.Certificates(part.ForParts, []*x509.Certificate{leaf, root}, []*x509.Certificate{root}),
		part.Certificates(part.ForUsers, []*x509.Certificate{leaf}, nil),
	)
	want := part.Report{Version: "1.2.3", Since: 1_790_000_000_000, Certificates: []part.Certificate{
		{Use: "parts", Subject: "signet://agent/a", Issuer: "CN=root", NotAfter: 1_800_000_000_000},
		{Use: "authority", Subject: "CN=root", Issuer: "CN=root", NotAfter: 1_800_003_600_000},
		{Use: "users", Subject: "signet://agent/a", Issuer: "CN=root", NotAfter: 1_800_000_000_000},
	}}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
	none := part.Self{}
	if got := none.Log.After(0, 0); len(got.Lines) != 0 {
		t.Errorf("%+v", got)
	}
}
