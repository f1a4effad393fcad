package guard_test

import (
	"encoding/json"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/signet-scheduler/signet/internal/clock"
	"github.com/signet-scheduler/signet/internal/conf"
	"github.com/signet-scheduler/signet/internal/engine"
	"github.com/signet-scheduler/signet/internal/fault"
	"github.com/signet-scheduler/signet/internal/guard"
	"github.com/signet-scheduler/signet/internal/item"
	"github.com/signet-scheduler/signet/internal/policy"
	"github.com/signet-scheduler/signet/internal/release"
	"github.com/signet-scheduler/signet/internal/trust"
	"github.com/signet-scheduler/signet/internal/trust/trusttest"
)

// machine is a part's trust: its directories, its clock and its guard.
type machine struct {
	t       *testing.T
	dir     string
	clock   *clock.Fake
	asked   func() // called when the guard asks for the time
	set     conf.Trust
	changes atomic.Int64
	news    chan struct{} // holds one, if the guard told of a change
	log     *journal
	*guard.Guard
}

func (m *machine) changed() {
	m.changes.Add(1)
	select {
	case m.news <- struct{}{}:
	default:
	}
}

// Now shows the fake clock's time.
func (m *machine) Now() time.Time {
	if asked := m.asked; asked != nil {
		m.asked = nil
		asked()
	}
	return m.clock.Now()
}

// guardClock is the clock that a machine's guard has.
type guardClock struct {
	*clock.Fake
	m *machine
}

func (c guardClock) Now() time.Time { return c.m.Now() }

// journal keeps what is logged.
type journal struct {
	mu   sync.Mutex
	text strings.Builder
}

func (j *journal) Write(line []byte) (int, error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.text.Write(line)
}

// count returns how many lines have the text in them.
func (j *journal) count(part string) int {
	j.mu.Lock()
	defer j.mu.Unlock()
	return strings.Count(j.text.String(), part)
}

// newMachine returns a machine of the installation "here" that trusts these.
func newMachine(t *testing.T, trusted ...trusttest.Identity) *machine {
	t.Helper()
	dir := t.TempDir()
	dirs := trusttest.Dirs(t, filepath.Join(dir, "trusted"), trusted...)
	m := &machine{t: t, dir: dir, clock: clock.NewFake(trusttest.Now()), log: &journal{}, news: make(chan struct{}, 1), set: conf.Trust{
		X509Dir: dirs.X509, PGPDir: dirs.PGP, SSHDir: dirs.SSH, PasskeyDir: dirs.Passkey, Installation: "here",
		PolicyRootDir: filepath.Join(dir, "root"), PolicyFile: filepath.Join(dir, "trust-policy.json"), Reload: time.Second,
	}}
	m.open()
	return m
}

// open starts the machine, again if it runs already.
func (m *machine) open() {
	m.t.Helper()
	if m.Guard != nil {
		m.check(m.Close())
	}
	g, err := guard.Open(m.set, filepath.Join(m.dir, "data"), nil, guardClock{m.clock, m}, slog.New(slog.NewTextHandler(m.log, nil)), m.changed)
	m.check(err)
	m.Guard = g
	m.t.Cleanup(func() { _ = g.Close() })
}

func (m *machine) check(err error) {
	m.t.Helper()
	if err != nil {
		m.t.Fatal(err)
	}
}

// rule gives the machine a policy, signed by root, and starts it again.
func (m *machine) rule(root trusttest.Identity, text string) {
	m.t.Helper()
	m.put(root, text)
	m.open()
}

// put replaces the policy.
func (m *machine) put(root trusttest.Identity, text string) {
	m.t.Helper()
	for _, suffix := range []string{"", ".sig", ".pem", ".sshsig"} {
		_ = os.Remove(m.set.PolicyFile + suffix)
	}
	m.check(os.WriteFile(m.set.PolicyFile, []byte(text), 0o600))
	for suffix, data := range trusttest.Sign(m.t, root.Key, []byte(text)).Files() {
		m.check(os.WriteFile(m.set.PolicyFile+suffix, data, 0o600))
	}
}

// root makes a key the root of policies.
func (m *machine) root(root trusttest.Identity) {
	m.t.Helper()
	m.set.PolicyRootDir = trusttest.Dirs(m.t, filepath.Join(m.dir, "roots"), root).SSH
	m.open()
}

const text = `{"TYPE":"JobResource","path":"payments/r","variables":{}}`

// made is a release as it comes to a machine.
type made struct {
	manifest engine.Document
	document engine.Document
}

// makeRelease makes a release of the document, signed by those.
func makeRelease(t *testing.T, change func(*release.Manifest), by ...trusttest.Identity) made {
	t.Helper()
	now := trusttest.Now().UTC().Truncate(time.Second)
	m := &release.Manifest{
		Name: "r", Audience: "here", Serial: 3, Author: "erin", Created: now, Expires: now.Add(time.Hour),
		Objects: []release.Object{release.NewObject(item.Key{Kind: item.KindJobResource, Path: "payments/r"}, "", []byte(text))},
	}
	if change != nil {
		change(m)
	}
	body, err := m.Text()
	if err != nil {
		t.Fatal(err)
	}
	evidence := []trust.Evidence{}
	for _, who := range by {
		evidence = append(evidence, trusttest.Sign(t, who.Key, body))
	}
	list, err := json.Marshal(evidence)
	if err != nil {
		t.Fatal(err)
	}
	return made{
		engine.Document{Text: string(body), Evidence: string(list)},
		engine.Document{Text: text, Evidence: release.Refer(m, string(body)).Evidence()},
	}
}

// direct returns the document with a signature of its own.
func direct(t *testing.T, who trusttest.Identity) engine.Document {
	t.Helper()
	evidence, err := json.Marshal(trusttest.Sign(t, who.Key, []byte(text)))
	if err != nil {
		t.Fatal(err)
	}
	return engine.Document{Text: text, Evidence: string(evidence)}
}

func wantCode(t *testing.T, name string, err error, code string) {
	t.Helper()
	switch {
	case code == "" && err != nil:
		t.Errorf("%s: %v", name, err)
	case code != "" && (!fault.Is(err, fault.Untrusted) || !fault.HasCode(err, code)):
		t.Errorf("%s: got %v, want an Untrusted fault with code %s", name, err, code)
	}
}

func TestVerifyRelease(t *testing.T) {
	t.Parallel()
	alice, bob, stranger, touch := trusttest.NewX509(t, "alice"), trusttest.NewSSH(t, "bob"), trusttest.NewSSH(t, "stranger"), trusttest.NewPasskey(t, "touch")
	m := newMachine(t, alice, bob, touch)
	other := text[:len(text)-1] + " }"
	for _, tt := range []struct {
		name   string
		change func(*release.Manifest)
		by     []trusttest.Identity
		code   string
	}{
		{"one signature", nil, []trusttest.Identity{alice}, ""},
		{"two", nil, []trusttest.Identity{alice, bob}, ""},
		{"a touch", nil, []trusttest.Identity{touch}, ""},
		{"none", nil, nil, trust.CodeMissingEvidence},
		{"twice by one", nil, []trusttest.Identity{alice, alice}, trust.CodeSurplusEvidence},
		{"by a stranger", nil, []trusttest.Identity{stranger}, trust.CodeUnknownSigner},
		{"by one of us and a stranger", nil, []trusttest.Identity{alice, stranger}, trust.CodeUnknownSigner},
		{"for another installation", func(r *release.Manifest) { r.Audience = "there" }, []trusttest.Identity{alice}, release.CodeWrongAudience},
		{"that has ended", func(r *release.Manifest) { r.Created, r.Expires = r.Created.Add(-2*time.Hour), r.Created }, []trusttest.Identity{alice}, release.CodeReleaseExpired},
		{"of the future", func(r *release.Manifest) { r.Created = r.Created.Add(10 * time.Minute) }, []trusttest.Identity{alice}, release.CodeReleaseNotYet},
		{"by a clock that is a little ahead", func(r *release.Manifest) { r.Created = r.Created.Add(4 * time.Minute) }, []trusttest.Identity{alice}, ""},
		{"that lists another text", func(r *release.Manifest) {
			r.Objects[0] = release.NewObject(r.Objects[0].Key, "", []byte(other))
		}, []trusttest.Identity{alice}, release.CodeNotInRelease},
	} {
		r := makeRelease(t, tt.change, tt.by...)
		_, err := m.Verify(r.manifest, nil, 0)
		if tt.code != release.CodeNotInRelease {
			wantCode(t, "a release: "+tt.name, err, tt.code)
		}
		v, err := m.Verify(r.document, &r.manifest, 0)
		wantCode(t, "a document by a release: "+tt.name, err, tt.code)
		if err == nil && (v.Text != text || v.Listed == nil || v.Listed.Key.Path != "payments/r") {
			t.Errorf("%s: verified is %+v", tt.name, v)
		}
	}
}

// The reference names the exact text of one manifest.
func TestVerifyListed(t *testing.T) {
	t.Parallel()
	alice := trusttest.NewX509(t, "alice")
	m := newMachine(t, alice)
	one := makeRelease(t, nil, alice)
	two := makeRelease(t, func(r *release.Manifest) { r.Serial = 4 }, alice)
	same := makeRelease(t, func(r *release.Manifest) { r.Reason = "another text of number 3" }, alice)
	_, err := m.Verify(one.document, nil, 0)
	wantCode(t, "without its release", err, release.CodeReleaseMissing)
	_, err = m.Verify(one.document, &two.manifest, 0)
	wantCode(t, "with another release", err, release.CodeNotInRelease)
	_, err = m.Verify(one.document, &same.manifest, 0)
	wantCode(t, "with another text of that number", err, release.CodeNotInRelease)
	changed := one.document
	changed.Text += " "
	_, err = m.Verify(changed, &one.manifest, 0)
	wantCode(t, "another text", err, release.CodeNotInRelease)
	// A release is no evidence where a document's own is asked for, and a list of
	// signatures is that of a release.
	_, err = m.Verify(engine.Document{Text: text, Evidence: "[" + direct(t, alice).Evidence + "]"}, nil, 0)
	if !fault.Is(err, fault.Invalid) {
		t.Errorf("a document with a list of signatures: %v", err)
	}
	// What came in time stays when the release has ended.
	m.clock.Set(trusttest.Now().Add(2 * time.Hour))
	arrived := trusttest.Now().UnixMilli()
	if _, err = m.Verify(one.document, &one.manifest, arrived); err != nil {
		t.Errorf("after its end, arrived before: %v", err)
	}
	_, err = m.Verify(one.document, &one.manifest, 0)
	wantCode(t, "after its end", err, release.CodeReleaseExpired)
}

// A touch is for releases: no document runs because somebody touched a key.
func TestPasskeySignsReleasesOnly(t *testing.T) {
	t.Parallel()
	touch := trusttest.NewPasskey(t, "touch")
	m := newMachine(t, touch)
	_, err := m.Verify(direct(t, touch), nil, 0)
	wantCode(t, "a document", err, trust.CodeSignerNotAllowed)
}

// Without an id of its installation a part accepts no release; it may learn it.
func TestAdopt(t *testing.T) {
	t.Parallel()
	alice := trusttest.NewX509(t, "alice")
	m := newMachine(t, alice)
	m.set.Installation = ""
	m.open()
	r := makeRelease(t, nil, alice)
	_, err := m.Verify(r.document, &r.manifest, 0)
	wantCode(t, "without an installation", err, release.CodeWrongAudience)
	if m.Adopt("") || !m.Adopt("here") || m.Adopt("there") {
		t.Error("the first id counts, and no other")
	}
	_, err = m.Verify(r.document, &r.manifest, 0)
	wantCode(t, "with it", err, "")
}

// keyID returns the id by which a policy knows somebody's key.
func keyID(t *testing.T, who trusttest.Identity) string {
	t.Helper()
	v, err := trusttest.Set(t, who).Verify([]byte(text), trusttest.Sign(t, who.Key, []byte(text)), trusttest.Now())
	if err != nil {
		t.Fatal(err)
	}
	return v.Signer().KeyID
}

// payments is a policy that asks for two persons.
func payments(t *testing.T, version int, who ...trusttest.Identity) string {
	t.Helper()
	var persons, names []string
	for i, w := range who {
		name := string(rune('a' + i))
		persons = append(persons, fmt.Sprintf("%q:{\"keys\":[%q]}", name, keyID(t, w)))
		names = append(names, fmt.Sprintf("%q", name))
	}
	return fmt.Sprintf(`{"TYPE":"TrustPolicy","version":%d,"audience":["here"],"issued":%q,"persons":{%s},
		"rules":[{"name":"payments","folders":["/payments"],"signers":[%s],"threshold":2}]}`,
		version, trusttest.Now().UTC().Format(time.RFC3339), strings.Join(persons, ","), strings.Join(names, ","))
}

// With root keys there must be a policy, and it is obeyed.
func TestPolicy(t *testing.T) {
	t.Parallel()
	alice, bob, carl, root := trusttest.NewX509(t, "alice"), trusttest.NewSSH(t, "bob"), trusttest.NewSSH(t, "carl"), trusttest.NewSSH(t, "root")
	m := newMachine(t, alice, bob, carl)
	_, err := m.Verify(direct(t, alice), nil, 0)
	wantCode(t, "without a policy", err, "")

	m.root(root)
	_, err = m.Verify(direct(t, alice), nil, 0)
	wantCode(t, "with a root and no policy", err, policy.CodeDenied)

	m.rule(root, payments(t, 2, alice, bob))
	_, err = m.Verify(direct(t, alice), nil, 0)
	wantCode(t, "one of two persons", err, policy.CodeDenied)
	one, two, wrong := makeRelease(t, nil, alice), makeRelease(t, nil, alice, bob), makeRelease(t, nil, alice, carl)
	_, err = m.Verify(one.document, &one.manifest, 0)
	wantCode(t, "a release by one", err, policy.CodeDenied)
	_, err = m.Verify(two.document, &two.manifest, 0)
	wantCode(t, "a release by two", err, "")
	_, err = m.Verify(wrong.document, &wrong.manifest, 0)
	wantCode(t, "a release by one of them and another", err, policy.CodeDenied)

	// An older policy doesn't come back, and one that nobody has signed isn't read.
	m.rule(root, payments(t, 1, alice, carl))
	_, err = m.Verify(wrong.document, &wrong.manifest, 0)
	wantCode(t, "an older policy", err, policy.CodeDenied)
	m.rule(alice, payments(t, 3, alice, carl))
	_, err = m.Verify(wrong.document, &wrong.manifest, 0)
	wantCode(t, "a policy that the root hasn't signed", err, policy.CodeDenied)
	m.rule(root, payments(t, 3, alice, carl))
	_, err = m.Verify(wrong.document, &wrong.manifest, 0)
	wantCode(t, "a newer policy", err, "")
}

// A policy that comes while the part runs is in force at the next look.
func TestPolicyIsFollowed(t *testing.T) {
	t.Parallel()
	alice, bob, root := trusttest.NewX509(t, "alice"), trusttest.NewSSH(t, "bob"), trusttest.NewSSH(t, "root")
	m := newMachine(t, alice, bob)
	m.root(root)
	two := makeRelease(t, nil, alice, bob)
	_, err := m.Verify(two.document, &two.manifest, 0)
	wantCode(t, "no policy", err, policy.CodeDenied)
	m.Start()
	before := m.Generation()
	body := payments(t, 1, alice, bob)
	m.put(root, body)
	arrived := trusttest.Now().UnixMilli()
	for deadline := time.Now().Add(20 * time.Second); ; m.clock.Advance(time.Second) {
		if _, err = m.Verify(two.document, &two.manifest, arrived); err == nil {
			break
		}
		if time.Now().After(deadline) {
			t.Fatal(err)
		}
	}
	if m.Generation() <= before || m.changes.Load() == 0 {
		t.Error("nobody was told")
	}
}

// Who was ruled by a policy once isn't set free by taking the root keys away.
func TestPolicyStaysRequired(t *testing.T) {
	t.Parallel()
	alice, bob, root := trusttest.NewX509(t, "alice"), trusttest.NewSSH(t, "bob"), trusttest.NewSSH(t, "root")
	m := newMachine(t, alice, bob)
	m.root(root)
	m.rule(root, payments(t, 1, alice, bob))
	two := makeRelease(t, nil, alice, bob)
	_, err := m.Verify(two.document, &two.manifest, 0)
	wantCode(t, "with the root", err, "")
	m.set.PolicyRootDir = filepath.Join(m.dir, "nowhere")
	m.open()
	_, err = m.Verify(two.document, &two.manifest, 0)
	wantCode(t, "without it", err, policy.CodeDenied)
	_, err = m.Verify(direct(t, alice), nil, 0)
	wantCode(t, "a signature of its own", err, policy.CodeDenied)
}

// A root's certificate may end: what it signed and was accepted stays in force.
func TestRootMayEnd(t *testing.T) {
	t.Parallel()
	alice, bob, root := trusttest.NewSSH(t, "alice"), trusttest.NewSSH(t, "bob"), trusttest.NewX509(t, "root")
	m := newMachine(t, alice, bob)
	m.set.PolicyRootDir = trusttest.Dirs(t, filepath.Join(m.dir, "roots"), root).X509
	m.open()
	m.rule(root, payments(t, 1, alice, bob))
	two := makeRelease(t, nil, alice, bob)
	_, err := m.Verify(two.document, &two.manifest, 0)
	wantCode(t, "before", err, "")
	m.clock.Set(trusttest.Now().AddDate(20, 0, 0))
	m.open()
	_, err = m.Verify(two.document, &two.manifest, trusttest.Now().UnixMilli())
	wantCode(t, "after the end of the root's certificate", err, "")
}
