package faults

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/signet-scheduler/signet/api"
	"github.com/signet-scheduler/signet/internal/transport"
	"github.com/signet-scheduler/signet/test/faults/rig"
	"github.com/signet-scheduler/signet/test/sim/oracle"
)

// calm is how long all that is left to do may take after the last fault.
const calm = 30 * time.Second

// evidence is what a campaign collects while it does harm.
type evidence struct {
	r       *rig.Rig
	effects *effects
	stream  events            // as a reader gets it that asks again and again
	members map[string][]byte // the stream as each Controller has it, where that was asked
	clients *clients          // that spoke to Controllers themselves; nil: none

	mu    sync.Mutex
	acked []string
}

// acknowledged notes orders that are promised.
func (v *evidence) acknowledged(ids ...string) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.acked = append(v.acked, ids...)
}

func (v *evidence) promised() []string {
	v.mu.Lock()
	defer v.mu.Unlock()
	return slices.Clone(v.acked)
}

// events gathers a stream piece by piece.
type events struct {
	text []byte
	last int64
}

// event is what is looked at here of an event; the oracle looks at the rest.
type event struct {
	ID   int64  `json:"eventId"`
	Type string `json:"TYPE"`
	Key  string `json:"Key"`
}

// fetch gets the events that have come since.
func (e *events) fetch(ctx context.Context, r *rig.Rig) error {
	args := []string{"events"}
	if e.last > 0 {
		args = append(args, "--after", fmt.Sprint(e.last))
	}
	res, err := r.Run(ctx, args...)
	if err != nil {
		return err
	}
	// What was printed before a stream broke is good as well, but for a line
	// that was cut.
	text := res.Stdout[:bytes.LastIndexByte(res.Stdout, '\n')+1]
	if err := e.add(text); err != nil {
		return err
	}
	return res.Err()
}

func (e *events) add(text []byte) error {
	for line := range bytes.Lines(text) {
		var ev event
		if err := json.Unmarshal(line, &ev); err != nil {
			return fmt.Errorf("a line of the event stream: %w: %s", err, line)
		}
		if ev.ID <= e.last {
			return fmt.Errorf("event %d came after %d", ev.ID, e.last)
		}
		e.last = ev.ID
	}
	e.text = append(e.text, text...)
	return nil
}

// rest waits until everything promised has ended and everybody knows.
func (v *evidence) rest(t *testing.T) {
	t.Helper()
	ctx := t.Context()
	began := time.Now()
	var list []json.RawMessage
	err := rig.Poll(ctx, 2*calm, func() error {
		res, err := v.r.Run(ctx, "order", "list", "-o", "json")
		if err := errors.Join(err, res.Err()); err != nil {
			return err
		}
		if err := json.Unmarshal(res.Stdout, &list); err != nil {
			return err
		}
		if len(list) > 0 {
			return fmt.Errorf("%d orders haven't ended", len(list))
		}
		return nil
	})
	took := time.Since(began)
	if err != nil {
		t.Errorf("%v; the first is %s\n%s", err, list[:min(1, len(list))], v.r.Tail())
	} else if took > calm {
		t.Errorf("after the faults it took %s until all orders had ended", took)
	}
	t.Logf("all orders had ended %s after the last fault", took.Round(time.Millisecond))
	if jobs := v.r.Jobs(); len(jobs) > 0 && err == nil {
		t.Errorf("all orders have ended, and processes of jobs run: %q", jobs)
	}
	if err := v.caughtUp(ctx); err != nil {
		t.Error(err)
	}
}

// caughtUp waits until the Cockpit has written all events into its history.
func (v *evidence) caughtUp(ctx context.Context) error {
	var st api.ControllerStatus
	var target int64
	return rig.Poll(ctx, calm, func() (err error) {
		if st, err = v.r.Status(ctx); err != nil {
			return err
		}
		if target == 0 {
			target = st.LastEventId
		}
		if target == 0 || st.History.EventId < target {
			return fmt.Errorf("the history is at event %d, the Controller at %d", st.History.EventId, target)
		}
		return nil
	})
}

// judge looks at everything that was collected, and at what can be asked now.
func (v *evidence) judge(t *testing.T) {
	t.Helper()
	ctx := t.Context()
	if err := rig.Poll(ctx, calm, func() error { return v.stream.fetch(ctx, v.r) }); err != nil {
		t.Fatalf("reading the event stream: %v", err)
	}
	whole := v.r.Events()
	v.samePieces(t, whole)
	history := v.r.History()
	v.ownLook(t, history)
	v.askOracle(t, history)
}

// samePieces tells whether what was read piece by piece is what is read now at
// once: the stream neither changed nor has a gap.
func (v *evidence) samePieces(t *testing.T, whole []byte) {
	t.Helper()
	pieces := v.stream.text
	// Meanwhile more may have come, and the oldest may have gone.
	if first, _, ok := bytes.Cut(whole, []byte("\n")); ok {
		if at := bytes.Index(pieces, first); at >= 0 {
			pieces = pieces[at:]
		}
	}
	if len(whole) == 0 || !bytes.HasPrefix(whole, pieces) {
		t.Errorf("the events read piece by piece (%d bytes) aren't those read at once (%d bytes)", len(pieces), len(whole))
	}
}

// askMembers reads the event stream of each Controller. The oracle compares
// them with what the Cockpit passes on; here they are compared byte by byte.
func (v *evidence) askMembers(t *testing.T, peer *transport.Client) {
	t.Helper()
	v.members = map[string][]byte{}
	var first []byte
	for _, name := range v.r.Controllers() {
		var text []byte
		err := rig.Poll(t.Context(), calm, func() (err error) { text, err = v.r.MemberEvents(t.Context(), peer, name); return err })
		if err != nil {
			t.Errorf("the events of %s: %v", name, err)
			continue
		}
		v.members[name] = text
		if first == nil {
			first = text
		}
		if short := min(len(first), len(text)); short == 0 || !bytes.Equal(first[:short], text[:short]) {
			t.Errorf("the events of %s (%d bytes) aren't those of %s (%d bytes)", name, len(text), v.r.Controllers()[0], len(first))
		}
	}
}

// ownLook checks the plainest promise without the oracle: every acknowledged
// order ended once, and its history has one success for each job.
func (v *evidence) ownLook(t *testing.T, history []byte) {
	t.Helper()
	added, ended, over := map[string]int{}, map[string]int{}, map[string]bool{}
	for line := range bytes.Lines(v.stream.text) {
		var e event
		if err := json.Unmarshal(line, &e); err != nil {
			t.Fatal(err)
		}
		switch e.Type {
		case "OrderAdded":
			added[e.Key]++
		case "OrderFinished":
			ended[e.Key]++
			over[e.Key] = true
		case "OrderCancelled":
			over[e.Key] = true
		}
	}
	var rows []api.HistoryRow
	if err := json.Unmarshal(history, &rows); err != nil {
		t.Fatal(err)
	}
	successes, runs := map[string]int{}, map[string]int{}
	for _, r := range rows {
		if v.clients != nil && strings.HasPrefix(r.OrderId, clientOrder) {
			continue // added, ended and added again: left to the oracle
		}
		step := r.OrderId + " at " + string(r.Position)
		runs[step]++
		switch {
		case bytes.Contains(r.Outcome, []byte(`"Succeeded"`)):
			successes[step]++
		case !bytes.Contains(r.Outcome, []byte(`"ProcessLost"`)):
			t.Errorf("a run of order %s ended with %s", step, r.Outcome)
		}
	}
	v.noneTwice(t, runs)
	for _, id := range v.promised() {
		if added[id] != 1 || ended[id] != 1 {
			t.Errorf("order %s was added %d times and finished %d times", id, added[id], ended[id])
		}
		if n := successes[id+" at [0]"]; n != 1 {
			t.Errorf("the history has %d successes of the first job of order %s", n, id)
		}
	}
	for what, n := range successes {
		if n != 1 {
			t.Errorf("the history has %d successes of order %s", n, what)
		}
	}
	if len(added) != len(over) {
		t.Errorf("%d orders were added, %d have ended", len(added), len(over))
	}
}

// noneTwice tells whether a job began more often than the history knows: each
// run that it knows but the last is one that was lost.
func (v *evidence) noneTwice(t *testing.T, runs map[string]int) {
	t.Helper()
	text, err := os.ReadFile(v.effects.path)
	if err != nil {
		t.Fatal(err)
	}
	began := map[string]int{}
	for line := range bytes.Lines(text) {
		f := strings.Split(string(line), "\t")
		if len(f) < 3 {
			t.Fatalf("a job wrote %q", line)
		}
		if f[0] == "start" && (v.clients == nil || !strings.HasPrefix(f[1], clientOrder)) {
			_, number, _ := cutLast(f[2], ":")
			began[f[1]+" at ["+number+"]"]++
		}
	}
	for step, n := range began {
		if n > runs[step] {
			t.Errorf("order %s began %d times, and the history knows of %d", step, n, runs[step])
		}
	}
}

func cutLast(s, sep string) (before, after string, found bool) {
	if i := strings.LastIndex(s, sep); i >= 0 {
		return s[:i], s[i+len(sep):], true
	}
	return "", s, false
}

// askOracle has the outside oracle judge.
func (v *evidence) askOracle(t *testing.T, history []byte) {
	t.Helper()
	s := oracle.NewStream(oracle.Options{})
	end := oracle.End{Acknowledged: v.promised(), Effects: oracle.NewEffects(s), Commands: oracle.NewCommands(s), Complete: true}
	// What is wrong with a line is kept by the stream and told at the end.
	for line := range bytes.Lines(v.stream.text) {
		_ = s.Line(bytes.TrimSpace(line))
	}
	for _, name := range slices.Sorted(maps.Keys(v.members)) {
		r := s.Reader(name, 0)
		for line := range bytes.Lines(v.members[name]) {
			_ = r.Line(bytes.TrimSpace(line))
		}
		end.Readers = append(end.Readers, r)
	}
	if v.clients != nil {
		v.clients.tell(end.Commands)
	}
	written, err := os.ReadFile(v.effects.path)
	if err != nil {
		t.Fatal(err)
	}
	for line := range bytes.Lines(written) {
		_ = end.Effects.Line(bytes.TrimSpace(line))
	}
	rows, err := oracle.ReadRows(history)
	if err != nil {
		t.Errorf("the history: %v", err)
	}
	s.History(rows, 0)
	findings := s.End(end)
	for i, f := range findings {
		if i == 20 {
			t.Errorf("... and %d more findings", len(findings)-i)
			break
		}
		t.Errorf("the oracle: %v", f)
	}
	if t.Failed() {
		v.keep(t, map[string][]byte{"events": v.stream.text, "history": history})
	}
}

// keep keeps what a failed campaign has left, where FAULTS_KEEP names a folder.
func (v *evidence) keep(t *testing.T, texts map[string][]byte) {
	t.Helper()
	dir := os.Getenv("FAULTS_KEEP")
	if dir == "" {
		t.Log("FAULTS_KEEP=DIR keeps events, history, effects and log of a campaign that fails")
		return
	}
	for name, path := range map[string]string{"effects": v.effects.path, "log": v.r.LogFile()} {
		text, err := os.ReadFile(path)
		if err != nil {
			t.Error(err)
		}
		texts[name] = text
	}
	for name, text := range texts {
		if err := errors.Join(os.MkdirAll(dir, 0o700), os.WriteFile(filepath.Join(dir, t.Name()+"."+name), text, 0o600)); err != nil {
			t.Error(err)
		}
	}
}
