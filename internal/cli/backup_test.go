package cli_test

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/signet-scheduler/signet/internal/backup"
	"github.com/signet-scheduler/signet/internal/cli"
	"github.com/signet-scheduler/signet/internal/fault"
	"github.com/signet-scheduler/signet/internal/fsys"
	"github.com/signet-scheduler/signet/internal/seal"
)

// sendBackup answers with a Controller and a database, then as end says.
func sendBackup(end func(*backup.Sender) error) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		s := backup.NewSender(w)
		for _, kind := range []string{backup.ControllerPart, backup.CockpitPart} {
			if err := s.Send(backup.Part{Kind: kind, Name: kind + "-x"}, func(w io.Writer) error {
				_, err := io.WriteString(w, strings.Repeat(kind, 100))
				return err
			}); err != nil {
				return // the other side is gone
			}
		}
		_ = end(s)
	}
}

func TestBackup(t *testing.T) {
	t.Parallel()
	f := newCockpit(t)
	f.on("POST /backup", sendBackup(func(s *backup.Sender) error {
		return s.End([]backup.Missing{{Kind: backup.AgentPart, Name: "agent-9", Controller: "c", Reason: "away"}})
	}))
	file := filepath.Join(t.TempDir(), "x.backup")
	r := f.run(t, "backup", file, "--reason", "nightly", "-o", "json").want(t, 0)
	var sum struct {
		File        string
		Bytes       int64
		PrivateKeys bool
		Parts       []struct{ Kind, Name string }
		Missing     []struct{ Name, Reason string }
	}
	if err := json.Unmarshal([]byte(r.out), &sum); err != nil {
		t.Fatal(err)
	}
	info, err := os.Stat(file)
	if err != nil || info.Mode() != 0o600 || info.Size() != sum.Bytes {
		t.Errorf("the file: %+v, %v", info, err)
	}
	if sum.File != file || sum.PrivateKeys || len(sum.Parts) != 2 || len(sum.Missing) != 1 || sum.Missing[0].Reason != "away" {
		t.Errorf("summary: %s", r.out)
	}
	if !strings.Contains(r.err, "agent agent-9 is not in the backup: away") {
		t.Errorf("said: %s", r.err)
	}
	if got := f.last(t, "POST /backup").decode(t)["reason"]; got != "nightly" {
		t.Errorf("asked with the reason %v", got)
	}
	back, err := backup.Open(t.Context(), fsys.Real{}, file)
	if err != nil {
		t.Fatal(err)
	}
	if back.Manifest.Program != "1.2.3" || back.Manifest.Cockpit != f.URL {
		t.Errorf("manifest: %+v", back.Manifest)
	}
	if err := back.Close(); err != nil {
		t.Fatal(err)
	}
	if r := f.run(t, "backup", file).want(t, 7); !strings.Contains(r.err, "exists already") {
		t.Errorf("said: %s", r.err)
	}
	if r := f.run(t, "backup", filepath.Join(filepath.Dir(file), "no", "x.backup")).want(t, 7); !strings.Contains(r.err, "can't be written") {
		t.Errorf("said: %s", r.err)
	}
}

// A backup that isn't whole leaves nothing.
func TestBackupCut(t *testing.T) {
	t.Parallel()
	for name, k := range map[string]struct {
		answer http.HandlerFunc
		code   int
		says   string
	}{
		"cut":            {sendBackup(func(*backup.Sender) error { return nil }), 6, "broke before"},
		"full disk":      {sendBackup(func(s *backup.Sender) error { return s.Fail(fault.New(fault.NoSpace, "NoSpace", "the disk is full")) }), 6, "disk is full"},
		"not allowed":    {refuse(fault.Forbidden, "NotPermitted", "you may not"), 4, "may not"},
		"a leader":       {refuse(fault.Unavailable, "LeaderChanged", "another leads"), 6, "another leads"},
		"another runs":   {refuse(fault.Conflict, "BackupRuns", "another backup"), 7, "another backup"},
		"nothing at all": {func(w http.ResponseWriter, _ *http.Request) { _ = backup.NewSender(w).End(nil) }, 6, "lacks its database"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := newCockpit(t)
			f.on("POST /backup", k.answer)
			dir := t.TempDir()
			if r := f.run(t, "backup", filepath.Join(dir, "x.backup")).want(t, k.code); !strings.Contains(r.err, k.says) {
				t.Errorf("said: %s", r.err)
			}
			if left, err := os.ReadDir(dir); err != nil || len(left) > 0 {
				t.Errorf("left: %v, %v", left, err)
			}
		})
	}
}

// Whoever interrupts a backup finds nothing of it.
func TestBackupInterrupted(t *testing.T) {
	t.Parallel()
	f := newCockpit(t)
	ctx, interrupt := context.WithCancel(t.Context())
	f.on("POST /backup", sendBackup(func(s *backup.Sender) error {
		return s.Send(backup.Part{Kind: backup.AgentPart, Name: "a"}, func(w io.Writer) error {
			_, err := io.WriteString(w, strings.Repeat("x", 4<<20)) // more than is kept on the way
			interrupt()
			return err
		})
	}))
	dir := t.TempDir()
	p := cli.Program{Version: "1.2.3", UntilSignal: context.WithCancel}
	var out, errs bytes.Buffer
	code := cli.Run(ctx, p, []string{"backup", filepath.Join(dir, "x.backup")}, cli.Streams{Out: &out, Err: &errs}, []string{"SIGNET_PROFILE=" + f.profile})
	if code != 6 {
		t.Errorf("exit code %d: %s", code, errs.String())
	}
	if left, err := os.ReadDir(dir); err != nil || len(left) > 0 {
		t.Errorf("left: %v, %v", left, err)
	}
}

// The files of an installation come along if its profile is used.
func TestBackupOfAnInstallation(t *testing.T) {
	t.Parallel()
	f := newCockpit(t)
	f.on("POST /backup", sendBackup(func(s *backup.Sender) error { return s.End(nil) }))
	f.on("POST /backup", sendBackup(func(s *backup.Sender) error { return s.End(nil) }))
	dir := t.TempDir()
	p := cli.Program{InstallationFiles: func(dir string) ([]cli.InstallationFile, error) {
		if dir != f.dir {
			t.Errorf("looked in %s", dir)
		}
		return []cli.InstallationFile{{Name: "profile.json", Mode: 0o600}, {Name: "ca.pem", Mode: 0o644}}, nil
	}}
	for name, args := range map[string][]string{"with": nil, "without": {"--no-keys"}} {
		var errs bytes.Buffer
		file := filepath.Join(dir, name)
		env := []string{"SIGNET_PROFILE=" + f.profile, "HOME=" + filepath.Join(dir, "home of "+name)}
		if code := cli.Run(t.Context(), p, append([]string{"backup", file}, args...), cli.Streams{Out: io.Discard, Err: &errs}, env); code != 0 {
			t.Fatalf("%s: exit code %d: %s", name, code, errs.String())
		}
		r, err := backup.Open(t.Context(), fsys.Real{}, file)
		if err != nil {
			t.Fatal(err)
		}
		files := r.Manifest.Find(backup.FilePart, "")
		if with := name == "with"; r.Manifest.PrivateKeys != with || (len(files) == 2) != with || strings.Contains(errs.String(), "holds private keys") != with {
			t.Errorf("%s: %d files, said %s", name, len(files), errs.String())
		}
		if name == "with" {
			wantSealed(t, r, filepath.Join(dir, "home of with", ".config", "signet", "backup.key"), map[string]string{"profile.json": f.profile, "ca.pem": filepath.Join(f.dir, "ca.pem")})
		}
		if err := r.Close(); err != nil {
			t.Fatal(err)
		}
	}
	var errs bytes.Buffer
	code := cli.Run(t.Context(), p, []string{"backup", filepath.Join(dir, "homeless")}, cli.Streams{Out: io.Discard, Err: &errs}, []string{"SIGNET_PROFILE=" + f.profile})
	if code != 2 || !strings.Contains(errs.String(), "--key") {
		t.Errorf("without a home: exit code %d: %s", code, errs.String())
	}
}

// wantSealed makes sure that a backup has files as they are, sealed with a key.
func wantSealed(t *testing.T, r *backup.Reader, keyFile string, files map[string]string) {
	t.Helper()
	key, err := seal.ReadKey(keyFile)
	if err != nil {
		t.Fatal(err)
	}
	if r.Manifest.SealedWith != key.ID() {
		t.Errorf("sealed with %q, not %s", r.Manifest.SealedWith, key.ID())
	}
	err = r.Each(t.Context(), func(p *backup.Part, body io.Reader) error {
		sealed, err := io.ReadAll(body)
		if err != nil || p.Kind != backup.FilePart {
			return err
		}
		want, err := os.ReadFile(files[p.Name])
		if err != nil {
			return err
		}
		got, err := key.Open(sealed, r.Manifest.PlaceOf(p))
		if err != nil || !bytes.Equal(got, want) || bytes.Contains(sealed, want) {
			t.Errorf("%s: %v", p.Name, err)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}
