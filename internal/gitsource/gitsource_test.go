package gitsource_test

import (
	"bytes"
	"compress/zlib"
	"crypto/sha1"
	"encoding/hex"
	"errors"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/signet-scheduler/signet/internal/fault"
	"github.com/signet-scheduler/signet/internal/gitsource"
	"github.com/signet-scheduler/signet/internal/trust"
	"github.com/signet-scheduler/signet/internal/trust/trusttest"
)

var limits = gitsource.Limits{Entries: 100, Entry: 1 << 20, Total: 4 << 20}

// repository is one for a test.
type repository struct {
	t   *testing.T
	dir string
	env []string
}

// newRepository makes an empty repository.
func newRepository(t *testing.T, args ...string) *repository {
	t.Helper()
	if _, err := exec.LookPath("git"); err != nil {
		if os.Getenv("CI") != "" {
			t.Fatal("git is missing")
		}
		t.Skip("git is missing")
	}
	r := &repository{t: t, dir: t.TempDir(), env: []string{
		"PATH=" + os.Getenv("PATH"), "GIT_CONFIG_NOSYSTEM=1", "GIT_CONFIG_GLOBAL=/dev/null", "LC_ALL=C",
		"GIT_AUTHOR_NAME=Ann", "GIT_AUTHOR_EMAIL=ann@example.test", "GIT_COMMITTER_NAME=Ann", "GIT_COMMITTER_EMAIL=ann@example.test",
		"GIT_AUTHOR_DATE=1796000000 +0000", "GIT_COMMITTER_DATE=1796000000 +0000",
	}}
	r.git(append([]string{"init", "-q", "-b", "main"}, args...)...)
	return r
}

// git runs git and returns what it prints.
func (r *repository) git(args ...string) string { return r.gitWith("", args...) }

func (r *repository) gitWith(in string, args ...string) string {
	r.t.Helper()
	cmd := exec.Command("git", args...)
	cmd.Dir, cmd.Env, cmd.Stdin = r.dir, append(slices.Clone(r.env), "HOME="+r.dir), strings.NewReader(in)
	out, err := cmd.Output()
	if err != nil {
		if exit, ok := errors.AsType[*exec.ExitError](err); ok {
			r.t.Fatalf("git %v: %s\n%s", args, err, exit.Stderr)
		}
		r.t.Fatal(err)
	}
	return strings.TrimSuffix(string(out), "\n")
}

func (r *repository) write(name, text string) {
	r.t.Helper()
	path := filepath.Join(r.dir, name)
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		r.t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		r.t.Fatal(err)
	}
}

// commit commits all there is and returns its id.
func (r *repository) commit(args ...string) string {
	r.t.Helper()
	r.git("add", "-A")
	r.git(append([]string{"commit", "-q", "-m", "a message", "--allow-empty"}, args...)...)
	return r.git("rev-parse", "HEAD")
}

// object writes an object as it is, whatever git thinks of it.
func (r *repository) object(kind, text string) string {
	r.t.Helper()
	return r.gitWith(text, "hash-object", "-w", "--literally", "-t", kind, "--stdin")
}

// raw returns the bytes of an id.
func raw(t *testing.T, id string) string {
	t.Helper()
	b, err := hex.DecodeString(id)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// commitOf writes a commit with a tree of that text.
func (r *repository) commitOf(tree string) string {
	r.t.Helper()
	return r.object("commit", "tree "+r.object("tree", tree)+"\nauthor Ann <ann@example.test> 1796000000 +0000\ncommitter Ann <ann@example.test> 1796000000 +0000\n\nx\n")
}

func (r *repository) open() *gitsource.Repository {
	r.t.Helper()
	source, err := gitsource.Open(r.t.Context(), r.dir, os.Getenv("PATH"))
	if err != nil {
		r.t.Fatal(err)
	}
	r.t.Cleanup(func() { _ = source.Close(); _ = source.Close() })
	return source
}

// files returns the files of a revision.
func (r *repository) files(revision, folder string, l gitsource.Limits) (map[string]string, error) {
	source := r.open()
	c, err := source.Commit(r.t.Context(), revision)
	if err != nil {
		return nil, err
	}
	files, err := source.Files(c, folder, l)
	text := map[string]string{}
	for name, data := range files {
		text[name] = string(data)
	}
	return text, err
}

// What was committed is taken, not what lies there.
func TestFiles(t *testing.T) {
	t.Parallel()
	for _, format := range []string{"sha1", "sha256"} {
		r := newRepository(t, "--object-format="+format)
		r.write("README.md", "hello")
		r.write("flows/nightly/load.workflow.json", "{}")
		r.write("flows/db.jobresource.json", "{ }")
		r.write("flows/.hidden/x", "x")
		first := r.commit()
		r.git("tag", "light")
		r.git("tag", "-a", "-m", "x", "v1.0")
		r.write("flows/db.jobresource.json", "{\r\n}")
		second := r.commit()
		r.write("flows/db.jobresource.json", "not committed")
		r.git("gc", "-q") // packed
		for revision, db := range map[string]string{
			first: "{ }", first[:10]: "{ }", "light": "{ }", "v1.0": "{ }", "tags/v1.0": "{ }", "refs/tags/v1.0": "{ }", "HEAD~1": "{ }",
			"main": "{\r\n}", "HEAD": "{\r\n}", second: "{\r\n}",
		} {
			got, err := r.files(revision, "flows/", limits)
			if err != nil {
				t.Fatalf("%s %s: %s", format, revision, err)
			}
			if diff := cmp.Diff(map[string]string{"nightly/load.workflow.json": "{}", "db.jobresource.json": db}, got); diff != "" {
				t.Errorf("%s %s: %s", format, revision, diff)
			}
		}
		if got, err := r.files("main", "", limits); err != nil || len(got) != 3 || got["README.md"] != "hello" {
			t.Errorf("%v, %v", got, err)
		}
		source := r.open()
		c, err := source.Commit(t.Context(), "v1.0")
		if err != nil || c.ID != first || c.Author != "Ann <ann@example.test>" || c.Tag == nil || c.Tag.Name != "v1.0" || !strings.HasPrefix(first, c.Short()) {
			t.Errorf("%+v, %v", c, err)
		}
		if c.Signed.Signature != nil || len(c.Tag.Signed.Signature) > 0 {
			t.Error("a signature was found where none is")
		}
	}
}

func TestRefusedRevisions(t *testing.T) {
	t.Parallel()
	r := newRepository(t)
	r.write("a/b", "x")
	id := r.commit()
	tree := r.git("rev-parse", "HEAD^{tree}")
	blob := r.git("rev-parse", "HEAD:a/b")
	r.git("tag", "-a", "-m", "x", "of-tree", tree)
	r.git("tag", "-a", "-m", "x", "v1")
	r.git("tag", "-a", "-m", "x", "of-tag", "v1")
	r.git("update-ref", "refs/tags/v2", "refs/tags/v1") // another's signed tag in its place
	r.git("update-ref", "refs/heads/moved", "main")
	for revision, code := range map[string]string{
		"": "InvalidRevision", "-x": "InvalidRevision", "--all": "InvalidRevision", "a\nb": "InvalidRevision", strings.Repeat("a", 501): "InvalidRevision",
		"nowhere": "NoSuchCommit", strings.Repeat("0", 40): "MissingObject", "HEAD..HEAD": "NoSuchCommit", "HEAD HEAD": "NoSuchCommit", "^HEAD": "StrangeGit",
		tree: "NoCommit", blob: "NoCommit", "HEAD:a/b": "NoCommit", "of-tree": "InvalidObject", "of-tag": "InvalidObject",
		"v2": "AnotherTag", "v1": "", "moved": "", id: "",
	} {
		source := r.open()
		if _, err := source.Commit(t.Context(), revision); code == "" && err != nil || code != "" && !fault.HasCode(err, code) {
			t.Errorf("%q: got %v, want %q", revision, err, code)
		}
	}
	for folder, code := range map[string]string{"none": "NoSuchFolder", "..": "InvalidFolder", "a/../a": "InvalidFolder", "a/b": "InvalidFolder", "a//b": "InvalidFolder", "a": "", "/a/": ""} {
		if _, err := r.files("HEAD", folder, limits); code == "" && err != nil || code != "" && !fault.HasCode(err, code) {
			t.Errorf("%q: got %v, want %q", folder, err, code)
		}
	}
	for _, dir := range []string{t.TempDir(), filepath.Join(t.TempDir(), "none")} {
		source, err := gitsource.Open(t.Context(), dir, os.Getenv("PATH"))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := source.Commit(t.Context(), "HEAD"); err == nil {
			t.Errorf("%s is taken as a repository", dir)
		}
		_ = source.Close()
	}
}

// What can't be a file of a repository, or not on every system, is refused.
func TestRefusedTrees(t *testing.T) {
	t.Parallel()
	r := newRepository(t)
	blob := raw(t, r.object("blob", "x"))
	file := func(name string) string { return "100644 " + name + "\x00" + blob }
	sub := r.object("tree", file("x"))
	dir := func(name string) string { return "40000 " + name + "\x00" + raw(t, sub) }
	for name, tt := range map[string]struct{ tree, code string }{
		"good":               {file("a") + dir("b"), ""},
		"executable":         {"100755 a\x00" + blob, ""},
		"hidden link":        {"120000 .a\x00" + blob, ""},
		"link":               {"120000 a\x00" + blob, "NoFile"},
		"submodule":          {"160000 a\x00" + blob, "NoFile"},
		"unknown mode":       {"100000 a\x00" + blob, "NoFile"},
		"mode with a zero":   {"0100644 a\x00" + blob, "NoFile"},
		"up":                 {file(".."), "InvalidObject"},
		"here":               {file("."), "InvalidObject"},
		"no name":            {file(""), "InvalidObject"},
		"slash":              {file("a/b"), "InvalidObject"},
		"git":                {dir(".GIT"), "InvalidObject"},
		"no UTF-8":           {file("a\xff"), "InvalidObject"},
		"twice":              {file("a") + file("a"), "InvalidObject"},
		"file and folder":    {file("a") + dir("a"), "InvalidObject"},
		"capitals":           {file("A") + file("a"), "InvalidObject"},
		"forms of Unicode":   {file("e\u0301") + file("\u00e9"), "InvalidObject"},
		"out of order":       {file("b") + file("a"), "InvalidObject"},
		"cut off":            {file("a")[:20], "InvalidObject"},
		"no mode":            {"a\x00" + blob, "InvalidObject"},
		"folder that's none": {"40000 a\x00" + blob, "InvalidObject"},
		"file that's none":   {"100644 a\x00" + raw(t, sub), "InvalidObject"},
		"missing file":       {"100644 a\x00" + strings.Repeat("\x01", 20), "MissingObject"},
	} {
		_, err := r.files(r.commitOf(tt.tree), "", limits)
		if tt.code == "" && err != nil || tt.code != "" && !fault.HasCode(err, tt.code) {
			t.Errorf("%s: got %v, want %q", name, err, tt.code)
		}
	}
	// The wrong is seen on the way to a folder, too.
	if _, err := r.files(r.commitOf(file("..")+dir("b")), "b", limits); !fault.HasCode(err, "InvalidObject") {
		t.Error(err)
	}
}

func TestLimits(t *testing.T) {
	t.Parallel()
	r := newRepository(t)
	for i := range 5 {
		r.write(fmt.Sprintf("d/%d", i), strings.Repeat("x", 100))
	}
	r.commit()
	for name, tt := range map[string]struct {
		l  gitsource.Limits
		ok bool
	}{
		"just": {gitsource.Limits{Entries: 6, Entry: 100, Total: 500}, true}, "entries": {gitsource.Limits{Entries: 5, Entry: 100, Total: 500}, false},
		"entry": {gitsource.Limits{Entries: 6, Entry: 99, Total: 500}, false}, "total": {gitsource.Limits{Entries: 6, Entry: 100, Total: 499}, false},
	} {
		if _, err := r.files("HEAD", "", tt.l); tt.ok != (err == nil) || err != nil && !fault.Is(err, fault.TooLarge) {
			t.Errorf("%s: %v", name, err)
		}
	}
	// A small repository can name more files than there are atoms.
	tree := r.object("tree", "100644 x\x00"+raw(t, r.object("blob", "x")))
	for range 70 {
		tree = r.object("tree", "40000 a\x00"+raw(t, tree)+"40000 b\x00"+raw(t, tree))
	}
	bomb := r.object("commit", "tree "+tree+"\nauthor a <a> 0 +0000\ncommitter a <a> 0 +0000\n\n")
	if _, err := r.files(bomb, "", limits); !fault.Is(err, fault.TooLarge) && !fault.HasCode(err, "InvalidFolder") {
		t.Error(err)
	}
}

// Whatever the repository pretends, the objects are those of their ids.
func TestPretence(t *testing.T) {
	t.Parallel()
	r := newRepository(t)
	r.write("f", "good")
	good := r.commit()
	r.write("f", "evil")
	evil := r.commit()
	r.git("replace", good, evil)
	r.git("replace", r.git("rev-parse", good+":f"), r.git("rev-parse", evil+":f"))
	r.write(".git/info/grafts", good+" "+evil+"\n")
	r.write(".git/hooks/post-checkout", "#!/bin/sh\ntouch "+filepath.Join(r.dir, "hooked")+"\n")
	r.git("config", "core.fsmonitor", "touch "+filepath.Join(r.dir, "hooked"))
	r.git("config", "remote.origin.promisor", "true")
	r.git("config", "remote.origin.url", "ext::touch "+filepath.Join(r.dir, "hooked"))
	if got, err := r.files(good, "", limits); err != nil || got["f"] != "good" {
		t.Errorf("%v, %v", got, err)
	}
	if _, err := r.files(r.commitOf("100644 f\x00"+strings.Repeat("\x01", 20)), "", limits); err == nil {
		t.Error("a file was taken that isn't there")
	}
	if _, err := os.Stat(filepath.Join(r.dir, "hooked")); err == nil {
		t.Error("a program of the repository ran")
	}
	// An object that was written over.
	for _, what := range []string{good, good + "^{tree}", good + ":f"} {
		r := newRepository(t)
		r.write("f", "good")
		good := r.commit()
		id := r.git("rev-parse", strings.Replace(what, what[:40], good, 1))
		kind := r.git("cat-file", "-t", id)
		text := strings.NewReplacer("good", "evil", "Ann", "Eve", " f\x00", " g\x00").Replace(r.git("cat-file", kind, id))
		var b bytes.Buffer
		z := zlib.NewWriter(&b)
		fmt.Fprintf(z, "%s %d\x00%s", kind, len(text), text)
		if err := z.Close(); err != nil {
			t.Fatal(err)
		}
		path := filepath.Join(r.dir, ".git", "objects", id[:2], id[2:])
		if err := errors.Join(os.Chmod(path, 0o600), os.WriteFile(path, b.Bytes(), 0o600)); err != nil {
			t.Fatal(err)
		}
		if got, err := r.files(good, "", limits); err == nil {
			t.Errorf("%s that was altered is taken: %v", kind, got)
		} else if !fault.HasCode(err, "AlteredObject") && !fault.HasCode(err, "CannotReadRepository") {
			t.Errorf("%s: %v", kind, err)
		}
	}
}

// signing makes a key for commits, and returns who trusts it.
func (r *repository) signBySSH(name string) []byte {
	r.t.Helper()
	key := filepath.Join(r.t.TempDir(), name)
	if out, err := exec.Command("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", name, "-f", key).CombinedOutput(); err != nil {
		if os.Getenv("CI") == "" && errors.Is(err, exec.ErrNotFound) {
			r.t.Skip("ssh-keygen is missing")
		}
		r.t.Fatalf("%s %s", err, out)
	}
	r.git("config", "gpg.format", "ssh")
	r.git("config", "user.signingkey", key)
	public, err := os.ReadFile(key + ".pub")
	if err != nil {
		r.t.Fatal(err)
	}
	return public
}

// What git signs is verified by the exact bytes.
func TestSignatures(t *testing.T) {
	t.Parallel()
	for _, format := range []string{"sha1", "sha256"} {
		r := newRepository(t, "--object-format="+format)
		public := r.signBySSH("ann")
		set, err := trust.NewSet(trust.Policy{}, nil, nil, [][]byte{public})
		if err != nil {
			t.Fatal(err)
		}
		verified := func(s gitsource.Signed) error {
			_, err := set.VerifyGit(s.Payload, s.Signature, trusttest.Now())
			return err
		}
		r.write("f", "x")
		r.commit("-S")
		r.git("tag", "-s", "-m", "a tag", "v1")
		r.write("f", "y")
		r.commit()
		r.git("tag", "-s", "-m", "of an unsigned commit", "v2")
		for revision, want := range map[string][2]bool{"v1": {true, true}, "v2": {true, false}, "v1^{commit}": {false, true}, "main": {false, false}} {
			c, err := r.open().Commit(t.Context(), revision)
			if err != nil {
				t.Fatalf("%s: %s", revision, err)
			}
			if err := verified(c.Signed); (err == nil) != want[1] {
				t.Errorf("%s %s: the commit: %v", format, revision, err)
			}
			if c.Tag == nil {
				if want[0] {
					t.Errorf("%s isn't known as a tag", revision)
				}
				continue
			}
			if err := verified(c.Tag.Signed); (err == nil) != want[0] {
				t.Errorf("%s %s: the tag: %v", format, revision, err)
			}
		}
		// The signature of one commit in another.
		text := r.git("cat-file", "commit", "v1^{commit}") + "\n"
		moved := r.object("commit", strings.Replace(text, "a message", "another", 1))
		if c, err := r.open().Commit(t.Context(), moved); err != nil || !fault.HasCode(verified(c.Signed), trust.CodeSignatureInvalid) {
			t.Errorf("%s: %v, %v", format, err, c)
		}
		// Two signatures, and headers that a signature doesn't cover.
		header := "gpgsig"
		if format == "sha256" {
			header = "gpgsig-sha256"
		}
		twice := r.object("commit", strings.Replace(text, "\n\n", "\n"+header+" x\n\n", 1))
		if _, err := r.open().Commit(t.Context(), twice); !fault.HasCode(err, "InvalidObject") {
			t.Errorf("%s: %v", format, err)
		}
		tree := r.git("rev-parse", "main^{tree}")
		for name, change := range map[string]func(string) string{
			"two trees": func(s string) string { return "tree " + tree + "\n" + s },
			"other tree": func(s string) string {
				return "gpgsigx y\n tree\n" + strings.Replace(s, "tree "+r.git("rev-parse", "v1^{tree}"), "tree "+tree, 1)
			},
			"tree after":  func(s string) string { return strings.Replace(s, "\n\n", "\ntree "+tree+"\n\n", 1) },
			"two authors": func(s string) string { return strings.Replace(s, "\n\n", "\nauthor Eve <e> 0 +0000\n\n", 1) },
			"zero":        func(s string) string { return strings.Replace(s, "author", "author\x00", 1) },
		} {
			id := r.object("commit", change(text))
			c, err := r.open().Commit(t.Context(), id)
			if err == nil {
				err = verified(c.Signed)
			}
			if err == nil {
				t.Errorf("%s: %s: taken", format, name)
			}
		}
		// What stands in a header beside the signature says nothing.
		beside := r.object("commit", strings.Replace(text, "\nauthor", "\ngpgsig-other tree "+tree+"\nauthor", 1))
		if c, err := r.open().Commit(t.Context(), beside); err != nil || verified(c.Signed) != nil {
			t.Errorf("%s: %v", format, err)
		} else if files, err := r.open().Files(c, "", limits); err != nil || string(files["f"]) != "x" {
			t.Errorf("%s: %v, %v", format, files, err)
		}
	}
}

// Both of the files whose SHA-1 is known to be the same are refused.
func TestCollision(t *testing.T) {
	t.Parallel()
	sums := map[string]bool{}
	for _, name := range []string{"shattered-1.bin", "shattered-2.bin"} {
		data, err := os.ReadFile(filepath.Join("testdata", name))
		if err != nil {
			t.Fatal(err)
		}
		sum := sha1.Sum(data)
		sums[hex.EncodeToString(sum[:])] = true
		if !gitsource.Attacked(data) {
			t.Errorf("%s isn't known as an attack", name)
		}
	}
	if len(sums) != 1 {
		t.Errorf("they have the sums %v", slices.Collect(maps.Keys(sums)))
	}
	if gitsource.Attacked([]byte("hello")) {
		t.Error("an attack is seen where none is")
	}
}
