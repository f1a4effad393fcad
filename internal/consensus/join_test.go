package consensus

import (
	"bytes"
	"crypto/rand"
	"fmt"
	"slices"
	"testing"

	"github.com/signet-scheduler/signet/internal/consensus/consensustest/toy"
	"github.com/signet-scheduler/signet/internal/fault"
	"github.com/signet-scheduler/signet/internal/journal"
)

// calmWorld returns a simulated group of three without faults; nobody runs.
// Not parallel, as newWorld sets the source of random numbers.
func calmWorld(t *testing.T, seed uint64) *world {
	t.Helper()
	reader := rand.Reader
	t.Cleanup(func() { restore(reader) })
	w := newWorld(seed, 3, false, bugs{})
	w.calm = true
	return w
}

func begin(t *testing.T, list ...*member) {
	t.Helper()
	for _, m := range list {
		if err := m.start(); err != nil {
			t.Fatal(err)
		}
	}
}

// turns lets ticks pass for whoever runs.
func turns(t *testing.T, w *world, n int) {
	t.Helper()
	for range n {
		for _, m := range w.members {
			if m.run != nil {
				if err := m.turn(); err != nil {
					t.Fatal(err)
				}
			}
		}
	}
}

// idle checks that nobody leads, and that who has nothing gets nothing.
func idle(t *testing.T, w *world, when string, fresh ...*member) {
	t.Helper()
	turns(t, w, 80)
	for _, m := range w.members {
		if m.run == nil {
			continue
		}
		if m.run.core.leading || m.run.Status().Lead {
			t.Errorf("%s: member %d leads", when, m.id)
		}
		if slices.Contains(fresh, m) && (!m.run.group.fresh() || m.run.core.j.Last() != 0) {
			t.Errorf("%s: member %d has something: %+v", when, m.id, m.run.Status())
		}
		if s := m.run.Status(); slices.Contains(fresh, m) && s.Members[m.id-1].State != StateJoining {
			t.Errorf("%s: member %d doesn't say that it has nothing: %+v", when, m.id, s)
		}
	}
}

// whole checks that all come to rest with a vote and with all that was done.
func whole(t *testing.T, w *world, when string) {
	t.Helper()
	w.probed = false
	if err := w.rest(); err != nil {
		t.Fatalf("%s: %v", when, err)
	}
}

// TestFirstStart: a new group is founded when all its members are there, in
// whatever order they come, and not before.
func TestFirstStart(t *testing.T) {
	for i, order := range [][]int{{0, 1, 2}, {0, 2, 1}, {1, 0, 2}, {1, 2, 0}, {2, 0, 1}, {2, 1, 0}} {
		w := calmWorld(t, uint64(i))
		first, second, last := w.members[order[0]], w.members[order[1]], w.members[order[2]]
		begin(t, first)
		idle(t, w, fmt.Sprint(order, " one"), first)
		begin(t, second)
		idle(t, w, fmt.Sprint(order, " two"), first, second)
		begin(t, last)
		turns(t, w, 12)
		if !slices.ContainsFunc(w.members, func(m *member) bool { return m.run.core.leading }) {
			t.Errorf("%v: nobody leads soon", order)
		}
		whole(t, w, fmt.Sprint(order))
	}
}

// TestEmptyMember: a member whose disk is empty while others are down is no
// new group's, whoever it is and whoever answers.
func TestEmptyMember(t *testing.T) {
	for i := range 6 {
		w := calmWorld(t, uint64(10+i))
		empty, other, last := w.members[i%3], w.members[(i+1+i/3)%3], w.members[(i+2-i/3)%3]
		begin(t, w.members...)
		whole(t, w, "at first")
		for _, m := range w.members {
			m.stop(i%2 == 0)
		}
		empty.blank()
		begin(t, empty)
		idle(t, w, "alone", empty)
		begin(t, other)
		idle(t, w, "with one of two others", empty)
		begin(t, last)
		whole(t, w, "with both others")
	}
}

// TestMostAreEmpty: with most logs gone nothing goes on, and nothing is born;
// when one of them is back, it does.
func TestMostAreEmpty(t *testing.T) {
	for i := range 3 {
		w := calmWorld(t, uint64(20+i))
		begin(t, w.members...)
		whole(t, w, "at first")
		one, two := w.members[i], w.members[(i+1)%3]
		for _, m := range []*member{one, two} {
			m.stop(false)
			m.kept, m.keptWeak = m.disk, m.weak
			m.blank()
			begin(t, m)
		}
		turns(t, w, 30) // until the last one knows that it is alone
		idle(t, w, "most are empty", one, two)
		one.stop(false)
		one.disk, one.weak, one.kept, two.kept = one.kept, one.keptWeak, nil, nil
		begin(t, one)
		whole(t, w, "one is back")
	}
}

// TestFounderIsLost: the founder loses its disk before anybody has anything of
// it. What it sent comes late, to a group that was founded anew.
func TestFounderIsLost(t *testing.T) {
	for seed := range uint64(20) {
		w := calmWorld(t, 100+seed)
		begin(t, w.members...)
		founder := w.members[0]
		for range 200 {
			if founder.run.group.joining.something {
				break
			}
			for _, f := range []func() error{w.deliverOne, founder.run.tick, w.members[1].run.writeOne, w.members[1].run.sync, w.members[2].run.writeOne, w.members[2].run.sync} {
				if err := f(); err != nil {
					t.Fatal(err)
				}
			}
		}
		if !founder.run.group.joining.something {
			t.Fatal("the group isn't founded")
		}
		for range 3 { // some of it leaves
			for _, f := range []func() error{founder.run.writeOne, founder.run.sync, founder.run.tick} {
				if err := f(); err != nil {
					t.Fatal(err)
				}
			}
		}
		late := w.net
		w.net = nil
		founder.stop(true)
		founder.blank()
		begin(t, founder)
		turns(t, w, 40)
		w.net = append(w.net, late...)
		whole(t, w, fmt.Sprintf("seed %d", seed))
	}
}

// TestOldLogs: logs of an earlier version, whose members have no incarnation,
// go on, and a member that loses such a one is repaired.
func TestOldLogs(t *testing.T) {
	w := calmWorld(t, 50)
	for _, m := range w.members {
		j, err := openAlone(m.options())
		if err != nil {
			t.Fatal(err)
		}
		if err := j.Close(); err != nil {
			t.Fatal(err)
		}
	}
	begin(t, w.members...)
	whole(t, w, "at first")
	for _, m := range w.members {
		if m.run.group.id != m.id {
			t.Errorf("member %d goes by %d", m.id, m.run.group.id)
		}
	}
	m := w.members[1]
	m.stop(false)
	m.blank()
	m.damaged = true
	begin(t, m)
	whole(t, w, "one was lost")
	if id := m.run.group.id; id == m.id || memberOf(id) != m.id {
		t.Errorf("the repaired member goes by %d", id)
	}
}

// TestAnothersLog: a member's folder with another member's log in it.
func TestAnothersLog(t *testing.T) {
	w := calmWorld(t, 60)
	begin(t, w.members...)
	whole(t, w, "at first")
	w.members[0].stop(false)
	w.members[1].stop(false)
	w.members[0].disk, w.members[0].weak = w.members[1].disk, w.members[1].weak
	if err := w.members[0].start(); !fault.HasCode(err, "AnothersLog") {
		t.Errorf("another's log: %v", err)
	}
}

// TestTornFounding: entries without the promise to keep them are nobody's.
func TestTornFounding(t *testing.T) {
	w := calmWorld(t, 70)
	m := w.members[0]
	j, err := openMember(m.options())
	if err != nil {
		t.Fatal(err)
	}
	before := j.Owner()
	if err := j.Append([]journal.Entry{{Index: 1, Term: 1, Kind: kindChange}}); err != nil {
		t.Fatal(err)
	}
	if err := j.Close(); err != nil {
		t.Fatal(err)
	}
	begin(t, m)
	if m.run.group.id == before || !m.run.group.fresh() {
		t.Errorf("the member goes by %d again, or has something: %v", before, m.run.group.fresh())
	}
	begin(t, w.members[1:]...)
	whole(t, w, "with the others")
}

// TestActiveIsNotReplaced: a question of a second process, or a late one, takes
// nothing from a member that is there.
func TestActiveIsNotReplaced(t *testing.T) {
	w := calmWorld(t, 80)
	begin(t, w.members...)
	whole(t, w, "at first")
	before := w.members[2].run.group.id
	for range 60 {
		false3 := hello{from: 77<<memberBits | 3, fresh: true}
		for _, m := range w.members[:2] {
			w.put(packet{from: 3, to: m.id, data: false3.encode()})
		}
		turns(t, w, 1)
	}
	if id := identity(w.members[0].run.group.members.now().GetVoters(), 3); id != before {
		t.Errorf("member 3 goes by %d, not %d", id, before)
	}
	whole(t, w, "afterwards")
}

// FuzzHello decodes arbitrary bytes: what is taken is what encode writes.
func FuzzHello(f *testing.F) {
	f.Add(hello{from: 1}.encode())
	f.Add(hello{from: 5<<memberBits | 1, fresh: true, reply: true, take: 1 << 62, asOf: place{3, 7}, gone: 9}.encode())
	f.Add([]byte{helloMark, helloFormat, 0xff, 1, 0, 0, 0, 0})
	f.Add([]byte{helloMark, helloFormat, 0, 0x81, 0x00, 0, 0, 0, 0})
	f.Fuzz(func(t *testing.T, data []byte) {
		l, err := decodeLetter(1, 2, data)
		if err == nil && l.raft == nil && (!bytes.Equal(l.hello.encode(), data) || memberOf(l.hello.from) != 1) {
			t.Fatalf("%x decodes to %+v", data, l.hello)
		}
	})
}

// TestQuietGroup: a group in which nothing happens, and whose log begins late,
// makes a snapshot that knows the new member, for its sake.
func TestQuietGroup(t *testing.T) {
	w := calmWorld(t, 90)
	begin(t, w.members...)
	whole(t, w, "at first")
	for i := range uint64(7) { // each start begins a new file of the log
		turns(t, w, 40)
		for range 10 {
			if err := w.read(); err != nil {
				t.Fatal(err)
			}
		}
		if err := w.ask(toy.Command{Op: toy.Confirm, ID: 1<<50 + i, Value: w.reader}); err != nil {
			t.Fatal(err)
		}
		turns(t, w, 5)
		for _, m := range w.members {
			m.stop(false)
		}
		begin(t, w.members...)
	}
	turns(t, w, 60)
	for _, m := range w.members {
		m.run.Snapshot(func(err error) {
			if err != nil {
				t.Error(err)
			}
		})
	}
	turns(t, w, 10)
	m := w.members[2]
	for _, other := range w.members[:2] {
		if other.run.core.j.First() == 1 {
			t.Fatalf("member %d's log begins with its first entry: %+v, retains %d", other.id, other.run.Status(), other.run.core.retain)
		}
	}
	m.stop(false)
	m.blank()
	begin(t, m)
	before := len(w.stream)
	turns(t, w, 300)
	if !w.complete() || len(w.stream) != before {
		t.Errorf("member 3 isn't repaired, or something happened (%d entries, not %d): %+v", len(w.stream), before, w.members[0].run.Status())
	}
}

// TestGroupGrows: members that the configuration gets are taken in, from a
// group of one, too.
func TestGroupGrows(t *testing.T) {
	for n := 1; n <= 2; n++ {
		w := calmWorld(t, uint64(94+n))
		all := w.ids
		w.ids = all[:n]
		begin(t, w.members[:n]...)
		turns(t, w, 60)
		if err := w.ask(toy.Command{Op: toy.Add, ID: 1 << 50}); err != nil {
			t.Fatal(err)
		}
		turns(t, w, 10)
		for _, m := range w.members[:n] {
			if len(w.stream) != 1 || m.run.core.applied != 1 {
				t.Fatalf("%d of 3: member %d has %d entries", n, m.id, m.run.core.applied)
			}
			m.stop(false)
		}
		w.ids = all
		begin(t, w.members...)
		whole(t, w, fmt.Sprintf("from %d to 3", n))
	}
}
