package bulletin_test

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/signet-scheduler/signet/internal/bulletin"
	"github.com/signet-scheduler/signet/internal/fault"
	"github.com/signet-scheduler/signet/internal/fsys"
	"github.com/signet-scheduler/signet/internal/pki"
	"github.com/signet-scheduler/signet/internal/policy"
)

// policyNotice is a policy that nobody has signed: a board doesn't verify, its shelf
// does.
func policyNotice(t *testing.T, version int, note string) bulletin.Notice {
	t.Helper()
	text := fmt.Sprintf(`{"TYPE":"TrustPolicy","version":%d,"audience":["here%s"],"issued":"2026-11-30T12:00:00Z",
		"persons":{"alice":{"keys":[%q]}},"rules":[{"name":"all","folders":["/"],"signers":["alice"]}]}`, version, note, strings.Repeat("a", 64))
	n, err := bulletin.NewPolicy(policy.Bundle{Policy: text, Evidence: json.RawMessage(`{}`)})
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// policyShelf takes every policy but those for "nobody".
func policyShelf() bulletin.Shelf {
	return bulletin.Shelf{Name: bulletin.Policies, Accept: func(b policy.Bundle) error {
		if strings.Contains(b.Policy, "nobody") {
			return fault.New(fault.Untrusted, "NotThisOne", "no")
		}
		return nil
	}}
}

func TestPolicyOnABoard(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	disk := fsys.NewMem()
	others := bulletin.Shelf{Name: bulletin.Others}
	b := w.open(disk, others, policyShelf())
	w.post(b, policyNotice(t, 2, ""), true)
	w.post(b, policyNotice(t, 2, ""), false)
	w.refused(b, policyNotice(t, 1, ""), policy.CodeOlder)
	w.refused(b, policyNotice(t, 2, "after"), policy.CodeVersionReused)
	w.refused(b, policyNotice(t, 3, "nobody"), "NotThisOne")
	b = w.open(disk, others, policyShelf())
	w.refused(b, policyNotice(t, 1, ""), policy.CodeOlder)
	w.refused(b, policyNotice(t, 2, "after"), policy.CodeVersionReused)
	w.post(b, policyNotice(t, 10, "after"), true)
	if d := cmp.Diff([]bulletin.Held{{Kind: bulletin.TrustPolicy, ID: "trust-policy", Version: "10"}}, b.Held()); d != "" {
		t.Error(d)
	}
	if all := b.All(); len(all) != 1 || all[0].Text != policyNotice(t, 10, "after").Text || all[0].Local || all[0].List != nil {
		t.Errorf("%+v", all)
	}
	// The two kinds don't mix, whatever shelves there are.
	if files, err := disk.List("/trust/others"); err != nil || len(files) != 0 {
		t.Errorf("a policy lies among the lists: %v, %v", files, err)
	}
	w.refused(w.open(fsys.NewMem(), others), policyNotice(t, 1, ""), "UnknownKind")
	w.post(w.open(fsys.NewMem(), others, policyShelf()), w.list(w.ca, pki.PurposeNode), true)
	large := policyNotice(t, 11, "")
	large.Text = strings.Replace(large.Text, "{}}", `{"x":"`+strings.Repeat("x", bulletin.MaxNotice)+`"}}`, 1)
	w.refused(b, large, "NoticeTooLarge")
}

// Another signature under the same policy changes nothing: it is the policy that
// counts.
func TestPolicySignedOnceMore(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	b := w.open(fsys.NewMem(), policyShelf())
	w.post(b, policyNotice(t, 2, ""), true)
	again := policyNotice(t, 2, "")
	again.Text = strings.Replace(again.Text, `"evidence":{}`, `"evidence":[{}]`, 1)
	w.post(b, again, false)
}

// A policy goes from board to board; what a receiver refuses is told, and what it has
// newer isn't.
func TestPolicyIsDelivered(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for name, c := range map[string]struct {
		there   []int
		brought bulletin.Notice
		held    string
		code    string
	}{
		"to one without":    {nil, policyNotice(t, 2, ""), "2", ""},
		"to one behind":     {[]int{1}, policyNotice(t, 2, ""), "2", ""},
		"to one ahead":      {[]int{3}, policyNotice(t, 2, ""), "3", ""},
		"with another text": {[]int{2}, policyNotice(t, 2, "after"), "2", policy.CodeVersionReused},
		"refused":           {[]int{1}, policyNotice(t, 2, "nobody"), "1", "NotThisOne"},
	} {
		to := w.open(fsys.NewMem(), policyShelf())
		for _, version := range c.there {
			w.post(to, policyNotice(t, version, ""), true)
		}
		r, err := receive(to, bulletin.Delivery{Notices: []bulletin.Notice{c.brought}})
		if err != nil {
			t.Fatal(err)
		}
		code := ""
		if len(r.Refused) > 0 {
			code = r.Refused[0].Code
		}
		if !slices.Equal(r.Held, []bulletin.Held{{Kind: bulletin.TrustPolicy, ID: "trust-policy", Version: c.held}}) || code != c.code {
			t.Errorf("%s: held %v, refused with %q", name, r.Held, code)
		}
	}
}

// Whichever operation of the disk fails, the policy before is there or the new one.
func TestPolicyOnAFailingDisk(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	failures := 0
	for n := 1; ; n++ {
		mem := fsys.NewMem()
		w.post(w.open(mem, policyShelf()), policyNotice(t, 1, ""), true)
		disk := fsys.NewFailing(mem)
		b := w.open(disk, policyShelf())
		disk.SetRules(fsys.Rule{Nth: n, Err: syscall.EIO})
		_, err := b.Post(policyNotice(t, 2, ""))
		if disk.Hits() == 0 {
			break
		}
		failures++
		if err != nil && !fault.Is(err, fault.Unavailable) {
			t.Errorf("operation %d: %v", n, err)
		}
		disk.SetRules()
		again := w.open(mem, policyShelf())
		if held := again.Held(); len(held) != 1 || err == nil && held[0].Version != "2" {
			t.Errorf("operation %d, %v: %v is left", n, err, held)
		}
		if _, err := again.Post(policyNotice(t, 2, "")); err != nil {
			t.Errorf("operation %d: again: %v", n, err)
		}
	}
	if failures < 4 {
		t.Errorf("only %d operations were made to fail", failures)
	}
}

func TestBadPolicies(t *testing.T) {
	t.Parallel()
	for _, b := range []policy.Bundle{
		{Policy: `{"TYPE":"Workflow"}`, Evidence: json.RawMessage(`{}`)}, {Policy: "", Evidence: json.RawMessage(`{}`)}, {Policy: "{}"}, {Policy: "\xff", Evidence: json.RawMessage(`{}`)},
	} {
		if n, err := bulletin.NewPolicy(b); !fault.HasCode(err, "InvalidTrustPolicy") {
			t.Errorf("%+v became %q, %v", b, n.Text, err)
		}
	}
}
