package guard_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/signet-scheduler/signet/internal/bulletin"
	"github.com/signet-scheduler/signet/internal/fault"
	"github.com/signet-scheduler/signet/internal/policy"
	"github.com/signet-scheduler/signet/internal/trust/trusttest"
)

// receiver is a machine with its board, to which policies are brought.
type receiver struct {
	*machine
	board *bulletin.Board
}

func newReceiver(t *testing.T, trusted ...trusttest.Identity) *receiver {
	t.Helper()
	r := &receiver{machine: newMachine(t, trusted...)}
	r.set.SentPolicy = filepath.Join(r.dir, "data", "trust", "policy", "trust-policy.json")
	r.restart()
	return r
}

func (r *receiver) restart() {
	r.t.Helper()
	r.open()
	var err error
	r.board, err = bulletin.Open(bulletin.Options{Dir: filepath.Join(r.dir, "data", "trust"), Shelves: []bulletin.Shelf{
		{Name: bulletin.Policies, Accept: func(b policy.Bundle) error { return r.CheckPolicy(b) }},
	}})
	r.check(err)
}

func notice(t *testing.T, text string, by ...trusttest.Identity) bulletin.Notice {
	t.Helper()
	var list []any
	for _, who := range by {
		list = append(list, trusttest.Sign(t, who.Key, []byte(text)))
	}
	evidence, err := json.Marshal(list)
	if err != nil {
		t.Fatal(err)
	}
	n, err := bulletin.NewPolicy(policy.Bundle{Policy: text, Evidence: evidence})
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// bring is what a part does with a delivery; it returns the code of the refusal.
func (r *receiver) bring(n bulletin.Notice) string {
	r.t.Helper()
	body, err := json.Marshal(bulletin.Delivery{Notices: []bulletin.Notice{n}})
	r.check(err)
	receipt, err := r.board.Receive(body)
	r.check(err)
	r.Look()
	if len(receipt.Refused) > 0 {
		return receipt.Refused[0].Code
	}
	return ""
}

// inForce fails the test unless that version is.
func (r *receiver) inForce(when string, version int) {
	r.t.Helper()
	if required, got := r.PolicyInForce(); got != version || !required {
		r.t.Errorf("%s: version %d is in force, required: %t; want %d", when, got, required, version)
	}
}

// A policy that was sent is in force at once, stays over a restart, and an older one
// doesn't come back, whoever brings it, and from wherever.
func TestSentPolicy(t *testing.T) {
	t.Parallel()
	alice, bob, carl, root := trusttest.NewX509(t, "alice"), trusttest.NewSSH(t, "bob"), trusttest.NewSSH(t, "carl"), trusttest.NewSSH(t, "root")
	m := newReceiver(t, alice, bob, carl)
	m.root(root)
	m.restart()
	before := m.Generation()
	m.inForce("at first", 0)
	third := payments(t, 3, alice, bob)
	if code := m.bring(notice(t, third, root)); code != "" {
		t.Fatal(code)
	}
	m.inForce("sent", 3)
	if m.Generation() == before {
		t.Error("nobody was told")
	}
	two, other := makeRelease(t, nil, alice, bob), makeRelease(t, nil, alice, carl)
	_, err := m.Verify(two.document, &two.manifest, 0)
	wantCode(t, "by those of the policy", err, "")
	_, err = m.Verify(other.document, &other.manifest, 0)
	wantCode(t, "by others", err, policy.CodeDenied)
	generation := m.Generation()
	if code := m.bring(notice(t, third, root)); code != "" || m.Generation() != generation {
		t.Errorf("once more: %q, generation %d after %d", code, m.Generation(), generation)
	}

	refusals := func(when string) {
		t.Helper()
		for name, c := range map[string]struct {
			n    bulletin.Notice
			code string
		}{
			"an older one":              {notice(t, payments(t, 2, alice, carl), root), ""}, // that is no mistake of the sender
			"another of its version":    {notice(t, payments(t, 3, alice, carl), root), policy.CodeVersionReused},
			"a stranger's":              {notice(t, payments(t, 9, alice, carl), alice), "UnknownSigner"},
			"a root's and a stranger's": {notice(t, payments(t, 9, alice, carl), root, alice), "UnknownSigner"},
			"another installation's":    {notice(t, strings.Replace(payments(t, 9, alice, carl), `"here"`, `"there"`, 1), root), "ForeignTrustPolicy"},
		} {
			if code := m.bring(c.n); code != c.code {
				t.Errorf("%s, %s: %q, want %q", when, name, code, c.code)
			}
			m.inForce(when+", "+name, 3)
		}
	}
	refusals("running")
	m.restart()
	m.inForce("after a restart", 3)
	refusals("after a restart")

	// The floor stays when the file is lost: nothing counts until it is sent again.
	m.check(os.RemoveAll(filepath.Dir(m.set.SentPolicy)))
	m.restart()
	m.inForce("without the file", 0)
	if code := m.bring(notice(t, payments(t, 2, alice, carl), root)); code != "" {
		t.Error(code)
	}
	m.inForce("without the file, an older one", 0)
	if code := m.bring(notice(t, payments(t, 3, alice, carl), root)); code != policy.CodeVersionReused {
		t.Errorf("without the file, another of its version: %q", code)
	}
	if code := m.bring(notice(t, third, root)); code != "" {
		t.Error(code)
	}
	m.inForce("sent again", 3)
}

// Of the policy beside the settings and the one that was sent, the higher version
// counts, in any order and over restarts.
func TestTwoPolicies(t *testing.T) {
	t.Parallel()
	alice, bob, root := trusttest.NewX509(t, "alice"), trusttest.NewSSH(t, "bob"), trusttest.NewSSH(t, "root")
	m := newReceiver(t, alice, bob)
	m.root(root)
	count := func() int { return m.log.count("the trust policy isn't accepted") }
	first := count() // there was none yet
	problems := func() int { return count() - first }
	m.rule(root, payments(t, 1, alice, bob))
	m.inForce("the file", 1)
	if code := m.bring(notice(t, payments(t, 3, alice, bob), root)); code != "" {
		t.Fatal(code)
	}
	m.inForce("a higher one is sent", 3)
	m.restart()
	m.inForce("a higher one was sent", 3)
	m.rule(root, payments(t, 2, alice, bob))
	m.inForce("the file is still lower", 3)
	if n := problems(); n != 0 {
		t.Errorf("that one of two is older was told %d times", n)
	}
	m.rule(root, payments(t, 5, alice, bob))
	m.inForce("the file is higher", 5)
	if code := m.bring(notice(t, payments(t, 4, alice, bob), root)); code != "" {
		t.Errorf("older than the file: %q", code)
	}
	m.inForce("one below the file is sent", 5)
	if code := m.bring(notice(t, payments(t, 5, bob, alice), root)); code != policy.CodeVersionReused {
		t.Errorf("the version of the file with another text: %q", code)
	}
	m.inForce("the version of the file with another text", 5)
	if code := m.bring(notice(t, payments(t, 6, alice, bob), root)); code != "" {
		t.Error(code)
	}
	m.inForce("above the file", 6)
	if n := problems(); n != 0 {
		t.Errorf("problems were told %d times", n)
	}
	// The file is given the version that was sent, with another text: that is told.
	m.rule(root, payments(t, 6, bob, alice))
	m.inForce("the file reuses the version", 6)
	if n := problems(); n != 1 {
		t.Errorf("a version that is used twice was told %d times", n)
	}
	two := makeRelease(t, nil, alice, bob)
	_, err := m.Verify(two.document, &two.manifest, 0)
	wantCode(t, "a release", err, "")
	// Without the file, the one that was sent stays.
	m.check(os.Remove(m.set.PolicyFile))
	m.restart()
	m.inForce("the file is gone", 6)
}

// Without root keys a policy has no effect, and whoever brings it is told.
func TestPolicyWithoutRoots(t *testing.T) {
	t.Parallel()
	alice, bob, root := trusttest.NewX509(t, "alice"), trusttest.NewSSH(t, "bob"), trusttest.NewSSH(t, "root")
	m := newReceiver(t, alice, bob)
	if code := m.bring(notice(t, payments(t, 1, alice, bob), root)); code != "NoPolicyRoots" {
		t.Errorf("%q", code)
	}
	if required, version := m.PolicyInForce(); required || version != 0 {
		t.Errorf("version %d, required: %t", version, required)
	}
	_, err := m.Verify(direct(t, alice), nil, 0)
	wantCode(t, "the directories decide", err, "")
	if h := m.board.Holdings(); len(h) != 1 || h[0].Refused != "NoPolicyRoots" || h[0].Version != "1" {
		t.Errorf("told: %+v", h)
	}
	m.root(root)
	m.restart()
	if code := m.bring(notice(t, payments(t, 1, alice, bob), root)); code != "" {
		t.Errorf("%q", code)
	}
	m.inForce("with a root", 1)
	// Another root takes over: what the former one had signed counts no more, nor is more
	// of it accepted; the new one's is.
	heir := trusttest.NewSSH(t, "heir")
	m.root(heir)
	m.restart()
	m.inForce("with another root", 0)
	if code := m.bring(notice(t, payments(t, 2, alice, bob), root)); code != "UnknownSigner" {
		t.Errorf("%q", code)
	}
	if code := m.bring(notice(t, payments(t, 2, alice, bob), heir)); code != "" {
		t.Errorf("%q", code)
	}
	m.inForce("the heir's", 2)
}

// What lies where a policy is kept that was sent is verified as it was on the way:
// whoever can write there can't make one.
func TestSentPolicyIsVerifiedOnDisk(t *testing.T) {
	t.Parallel()
	alice, bob, root := trusttest.NewX509(t, "alice"), trusttest.NewSSH(t, "bob"), trusttest.NewSSH(t, "root")
	m := newReceiver(t, alice, bob)
	m.root(root)
	m.restart()
	if code := m.bring(notice(t, payments(t, 1, alice, bob), root)); code != "" {
		t.Fatal(code)
	}
	for name, text := range map[string]string{
		"unsigned": notice(t, payments(t, 2, alice, bob), alice).Text, "damaged": "{", "empty": "",
		"changed": strings.Replace(notice(t, payments(t, 1, alice, bob), root).Text, `threshold\":2`, `threshold\":1`, 1),
	} {
		m.check(os.WriteFile(m.set.SentPolicy, []byte(text), 0o600))
		m.Look()
		m.inForce(name+", running", 1) // what was in force stays
		m.open()
		m.inForce(name+", after a restart", 0) // and doesn't come back by itself
		m.check(os.WriteFile(m.set.SentPolicy, []byte(notice(t, payments(t, 1, alice, bob), root).Text), 0o600))
		m.Look()
		m.inForce("it is there again", 1)
	}
	m.check(os.WriteFile(m.set.SentPolicy, []byte("{"), 0o600))
	if _, err := bulletin.Open(bulletin.Options{Dir: filepath.Join(m.dir, "data", "trust"), Shelves: []bulletin.Shelf{{Name: bulletin.Policies, Accept: m.CheckPolicy}}}); !fault.HasCode(err, "CorruptTrust") {
		t.Errorf("the board is opened with a damaged policy: %v", err)
	}
}
