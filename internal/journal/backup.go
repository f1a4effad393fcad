package journal

import (
	"errors"
	"fmt"
	"io"

	"github.com/signet-scheduler/signet/internal/fault"
)

// WriteCopy writes a container of the state at entry m.Index, with all entries
// from index from on up to there in front. The log must hold them, and the
// caller sees to it that it goes on holding them. It is safe for concurrent use.
func (j *Journal) WriteCopy(w io.Writer, from uint64, m Meta, state io.WriterTo) error {
	j.mu.RLock()
	from = min(max(from, j.before.index+1), m.Index+1)
	before, err := j.at(from - 1)
	j.mu.RUnlock()
	if err != nil {
		return err
	}
	out := &frameWriter{w: w}
	if err := out.frame(frameHello, []byte(containerHello)); err != nil {
		return err
	}
	for next := from; next <= m.Index; {
		list, err := j.Entries(next, m.Index+1, framePiece)
		if err != nil {
			return err
		}
		for i := range list {
			if err := out.frame(frameEntry, encodeEntryHead(&list[i]), list[i].Data); err != nil {
				return err
			}
		}
		next += uint64(len(list))
	}
	if _, err := state.WriteTo(statePieces{out}); err != nil {
		return err
	}
	return out.frame(frameMeta, encodeBase(m, before))
}

// statePieces makes frames of a state that is written.
type statePieces struct{ out *frameWriter }

func (p statePieces) Write(b []byte) (int, error) {
	for rest := b; len(rest) > 0; {
		n := min(len(rest), framePiece)
		if err := p.out.frame(frameState, rest[:n]); err != nil {
			return 0, err
		}
		rest = rest[n:]
	}
	return len(b), nil
}

// ReadCopy reads a container to its end, checks it, and returns what it
// includes. state gets the machine's encoding; it may leave a rest unread.
// Errors are Corrupt "SnapshotDamaged", what state returns, or those of body.
func ReadCopy(body io.Reader, state func(io.Reader) error) (Meta, error) {
	in := newFrameReader(body)
	r := &stateReader{frames: in}
	err := state(r)
	if err == nil {
		_, err = io.Copy(io.Discard, r)
	}
	if err != nil {
		return Meta{}, err
	}
	return in.meta, nil
}

// Import makes a log in an empty folder of what a container holds: its state
// and the entries in front of it, then the entries that adapt returns. adapt
// may change the configuration and the hard state, whose commit index is set
// here. All is durable when it returns. The log gets an id of its own.
func Import(o Options, body io.Reader, adapt func(*Meta, *HardState) ([]Entry, error)) (err error) {
	if list, err := o.FS.List(o.Dir); err == nil && len(list) > 0 {
		return fault.New(fault.Conflict, "LogExists", "there is a log in %s already", o.Dir)
	}
	j, err := Open(o)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, j.Close()) }()
	d, err := j.Receive(body)
	if err != nil {
		return err
	}
	var h HardState
	entries, err := adapt(&d.meta, &h)
	if err != nil {
		return errors.Join(err, d.Discard())
	}
	h.Commit = d.meta.Index
	if err := j.Install(d, h); err != nil {
		return fmt.Errorf("making a log of a copy: %w", err)
	}
	if err := j.Append(entries); err != nil {
		return err
	}
	return j.Sync()
}
