package app

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base32"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/signet-scheduler/signet/internal/agent"
	"github.com/signet-scheduler/signet/internal/backup"
	"github.com/signet-scheduler/signet/internal/cli"
	"github.com/signet-scheduler/signet/internal/cockpit"
	"github.com/signet-scheduler/signet/internal/conf"
	"github.com/signet-scheduler/signet/internal/consensus"
	"github.com/signet-scheduler/signet/internal/fault"
	"github.com/signet-scheduler/signet/internal/fsys"
	"github.com/signet-scheduler/signet/internal/journal"
	"github.com/signet-scheduler/signet/internal/ledger"
	"github.com/signet-scheduler/signet/internal/seal"
	"github.com/signet-scheduler/signet/internal/store"
	"github.com/signet-scheduler/signet/internal/store/sqlite"
	"github.com/signet-scheduler/signet/internal/store/transfer"
)

// restoration is one run of `signet restore`.
type restoration struct {
	o       cli.RestoreOptions
	from    *backup.Reader
	life    string
	term    uint64            // of the Controllers' first entry
	entries map[string][]byte // by part's file: the entry that follows the copy
	into    *replacement
	made    bool // the folder wasn't there
	locks   []*os.File
	done    bool
	result  cli.RestoreResult
}

// restore brings an installation, or a part of one, back.
func restore(ctx context.Context, o cli.RestoreOptions) (result cli.RestoreResult, err error) {
	ctx, stop := untilSignal(ctx)
	defer stop()
	if o.Data, err = filepath.Abs(o.Data); err != nil {
		return result, err
	}
	from, err := backup.Open(ctx, fsys.Real{}, o.File)
	if err != nil {
		return result, err
	}
	defer from.Close()
	r := &restoration{o: o, from: from, entries: map[string][]byte{}}
	r.result = cli.RestoreResult{Data: o.Data, Time: from.Manifest.Time, Restored: []string{}, Missing: []backup.Missing{}}
	if o.Part == "" {
		err = r.installation(ctx)
	} else {
		err = r.part(ctx)
	}
	if fsys.IsNoSpace(err) {
		err = fault.Wrap(fault.NoSpace, "NoSpace", err, "the disk of %s is full; nothing was changed", o.Data)
	}
	return r.result, err
}

// begin gives the life that begins its name. The same run of the same backup is
// the same life; the term is above all that were before the backup, and
// differs from that of other runs.
func (r *restoration) begin(run string) {
	sum := sha256.Sum256([]byte(r.from.Manifest.ID + "\n" + run))
	r.life = base32.StdEncoding.EncodeToString(sum[:])[:12]
	const runBits = 20
	r.term = uint64(r.from.Manifest.Time/1000)<<runBits | uint64(binary.BigEndian.Uint32(sum[12:])>>(32-runBits))
}

// check reads the states of all logs, as their owners will, before anything is
// written.
func (r *restoration) check(ctx context.Context) error {
	return r.from.Each(ctx, func(p *backup.Part, body io.Reader) error {
		if p.Kind != backup.ControllerPart && p.Kind != backup.AgentPart {
			return nil
		}
		_, err := journal.ReadCopy(body, func(state io.Reader) (err error) {
			if p.Kind == backup.ControllerPart {
				r.entries[p.File], err = ledger.ControllerLife(state, p.Name, r.life, int64(r.term))
			} else {
				r.entries[p.File], err = ledger.AgentLife(state, p.Name, r.life)
			}
			return err
		})
		if err != nil {
			return fault.Wrap(fault.Invalid, "BackupDamaged", err, "the backup can't be used: the state of the %s can't be read: %s", p, err)
		}
		return nil
	})
}

// enter locks the folder, which must be empty or to be replaced, and makes a
// place aside. leave must follow, also after an error.
func (r *restoration) enter() error {
	dir := r.o.Data
	_, err := os.Lstat(dir)
	r.made = errors.Is(err, fs.ErrNotExist)
	if err := r.lock(dir); err != nil {
		return err
	}
	if err := finishReplacement(dir); err != nil {
		return err
	}
	names, err := contents(fsys.Real{}, dir, r.keep())
	if err != nil {
		return err
	}
	if len(names) > 0 && !r.o.Replace {
		return fault.New(fault.Conflict, "DataExists", "%s holds data already: name another folder by --data, or move what is there aside by --replace", dir)
	}
	parts, err := filepath.Glob(filepath.Join(dir, "*", "data", lockName))
	if err != nil {
		return err
	}
	for _, p := range parts { // they may run without `signet dev`
		if err := r.lock(filepath.Dir(p)); err != nil {
			return err
		}
	}
	r.into, err = beginReplacement(dir)
	return err
}

func (r *restoration) lock(dir string) error {
	l, err := lockDir(dir)
	if err == nil {
		r.locks = append(r.locks, l)
	}
	return err
}

// leave gives the folder back. If nothing was restored, it is as it was.
func (r *restoration) leave() {
	if !r.done && r.into != nil {
		_ = r.into.abandon() // a leftover, which the next one removes
	}
	if !r.done && r.made && len(r.locks) > 0 {
		_ = os.Remove(filepath.Join(r.o.Data, lockName))
		_ = os.Remove(r.o.Data) // if it is empty
	}
	for _, l := range r.locks {
		_ = l.Close() // nothing was written to it
	}
}

// keep names the backup's own file, if it lies in the folder.
func (r *restoration) keep() string {
	if file, err := filepath.Abs(r.o.File); err == nil && filepath.Dir(file) == r.o.Data {
		return filepath.Base(file)
	}
	return ""
}

// commit makes what was written the folder's content.
func (r *restoration) commit() error {
	if err := fsys.RemoveAll(fsys.Real{}, r.into.scratch("copies")); err != nil {
		return err
	}
	replaced, err := r.into.commit(time.Now(), r.keep())
	if err != nil {
		return err
	}
	r.result.Replaced, r.done = replaced, true
	return nil
}

// installation restores all of `signet dev`.
func (r *restoration) installation(ctx context.Context) error {
	if len(r.from.Manifest.Find(backup.FilePart, factsFile)) == 0 {
		return fault.New(fault.Invalid, "NoInstallation", "the backup holds no installation of `signet dev`: restore its parts one by one, on their machines, by --part")
	}
	key, err := r.sealedWith()
	if err != nil {
		return err
	}
	r.begin(rand.Text())
	if err := r.check(ctx); err != nil {
		return err
	}
	defer r.leave()
	if err := r.enter(); err != nil {
		return err
	}
	if err := r.extract(ctx, key); err != nil {
		return err
	}
	if err := r.installationParts(ctx); err != nil {
		return err
	}
	return r.commit()
}

// extract writes the installation's files to their place, and the rest to where
// parts are made of it.
func (r *restoration) extract(ctx context.Context, key *seal.Key) error {
	return r.from.Each(ctx, func(p *backup.Part, body io.Reader) error {
		name := r.into.scratch(filepath.Join("copies", filepath.FromSlash(p.File)))
		mode := fs.FileMode(0o600)
		if p.Kind == backup.FilePart {
			name, mode = r.into.path(filepath.FromSlash(p.Name)), fs.FileMode(p.Mode).Perm()
			if key != nil {
				sealed, err := io.ReadAll(body) // as long as the manifest says
				if err != nil {
					return err
				}
				plain, err := key.Open(sealed, r.from.Manifest.PlaceOf(p))
				if err != nil {
					return err
				}
				body = bytes.NewReader(plain)
			}
		}
		return writePart(name, mode, body)
	})
}

// sealedWith returns the key that opens the backup's files; nil: they aren't sealed.
func (r *restoration) sealedWith() (*seal.Key, error) {
	id := r.from.Manifest.SealedWith
	if id == "" {
		return nil, nil
	}
	key, err := seal.ReadKey(r.o.Key)
	if err == nil && key.ID() != id {
		err = fault.New(fault.Untrusted, seal.CodeBroken, "it is the key %s", key.ID())
	}
	if err != nil {
		return nil, fault.Wrap(fault.Invalid, "SealingKeyMissing", err,
			"keys and configuration in the backup are sealed with the key %s, and %s isn't it: name its file by --key (%s)", id, r.o.Key, fault.Of(err).Public())
	}
	return key, nil
}

func writePart(name string, mode fs.FileMode, body io.Reader) error {
	if err := os.MkdirAll(filepath.Dir(name), 0o700); err != nil {
		return err
	}
	f, err := os.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	_, err = io.Copy(f, body)
	return errors.Join(err, f.Chmod(mode), f.Close())
}

// installationParts makes the data of all parts.
func (r *restoration) installationParts(ctx context.Context) error {
	m := r.from.Manifest
	e := &estate{dir: r.into.path(".")}
	if known, err := e.load(); err != nil || !known {
		return errors.Join(err, fault.New(fault.Invalid, "NoInstallation", "the backup's %s can't be read", factsFile))
	}
	for _, name := range slices.Concat(e.controllers(), e.agents(), []string{cockpitName}) {
		if err := os.MkdirAll(e.dataDir(name), 0o700); err != nil {
			return err
		}
	}
	set, err := conf.LoadCockpit(e.configDir(cockpitName), e.dataDir(cockpitName), os.ReadFile)
	if err != nil {
		return err
	}
	for i := range m.Parts {
		switch p := &m.Parts[i]; p.Kind {
		case backup.CockpitPart:
			err = r.database(ctx, p, set)
		case backup.ControllerPart:
			for _, name := range e.controllers() {
				if err == nil {
					err = r.log(p, filepath.Join(e.dataDir(name), "journal"), e.members(), name)
				}
			}
		case backup.AgentPart:
			if !slices.Contains(e.agents(), p.Name) {
				r.missing(p.Kind, p.Name, p.Controller, "it isn't one of this installation: restore it on its machine by --part agent; there it is not welcome before")
				break
			}
			err = r.log(p, filepath.Join(e.dataDir(p.Name), "journal"), nil, p.Name)
		}
		if err != nil {
			return err
		}
	}
	for _, k := range m.Missing {
		r.missing(k.Kind, k.Name, k.Controller, k.Reason+" (when the backup was made). Its orders are held until its reset is confirmed")
	}
	return nil
}

func (r *restoration) missing(kind, name, controller, reason string) {
	r.result.Missing = append(r.result.Missing, backup.Missing{Kind: kind, Name: name, Controller: controller, Reason: reason})
}

// database puts the Cockpit's database where its settings say, and sees whether
// this program can use it. A file goes below the data folder; a PostgreSQL
// database, which must be empty, is filled.
func (r *restoration) database(ctx context.Context, p *backup.Part, set *conf.Cockpit) error {
	copied := r.into.scratch(filepath.Join("copies", filepath.FromSlash(p.File)))
	file, isFile := strings.CutPrefix(set.Database, "sqlite:")
	if isFile {
		below, err := filepath.Rel(r.into.path("."), file)
		if err != nil || !filepath.IsLocal(below) {
			return fault.New(fault.Invalid, "DatabaseElsewhere", "the Cockpit's database, %s, isn't in the folder that is restored", set.Database)
		}
		if err := os.MkdirAll(filepath.Dir(file), 0o700); err != nil {
			return err
		}
		if err := os.Rename(copied, file); err != nil {
			return err
		}
	}
	db, err := cockpit.OpenDatabase(ctx, set, fsys.Real{})
	if err != nil {
		return fmt.Errorf("opening the restored database: %w", err)
	}
	if !isFile {
		_, err = fillFrom(ctx, copied, db, func(transfer.Progress) {})
	}
	if err == nil {
		// A login that was ended after the backup must not come back with it.
		err = db.Write(ctx, func(w store.Writer) error { return w.DeleteExpiredSessions(math.MaxInt64, math.MaxInt64) })
	}
	r.result.Restored = append(r.result.Restored, p.Name)
	return errors.Join(err, db.Close())
}

// fillFrom fills an empty database from the one in a file.
func fillFrom(ctx context.Context, file string, into transfer.Whole, tell func(transfer.Progress)) ([]transfer.Progress, error) {
	from, err := sqlite.Open(ctx, sqlite.Options{File: file})
	if err != nil {
		return nil, err
	}
	done, err := transfer.Fill(ctx, from, into, tell)
	return done, errors.Join(err, from.Close())
}

// log makes the log of a part; members is nil for an Agent.
func (r *restoration) log(p *backup.Part, dir string, members []conf.Member, name string) error {
	f, err := os.Open(r.into.scratch(filepath.Join("copies", filepath.FromSlash(p.File))))
	if err != nil {
		return err
	}
	defer f.Close()
	in := consensus.Import{Dir: dir, Body: f, Data: r.entries[p.File]}
	if members != nil {
		in.Term, in.Members = r.term, []uint64{}
		for _, m := range members {
			in.Members = append(in.Members, m.ID)
			if m.Name == name {
				in.ID = m.ID
			}
		}
	}
	if err := consensus.ImportLog(in); err != nil {
		return fmt.Errorf("making the log of %s: %w", name, err)
	}
	r.result.Restored = append(r.result.Restored, name)
	return nil
}

// part restores one part of a production installation.
func (r *restoration) part(ctx context.Context) error {
	config, err := filepath.Abs(r.o.ConfigDir)
	if err != nil {
		return err
	}
	r.begin(r.o.Run)
	p, place, err := r.choose(config)
	if err != nil {
		return err
	}
	if err := r.check(ctx); err != nil {
		return err
	}
	defer r.leave()
	if err := r.enter(); err != nil {
		return err
	}
	err = r.from.Each(ctx, func(q *backup.Part, body io.Reader) error {
		if q != p {
			return nil
		}
		return writePart(r.into.scratch(filepath.Join("copies", filepath.FromSlash(q.File))), 0o600, body)
	})
	if err != nil {
		return err
	}
	if err := place(ctx); err != nil {
		return err
	}
	return r.commit()
}

// choose finds the part of the backup that the configuration is for, and how it
// is placed.
func (r *restoration) choose(config string) (p *backup.Part, place func(context.Context) error, err error) {
	aside := filepath.Join(r.o.Data, asideName, "new")
	journalDir := filepath.Join(aside, "journal")
	var name string
	switch r.o.Part {
	case backup.CockpitPart:
		// The settings for the place aside, as it will be for the folder.
		set, err := conf.LoadCockpit(config, aside, os.ReadFile)
		if err != nil {
			return nil, nil, err
		}
		name = set.Name
		place = func(ctx context.Context) error { return r.database(ctx, p, set) }
	case backup.ControllerPart:
		set, err := conf.LoadController(config, r.o.Data, os.ReadFile)
		if err != nil {
			return nil, nil, err
		}
		name = set.ID
		place = func(context.Context) error { return r.log(p, journalDir, set.Members, set.Name) }
	default:
		set, err := conf.LoadAgent(config, r.o.Data, os.ReadFile)
		if err != nil {
			return nil, nil, err
		}
		if name, err = agent.NameOf(set); err != nil {
			return nil, nil, err
		}
		place = func(context.Context) error { return r.log(p, journalDir, nil, name) }
	}
	found := r.from.Manifest.Find(r.o.Part, name)
	switch len(found) {
	case 1:
		p = found[0]
		return p, place, nil
	case 0:
		return nil, nil, fault.New(fault.NotFound, "NotInBackup", "the backup holds no %s %s", r.o.Part, name)
	}
	return nil, nil, fault.New(fault.Invalid, "NotUnique", "the backup holds more than one %s %s", r.o.Part, name)
}

// installationFiles returns the files of the installation of `signet dev` in a
// folder, besides its parts' data: what a backup needs to restore it all.
func installationFiles(dir string) (files []cli.InstallationFile, err error) {
	e := &estate{dir: dir}
	if known, err := e.load(); err != nil || !known {
		return nil, err
	}
	roots := []string{factsFile, portsFile, passwordFile, "profile.json", "ca"}
	for _, name := range slices.Concat([]string{cockpitName}, e.controllers(), e.agents()) {
		roots = append(roots, filepath.Join(name, "config"), filepath.Join(name, "trust-made"))
	}
	for _, root := range roots {
		err := filepath.WalkDir(filepath.Join(dir, root), func(path string, d fs.DirEntry, err error) error {
			if errors.Is(err, fs.ErrNotExist) {
				return nil // it was removed, or never made
			}
			if err != nil || d.IsDir() {
				return err
			}
			info, err := os.Stat(path) // what a link leads to, is restored as a file
			if err != nil || !info.Mode().IsRegular() {
				return err
			}
			name, err := filepath.Rel(dir, path)
			files = append(files, cli.InstallationFile{Name: name, Mode: info.Mode().Perm()})
			return err
		})
		if err != nil {
			return nil, fault.Wrap(fault.Invalid, "CannotRead", err, "the files of the installation in %s can't be read: %s", dir, err)
		}
	}
	return files, nil
}
