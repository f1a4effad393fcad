package cockpit

import (
	"bufio"
	"encoding/binary"
	"fmt"
	"testing"

	"github.com/signet-scheduler/signet/internal/store"
)

// Logs that were never tried go together by Agent; the others alone.
func TestTogether(t *testing.T) {
	t.Parallel()
	var due []store.Step
	add := func(agent string, n int, log store.LogStatus) {
		for range n {
			due = append(due, store.Step{StepKey: store.StepKey{Event: int64(len(due))}, Agent: agent, Log: log})
		}
	}
	add("a", MaxTaskLogs+3, store.LogStatus{})
	add("b", 2, store.LogStatus{})
	add("a", 1, store.LogStatus{Bytes: 24})
	add("b", 1, store.LogStatus{Problem: "Unavailable"})
	got := ""
	seen := map[int64]bool{}
	for _, group := range together(due) {
		got += fmt.Sprintf("%s%d ", group[0].Agent, len(group))
		for _, s := range group {
			if s.Agent != group[0].Agent || seen[s.Event] {
				t.Errorf("step %d of %s is in a group of %s, or twice", s.Event, s.Agent, group[0].Agent)
			}
			seen[s.Event] = true
		}
	}
	if want := fmt.Sprintf("a%d a3 b2 a1 b1 ", MaxTaskLogs); got != want || len(seen) != len(due) {
		t.Errorf("got %q with %d steps, want %q with %d", got, len(seen), want, len(due))
	}
}

// An Agent isn't believed: an answer that doesn't divide into logs is refused.
func TestSplitLogs(t *testing.T) {
	t.Parallel()
	answer := append(binary.AppendUvarint(nil, 3), "one"...)
	answer = append(answer, 0)
	answer = append(binary.AppendUvarint(answer, 5), "three"...)
	logs, err := splitLogs(answer, 3)
	if err != nil || string(logs[0]) != "one" || logs[1] != nil || string(logs[2]) != "three" {
		t.Errorf("got %q, %v", logs, err)
	}
	for cut := range answer {
		if _, err := splitLogs(answer[:cut], 3); err == nil {
			t.Errorf("an answer cut after %d bytes was taken", cut)
		}
	}
}

// Only a log that is finished and undamaged is taken from an answer with many.
func TestWholeLog(t *testing.T) {
	t.Parallel()
	pack, err := newPacker()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(pack.close)
	f := &fetcher{pack: pack}
	in := bufio.NewReader(nil)
	l := newFakeLog(1000)
	if _, _, ok := f.whole(in, l.bytes()); ok {
		t.Error("a log that isn't finished was taken")
	}
	l.add(1, 1001, "hello\n")
	l.end()
	whole := l.bytes()
	packed, status, ok := f.whole(in, whole)
	if !ok || status.State != store.LogComplete || status.Created != 1000 || status.Chunks != 1 {
		t.Fatalf("got %v, %+v", ok, status)
	}
	if frames, err := pack.expand(packed); err != nil || string(frames) != string(whole[logHeader:status.Bytes]) {
		t.Errorf("the frames are %q, %v", frames, err)
	}
	for i := range whole {
		flipped := append([]byte(nil), whole...)
		flipped[i] ^= 4
		if _, _, ok := f.whole(in, flipped); ok {
			t.Errorf("a log with a flipped bit at %d was taken", i)
		}
	}
}
