package sim

import (
	"bytes"
	"fmt"
	mathrand "math/rand/v2"
	"path/filepath"
	"strings"
	"time"

	"github.com/signet-scheduler/signet/internal/consensus"
	"github.com/signet-scheduler/signet/internal/fsys"
)

// rot is a bit that was flipped in a file of a part that is down. The part must
// see it when it starts, or nothing of what was acknowledged may be missing.
type rot struct {
	file string
	off  int64
	bit  byte
}

// bitRot flips a bit of a file of a log, while its part is down.
func (f *faults) bitRot(r *mathrand.Rand) {
	p := f.part(r)
	if p == f.w.cockpit.part || !p.up() || p.rotten != nil {
		return
	}
	for _, h := range f.hosts() {
		if h.part == p {
			f.whenMarked(h, func() { f.flip(p, r) })
		}
	}
}

// whenMarked does something to a host whose log fell silent long enough ago for
// its end to be marked: damage to an unmarked end is a torn write to whoever
// looks, and can't be told from one.
func (f *faults) whenMarked(h *host, do func()) {
	life, before := h.life, h.step.Status()
	h.after(3*f.w.sizes.tick+50*time.Millisecond, "marked", func() {
		work := h.step.Work()
		now := h.step.Status()
		if h.life == life && !f.w.calm && h.step.Marked() && work.Unwritten == 0 && work.Unsynced == 0 && now.Applied == before.Applied && now.Term == before.Term && now.Commit == before.Commit {
			do()
		}
	})
}

// flip flips a bit of a part that is stopped for that.
func (f *faults) flip(p *part, r *mathrand.Rand) {
	if p.rotten != nil || f.isMember(p) && !f.spare(p) {
		return
	}
	p.die(false)
	files := logFiles(p.disk, "/log")
	if len(files) == 0 {
		return
	}
	info := files[r.IntN(len(files))]
	data, err := fsys.ReadFile(p.disk, info.Name, 1<<30)
	if err != nil {
		f.w.fail(err)
		return
	}
	used := int64(len(bytes.TrimRight(data, "\x00"))) // what is only reserved says nothing
	if used == 0 {
		return
	}
	p.rotten = &rot{info.Name, r.Int64N(used), 1 << r.IntN(8)}
	f.w.reach("rot")
	f.w.tell("%s: a bit flips at offset %d of %s", p.name, p.rotten.off, p.rotten.file)
	p.rotten.flip(p)
}

func (f *faults) isMember(p *part) bool {
	return p.id <= len(f.w.controllers) && len(f.w.controllers) > 1
}

// spare tells whether the group can do without what a member has on its disk:
// the others are a majority, and none of them is about to get everything anew.
func (f *faults) spare(p *part) bool {
	m := f.w.leader()
	if m == nil || m.part == p && chance(f.rand, 70) || len(f.w.controllers) < 3 || f.lost != nil && f.lost != p {
		return false
	}
	for _, st := range m.step.Status().Members {
		if st.State == consensus.StateJoining {
			return false
		}
	}
	for _, c := range f.w.controllers {
		if !c.up() || !c.voting() {
			return false
		}
	}
	f.lost = p
	return true
}

// voting tells whether a member has what the group has, as far as it knows itself.
func (c *controller) voting() bool {
	return c.step.Applied()+50 > uint64(len(c.w.record.entries)) && c.step.Applied() > 0
}

// diskLost gives a member of a group an empty disk.
func (f *faults) diskLost(r *mathrand.Rand) {
	c := f.w.controllers[r.IntN(len(f.w.controllers))]
	if !c.up() || !f.isMember(c.part) || !f.spare(c.part) {
		return
	}
	f.w.reach("member lost its disk")
	c.die(false)
	c.disk = fsys.NewMem()
	c.weak = fsys.NewFailing(c.disk)
}

func (f *faults) hosts() []*host {
	var all []*host
	for _, c := range f.w.controllers {
		all = append(all, &c.host)
	}
	for _, a := range f.w.agents {
		all = append(all, &a.host)
	}
	return all
}

// logFiles returns the files below a folder, sorted.
func logFiles(disk *fsys.Mem, dir string) []fsys.Info {
	list, err := disk.List(dir)
	if err != nil {
		return nil
	}
	var all []fsys.Info
	for _, i := range list {
		name := filepath.Join(dir, i.Name)
		if i.Dir {
			all = append(all, logFiles(disk, name)...)
			continue
		}
		i.Name = name
		all = append(all, i)
	}
	return all
}

func (r *rot) flip(p *part) {
	f, err := p.disk.OpenWrite(r.file)
	if err == nil {
		var b [1]byte
		if _, err = f.ReadAt(b[:], r.off); err == nil {
			b[0] ^= r.bit
			_, err = f.WriteAt(b[:], r.off)
		}
	}
	if err == nil {
		err = f.Sync()
	}
	if err != nil {
		p.w.fail(fmt.Errorf("flipping a bit of %s: %w", r.file, err))
	}
}

// undo repairs the disk, as an operator does from a copy.
func (r *rot) undo(p *part) {
	p.rotten = nil
	newest := ""
	for _, f := range logFiles(p.disk, "/log/log") {
		if strings.HasSuffix(f.Name, ".seg") {
			newest = f.Name
		}
	}
	if p.w.cfg.Bug == CutDamaged && newest == r.file {
		r.cut(p)
		return
	}
	r.flip(p)
}

// cut is the mistake of going on without what is damaged and what follows.
func (r *rot) cut(p *part) {
	f, err := p.disk.OpenWrite(r.file)
	if err != nil {
		p.w.fail(err)
		return
	}
	size, err := f.Size()
	if err == nil {
		_, err = f.WriteAt(make([]byte, size-r.off), r.off)
	}
	if err != nil {
		p.w.fail(err)
	}
}

// survived takes note that a part started in spite of the damage: the bit said
// nothing, or the part repaired itself. What its log holds is compared anyway.
func (r *rot) survived(p *part) {
	p.w.reach("rot without effect")
	p.rotten = nil
}
