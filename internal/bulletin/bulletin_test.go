package bulletin_test

import (
	"context"
	"crypto/x509"
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/signet-scheduler/signet/internal/bulletin"
	"github.com/signet-scheduler/signet/internal/clock"
	"github.com/signet-scheduler/signet/internal/fault"
	"github.com/signet-scheduler/signet/internal/fsys"
	"github.com/signet-scheduler/signet/internal/pki"
)

// world is an authority and another of the same names, and lists of both.
type world struct {
	t         *testing.T
	ca, other *pki.CA
	now       time.Time
}

func newWorld(t *testing.T) *world {
	t.Helper()
	w := &world{t: t, now: time.Now()}
	for _, ca := range []**pki.CA{&w.ca, &w.other} {
		var err error
		if *ca, err = pki.InitCA(fsys.Real{}, t.TempDir(), pki.CAParams{Organization: "Test", Now: w.now}); err != nil {
			t.Fatal(err)
		}
	}
	return w
}

// list makes the next list of an authority.
func (w *world) list(ca *pki.CA, p pki.Purpose) bulletin.Notice {
	w.t.Helper()
	text, err := ca.CRL(p, w.now)
	if err != nil {
		w.t.Fatal(err)
	}
	n, err := bulletin.NewCRL(text, ca.Issuer(p))
	if err != nil {
		w.t.Fatal(err)
	}
	return n
}

// shelves are those of an Agent that trusts the authority.
func (w *world) shelves() []bulletin.Shelf {
	anchors := func(p pki.Purpose) func() []*x509.Certificate {
		return func() []*x509.Certificate { return []*x509.Certificate{w.ca.Root(p)} }
	}
	return []bulletin.Shelf{{Name: bulletin.Connections, Anchors: anchors(pki.PurposeNode)}, {Name: bulletin.Signers, Anchors: anchors(pki.PurposeSigning)}}
}

func (w *world) open(disk fsys.FS, shelves ...bulletin.Shelf) *bulletin.Board {
	w.t.Helper()
	b, err := bulletin.Open(bulletin.Options{Dir: "/trust", FS: disk, Shelves: shelves})
	if err != nil {
		w.t.Fatal(err)
	}
	return b
}

func (w *world) post(b *bulletin.Board, n bulletin.Notice, changed bool) {
	w.t.Helper()
	got, err := b.Post(n)
	if err != nil || got != changed {
		w.t.Errorf("Post: %t, %v; want %t", got, err, changed)
	}
}

func (w *world) refused(b *bulletin.Board, n bulletin.Notice, code string) {
	w.t.Helper()
	before := b.Held()
	if changed, err := b.Post(n); changed || !fault.HasCode(err, code) {
		w.t.Errorf("Post: %t, %v; want %s", changed, err, code)
	}
	if d := cmp.Diff(before, b.Held()); d != "" {
		w.t.Errorf("what is refused leaves a trace:\n%s", d)
	}
}

func TestNewestIsKept(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	disk := fsys.NewMem()
	b := w.open(disk, w.shelves()...)
	first, second, third := w.list(w.ca, pki.PurposeNode), w.list(w.ca, pki.PurposeNode), w.list(w.ca, pki.PurposeNode)
	w.post(b, second, true)
	w.post(b, second, false)
	w.refused(b, first, "OlderCRL")
	b = w.open(disk, w.shelves()...) // it doesn't forget
	w.refused(b, first, "OlderCRL")
	w.post(b, second, false)
	w.post(b, third, true)
	w.post(b, w.list(w.ca, pki.PurposeSigning), true)
	if held := b.Held(); len(held) != 2 {
		t.Errorf("held: %v", held)
	}
	for shelf, want := range map[string]int{bulletin.Connections: 1, bulletin.Signers: 1} {
		files, err := disk.List(filepath.Join("/trust", shelf))
		if err != nil {
			t.Fatal(err)
		}
		lists := 0
		for _, f := range files {
			if strings.HasSuffix(f.Name, ".crl") {
				lists++
				text, err := fsys.ReadFile(disk, filepath.Join("/trust", shelf, f.Name), 1<<20)
				if err != nil {
					t.Fatal(err)
				}
				if _, err := pki.ParseCRLs(text); err != nil {
					t.Errorf("%s can't be read by those who use it: %v", f.Name, err)
				}
			}
		}
		if lists != want || len(files) != 2*want {
			t.Errorf("%s: %v", shelf, files)
		}
	}
}

// A receiver believes nobody: each of these comes from an authenticated sender.
func TestRefused(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	b := w.open(fsys.NewMem(), w.shelves()...)
	good := w.list(w.ca, pki.PurposeNode)
	w.refused(b, w.list(w.other, pki.PurposeNode), "UntrustedIssuer")
	w.refused(b, w.list(w.ca, pki.PurposeUser), "UntrustedIssuer")
	w.refused(b, bulletin.Notice{Kind: "Other", Text: "x"}, "UnknownKind")
	w.refused(b, bulletin.Notice{Kind: bulletin.TrustPolicy, Text: "x"}, "InvalidTrustPolicy")
	w.refused(b, policyNotice(t, 1, ""), "UnknownKind") // no shelf is for it
	w.refused(b, bulletin.Notice{Kind: bulletin.CRL}, "InvalidCRL")
	w.refused(b, bulletin.Notice{Kind: bulletin.CRL, Text: strings.Repeat("x", bulletin.MaxNotice+1)}, "NoticeTooLarge")
	list, _, _ := strings.Cut(good.Text, "-----BEGIN CERTIFICATE")
	w.refused(b, bulletin.Notice{Kind: bulletin.CRL, Text: list}, "InvalidCertificate")
	w.refused(b, bulletin.Notice{Kind: bulletin.CRL, Text: list + string(pki.EncodeCertsPEM(w.other.Issuer(pki.PurposeNode)))}, "UntrustedCRL")
	w.refused(b, bulletin.Notice{Kind: bulletin.CRL, Text: list + string(pki.EncodeCertsPEM(w.ca.Root(pki.PurposeNode)))}, "UntrustedCRL")
	issued, err := w.ca.IssueNode(pki.NodeParams{Role: pki.RoleAgent, Name: "a", Now: w.now})
	if err != nil {
		t.Fatal(err)
	}
	w.refused(b, bulletin.Notice{Kind: bulletin.CRL, Text: list + string(pki.EncodeCertsPEM(issued.Cert))}, "NotAnAuthority")
	many := strings.Repeat(string(pki.EncodeCertsPEM(w.ca.Issuer(pki.PurposeNode))), 6)
	w.refused(b, bulletin.Notice{Kind: bulletin.CRL, Text: list + many}, "TooManyCertificates")
	w.post(b, good, true)
}

// What was refused last is told, until something of that id is taken.
func TestHoldings(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	b := w.open(fsys.NewMem(), w.shelves()...)
	foreign, good := w.list(w.other, pki.PurposeNode), w.list(w.ca, pki.PurposeNode)
	for range 2 {
		if _, err := receive(b, bulletin.Delivery{Notices: []bulletin.Notice{foreign, good, {Kind: "x"}}}); err != nil {
			t.Fatal(err)
		}
	}
	got := b.Holdings()
	if len(got) != 2 || got[0].Refused != "" || got[0].ID != b.Held()[0].ID || got[1].Refused != "UntrustedIssuer" || got[1].Version != "2" {
		t.Errorf("%+v", got)
	}
	trusting := w.shelves()
	own := trusting[0].Anchors
	trusts := false
	trusting[0].Anchors = func() []*x509.Certificate {
		if trusts {
			return append(own(), w.other.Root(pki.PurposeNode))
		}
		return own()
	}
	b = w.open(fsys.NewMem(), trusting...)
	for range 2 {
		if _, err := receive(b, bulletin.Delivery{Notices: []bulletin.Notice{foreign}}); err != nil {
			t.Fatal(err)
		}
		trusts = true
	}
	if got := b.Holdings(); len(got) != 1 || got[0].Refused != "" {
		t.Errorf("it is taken now, and %+v is told", got)
	}
}

// Two lists of the same number can't both be the newest.
func TestSameNumber(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	b := w.open(fsys.NewMem(), w.shelves()...)
	dir := t.TempDir()
	if err := os.CopyFS(dir, os.DirFS(filepath.Dir(filepath.Dir(w.ca.CRLPath(pki.PurposeNode))))); err != nil {
		t.Fatal(err)
	}
	if err := filepath.WalkDir(dir, func(path string, _ fs.DirEntry, err error) error {
		return errors.Join(err, os.Chmod(path, 0o700))
	}); err != nil {
		t.Fatal(err)
	}
	twin, err := pki.OpenCA(fsys.Real{}, dir)
	if err != nil {
		t.Fatal(err)
	}
	w.post(b, w.list(w.ca, pki.PurposeNode), true)
	w.refused(b, w.list(twin, pki.PurposeNode), "OtherCRL")
}

// Every flipped bit of a list is noticed, or changes nothing.
func TestFlippedBits(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	text, err := w.ca.CRL(pki.PurposeNode, w.now)
	if err != nil {
		t.Fatal(err)
	}
	lists, err := pki.ParseCRLs(text)
	if err != nil {
		t.Fatal(err)
	}
	b := w.open(fsys.NewMem(), w.shelves()...)
	for i := range len(lists[0].Raw) * 8 {
		flipped := append([]byte(nil), lists[0].Raw...)
		flipped[i/8] ^= 1 << (i % 8)
		n, err := bulletin.NewCRL(flipped, w.ca.Issuer(pki.PurposeNode))
		if err == nil {
			_, err = b.Post(n)
		}
		if err == nil {
			t.Fatalf("bit %d flipped, and accepted", i)
		}
	}
	if len(b.Held()) != 0 {
		t.Error("something was kept")
	}
}

// Whichever operation of the disk fails, the board has the list before or the new
// one, and the new one can be brought again.
func TestFailingDisk(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	first, second := w.list(w.ca, pki.PurposeNode), w.list(w.ca, pki.PurposeNode)
	failures := 0
	for n := 1; ; n++ {
		mem := fsys.NewMem()
		b := w.open(mem, w.shelves()...)
		w.post(b, first, true)
		disk := fsys.NewFailing(mem)
		b, err := bulletin.Open(bulletin.Options{Dir: "/trust", FS: disk, Shelves: w.shelves()})
		if err != nil {
			t.Fatal(err)
		}
		disk.SetRules(fsys.Rule{Nth: n, Err: syscall.ENOSPC})
		_, err = b.Post(second)
		if disk.Hits() == 0 {
			break
		}
		failures++
		if err != nil && !fault.Is(err, fault.NoSpace) && !fault.Is(err, fault.Unavailable) {
			t.Errorf("operation %d: %v", n, err)
		}
		disk.SetRules()
		again := w.open(mem, w.shelves()...)
		if held := again.Held(); len(held) != 1 {
			t.Errorf("operation %d: %v is left", n, held)
		}
		if _, err := again.Post(second); err != nil {
			t.Errorf("operation %d: again: %v", n, err)
		}
	}
	if failures < 8 {
		t.Errorf("only %d operations were made to fail", failures)
	}
}

// courier carries deliveries from one board to another.
type courier struct {
	mu     sync.Mutex
	to     *bulletin.Board
	fails  error
	brings []int
	seen   chan struct{}
}

func (c *courier) deliver(_ context.Context, d bulletin.Delivery) (bulletin.Receipt, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.brings = append(c.brings, len(d.Notices))
	defer func() { c.seen <- struct{}{} }()
	if c.fails != nil {
		return bulletin.Receipt{}, c.fails
	}
	return receive(c.to, d)
}

func receive(b *bulletin.Board, d bulletin.Delivery) (bulletin.Receipt, error) {
	body, err := json.Marshal(d)
	if err != nil {
		return bulletin.Receipt{}, err
	}
	return b.Receive(body)
}

func TestKeep(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	users := bulletin.Shelf{Name: bulletin.Users, Local: true, Anchors: func() []*x509.Certificate { return []*x509.Certificate{w.ca.Root(pki.PurposeUser)} }}
	fake := clock.NewFake(w.now)
	from, err := bulletin.Open(bulletin.Options{Dir: "/trust", FS: fsys.NewMem(), Clock: fake, Shelves: append(w.shelves(), users, bulletin.Shelf{Name: bulletin.Others})})
	if err != nil {
		t.Fatal(err)
	}
	to := w.open(fsys.NewMem(), w.shelves()...)
	w.post(from, w.list(w.ca, pki.PurposeNode), true)
	w.post(from, w.list(w.ca, pki.PurposeUser), true)    // stays here
	w.post(from, w.list(w.other, pki.PurposeNode), true) // is refused there
	c := &courier{to: to, seen: make(chan struct{}, 100)}
	var refused []string
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() {
		ended <- from.Keep(ctx, time.Minute, c.deliver, func(x bulletin.Refusal) { refused = append(refused, x.Code) })
	}()
	<-c.seen // asks
	<-c.seen // brings
	w.post(from, w.list(w.ca, pki.PurposeNode), true)
	<-c.seen
	newest := w.list(w.ca, pki.PurposeSigning)
	w.post(from, newest, true)
	<-c.seen
	fake.Advance(time.Minute)
	<-c.seen // asks again, and there is nothing to bring
	cancel()
	if err := <-ended; !errors.Is(err, context.Canceled) {
		t.Errorf("Keep: %v", err)
	}
	if d := cmp.Diff([]int{0, 2, 1, 1, 0}, c.brings); d != "" {
		t.Errorf("deliveries:\n%s", d)
	}
	if d := cmp.Diff([]string{"UntrustedIssuer"}, refused); d != "" {
		t.Errorf("refused:\n%s", d)
	}
	if len(to.Held()) != 2 {
		t.Errorf("held there: %v", to.Held())
	}
	c.fails = errors.New("away")
	if err := from.Keep(t.Context(), 0, c.deliver, nil); !errors.Is(err, c.fails) {
		t.Errorf("a failure: %v", err)
	}
}

func TestNewer(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		a, b string
		want bool
	}{{"2", "1", true}, {"10", "9", true}, {"1", "1", false}, {"1", "2", false}, {"1", "", true}, {"x", "1", false}, {"1", strings.Repeat("9", 100), true}} {
		if got := bulletin.Newer(c.a, c.b); got != c.want {
			t.Errorf("Newer(%q, %q) = %t", c.a, c.b, got)
		}
	}
}

func FuzzReceive(f *testing.F) {
	f.Add([]byte(`{"notices":[{"kind":"CRL","text":"-----BEGIN X509 CRL-----"}]}`))
	f.Add([]byte(`{"notices":[{"kind":"x"}]}`))
	f.Add([]byte(`{"notices":[{"kind":"TrustPolicy","text":"{\"policy\":\"{}\",\"evidence\":{}}"}]}`))
	f.Fuzz(func(t *testing.T, body []byte) {
		b, err := bulletin.Open(bulletin.Options{Dir: "/trust", FS: fsys.NewMem(), Shelves: []bulletin.Shelf{{Name: "x", Anchors: func() []*x509.Certificate { return nil }}}})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := b.Receive(body); err == nil && len(b.Held()) > 0 {
			t.Errorf("kept: %q", body)
		}
	})
}

// While a root is being replaced, the list of the new issuer counts for who trusts
// either root, and the list of the one before goes on.
func TestListWhileTheRootIsReplaced(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	old := w.ca.Root(pki.PurposeNode)
	if err := w.ca.Rotate(pki.RotateParams{Purpose: pki.PurposeNode, Root: true, Now: w.now}); err != nil {
		t.Fatal(err)
	}
	text, err := w.ca.CRL(pki.PurposeNode, w.now)
	if err != nil {
		t.Fatal(err)
	}
	lists, err := pki.ParseCRLs(text)
	if err != nil || len(lists) != 2 {
		t.Fatalf("%d lists, %v", len(lists), err)
	}
	var notices []bulletin.Notice
	for _, l := range lists {
		n, err := bulletin.NewCRL(l.Raw, w.ca.IssuersOf(pki.PurposeNode, l)...)
		if err != nil {
			t.Fatal(err)
		}
		notices = append(notices, n)
	}
	board := func(root *x509.Certificate) *bulletin.Board {
		return w.open(fsys.NewMem(), bulletin.Shelf{Name: bulletin.Connections, Anchors: func() []*x509.Certificate { return []*x509.Certificate{root} }})
	}
	byOld, byNew := board(old), board(w.ca.Root(pki.PurposeNode))
	w.post(byOld, notices[0], true)
	w.post(byOld, notices[1], true)
	w.post(byNew, notices[0], true)
	w.refused(byNew, notices[1], "UntrustedIssuer")
	stranger := board(w.other.Root(pki.PurposeNode))
	w.refused(stranger, notices[0], "UntrustedIssuer")
}
