package cli

import (
	"crypto/x509"
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/signet-scheduler/signet/internal/fault"
	"github.com/signet-scheduler/signet/internal/pki"
)

// Profile tells where a Cockpit is and who asks. It is kept as JSON in a file
// of mode 0600.
type Profile struct {
	URL     string `json:"url"`               // https://HOST:PORT
	Token   string `json:"token,omitempty"`   // of the session
	CA      string `json:"ca,omitempty"`      // PEM, or the path of a PEM file; empty: the system's
	Account string `json:"account,omitempty"` // for people

	file string
}

// maxProfile bounds a profile file in bytes; certificates may be in it.
const maxProfile = 1 << 20

// devProfile is where `signet dev` without --data keeps its profile.
const devProfile = "signet-data/profile.json"

// profilePath returns the file that --profile, the environment or the defaults
// name.
func (s *session) profilePath() (string, error) {
	switch {
	case s.profileFlag != "":
		return s.profileFlag, nil
	case s.env["SIGNET_PROFILE"] != "":
		return s.env["SIGNET_PROFILE"], nil
	}
	if _, err := os.Stat(devProfile); err == nil {
		return devProfile, nil
	}
	return s.userProfile()
}

// userProfile returns the user's own profile file.
func (s *session) userProfile() (string, error) {
	if dir := s.env["XDG_CONFIG_HOME"]; dir != "" {
		return filepath.Join(dir, "signet", "profile.json"), nil
	}
	if home := s.env["HOME"]; home != "" {
		return filepath.Join(home, ".config", "signet", "profile.json"), nil
	}
	return "", Usage("there is no home folder to keep a profile in: name a file by --profile or SIGNET_PROFILE")
}

// loadProfile reads the profile of this run.
func (s *session) loadProfile() (*Profile, error) {
	if s.profile != nil {
		return s.profile, nil
	}
	path, err := s.profilePath()
	if err != nil {
		return nil, err
	}
	p, err := ReadProfile(path)
	if err != nil {
		return nil, err
	}
	s.profile = p
	return p, nil
}

// ReadProfile reads a profile file. A file that isn't there is Unauthenticated:
// nobody has logged in.
func ReadProfile(path string) (*Profile, error) {
	data, err := readBounded(path, maxProfile)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fault.New(fault.Unauthenticated, "NotLoggedIn", "there is no profile %s: log in by `signet login URL`, or name a profile by --profile or SIGNET_PROFILE", path)
	}
	if err != nil {
		return nil, err
	}
	p := &Profile{file: path}
	if err := json.Unmarshal(data, p); err != nil {
		return nil, fault.Wrap(fault.Invalid, "InvalidProfile", err, "the profile %s isn't valid JSON: %s", path, err)
	}
	if p.URL, err = checkURL(p.URL); err != nil {
		return nil, fault.New(fault.Invalid, "InvalidProfile", "the profile %s has no valid url: %s", path, fault.Of(err).Public())
	}
	return p, nil
}

// Write stores the profile in a file of mode 0600, replacing one that is there
// in one step.
func (p *Profile) Write(path string) error {
	data, err := json.MarshalIndent(p, "", "  ")
	if err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return fault.Wrap(fault.Invalid, "CannotWrite", err, "the folder of the profile can't be made: %s", err)
	}
	return writeFile(path, append(data, '\n'), 0o600)
}

// pool returns the certificates that the Cockpit's is checked against; nil means
// those of the system.
func (p *Profile) pool() (*x509.CertPool, error) {
	if p.CA == "" {
		return nil, nil
	}
	text := []byte(p.CA)
	if !strings.Contains(p.CA, "-----BEGIN") {
		path := p.CA
		if !filepath.IsAbs(path) && p.file != "" {
			path = filepath.Join(filepath.Dir(p.file), path)
		}
		var err error
		if text, err = readBounded(path, maxProfile); err != nil {
			return nil, err
		}
	}
	certs, err := pki.ParseCertsPEM(text)
	if err != nil {
		return nil, err
	}
	pool := x509.NewCertPool()
	for _, c := range certs {
		pool.AddCert(c)
	}
	return pool, nil
}
