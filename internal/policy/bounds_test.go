package policy_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/signet-scheduler/signet/internal/fault"
	"github.com/signet-scheduler/signet/internal/policy"
)

// problems returns where a policy's problems are.
func problems(t *testing.T, text []byte) []string {
	t.Helper()
	_, err := policy.Parse(text)
	if err == nil {
		return nil
	}
	var at []string
	for _, p := range fault.Of(err).Problems {
		at = append(at, p.Where)
	}
	slices.Sort(at)
	return slices.Compact(at)
}

// As many persons as are allowed, and one more.
func TestMostPersons(t *testing.T) {
	t.Parallel()
	for n, want := range map[int][]string{10_000: nil, 10_001: {"$.persons"}} {
		persons := map[string]any{}
		for _, name := range append([]string{"alice", "bob"}, many(n-2, "p%d")...) {
			persons[name] = map[string]any{"keys": []string{}}
		}
		persons["alice"] = map[string]any{"keys": []string{key("alice", 1)}}
		persons["bob"] = map[string]any{"keys": []string{key("bob", 1)}}
		got := problems(t, change(t, persons, "persons"))
		if n == 10_000 && got != nil || n > 10_000 && !slices.Contains(got, want[0]) {
			t.Errorf("%d persons: the problems are at %v", n, got)
		}
	}
}

// A mistake hides none that comes after it, and none is told that isn't there.
func TestEveryMistakeIsTold(t *testing.T) {
	t.Parallel()
	_, err := policy.Parse(change(t, map[string]any{
		" a": map[string]any{"keys": []string{}}, " b": map[string]any{"keys": []string{}},
		"alice": map[string]any{"keys": []string{key("alice", 1)}}, "bob": map[string]any{"keys": []string{key("bob", 1)}},
	}, "persons"))
	if got := len(fault.Of(err).Problems); got != 2 {
		t.Errorf("two persons with wrong names: %d problems: %v", got, fault.Of(err).Problems)
	}
	_, err = policy.Parse(change(t, []string{"nobody"}, "rules", 0, "signers"))
	for _, p := range fault.Of(err).Problems {
		if strings.Contains(p.Where, "threshold") {
			t.Errorf("a rule without a usable signer: the threshold is a problem as well: %v", p)
		}
	}
}

// A reason names ten things, and counts those that are left.
func TestReasonsStayShort(t *testing.T) {
	t.Parallel()
	for n, want := range map[int]string{
		10: "the trust policy 7 is for i0, i1, i2, i3, i4, i5, i6, i7, i8, i9, not for the installation \"other\"",
		11: "the trust policy 7 is for i0, i1, i2, i3, i4, i5, i6, i7, i8, i9, and 1 more, not for the installation \"other\"",
	} {
		p, err := policy.Parse(change(t, many(n, "i%d"), "audience"))
		if err != nil {
			t.Fatal(err)
		}
		r := policy.Request{Facts: policy.Facts{Kind: "Workflow", Path: "a/b"}, Environment: "other", Now: time.Unix(1, 0)}
		if d := cmp.Diff(want, p.Decide(r).Reason); d != "" {
			t.Errorf("%d installations: %s", n, d)
		}
	}
}

// The zero decision denies, and says so.
func TestNothingDecided(t *testing.T) {
	t.Parallel()
	var d policy.Decision
	if err := d.Err(); d.Allowed() || !fault.HasCode(err, policy.CodeDenied) || fault.Of(err).Message != "nothing was decided about the document" {
		t.Errorf("got %v", err)
	}
}
