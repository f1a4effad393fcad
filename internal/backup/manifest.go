package backup

import (
	"encoding/json"
	"net/url"
	"path"
	"path/filepath"
	"strings"

	"github.com/signet-scheduler/signet/internal/fault"
)

// The kinds of parts.
const (
	CockpitPart    = "cockpit"    // the Cockpit's database
	ControllerPart = "controller" // a Controller's state and entries
	AgentPart      = "agent"      // an Agent's
	FilePart       = "file"       // a file of an installation of `signet dev`
)

// Part is one part of a backup. Name is that of the Cockpit, the Controller
// (its id), or the Agent; of a file, its path below the installation's folder.
type Part struct {
	Kind       string `json:"kind"`
	Name       string `json:"name"`
	Controller string `json:"controller,omitempty"` // of an Agent
	File       string `json:"file,omitempty"`       // in the archive
	Bytes      int64  `json:"bytes"`
	SHA256     string `json:"sha256,omitempty"` // hexadecimal
	Mode       uint32 `json:"mode,omitempty"`   // of a file: its permissions
}

// String names the part for people.
func (p *Part) String() string {
	if p.Kind == FilePart {
		return "file " + p.Name
	}
	return p.Kind + " " + p.Name
}

// fileName returns where the part lies in the archive.
func (p *Part) fileName() string {
	switch p.Kind {
	case FilePart:
		return path.Join("files", filepath.ToSlash(p.Name))
	case AgentPart:
		return path.Join(AgentPart, url.PathEscape(p.Controller), url.PathEscape(p.Name)+".copy")
	case CockpitPart:
		return path.Join(CockpitPart, url.PathEscape(p.Name)+".db")
	}
	return path.Join(p.Kind, url.PathEscape(p.Name)+".copy")
}

// Missing is a part that isn't in a backup, and why.
type Missing struct {
	Kind       string `json:"kind"`
	Name       string `json:"name"`
	Controller string `json:"controller,omitempty"`
	Reason     string `json:"reason"`
}

// Manifest tells what a backup holds. It is the first file of the archive.
type Manifest struct {
	Format      int    `json:"format"` // 1
	ID          string `json:"id"`     // random
	Time        int64  `json:"time"`   // when it was begun, in milliseconds since the epoch
	Program     string `json:"program"`
	Cockpit     string `json:"cockpit"`     // its URL
	PrivateKeys bool   `json:"privateKeys"` // it holds them, among its files
	// SealedWith is the id of the key with which the files are sealed
	// (docs/formats/sealed.md); "" in a backup of an earlier program: they aren't.
	SealedWith string    `json:"sealedWith,omitempty"`
	Parts      []Part    `json:"parts"`
	Missing    []Missing `json:"missing"`
}

// PlaceOf says where a sealed file belongs.
func (m *Manifest) PlaceOf(p *Part) []byte { return []byte("backup-file\x00" + m.ID + "\x00" + p.Name) }

// The bounds of a manifest.
const (
	format      = 1
	maxManifest = 64 << 20 // bytes
	maxParts    = 1_000_000
)

// damaged is the fault for a file that isn't a whole backup.
func damaged(text string, args ...any) error {
	e := fault.New(fault.Invalid, "BackupDamaged", text, args...)
	e.Message = "the backup can't be used: " + e.Message
	return e
}

// readManifest decodes a manifest and checks it.
func readManifest(data []byte) (*Manifest, error) {
	m := &Manifest{}
	d := json.NewDecoder(strings.NewReader(string(data)))
	if err := d.Decode(m); err != nil {
		return nil, damaged("its manifest isn't valid JSON: %s", err)
	}
	switch {
	case m.Format != format:
		return nil, fault.New(fault.Invalid, "BackupTooNew", "the backup has format %d, and this program knows %d: use the program that made it", m.Format, format)
	case m.ID == "" || m.Time <= 0 || len(m.Parts) > maxParts:
		return nil, damaged("its manifest is incomplete")
	}
	seen := map[string]bool{}
	for i := range m.Parts {
		p := &m.Parts[i]
		switch {
		case p.Kind != CockpitPart && p.Kind != ControllerPart && p.Kind != AgentPart && p.Kind != FilePart:
			return nil, damaged("its manifest has a part of the unknown kind %q", p.Kind)
		case p.Name == "" || p.File != p.fileName() || p.Bytes < 0 || seen[p.File]:
			return nil, damaged("its manifest has a part that isn't as it should be: %q", p.Name)
		case p.Kind == FilePart && !filepath.IsLocal(p.Name):
			return nil, damaged("it holds a file that isn't below its folder: %q", p.Name)
		}
		seen[p.File] = true
	}
	return m, nil
}

// Find returns the parts of a kind that have the name; "" means every name.
func (m *Manifest) Find(kind, name string) []*Part {
	var found []*Part
	for i := range m.Parts {
		if p := &m.Parts[i]; p.Kind == kind && (name == "" || p.Name == name) {
			found = append(found, p)
		}
	}
	return found
}
