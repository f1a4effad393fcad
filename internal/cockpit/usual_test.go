package cockpit

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/signet-scheduler/signet/api"
)

// What runs longest against its usual time comes first, not what runs longest.
func TestLatest(t *testing.T) {
	t.Parallel()
	const now = 10_000_000
	row := func(id string, age, p95 int64) api.RunningRow {
		r := api.RunningRow{OrderId: id, Since: now - age}
		if p95 > 0 {
			r.Usual = &api.UsualTime{Count: 9, P50: p95 / 2, P95: p95}
		}
		return r
	}
	rows := latest([]api.RunningRow{
		row("long, as always", 900_000, 1_000_000), row("unknown", 800_000, 0), row("late", 600_000, 300_000),
		row("very late", 90_000, 20_000), row("a trifle", 9_000, 10), row("young", 1_000, 0),
	}, now, 5)
	var got []string
	for _, r := range rows {
		got = append(got, r.OrderId)
		if r.Late != (r.OrderId == "late" || r.OrderId == "very late") {
			t.Errorf("%s: late is %t", r.OrderId, r.Late)
		}
	}
	if d := cmp.Diff([]string{"very late", "late", "long, as always", "unknown", "a trifle"}, got); d != "" {
		t.Error(d)
	}
}

// Usual times are remembered for a while, and not without end.
func TestUsualTimesAreRemembered(t *testing.T) {
	t.Parallel()
	u := newUsualTimes()
	k := jobKind{workflow: "W", job: "J"}
	if _, ok := u.get(k, 0); ok {
		t.Error("known before it was looked up")
	}
	u.put(k, nil, 0)
	if time, ok := u.get(k, usualFresh-1); !ok || time != nil {
		t.Error("not remembered")
	}
	if _, ok := u.get(k, usualFresh); ok {
		t.Error("remembered for too long")
	}
	for i := range usualKept + 5 {
		u.put(jobKind{workflow: string(rune('a' + i%26)), label: string(rune(i))}, nil, 0)
	}
	if len(u.by) > usualKept {
		t.Errorf("%d kinds", len(u.by))
	}
}
