package release

import (
	"encoding/hex"
	"strconv"
	"strings"
)

// The codes of refusals that are about releases; all are Untrusted.
const (
	CodeNotInRelease    = "NotInRelease"    // the release lists another text, or not this document
	CodeReleaseMissing  = "ReleaseMissing"  // the evidence names a release that isn't here
	CodeReleaseOutdated = "ReleaseOutdated" // a newer release is known already
	CodeReleaseExpired  = "ReleaseExpired"  // the release came after its end
	CodeReleaseNotYet   = "ReleaseNotYetValid"
	CodeWrongAudience   = "WrongAudience"     // the release is for another installation
	CodeIncomplete      = "ReleaseIncomplete" // documents that the release lists are missing
)

// Reference is the evidence of a document that came with a release.
type Reference struct {
	Serial int64
	SHA256 [32]byte // of the manifest's exact text
}

// Refer returns the reference to a manifest's text.
func Refer(m *Manifest, text string) Reference {
	return Reference{Serial: m.Serial, SHA256: Digest(text)}
}

const (
	referenceHead = `{"TYPE":"Release","serial":`
	referenceMid  = `,"sha256":"`
	referenceTail = `"}`
)

// Evidence returns the reference in the one form in which evidence has it:
// {"TYPE":"Release","serial":7,"sha256":"..."}.
func (r Reference) Evidence() string {
	return referenceHead + strconv.FormatInt(r.Serial, 10) + referenceMid + hex.EncodeToString(r.SHA256[:]) + referenceTail
}

// ReferenceOf reads what Evidence writes; false for every other text.
func ReferenceOf(evidence string) (Reference, bool) {
	rest, ok := strings.CutPrefix(evidence, referenceHead)
	if !ok {
		return Reference{}, false
	}
	number, rest, _ := strings.Cut(rest, referenceMid)
	var r Reference
	var err error
	if r.Serial, err = strconv.ParseInt(number, 10, 64); err != nil || r.Serial < 1 || r.Serial > maxSerial {
		return Reference{}, false
	}
	sum, err := hex.DecodeString(strings.TrimSuffix(rest, referenceTail))
	if err != nil || len(sum) != len(r.SHA256) {
		return Reference{}, false
	}
	copy(r.SHA256[:], sum)
	return r, r.Evidence() == evidence
}

// Path returns the path under which the items of a machine have the release.
func (r Reference) Path() string { return strconv.FormatInt(r.Serial, 10) }
