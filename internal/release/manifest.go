package release

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"slices"
	"time"

	"github.com/signet-scheduler/signet/internal/fault"
	"github.com/signet-scheduler/signet/internal/item"
)

// Bounds of a manifest.
const (
	MaxObjects = 100_000  // documents that it lists
	MaxBytes   = 32 << 20 // of its text
	MaxText    = 2000     // bytes of its reason
	MaxName    = 128      // characters of a name

	MaxSignatures = 16 // of one release
)

// Suffix is how the file of a manifest ends: NAME.release.json.
const Suffix = ".release.json"

// maxSerial is the highest number that every reader of JSON keeps.
const maxSerial = 1<<53 - 1

// Manifest is a release: the documents, for whom they are, and which release it
// is in the sequence of all releases of that installation.
type Manifest struct {
	Name     string
	Audience string // id of the installation that it is for
	Serial   int64  // 1 to 2^53-1; a later release has a higher one
	Created  time.Time
	Expires  time.Time // who gets it for the first time then or later refuses it
	Author   string    // who put it together; not proven, unlike who signed
	Reason   string
	// OlderUntil is until when orders that are under way may bring the versions
	// that this release replaces to Agents which haven't got them yet; zero: never.
	OlderUntil time.Time
	Objects    []Object // sorted by kind and path; each once
}

// Object is a document of a release.
type Object struct {
	Key       item.Key
	VersionID string   // of workflows
	SHA256    [32]byte // of the document's exact bytes
}

// NewObject lists a document.
func NewObject(k item.Key, versionID string, text []byte) Object {
	return Object{Key: k, VersionID: versionID, SHA256: sha256.Sum256(text)}
}

func compareObjects(a, b Object) int { return a.Key.Compare(b.Key) }

// Object returns what the release says of a document.
func (m *Manifest) Object(k item.Key) (Object, bool) {
	i, ok := slices.BinarySearchFunc(m.Objects, k, func(o Object, k item.Key) int { return o.Key.Compare(k) })
	if !ok {
		return Object{}, false
	}
	return m.Objects[i], true
}

// Covers returns an Untrusted fault unless the release lists exactly this
// document: its kind, path, version and bytes.
func (m *Manifest) Covers(k item.Key, versionID, text string) error {
	o, ok := m.Object(k)
	switch {
	case !ok:
		return fault.New(fault.Untrusted, CodeNotInRelease, "the release %s doesn't list %s", m.Name, k)
	case o.VersionID != versionID:
		return fault.New(fault.Untrusted, CodeNotInRelease, "the release %s lists version %q of %s, not %q", m.Name, o.VersionID, k, versionID)
	case o.SHA256 != sha256.Sum256([]byte(text)):
		return fault.New(fault.Untrusted, CodeNotInRelease, "the release %s lists %s with another text", m.Name, k)
	}
	return nil
}

// manifestJSON fixes the members and their order.
type manifestJSON struct {
	Type       string       `json:"TYPE"`
	Name       string       `json:"name"`
	Audience   string       `json:"audience"`
	Serial     int64        `json:"serial"`
	Created    string       `json:"created"`
	Expires    string       `json:"expires"`
	Author     string       `json:"author"`
	Reason     string       `json:"reason,omitempty"`
	OlderUntil string       `json:"olderUntil,omitempty"`
	Objects    []objectJSON `json:"objects"`
}

type objectJSON struct {
	Kind      item.Kind `json:"kind"`
	Path      string    `json:"path"`
	VersionID string    `json:"versionId,omitempty"`
	SHA256    string    `json:"sha256"`
}

// Text returns the manifest as the text that is signed, with one object a line, so
// that people can read it and compare it with another. It sorts the objects, and
// is Invalid where Parse would refuse what it writes.
func (m *Manifest) Text() ([]byte, error) {
	slices.SortFunc(m.Objects, compareObjects)
	head := manifestJSON{
		Type: "Release", Name: m.Name, Audience: m.Audience, Serial: m.Serial, Created: formatTime(m.Created), Expires: formatTime(m.Expires),
		Author: m.Author, Reason: m.Reason, OlderUntil: formatTime(m.OlderUntil), Objects: []objectJSON{},
	}
	var b bytes.Buffer
	if err := writeJSON(&b, head); err != nil {
		return nil, err
	}
	b.Truncate(b.Len() - len("]}")) // the list is written line by line
	for i, o := range m.Objects {
		if i > 0 {
			b.WriteByte(',')
		}
		b.WriteString("\n  ")
		if err := writeJSON(&b, objectJSON{o.Key.Kind, o.Key.Path, o.VersionID, hex.EncodeToString(o.SHA256[:])}); err != nil {
			return nil, err
		}
	}
	b.WriteString("\n]}\n")
	if _, err := Parse(b.Bytes()); err != nil {
		return nil, err
	}
	return b.Bytes(), nil
}

// writeJSON writes without the line end and the escapes that json.Encoder adds.
func writeJSON(b *bytes.Buffer, v any) error {
	e := json.NewEncoder(b)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		return fault.Wrap(fault.Internal, "EncodingFailed", err, "the release can't be written")
	}
	b.Truncate(b.Len() - 1)
	return nil
}

func formatTime(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.UTC().Format(time.RFC3339)
}

// Digest identifies the exact text of a manifest.
func Digest(text string) [32]byte { return sha256.Sum256([]byte(text)) }

// FileName returns the name of a manifest's file.
func FileName(name string) string { return name + Suffix }
