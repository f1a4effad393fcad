package cli

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"

	"github.com/signet-scheduler/signet/api"
	"github.com/signet-scheduler/signet/internal/backup"
	"github.com/signet-scheduler/signet/internal/fault"
	"github.com/signet-scheduler/signet/internal/fsys"
	"github.com/signet-scheduler/signet/internal/seal"
)

// InstallationFile is a file of an installation of `signet dev`, besides its
// parts' data.
type InstallationFile struct {
	Name string // below the folder
	Mode os.FileMode
}

// backupSummary is what is told of a backup.
type backupSummary struct {
	File        string           `json:"file"`
	ID          string           `json:"id"`
	Time        int64            `json:"time"`
	Bytes       int64            `json:"bytes"`
	PrivateKeys bool             `json:"privateKeys"`
	Parts       []summaryPart    `json:"parts"`
	Missing     []backup.Missing `json:"missing"`
}

type summaryPart struct {
	Kind  string `json:"kind"`
	Name  string `json:"name"`
	Bytes int64  `json:"bytes"`
}

func (s *session) backupVerb() *cobra.Command {
	var reason, key string
	var noKeys bool
	c := s.verb(verb{
		use: "backup FILE", short: "Write a consistent copy of the running installation into a file",
		long: `The file holds the Cockpit's database and the state of each Controller and each coupled Agent, all of one moment; jobs run on meanwhile. It needs
the role of an administrator. Keys and configuration are not in it, but for an installation of ` + "`signet dev`" + ` on this machine, when its profile
is used: then the file restores the whole installation. They are sealed with the key in --key, which is made when it isn't there: without it they can't be
restored, nor read by whoever finds the file. ` + "`signet restore`" + ` tells how it comes back.`,
		example: "  signet backup /backup/signet-$(date +%F).backup\n  signet backup nightly.backup --reason nightly -o json",
		args:    cobra.ExactArgs(1),
		run: func(ctx context.Context, args []string) error {
			if s.program.UntilSignal != nil {
				var stop context.CancelFunc
				ctx, stop = s.program.UntilSignal(ctx)
				defer stop()
			}
			return s.backup(ctx, args[0], reason, key, !noKeys)
		},
	})
	c.Flags().StringVar(&reason, "reason", "", "reason for the audit log")
	c.Flags().StringVar(&key, "key", "", "file with the key that seals keys and configuration (default: backup.key in the user's configuration folder)")
	c.Flags().BoolVar(&noKeys, "no-keys", false, "leave out the files of an installation of signet dev: keys and configuration")
	return c
}

// backup makes a backup's file.
func (s *session) backup(ctx context.Context, name, reason, keyFile string, withFiles bool) error {
	if _, err := os.Lstat(name); err == nil {
		return fault.New(fault.Conflict, "FileExists", "%s exists already: name another file, or remove it", name)
	}
	client, err := s.client()
	if err != nil {
		return err
	}
	m := backup.Manifest{Time: time.Now().UnixMilli(), Program: s.program.Version, Cockpit: s.profile.URL}
	body, err := client.backup(ctx, api.BackupRequest{Reason: reason})
	if err != nil {
		return err
	}
	defer body.Close()
	var files []InstallationFile
	dir := filepath.Dir(s.profile.file)
	if withFiles && s.program.InstallationFiles != nil {
		if files, err = s.program.InstallationFiles(dir); err != nil {
			return err
		}
	}
	var key *seal.Key
	if m.PrivateKeys = len(files) > 0; m.PrivateKeys {
		if keyFile, err = s.backupKey(keyFile); err != nil {
			return err
		}
		if key, _, err = seal.MakeKey(keyFile); err != nil {
			return err
		}
		m.SealedWith = key.ID()
	}
	w, err := backup.Create(fsys.Real{}, name, m)
	if err != nil {
		return err
	}
	shown := s.progress()
	missing, err := addParts(w, body, shown)
	if err == nil {
		err = addFiles(w, dir, files, key)
	}
	shown.end()
	if err != nil {
		return errors.Join(err, w.Abort())
	}
	done, size, err := w.Finish(missing)
	if err != nil {
		return err
	}
	return s.tellBackup(name, keyFile, done, size)
}

// addParts takes what the Cockpit sends.
func addParts(w *backup.Writer, body io.Reader, shown *progress) ([]backup.Missing, error) {
	r := backup.NewReceiver(body)
	kinds := map[string]int{}
	for {
		p, err := r.Next()
		switch {
		case errors.Is(err, io.EOF) && (kinds[backup.CockpitPart] != 1 || kinds[backup.ControllerPart] == 0):
			return nil, fault.New(fault.Unavailable, "StrangeAnswer", "the Cockpit's backup lacks its database or its Controller")
		case errors.Is(err, io.EOF):
			return r.Missing, nil
		case err != nil:
			return nil, err
		}
		kinds[p.Kind]++
		if err := w.Add(*p, &watched{r: r, shown: shown, what: p.String()}); err != nil {
			return nil, err
		}
	}
}

// watched shows how much was read.
type watched struct {
	r     io.Reader
	shown *progress
	what  string
	n     int64
	next  int64
}

// Read passes on what is read.
func (w *watched) Read(b []byte) (int, error) {
	n, err := w.r.Read(b)
	if w.n += int64(n); w.n >= w.next {
		w.shown.show("%s: %s", printable(w.what), sizeText(w.n))
		w.next = w.n + 1<<20
	}
	return n, err
}

// addFiles takes the files of the installation.
func addFiles(w *backup.Writer, dir string, files []InstallationFile, key *seal.Key) error {
	for _, file := range files {
		data, err := readBounded(filepath.Join(dir, file.Name), maxInstallationFile)
		if err != nil {
			return err
		}
		p := backup.Part{Kind: backup.FilePart, Name: file.Name, Mode: uint32(file.Mode.Perm())}
		if err := w.Add(p, bytes.NewReader(key.Seal(data, w.Manifest().PlaceOf(&p)))); err != nil {
			return err
		}
	}
	return nil
}

// maxInstallationFile bounds a file of an installation: keys, certificates, settings.
const maxInstallationFile = 16 << 20

// backupKey returns the file of the key that seals what is secret in backups.
func (s *session) backupKey(given string) (string, error) {
	if given != "" {
		return given, nil
	}
	profile, err := s.userProfile()
	if err != nil {
		return "", Usage("there is no home folder to keep the key in that seals private keys: name its file by --key, or leave them out by --no-keys")
	}
	return filepath.Join(filepath.Dir(profile), "backup.key"), nil
}

// tellBackup says what is in the file, and what isn't.
func (s *session) tellBackup(name, keyFile string, m *backup.Manifest, size int64) error {
	for _, k := range m.Missing {
		fmt.Fprintf(s.io.Err, "signet: warning: the %s %s is not in the backup: %s\n", k.Kind, printable(k.Name), printable(k.Reason))
	}
	if m.PrivateKeys {
		fmt.Fprintf(s.io.Err, "signet: %s holds private keys and the administrator's password, sealed with %s: keep a copy of that file elsewhere, they can't be restored without it\n", name, keyFile)
	}
	sum := backupSummary{File: name, ID: m.ID, Time: m.Time, Bytes: size, PrivateKeys: m.PrivateKeys, Parts: []summaryPart{}, Missing: m.Missing}
	files := 0
	for _, p := range m.Parts {
		if p.Kind == backup.FilePart {
			files++
			continue
		}
		sum.Parts = append(sum.Parts, summaryPart{p.Kind, p.Name, p.Bytes})
	}
	if s.json() {
		return s.printJSON(sum)
	}
	t := s.table("PART", "NAME", "SIZE")
	for _, p := range sum.Parts {
		t.row(p.Kind, p.Name, sizeText(p.Bytes))
	}
	if files > 0 {
		t.row("files", fmt.Sprintf("%d, keys and configuration", files), "")
	}
	t.row("backup", name, sizeText(size))
	return t.flush()
}

// sizeText writes a number of bytes for people.
func sizeText(n int64) string {
	switch {
	case n < 10_000:
		return fmt.Sprintf("%d B", n)
	case n < 10_000_000:
		return fmt.Sprintf("%.1f kB", float64(n)/1e3)
	case n < 10_000_000_000:
		return fmt.Sprintf("%.1f MB", float64(n)/1e6)
	}
	return fmt.Sprintf("%.1f GB", float64(n)/1e9)
}

// backupHeaderTime is how long the Cockpit may take to copy its database,
// before its answer begins.
const backupHeaderTime = time.Hour

// backup asks for a backup; the caller reads its parts and closes it.
func (c *Client) backup(ctx context.Context, in api.BackupRequest) (io.ReadCloser, error) {
	data, err := json.Marshal(in)
	if err != nil {
		return nil, fmt.Errorf("writing a request: %w", err)
	}
	if t, ok := c.http.Transport.(*http.Transport); ok {
		t.ResponseHeaderTimeout = backupHeaderTime
	}
	resp, err := c.patiently(ctx, false, func() (*http.Response, error) {
		return c.send(ctx, http.MethodPost, "/backup", "application/octet-stream", bytes.Clone(data))
	})
	if err != nil {
		return nil, err
	}
	return resp.Body, nil
}
