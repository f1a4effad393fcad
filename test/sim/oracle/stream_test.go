package oracle_test

import (
	"bytes"
	"encoding/json"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/signet-scheduler/signet/internal/workflow"
	"github.com/signet-scheduler/signet/test/sim/oracle"
)

// TestLateStreams begins anywhere, and finds nothing wrong with what it can't
// know.
func TestLateStreams(t *testing.T) {
	t.Parallel()
	for seed := range uint64(20) {
		told := record(t, 3000+seed)
		r := rand.New(rand.NewPCG(seed, 9))
		for range 10 {
			s := oracle.NewStream(oracle.Options{Late: true})
			from := r.IntN(len(told))
			for i := range told[from:] {
				if st := &told[from+i]; st.who == "" {
					if err := s.Event(&st.event); err != nil {
						t.Fatalf("seed %d from %d: %v", seed, from, err)
					}
				}
			}
			for _, f := range s.End(oracle.End{}) {
				t.Fatalf("seed %d from %d: %v", seed, from, f)
			}
		}
	}
}

// TestLinesSayTheSame tells one oracle the events, and another their lines.
func TestLinesSayTheSame(t *testing.T) {
	t.Parallel()
	for seed := range uint64(10) {
		told := record(t, 4000+seed)
		events, lines := oracle.NewStream(oracle.Options{}), oracle.NewStream(oracle.Options{})
		r := events.Reader("of lines", 0)
		for i := range told {
			st := &told[i]
			line := st.event.AppendJSON(nil)
			read, err := oracle.ReadLine(line)
			if err != nil {
				t.Fatal(err)
			}
			if d := cmp.Diff(string(line), string(read.AppendJSON(nil))); d != "" {
				t.Fatalf("a line isn't what was read (-line +read):\n%s", d)
			}
			if st.who != "" {
				if err := lines.AgentLine(st.who, line); err != nil {
					t.Fatal(err)
				}
				continue
			}
			for _, err := range []error{events.Event(&st.event), lines.Line(line), r.Line(line)} {
				if err != nil {
					t.Fatal(err)
				}
			}
		}
		if events.Count() != lines.Count() || events.Last() != lines.Last() || r.Read() != events.Count() {
			t.Fatalf("%d events, %d lines, %d read", events.Count(), lines.Count(), r.Read())
		}
		if d := cmp.Diff(events.Orders(), lines.Orders()); d != "" {
			t.Fatal(d)
		}
	}
}

// collect writes what a campaign would have collected from a recording.
func collect(t *testing.T, told []step, change func(lines [][]byte) [][]byte) oracle.Installation {
	t.Helper()
	dir := t.TempDir()
	var lines [][]byte
	agents := map[string]*bytes.Buffer{}
	for i := range told {
		line := append(told[i].event.AppendJSON(nil), '\n')
		if told[i].who == "" {
			lines = append(lines, line)
			continue
		}
		if agents[told[i].who] == nil {
			agents[told[i].who] = &bytes.Buffer{}
		}
		agents[told[i].who].Write(line)
	}
	write := func(name string, data []byte) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, data, 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	in := oracle.Installation{Readers: map[string]string{"other": write("reader", bytes.Join(lines, nil))}, Agents: map[string]string{}}
	for name, b := range agents {
		in.Agents[name] = write(name, b.Bytes())
	}
	lines = change(lines)
	in.Events = write("events", append(bytes.Join(lines, nil), `{"eventId":1`...)) // the last line is torn
	rows, traces := rowsOf(t, lines)
	in.History, in.Effects = write("history", rows), write("effects", traces)
	return in
}

// rowsOf returns the rows and the traces that a stream leads to, in the
// simplest way there is.
func rowsOf(t *testing.T, lines [][]byte) (rows, traces []byte) {
	t.Helper()
	s := oracle.NewStream(oracle.Options{})
	for _, line := range lines {
		_ = s.Line(bytes.TrimSpace(line)) // what is wrong is found by Check
	}
	all := s.Rows()
	var out strings.Builder
	for _, r := range all {
		var p workflow.Position
		if err := json.Unmarshal(r.Position, &p); err != nil {
			t.Fatal(err)
		}
		out.WriteString(strings.Join([]string{"start", r.OrderID, p.String(), strconv.FormatInt(r.Try, 10), r.Agent}, "\t") + "\n")
	}
	data, err := json.Marshal(all)
	if err != nil {
		t.Fatal(err)
	}
	return data, []byte(out.String())
}

// TestInstallation reads what a campaign collects: as it is, and with an event
// lost on the way.
func TestInstallation(t *testing.T) {
	t.Parallel()
	told := record(t, 5000)
	acknowledged := ""
	for i := range told {
		if told[i].who == "" && told[i].event.Event.Type() == "OrderAdded" {
			acknowledged = told[i].event.Key
			break
		}
	}
	in := collect(t, told, func(lines [][]byte) [][]byte { return lines })
	in.Acknowledged, in.Complete = []string{acknowledged}, true
	findings, err := in.Check()
	if err != nil || len(findings) > 0 {
		t.Fatalf("%v %v", findings, err)
	}
	in = collect(t, told, func(lines [][]byte) [][]byte {
		lost := slices.IndexFunc(lines, func(line []byte) bool { return bytes.Contains(line, []byte(`"OrderProcessed"`)) })
		return slices.Delete(slices.Clone(lines), lost, lost+1)
	})
	in.Acknowledged = []string{acknowledged, "NEVER"}
	if findings, err = in.Check(); err != nil {
		t.Fatal(err)
	}
	rules := map[oracle.Rule]bool{}
	for _, f := range findings {
		rules[f.Rule] = true
	}
	for _, want := range []oracle.Rule{oracle.OrderLost, oracle.IllegalEvent, oracle.ReaderDiffers, oracle.NotAdopted} {
		if !rules[want] {
			t.Errorf("%s isn't among the findings %v", want, rules)
		}
	}
	in.Effects = filepath.Join(t.TempDir(), "nothing")
	if _, err := in.Check(); err == nil {
		t.Error("a missing file is passed over")
	}
}

// TestFindingsTellTheStory looks at a finding as people see it.
func TestFindingsTellTheStory(t *testing.T) {
	t.Parallel()
	s := oracle.NewStream(oracle.Options{Late: true})
	for _, line := range []string{
		`{"eventId":1000,"TYPE":"OrderAdded","Key":"O","workflowId":{"path":"W","versionId":"1"}}`,
		`{"eventId":2000,"TYPE":"OrderStarted","Key":"O"}`,
	} {
		if err := s.Line([]byte(line)); err != nil {
			t.Fatal(err)
		}
	}
	err := s.Line([]byte(`{"eventId":3000,"TYPE":"OrderProcessed","Key":"O","outcome":{"TYPE":"Succeeded"}}`))
	want := `invariant 2, IllegalEvent, order O: OrderProcessed: the order is Ready, at the Controller, at 0 (event 3000)
	{"eventId":1000,"TYPE":"OrderAdded","Key":"O","workflowId":{"path":"W","versionId":"1"}}
	{"eventId":2000,"TYPE":"OrderStarted","Key":"O"}
	{"eventId":3000,"TYPE":"OrderProcessed","Key":"O","outcome":{"TYPE":"Succeeded"}}`
	if err == nil || err.Error() != want {
		t.Errorf("got %v", err)
	}
	if s.State("O") != "Processed" || s.State("P") != "" {
		t.Errorf("states %q and %q", s.State("O"), s.State("P"))
	}
}

func FuzzReadLine(f *testing.F) {
	f.Add([]byte(`{"eventId":1000,"TYPE":"OrderAdded","Key":"O","workflowId":{"path":"W","versionId":"1"}}`))
	f.Add([]byte(`{"eventId":1000,"TYPE":"OrderProcessed","Key":"O","outcome":{"TYPE":"Killed","outcome":{"TYPE":"Failed","namedValues":{"returnCode":1}}}}`))
	f.Add([]byte(`{"eventId":1000,"TYPE":"OrderForked","Key":"O","children":[{"orderId":"O|a"},{"orderId":"O|a"}]}`))
	f.Add([]byte(`{"eventId":1000,"TYPE":"OrderAttachedToAgent","Key":"O","order":{"id":"O","state":{"TYPE":"Ready"},"position":[0]}}`))
	f.Add([]byte(`{"eventId":1,"TYPE":"OrderJoined","Key":"O"}`))
	f.Fuzz(func(t *testing.T, line []byte) {
		e, err := oracle.ReadLine(line)
		if err != nil {
			return
		}
		// Whatever is read must be taken without a panic, at both kinds of parts.
		s := oracle.NewStream(oracle.Options{})
		_ = s.Line([]byte(`{"eventId":1,"TYPE":"OrderAdded","Key":"O","workflowId":{"path":"W","versionId":"1"}}`))
		_ = s.Event(&e)
		_ = s.AgentEvent("A", &e)
		_ = s.Event(&e)
		s.End(oracle.End{})
	})
}
