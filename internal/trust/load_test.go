package trust_test

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/signet-scheduler/signet/internal/fault"
	"github.com/signet-scheduler/signet/internal/trust"
	"github.com/signet-scheduler/signet/internal/trust/trusttest"
)

func write(t testing.TB, path string, content []byte) {
	t.Helper()
	if err := os.WriteFile(path, content, 0o644); err != nil {
		t.Fatal(err)
	}
}

// believes tells whether a set accepts a document of somebody.
func believes(t testing.TB, set *trust.Set, who trusttest.Identity) bool {
	t.Helper()
	_, err := set.Verify(doc, trusttest.Sign(t, who.Key, doc), trusttest.Now())
	return err == nil
}

func TestLoadReadsDirectories(t *testing.T) {
	t.Parallel()
	x, p, s := trusttest.NewX509(t, "x"), trusttest.NewPGP(t, "p"), trusttest.NewSSH(t, "s")
	dirs := trusttest.Dirs(t, t.TempDir(), x, p, s)
	write(t, filepath.Join(dirs.X509, ".hidden.pem"), []byte("ignored"))
	write(t, filepath.Join(dirs.X509, "README"), []byte("ignored, and told"))
	unnamed := trusttest.NewSSH(t, "unnamed")
	write(t, filepath.Join(dirs.SSH, "unnamed.txt"), unnamed.Trusted)
	write(t, filepath.Join(dirs.SSH, ".hidden.pub"), unnamed.Trusted)
	write(t, filepath.Join(dirs.SSH, "broken.pub"), []byte("broken"))
	write(t, filepath.Join(dirs.PGP, "long.asc"), bytes.Repeat([]byte("x"), trust.MaxTrustFileSize+1))
	write(t, filepath.Join(dirs.X509, "key.pem"), x.Private)
	if err := os.Mkdir(filepath.Join(dirs.X509, "folder.pem"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := syscall.Mkfifo(filepath.Join(dirs.X509, "pipe.pem"), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink("0.pem", filepath.Join(dirs.X509, "link.pem")); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink("nowhere", filepath.Join(dirs.X509, "dangling.pem")); err != nil {
		t.Fatal(err)
	}
	set, err := trust.Load(dirs, trust.Policy{})
	if err != nil {
		t.Fatal(err)
	}
	for _, who := range []trusttest.Identity{x, p, s} {
		if !believes(t, set, who) {
			t.Errorf("%s isn't believed", who.Name)
		}
	}
	if believes(t, set, unnamed) {
		t.Error("a key in a file without the suffix, or in a hidden one, is believed")
	}
	if got := set.Signers(); len(got) != 3 || got[0].Kind != trust.PGP || got[1].Kind != trust.SSH || !got[2].CA || got[0].File != "1.asc" {
		t.Errorf("got signers %+v", got)
	}
	told := fmt.Sprint(set.Warnings())
	for _, name := range []string{"README", "broken.pub", "long.asc", "key.pem", "folder.pem", "pipe.pem", "unnamed.txt"} {
		if !strings.Contains(told, name) {
			t.Errorf("%s isn't told: %s", name, told)
		}
	}
	if len(set.Warnings()) != 7 {
		t.Errorf("got the warnings %s, want 7", told)
	}
	same := trusttest.Set(t, s, x, p)
	if set.Digest() != same.Digest() {
		t.Error("the same keys in other files and another order make another digest")
	}
	weaker, err := trust.NewSet(trust.Policy{MinRSABits: 2048}, [][]byte{x.Trusted}, [][]byte{p.Trusted}, [][]byte{s.Trusted})
	if err != nil || weaker.Digest() == same.Digest() {
		t.Errorf("another policy makes the same digest (%v)", err)
	}
	if trusttest.Set(t, s, x).Digest() == same.Digest() {
		t.Error("fewer keys make the same digest")
	}
}

func TestLoadOfNothing(t *testing.T) {
	t.Parallel()
	for _, dirs := range []trust.Dirs{{}, {X509: "no such directory", PGP: "neither", SSH: "nor this"}, trusttest.Dirs(t, t.TempDir())} {
		set, err := trust.Load(dirs, trust.Policy{})
		if err != nil || !set.Empty() {
			t.Errorf("%+v: got %v, %v", dirs, set, err)
		}
	}
	if trusttest.Set(t, trusttest.NewSSH(t, "who")).Empty() {
		t.Error("a set with a key is empty")
	}
}

// What others could write is refused, directories and files alike.
func TestLoadRefusesWhatOthersCouldWrite(t *testing.T) {
	t.Parallel()
	for _, mode := range []os.FileMode{0o775, 0o757, 0o777, 0o1777} {
		dirs := trusttest.Dirs(t, t.TempDir(), trusttest.NewSSH(t, "who"))
		for _, path := range []string{dirs.SSH, filepath.Join(dirs.SSH, "0.pub"), dirs.PGP, dirs.X509} {
			if err := os.Chmod(path, mode); err != nil {
				t.Fatal(err)
			}
			if set, err := trust.Load(dirs, trust.Policy{}); !fault.HasCode(err, trust.CodeInsecureTrustDirectory) || set != nil {
				t.Errorf("%s with mode %o: got %v, %v", path, mode, set, err)
			}
			if err := os.Chmod(path, 0o755); err != nil {
				t.Fatal(err)
			}
		}
		if _, err := trust.Load(dirs, trust.Policy{}); err != nil {
			t.Errorf("put right again: %s", err)
		}
	}
}

func TestLoadRefusesOtherOwners(t *testing.T) {
	t.Parallel()
	if os.Geteuid() != 0 {
		t.Skip("only root can give files away")
	}
	dirs := trusttest.Dirs(t, t.TempDir(), trusttest.NewSSH(t, "who"))
	for _, path := range []string{dirs.SSH, filepath.Join(dirs.SSH, "0.pub")} {
		if err := os.Chown(path, 65534, 0); err != nil {
			t.Fatal(err)
		}
		if _, err := trust.Load(dirs, trust.Policy{}); !fault.HasCode(err, trust.CodeInsecureTrustDirectory) {
			t.Errorf("%s of another user: got %v", path, err)
		}
		if err := os.Chown(path, 0, 0); err != nil {
			t.Fatal(err)
		}
	}
}

func TestLoadBoundsAndUnreadable(t *testing.T) {
	t.Parallel()
	dirs := trusttest.Dirs(t, t.TempDir())
	for i := range trust.MaxTrustFiles + 1 {
		write(t, filepath.Join(dirs.SSH, fmt.Sprintf("%d.pub", i)), nil)
	}
	if _, err := trust.Load(dirs, trust.Policy{}); !fault.HasCode(err, trust.CodeUnreadableTrust) {
		t.Errorf("too many files: got %v", err)
	}
	file := filepath.Join(t.TempDir(), "file")
	write(t, file, nil)
	for _, dirs := range []trust.Dirs{{X509: file}, {PGP: filepath.Join(file, "below")}} {
		if _, err := trust.Load(dirs, trust.Policy{}); !fault.HasCode(err, trust.CodeUnreadableTrust) {
			t.Errorf("%+v: got %v", dirs, err)
		}
	}
	if _, err := trust.Load(trust.Dirs{}, trust.Policy{MinRSABits: 1}); !fault.Is(err, fault.Invalid) {
		t.Errorf("a wrong policy: got %v", err)
	}
}

func TestRevocationList(t *testing.T) {
	t.Parallel()
	root := trusttest.NewCA(t, "root", trusttest.ECDSA(t))
	sub := root.SubCA(t, "sub", trusttest.ECDSA(t))
	leaf := sub.Issue(t, trusttest.CertOptions{Name: "who"}, trusttest.ECDSA(t))
	good := sub.Issue(t, trusttest.CertOptions{Name: "good"}, trusttest.ECDSA(t))
	namesake := trusttest.NewCA(t, "other", trusttest.ECDSA(t))
	who := root.Identity(t, leaf)
	for name, tt := range map[string]struct {
		crl     []byte
		trusted []byte
		revoked bool
	}{
		"signer":                 {sub.CRL(t, leaf), trusttest.PEM(root.Cert), true},
		"intermediate":           {root.CRL(t, sub), trusttest.PEM(root.Cert), true},
		"signer trusted himself": {sub.CRL(t, good, leaf), trusttest.PEM(leaf.Cert), true},
		"somebody else":          {sub.CRL(t, good), trusttest.PEM(root.Cert), false},
		"nobody":                 {sub.CRL(t), trusttest.PEM(root.Cert), false},
		"list of another issuer": {namesake.CRL(t, leaf), trusttest.PEM(root.Cert), false},
	} {
		dirs := trusttest.Dirs(t, t.TempDir())
		write(t, filepath.Join(dirs.X509, "ca.pem"), tt.trusted)
		write(t, filepath.Join(dirs.X509, "ca.crl"), tt.crl)
		set, err := trust.Load(dirs, trust.Policy{})
		if err != nil {
			t.Fatalf("%s: %s", name, err)
		}
		ev := trusttest.Sign(t, who.Key, doc)
		if name == "signer trusted himself" {
			ev.Certificates = trusttest.PEM(leaf.Cert)
		}
		_, err = set.Verify(doc, ev, trusttest.Now())
		if tt.revoked != fault.HasCode(err, trust.CodeRevokedSigner) || !tt.revoked && err != nil {
			t.Errorf("%s: got %v, want revoked = %v", name, err, tt.revoked)
		}
	}
	// A list that can't be used stops the start: without it more would be trusted.
	for name, crl := range map[string][]byte{
		"empty": {}, "text": []byte("x"), "a certificate": trusttest.PEM(root.Cert), "two": append(root.CRL(t), root.CRL(t)...),
	} {
		dirs := trusttest.Dirs(t, t.TempDir())
		write(t, filepath.Join(dirs.X509, "ca.crl"), crl)
		if _, err := trust.Load(dirs, trust.Policy{}); !fault.HasCode(err, trust.CodeUnreadableTrust) {
			t.Errorf("%s as a list: got %v", name, err)
		}
	}
}

// watching is a watcher that is polled by hand, with a clock of its own.
type watching struct {
	*trust.Watcher
	now   time.Time
	calls int
	err   error
}

func watch(t testing.TB, dirs trust.Dirs) *watching {
	t.Helper()
	w := &watching{now: time.Now()}
	var err error
	w.Watcher, err = trust.NewWatcher(dirs, trust.Policy{}, 0, func(set *trust.Set, err error) {
		if set == nil {
			t.Error("onChange without a set")
		}
		w.calls++
		w.err = err
	})
	if err != nil {
		t.Fatal(err)
	}
	return w
}

// after polls at a later time.
func (w *watching) after(d time.Duration) *trust.Set {
	w.now = w.now.Add(d)
	w.Poll(w.now)
	return w.Current()
}

const tick = 500 * time.Millisecond

func TestWatcherFollows(t *testing.T) {
	t.Parallel()
	a, b := trusttest.NewSSH(t, "a"), trusttest.NewSSH(t, "b")
	dirs := trusttest.Dirs(t, t.TempDir(), a)
	w := watch(t, dirs)
	if !believes(t, w.Current(), a) || w.calls != 0 {
		t.Fatal("the first reading is wrong")
	}
	first := w.after(tick)
	if w.calls != 0 || first != w.Current() {
		t.Error("nothing changed, and nevertheless it was told")
	}
	write(t, filepath.Join(dirs.SSH, "b.pub"), b.Trusted)
	if set := w.after(tick); !believes(t, set, b) || !believes(t, set, a) || w.calls != 1 {
		t.Error("an added key isn't believed")
	}
	// A key replaced in place, with the same length, is seen in the same instant.
	c := trusttest.NewSSH(t, "c")
	write(t, filepath.Join(dirs.SSH, "b.pub"), c.Trusted)
	if set := w.after(0); believes(t, set, b) || !believes(t, set, c) {
		t.Error("a replaced key is believed")
	}
	if err := os.Remove(filepath.Join(dirs.SSH, "0.pub")); err != nil {
		t.Fatal(err)
	}
	if believes(t, w.after(tick), a) {
		t.Error("a removed key is believed")
	}
	if err := os.RemoveAll(dirs.SSH); err != nil {
		t.Fatal(err)
	}
	if set := w.after(tick); !set.Empty() || w.err != nil {
		t.Errorf("the directory is gone, and nevertheless the set is %v (%v)", set.Signers(), w.err)
	}
}

func TestWatcherAndHalfWrittenFiles(t *testing.T) {
	t.Parallel()
	a, x := trusttest.NewSSH(t, "a"), trusttest.NewX509(t, "x")
	dirs := trusttest.Dirs(t, t.TempDir(), a, x)
	path := filepath.Join(dirs.X509, "1.pem")
	w := watch(t, dirs)
	for n := 1; n < len(x.Trusted); n += 100 {
		write(t, path, x.Trusted[:n])
		if set := w.after(time.Millisecond); !believes(t, set, x) || len(set.Warnings()) != 1 {
			t.Fatalf("with %d bytes written the former key isn't believed, or no warning: %v", n, set.Warnings())
		}
	}
	// Complete again: the warning goes.
	write(t, path, x.Trusted)
	if set := w.after(tick); !believes(t, set, x) || len(set.Warnings()) != 0 {
		t.Error("the file is complete, and the key isn't believed or the warning stays")
	}
	// What stays broken counts as removed within two seconds.
	write(t, path, []byte("broken"))
	if !believes(t, w.after(tick), x) {
		t.Error("a file broken for a moment isn't kept")
	}
	write(t, path, []byte("broken otherwise"))
	if !believes(t, w.after(tick), x) {
		t.Error("a file broken for half a second isn't kept")
	}
	if believes(t, w.after(tick), x) {
		t.Error("a file broken for a second is kept")
	}
	if !believes(t, w.Current(), a) {
		t.Error("another file suffers")
	}
	write(t, path, x.Trusted)
	if !believes(t, w.after(tick), x) {
		t.Error("the file is good again, and the key isn't believed")
	}
	// The same when it is removed while broken: at once.
	write(t, path, x.Trusted[:50])
	w.after(time.Millisecond)
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	if believes(t, w.after(time.Millisecond), x) {
		t.Error("a removed file is believed")
	}
}

// In a directory that others could write nothing new is believed; removals count.
func TestWatcherAndInsecureDirectories(t *testing.T) {
	t.Parallel()
	a, b, c := trusttest.NewSSH(t, "a"), trusttest.NewSSH(t, "b"), trusttest.NewSSH(t, "c")
	dirs := trusttest.Dirs(t, t.TempDir(), a, b)
	w := watch(t, dirs)
	chmod := func(path string, mode os.FileMode) {
		t.Helper()
		if err := os.Chmod(path, mode); err != nil {
			t.Fatal(err)
		}
	}
	chmod(dirs.SSH, 0o777)
	if set := w.after(tick); !believes(t, set, a) || !believes(t, set, b) || !fault.HasCode(w.err, trust.CodeInsecureTrustDirectory) {
		t.Errorf("got error %v", w.err)
	}
	write(t, filepath.Join(dirs.SSH, "2.pub"), c.Trusted)
	write(t, filepath.Join(dirs.SSH, "1.pub"), c.Trusted)
	if set := w.after(tick); believes(t, set, c) || believes(t, set, b) || !believes(t, set, a) {
		t.Error("something new is believed, or what is as it was isn't")
	}
	if err := os.Remove(filepath.Join(dirs.SSH, "0.pub")); err != nil {
		t.Fatal(err)
	}
	if set := w.after(tick); !set.Empty() {
		t.Error("a removed key is believed")
	}
	chmod(dirs.SSH, 0o755)
	if set := w.after(tick); !believes(t, set, c) || w.err != nil {
		t.Errorf("put right again, and the key isn't believed (%v)", w.err)
	}
	// A file of that kind isn't believed at all.
	chmod(filepath.Join(dirs.SSH, "1.pub"), 0o666)
	chmod(filepath.Join(dirs.SSH, "2.pub"), 0o666)
	if set := w.after(tick); !set.Empty() || !fault.HasCode(w.err, trust.CodeInsecureTrustDirectory) {
		t.Errorf("files that others could write are believed (%v)", w.err)
	}
}

func TestWatcherAndUnreadableDirectories(t *testing.T) {
	t.Parallel()
	a := trusttest.NewSSH(t, "a")
	dirs := trusttest.Dirs(t, t.TempDir(), a)
	w := watch(t, dirs)
	hidden := dirs.SSH + ".hidden"
	hide := func() {
		t.Helper()
		if err := os.Rename(dirs.SSH, hidden); err != nil {
			t.Fatal(err)
		}
		write(t, dirs.SSH, nil) // a file where the directory was
	}
	hide()
	if !believes(t, w.after(tick), a) || !fault.HasCode(w.err, trust.CodeUnreadableTrust) {
		t.Errorf("a directory unreadable for a moment isn't kept, or it isn't told (%v)", w.err)
	}
	w.after(tick)
	if believes(t, w.after(tick), a) {
		t.Error("a directory unreadable for a second is kept")
	}
	if err := os.Remove(dirs.SSH); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(hidden, dirs.SSH); err != nil {
		t.Fatal(err)
	}
	if !believes(t, w.after(tick), a) || w.err != nil {
		t.Errorf("readable again, and the key isn't believed (%v)", w.err)
	}
	hide()
	if !believes(t, w.after(tick), a) {
		t.Error("the time isn't counted anew")
	}
}

// A revocation list that becomes unusable stays in force.
func TestWatcherKeepsRevocations(t *testing.T) {
	t.Parallel()
	root := trusttest.NewCA(t, "root", trusttest.ECDSA(t))
	leaf := root.Issue(t, trusttest.CertOptions{Name: "who"}, trusttest.ECDSA(t))
	who := root.Identity(t, leaf)
	dirs := trusttest.Dirs(t, t.TempDir(), who)
	path := filepath.Join(dirs.X509, "ca.crl")
	w := watch(t, dirs)
	if !believes(t, w.Current(), who) {
		t.Fatal("the signer isn't believed")
	}
	write(t, path, root.CRL(t, leaf))
	if believes(t, w.after(tick), who) {
		t.Error("a revoked signer is believed")
	}
	write(t, path, []byte("half"))
	for range 5 {
		if believes(t, w.after(tick), who) || !fault.HasCode(w.err, trust.CodeUnreadableTrust) {
			t.Fatalf("a revoked signer is believed since the list is broken, or it isn't told (%v)", w.err)
		}
	}
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	if !believes(t, w.after(tick), who) {
		t.Error("the list was removed, and the signer isn't believed")
	}
}

func TestWatcherRefusesABadStart(t *testing.T) {
	t.Parallel()
	dirs := trusttest.Dirs(t, t.TempDir())
	if err := os.Chmod(dirs.PGP, 0o777); err != nil {
		t.Fatal(err)
	}
	if _, err := trust.NewWatcher(dirs, trust.Policy{}, 0, nil); !fault.HasCode(err, trust.CodeInsecureTrustDirectory) {
		t.Errorf("got %v", err)
	}
	if _, err := trust.NewWatcher(trust.Dirs{}, trust.Policy{MinRSABits: 5}, 0, nil); !fault.Is(err, fault.Invalid) {
		t.Errorf("got %v", err)
	}
}

// The goroutine polls by the clock, and Close waits for it, however often.
func TestWatcherRunsUntilClosed(t *testing.T) {
	t.Parallel()
	a := trusttest.NewSSH(t, "a")
	dirs := trusttest.Dirs(t, t.TempDir())
	synctest.Test(t, func(t *testing.T) {
		told := make(chan *trust.Set, 1)
		w, err := trust.NewWatcher(dirs, trust.Policy{}, 0, func(set *trust.Set, _ error) { told <- set })
		if err != nil {
			t.Fatal(err)
		}
		w.Start()
		w.Start()
		write(t, filepath.Join(dirs.SSH, "a.pub"), a.Trusted)
		start := time.Now()
		var set *trust.Set
		select {
		case set = <-told:
		case <-time.After(time.Hour): // of the bubble
			t.Error("the file that came isn't told of")
			set = w.Current()
		}
		if took := time.Since(start); took > 2*time.Second || set.Empty() || w.Current() != set {
			t.Errorf("after %s the set is %v", took, set.Signers())
		}
		for range 2 {
			if err := w.Close(); err != nil {
				t.Error(err)
			}
		}
		w.Start() // doesn't start again: the bubble would never end
	})
	w, err := trust.NewWatcher(dirs, trust.Policy{}, time.Hour, nil)
	if err != nil {
		t.Fatal(err)
	}
	w.Poll(time.Now())
	if err := w.Close(); err != nil {
		t.Error(err)
	}
}

// The directory of passkeys is read and followed as the others are.
func TestPasskeyDirectory(t *testing.T) {
	t.Parallel()
	first, second := trusttest.NewPasskey(t, "first"), trusttest.NewPasskey(t, "second")
	dirs := trusttest.Dirs(t, t.TempDir(), first)
	believes := func(set *trust.Set, who trusttest.Identity) bool {
		_, err := set.VerifyRelease(doc, trusttest.Sign(t, who.Key, doc), trusttest.Now())
		return err == nil
	}
	w, err := trust.NewWatcher(dirs, trust.Policy{}, 0, nil)
	if err != nil {
		t.Fatal(err)
	}
	if !believes(w.Current(), first) || believes(w.Current(), second) {
		t.Error("at first not the one passkey in the directory is believed")
	}
	path := filepath.Join(dirs.Passkey, "second.json")
	write(t, path, second.Trusted)
	write(t, filepath.Join(dirs.Passkey, "README.md"), []byte("ignored, and told"))
	now := time.Now()
	w.Poll(now)
	if !believes(w.Current(), second) || len(w.Current().Signers()) != 2 || len(w.Current().Warnings()) != 1 {
		t.Errorf("after a file came: %v, %v", w.Current().Signers(), w.Current().Warnings())
	}
	write(t, path, []byte("{"))
	w.Poll(now.Add(time.Second))
	if !believes(w.Current(), second) {
		t.Error("a half-written file counts as removed at once")
	}
	w.Poll(now.Add(3 * time.Second))
	if believes(w.Current(), second) {
		t.Error("a file that can't be used counts for ever")
	}
	if err := os.Chmod(dirs.Passkey, 0o777); err != nil {
		t.Fatal(err)
	}
	if _, err := trust.Load(dirs, trust.Policy{}); !fault.HasCode(err, trust.CodeInsecureTrustDirectory) {
		t.Errorf("a directory that everybody can write: got %v", err)
	}
}

// Keys of three kinds may lie side by side; a file of none is told once.
func TestOneDirectory(t *testing.T) {
	t.Parallel()
	x, p, s := trusttest.NewX509(t, "x"), trusttest.NewPGP(t, "p"), trusttest.NewSSH(t, "s")
	dir := t.TempDir()
	write(t, filepath.Join(dir, "x.pem"), x.Trusted)
	write(t, filepath.Join(dir, "p.asc"), p.Trusted)
	write(t, filepath.Join(dir, "s.pub"), s.Trusted)
	set, err := trust.Load(trust.OneDir(dir), trust.Policy{})
	if err != nil {
		t.Fatal(err)
	}
	for _, who := range []trusttest.Identity{x, p, s} {
		if !believes(t, set, who) {
			t.Errorf("%s isn't believed", who.Name)
		}
	}
	if len(set.Warnings()) != 0 {
		t.Errorf("got the warnings %v", set.Warnings())
	}
	write(t, filepath.Join(dir, "k.json"), trusttest.NewPasskey(t, "k").Trusted)
	if set, err = trust.Load(trust.OneDir(dir), trust.Policy{}); err != nil || len(set.Warnings()) != 1 || len(set.Signers()) != 3 {
		t.Errorf("got the warnings %v and signers %v, %v", set.Warnings(), set.Signers(), err)
	}
}
