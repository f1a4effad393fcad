package cockpit

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/signet-scheduler/signet/api"
	"github.com/signet-scheduler/signet/internal/fault"
	"github.com/signet-scheduler/signet/internal/joblog"
	"github.com/signet-scheduler/signet/internal/logline"
	"github.com/signet-scheduler/signet/internal/order"
	"github.com/signet-scheduler/signet/internal/store"
)

func (b *bench) logLines(id, query string) (out api.LogLines) {
	b.Helper()
	b.call("GET", orderPath(id, "/log/lines?"+query), nil, &out)
	return out
}

func (b *bench) logHits(id, call, query string) (out api.LogHits) {
	b.Helper()
	b.call("GET", orderPath(id, "/log/"+call+"?"+query), nil, &out)
	return out
}

func texts(lines []api.NumberedLine) (all []string) {
	for _, l := range lines {
		all = append(all, fmt.Sprintf("%d %s %s", l.N, l.Channel, l.Text))
	}
	return all
}

func TestLinesOfAFailedOrder(t *testing.T) { onBoth(t, options{}, testLinesOfAFailedOrder) }

func testLinesOfAFailedOrder(t *testing.T, b *bench) {
	step := func(job string) string { return `{"TYPE":"Execute.Named","jobName":"` + job + `"}` }
	jobOf := func(script string) string {
		return `{"agentPath":"agent-1","executable":{"TYPE":"ShellScriptExecutable","script":"` + script + `"}}`
	}
	b.deploy(map[string]string{"W": `{"instructions":[` + step("A") + `,` + step("B") + `],"jobs":{"A":` + jobOf(`out one\nerr harmless`) + `,"B":` + jobOf(`out two\nerr disk full\nout an error\nrc 3`) + `}}`})
	b.add(api.AddOrdersRequest{Workflow: "W", Id: "O"})
	b.await("O")
	out := b.logLines("O", "")
	want := []string{"1 stdout one", "2 stderr harmless", "3 stdout two", "4 stderr disk full", "5 stdout an error"}
	if diff := cmp.Diff(want, texts(out.Lines)); diff != "" {
		t.Error(diff)
	}
	if out.Total != 5 || !out.Complete || out.More || *out.Open != (api.LogOpening{Line: 4, Reason: "error"}) || len(out.Sections) != 2 {
		t.Fatalf("%+v", out)
	}
	s := out.Sections[1]
	if s.First != 3 || s.Lines != 3 || s.Job != "B" || *s.ReturnCode != 3 || !s.Complete || s.End == 0 {
		t.Errorf("%+v", s)
	}
	if got := b.logLines("O", "from=2&lines=2"); len(got.Lines) != 2 || got.Lines[0].N != 2 || got.Open != nil {
		t.Errorf("%+v", got)
	}
	if got := b.logLines("O", "from=6"); len(got.Lines) != 0 || got.Total != 5 {
		t.Errorf("behind the end: %+v", got)
	}
	// What is known for good isn't sent again, and nothing is waited for at the end.
	if got := b.logLines("O", "from=6&wait=30000&seen="+out.Seen); got.KnownSections != 2 || len(got.Sections) != 0 || got.Seen != out.Seen {
		t.Errorf("%+v", got)
	}
	if got := b.logLines("O", "task="+url.QueryEscape(s.Task)); got.Total != 3 || *got.Open != (api.LogOpening{Line: 2, Reason: "error"}) {
		t.Errorf("one step: %+v", got)
	}
	if w := b.do(request{method: "GET", path: orderPath("O", "/log?task="+url.QueryEscape(s.Task)), token: b.token}); w.Body.String() != "two\ndisk full\nan error\n" {
		t.Errorf("one step as text: %q", w.Body)
	}
	if got := b.logHits("O", "errors", "text=true"); fmt.Sprint(got.Hits) != "[2 4 5]" || got.Count != 3 || got.Until != 5 || got.Next != 0 || len(got.Found) != 3 {
		t.Errorf("errors: %+v", got)
	}
	if got := b.logHits("O", "search", "q=O&from=2"); fmt.Sprint(got.Hits) != "[3 5]" {
		t.Errorf("search: %+v", got)
	}
	if got := b.logHits("O", "search", "q=%5Et.o%24&regex=true&case=true&limit=0"); got.Count != 1 || len(got.Hits) != 0 {
		t.Errorf("search: %+v", got)
	}
	if got := b.logHits("O", "search", "q=o&limit=2&text=true"); got.Next != 4 || got.Count != 2 {
		t.Errorf("in pages: %+v", got)
	}
}

func TestWrongQuestionsAboutALog(t *testing.T) {
	t.Parallel()
	b := newBench(t, options{})
	b.deploy(map[string]string{"W": job("out x")})
	b.add(api.AddOrdersRequest{Workflow: "W", Id: "A"})
	b.await("A")
	for query, code := range map[string]string{
		"lines?from=0": "InvalidQuery", "lines?lines=2001": "InvalidQuery", "lines?wait=30001": "InvalidQuery", "lines?full=true": "InvalidQuery", "lines?x=1": "InvalidQuery",
		"lines?full=yes": "InvalidQuery", "search": "InvalidSearch", "search?q=(&regex=true": "InvalidSearch", "search?q=x&limit=10001": "InvalidQuery", "search?q=x&regex=1": "InvalidQuery",
		"search?q=" + strings.Repeat("x", 1001): "SearchTooComplex", "errors?from=x": "InvalidQuery",
	} {
		b.refused(http.StatusUnprocessableEntity, code, "GET", orderPath("A", "/log/"+query), nil)
	}
	b.refused(http.StatusNotFound, "UnknownOrder", "GET", orderPath("B", "/log/lines"), nil)
	b.refused(http.StatusNotFound, "UnknownTask", "GET", orderPath("A", "/log/lines?task=T99"), nil)
	if out := b.logLines("A", "seen=nonsense&wait=1"); len(out.Sections) != 1 {
		t.Errorf("%+v", out)
	}
}

// A reader who waits hears of each line, and of the end.
func TestWaitingForLines(t *testing.T) {
	t.Parallel()
	b := newBench(t, options{})
	b.deploy(map[string]string{"W": job("out first\nhold")})
	b.add(api.AddOrdersRequest{Workflow: "W", Id: "A"})
	seen, have := "", int64(0)
	var got []string
	next := func() api.LogLines {
		out := b.logLines("A", "wait=30000&seen="+url.QueryEscape(seen)+"&from="+strconv.FormatInt(have+1, 10))
		if out.Seen == seen && !out.Complete {
			t.Fatal("nothing new within the time")
		}
		seen, have = out.Seen, out.Total
		got = append(got, texts(out.Lines)...)
		return out
	}
	for have == 0 {
		next()
	}
	log := b.fake.logOf("A")
	log.add(byte(joblog.Stdout), log.created, "second\nbegun")
	next()
	if out := b.logLines("A", ""); out.Complete || *out.Open != (api.LogOpening{Line: 3, Reason: "end"}) || out.Total != 3 {
		t.Errorf("%+v", out)
	}
	have = 2
	log.add(byte(joblog.Stdout), log.created, " and ended\n")
	next()
	b.fake.release("A", "last")
	for !next().Complete {
	}
	want := []string{"1 stdout first", "2 stdout second", "3 stdout begun", "3 stdout begun and ended", "4 stdout last"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

// logOf returns the log of the job that an order holds.
func (f *fake) logOf(id order.ID) *fakeLog {
	f.mu.Lock()
	defer f.mu.Unlock()
	for name := range f.agents {
		if log := f.logs[name+"/"+f.held[id].Task]; log != nil {
			return log
		}
	}
	return nil
}

// bigLog writes many frames of both channels, some lines long, some across
// pieces, and returns the lines that they make.
func bigLog(log *fakeLog, frames int) (want []logline.Line) {
	r := rand.New(rand.NewPCG(1, 2))
	s := logline.NewSplitter(shownLine, logline.State{})
	emit := func(l logline.Line) {
		l.Text = []byte(string(l.Text))
		want = append(want, l)
	}
	n := 0
	for i := range frames {
		var text strings.Builder
		for text.Len() < 2000 {
			n++
			fmt.Fprintf(&text, "line %d of the log\n", n)
		}
		c := joblog.Stdout
		switch r.IntN(10) {
		case 0:
			c = joblog.Stderr
		case 1:
			text.WriteString("begun ")
		case 2:
			text.WriteString(strings.Repeat("long ", r.IntN(30_000)))
		}
		at := log.created + int64(i)
		log.add(byte(c), at, text.String())
		s.Frame(c, at, []byte(text.String()), emit)
	}
	for _, c := range []joblog.Channel{joblog.Stdout, joblog.Stderr} {
		log.add(byte(c), log.created, "\n")
		s.Frame(c, log.created, []byte("\n"), emit)
	}
	return want
}

// Any line is found by its number, whether the log is at its Agent, in the
// database with its index, or there without one.
func TestAnyLineOfABigLog(t *testing.T) { onBoth(t, options{}, testAnyLineOfABigLog) }

func testAnyLineOfABigLog(t *testing.T, b *bench) {
	b.deploy(map[string]string{"W": job("hold")})
	b.add(api.AddOrdersRequest{Workflow: "W", Id: "A"})
	for !b.fake.isHeld("A") {
		b.history("")
	}
	b.settled()
	want := bigLog(b.fake.logOf("A"), 300)
	ctx := context.Background()
	h := b.c.histories[0]
	view := func() *orderLogView {
		o, err := h.order(ctx, "A")
		b.check(err)
		v, err := h.viewLog(ctx, logOf{Order: o})
		b.check(err)
		return v
	}
	check := func(name string, v *orderLogView, want []logline.Line) {
		t.Helper()
		if len(v.sections[0].index.pieces) < 3 {
			t.Fatalf("%s: %d pieces", name, len(v.sections[0].index.pieces))
		}
		r := rand.New(rand.NewPCG(3, 4))
		for i := range 60 {
			n := int64(r.IntN(len(want)))
			if i == 0 {
				n = int64(len(want)) - 1
			}
			got, err := v.read(ctx, n+1, 3, shownLine)
			b.check(err)
			for k, l := range got[:min(len(got), len(want)-int(n))] {
				w := numbered(n+1+int64(k), want[n+int64(k)])
				if diff := cmp.Diff(w, l); diff != "" {
					t.Fatalf("%s: line %d: %.300s", name, l.N, diff)
				}
			}
			if len(got) != min(3, int(v.lines-n)) {
				t.Fatalf("%s: %d lines from %d on", name, len(got), n+1)
			}
		}
	}
	for len(view().sections) == 0 {
	}
	check("at the Agent", view(), want)
	// A long line is whole when it is asked for alone.
	for i, l := range want {
		if l.Bytes > shownLine {
			out := b.logLines("A", "lines=1&full=true&from="+strconv.Itoa(i+1))
			if len(out.Lines) != 1 || int64(len(out.Lines[0].Text)) != l.Bytes || out.Lines[0].Bytes != 0 {
				t.Errorf("line %d of %d bytes has %d", i+1, l.Bytes, len(out.Lines[0].Text))
			}
		}
	}
	b.fake.release("A", "")
	b.await("A")
	v := view()
	if v.lines != int64(len(want))+1 || v.sections[0].step.Log.Chunks < 3 { // release has written a line
		t.Fatalf("%d lines in %d pieces", v.lines, v.sections[0].step.Log.Chunks)
	}
	check("with its index", v, want)
	step := v.sections[0].step
	if _, err := h.storedPiece(ctx, &step, indexChunk); err != nil {
		t.Fatalf("no index is kept: %v", err)
	}
	kept, err := h.storedIndex(ctx, &step)
	b.check(err)
	step.Log.State = store.LogMissing // as if it had come in several goes
	made, err := h.storedIndex(ctx, &step)
	b.check(err)
	if diff := cmp.Diff(made, kept, cmp.AllowUnexported(logIndex{}, pieceStart{})); diff != "" {
		t.Errorf("the index that is kept isn't the one that is made: %.500s", diff)
	}
}

// A stored index that is damaged is not believed.
func FuzzStoredIndex(f *testing.F) {
	in := newIndexer(1_790_000_000_000)
	in.begin()
	in.frame(joblog.Stdout, 1_790_000_000_001, []byte("a\nb"))
	in.begin()
	in.frame(joblog.Stderr, 1_790_000_000_002, []byte("error\nx"))
	f.Add(in.index().encode())
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, data []byte) {
		x, err := decodeIndex(data, 1_790_000_000_000, 2)
		if err != nil {
			if !fault.HasCode(err, "LogIndexCorrupt") {
				t.Error(err)
			}
			return
		}
		for _, p := range append(x.pieces, x.end) {
			if p.line < 0 || p.errors < 0 || p.stderr < 0 {
				t.Errorf("%+v", p)
			}
		}
		again, err := decodeIndex(x.encode(), 1_790_000_000_000, 2)
		if diff := cmp.Diff(x, again, cmp.AllowUnexported(logIndex{}, pieceStart{})); err != nil || diff != "" {
			t.Errorf("%v %s", err, diff)
		}
	})
}

func TestLinesThatAreNoText(t *testing.T) {
	t.Parallel()
	got := numbered(7, logline.Line{Channel: joblog.Stdout, Time: 5, Text: []byte("a\xff\xfe \ufffd"), Bytes: 7})
	want := api.NumberedLine{N: 7, Time: 5, Channel: "stdout", Text: "a\ufffd\ufffd \ufffd", Invalid: []string{"ff", "fe", "efbfbd"}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	// A character that was cut in two isn't shown as a wrong one.
	got = numbered(1, logline.Line{Channel: joblog.Stdout, Text: []byte("ab\xe2\x82"), Bytes: 100})
	if got.Text != "ab" || got.Bytes != 100 || got.Invalid != nil {
		t.Errorf("%+v", got)
	}
}

// The cache forgets what was used longest ago, and makes nothing twice.
func TestCacheOfIndexes(t *testing.T) {
	t.Parallel()
	c := newLogCache()
	made := 0
	get := func(n int64) {
		_, err := c.get(context.Background(), logKey{stored: true, chunks: int(n)}, func(*logIndex) (*logIndex, error) {
			made++
			return &logIndex{pieces: make([]pieceStart, 10_000)}, nil // 1.6 MB
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	get(0)
	get(0)
	if made != 1 {
		t.Errorf("made %d times", made)
	}
	for i := range int64(20) {
		get(i)
	}
	if c.bytes > cacheBytes || c.order.Len() != len(c.known) || c.order.Len() > 11 {
		t.Errorf("%d bytes, %d indexes", c.bytes, c.order.Len())
	}
	made = 0
	get(0)
	if made != 1 {
		t.Error("the first one wasn't dropped")
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	busy := c.place(logKey{chunks: 99})
	busy.busy <- struct{}{}
	if _, err := c.get(ctx, logKey{chunks: 99}, nil); err == nil {
		t.Error("a caller who has gone waits on")
	}
}
