package sim

import (
	"errors"
	"fmt"
	"io/fs"
	"math"
	mathrand "math/rand/v2"
	"runtime/debug"
	"syscall"
	"time"

	"github.com/signet-scheduler/signet/internal/fault"
	"github.com/signet-scheduler/signet/internal/fsys"
)

// part is a machine with a disk and a clock, and the process that runs on it
// now, if one does.
type part struct {
	w     *world
	id    int
	name  string
	disk  *fsys.Mem
	weak  *fsys.Failing // over disk: some operations fail
	clock *partClock
	rand  *mathrand.Rand

	life     *life // nil when down
	hung     bool  // the disk finishes nothing
	slow     int   // everything takes so many times longer
	paused   bool  // the process was stopped by a signal
	held     []func()
	restarts bool // somebody is going to start it
	rotten   *rot // damage to its disk while it was down
	begin    func() error
	ended    func()
}

// life is one run of a process.
type life struct{ _ byte } // not empty: pointers to empty values may be equal

func newPart(w *world, id int, name string) *part {
	disk := fsys.NewMem()
	return &part{w: w, id: id, name: name, disk: disk, weak: fsys.NewFailing(disk), clock: newPartClock(w), rand: w.random("part " + name), slow: 1}
}

// up tells whether the process runs.
func (p *part) up() bool { return p.life != nil }

// now has the process do something, now or when it isn't held any more.
func (p *part) now(_ string, f func()) {
	if p.life == nil || p.w.err != nil {
		return
	}
	if p.paused {
		life := p.life
		p.held = append(p.held, func() {
			if p.life == life {
				f()
			}
		})
		return
	}
	f()
}

// after has the process do something later, if it still lives then.
func (p *part) after(d time.Duration, what string, f func()) {
	life := p.life
	if d < 50*time.Millisecond { // it is work; else a timer
		d *= time.Duration(p.slow)
	}
	p.w.after(d, what, func() {
		if p.life == life {
			p.now(what, f)
		}
	})
}

// pause stops the process, or lets it go on.
func (p *part) pause(on bool) {
	p.paused = on
	if on {
		return
	}
	held := p.held
	p.held = nil
	for _, f := range held {
		f()
	}
}

// start begins a life on whatever the disk holds.
func (p *part) start() {
	p.restarts = false
	if p.life != nil || p.w.err != nil {
		return
	}
	p.life = &life{}
	p.w.tell("%s starts", p.name)
	err := p.begin()
	if err == nil {
		if p.rotten != nil {
			p.rotten.survived(p)
		}
		return
	}
	p.life = nil
	p.ended()
	switch {
	case p.rotten != nil && fault.Is(err, fault.Corrupt):
		p.w.reach("rot detected")
		p.rotten.undo(p)
		p.restart(time.Second)
	case p.w.calm && !isDisk(err), !isDisk(err):
		p.w.fail(fmt.Errorf("%s can't start: %w", p.name, err))
	default:
		p.w.tell("%s can't start: %v", p.name, err)
		if p.w.calm || chance(p.rand, 70) {
			p.weak.SetRules()
		}
		p.restart(0)
	}
}

// isDisk tells whether an error is one that the disk made: then a process may
// end, and start again.
func isDisk(err error) bool {
	return fsys.IsNoSpace(err) || fault.Is(err, fault.NoSpace) || errors.Is(err, syscall.EIO)
}

// die ends a life: the process is killed, or the power cut.
func (p *part) die(power bool) {
	if p.life == nil {
		return
	}
	p.w.tell("%s dies, power cut: %v", p.name, power)
	p.life, p.paused, p.held = nil, false, nil
	p.ended()
	if power {
		p.disk.Crash(p.rand)
	}
	p.restart(0)
}

// restart has somebody start the process again, after a while.
func (p *part) restart(least time.Duration) {
	if p.restarts {
		return
	}
	p.restarts = true
	most := 1500 * time.Millisecond
	if p.w.calm {
		most = 100 * time.Millisecond
	} else if chance(p.rand, 10) {
		most = 10 * time.Second
	}
	p.w.after(least+between(p.rand, 10*time.Millisecond, most), "start", func() {
		if p.restarts {
			p.start()
		}
	})
}

// broken ends a life because of an error of the disk; any other is a finding.
func (p *part) broken(what string, err error) {
	p.w.tell("%s: %s: %v", p.name, what, err)
	if !isDisk(err) && !fault.HasCode(err, "DiskHung") && !fault.HasCode(err, "MemberReplaced") && !errors.Is(err, fs.ErrClosed) {
		p.w.fail(fmt.Errorf("%s stopped, %s: %w", p.name, what, err))
		return
	}
	p.w.reach("stopped by its disk")
	if chance(p.rand, 70) || p.w.calm {
		p.weak.SetRules()
	}
	p.die(chance(p.rand, 30))
}

// mend ends all disturbances of the part.
func (p *part) mend() {
	p.hung, p.slow = false, 1
	p.weak.SetRules()
	p.disk.SetCapacity(math.MaxInt64)
	p.disk.Fill(0)
	if p.paused {
		p.pause(false)
	}
	if p.life == nil {
		p.restarts = false
		p.restart(0)
	}
}

func stack() string {
	s := string(debug.Stack())
	return s[:min(len(s), 6000)]
}
