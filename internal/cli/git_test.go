package cli_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/signet-scheduler/signet/internal/fault"
	"github.com/signet-scheduler/signet/internal/trust/trusttest"
)

// gitRepository makes a repository, whose commits are signed by SSH, and returns a
// function that runs git in it, and the public key.
func gitRepository(t *testing.T, dir string) (git func(args ...string) string, public string) {
	t.Helper()
	for _, program := range []string{"git", "ssh-keygen"} {
		if _, err := exec.LookPath(program); err != nil {
			if os.Getenv("CI") != "" {
				t.Fatal(err)
			}
			t.Skip(err)
		}
	}
	git = func(args ...string) string {
		t.Helper()
		cmd := exec.Command("git", args...)
		cmd.Dir = dir
		cmd.Env = []string{
			"PATH=" + os.Getenv("PATH"), "HOME=" + dir, "GIT_CONFIG_NOSYSTEM=1", "GIT_AUTHOR_NAME=Ann", "GIT_AUTHOR_EMAIL=ann@example.test",
			"GIT_COMMITTER_NAME=Ann", "GIT_COMMITTER_EMAIL=ann@example.test",
		}
		out, err := cmd.CombinedOutput()
		if err != nil {
			t.Fatalf("git %v: %s\n%s", args, err, out)
		}
		return strings.TrimSpace(string(out))
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	key := filepath.Join(t.TempDir(), "key")
	if out, err := exec.Command("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "ann", "-f", key).CombinedOutput(); err != nil {
		t.Fatalf("%s: %s", err, out)
	}
	git("init", "-q", "-b", "main")
	git("config", "gpg.format", "ssh")
	git("config", "user.signingkey", key)
	line, err := os.ReadFile(key + ".pub")
	if err != nil {
		t.Fatal(err)
	}
	return git, string(line)
}

func TestFilesOfACommit(t *testing.T) {
	t.Parallel()
	f := newCockpit(t)
	repo := filepath.Join(f.dir, "flows")
	git, public := gitRepository(t, repo)
	write(t, repo+"/README.md", "hello")
	write(t, repo+"/f/n/x.workflow.json", `{"instructions":[]}`)
	write(t, repo+"/f/n/y.workflow.json", signedForm("n/y", "1"))
	write(t, repo+"/f/n/y.workflow.json.sig", "YWJj\n")
	git("add", "-A")
	git("commit", "-q", "-S", "-m", "x")
	git("tag", "-s", "-m", "x", "v1")
	write(t, repo+"/f/n/x.workflow.json", "not committed")
	trusted := filepath.Join(f.dir, "trusted")
	write(t, trusted+"/trusted-ssh-keys/ann.pub", public)

	in := func(verb string, args ...string) []string {
		return append([]string{verb, "--repository", repo, "--folder", "f"}, args...)
	}
	f.on("POST /deployments", answer(`{"deployed":[]}`))
	f.on("POST /inventory/drafts", answer(`{"objects":[]}`))
	env := []string{"SIGNET_PROFILE=" + f.profile, "PATH=" + os.Getenv("PATH")}
	do := func(args ...string) result { return run(t, "", env, args...) }
	do(in("deploy", "--commit", "v1", "--trusted-signers", trusted, "--reason", "why")...).want(t, 0)
	body := f.last(t, "POST /deployments").decode(t)
	id := git("rev-parse", "HEAD")[:12]
	if got, want := body["reason"], "why; from commit "+id+" of flows, tag v1, by Ann <ann@example.test>, signed by ann"; got != want {
		t.Errorf("the reason is %q, want %q", got, want)
	}
	objects := body["objects"].([]any)
	first, second := objects[0].(map[string]any), objects[1].(map[string]any)
	if len(objects) != 2 || first["document"] != `{"instructions":[]}` || first["path"] != "n/x" || first["file"] != "n/x.workflow.json" ||
		second["evidence"].(map[string]any)[".sig"] != "YWJj\n" {
		t.Errorf("deployed %v", objects)
	}
	do(in("put", "--commit", "main")...).want(t, 0)
	if got, want := f.last(t, "POST /inventory/drafts").decode(t)["reason"], "from commit "+id+" of flows, by Ann <ann@example.test>"; got != want {
		t.Errorf("the reason is %q, want %q", got, want)
	}
	do(in("validate", "--commit", "HEAD")...).want(t, 0)
	do("validate", "--repository", repo, "--commit", "HEAD").want(t, 7).says(t, "README.md")
	do(in("validate", "--commit", "HEAD", "x")...).want(t, 2)
	do(in("validate")...).want(t, 2)
	do("validate").want(t, 2)
	do(in("validate", "--commit", "-x")...).want(t, 7).says(t, "begin with a dash")
	do(in("validate", "--commit", "nowhere")...).want(t, 3)
	do("validate", "--repository", repo, "--commit", "HEAD", "--folder", "none").want(t, 3)
	do("validate", "--repository", t.TempDir(), "--commit", "HEAD").want(t, 3).says(t, "not a git repository")
	run(t, "", nil, in("validate", "--commit", "HEAD")...).want(t, 7) // without PATH there is no git

	// Only what is signed by a trusted key.
	asked := len(f.requests())
	strange := filepath.Join(f.dir, "strange")
	write(t, strange+"/trusted-ssh-keys/eve.pub", string(trusttest.NewSSH(t, "eve").Trusted))
	do(in("deploy", "--commit", "main", "--trusted-signers", strange)...).want(t, 5).says(t, "isn't trusted here")
	do(in("deploy", "--commit", "v1", "--trusted-signers", strange)...).want(t, 5).says(t, "the tag v1")
	write(t, repo+"/f/n/x.workflow.json", `{"instructions": []}`)
	git("commit", "-q", "-a", "-m", "unsigned")
	do(in("deploy", "--commit", "main", "--trusted-signers", trusted)...).want(t, 5).says(t, "there is no signature")
	git("tag", "light")
	do(in("deploy", "--commit", "light", "--trusted-signers", trusted)...).want(t, 5)
	git("update-ref", "refs/tags/v2", "refs/tags/v1")
	do(in("deploy", "--commit", "v2", "--trusted-signers", trusted)...).want(t, 5).says(t, "made as v1")
	if err := os.Chmod(strange+"/trusted-ssh-keys", 0o777); err != nil {
		t.Fatal(err)
	}
	do(in("deploy", "--commit", "v1", "--trusted-signers", strange)...).want(t, 5)
	do(in("deploy", "--commit", "v1", "--trusted-signers", t.TempDir())...).want(t, 7).says(t, "holds no key")
	do(in("deploy", "--commit", "v1", "--trusted-signers", f.dir+"/none")...).want(t, 3)
	if n := len(f.requests()); n != asked {
		t.Errorf("the Cockpit was asked %d times", n-asked)
	}
	f = newCockpit(t)
	f.on("POST /deployments", refuse(fault.Untrusted, "InvalidEvidence", "no"))
	run(t, "", []string{"SIGNET_PROFILE=" + f.profile, "PATH=" + os.Getenv("PATH")}, in("deploy", "--commit", "v1")...).want(t, 5)
}
