package mirror

import (
	"cmp"
	"slices"
	"strings"

	"github.com/signet-scheduler/signet/internal/order"
	"github.com/signet-scheduler/signet/internal/workflow"
)

// Sort is an order of rows.
type Sort string

// The orders of rows. Each is total: rows that are alike in it come by id.
const (
	ByNeed  Sort = "need"  // what needs a person first, then by status and the longest waiting
	ByID    Sort = "id"    // by id
	BySince Sort = "since" // the latest change first
	ByStart Sort = "start" // by the time for which they are scheduled
	ByAge   Sort = "age"   // the longest in their state first
)

// Sorts lists those that a caller of the API may ask for.
var Sorts = []Sort{ByNeed, ByID, BySince, ByStart}

// Query selects orders. Empty fields select all.
type Query struct {
	Statuses []Status
	Workflow string // path
	Version  string
	Folder   string // path without its last slash; what is below it, too
	Agent    string
	Text     string // part of the order's id or its workflow's path, in any case
	Parent   order.ID
	Children bool // child orders as rows of their own
	Sort     Sort
	Offset   int
	Limit    int
}

// Page is what a query has found.
type Page struct {
	Rows     []*Row
	Children map[order.ID]map[Status]int // of the rows, by the root's id
	Counts   map[Status]int              // of all that match but for their status
	Total    int                         // that match
	Position int64                       // the last event that is in it
}

// Find answers a query as of now, in milliseconds.
func (m *Mirror) Find(q Query, now int64) Page {
	text := strings.ToLower(q.Text)
	m.mu.RLock()
	defer m.mu.RUnlock()
	p := Page{Counts: map[Status]int{}, Children: map[order.ID]map[Status]int{}, Position: m.position}
	from := max(q.Offset, 0)
	found := first{less: q.less(), most: from + q.Limit}
	children := false
	for _, r := range m.all {
		children = children || r.Order.Parent != ""
		if !q.takes(r.Order, text) {
			continue
		}
		s := StatusOf(r.Order, now)
		p.Counts[s]++
		if len(q.Statuses) == 0 || slices.Contains(q.Statuses, s) {
			p.Total++
			found.add(ranked{r, rank(s)})
		}
	}
	for _, f := range found.from(from) {
		p.Rows = append(p.Rows, f.row)
		p.Children[f.row.Order.ID] = nil
	}
	if children {
		m.countChildren(p.Children, now)
	}
	return p
}

// takes tells whether a query selects an order, its status aside.
func (q *Query) takes(o *order.Order, text string) bool {
	switch {
	case q.Parent != "":
		if o.Parent != q.Parent {
			return false
		}
	case !q.Children && o.Parent != "":
		return false
	}
	return (q.Workflow == "" || o.Workflow.Path == q.Workflow) &&
		(q.Version == "" || o.Workflow.VersionID == q.Version) &&
		(q.Folder == "" || strings.HasPrefix(o.Workflow.Path, q.Folder+"/")) &&
		(q.Agent == "" || AgentOf(o) == q.Agent) &&
		(text == "" || strings.Contains(strings.ToLower(string(o.ID)), text) || strings.Contains(strings.ToLower(o.Workflow.Path), text))
}

// countChildren counts, for the orders that are keys already, all that are below
// them.
func (m *Mirror) countChildren(of map[order.ID]map[Status]int, now int64) {
	if len(of) == 0 {
		return
	}
	for _, r := range m.all {
		id := r.Order.ID
		for parent := r.Order.Parent; parent != ""; {
			if counts, asked := of[parent]; asked {
				if counts == nil {
					counts = map[Status]int{}
					of[parent] = counts
				}
				counts[StatusOf(r.Order, now)]++
			}
			above := m.row(parent)
			if above == nil || parent == id {
				break
			}
			parent = above.Order.Parent
		}
	}
}

// AgentOf returns the Agent at which an order is, or is going to or coming from.
func AgentOf(o *order.Order) string {
	if o.State.Agent != "" {
		return o.State.Agent
	}
	return o.Attachment.Agent
}

type ranked struct {
	row  *Row
	rank int
}

var ranks = func() map[Status]int {
	all := map[Status]int{}
	for i, s := range Statuses {
		all[s] = i
	}
	return all
}()

func rank(s Status) int { return ranks[s] }

func (q *Query) less() func(a, b ranked) int {
	byID := func(a, b ranked) int { return cmp.Compare(a.row.Order.ID, b.row.Order.ID) }
	switch q.Sort {
	case ByID:
		return byID
	case BySince:
		return func(a, b ranked) int { return cmp.Or(cmp.Compare(b.row.Since, a.row.Since), byID(a, b)) }
	case ByAge:
		return func(a, b ranked) int { return cmp.Or(cmp.Compare(a.row.Since, b.row.Since), byID(a, b)) }
	case ByStart:
		return func(a, b ranked) int {
			return cmp.Or(cmp.Compare(a.row.Order.ScheduledFor, b.row.Order.ScheduledFor), byID(a, b))
		}
	}
	return func(a, b ranked) int {
		c := cmp.Compare(a.rank, b.rank)
		if a.row.Order.ScheduledFor != 0 || b.row.Order.ScheduledFor != 0 {
			c = cmp.Or(c, cmp.Compare(a.row.Order.ScheduledFor, b.row.Order.ScheduledFor))
		}
		return cmp.Or(c, cmp.Compare(b.row.Since, a.row.Since), byID(a, b))
	}
}

// Place tells how many orders of one version of a workflow stand at a position.
type Place struct {
	Version  string
	Position string // JSON
	Counts   map[Status]int
	Sample   []order.ID // some of them, those that need a person first
}

// samples is how many orders a place names.
const samples = 3

// Places returns where the orders of a workflow stand, children too, as of now in
// milliseconds; sorted by version and position.
func (m *Mirror) Places(path string, now int64) []Place {
	type key struct{ version, position string }
	m.mu.RLock()
	defer m.mu.RUnlock()
	at := map[key][]ranked{}
	for _, r := range m.all {
		if o := r.Order; o.Workflow.Path == path {
			k := key{o.Workflow.VersionID, string(o.Position.AppendJSON(nil))}
			at[k] = append(at[k], ranked{r, rank(StatusOf(o, now))})
		}
	}
	places := make([]Place, 0, len(at))
	less := (&Query{Sort: ByNeed}).less()
	for k, rows := range at {
		p := Place{Version: k.version, Position: k.position, Counts: map[Status]int{}}
		for _, r := range rows {
			p.Counts[Statuses[r.rank]]++
		}
		slices.SortFunc(rows, less)
		for _, r := range rows[:min(samples, len(rows))] {
			p.Sample = append(p.Sample, r.row.Order.ID)
		}
		places = append(places, p)
	}
	slices.SortFunc(places, func(a, b Place) int {
		return cmp.Or(cmp.Compare(a.Version, b.Version), cmp.Compare(a.Position, b.Position))
	})
	return places
}

// CountByWorkflow returns how many orders are in which status, by workflow; child
// orders aren't counted.
func (m *Mirror) CountByWorkflow(now int64) map[string]map[Status]int {
	m.mu.RLock()
	defer m.mu.RUnlock()
	all := map[string]map[Status]int{}
	for _, r := range m.all {
		if r.Order.Parent != "" {
			continue
		}
		counts := all[r.Order.Workflow.Path]
		if counts == nil {
			counts = map[Status]int{}
			all[r.Order.Workflow.Path] = counts
		}
		counts[StatusOf(r.Order, now)]++
	}
	return all
}

// Versions returns which versions of workflows have orders, and how many.
func (m *Mirror) Versions(path string) map[workflow.ID]int {
	m.mu.RLock()
	defer m.mu.RUnlock()
	all := map[workflow.ID]int{}
	for _, r := range m.all {
		if r.Order.Workflow.Path == path {
			all[r.Order.Workflow]++
		}
	}
	return all
}
