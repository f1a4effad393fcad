package cli

import (
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/signet-scheduler/signet/internal/fault"
	"github.com/signet-scheduler/signet/internal/objectfile"
	"github.com/signet-scheduler/signet/internal/release"
	"github.com/signet-scheduler/signet/internal/trust"
)

// addRelease takes a release alone, with the signatures beside it.
func (w *signing) addRelease(file string) error {
	text, err := readBounded(file, release.MaxBytes)
	if err != nil {
		return err
	}
	dir, base := filepath.Split(file)
	entries, err := os.ReadDir(filepath.Clean(dir))
	if err != nil {
		return fault.Wrap(fault.Invalid, "CannotRead", err, "%s", err)
	}
	files, names := map[string][]byte{base: text}, []string{}
	for _, e := range entries {
		if !strings.HasPrefix(e.Name(), base+".") {
			continue
		}
		if files[e.Name()], err = readBounded(filepath.Join(dir, e.Name()), objectfile.MaxEvidence); err != nil {
			return err
		}
		names = append(names, e.Name())
	}
	r, err := objectfile.ReadRelease(base, names, files)
	if err != nil {
		return err
	}
	r.File = file
	w.releases = append(w.releases, *r)
	return nil
}

// signRelease signs a release, or tells why it can't be. Signatures of others stay
// beside it: the files are by what they add to the name of the manifest.
func signRelease(signer trust.SignerKey, r *objectfile.Release, label string) (map[string][]byte, []fault.Problem) {
	m, err := release.Parse(r.Text)
	if err == nil && !m.Expires.After(time.Now()) {
		err = fault.New(fault.Invalid, "ReleaseExpired", "the release %s had to be deployed before %s", m.Name, m.Expires.UTC().Format(time.RFC3339))
	}
	var evidence trust.Evidence
	if err == nil {
		evidence, err = trust.SignChecked(signer, r.Text)
	}
	var signature *objectfile.ReleaseSignature
	if err == nil {
		signature, err = placeSignature(signer, r, evidence.Files(), label)
	}
	if err != nil {
		e := fault.Of(err)
		problems := []fault.Problem{{Where: r.File, Message: e.Message}}
		for _, p := range e.Problems {
			problems = append(problems, fault.Problem{Where: r.File + " " + p.Where, Message: p.Message})
		}
		return nil, problems
	}
	return signature.Files(""), nil
}

// placeSignature puts a fresh signature among those of a release: in the place of the
// signer's own, else beside all others.
func placeSignature(signer trust.SignerKey, r *objectfile.Release, fresh map[string][]byte, label string) (*objectfile.ReleaseSignature, error) {
	for i := range r.Signatures {
		s := &r.Signatures[i]
		known, err := trust.EvidenceFromFiles(s.Evidence)
		if err != nil || !trust.SameKey(signer, r.Text, known) {
			continue
		}
		if r.At(s.Label, fresh) != s {
			return nil, fault.New(fault.Invalid, "SignedAlready", "the key of %s has signed it in another form; remove that signature first", signer.Name())
		}
		s.Evidence = fresh
		return s, nil
	}
	switch {
	case len(r.Signatures) >= release.MaxSignatures:
		return nil, fault.New(fault.Invalid, trust.CodeSurplusEvidence, "it has %d signatures, the most that a release may have", len(r.Signatures))
	case label == "":
		return r.Add(fresh), nil
	case r.At(label, fresh) != nil:
		return nil, fault.New(fault.Invalid, "LabelTaken", "there is a signature of somebody else with the label %s; choose another", label)
	}
	return &objectfile.ReleaseSignature{Label: label, Evidence: fresh}, nil
}
