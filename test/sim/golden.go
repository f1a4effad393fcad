package sim

import (
	"archive/zip"
	"bytes"
	_ "embed" // the stored state
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"strings"
	"time"

	"github.com/signet-scheduler/signet/internal/fsys"
)

// stored holds the disks of an installation that an earlier build left: three
// Controllers, two Agents and a Cockpit, with logs, snapshots and history, all at
// rest. It is never made anew for the present build: that this one can go on with
// it is what some worlds show. When a format ends, another file is added.
//
//go:embed testdata/state.zip
var stored []byte

// The installation that is stored, and how long ago it stopped.
const (
	storedControllers = 3
	storedAgents      = 2
	storedAgo         = time.Hour
)

// isOld tells whether a world begins with the stored installation.
func (c *Config) isOld() bool {
	return c.Seed%12 == 5 && (c.Controllers == 0 || c.Controllers == storedControllers) && (c.Agents == 0 || c.Agents == storedAgents)
}

// disks returns the disks of all parts, by name.
func (w *world) disks() map[string]*fsys.Mem {
	all := map[string]*fsys.Mem{w.cockpit.name: w.cockpit.disk}
	for _, c := range w.controllers {
		all[c.name] = c.disk
	}
	for _, a := range w.agents {
		all[a.name] = a.disk
	}
	return all
}

// loadDisks puts the stored files on the parts' disks.
func (w *world) loadDisks(data []byte) error {
	r, err := zip.NewReader(bytes.NewReader(data), int64(len(data)))
	if err != nil {
		return err
	}
	disks := w.disks()
	for _, f := range r.File {
		part, name, _ := strings.Cut(f.Name, "/")
		disk := disks[part]
		if disk == nil {
			return fmt.Errorf("there is no %s", part)
		}
		in, err := f.Open()
		if err != nil {
			return err
		}
		text, err := io.ReadAll(in)
		if err != nil {
			return err
		}
		if err := disk.MkdirAll(filepath.Dir("/" + name)); err != nil {
			return err
		}
		if err := fsys.WriteFileAtomic(disk, "/"+name, text); err != nil {
			return err
		}
	}
	return nil
}

// saveDisks returns all files of all parts.
func (w *world) saveDisks() ([]byte, error) {
	var out bytes.Buffer
	z := zip.NewWriter(&out)
	disks := w.disks()
	for _, p := range w.faults.parts() {
		for _, f := range logFiles(disks[p.name], "/") {
			text, err := fsys.ReadFile(disks[p.name], f.Name, 1<<30)
			if err != nil {
				return nil, err
			}
			in, err := z.Create(p.name + f.Name)
			if err == nil {
				_, err = in.Write(text)
			}
			if err != nil {
				return nil, err
			}
		}
	}
	if err := z.Close(); err != nil {
		return nil, err
	}
	return out.Bytes(), nil
}

// Golden runs a world in peace, with snapshots, and returns its disks at rest: a
// stored state for later builds.
func Golden(seed uint64) ([]byte, error) {
	cfg := Config{Seed: seed, Controllers: storedControllers, Agents: storedAgents, Duration: 3 * time.Second, Without: map[string]bool{}}
	if cfg.isOld() {
		return nil, errors.New("a stored state must begin with nothing: take another seed")
	}
	for _, kind := range Faults() {
		cfg.Without[kind] = true
	}
	var data []byte
	cfg.atRest = func(w *world) error {
		var err error
		data, err = w.saveDisks()
		return err
	}
	cfg.keepAll = true
	if r := Run(cfg); r.Err != nil {
		return nil, r.Err
	}
	return data, nil
}
