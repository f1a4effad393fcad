package mirror

import (
	"cmp"
	"fmt"
	"slices"
	"testing"

	gocmp "github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/signet-scheduler/signet/internal/engine"
	"github.com/signet-scheduler/signet/internal/item"
	"github.com/signet-scheduler/signet/internal/order"
	"github.com/signet-scheduler/signet/internal/workflow"
)

// story applies events one after the other, each a second after the one before.
type story struct {
	*testing.T
	m    *Mirror
	next int64
}

func newStory(t *testing.T) *story {
	t.Helper()
	m := New()
	m.Load(1, nil)
	return &story{t, m, 1_000_000}
}

func (s *story) tell(key string, events ...order.Event) Change {
	s.Helper()
	var batch []engine.Stamped
	for _, e := range events {
		s.next += 1_000_000
		batch = append(batch, engine.Stamped{ID: s.next, Key: key, Event: e})
	}
	c := s.m.Apply(batch)
	for _, p := range c.Problems {
		s.Errorf("event %d of %s: %v", p.Event, p.Order, p.Err)
	}
	return c
}

func (s *story) add(id, path string, scheduledFor int64) {
	s.Helper()
	s.tell(id, &order.Added{Workflow: workflow.ID{Path: path, VersionID: "1"}, ScheduledFor: scheduledFor})
}

func ids(p Page) (all []string) {
	for _, r := range p.Rows {
		all = append(all, string(r.Order.ID))
	}
	return all
}

func TestFind(t *testing.T) {
	t.Parallel()
	s := newStory(t)
	s.add("late", "a/W", 1<<50)
	s.add("due", "a/W", 0)
	s.add("B", "b/c/V", 0)
	s.tell("B", &order.Started{}, &order.FailedEvent{})
	s.tell("due", &order.SuspendedEvent{})
	now := s.next / 1000

	for name, c := range map[string]struct {
		q    Query
		want []string
	}{
		"all, by need":     {Query{Limit: 10}, []string{"B", "due", "late"}},
		"by id":            {Query{Sort: ByID, Limit: 10}, []string{"B", "due", "late"}},
		"latest first":     {Query{Sort: BySince, Limit: 10}, []string{"due", "B", "late"}},
		"by start":         {Query{Sort: ByStart, Limit: 10}, []string{"B", "due", "late"}},
		"longest first":    {Query{Sort: ByAge, Limit: 10}, []string{"late", "B", "due"}},
		"a part":           {Query{Offset: 1, Limit: 1}, []string{"due"}},
		"behind the end":   {Query{Offset: 9, Limit: 1}, nil},
		"one status":       {Query{Statuses: []Status{Suspended}, Limit: 10}, []string{"due"}},
		"a workflow":       {Query{Workflow: "a/W", Limit: 10}, []string{"due", "late"}},
		"a folder":         {Query{Folder: "b", Limit: 10}, []string{"B"}},
		"no such folder":   {Query{Folder: "a/W", Limit: 10}, nil},
		"text in an id":    {Query{Text: "LAT", Limit: 10}, []string{"late"}},
		"text in a path":   {Query{Text: "c/v", Limit: 10}, []string{"B"}},
		"another version":  {Query{Version: "2", Limit: 10}, nil},
		"at no such Agent": {Query{Agent: "agent-1", Limit: 10}, nil},
	} {
		if d := gocmp.Diff(c.want, ids(s.m.Find(c.q, now))); d != "" {
			t.Errorf("%s: %s", name, d)
		}
	}
	p := s.m.Find(Query{Statuses: []Status{Suspended}, Limit: 10}, now)
	if want := (map[Status]int{Scheduled: 1, Suspended: 1, Status(order.Failed): 1}); p.Total != 1 || gocmp.Diff(want, p.Counts) != "" {
		t.Errorf("total %d, counts %v", p.Total, p.Counts)
	}
	if p.Position != s.next {
		t.Errorf("position %d, want %d", p.Position, s.next)
	}
}

func TestChildrenAreCountedAtTheirParents(t *testing.T) {
	t.Parallel()
	s := newStory(t)
	s.add("P", "W", 0)
	s.tell("P", &order.Started{}, &order.ForkedEvent{Children: []order.ForkedChild{{BranchID: "a", OrderID: "P|a"}, {BranchID: "b", OrderID: "P|b"}}})
	s.tell("P|a", &order.ForkedEvent{Children: []order.ForkedChild{{BranchID: "x", OrderID: "P|a|x"}}})
	p := s.m.Find(Query{Limit: 10}, 0)
	want := map[order.ID]map[Status]int{"P": {Status(order.Forked): 1, Status(order.Ready): 2}}
	if d := gocmp.Diff(want, p.Children); d != "" || p.Total != 1 {
		t.Errorf("total %d: %s", p.Total, d)
	}
	if d := gocmp.Diff([]string{"P|a", "P|b"}, ids(s.m.Find(Query{Parent: "P", Sort: ByID, Limit: 10}, 0))); d != "" {
		t.Error(d)
	}
	if n := s.m.Find(Query{Children: true, Limit: 10}, 0).Total; n != 4 {
		t.Errorf("%d orders with children, want 4", n)
	}
	if d := gocmp.Diff(map[string]map[Status]int{"W": {Status(order.Forked): 1}}, s.m.CountByWorkflow(0)); d != "" {
		t.Error(d)
	}
	places := s.m.Places("W", 0)
	var got []string
	for _, p := range places {
		got = append(got, fmt.Sprint(p.Version, p.Position, p.Counts, p.Sample))
	}
	wantPlaces := []string{
		`1[0,"fork+a",0,"fork+x",0]map[Ready:1] [P|a|x]`, `1[0,"fork+a",0]map[Forked:1] [P|a]`, `1[0,"fork+b",0]map[Ready:1] [P|b]`, `1[0]map[Forked:1] [P]`,
	}
	if d := gocmp.Diff(wantPlaces, got); d != "" {
		t.Error(d)
	}
}

// What an event changes is told; what is known already is passed over.
func TestChanges(t *testing.T) {
	t.Parallel()
	s := newStory(t)
	s.add("O", "W", 0)
	v := engine.ItemRef{Kind: item.KindWorkflow, Path: "V", VersionID: "1"}
	first := s.next
	c := s.tell("O", &order.Started{})
	if d := gocmp.Diff(map[order.ID]string{"O": "W"}, c.Orders); d != "" || c.Items || c.Agents {
		t.Errorf("items %t, agents %t: %s", c.Items, c.Agents, d)
	}
	before := s.m.Row("O")
	again := s.m.Apply([]engine.Stamped{{ID: first + 1_000_000, Key: "O", Event: &order.Started{}}})
	if len(again.Orders) != 0 || s.m.Row("O") != before {
		t.Error("an event counts twice")
	}
	if c := s.tell("", &engine.VersionAdded{}); len(c.Orders) != 0 {
		t.Errorf("orders %v", c.Orders)
	}
	for _, e := range []engine.Event{
		&engine.PathControlled{Control: engine.PathControl{Path: "V"}}, &engine.WorkflowControlled{Control: engine.WorkflowControl{Workflow: workflow.ID{Path: "V"}}},
		&engine.ItemAdded{Item: v}, &engine.ItemRemoved{Item: v}, &engine.ItemDeleted{Item: v}, &engine.ItemDeletionMarked{Item: v}, &engine.ItemQuarantined{Item: v}, &engine.ItemReleased{Item: v},
	} {
		if c := s.tell("", e); !c.Items || !c.Workflows["V"] || len(c.Workflows) != 1 {
			t.Errorf("%s is no change of a workflow: %+v", e.Type(), c)
		}
	}
	if c := s.tell("", &engine.ItemAdded{Item: engine.ItemRef{Kind: item.KindAgentRef, Path: "V"}}); !c.Items || len(c.Workflows) != 0 {
		t.Errorf("an Agent is a workflow: %+v", c)
	}
	if c := s.tell("agent-1", &engine.AgentCouplingFailed{}); !c.Agents {
		t.Error("a coupling is no change of Agents")
	}
	if c := s.tell("unknown", &order.Started{}); len(c.Orders) != 0 {
		t.Error("an order from before the picture")
	}
	bad := s.m.Apply([]engine.Stamped{{ID: s.next + 1, Key: "O", Event: &order.Joined{}}})
	if len(bad.Problems) != 1 || s.m.Row("O") != before {
		t.Errorf("an event that doesn't fit: %v", bad.Problems)
	}
	c = s.tell("O", &order.FinishedEvent{}, &order.Deleted{})
	if d := gocmp.Diff(map[order.ID]string{"O": "W"}, c.Orders); d != "" || s.m.Row("O") != nil {
		t.Errorf("a deleted order is there: %s", d)
	}
	s.m.Load(7, []Row{{Order: &order.Order{ID: "X"}}})
	if s.m.Position() != 7 || s.m.Row("X") == nil || s.m.Find(Query{Limit: 9}, 0).Total != 1 {
		t.Error("loading doesn't replace all")
	}
}

// Every state has a status that is listed.
func TestEveryStateHasAStatus(t *testing.T) {
	t.Parallel()
	known := map[Status]bool{}
	for _, s := range Statuses {
		if known[s] {
			t.Errorf("%s is listed twice", s)
		}
		known[s] = true
	}
	for _, kind := range order.States {
		for _, suspended := range []bool{false, true} {
			o := &order.Order{State: order.State{Kind: kind}, Suspended: suspended}
			if s := StatusOf(o, 0); !known[s] {
				t.Errorf("%s is no status", s)
			}
		}
	}
}

// A page has what it would have if all rows were sorted, wherever it is and however
// they lie.
func TestSortPart(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		numbers := rapid.SliceOfN(rapid.IntRange(0, 300), 0, 600).Draw(t, "numbers")
		if rapid.Bool().Draw(t, "sorted") {
			slices.Sort(numbers)
		}
		from := rapid.IntRange(0, len(numbers)).Draw(t, "from")
		to := rapid.IntRange(from, len(numbers)+10).Draw(t, "to")
		kept := first{less: func(a, b ranked) int { return cmp.Compare(a.rank, b.rank) }, most: to}
		rows := make([]ranked, len(numbers))
		for i, n := range numbers {
			rows[i].rank = n
			kept.add(rows[i])
		}
		sortPart(rows, from, to, kept.less)
		slices.Sort(numbers)
		want := numbers[from:min(to, len(numbers))]
		for name, got := range map[string][]ranked{"of all": rows[from : from+len(want)], "of those kept": kept.from(from)} {
			var is []int
			for _, r := range got {
				is = append(is, r.rank)
			}
			if !slices.Equal(is, want) {
				t.Fatalf("%s: %v, want %v", name, is, want)
			}
		}
	})
}

func BenchmarkFind(b *testing.B) {
	m := New()
	rows := make([]Row, 100_000)
	for i := range rows {
		rows[i] = Row{Order: &order.Order{
			ID: order.ID(fmt.Sprintf("order-%06d", i)), Workflow: workflow.ID{Path: fmt.Sprintf("folder-%d/workflow-%d", i%100, i%5000), VersionID: "1"},
			State: order.State{Kind: order.Fresh}, ScheduledFor: int64(i),
		}}
	}
	m.Load(1, rows)
	for name, q := range map[string]Query{
		"need": {Limit: 100}, "id": {Limit: 100, Sort: ByID}, "since": {Limit: 100, Sort: BySince}, "start": {Limit: 100, Sort: ByStart}, "deep": {Limit: 100, Offset: 50_000},
	} {
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				m.Find(q, 0)
			}
		})
	}
}
