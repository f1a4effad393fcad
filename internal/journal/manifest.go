package journal

import (
	"bytes"
	"encoding/hex"
	"errors"
	"fmt"
	"hash/crc32"
	"io/fs"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/signet-scheduler/signet/internal/fault"
	"github.com/signet-scheduler/signet/internal/fsys"
)

// Names in the log's folder.
const (
	manifestFile = "manifest"
	manifestNext = "manifest.next" // space reserved for the next one
	logDir       = "log"
	snapDir      = "snapshots"
	asideDir     = "tmp" // emptied at start
	spareFile    = "spare"
)

// manifestSpace is the least space reserved for the next manifest, in bytes.
const manifestSpace = 16 << 10

// maxManifest bounds what is read; some 800,000 segments.
const maxManifest = 64 << 20

// manifest names what belongs to the log. It is replaced in one step.
type manifest struct {
	id       [16]byte
	before   position // what precedes the first entry
	snapshot Meta
	file     string // of the snapshot; "" at birth: the empty state
	bytes    int64  // its length
	sealed   []sealedSegment
	active   uint64 // number of the segment that is written
	owner    uint64 // Options.Owner at birth, or SetOwner's; 0: none
	retired  bool   // its owner may not use it any more
}

type sealedSegment struct {
	number uint64
	size   int64
	chain  uint32
}

const manifestMagic = "signet-journal 1\n"

// encode returns the manifest's text; the last line is the checksum of all before.
func (m *manifest) encode() []byte {
	var b bytes.Buffer
	b.WriteString(manifestMagic)
	fmt.Fprintf(&b, "id %x\n", m.id)
	fmt.Fprintf(&b, "before %d %d %d\n", m.before.index, m.before.term, m.before.seq)
	s := &m.snapshot
	fmt.Fprintf(&b, "snapshot %d %d %d %q %d %x\n", s.Index, s.Term, s.Seq, m.file, m.bytes, s.Conf)
	for _, s := range m.sealed {
		fmt.Fprintf(&b, "sealed %d %d %08x\n", s.number, s.size, s.chain)
	}
	fmt.Fprintf(&b, "active %d\n", m.active)
	if m.owner != 0 {
		fmt.Fprintf(&b, "owner %d\n", m.owner)
	}
	if m.retired {
		b.WriteString("retired\n")
	}
	fmt.Fprintf(&b, "crc32c %08x\n", crc32.Checksum(b.Bytes(), castagnoli))
	return b.Bytes()
}

// decodeManifest is the inverse of encode; it takes nothing encode wouldn't write.
func decodeManifest(data []byte) (*manifest, error) {
	body, last, ok := bytes.Cut(data, []byte("crc32c "))
	if !ok || string(last) != fmt.Sprintf("%08x\n", crc32.Checksum(body, castagnoli)) {
		return nil, errors.New("its checksum doesn't fit")
	}
	text, ok := strings.CutPrefix(string(body), manifestMagic)
	if !ok {
		return nil, errors.New("it isn't of a format this version knows")
	}
	m := &manifest{}
	for line := range strings.Lines(text) {
		if err := m.decodeLine(strings.Fields(line)); err != nil {
			return nil, err
		}
	}
	if !bytes.Equal(m.encode(), data) {
		return nil, errors.New("it isn't in the form this version writes")
	}
	return m, nil
}

// decodeLine reads one line. What it makes of a wrong one doesn't matter, as
// the whole is encoded again and compared; numbers alone must be errors.
func (m *manifest) decodeLine(words []string) error {
	n := numbers{words: words}
	switch n.word() {
	case "id":
		id, err := hex.DecodeString(n.word())
		if err != nil || len(id) != len(m.id) {
			return errors.New("its log id is wrong")
		}
		copy(m.id[:], id)
	case "before":
		m.before = position{n.u64(10), n.u64(10), n.u64(10)}
	case "snapshot":
		m.snapshot = Meta{Index: n.u64(10), Term: n.u64(10), Seq: n.u64(10)}
		file, err := strconv.Unquote(n.word())
		if err != nil || file != filepath.Base(file) && file != "" {
			return errors.New("its snapshot's name is wrong")
		}
		m.file, m.bytes = file, int64(n.u64(10))
		conf, err := hex.DecodeString(n.word())
		if err != nil {
			return err
		}
		if len(conf) > 0 {
			m.snapshot.Conf = conf
		}
	case "sealed":
		m.sealed = append(m.sealed, sealedSegment{n.u64(10), int64(n.u64(10)), uint32(n.u64(16))})
	case "active":
		m.active = n.u64(10)
	case "owner":
		m.owner = n.u64(10)
	case "retired":
		m.retired = true
	default:
		return fmt.Errorf("it has a line of an unknown kind %q", words)
	}
	return n.err
}

// numbers takes the words of a line one by one.
type numbers struct {
	words []string
	err   error
}

func (n *numbers) word() string {
	if len(n.words) == 0 {
		return ""
	}
	w := n.words[0]
	n.words = n.words[1:]
	return w
}

func (n *numbers) u64(base int) uint64 {
	v, err := strconv.ParseUint(n.word(), base, 64)
	if err != nil {
		n.err = err
	}
	return v
}

// readManifest returns nil when there is no log yet.
func readManifest(disk fsys.FS, dir string) (*manifest, error) {
	name := filepath.Join(dir, manifestFile)
	data, err := fsys.ReadFile(disk, name, maxManifest)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	m, err := decodeManifest(data)
	if err != nil {
		e := damaged(name, 0, "the manifest can't be used: %s", err)
		return nil, e
	}
	return m, nil
}

// errNoManifest says that the disk is too full for a new manifest. Nothing has
// changed.
var errNoManifest = errors.New("no space for a new manifest")

// replaceManifest makes m the log's manifest. It uses the file reserved for
// it, so that it needs no new space on the disk; if that is missing, the spare
// segment is given up for it. After any error but errNoManifest, which of the
// two manifests counts is unknown.
func (j *Journal) replaceManifest(m *manifest) error {
	err := j.writeNextManifest(m)
	if fsys.IsNoSpace(err) && j.spare != nil {
		if err := errors.Join(j.spare.Truncate(0), j.spare.Close()); err != nil {
			return err
		}
		j.spare = nil
		err = j.writeNextManifest(m)
	}
	if fsys.IsNoSpace(err) {
		return fmt.Errorf("%w: %w", errNoManifest, err)
	}
	if err != nil {
		return err
	}
	if err := j.disk.Rename(filepath.Join(j.dir, manifestNext), filepath.Join(j.dir, manifestFile)); err != nil {
		return err
	}
	return j.disk.SyncDir(j.dir)
}

// writeNextManifest writes m into the reserved file, durably.
func (j *Journal) writeNextManifest(m *manifest) error {
	data := m.encode()
	if len(data) > maxManifest {
		return fault.New(fault.TooLarge, "TooManySegments", "the log in %s has too many files; a reader that never confirms keeps them", j.dir)
	}
	next := filepath.Join(j.dir, manifestNext)
	f, err := j.disk.OpenWrite(next)
	if errors.Is(err, fs.ErrNotExist) {
		f, err = j.disk.Create(next)
	}
	if err != nil {
		return err
	}
	_, err = f.WriteAt(data, 0)
	if err == nil {
		err = f.Truncate(int64(len(data)))
	}
	if err == nil {
		err = f.Sync()
	}
	if cerr := f.Close(); err == nil {
		err = cerr
	}
	return err
}
