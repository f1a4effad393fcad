package cockpit

import (
	"context"
	"errors"
	"io"
	"strconv"
	"time"

	"github.com/signet-scheduler/signet/api"
	"github.com/signet-scheduler/signet/internal/backup"
	"github.com/signet-scheduler/signet/internal/fault"
	"github.com/signet-scheduler/signet/internal/fsys"
	"github.com/signet-scheduler/signet/internal/store"
	"github.com/signet-scheduler/signet/internal/transport"
)

// slowestBackup is how long a reader of a backup may take no bytes.
const slowestBackup = 5 * time.Minute

// makeBackup sends consistent copies of all that the installation knows. The
// database is copied first: what it says to have read is in the Controller's
// copy then, and what follows can be read from that.
func (k *call) makeBackup() error {
	in, err := decode[api.BackupRequest](k)
	if err != nil {
		return err
	}
	if err := k.beginAudit("", []string{"Backup"}, in.Reason); err != nil {
		return err
	}
	select {
	case k.backups <- struct{}{}:
		defer func() { <-k.backups }()
	default:
		return fault.New(fault.Conflict, "BackupRuns", "another backup is under way; try again when it has ended")
	}
	ctx := k.r.Context()
	out := transport.Patient(k.w, slowestBackup) // from now on: copying takes its time, too
	positions, err := k.positions(ctx)
	if err != nil {
		return err
	}
	file, size, err := k.copyDatabase(ctx)
	if err != nil {
		return err
	}
	defer k.dropCopy()
	defer file.Close()
	first, err := k.histories[0].controller.Backup(ctx, positions[0])
	if err != nil {
		return err
	}
	k.w.Header().Set("Content-Type", "application/octet-stream")
	s := backup.NewSender(out)
	missing, err := k.passParts(ctx, s, first, positions)
	if err == nil {
		err = s.Send(backup.Part{Kind: backup.CockpitPart, Name: k.settings.Name, Bytes: size}, func(w io.Writer) error {
			_, err := io.Copy(w, file)
			return err
		})
	}
	// From here on the answer has begun: a failure goes into it.
	auditErr := k.finishAudit(err)
	k.audit = 0
	if err == nil {
		return errors.Join(s.End(missing), auditErr)
	}
	k.log.Warn("a backup wasn't sent as a whole", "error", err)
	_ = s.Fail(err) // if the caller is still there
	return nil
}

// positions returns up to which event each Controller's history is written.
func (k *call) positions(ctx context.Context) (all []int64, err error) {
	err = k.db.Read(ctx, func(r store.Reader) error {
		for _, h := range k.histories {
			p, err := r.Position(h.id)
			if err != nil {
				return err
			}
			all = append(all, p)
		}
		return nil
	})
	return all, err
}

// passParts passes on the copies of each Controller and its Agents.
func (k *call) passParts(ctx context.Context, s *backup.Sender, first io.ReadCloser, positions []int64) (missing []backup.Missing, err error) {
	for i, h := range k.histories {
		body := first
		if i > 0 {
			if body, err = h.controller.Backup(ctx, positions[i]); err != nil {
				return nil, err
			}
		}
		left, err := passOn(s, body, h.id)
		if err != nil {
			return nil, err
		}
		missing = append(missing, left...)
	}
	return missing, nil
}

// passOn passes on what one Controller sends, and looks that it is its own.
func passOn(s *backup.Sender, body io.ReadCloser, controller string) ([]backup.Missing, error) {
	defer body.Close()
	r := backup.NewReceiver(body)
	for {
		p, err := r.Next()
		if errors.Is(err, io.EOF) {
			return r.Missing, nil
		}
		if err != nil {
			return nil, err
		}
		own := p.Kind == backup.ControllerPart && p.Name == controller || p.Kind == backup.AgentPart && p.Controller == controller
		if !own {
			return nil, fault.New(fault.Invalid, "StrangePart", "the Controller %s sent the %s", controller, clip(p.String()))
		}
		if err := s.Send(*p, func(w io.Writer) error { _, err := io.Copy(w, r); return err }); err != nil {
			return nil, err
		}
	}
}

// copyDatabase copies the database as it is at one moment.
func (k *call) copyDatabase(ctx context.Context) (f fsys.File, size int64, err error) {
	disk, name := k.deps.FS, k.copyName()
	empty, err := disk.Create(name) // the engine would let others read it
	if err == nil {
		err = empty.Close()
	}
	if err == nil {
		err = k.db.Backup(ctx, name)
	}
	if err == nil {
		f, err = disk.Open(name)
	}
	if err == nil {
		if size, err = f.Size(); err == nil {
			return f, size, nil
		}
		err = errors.Join(err, f.Close())
	}
	k.dropCopy()
	if fsys.IsNoSpace(err) || fault.Is(err, fault.NoSpace) {
		err = fault.Wrap(fault.NoSpace, "NoSpace", err, "the Cockpit's disk has no space for a copy of its database")
	}
	return nil, 0, err
}

// dropCopy removes the copy of the database, and what is left of one.
func (c *Cockpit) dropCopy() {
	for _, more := range []string{"", "-journal", "-wal", "-shm"} {
		if err := fsys.RemoveAll(c.deps.FS, c.copyName()+more); err != nil {
			c.log.Warn("a copy of the database couldn't be removed", "error", err)
		}
	}
}

// Backup implements Controller.
func (r *Remote) Backup(ctx context.Context, after int64) (io.ReadCloser, error) {
	return r.stream(ctx, "/backup?after="+strconv.FormatInt(after, 10))
}
