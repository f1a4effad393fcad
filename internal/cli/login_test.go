package cli_test

import (
	"os"
	"strings"
	"testing"

	"github.com/signet-scheduler/signet/internal/cli"
	"github.com/signet-scheduler/signet/internal/fault"
)

const session = `{"token":"sgn_new","account":"anna","role":"operator","method":"password","idleMilliseconds":1,"expiresAt":2}`

func TestLogin(t *testing.T) {
	t.Parallel()
	f := newCockpit(t)
	f.on("POST /login", answer(session))
	f.on("POST /logout", noContent)
	file := f.dir + "/sub/p.json"
	env := []string{"SIGNET_PROFILE=" + file}
	run(t, "pass word\n", env, "login", f.URL, "--account", "anna", "--ca", f.dir+"/ca.pem").want(t, 0).says(t, "anna (operator)", file)
	if a := f.last(t, "POST /login"); a.body != `{"account":"anna","password":"pass word"}` || a.token != "" {
		t.Errorf("sent %+v", a)
	}
	info, err := os.Stat(file)
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("%v %v", info, err)
	}
	p, err := cli.ReadProfile(file)
	if err != nil || p.Token != "sgn_new" || p.URL != f.URL || !strings.Contains(p.CA, "BEGIN CERTIFICATE") {
		t.Errorf("%+v %v", p, err)
	}
	// Account and password on two lines, or the account in the address.
	run(t, "bert\npw", env, "login", f.URL, "--ca", f.dir+"/ca.pem").want(t, 0)
	if a := f.last(t, "POST /login"); a.body != `{"account":"bert","password":"pw"}` {
		t.Errorf("sent %+v", a)
	}
	run(t, "pw\n", env, "login", strings.Replace(f.URL, "https://", "https://carl@", 1), "--ca", f.dir+"/ca.pem").want(t, 0)
	if a := f.last(t, "POST /login"); a.body != `{"account":"carl","password":"pw"}` {
		t.Errorf("sent %+v", a)
	}
	run(t, "", env, "logout").want(t, 0)
	if a := f.last(t, "POST /logout"); a.token != "Bearer sgn_new" {
		t.Errorf("logout by %q", a.token)
	}
	if p, err := cli.ReadProfile(file); err != nil || p.Token != "" {
		t.Errorf("after logout %+v %v", p, err)
	}
	run(t, "", env, "logout").want(t, 4)
}

func TestLoginRefused(t *testing.T) {
	t.Parallel()
	f := newCockpit(t)
	f.on("POST /login", refuse(fault.Unauthenticated, "LoginFailed", "account or password is wrong"))
	f.on("POST /login", refuse(fault.Unavailable, "TooManyAttempts", "too fast"))
	file := f.dir + "/p2.json"
	env := []string{"SIGNET_PROFILE=" + file}
	run(t, "pw\n", env, "login", f.URL, "--account", "anna", "--ca", f.dir+"/ca.pem").want(t, 4).says(t, "account or password is wrong")
	run(t, "pw\n", env, "login", f.URL, "--account", "anna", "--ca", f.dir+"/ca.pem").want(t, 6)
	run(t, "pw\n", env, "login", f.URL, "--account", "anna").want(t, 5)
	run(t, "", env, "login", f.URL, "--account", "anna", "--ca", f.dir+"/ca.pem").want(t, 2)
	run(t, "pw\n", env, "login", f.URL, "--account", "anna", "--ca", f.dir+"/none").want(t, 3)
	if _, err := os.Lstat(file); !os.IsNotExist(err) {
		t.Errorf("a profile was written: %v", err)
	}
}

// Where nothing is named, the profile is in the user's configuration folder.
func TestProfilePlaces(t *testing.T) {
	t.Parallel()
	f := newCockpit(t)
	f.on("POST /login", answer(session))
	f.on("GET /agents", answer(`{"agents":[]}`))
	env := []string{"HOME=" + f.dir}
	run(t, "pw\n", env, "login", f.URL, "--account", "anna", "--ca", f.dir+"/ca.pem").want(t, 0)
	if _, err := os.Stat(f.dir + "/.config/signet/profile.json"); err != nil {
		t.Error(err)
	}
	run(t, "", env, "agent", "list").want(t, 0)
	env = []string{"HOME=" + f.dir, "XDG_CONFIG_HOME=" + f.dir + "/xdg"}
	run(t, "", env, "agent", "list").want(t, 4)
	run(t, "pw\n", env, "login", f.URL, "--account", "anna", "--ca", f.dir+"/ca.pem").want(t, 0)
	run(t, "", env, "agent", "list").want(t, 0)
	run(t, "", nil, "agent", "list").want(t, 2)
}
