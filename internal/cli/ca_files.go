package cli

import (
	"bufio"
	"crypto/x509"
	"errors"
	"os"
	"path/filepath"
	"time"

	"github.com/signet-scheduler/signet/internal/fault"
	"github.com/signet-scheduler/signet/internal/fsys"
	"github.com/signet-scheduler/signet/internal/pki"
)

// recordView is the JSON of a certificate: its record and its status now.
type recordView struct {
	pki.Record
	Status string `json:"status"`
}

func viewOf(r pki.Record) recordView { return recordView{r, r.Status(time.Now())} }

// authorityView is the JSON of a new authority.
type authorityView struct {
	Dir   string              `json:"dir"`
	Roots []authorityRootView `json:"roots"`
}

type authorityRootView struct {
	Purpose  pki.Purpose `json:"purpose"`
	File     string      `json:"file"`
	NotAfter time.Time   `json:"notAfter"`
}

func authority(dir string, ca *pki.CA) authorityView {
	v := authorityView{Dir: dir}
	for _, p := range pki.Purposes() {
		if ca.Established(p) != nil { // a company is to be asked
			continue
		}
		v.Roots = append(v.Roots, authorityRootView{p, rootFile(dir, p), ca.Root(p).NotAfter})
	}
	return v
}

func rootFile(dir string, p pki.Purpose) string { return filepath.Join(dir, string(p), "root.pem") }

func day(t time.Time) string { return t.Format("2006-01-02") }

// purposeOf returns the purpose that certificates of a role have.
func purposeOf(r pki.Role) pki.Purpose {
	switch {
	case r == pki.RoleSigner:
		return pki.PurposeSigning
	case r == pki.RoleUser:
		return pki.PurposeUser
	}
	return pki.PurposeNode
}

// deliver writes the files of a certificate and tells which.
func (s *session) deliver(f *caFlags, ca *pki.CA, issued *pki.Issued, role pki.Role, prefix string) error {
	var files []string
	if f.out != "" {
		if err := os.MkdirAll(f.out, 0o700); err != nil {
			return fault.Wrap(fault.Invalid, "CannotWrite", err, "%s", err)
		}
		written, err := writeIssued(filepath.Join(f.out, prefix), issued, ca.Roots(purposeOf(role)))
		files = append(files, written...)
		if err != nil {
			return err
		}
	}
	if f.p12 != "" {
		if err := pki.WritePKCS12(fsys.Real{}, f.p12, issued.Keypair(), f.p12Password); err != nil {
			return err
		}
		files = append(files, f.p12)
	}
	id, err := pki.ParseIdentity(issued.Cert)
	if err != nil {
		return err
	}
	if s.json() {
		return s.printJSON(struct {
			Serial   string    `json:"serial"`
			Role     pki.Role  `json:"role"`
			Name     string    `json:"name"`
			NotAfter time.Time `json:"notAfter"`
			Files    []string  `json:"files"`
		}{issued.Serial, id.Role, id.Name, issued.Cert.NotAfter, files})
	}
	t := s.table("SERIAL", "WHO", "VALID UNTIL", "FILE")
	for _, file := range files {
		t.row(issued.Serial, id.String(), day(issued.Cert.NotAfter), file)
	}
	return t.flush()
}

// readKeystorePassword reads the password of --p12, before anything is issued.
func (s *session) readKeystorePassword(f *caFlags) error {
	if f.p12 == "" {
		return nil
	}
	password, err := readLine(bufio.NewReader(s.io.In))
	if err != nil || password == "" {
		return Usage("--p12 needs a password on standard input")
	}
	f.p12Password = pki.Secret(password)
	return nil
}

// writeIssued writes key (if it was made here), chain and roots.
func writeIssued(prefix string, issued *pki.Issued, roots []*x509.Certificate) ([]string, error) {
	var files []string
	var errs []error
	write := func(name string, err error) {
		errs = append(errs, err)
		files = append(files, name)
	}
	if issued.Key != nil {
		write(prefix+"-key.pem", pki.WriteKeyPEM(fsys.Real{}, prefix+"-key.pem", issued.Key))
	}
	write(prefix+"-cert.pem", pki.WriteCertsPEM(fsys.Real{}, prefix+"-cert.pem", issued.Chain...))
	write(prefix+"-trust.pem", pki.WriteCertsPEM(fsys.Real{}, prefix+"-trust.pem", roots...))
	return files, errors.Join(errs...)
}
