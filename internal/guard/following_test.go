package guard_test

import (
	"encoding/hex"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/signet-scheduler/signet/internal/fault"
	"github.com/signet-scheduler/signet/internal/guard"
	"github.com/signet-scheduler/signet/internal/policy"
	"github.com/signet-scheduler/signet/internal/trust/trusttest"
)

// ruled is a machine with a policy by root, and a release that needs it.
func ruled(t *testing.T, root trusttest.Identity) (m *machine, both, other made, alice, bob, carl trusttest.Identity) {
	t.Helper()
	alice, bob, carl = trusttest.NewSSH(t, "alice"), trusttest.NewSSH(t, "bob"), trusttest.NewSSH(t, "carl")
	m = newMachine(t, alice, bob, carl)
	m.root(root)
	m.rule(root, payments(t, 1, alice, bob))
	return m, makeRelease(t, nil, alice, bob), makeRelease(t, nil, alice, carl), alice, bob, carl
}

func (m *machine) wants(name string, r made, code string) {
	m.t.Helper()
	_, err := m.Verify(r.document, &r.manifest, trusttest.Now().UnixMilli())
	wantCode(m.t, name, err, code)
}

// A look that finds nothing new changes nothing, one that finds a newer policy
// brings that into force, and what can't be accepted is told once and leaves the
// policy as it was.
func TestPolicyIsLookedAt(t *testing.T) {
	t.Parallel()
	root := trusttest.NewSSH(t, "root")
	m, both, other, alice, bob, carl := ruled(t, root)
	m.Look()
	m.Look()
	if m.Generation() != 0 || m.changes.Load() != 0 {
		t.Errorf("nothing has changed, and the generation is %d", m.Generation())
	}
	m.wants("by both", both, "")

	m.put(root, payments(t, 2, alice, carl))
	m.Look()
	if m.Generation() != 1 {
		t.Errorf("a new policy, and the generation is %d", m.Generation())
	}
	m.wants("by one of the former persons", both, policy.CodeDenied)
	m.wants("by those of the new policy", other, "")

	const trouble = "the trust policy isn't accepted"
	before := m.log.count(trouble)           // there was none at first
	m.put(alice, payments(t, 3, alice, bob)) // she is no root
	m.Look()
	m.Look()
	if n := m.log.count(trouble) - before; n != 1 {
		t.Errorf("a policy that nobody signed was told of %d times", n)
	}
	if m.Generation() != 1 {
		t.Errorf("nothing has changed, and the generation is %d", m.Generation())
	}
	m.wants("by those of the policy in force", other, "")
	m.check(os.Remove(m.set.PolicyFile))
	m.Look()
	if n := m.log.count(trouble) - before; n != 2 {
		t.Errorf("another trouble was told of, together %d times", n)
	}
	m.wants("by those of the policy in force, whose file is gone", other, "")

	// What is accepted again and then refused again is news again.
	m.put(root, payments(t, 2, alice, carl))
	m.Look()
	m.check(os.Remove(m.set.PolicyFile))
	m.Look()
	if n := m.log.count(trouble) - before; n != 3 {
		t.Errorf("trouble that came again was told of, together %d times", n)
	}
}

// What former roots have signed counts no more when there are others.
func TestOtherRoots(t *testing.T) {
	t.Parallel()
	root, next := trusttest.NewSSH(t, "root"), trusttest.NewSSH(t, "next")
	m, both, _, alice, bob, _ := ruled(t, root)
	m.wants("with the root", both, "")
	m.check(os.WriteFile(filepath.Join(m.set.PolicyRootDir, "0.pub"), next.Trusted, 0o600))
	m.Look()
	m.wants("with another root, and the policy of the former", both, policy.CodeDenied)
	if m.Generation() != 1 {
		t.Errorf("nothing is in force any more, and the generation is %d", m.Generation())
	}
	m.put(next, payments(t, 2, alice, bob))
	m.Look()
	m.wants("with a policy of the other root", both, "")
}

// The first root key demands a policy while the part runs.
func TestRootComes(t *testing.T) {
	t.Parallel()
	alice, root := trusttest.NewSSH(t, "alice"), trusttest.NewSSH(t, "root")
	m := newMachine(t, alice)
	m.root(root)
	key := filepath.Join(m.set.PolicyRootDir, "0.pub")
	m.check(os.Remove(key))
	m.open()
	_, err := m.Verify(direct(t, alice), nil, 0)
	wantCode(t, "without a root", err, "")
	m.check(os.WriteFile(key, root.Trusted, 0o600))
	m.Look()
	_, err = m.Verify(direct(t, alice), nil, 0)
	wantCode(t, "with a root", err, policy.CodeDenied)
	if m.Generation() != 1 {
		t.Errorf("a policy is required now, and the generation is %d", m.Generation())
	}
}

// A root whose certificate has ended signs nothing more.
func TestRootHasEnded(t *testing.T) {
	t.Parallel()
	alice, bob, carl, root := trusttest.NewSSH(t, "alice"), trusttest.NewSSH(t, "bob"), trusttest.NewSSH(t, "carl"), trusttest.NewX509(t, "root")
	m := newMachine(t, alice, bob, carl)
	m.set.PolicyRootDir = trusttest.Dirs(t, filepath.Join(m.dir, "roots"), root).X509
	m.rule(root, payments(t, 1, alice, bob))
	other := makeRelease(t, nil, alice, carl)
	m.clock.Set(afterTheEnd())
	m.put(root, payments(t, 2, alice, carl))
	m.Look()
	m.wants("by those of a policy that came after the end of its root", other, policy.CodeDenied)
}

// A policy that has ended refuses what comes, not what came before.
func TestPolicyEnds(t *testing.T) {
	t.Parallel()
	alice, root := trusttest.NewSSH(t, "alice"), trusttest.NewSSH(t, "root")
	m := newMachine(t, alice)
	m.root(root)
	body := payments(t, 1, alice, root)
	end := trusttest.Now().Add(time.Hour)
	body = strings.Replace(body, `"persons"`, fmt.Sprintf(`"expires":%q,"persons"`, end.UTC().Format(time.RFC3339)), 1)
	m.rule(root, strings.Replace(body, `"threshold":2`, `"threshold":1`, 1))
	m.clock.Set(end)
	for arrived, code := range map[int64]string{0: policy.CodeDenied, end.UnixMilli() - 1: "", end.UnixMilli(): policy.CodeDenied} {
		d := direct(t, alice)
		_, err := m.Verify(d, nil, arrived)
		wantCode(t, fmt.Sprint("arrived at ", arrived), err, code)
		m.open() // to forget the verdict
	}
}

// What the part remembers of policies must not be lost silently, whatever is
// wrong with it.
func TestDamagedPolicyMemory(t *testing.T) {
	t.Parallel()
	m := newMachine(t, trusttest.NewSSH(t, "alice"))
	digest := strings.Repeat("ab", 32)
	file := filepath.Join(m.dir, "data", "trust", "policy-known.json")
	m.check(os.MkdirAll(filepath.Dir(file), 0o700))
	good := fmt.Sprintf(`{"version":1,"sha256":%q,"accepted":1}`, digest)
	for text, damaged := range map[string]bool{
		good:                                   false,
		strings.Replace(good, `:1,`, `:0,`, 1): true,
		strings.Replace(good, digest, digest+"zz", 1):                          true,
		strings.Replace(good, digest, hex.EncodeToString(make([]byte, 31)), 1): true,
		strings.Replace(good, digest, digest+"ab", 1):                          true,
		strings.Replace(good, `"accepted":1`, `"accepted":"1"`, 1):             true,
		good[:len(good)-1]:                true,
		good + strings.Repeat(" ", 1<<10): true,
	} {
		m.check(os.WriteFile(file, []byte(text), 0o600))
		g, err := m.again()
		if fault.HasCode(err, "PolicyMemoryDamaged") != damaged {
			t.Errorf("%.200s: %v", text, err)
		}
		if err == nil {
			m.check(g.Close())
		}
	}
}

// again opens a second guard on the machine's folders.
func (m *machine) again() (*guard.Guard, error) {
	return guard.Open(m.set, filepath.Join(m.dir, "data"), nil, m.clock, slog.New(slog.DiscardHandler), func() {})
}
