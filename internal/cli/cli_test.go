package cli_test

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"strings"
	"testing"

	"github.com/signet-scheduler/signet/internal/cli"
	"github.com/signet-scheduler/signet/internal/fault"
)

func TestWrongUseIsExitCode2(t *testing.T) {
	t.Parallel()
	tests := []struct {
		args []string
		says string
	}{
		{[]string{"oder"}, "or order?"},
		{nil, "needs a verb"},
		{[]string{"order"}, "needs a verb: add"},
		{[]string{"order", "ad"}, "did you mean add"},
		{[]string{"order", "show"}, "usage: signet order show ID"},
		{[]string{"order", "show", "a", "b"}, "usage"},
		{[]string{"order", "add", "w", "--cuont", "3"}, "unknown flag"},
		{[]string{"order", "add", "w", "--count", "x"}, "--count"},
		{[]string{"order", "add", "w", "--count", "-1"}, "--count"},
		{[]string{"order", "add", "w", "--arg", "x"}, "NAME=VALUE"},
		{[]string{"order", "add", "w", "--arg", "x=1", "--arg", "x=2"}, "twice"},
		{[]string{"order", "add", "w", "--at", "tomorrow"}, "--at"},
		{[]string{"order", "add", "w", "--at", "+3"}, "--at"},
		{[]string{"order", "add", "w", "--wait=soon"}, "--wait"},
		{[]string{"order", "list", "-o", "xml"}, "table or json"},
		{[]string{"api", "FETCH", "/me"}, "no method"},
		{[]string{"api", "POST", "/me", "--data", "{"}, "not valid JSON"},
		{[]string{"agent", "add", "a"}, "--uri"},
		{[]string{"sign", "x.workflow.json"}, "--key"},
		{[]string{"serve", "controller"}, "--config"},
		{[]string{"serve", "agent", "--config", "x"}, "--data"},
		{[]string{"serve", "boss"}, "no verb"},
		{[]string{"ca", "issue", "boss", "x", "--out", "y"}, "no kind"},
		{[]string{"completion"}, "bash"},
		{[]string{"login", "http://localhost"}, "https"},
		{[]string{"cockpit", "init"}, "--config"},
		{[]string{"order", "resume", "o", "--position", "a b"}, "no position"},
	}
	for _, tt := range tests {
		t.Run(strings.Join(tt.args, " "), func(t *testing.T) {
			t.Parallel()
			f := newCockpit(t)
			f.run(t, tt.args...).want(t, 2).says(t, tt.says, "--help")
			if asked := f.requests(); len(asked) > 0 {
				t.Errorf("the Cockpit was asked: %+v", asked)
			}
		})
	}
}

// Every verb has a help text with an example, and knows -o.
func TestEveryVerbHasAnExample(t *testing.T) {
	t.Parallel()
	var visit func(args ...string)
	seen := 0
	visit = func(args ...string) {
		r := run(t, "", nil, append(args, "--help")...).want(t, 0)
		seen++
		if !strings.Contains(r.out, "Examples:") && (len(args) == 0 || args[0] != "help") {
			t.Errorf("signet %s --help has no example", strings.Join(args, " "))
		}
		_, list, found := strings.Cut(r.out, "Available Commands:\n")
		if !found {
			return
		}
		list, _, _ = strings.Cut(list, "\n\n")
		for line := range strings.SplitSeq(list, "\n") {
			if f := strings.Fields(line); len(f) > 0 && f[0] != "help" {
				visit(append(append([]string(nil), args...), f[0])...)
			}
		}
	}
	visit()
	if seen < 45 {
		t.Errorf("only %d verbs were found", seen)
	}
}

func TestExitCodesAreInTheHelp(t *testing.T) {
	t.Parallel()
	out := run(t, "", nil, "--help").want(t, 0).out
	for _, line := range []string{"  3  not found", "  5  refused by verification", "  7  refused as invalid"} {
		if !strings.Contains(out, line) {
			t.Errorf("help lacks %q", line)
		}
	}
}

func TestCompletionForFourShells(t *testing.T) {
	t.Parallel()
	for _, shell := range []string{"bash", "zsh", "fish", "powershell"} {
		if out := run(t, "", nil, "completion", shell).want(t, 0).out; !strings.Contains(out, "signet") {
			t.Errorf("%s: %q", shell, out)
		}
	}
}

func TestCompletionProposesOrders(t *testing.T) {
	t.Parallel()
	f := newCockpit(t)
	f.on("GET /orders", answer(`{"orders":[{"id":"load-1"},{"id":"load-2"}]}`))
	f.on("GET /workflows", answer(`{"workflows":[{"path":"nightly/load"}]}`))
	if out := f.run(t, "__complete", "order", "cancel", "").want(t, 0).out; !strings.Contains(out, "load-1\nload-2\n") {
		t.Errorf("order cancel proposes %q", out)
	}
	if out := f.run(t, "__complete", "order", "add", "").want(t, 0).out; !strings.Contains(out, "nightly/load\n") {
		t.Errorf("order add proposes %q", out)
	}
}

func TestVersion(t *testing.T) {
	t.Parallel()
	if out := run(t, "", nil, "version").want(t, 0).out; out != "signet 1.2.3, commit abc, go1\n" {
		t.Errorf("version: %q", out)
	}
	var v map[string]string
	if err := json.Unmarshal([]byte(run(t, "", nil, "version", "-o", "json").want(t, 0).out), &v); err != nil || v["commit"] != "abc" || v["go"] != "go1" || v["version"] != "1.2.3" {
		t.Errorf("version -o json: %v %v", v, err)
	}
}

// The exit code is that of the problem's kind, and the message says what the
// Cockpit said.
func TestExitCodeOfTheCockpitsRefusal(t *testing.T) {
	t.Parallel()
	for kind, code := range map[fault.Kind]int{
		fault.NotFound: 3, fault.Unauthenticated: 4, fault.Forbidden: 4, fault.Untrusted: 5, fault.Invalid: 7, fault.Conflict: 7,
		fault.TooLarge: 7, fault.Internal: 1, fault.Timeout: 6,
	} {
		t.Run(kind.String(), func(t *testing.T) {
			t.Parallel()
			f := newCockpit(t)
			f.on("POST /orders/cancel", refuse(kind, "SomeCode", "what was wrong"))
			f.run(t, "order", "cancel", "o").want(t, code).says(t, "what was wrong")
		})
	}
}

func TestNobodyThere(t *testing.T) {
	t.Parallel()
	f := newCockpit(t)
	f.Close()
	f.run(t, "order", "list").want(t, 6).says(t, "can't be reached")
}

func TestWithoutProfile(t *testing.T) {
	t.Parallel()
	run(t, "", []string{"HOME=" + t.TempDir()}, "order", "list").want(t, 4).says(t, "signet login")
	bad := write(t, t.TempDir()+"/p.json", "{")
	run(t, "", nil, "--profile", bad, "order", "list").want(t, 7).says(t, bad)
	bad = write(t, t.TempDir()+"/p.json", `{"url":"ftp://x"}`)
	run(t, "", nil, "--profile", bad, "order", "list").want(t, 7).says(t, "url")
}

func TestUnknownAuthorityIsRefused(t *testing.T) {
	t.Parallel()
	f := newCockpit(t)
	p := cli.Profile{URL: f.URL, Token: "x"}
	file := t.TempDir() + "/p.json"
	if err := p.Write(file); err != nil {
		t.Fatal(err)
	}
	run(t, "", nil, "--profile", file, "order", "list").want(t, 5).says(t, "--ca")
	if len(f.requests()) > 0 {
		t.Error("a token went to a server that isn't trusted")
	}
}

func TestPartsAreHandedToTheProgram(t *testing.T) {
	t.Parallel()
	var served cli.ServeOptions
	var played cli.DevOptions
	p := cli.Program{
		Serve: func(_ context.Context, o cli.ServeOptions, _ io.Writer) error { served = o; return nil },
		Dev: func(_ context.Context, o cli.DevOptions, _, _ io.Writer) error {
			played = o
			return cli.Usage("another level")
		},
		InitCockpit: func(_ context.Context, o cli.InitCockpitOptions) (cli.InitCockpitResult, error) {
			return cli.InitCockpitResult{Account: o.Account, Password: "pw", Created: []string{"key"}}, nil
		},
		ForgetKeys: func(_ context.Context, o cli.ForgetKeysOptions) (cli.ForgetKeysResult, error) {
			if o.DataDir == "none" {
				return cli.ForgetKeysResult{Accounts: []string{}, Created: []string{}}, nil
			}
			return cli.ForgetKeysResult{Accounts: []string{"anna", "bob"}, Created: []string{"key"}}, nil
		},
		MigrateDatabase: func(_ context.Context, o cli.MigrateDatabaseOptions, tell func(cli.CopyProgress)) (cli.MigrateDatabaseResult, error) {
			tell(cli.CopyProgress{Table: "steps", Rows: 1, Of: 2})
			if o.PasswordFile != "p" {
				return cli.MigrateDatabaseResult{}, fault.New(fault.Conflict, "DatabaseNotEmpty", "not empty")
			}
			return cli.MigrateDatabaseResult{From: "x.db", Tables: []cli.CopiedTable{{Table: "steps", Rows: 2}}, Where: "cockpit.conf:3", Settings: []string{"a = " + o.To}}, nil
		},
		Starter: func() int { return 9 },
	}
	try := func(want int, args ...string) string {
		var out, errs bytes.Buffer
		if code := cli.Run(t.Context(), p, args, cli.Streams{In: strings.NewReader(""), Out: &out, Err: &errs}, nil); code != want {
			t.Errorf("%v: exit code %d, want %d: %s", args, code, want, errs.String())
		}
		return out.String()
	}
	try(0, "serve", "agent", "--config", "c", "--data", "d")
	if served != (cli.ServeOptions{Part: "agent", ConfigDir: "c", DataDir: "d"}) {
		t.Errorf("served %+v", served)
	}
	try(2, "dev", "--agents", "2", "--free-ports")
	if played.Agents != 2 || !played.FreePorts || !played.Given["agents"] || played.Given["controllers"] || played.Cockpit != "127.0.0.1:4446" {
		t.Errorf("played %+v", played)
	}
	try(9, "starter")
	if out := try(0, "cockpit", "init", "--config", "c", "--data", "d"); !strings.Contains(out, "password: pw") {
		t.Errorf("cockpit init: %q", out)
	}
	try(2, "cockpit", "forget-keys", "--data", "d")
	try(2, "cockpit", "forget-keys", "--config", "c")
	if out := try(0, "cockpit", "forget-keys", "--config", "c", "--data", "d"); out != "anna\nbob\n" {
		t.Errorf("cockpit forget-keys: %q", out)
	}
	if out := try(0, "cockpit", "forget-keys", "--config", "c", "--data", "none"); out != "" {
		t.Errorf("cockpit forget-keys: %q", out)
	}
	for _, missing := range [][]string{{"--data", "d", "--to", "t"}, {"--config", "c", "--to", "t"}, {"--config", "c", "--data", "d"}} {
		try(2, append([]string{"cockpit", "migrate-database"}, missing...)...)
	}
	try(7, "cockpit", "migrate-database", "--config", "c", "--data", "d", "--to", "postgres://u@h/db")
	const want = `{"from":"x.db","tables":[{"table":"steps","rows":2}],"where":"cockpit.conf:3","settings":["a = t"]}`
	var compact bytes.Buffer
	out := try(0, "cockpit", "migrate-database", "--config", "c", "--data", "d", "--to", "t", "--password-file", "p", "-o", "json")
	if err := json.Compact(&compact, []byte(strings.TrimSpace(out))); err != nil || compact.String() != want {
		t.Errorf("migrate-database: %s, %v", out, err)
	}
	if out := try(0, "cockpit", "migrate-database", "--config", "c", "--data", "d", "--to", "t", "--password-file", "p"); !strings.Contains(out, "steps  2") {
		t.Errorf("migrate-database: %q", out)
	}
}
