package storetest

import (
	"errors"
	"fmt"
	"testing"

	"github.com/signet-scheduler/signet/internal/store"
)

// pastStep returns step n of a history: one a second, of two workflows in one
// folder and one beside it, three jobs and two Agents; each tenth failed, the last
// one runs.
func pastStep(n, of int64) store.Step {
	id := fmt.Sprintf("order-%d", n/2)
	s := store.Step{
		StepKey: store.StepKey{Controller: "c", Event: n * 1_000_000}, OrderID: id, Root: id, Run: 1, Workflow: []string{"a/W", "a/b/W", "ab/W"}[n%3], Version: "1",
		Position: "[0]", Job: fmt.Sprintf("job-%d", n%3), Label: fmt.Sprintf("label-%d", n%6), Agent: fmt.Sprintf("agent-%d", n%2), Start: n * 1000, Try: 1, Attempt: 1,
	}
	rc := int64(0)
	s.StepEnd = store.StepEnd{End: n*1000 + n, Outcome: "{}", Result: store.Succeeded, ReturnCode: &rc}
	switch {
	case n == of-1:
		s.StepEnd = store.StepEnd{}
	case n%10 == 9:
		rc = -n
		s.Result, s.Message = store.Failed, fmt.Sprintf("Ärger mit 100%% [%d]", n)
	}
	return s
}

const pastSteps = 120

func fillPast(b *bench) {
	b.Helper()
	b.write(func(w store.Writer) error {
		var errs []error
		for n := range int64(pastSteps) {
			errs = append(errs, w.AddStep(pastStep(n, pastSteps)))
		}
		other := pastStep(50, pastSteps)
		other.Controller = "d"
		return errors.Join(append(errs, w.AddStep(other))...)
	})
}

// found reads all pages of a query, and what the pages are like.
func found(b *bench, q store.HistoryQuery) (events []int64, pages, early int) {
	b.Helper()
	for pages = 1; ; pages++ {
		var reach store.Reach
		b.read(func(r store.Reader) error {
			all, next, err := r.FindSteps(q)
			for _, s := range all {
				events = append(events, s.Event/1_000_000)
			}
			if len(all) > q.Limit {
				b.Errorf("a page of %d rows", len(all))
			}
			reach = next
			return err
		})
		if reach.Early {
			early++
		}
		if !reach.More || pages > 200 {
			return events, pages, early
		}
		q.After = reach.Key
	}
}

func testFindSteps(_ *testing.T, b *bench) {
	fillPast(b)
	all := func(keep func(s store.Step) bool) (events []int64) {
		for n := int64(pastSteps - 1); n >= 0; n-- {
			if keep(pastStep(n, pastSteps)) {
				events = append(events, n)
			}
		}
		return events
	}
	rc := int64(-19)
	for _, c := range []struct {
		name string
		f    store.HistoryFilter
		keep func(s store.Step) bool
	}{
		{"all", store.HistoryFilter{}, func(store.Step) bool { return true }},
		{"span", store.HistoryFilter{From: 10_000, To: 20_000}, func(s store.Step) bool { return s.Start >= 10_000 && s.Start < 20_000 }},
		{"failed", store.HistoryFilter{Results: []store.Result{store.Failed}}, func(s store.Step) bool { return s.Result == store.Failed }},
		{"open", store.HistoryFilter{Results: []store.Result{store.Open}}, func(s store.Step) bool { return s.Result == store.Open }},
		{"several results", store.HistoryFilter{Results: []store.Result{store.Open, store.Failed, store.Lost}}, func(s store.Step) bool { return s.Result != store.Succeeded }},
		{"workflow", store.HistoryFilter{Workflow: "a/W"}, func(s store.Step) bool { return s.Workflow == "a/W" }},
		{"folder", store.HistoryFilter{Folder: "a"}, func(s store.Step) bool { return s.Workflow != "ab/W" }},
		{"folder below", store.HistoryFilter{Folder: "a/b"}, func(s store.Step) bool { return s.Workflow == "a/b/W" }},
		{"no such folder", store.HistoryFilter{Folder: "a/W"}, func(store.Step) bool { return false }},
		{"job", store.HistoryFilter{Job: "job-1"}, func(s store.Step) bool { return s.Job == "job-1" }},
		{"job of workflow", store.HistoryFilter{Workflow: "a/b/W", Job: "job-1"}, func(s store.Step) bool { return s.Job == "job-1" }},
		{"label of job", store.HistoryFilter{Workflow: "a/b/W", Job: "job-1", Label: "label-4"}, func(s store.Step) bool { return s.Label == "label-4" }},
		{"agent", store.HistoryFilter{Agent: "agent-1"}, func(s store.Step) bool { return s.Agent == "agent-1" }},
		{"agent and workflow", store.HistoryFilter{Agent: "agent-1", Workflow: "a/W"}, func(s store.Step) bool { return s.Agent == "agent-1" && s.Workflow == "a/W" }},
		{"return code", store.HistoryFilter{ReturnCode: &rc}, func(s store.Step) bool { return s.Event == 19_000_000 }},
		{"order", store.HistoryFilter{Order: "order-7", Root: "order-7"}, func(s store.Step) bool { return s.OrderID == "order-7" }},
		{"order and more", store.HistoryFilter{Order: "order-4", Root: "order-4", Workflow: "a/b/W", Results: []store.Result{store.Failed}}, func(store.Step) bool { return false }},
		{"text in id", store.HistoryFilter{Text: "ER-11"}, func(s store.Step) bool {
			return s.OrderID == "order-11" || len(s.OrderID) == 9 && s.OrderID[:8] == "order-11"
		}},
		{"text in message", store.HistoryFilter{Text: "äRGER MIT"}, func(s store.Step) bool { return s.Result == store.Failed }},
		{"special letters", store.HistoryFilter{Text: "100% [29]"}, func(s store.Step) bool { return s.Event == 29_000_000 }},
		{"no pattern", store.HistoryFilter{Text: "*ger"}, func(store.Step) bool { return false }},
		{"no wildcard", store.HistoryFilter{Text: "1_0"}, func(store.Step) bool { return false }},
		{"text in label", store.HistoryFilter{Text: "LABEL-5"}, func(s store.Step) bool { return s.Label == "label-5" }},
		{"nothing", store.HistoryFilter{Workflow: "none"}, func(store.Step) bool { return false }},
	} {
		c.f.Controller = "c"
		want := all(c.keep)
		// Whatever limit and budget, and in both directions: each row once.
		for _, budget := range []int{7, 1000} {
			got, pages, early := found(b, store.HistoryQuery{HistoryFilter: c.f, Limit: 5, Budget: budget})
			same(b, fmt.Sprint(c.name, " budget ", budget), got, want)
			if budget == 1000 && (early > 0 || pages != max(1, (len(want)+4)/5)) {
				b.Errorf("%s: %d pages, %d of them early", c.name, pages, early)
			}
		}
		got, _, _ := found(b, store.HistoryQuery{HistoryFilter: c.f, Limit: 3, Budget: 11, Oldest: true})
		for i, j := 0, len(got)-1; i < j; i, j = i+1, j-1 {
			got[i], got[j] = got[j], got[i]
		}
		same(b, c.name+" from the oldest", got, want)
		b.read(func(r store.Reader) error {
			n, reach, err := r.CountSteps(store.HistoryQuery{HistoryFilter: c.f, Limit: 1000, Budget: 1000})
			same(b, c.name+" counted", n, len(want))
			few, fewReach, err2 := r.CountSteps(store.HistoryQuery{HistoryFilter: c.f, Limit: 2, Budget: 1000})
			same(b, c.name+" counted to two", few, min(2, len(want)))
			if reach.More || fewReach.More != (len(want) > 2) || fewReach.Early {
				b.Errorf("%s: reached %+v and %+v of %d", c.name, reach, fewReach, len(want))
			}
			return errors.Join(err, err2, countedInParts(r, c.f, len(want)))
		})
	}
	got, _, early := found(b, store.HistoryQuery{HistoryFilter: store.HistoryFilter{Text: "nowhere"}, Limit: 100, Budget: 20})
	if len(got) > 0 || early != pastSteps/20 {
		b.Errorf("a text that is nowhere: %v, %d pages ended early", got, early)
	}
	one, _, _ := found(b, store.HistoryQuery{HistoryFilter: store.HistoryFilter{Controller: "c", Text: "rger"}, Limit: 9, Budget: 1})
	same(b, "row by row", len(one), pastSteps/10-1)
	both, _, _ := found(b, store.HistoryQuery{HistoryFilter: store.HistoryFilter{From: 50_000, To: 51_000}, Limit: 1, Budget: 20})
	same(b, "of both Controllers", both, []int64{50, 50})
	both, _, _ = found(b, store.HistoryQuery{HistoryFilter: store.HistoryFilter{Order: "order-25", Root: "order-25"}, Limit: 1, Budget: 20})
	same(b, "an order of both Controllers", both, []int64{51, 50, 50})
	b.read(func(r store.Reader) error {
		n, reach, err := r.CountSteps(store.HistoryQuery{HistoryFilter: store.HistoryFilter{Text: "nowhere"}, Limit: 100, Budget: 20})
		if n != 0 || !reach.More || !reach.Early {
			b.Errorf("counted %d within the budget, reached %+v", n, reach)
		}
		return err
	})
}

// countedInParts tells whether parts add up to a count.
func countedInParts(r store.Reader, f store.HistoryFilter, want int) error {
	q := store.HistoryQuery{HistoryFilter: f, Limit: 1000, Budget: 7}
	all := 0
	for {
		n, reach, err := r.CountSteps(q)
		if err != nil {
			return err
		}
		if all += n; !reach.Early {
			break
		}
		q.After = reach.Key
	}
	if all != want {
		return fmt.Errorf("%+v: the parts have %d, want %d", f, all, want)
	}
	return nil
}

func testStepTimes(_ *testing.T, b *bench) {
	fillPast(b)
	b.read(func(r store.Reader) error {
		q := store.JobQuery{Controller: "c", Workflow: "a/b/W", Job: "job-1", Limit: 3, Budget: 100}
		times, err := r.StepTimes(q)
		var events []int64
		for _, s := range times {
			events = append(events, s.Event/1_000_000)
			if s.End-s.Start != s.Event/1_000_000 {
				b.Errorf("%+v", s)
			}
		}
		same(b, "the newest", events, []int64{118, 115, 112})
		q.Label, q.Limit, q.Succeeded, q.From, q.To = "label-1", 100, true, 1000, 40_000
		usual, err2 := store.UsualOf(r, q) // 1 7 13 25 31 37; 19 failed
		same(b, "usual", usual, store.Usual{Count: 6, P50: 13, P95: 37})
		q.Succeeded = false
		times, err3 := r.StepTimes(q)
		same(b, "with what failed", len(times), 7)
		q.Budget = 2
		times, err4 := r.StepTimes(q)
		same(b, "within a budget", len(times), 1) // 37; 34 has another label
		none, err5 := store.UsualOf(r, store.JobQuery{Workflow: "a/W", Job: "job-1", Limit: 1, Budget: 1})
		same(b, "of a job without runs", none, store.Usual{})
		open, err6 := r.StepTimes(store.JobQuery{Workflow: "ab/W", Job: "job-2", From: 119_000, Limit: 9, Budget: 9})
		same(b, "of what runs", len(open), 0)
		return errors.Join(err, err2, err3, err4, err5, err6)
	})
}

func pastRun(n int64) store.Run {
	r := store.Run{
		RunKey: store.RunKey{Controller: "c", Event: n * 1_000_000}, OrderID: fmt.Sprintf("order-%d", n), Workflow: []string{"a/W", "b/W"}[n%2], Version: "1",
		Account: []string{"ada", "bob", "eve"}[n%3], Method: "password", ScheduledFor: n, Start: n*1000 + 1,
		RunEnd: store.RunEnd{State: "Finished", Result: store.Succeeded, End: n*1000 + 9, Outcome: `{"TYPE":"Succeeded"}`},
	}
	if n%5 == 0 {
		r.RunEnd = store.RunEnd{State: "Stopped", Result: store.Failed, End: n*1000 + 9, Outcome: `{"TYPE":"Failed"}`, Message: fmt.Sprint("no disk ", n)}
	}
	return r
}

func testRuns(_ *testing.T, b *bench) {
	open := store.Run{RunKey: store.RunKey{Controller: "c", Event: 30_000_000}, OrderID: "open", Workflow: "a/W", Version: "1", Account: "ada", Method: "password"}
	b.write(func(w store.Writer) error {
		errs := []error{w.AddRun(open)}
		for n := range int64(30) {
			errs = append(errs, w.AddRun(pastRun(n)))
		}
		return errors.Join(errs...)
	})
	b.refused("DuplicateRun", func(w store.Writer) error { return w.AddRun(open) })
	find := func(f store.HistoryFilter) (ids []string) {
		b.Helper()
		for q := (store.HistoryQuery{HistoryFilter: f, Limit: 4, Budget: 7}); ; {
			var reach store.Reach
			b.read(func(r store.Reader) error {
				page, next, err := r.FindRuns(q)
				for i := range page {
					if page[i].OrderID != "open" {
						same(b, "a run", page[i], pastRun(page[i].Event/1_000_000))
					}
					ids = append(ids, page[i].OrderID)
				}
				reach = next
				return err
			})
			if !reach.More {
				break
			}
			q.After = reach.Key
		}
		b.read(func(r store.Reader) error {
			n, reach, err := r.CountRuns(store.HistoryQuery{HistoryFilter: f, Limit: 100, Budget: 1000})
			if n != len(ids) || reach.More {
				b.Errorf("%+v: counted %d %+v, found %d", f, n, reach, len(ids))
			}
			return err
		})
		return ids
	}
	same(b, "all", len(find(store.HistoryFilter{})), 31)
	same(b, "failed", find(store.HistoryFilter{Results: []store.Result{store.Failed}, From: 10_000}), []string{"order-25", "order-20", "order-15", "order-10"})
	same(b, "open", find(store.HistoryFilter{Results: []store.Result{store.Open}}), []string{"open"})
	same(b, "state", find(store.HistoryFilter{States: []string{"Stopped", "Broken"}, To: 11_000, Workflow: "a/W"}), []string{"order-10", "order-0"})
	same(b, "account", find(store.HistoryFilter{Account: "eve", Folder: "b", To: 10_000}), []string{"order-5"})
	same(b, "text", find(store.HistoryFilter{Text: "DISK 2"}), []string{"order-25", "order-20"})
	same(b, "of another Controller", find(store.HistoryFilter{Controller: "d"}), nil)

	get := func() (got store.Run) {
		b.Helper()
		b.read(func(r store.Reader) error {
			page, _, err := r.FindRuns(store.HistoryQuery{HistoryFilter: store.HistoryFilter{From: 30_000}, Limit: 1})
			if len(page) == 1 {
				got = page[0]
			}
			return err
		})
		return got
	}
	change := func(c store.RunChange) {
		b.Helper()
		b.write(func(w store.Writer) error { return w.ChangeRun(open.RunKey, c) })
		if c.Start != 0 {
			open.Start = c.Start
		}
		if c.State != "" {
			open.State = c.State
		}
		if c.End != nil {
			open.RunEnd = *c.End
		}
		same(b, "changed", get(), open)
	}
	change(store.RunChange{Start: 7})
	change(store.RunChange{End: &store.RunEnd{State: "Failed", Result: store.Failed, End: 9, Outcome: "{}", Message: "m"}})
	change(store.RunChange{State: "Cancelled"})
	change(store.RunChange{})
	change(store.RunChange{Start: 8, End: &store.RunEnd{}})
	b.write(func(w store.Writer) error {
		return w.ChangeRun(store.RunKey{Controller: "x", Event: 1}, store.RunChange{State: "Failed"}) // one that was deleted
	})
}

func testHours(_ *testing.T, b *bench) {
	add := func(h store.Hour) { b.write(func(w store.Writer) error { return w.AddHour(h) }) }
	add(store.Hour{Controller: "c", Hour: 10, Succeeded: 3, Failed: 1})
	add(store.Hour{Controller: "c", Hour: 10, Succeeded: 2, Failed: -1, Cancelled: 4})
	add(store.Hour{Controller: "d", Hour: 10, Succeeded: 1})
	add(store.Hour{Controller: "c", Hour: 12, Failed: -1}) // of an hour that was deleted
	add(store.Hour{Controller: "c", Hour: 9, Succeeded: 1})
	b.read(func(r store.Reader) error {
		one, err := r.Hours("c", 10)
		same(b, "of one Controller", one, []store.Hour{{Controller: "c", Hour: 10, Succeeded: 5, Cancelled: 4}, {Controller: "c", Hour: 12}})
		all, err2 := r.Hours("", 9)
		same(b, "of all", all, []store.Hour{{Hour: 9, Succeeded: 1}, {Hour: 10, Succeeded: 6, Cancelled: 4}, {Hour: 12}})
		return errors.Join(err, err2)
	})
}

// Old runs and hours go with the steps.
func testRunRetention(_ *testing.T, b *bench) {
	const hour = 3_600_000
	run := func(w store.Writer, id string, event, endedAt int64, gone bool) error {
		r := store.Run{RunKey: store.RunKey{Controller: "c", Event: event}, OrderID: id, RunEnd: store.RunEnd{State: "Finished", Result: store.Succeeded, End: endedAt}}
		if endedAt == 0 {
			r.RunEnd = store.RunEnd{}
		}
		o := store.Order{Controller: "c", ID: id, Root: id, Run: event, Ended: endedAt != 0, Gone: gone, EndedAt: endedAt, Body: []byte{1}}
		return errors.Join(w.PutOrder(o), w.AddRun(r))
	}
	b.write(func(w store.Writer) error {
		return errors.Join(
			run(w, "old", 1000, hour, true), run(w, "kept", 2000, hour, false), run(w, "young", 3000, 5*hour, true), run(w, "open", 4000, 0, false),
			run(w, "again", 5000, hour, true), run(w, "again", 6000, 5*hour, true),
			w.AddHour(store.Hour{Controller: "c", Hour: 1, Succeeded: 3}), w.AddHour(store.Hour{Controller: "c", Hour: 5, Succeeded: 2}),
		)
	})
	total := 0
	for n := 1; n > 0 && total < 10; total += n {
		b.write(func(w store.Writer) (err error) {
			n, err = w.DeleteHistory(3*hour, 1)
			return err
		})
	}
	same(b, "deleted rows", total, 3) // the runs old and again's first, the order old
	b.read(func(r store.Reader) error {
		left, _, err := r.FindRuns(store.HistoryQuery{Limit: 9})
		var events []int64
		for _, l := range left {
			events = append(events, l.Event)
		}
		same(b, "runs left", events, []int64{6000, 4000, 3000, 2000})
		hours, err2 := r.Hours("c", 0)
		same(b, "hours left", hours, []store.Hour{{Controller: "c", Hour: 5, Succeeded: 2}})
		return errors.Join(err, err2)
	})
}

func testFilters(_ *testing.T, b *bench) {
	put := func(f store.Filter, from, want int64) {
		b.Helper()
		b.write(func(w store.Writer) error {
			got, err := w.PutFilter(f, from, 3)
			same(b, "revision", got, want)
			return err
		})
	}
	b.write(func(w store.Writer) error { return w.AddAccount(store.Account{Name: "ada"}) })
	one := store.Filter{Owner: "ada", Page: "history", Name: "one", Query: "a=b", ChangedAt: 5}
	put(one, 0, 1)
	shared := store.Filter{Owner: "bob", Page: "history", Name: "a", Query: "c", Shared: true, ChangedAt: 6}
	put(shared, 0, 1)
	put(store.Filter{Owner: "bob", Page: "history", Name: "own"}, 0, 1)
	put(store.Filter{Owner: "bob", Page: "audit", Name: "own", Shared: true}, 0, 1)
	b.refused("TooManyFilters", func(w store.Writer) error {
		_, err := w.PutFilter(store.Filter{Owner: "bob", Page: "audit", Name: "next"}, 0, 3)
		return err
	})
	for _, from := range []int64{0, 2} {
		b.refused("ObjectChanged", func(w store.Writer) error { _, err := w.PutFilter(one, from, 3); return err })
	}
	b.refused("ObjectChanged", func(w store.Writer) error {
		_, err := w.PutFilter(store.Filter{Owner: "ada", Page: "history", Name: "none"}, 1, 3)
		return err
	})
	one.Query, one.Revision = "z", 2
	put(one, 1, 2)
	shared.Revision = 1
	b.read(func(r store.Reader) error {
		seen, err := r.Filters("ada", "history")
		same(b, "what ada sees", seen, []store.Filter{one, shared})
		nobody, err2 := r.Filters("", "history")
		same(b, "what is shared", nobody, []store.Filter{shared})
		return errors.Join(err, err2)
	})
	b.write(func(w store.Writer) error { return w.DeleteFilter("bob", "history", "a") })
	b.refused("UnknownFilter", func(w store.Writer) error { return w.DeleteFilter("bob", "history", "a") })
	b.write(func(w store.Writer) error { return w.DeleteAccount("ada") })
	b.read(func(r store.Reader) error {
		left, err := r.Filters("ada", "history")
		same(b, "of a deleted account", len(left), 0)
		return err
	})
}

func testAuditSearch(_ *testing.T, b *bench) {
	var ids []int64
	b.write(func(w store.Writer) error {
		for n := range int64(40) {
			e := store.AuditEntry{
				Time: 1000 + n*10, Account: []string{"ada", "bob"}[n%2], Action: []string{"addOrders", "deploy", "cancelOrders"}[n%3],
				Objects: []string{fmt.Sprint("Order:", n), "Workflow:a/W"}, Reason: "weil es Ärger gab", Ticket: fmt.Sprint("OPS-", n), TimeSpent: n, Result: "done",
			}
			if n == 20 {
				e.Time = 1000 // the clock was set back
			}
			if n%7 == 0 {
				e.Result = "NotPermitted"
			}
			id, err := w.AddAudit(e)
			ids = append(ids, id)
			if err != nil {
				return err
			}
		}
		return w.SetAuditResult(ids[39], "begun")
	})
	for _, c := range []struct {
		name string
		q    store.AuditQuery
		want []int64
	}{
		{"span", store.AuditQuery{From: 1180, To: 1230}, []int64{22, 21, 19, 18}},
		{"set back", store.AuditQuery{To: 1010}, []int64{20, 0}},
		{"none in the span", store.AuditQuery{From: 5000}, nil},
		{"before all", store.AuditQuery{To: 1}, nil},
		{"account", store.AuditQuery{Account: "bob", From: 1350}, []int64{39, 37, 35}},
		{"action", store.AuditQuery{Action: "deploy", From: 1300}, []int64{37, 34, 31}},
		{"object", store.AuditQuery{Object: "Order:3"}, []int64{3}},
		{"refused", store.AuditQuery{Result: "refused", Account: "ada"}, []int64{28, 14, 0}},
		{"begun", store.AuditQuery{Result: "begun"}, []int64{39}},
		{"code", store.AuditQuery{Result: "NotPermitted", From: 1350}, []int64{35}},
		{"ticket", store.AuditQuery{Text: "ops-3", From: 1380}, []int64{39, 38}},
		{"reason", store.AuditQuery{Text: "ÄRGER", Action: "deploy", Account: "ada", To: 1100}, []int64{4}},
		{"nowhere", store.AuditQuery{Text: "nowhere"}, nil},
	} {
		for _, budget := range []int{3, 1000} {
			q := c.q
			q.Limit, q.Budget = 2, budget
			var got []int64
			for range 100 {
				b.read(func(r store.Reader) error {
					page, reached, err := r.Audit(q)
					for _, e := range page {
						got = append(got, e.TimeSpent)
					}
					q.Before = reached
					return err
				})
				if q.Before == 0 {
					break
				}
			}
			same(b, fmt.Sprint(c.name, " budget ", budget), got, c.want)
		}
	}
}
