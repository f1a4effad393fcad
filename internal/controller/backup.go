package controller

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/signet-scheduler/signet/internal/backup"
	"github.com/signet-scheduler/signet/internal/consensus"
	"github.com/signet-scheduler/signet/internal/engine"
	"github.com/signet-scheduler/signet/internal/fault"
	"github.com/signet-scheduler/signet/internal/fsys"
	"github.com/signet-scheduler/signet/internal/handover"
	"github.com/signet-scheduler/signet/internal/journal"
	"github.com/signet-scheduler/signet/internal/ledger"
	"github.com/signet-scheduler/signet/internal/transport"
)

// How long a cut waits: for a batch that is under way to an Agent, for the own
// state, for the Agents' (no batch goes to an Agent meanwhile), and for a
// reader that takes nothing.
const (
	batchTime   = 2 * time.Second
	stateTime   = 5 * time.Second
	agentsTime  = 5 * time.Second
	slowest     = 5 * time.Minute
	cutAtOnce   = 32              // Agents that are asked at the same time
	maxCopySize = int64(64) << 30 // bytes of an Agent's copy
)

// turns hold back the batches to an Agent while it and the Controller are cut
// apart: whoever has an Agent's turn may send it one, or asks that none is sent.
type turns struct {
	mu sync.Mutex
	of map[string]chan struct{}
}

func (t *turns) turn(agent string) chan struct{} {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.of == nil {
		t.of = map[string]chan struct{}{}
	}
	if t.of[agent] == nil {
		t.of[agent] = make(chan struct{}, 1)
	}
	return t.of[agent]
}

// take waits for an Agent's turn; false when ctx ended first.
func (t *turns) take(ctx context.Context, agent string) bool {
	turn := t.turn(agent)
	select {
	case turn <- struct{}{}: // also when ctx has ended
		return true
	default:
	}
	select {
	case turn <- struct{}{}:
		return true
	case <-ctx.Done():
		return false
	}
}

func (t *turns) give(agent string) { <-t.turn(agent) }

// backups is what a Controller needs to be backed up.
type backups struct {
	turns turns
	disk  fsys.FS
	dir   string        // of Agents' copies that are on their way
	one   chan struct{} // capacity 1: only one at a time
}

// openBackups removes what a backup has left that was cut off.
func openBackups(disk fsys.FS, dataDir string) (*backups, error) {
	if disk == nil {
		disk = fsys.Real{}
	}
	b := &backups{disk: disk, dir: filepath.Join(dataDir, "backup"), one: make(chan struct{}, 1)}
	return b, fsys.RemoveAll(disk, b.dir)
}

// getBackup sends consistent copies of the Controller and its Agents: no
// Agent's copy has the effect of a command that the Controller's copy doesn't
// know, and the Controller's copy knows no event that the Agent's doesn't have.
// The reader names the newest event that it has; all behind it are in the copy.
func (c *Controller) getBackup(w http.ResponseWriter, r *http.Request) {
	after, err := strconv.ParseInt(r.URL.Query().Get("after"), 10, 64)
	if err != nil || after < 0 {
		c.problem(w, fault.New(fault.Invalid, "InvalidParameter", "after must be an event id"))
		return
	}
	select {
	case c.backups.one <- struct{}{}:
		defer func() { <-c.backups.one }()
	default:
		c.problem(w, fault.New(fault.Conflict, "BackupRuns", "another backup is under way; try again when it has ended"))
		return
	}
	ctx, cancel := context.WithCancel(r.Context())
	defer cancel()
	k := &cut{c: c, names: map[string]string{}, failed: map[string]error{}}
	defer k.close()
	defer cancel()
	if err := k.make(ctx, after); err != nil {
		c.problem(w, err)
		return
	}
	w.Header().Set("Content-Type", "application/octet-stream")
	s := backup.NewSender(transport.Patient(w, slowest))
	if err := k.send(s); err != nil {
		c.log.Warn("a backup wasn't sent as a whole", "error", err)
		_ = s.Fail(err) // if the reader is still there
	}
}

// cut is one backup on its way. Its methods are called in their order.
type cut struct {
	c     *Controller
	copy  *consensus.Copy
	tasks sync.WaitGroup

	mu     sync.Mutex
	names  map[string]string // file of each Agent's copy, when it is there
	failed map[string]error  // why there is none
}

// make freezes the Controller's state and then the Agents'.
func (k *cut) make(ctx context.Context, after int64) error {
	c := k.c
	_, term, _ := c.leading()
	agents, err := k.agents(ctx)
	if err != nil {
		return err
	}
	held := k.hold(ctx, agents)
	if err := k.freeze(ctx, after); err != nil {
		for _, agent := range held {
			c.backups.turns.give(agent)
		}
		return err
	}
	k.askAll(ctx, agents, held)
	return k.stillLeads(ctx, term)
}

// agents returns the URI of every Agent that may have orders.
func (k *cut) agents(ctx context.Context) (map[string]string, error) {
	v, err := k.c.look(ctx, func(e *engine.Controller) (any, error) {
		uris := handover.Addresses(e)
		for _, path := range e.AgentPaths() {
			switch a, _ := e.Agent(path); {
			case a.LogID == "":
				delete(uris, path) // nothing was ever given to it
			case !a.Coupled:
				uris[path] = ""
			}
		}
		return uris, nil
	})
	if err != nil {
		return nil, err
	}
	uris, _ := v.(map[string]string)
	for agent, uri := range uris {
		if uri == "" {
			delete(uris, agent)
			k.fail(agent, fault.New(fault.Unavailable, "AgentNotCoupled", "the Agent is not coupled"))
		}
	}
	return uris, nil
}

func (k *cut) fail(agent string, err error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.failed[agent] = err
}

// hold takes the turns of the Agents, so that no batch goes to them. One that
// doesn't answer the batch that it has is left out.
func (k *cut) hold(ctx context.Context, agents map[string]string) (held []string) {
	ctx, cancel := context.WithTimeout(ctx, batchTime)
	defer cancel()
	for _, agent := range slices.Sorted(maps.Keys(agents)) {
		if k.c.backups.turns.take(ctx, agent) {
			held = append(held, agent)
		} else {
			k.fail(agent, fault.New(fault.Unavailable, "AgentBusy", "the Agent didn't answer"))
		}
	}
	return held
}

// freeze takes the Controller's own state, if it goes back far enough.
func (k *cut) freeze(ctx context.Context, after int64) (err error) {
	ctx, cancel := context.WithTimeout(ctx, stateTime)
	defer cancel()
	if k.copy, err = consensus.TakeCopy(ctx, k.c.node); err != nil {
		return err
	}
	if after > 0 {
		_, err = ledger.Open(k.c.node, k.c.m.Index, k.c.clock, ctx.Done(), after, false)
	}
	return err
}

// askAll asks the Agents for their copies, and gives back the turn of each as
// soon as it has frozen its state, or failed, or is too late. Then it returns;
// the copies go on being fetched.
func (k *cut) askAll(ctx context.Context, agents map[string]string, held []string) {
	begun, stop := context.WithTimeout(ctx, agentsTime)
	defer stop()
	places := make(chan struct{}, cutAtOnce)
	var begins sync.WaitGroup
	for _, agent := range held {
		begins.Add(1)
		k.tasks.Go(func() {
			done := sync.OnceFunc(func() {
				k.c.backups.turns.give(agent)
				begins.Done()
			})
			defer done()
			select {
			case places <- struct{}{}:
				defer func() { <-places }()
			case <-begun.Done():
				k.fail(agent, fault.New(fault.Timeout, "AgentLate", "there was no time left for the Agent"))
				return
			}
			if err := k.ask(ctx, begun, agent, agents[agent], done); err != nil {
				k.fail(agent, err)
			}
		})
	}
	begins.Wait()
}

// ask fetches an Agent's copy into a file. begun ends when it is too late for
// the copy to begin; frozen is called when it has.
func (k *cut) ask(ctx, begun context.Context, agent, uri string, frozen func()) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	late := context.AfterFunc(begun, cancel)
	resp, err := k.c.askAgent(ctx, agent, uri, http.MethodGet, "/agent/api/backup", nil)
	if err == nil && !late() {
		err = errors.Join(fault.New(fault.Timeout, "AgentLate", "the Agent's copy didn't begin in time"), resp.Body.Close())
	}
	if err != nil {
		if begun.Err() != nil {
			return fault.New(fault.Timeout, "AgentLate", "the Agent's copy didn't begin in time")
		}
		return err
	}
	frozen()
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return transport.ReadProblem(resp)
	}
	return k.store(agent, resp.Body)
}

// store writes an Agent's copy into a file, and looks whether it is whole.
func (k *cut) store(agent string, body io.Reader) (err error) {
	b := k.c.backups
	if err := b.disk.MkdirAll(b.dir); err != nil {
		return err
	}
	k.mu.Lock()
	name := filepath.Join(b.dir, "agent-"+strconv.Itoa(len(k.names)))
	k.names[agent] = ""
	k.mu.Unlock()
	f, err := b.disk.Create(name)
	if err != nil {
		return err
	}
	in := io.TeeReader(io.LimitReader(body, maxCopySize), f)
	_, err = journal.ReadCopy(in, func(io.Reader) error { return nil })
	if cerr := f.Close(); err == nil {
		err = cerr
	}
	if fsys.IsNoSpace(err) {
		err = fault.Wrap(fault.NoSpace, "NoSpace", err, "the Controller's disk is full")
	}
	if err != nil {
		return fmt.Errorf("fetching the copy of the Agent %s: %w", agent, err)
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	k.names[agent] = name
	return nil
}

// stillLeads makes sure that nobody else commanded the Agents meanwhile.
func (k *cut) stillLeads(ctx context.Context, term uint64) error {
	_, err := k.c.look(ctx, func(*engine.Controller) (any, error) { return nil, nil }) //nolint:nilnil // a majority confirms the leader
	if leads, now, _ := k.c.leading(); err == nil && (!leads || now != term) {
		err = fault.New(fault.Unavailable, "LeaderChanged", "another Controller leads meanwhile; try again")
	}
	return err
}

// send sends the copies: first the own, while those of the Agents arrive.
func (k *cut) send(s *backup.Sender) error {
	err := s.Send(backup.Part{Kind: backup.ControllerPart, Name: k.c.set.ID}, func(w io.Writer) error {
		_, err := k.copy.WriteTo(w)
		return err
	})
	if err != nil {
		return err
	}
	k.copy.Close()
	k.tasks.Wait()
	var missing []backup.Missing
	for _, agent := range slices.Sorted(maps.Keys(k.failed)) {
		e := fault.Of(k.failed[agent])
		if e.Kind == fault.NoSpace {
			return e
		}
		missing = append(missing, backup.Missing{Kind: backup.AgentPart, Name: agent, Controller: k.c.set.ID, Reason: strings.TrimSpace(e.Public())})
	}
	for _, agent := range slices.Sorted(maps.Keys(k.names)) {
		if k.failed[agent] != nil {
			continue
		}
		if err := k.sendFile(s, agent); err != nil {
			return err
		}
	}
	return s.End(missing)
}

func (k *cut) sendFile(s *backup.Sender, agent string) error {
	f, err := k.c.backups.disk.Open(k.names[agent])
	if err != nil {
		return err
	}
	defer f.Close()
	return s.Send(backup.Part{Kind: backup.AgentPart, Name: agent, Controller: k.c.set.ID}, func(w io.Writer) error {
		_, err := io.Copy(w, f)
		return err
	})
}

// close waits for all that was begun and removes the files. The request's
// context has ended.
func (k *cut) close() {
	k.tasks.Wait()
	if k.copy != nil {
		k.copy.Close()
	}
	if err := fsys.RemoveAll(k.c.backups.disk, k.c.backups.dir); err != nil {
		k.c.log.Warn("files of a backup couldn't be removed", "error", err)
	}
}
