package objectfile

import (
	"maps"
	"path"
	"slices"
	"strconv"
	"strings"

	"github.com/signet-scheduler/signet/internal/fault"
	"github.com/signet-scheduler/signet/internal/release"
)

// Release is a manifest with its signatures, as files; each of them is by another
// person.
type Release struct {
	File       string
	Text       []byte
	Signatures []ReleaseSignature // by label and form
}

// ReleaseSignature is one signature of a release. Several of one form have labels,
// which tell their files apart: NAME.release.json.sshsig, NAME.release.json.bob.sshsig.
type ReleaseSignature struct {
	Label    string            // empty: none
	Evidence map[string][]byte // by suffix
}

// releaseForms are the suffixes of a release's signatures, those of one signature
// together.
var releaseForms = [...][]string{{".sig", ".pem"}, {".asc"}, {".sshsig"}, {".passkey"}}

// maxLabel bounds the label of a signature, in bytes.
const maxLabel = 32

// CheckLabel returns an error unless a signature's files may have this label: lower
// case, since file systems and archives may take both cases for the same.
func CheckLabel(label string) error {
	wrong := func(r rune) bool { return !(r >= 'a' && r <= 'z' || r >= '0' && r <= '9' || r == '-' || r == '_') }
	if label == "" || len(label) > maxLabel || strings.ContainsFunc(label, wrong) {
		return fault.New(fault.Invalid, "InvalidLabel", "%s is no label of a signature: it has 1 to %d lower-case letters, digits, - and _", excerpt(label), maxLabel)
	}
	return nil
}

// labelled returns a suffix with its label.
func labelled(label, suffix string) string {
	if label == "" {
		return suffix
	}
	return "." + label + suffix
}

// Files returns the files of the signature of a manifest.
func (s *ReleaseSignature) Files(manifest string) map[string][]byte {
	files := make(map[string][]byte, len(s.Evidence))
	for suffix, data := range s.Evidence {
		files[manifest+labelled(s.Label, suffix)] = data
	}
	return files
}

// has tells whether the signature has the form of some evidence.
func (s *ReleaseSignature) has(evidence map[string][]byte) bool {
	return formOf(s.Evidence) == formOf(evidence)
}

// formOf returns the place of evidence's form in releaseForms.
func formOf(evidence map[string][]byte) int {
	return slices.IndexFunc(releaseForms[:], func(suffixes []string) bool {
		return slices.ContainsFunc(suffixes, func(suffix string) bool { return evidence[suffix] != nil })
	})
}

// At returns the signature of the form of some evidence that has this label; nil:
// there is none.
func (r *Release) At(label string, evidence map[string][]byte) *ReleaseSignature {
	for i := range r.Signatures {
		if s := &r.Signatures[i]; s.Label == label && s.has(evidence) {
			return s
		}
	}
	return nil
}

// Add adds one signature more, with the first label that is free: none, 2, 3 and so on.
func (r *Release) Add(evidence map[string][]byte) *ReleaseSignature {
	label := ""
	for n := 2; r.At(label, evidence) != nil; n++ {
		label = strconv.Itoa(n)
	}
	r.Signatures = append(r.Signatures, ReleaseSignature{Label: label, Evidence: evidence})
	return &r.Signatures[len(r.Signatures)-1]
}

// Evidence returns the evidence of all signatures.
func (r *Release) Evidence() []map[string][]byte {
	all := make([]map[string][]byte, len(r.Signatures))
	for i := range r.Signatures {
		all[i] = r.Signatures[i].Evidence
	}
	return all
}

// Files returns the manifest and the files of its signatures; of nil there are none.
func (r *Release) Files() map[string][]byte {
	if r == nil {
		return nil
	}
	files := map[string][]byte{r.File: r.Text}
	for i := range r.Signatures {
		maps.Copy(files, r.Signatures[i].Files(r.File))
	}
	return files
}

// isRelease tells whether a file is a manifest of a release, or evidence of one.
func isRelease(name string) bool {
	return strings.HasSuffix(name, release.Suffix) || strings.Contains(path.Base(name), release.Suffix+".")
}

// ReadRelease reads a manifest with the signatures among the files of these names;
// read gives their contents. Problems are those of Contents.
func ReadRelease(manifest string, names []string, files map[string][]byte) (*Release, error) {
	c := newCollector(inMemory{&Entries{files: files}})
	r := c.release(append([]string{manifest}, names...), files)
	_, err := c.result()
	return r, err
}

// release reads the one manifest that may be there, and the signatures beside it.
func (c *collector) release(names []string, files map[string][]byte) *Release {
	var r *Release
	for _, name := range names {
		switch manifest := strings.HasSuffix(name, release.Suffix); {
		case manifest && strings.Contains(name, "/"):
			c.report(fault.Invalid, name, "a release lies in no folder")
		case manifest && r != nil:
			c.report(fault.Invalid, name, "there is a release already: %s", r.File)
		case manifest:
			r = &Release{File: name, Text: files[name]}
		}
	}
	for _, name := range slices.Sorted(slices.Values(names)) {
		if strings.HasSuffix(name, release.Suffix) {
			continue
		}
		label, suffix, known := "", "", false
		if r != nil {
			label, suffix, known = cutSignature(name, r.File)
		}
		switch {
		case !known:
			c.report(fault.Untrusted, name, "this is no signature of a release that is there")
		case len(files[name]) == 0:
			c.report(fault.Untrusted, name, "the file is empty")
		case len(files[name]) > MaxEvidence:
			c.report(fault.Untrusted, name, "the file is larger than %d bytes", MaxEvidence)
		case isPrivateKey(files[name]):
			c.report(fault.Untrusted, name, keyNotEvidence)
		default:
			r.take(label, suffix, files[name])
		}
	}
	if r != nil {
		slices.SortStableFunc(r.Signatures, func(a, b ReleaseSignature) int {
			if by := strings.Compare(a.Label, b.Label); by != 0 {
				return by
			}
			return formOf(a.Evidence) - formOf(b.Evidence)
		})
		if len(r.Signatures) > release.MaxSignatures {
			c.report(fault.Untrusted, r.File, "it has %d signatures; a release has at most %d", len(r.Signatures), release.MaxSignatures)
		}
	}
	return r
}

// take adds one file of a signature.
func (r *Release) take(label, suffix string, data []byte) {
	evidence := map[string][]byte{suffix: data}
	if s := r.At(label, evidence); s != nil {
		s.Evidence[suffix] = data
		return
	}
	r.Signatures = append(r.Signatures, ReleaseSignature{Label: label, Evidence: evidence})
}

// cutSignature reads the name of a signature's file.
func cutSignature(name, manifest string) (label, suffix string, ok bool) {
	rest, ok := strings.CutPrefix(name, manifest+".")
	if !ok {
		return "", "", false
	}
	label, suffix, two := strings.Cut(rest, ".")
	if !two {
		label, suffix = "", rest
	} else if CheckLabel(label) != nil {
		return "", "", false
	}
	suffix = "." + suffix
	return label, suffix, slices.Contains(EvidenceSuffixes(), suffix)
}
