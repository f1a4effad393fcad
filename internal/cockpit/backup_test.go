package cockpit

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/signet-scheduler/signet/api"
	"github.com/signet-scheduler/signet/internal/backup"
	"github.com/signet-scheduler/signet/internal/fault"
	"github.com/signet-scheduler/signet/internal/store"
	"github.com/signet-scheduler/signet/internal/store/sqlite"
)

// received is a backup as the command line gets it.
func received(t *testing.T, body io.Reader) (parts map[string][]byte, missing []backup.Missing, err error) {
	t.Helper()
	parts = map[string][]byte{}
	r := backup.NewReceiver(body)
	for {
		p, err := r.Next()
		if errors.Is(err, io.EOF) {
			return parts, r.Missing, nil
		}
		if err != nil {
			return parts, nil, err
		}
		if parts[p.String()], err = io.ReadAll(r); err != nil {
			return parts, nil, err
		}
	}
}

// What a backup holds fits: the Controllers' copies go back to where the copy of
// the database has read.
func TestBackup(t *testing.T) { onBoth(t, options{two: true}, testBackup) }

func testBackup(t *testing.T, b *bench) {
	b.call("POST", "/agents?controller=controller", api.AddAgentRequest{Name: "agent-1", Uri: "https://localhost:4445"}, nil)
	b.call("POST", "/accounts", api.AddAccountRequest{Name: "anna", Role: "operator", Password: adminPassword}, nil)
	w := b.do(request{method: "POST", path: "/backup", body: api.BackupRequest{Reason: "nightly"}, token: b.token})
	if w.Code != 200 || w.Header().Get("Content-Type") != "application/octet-stream" {
		t.Fatalf("%d %s", w.Code, w.Body)
	}
	parts, missing, err := received(t, w.Body)
	b.check(err)
	if len(parts) != 4 || len(missing) != 2 || parts["agent A"] == nil { // both Controllers have an Agent A
		t.Errorf("%d parts, missing %v", len(parts), missing)
	}
	file := filepath.Join(t.TempDir(), "copy.db")
	b.check(os.WriteFile(file, parts["cockpit cockpit"], 0o600))
	db, err := sqlite.Open(t.Context(), sqlite.Options{File: file})
	b.check(err)
	defer db.Close()
	b.check(db.Read(t.Context(), func(r store.Reader) error {
		for _, id := range []string{"controller", "other"} {
			position, err := r.Position(id)
			if err != nil {
				return err
			}
			var after, last int64
			if _, err := fmt.Sscanf(string(parts["controller "+id]), "after %d of %d", &after, &last); err != nil || after > position || position > last {
				t.Errorf("%s: asked for all behind %d, the database has read %d of %d (%v)", id, after, position, last, err)
			}
		}
		_, err := r.Account("anna")
		return err
	}))
	if left, err := filepath.Glob(filepath.Join(filepath.Dir(b.c.copyName()), "*.copy*")); err != nil || len(left) > 0 {
		t.Errorf("left: %q, %v", left, err)
	}
	if got := b.lastAudit(); got != "admin makeBackup nightly done" {
		t.Errorf("audit: %s", got)
	}
}

func (b *bench) lastAudit() string {
	var audit api.Audit
	b.call("GET", "/audit?limit=1", nil, &audit)
	e := audit.Entries[0]
	return strings.Join([]string{e.Account, e.Action, e.Reason, e.Result}, " ")
}

// broken is a Controller whose backup fails.
type broken struct {
	Controller
	err  error
	body string
}

func (c *broken) Backup(context.Context, int64) (io.ReadCloser, error) {
	return io.NopCloser(strings.NewReader(c.body)), c.err
}

// A backup that fails says so, in the answer's status or at its end, and leaves
// nothing.
func TestBackupFails(t *testing.T) { onBoth(t, options{noStart: true}, testBackupFails) }

func testBackupFails(t *testing.T, b *bench) {
	h := b.c.histories[0]
	whole := h.controller
	h.controller = &broken{whole, fault.New(fault.Unavailable, "LeaderChanged", "another leads"), ""}
	b.refused(503, "LeaderChanged", "POST", "/backup", api.BackupRequest{})
	if got := b.lastAudit(); got != "admin makeBackup  LeaderChanged" {
		t.Errorf("audit: %s", got)
	}
	var foreign strings.Builder
	s := backup.NewSender(&foreign)
	b.check(s.Send(backup.Part{Kind: backup.CockpitPart, Name: "x"}, func(io.Writer) error { return nil }))
	b.check(s.End(nil))
	for body, code := range map[string]string{"": "BackupCut", foreign.String(): "StrangePart"} {
		h.controller = &broken{whole, nil, body}
		w := b.do(request{method: "POST", path: "/backup", body: api.BackupRequest{}, token: b.token})
		if _, _, err := received(t, w.Body); w.Code != 200 || !fault.HasCode(err, code) {
			t.Errorf("%d, %v, want %s", w.Code, err, code)
		}
		if got := b.lastAudit(); got != "admin makeBackup  "+code {
			t.Errorf("audit: %s", got)
		}
	}
	h.controller = whole
	b.c.backups <- struct{}{}
	b.refused(409, "BackupRuns", "POST", "/backup", api.BackupRequest{})
	<-b.c.backups
	if left, err := filepath.Glob(b.c.copyName() + "*"); err != nil || len(left) > 0 {
		t.Errorf("left: %q, %v", left, err)
	}
}
