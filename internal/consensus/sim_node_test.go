package consensus

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"syscall"
	"time"

	"github.com/signet-scheduler/signet/internal/consensus/consensustest/toy"
	"github.com/signet-scheduler/signet/internal/fault"
	"github.com/signet-scheduler/signet/internal/fsys"
)

// member is one member of a simulated group: its disk, which outlives it, and
// the process that runs on it now, if one does.
type member struct {
	world *world
	id    uint64
	disk  *fsys.Mem
	weak  *fsys.Failing // over disk: some operations fail
	run   *process      // nil when down
	hung  bool          // the disk finishes nothing
	slow  bool          // it takes its time
	seen  uint64        // entries compared with the world's

	was      bool   // it has been in the group
	damaged  bool   // it lost something, and has no vote yet
	last     uint64 // the identity of its last life
	old      *fsys.Mem
	oldWeak  *fsys.Failing // a disk that was replaced
	kept     *fsys.Mem
	keptWeak *fsys.Failing // a disk that was taken out, to be put back
}

// process is one life of a member: what drives it, and its transport.
type process struct {
	*Stepper
	m       *member
	machine *toy.Machine
	dead    bool
}

// Send implements Transport.
func (p *process) Send(to uint64, msgs [][]byte) {
	for _, m := range msgs {
		p.m.world.put(packet{from: p.m.id, to: to, data: m})
	}
}

// SendSnapshot implements Transport.
func (p *process) SendSnapshot(to uint64, meta []byte, body io.Reader, done func(error)) {
	p.m.world.stats.states++
	p.m.world.put(packet{from: p.m.id, to: to, data: meta, body: body, done: func(err error) {
		if !p.dead {
			done(err)
		}
	}})
}

// options are the small sizes that make everything happen often.
func (m *member) options() Options {
	return Options{
		ID: m.id, Members: m.world.ids, FS: m.weak, Dir: logFolder, Clock: m.world.clock, Log: m.world.log,
		SegmentBytes: 4 << 10, SnapshotBytes: 2 << 10, SnapshotPeriod: 20 * time.Second, KeepEntries: 4,
		MaxBatchBytes: 1 << 10, MinFreeSpace: 16 << 10, HungTicks: 120, MaxQueue: 1000,
	}.complete()
}

// start begins a life on whatever the disk holds.
func (m *member) start() error {
	o := m.options()
	p := &process{m: m, machine: toy.New()}
	p.machine.Bugs = m.world.bugs.toy
	o.Machine, o.Transport = p.machine, p
	var disk fsys.FS = m.weak
	if m.world.bugs.noSyncOnOpen {
		disk = forgetful{m.weak}
	}
	o.FS = disk
	m.seen = min(m.seen, m.world.confirmed)
	open := OpenGroupStepper
	if m.world.local {
		open = OpenLocalStepper
	}
	if m.world.bugs.sameIdentity {
		if err := m.sameIdentity(); err != nil {
			return err
		}
	}
	var err error
	p.Stepper, err = open(o)
	if (fsys.IsNoSpace(err) || errors.Is(err, syscall.EIO)) && !m.world.calm {
		return nil // it stays down until the disk is better
	}
	if err != nil {
		return err
	}
	if p.Recovered().Torn > 0 {
		m.world.stats.torn++
	}
	m.run = p
	return p.check()
}

// forgetful is a disk that syncs no log file that is opened rather than made:
// the mistake of trusting what a killed process left in the cache.
type forgetful struct{ fsys.FS }

type forgetfulFile struct{ fsys.File }

func (f forgetful) OpenWrite(name string) (fsys.File, error) {
	file, err := f.FS.OpenWrite(name)
	if err != nil || len(name) < 4 || name[len(name)-4:] != ".seg" {
		return file, err
	}
	return forgetfulFile{file}, nil
}

func (forgetfulFile) Sync() error { return nil }

// stop ends the life: the process is killed, or the power cut.
func (m *member) stop(power bool) {
	if m.run == nil {
		return
	}
	p := m.run
	m.run = nil
	p.dead = true
	if p.group != nil {
		m.last = p.group.id
	}
	p.Kill()
	if power {
		m.disk.Crash(m.world.rand)
	}
	m.world.forget(m.id)
}

// check looks for what an input left behind: errors, committed entries.
func (p *process) check() error {
	if err := p.core.err; err != nil {
		if fault.HasCode(err, "DiskHung") {
			p.m.world.stats.hungStops++
			p.m.stop(false)
			return nil
		}
		if fault.HasCode(err, "MemberReplaced") {
			p.m.world.stats.replaced++
			p.m.stop(false)
			return nil
		}
		return p.broken(fmt.Errorf("member %d stopped: %w", p.m.id, err))
	}
	if p.m.world.bugs.promoteEarly {
		p.promoteEarly()
	}
	return p.m.world.compare(p)
}

func (p *process) tick() error {
	p.Tick()
	return p.check()
}

// writeOne carries out one order, without its sync.
func (p *process) writeOne() error {
	if len(p.pending) == 0 || p.m.hung {
		return nil
	}
	p.m.world.step("write", p.m.id, uint64(len(p.pending[0].entries)))
	if err := p.WriteOne(); err != nil {
		return p.broken(fmt.Errorf("member %d: writing: %w", p.m.id, err))
	}
	if p.m.world.bugs.sendBeforeSync {
		p.back()
	}
	return p.check()
}

// sync makes what was carried out durable, and gives it back.
func (p *process) sync() error {
	if len(p.written) == 0 || p.m.hung {
		return nil
	}
	p.m.world.step("sync", p.m.id, uint64(len(p.written)))
	if err := p.Sync(); err != nil {
		return p.broken(fmt.Errorf("member %d: syncing: %w", p.m.id, err))
	}
	return p.check()
}

// broken ends a life because the disk failed it; any other error is a finding.
func (p *process) broken(err error) error {
	if !errors.Is(err, syscall.EIO) {
		return err
	}
	p.m.world.stats.broken++
	p.m.stop(p.m.world.chance(50))
	return nil
}

// aside runs one job that the core wants beside its loop.
func (p *process) aside() error {
	if len(p.jobs) == 0 || p.m.hung {
		return nil
	}
	p.RunAside()
	return p.posted()
}

// posted runs what was posted to the loop.
func (p *process) posted() error {
	if len(p.posts) == 0 || p.dead {
		return nil
	}
	p.Posted()
	return p.check()
}

// deliver takes a packet.
func (p *process) deliver(k packet) error {
	if k.body != nil {
		return p.deliverState(k)
	}
	if err := p.Receive(k.from, k.data); err != nil {
		return fmt.Errorf("member %d got a message it can't decode: %w", p.m.id, err)
	}
	return p.check()
}

func (p *process) deliverState(k packet) error {
	if err := p.ReceiveSnapshot(k.from, k.data, k.body); err != nil {
		p.m.world.stats.statesFailed++
		k.done(err)
		// The sender may have dropped the entries meanwhile, or the disk be full.
		if fault.HasCode(err, "EntriesCompacted") || fsys.IsNoSpace(err) || fault.Is(err, fault.NoSpace) || errors.Is(err, syscall.EIO) {
			return nil
		}
		return fmt.Errorf("member %d can't receive a state: %w", p.m.id, err)
	}
	k.done(nil)
	return p.check()
}

// packet is something under way.
type packet struct {
	from, to uint64
	data     []byte
	body     io.Reader // of a state
	done     func(error)
}

func (k packet) lose() {
	if k.done != nil {
		k.done(errors.New("lost"))
	}
}

// folded returns the digest of the member's log, folded again from its
// snapshot: the oracle of the live state.
func (p *process) folded() ([32]byte, error) {
	m := toy.New()
	r, err := p.OpenSnapshot()
	if err != nil {
		return [32]byte{}, err
	}
	if r != nil {
		b, err := io.ReadAll(r)
		if err != nil {
			return [32]byte{}, err
		}
		if err := m.Restore(bytes.NewReader(b)); err != nil {
			return [32]byte{}, err
		}
	}
	for m.Seq() < p.core.applied {
		list, err := p.Entries(m.Seq()+1, 1<<20)
		if err != nil {
			return [32]byte{}, err
		}
		for _, e := range list {
			if err := m.Apply(e.Data); err != nil {
				return [32]byte{}, err
			}
		}
	}
	return m.Digest(), nil
}
