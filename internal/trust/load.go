package trust

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/signet-scheduler/signet/internal/fault"
)

// Bounds of a trust directory.
const (
	MaxTrustFiles    = 1000    // files in one directory
	MaxTrustFileSize = 1 << 20 // bytes of one file
)

// Dirs names the trust directories. An empty name or a missing directory trusts
// nobody of that kind.
type Dirs struct {
	X509 string // *.pem: CA certificates and signers' own; *.crl: revocation lists
	PGP  string // *.asc: armoured public keys
	SSH  string // *.pub: one public key line each

	Passkey string // *.json: one passkey each
	// Sent has *.crl: revocation lists that were sent to the machine, beside those
	// that its administrator puts in.
	Sent string
}

// OneDir returns the directories for a folder that holds keys of the kinds X509,
// PGP and SSH side by side.
func OneDir(path string) Dirs { return Dirs{X509: path, PGP: path, SSH: path} }

// Load reads the trust directories. Files that begin with "." are ignored; a
// file that can't be used is skipped and reported by Set.Warnings, but a
// revocation list that can't be used is an error, since skipping it would trust
// more.
//
// Load refuses, with code InsecureTrustDirectory, a directory or file that its
// group or everybody can write, or that belongs to neither root nor the user of
// this process; and, with code UnreadableTrust, a directory that can't be read or
// holds more than MaxTrustFiles files.
func Load(dirs Dirs, p Policy) (*Set, error) {
	l, err := newLoader(dirs, p)
	if err != nil {
		return nil, err
	}
	set, err := l.load(time.Time{})
	if err != nil {
		return nil, err
	}
	return set, nil
}

// graceTime is how long the former content of a file counts while the file can't
// be used: somebody may be writing it. After that it counts as removed.
const graceTime = time.Second

// settleTime is how old a file's last change must be to trust its stamp: two
// changes within the file system's clock tick leave the same stamp.
const settleTime = 2 * time.Second

// settled tells whether a file that was read at a time is as its stamp says.
func (s fileStamp) settled(readAt time.Time) bool { return readAt.Sub(s.changed) > settleTime }

// isForeign tells whether an owner is neither root nor the user.
func isForeign(owner uint32, user int) bool { return owner != 0 && int(owner) != user }

// loader reads trust directories again and again, and remembers what it read.
// It isn't safe for concurrent use.
type loader struct {
	dirs   Dirs
	policy Policy
	files  map[fileKey]*trustFile
	// badDirs tells since when a directory can't be read, by the caller's clock.
	badDirs map[Kind]time.Time
}

type fileKey struct {
	kind Kind
	name string
}

func (k fileKey) compare(other fileKey) int {
	return cmp.Or(strings.Compare(string(k.kind), string(other.kind)), strings.Compare(k.name, other.name))
}

// trustFile is what is known of one file.
type trustFile struct {
	stamp    fileStamp
	readAt   time.Time // the system's clock, as the stamp
	anchors  []anchor
	problem  string    // why it can't be used now
	badSince time.Time // the caller's clock
}

func newLoader(dirs Dirs, p Policy) (*loader, error) {
	p, err := p.check()
	if err != nil {
		return nil, err
	}
	return &loader{dirs: dirs, policy: p, files: map[fileKey]*trustFile{}, badDirs: map[Kind]time.Time{}}, nil
}

// trustDir is one directory with the suffixes of its files of one kind.
type trustDir struct {
	kind     Kind
	path     string
	suffixes []string
	// all are the suffixes of all kinds that have this directory; nil when an
	// earlier kind has told about the files with others.
	all []string
}

func (d Dirs) list() []trustDir {
	dirs := []trustDir{
		{kind: X509, path: d.X509, suffixes: []string{".pem", suffixCRL}},
		{kind: PGP, path: d.PGP, suffixes: []string{".asc"}},
		{kind: SSH, path: d.SSH, suffixes: []string{".pub"}},
		{kind: Passkey, path: d.Passkey, suffixes: []string{".json"}},
		{kind: sentLists, path: d.Sent, suffixes: []string{suffixCRL, suffixIssuer}},
	}
	first := map[string]int{}
	for i, dir := range dirs {
		at, known := first[dir.path]
		if !known {
			at, first[dir.path] = i, i
		}
		dirs[at].all = append(dirs[at].all, dir.suffixes...)
	}
	return dirs
}

// load reads what has changed. The set is never nil: on an error it holds what
// is still certain, that is, what was read earlier and hasn't been removed.
func (l *loader) load(now time.Time) (*Set, error) {
	next := map[fileKey]*trustFile{}
	var warnings []fault.Problem
	var firstErr error
	note := func(err error) {
		if firstErr == nil {
			firstErr = err
		}
	}
	for _, dir := range l.dirs.list() {
		names, problems, err := listTrustDir(dir)
		warnings = append(warnings, problems...)
		note(err)
		if fault.HasCode(err, CodeUnreadableTrust) {
			l.keepUnreadable(dir.kind, next, now)
			continue
		}
		delete(l.badDirs, dir.kind)
		for _, name := range names {
			if strings.HasSuffix(name, suffixIssuer) {
				continue // it comes with a list, and vouches for nobody
			}
			key := fileKey{dir.kind, name}
			path := filepath.Join(dir.path, name)
			file, fileErr := l.file(key, path, err != nil, now)
			note(fileErr)
			if file == nil {
				continue
			}
			next[key] = file
			if file.problem != "" {
				warnings = append(warnings, fault.Problem{Where: path, Message: file.problem})
			}
		}
	}
	l.files = next
	var anchors []anchor
	for _, key := range slices.SortedFunc(maps.Keys(next), fileKey.compare) {
		anchors = append(anchors, next[key].anchors...)
	}
	return buildSet(l.policy, anchors, warnings), firstErr
}

// keepUnreadable keeps what was read from a directory that can't be read now,
// for graceTime.
func (l *loader) keepUnreadable(kind Kind, next map[fileKey]*trustFile, now time.Time) {
	since, bad := l.badDirs[kind]
	if !bad {
		since, l.badDirs[kind] = now, now
	}
	if now.Sub(since) >= graceTime {
		return
	}
	for key, file := range l.files {
		if key.kind == kind {
			next[key] = file
		}
	}
}

// listTrustDir returns the names of the trust files in a directory, sorted. The
// names come also with an error about the directory's rights.
func listTrustDir(dir trustDir) (names []string, problems []fault.Problem, err error) {
	info, err := os.Stat(dir.path)
	if errors.Is(err, fs.ErrNotExist) { // also for an empty name
		return nil, nil, nil
	}
	if err != nil {
		return nil, nil, refuseFor(CodeUnreadableTrust, err, "the trust directory %s can't be read", dir.path)
	}
	entries, err := os.ReadDir(dir.path)
	if err != nil {
		return nil, nil, refuseFor(CodeUnreadableTrust, err, "the trust directory %s can't be read", dir.path)
	}
	for _, entry := range entries {
		name := entry.Name()
		if strings.HasPrefix(name, ".") {
			continue
		}
		if dir.all != nil && !hasSuffix(name, dir.all) {
			problems = append(problems, fault.Problem{
				Where:   filepath.Join(dir.path, name),
				Message: "it is ignored, since its name doesn't end with " + strings.Join(dir.all, " or "),
			})
		}
		if !hasSuffix(name, dir.suffixes) {
			continue
		}
		names = append(names, name)
	}
	if len(names) > MaxTrustFiles {
		return nil, problems, refuse(CodeUnreadableTrust, "the trust directory %s holds %d files; %d are accepted", dir.path, len(names), MaxTrustFiles)
	}
	stamp, err := stampOf(info)
	if err == nil {
		err = stamp.checkSecure()
	}
	if err != nil {
		return names, problems, refuse(CodeInsecureTrustDirectory, "the trust directory %s is refused: %s", dir.path, err)
	}
	return names, problems, nil
}

func hasSuffix(name string, suffixes []string) bool {
	for _, suffix := range suffixes {
		if strings.HasSuffix(name, suffix) {
			return true
		}
	}
	return false
}

// file returns what is to be believed of one file; nil for nothing. In a frozen
// directory, one that others could write, nothing new is believed: a file counts
// only if it is as it was when it was read.
func (l *loader) file(key fileKey, path string, frozen bool, now time.Time) (*trustFile, error) {
	old := l.files[key]
	info, err := os.Stat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil // it went between listing and looking
	}
	var stamp fileStamp
	if err == nil {
		stamp, err = stampOf(info)
	}
	if err == nil {
		if insecure := stamp.checkSecure(); insecure != nil {
			return nil, refuse(CodeInsecureTrustDirectory, "the trust file %s is refused: %s", path, insecure)
		}
		same := old != nil && old.stamp == stamp && old.problem == ""
		switch {
		case frozen && same:
			return old, nil
		case frozen:
			return nil, nil
		case same && stamp.settled(old.readAt):
			return old, nil
		}
	}
	fresh := &trustFile{stamp: stamp, readAt: time.Now()}
	if err == nil {
		fresh.anchors, err = readTrustFile(key, path, stamp)
	}
	if err == nil {
		return fresh, nil
	}
	return l.unusable(key, path, fresh, err, now)
}

// unusable decides about a file that can't be used. Its former content counts
// for graceTime; that of a revocation list counts on, for forgetting it would
// trust more.
func (l *loader) unusable(key fileKey, path string, fresh *trustFile, cause error, now time.Time) (*trustFile, error) {
	fresh.problem = "it can't be used: " + cause.Error()
	fresh.badSince = now
	old := l.files[key]
	if old != nil {
		if old.problem != "" {
			fresh.badSince = old.badSince
		}
		fresh.anchors = old.anchors
	}
	if strings.HasSuffix(key.name, suffixCRL) {
		return fresh, refuse(CodeUnreadableTrust, "the revocation list %s can't be used: %s", path, cause)
	}
	if now.Sub(fresh.badSince) >= graceTime {
		fresh.anchors = nil
	}
	return fresh, nil
}

// readTrustFile reads and parses one file of bounded size.
func readTrustFile(key fileKey, path string, stamp fileStamp) ([]anchor, error) {
	// Opening a named pipe would wait for ever.
	if !stamp.mode.IsRegular() {
		return nil, errors.New("it is no regular file")
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("opening it: %w", err)
	}
	content, err := readBounded(f, stamp)
	// A file that was only read has nothing to lose when it is closed.
	_ = f.Close()
	if err != nil {
		return nil, err
	}
	return readAnchors(key.kind, key.name, content)
}

// readBounded reads an open file, which must be the one that was looked at.
func readBounded(f *os.File, stamp fileStamp) ([]byte, error) {
	info, err := f.Stat()
	if err != nil {
		return nil, fmt.Errorf("looking at it: %w", err)
	}
	if opened, err := stampOf(info); err != nil || opened != stamp {
		return nil, errors.New("it is being changed")
	}
	content, err := io.ReadAll(io.LimitReader(f, MaxTrustFileSize+1))
	if err != nil {
		return nil, fmt.Errorf("reading it: %w", err)
	}
	if len(content) > MaxTrustFileSize {
		return nil, fmt.Errorf("it is longer than %d bytes", MaxTrustFileSize)
	}
	return content, nil
}
