package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// allowedNPM are the licences of the packages that pages are made of, and of what
// only builds and tests them, as their authors declare them. OFL-1.1 is that of
// fonts: they may go along, and keep their names.
var allowedNPM = map[bool][]string{
	true:  {"Apache-2.0", "BSD-2-Clause", "BSD-3-Clause", "ISC", "MIT", "0BSD", "Unlicense", "OFL-1.1", "(MIT OR CC0-1.0)"},
	false: {"Apache-2.0", "BSD-2-Clause", "BSD-3-Clause", "ISC", "MIT", "MIT-0", "0BSD", "Unlicense", "MPL-2.0", "BlueOak-1.0.0", "Python-2.0", "CC-BY-4.0", "CC0-1.0", "(MIT OR CC0-1.0)"},
}

// lockFile is what is read of npm's package-lock.json, form 3.
type lockFile struct {
	Packages map[string]struct {
		Version   string `json:"version"`
		Licence   string `json:"license"`
		Integrity string `json:"integrity"`
		Dev       bool   `json:"dev"`
	} `json:"packages"`
}

// packages returns the packages that pages may be made of, by name. Those that only
// build or test them are looked at, and not listed: nothing of them is delivered.
func packages(dir string) ([]*module, error) {
	b, err := os.ReadFile(filepath.Join(dir, "package-lock.json"))
	if err != nil {
		return nil, err
	}
	var lock lockFile
	if err := json.Unmarshal(b, &lock); err != nil {
		return nil, fmt.Errorf("package-lock.json: %w", err)
	}
	var found []*module
	var wrong []error
	for at, p := range lock.Packages {
		if at == "" {
			continue // the pages themselves
		}
		name := at[strings.LastIndex(at, "node_modules/")+len("node_modules/"):]
		if !slices.Contains(allowedNPM[!p.Dev], p.Licence) {
			wrong = append(wrong, fmt.Errorf("%s: the licence %q is not allowed here (%s)", name, p.Licence, use(!p.Dev)))
			continue
		}
		if p.Dev {
			continue
		}
		m := &module{Path: name, Version: p.Version, Sum: p.Integrity, npm: true, linked: true, licences: []string{p.Licence}}
		if m.texts, err = licenceTexts(filepath.Join(dir, filepath.FromSlash(at))); err != nil {
			wrong = append(wrong, err)
		}
		found = append(found, m)
	}
	slices.SortFunc(found, func(a, b *module) int { return strings.Compare(a.Path+"@"+a.Version, b.Path+"@"+b.Version) })
	slices.SortFunc(wrong, func(a, b error) int { return strings.Compare(a.Error(), b.Error()) })
	return found, errors.Join(wrong...)
}

// licenceTexts reads the licences and notices in a package. Some have none: then
// what its author declares has to do. One that wasn't installed, being for another
// platform, has none here either.
func licenceTexts(dir string) (all []text, err error) {
	entries, err := os.ReadDir(dir)
	if errors.Is(err, os.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	for _, e := range entries {
		name := strings.ToUpper(e.Name())
		if e.IsDir() || !isLicence(name) && !strings.HasPrefix(name, "NOTICE") {
			continue
		}
		b, err := os.ReadFile(filepath.Join(dir, e.Name()))
		if err != nil {
			return nil, err
		}
		all = append(all, text{e.Name(), string(b)})
	}
	return all, nil
}
