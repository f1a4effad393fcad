package consensus

import (
	"errors"
	"fmt"
	"hash/fnv"
	"io"
	"path/filepath"

	pb "go.etcd.io/raft/v3/raftpb"
	"google.golang.org/protobuf/proto"

	"github.com/signet-scheduler/signet/internal/fault"
	"github.com/signet-scheduler/signet/internal/fsys"
	"github.com/signet-scheduler/signet/internal/journal"
)

// logFolder is where a simulated member's log is.
const logFolder = "/log"

// damage takes from a stopped member's disk some of what is on it, or all, as
// long as most members have all of theirs. It counts as damaged until it has a
// vote again.
func (w *world) damage(m *member) error {
	if w.local || !w.founded() || len(w.away()) > 0 || w.damaged(m)+1 > (len(w.ids)-1)/2 || m.damaged && !w.chance(10) {
		return nil
	}
	if m.run != nil {
		w.crash(m)
	}
	w.step("damage", m.id)
	switch n := w.rand.IntN(10); {
	case m.old != nil && (!m.damaged && n < 5 || n == 0):
		// Somebody puts in a disk that was taken out before.
		m.disk, m.weak, m.old, m.oldWeak = m.old, m.oldWeak, nil, nil
		m.damaged = true
		w.stats.oldDisks++
		return nil
	case n < 4:
		m.old, m.oldWeak = m.disk, m.weak
		m.blank()
		m.damaged = true
		w.stats.wiped++
		return nil
	case n == 5:
		return w.removeFile(m)
	}
	return w.flipBit(m)
}

// blank puts an empty disk into a member.
func (m *member) blank() {
	m.disk = fsys.NewMem()
	m.weak = fsys.NewFailing(m.disk)
}

// files returns the files of a member's log that count.
func (m *member) files() []string {
	var list []string
	for _, d := range []string{logFolder, logFolder + "/log", logFolder + "/snapshots"} {
		infos, err := m.disk.List(d)
		if err != nil {
			continue // not made yet
		}
		for _, i := range infos {
			if !i.Dir && i.Size > 0 && i.Name != "spare" && i.Name != "manifest.next" {
				list = append(list, filepath.Join(d, i.Name))
			}
		}
	}
	return list
}

// removeFile removes a file, and looks whether that is noticed.
func (w *world) removeFile(m *member) error {
	files := m.files()
	if len(files) == 0 {
		return nil
	}
	name := files[w.rand.IntN(len(files))]
	before := m.holds()
	if before == "" || m.damaged {
		return nil // it is damaged already, and may have nothing to lose
	}
	if err := m.disk.Remove(name); err != nil {
		return err
	}
	if err := m.disk.SyncDir(filepath.Dir(name)); err != nil {
		return err
	}
	switch after := m.holds(); {
	case after == "":
		w.stats.removed++
		m.damaged = true
	case after != before: // else it is a leftover of no account
		return fmt.Errorf("member %d: nobody notices that %s is missing:\n%s\n%s", m.id, name, before, after)
	}
	return nil
}

// flipBit changes a bit of the log, and looks whether that is noticed. One
// thing can't be: what was synced last, with nothing written after it, looks
// like a write that a crash left unfinished. Then the bit is put back.
func (w *world) flipBit(m *member) error {
	files := m.files()
	if len(files) == 0 {
		return nil
	}
	name := files[w.rand.IntN(len(files))]
	info, err := m.disk.Stat(name)
	if err != nil {
		return err
	}
	at, bit := int64(w.rand.IntN(int(info.Size))), byte(1)<<w.rand.IntN(8)
	before := m.holds()
	if before == "" || m.damaged {
		return nil
	}
	if err := m.flip(name, at, bit); err != nil {
		return err
	}
	switch after := m.holds(); {
	case after == "":
		w.stats.flipped++
		m.damaged = true
	case after == before:
		w.stats.harmless++
	default:
		w.stats.blind++
		return m.flip(name, at, bit)
	}
	return nil
}

func (m *member) flip(name string, at int64, bit byte) error {
	f, err := m.disk.OpenWrite(name)
	if err != nil {
		return err
	}
	var b [1]byte
	if _, err := f.ReadAt(b[:], at); err != nil {
		return errors.Join(err, f.Close())
	}
	b[0] ^= bit
	_, err = f.WriteAt(b[:], at)
	return errors.Join(err, f.Sync(), f.Close())
}

// holds returns what a log holds, as opening a copy of it shows; "" if that
// says that it is damaged.
func (m *member) holds() string {
	c := fsys.NewMem()
	for _, d := range []string{"/log", "/snapshots", "/tmp"} {
		_ = c.MkdirAll(logFolder + d)
	}
	for _, name := range m.files() {
		b, err := fsys.ReadFile(m.disk, name, 1<<30)
		if err != nil {
			return ""
		}
		_ = fsys.WriteFileAtomic(c, name, b)
	}
	j, err := journal.Open(journal.Options{FS: c, Dir: logFolder, SegmentBytes: 4 << 10})
	if err != nil {
		if !fault.HasCode(err, "JournalDamaged") {
			panic(err)
		}
		return ""
	}
	defer j.Close()
	h := fnv.New64a()
	if last := j.Last(); last >= j.First() {
		list, err := j.Entries(j.First(), last+1, 1<<40)
		if err != nil {
			panic(err)
		}
		for _, e := range list {
			_, _ = fmt.Fprintf(h, "%+v", e) // a hash takes everything
		}
	}
	if r, err := j.OpenSnapshot(); err == nil && r != nil {
		_, _ = io.Copy(h, r) // read before, when it was opened
		_ = r.Close()
	}
	meta, _ := j.Snapshot()
	return fmt.Sprintf("%d %d-%d %+v %+v %x", j.Owner(), j.First(), j.Last(), j.HardState(), meta, h.Sum64())
}

// founded tells whether all members have been in the group.
func (w *world) founded() bool {
	for _, m := range w.members {
		m.was = m.was || m.run != nil && m.run.group != nil && m.run.votes()
		if !m.was {
			return false
		}
	}
	return true
}

// votes tells whether a member knows itself to have a vote, alone of all
// identities that it ever had.
func (p *process) votes() bool {
	conf := p.group.members.now()
	return identity(conf.GetVoters(), p.m.id) == p.group.id && identity(conf.GetLearners(), p.m.id) == 0
}

// agreed tells that all members run and know the same group, and that nobody
// is about to change it.
func (w *world) agreed() bool {
	for _, m := range w.members {
		if m.run == nil || m.run.group == nil || m.run.group.tending.changing || !proto.Equal(m.run.group.members.now(), w.members[0].run.group.members.now()) {
			return false
		}
	}
	return true
}

// damaged returns how many members but m have lost something and have no vote yet.
func (w *world) damaged(but *member) (n int) {
	agreed := w.agreed()
	for _, m := range w.members {
		if m.damaged && agreed && m.run.votes() {
			m.damaged = false
			w.stats.repaired++
		}
		if m.damaged && m != but {
			n++
		}
	}
	return n
}

// away returns the members whose disk was taken out, to be put back.
func (w *world) away() (list []*member) {
	for _, m := range w.members {
		if m.kept != nil {
			list = append(list, m)
		}
	}
	return list
}

// takeMost takes the disks of most members out: the group must wait. Or it
// puts back as many as are needed, untouched; the others stay empty.
func (w *world) takeMost() error {
	if list := w.away(); len(list) > 0 {
		return w.putBack(list)
	}
	if w.local || len(w.ids) < 3 || !w.founded() || w.damaged(nil) > 0 {
		return nil
	}
	w.stats.most++
	for _, i := range w.rand.Perm(len(w.members))[:len(w.members)/2+1] {
		m := w.members[i]
		if m.run != nil {
			w.crash(m)
		}
		m.kept, m.keptWeak = m.disk, m.weak
		m.blank()
		if err := m.start(); err != nil {
			return err
		}
	}
	return nil
}

func (w *world) putBack(list []*member) error {
	keep := (len(w.ids) - 1) / 2 // stay empty
	for i, m := range list {
		if m.run != nil {
			w.crash(m)
		}
		if i < keep {
			m.damaged = true
		} else {
			m.disk, m.weak = m.kept, m.keptWeak
		}
		m.kept, m.keptWeak = nil, nil
	}
	return nil
}

// sameIdentity makes the mistake of coming back under the identity that lost
// its log: an empty log that says it were that of the one before.
func (m *member) sameIdentity() error {
	if !m.damaged || m.last == 0 {
		return nil
	}
	if err := fsys.RemoveAll(m.disk, logFolder); err != nil {
		return err
	}
	j, err := journal.Open(journal.Options{FS: m.disk, Dir: logFolder, SegmentBytes: 4 << 10, Owner: m.last})
	if err != nil {
		return err
	}
	return j.Close()
}

// promoteEarly makes the mistake of giving a learner its vote, and its former
// identity's away, before it has anything.
func (p *process) promoteEarly() {
	g := p.group
	if g == nil || !p.core.leading || g.handover || g.tending.changing {
		return
	}
	p.core.guard(func() {
		conf := g.members.now()
		if list := conf.GetLearners(); len(list) > 0 {
			if old := identity(conf.GetVoters(), memberOf(list[0])); old != 0 {
				g.move(pb.ConfChangeRemoveNode, old)
			} else {
				g.move(pb.ConfChangeAddNode, list[0])
			}
		}
		p.core.settle()
	})
}

// compareMembers looks at the changes of members that a member has applied:
// who gets a vote has at least what was committed before it was taken in.
func (w *world) compareMembers(p *process) error {
	if p.group == nil {
		return nil
	}
	list := p.group.members.list
	for i := 1; i < len(list); i++ {
		for _, id := range list[i].conf.GetLearners() {
			if _, seen := w.taken[id]; !seen {
				w.taken[id] = list[i].index
			}
		}
		for _, id := range list[i].conf.GetVoters() {
			at := w.taken[id]
			w.taken[id] = 0 // looked at
			of := w.member(memberOf(id)).run
			if at != 0 && of != nil && of.group.id == id && of.core.j.Last() < at {
				return fmt.Errorf("member %d has a vote, but its log ends at entry %d, before entry %d that took it in", memberOf(id), of.core.j.Last(), at)
			}
		}
	}
	return nil
}

// complete tells whether all members have a vote, and nobody else has.
func (w *world) complete() bool {
	if w.local || len(w.ids) == 1 {
		return true
	}
	for _, m := range w.members {
		conf := m.run.group.members.now()
		if !m.run.votes() || len(conf.GetVoters()) != len(w.ids) || len(conf.GetLearners()) > 0 {
			return false
		}
	}
	return w.damaged(nil) == 0
}
