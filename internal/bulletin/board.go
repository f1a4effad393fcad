package bulletin

import (
	"crypto/x509"
	"encoding/pem"
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"sync"

	"github.com/signet-scheduler/signet/internal/clock"
	"github.com/signet-scheduler/signet/internal/fault"
	"github.com/signet-scheduler/signet/internal/fsys"
	"github.com/signet-scheduler/signet/internal/part"
	"github.com/signet-scheduler/signet/internal/pki"
	"github.com/signet-scheduler/signet/internal/policy"
)

// Shelf is a folder of files that count for one purpose: what lies there is
// signed by an authority among those that the machine trusts for it.
type Shelf struct {
	Name string
	// Anchors are the authorities that are trusted for the purpose. Nil, at the last
	// shelf: what no other takes is kept, to be passed on to those who trust it.
	Anchors func() []*x509.Certificate
	Local   bool // what belongs nowhere else isn't passed on
	// Accept is set for a shelf of trust policies: it verifies one. Such a shelf takes
	// nothing else.
	Accept func(policy.Bundle) error
}

// The shelves of parts.
const (
	Connections = "connections" // of those that sign certificates of parts
	Signers     = "signers"     // of those that sign certificates of signers
	Users       = "users"       // of those that sign certificates of users
	Others      = "others"      // lists to be passed on
)

// Options describes a board.
type Options struct {
	Dir     string // DATA/trust; a folder for each shelf is made in it
	FS      fsys.FS
	Clock   clock.Clock
	Shelves []Shelf
}

// Board holds the newest version of each file that is trusted here. Safe for
// concurrent use.
type Board struct {
	o Options

	mu      sync.Mutex
	held    map[string]*content     // by id
	refused map[string]part.Holding // by id: what was refused last
	changed chan struct{}           // closed when there is something new
}

// The endings of files: a list, and the certificates that came with it; a trust
// policy with its signatures.
const (
	listEnd   = ".crl"
	issuerEnd = ".issuer"
	policyEnd = ".json"
)

// Dir returns the folder of a shelf in a part's data folder.
func Dir(dataDir, shelf string) string { return filepath.Join(dataDir, "trust", shelf) }

// Open reads what is held, and makes the folders.
func Open(o Options) (*Board, error) {
	if o.FS == nil {
		o.FS = fsys.Real{}
	}
	if o.Clock == nil {
		o.Clock = clock.Real{}
	}
	b := &Board{o: o, held: map[string]*content{}, refused: map[string]part.Holding{}, changed: make(chan struct{})}
	for _, s := range o.Shelves {
		if err := b.open(s); err != nil {
			return nil, err
		}
	}
	return b, nil
}

func (b *Board) open(s Shelf) error {
	dir := filepath.Join(b.o.Dir, s.Name)
	unusable := func(err error, name string) error {
		return fault.Wrap(fault.Unavailable, "TrustUnreadable", err, "%s can't be read", filepath.Join(dir, name))
	}
	if err := b.o.FS.MkdirAll(dir); err != nil {
		return unusable(err, "")
	}
	files, err := b.o.FS.List(dir)
	if err != nil {
		return unusable(err, "")
	}
	for _, f := range files {
		end := listEnd
		if s.Accept != nil {
			end = policyEnd
		}
		id, ok := strings.CutSuffix(f.Name, end)
		if !ok {
			continue
		}
		text, err := fsys.ReadFile(b.o.FS, filepath.Join(dir, f.Name), MaxNotice)
		if err != nil {
			return unusable(err, f.Name)
		}
		n := Notice{TrustPolicy, string(text)}
		if s.Accept == nil {
			issuers, err := fsys.ReadFile(b.o.FS, filepath.Join(dir, id+issuerEnd), MaxNotice)
			if err != nil {
				return unusable(err, id+issuerEnd)
			}
			n = Notice{CRL, string(text) + string(issuers)}
		}
		c, err := read(n)
		if err != nil {
			return fault.Wrap(fault.Corrupt, "CorruptTrust", err, "trust material that was received is damaged; remove all files with the name %s, and it is sent again", id).About(dir)
		}
		c.local = s.Local
		switch known := b.held[c.held.ID]; {
		case known == nil || known.version.Cmp(c.version) < 0:
			b.held[c.held.ID] = c
		case known.version.Cmp(c.version) == 0:
			known.local = known.local && s.Local
		}
	}
	return nil
}

// Post puts a notice up, if it is newer than the one that is there, and tells
// whether it was. It is refused, as Untrusted, when no shelf is for it; with
// Conflict when there is a newer one or another of the same version.
func (b *Board) Post(n Notice) (bool, error) {
	c, err := read(n)
	if err != nil {
		return false, err
	}
	_, changed, err := b.post(c)
	return changed, err
}

func (b *Board) post(c *content) (Held, bool, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	known := b.held[c.held.ID]
	if known == nil && len(b.held) >= maxNotices {
		return c.held, false, fault.New(fault.TooLarge, "TooManyNotices", "the lists of %d issuers are kept, no more", maxNotices)
	}
	if isNew, err := c.supersedes(known); err != nil || !isNew {
		return c.held, false, err
	}
	shelves, err := b.shelves(c)
	if err != nil {
		return c.held, false, err
	}
	for _, dir := range shelves {
		if err := b.write(dir, c); err != nil {
			return c.held, false, err
		}
	}
	b.held[c.held.ID] = c
	delete(b.refused, c.held.ID)
	close(b.changed)
	b.changed = make(chan struct{})
	return c.held, true, nil
}

// shelves returns the folders that a file belongs to.
func (b *Board) shelves(c *content) ([]string, error) {
	var dirs []string
	var refused error
	c.local = true
	now := b.o.Clock.Now()
	for _, s := range b.o.Shelves {
		switch {
		case (s.Accept != nil) != (c.bundle != nil), s.Anchors == nil && s.Accept == nil && len(dirs) > 0:
			continue
		case s.Accept != nil:
			if err := s.Accept(*c.bundle); err != nil {
				refused = err
				continue
			}
		case s.Anchors != nil:
			if err := c.trusted(s.Anchors(), now); err != nil {
				refused = err
				continue
			}
		}
		dirs = append(dirs, filepath.Join(b.o.Dir, s.Name))
		c.local = c.local && s.Local
	}
	if len(dirs) == 0 && refused == nil {
		refused = fault.New(fault.Untrusted, "UnknownKind", "trust material of the kind %s has no use here", c.held.Kind)
	}
	if len(dirs) == 0 {
		return nil, refused
	}
	return dirs, nil
}

// write puts a file into a folder. The issuers come first: the list is what
// counts, and a newer certificate of the same key fits the list before, too.
func (b *Board) write(dir string, c *content) error {
	prefix := filepath.Join(dir, c.held.ID)
	var err error
	if c.bundle != nil {
		err = fsys.WriteFileAtomic(b.o.FS, prefix+policyEnd, []byte(c.text))
	} else if err = fsys.WriteFileAtomic(b.o.FS, prefix+issuerEnd, pki.EncodeCertsPEM(c.issuers...)); err == nil {
		err = fsys.WriteFileAtomic(b.o.FS, prefix+listEnd, pem.EncodeToMemory(&pem.Block{Type: "X509 CRL", Bytes: c.list.Raw}))
	}
	switch {
	case err == nil:
		return nil
	case fsys.IsNoSpace(err):
		return fault.Wrap(fault.NoSpace, "DiskFull", err, "%s can't be written: the disk is full", prefix)
	}
	return fault.Wrap(fault.Unavailable, "FileUnwritable", err, "%s can't be written", prefix)
}

// Held tells what is on the board, in a stable order.
func (b *Board) Held() []Held {
	b.mu.Lock()
	defer b.mu.Unlock()
	all := []Held{}
	for _, id := range slices.Sorted(maps.Keys(b.held)) {
		all = append(all, b.held[id].held)
	}
	return all
}

// Holdings tells what is on the board, and which versions were refused last, as
// others are told of it.
func (b *Board) Holdings() []part.Holding {
	b.mu.Lock()
	defer b.mu.Unlock()
	var all []part.Holding
	for _, id := range slices.Sorted(maps.Keys(b.held)) {
		h := b.held[id].held
		all = append(all, part.Holding{Kind: string(h.Kind), ID: h.ID, Version: h.Version})
	}
	for _, id := range slices.Sorted(maps.Keys(b.refused)) {
		all = append(all, b.refused[id])
	}
	return all
}

// refuse remembers what was refused, as long as there is little of it.
func (b *Board) refuse(r Refusal) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if _, known := b.refused[r.ID]; r.ID != "" && (known || len(b.refused) < maxRefused) {
		b.refused[r.ID] = part.Holding{Kind: string(r.Kind), ID: r.ID, Version: r.Version, Refused: r.Code}
	}
}

// Entry is a notice with what tells it from others.
type Entry struct {
	Held
	Text  string
	List  *x509.RevocationList // of a CRL
	Local bool                 // it isn't passed on
}

// All returns everything on the board.
func (b *Board) All() []Entry {
	all, _ := b.newer(nil)
	entries := make([]Entry, len(all))
	for i, c := range all {
		entries[i] = Entry{c.held, c.text, c.list, c.local}
	}
	return entries
}

// newer returns what is newer here than elsewhere, and a channel that is closed
// when something changes.
func (b *Board) newer(than []Held) ([]*content, <-chan struct{}) {
	b.mu.Lock()
	defer b.mu.Unlock()
	there := map[string]string{}
	for _, h := range than {
		there[string(h.Kind)+" "+h.ID] = h.Version
	}
	var all []*content
	for _, id := range slices.Sorted(maps.Keys(b.held)) {
		c := b.held[id]
		if version, ok := there[string(c.held.Kind)+" "+id]; !ok || older(version, c.version) {
			all = append(all, c)
		}
	}
	return all, b.changed
}
