package app

import (
	"crypto/rand"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/signet-scheduler/signet/api"
	"github.com/signet-scheduler/signet/internal/fsys"
	"github.com/signet-scheduler/signet/internal/objectfile"
	"github.com/signet-scheduler/signet/internal/pki"
	"github.com/signet-scheduler/signet/internal/trust"
)

// operatorName is who signs in an installation of level high that plays on one
// machine. The key lies in a folder of its own, which no part knows.
const operatorName = "operator"

const (
	levelLow    = "low"
	levelMedium = "medium"
	levelHigh   = "high"
)

// newInstallation returns the id of a new installation.
func newInstallation() string { return "dev-" + strings.ToLower(rand.Text()[:12]) }

func (e *estate) operatorFile(name string) string { return filepath.Join(e.dir, operatorName, name) }

// operatorKey makes the operator's signing key where the level asks for one, and
// then takes the keys of the authority of signers away from the authority's folder,
// which the Cockpit uses: it must not be able to make signers.
func (e *estate) operatorKey(ca *pki.CA, now time.Time) error {
	key, cert := e.operatorFile("signing-key.pem"), e.operatorFile("signing-cert.pem")
	if lasts(cert, key, now) {
		return nil
	}
	if err := os.MkdirAll(filepath.Join(e.dir, operatorName), 0o700); err != nil {
		return err
	}
	if !ca.Issues(pki.PurposeSigning) { // the operator's certificate ends: it is renewed with the keys from there
		if err := e.moveSigningKeys(e.operatorFile, e.authorityFile); err != nil {
			return err
		}
		var err error
		if ca, err = pki.OpenCA(fsys.Real{}, filepath.Join(e.dir, "ca")); err != nil {
			return err
		}
	}
	issued, err := ca.IssueSigner(pki.SignerParams{Name: operatorName, Now: now})
	if err != nil {
		return err
	}
	if err := writeKeyAndChain(key, cert, issued); err != nil {
		return err
	}
	return e.moveSigningKeys(e.authorityFile, e.operatorFile)
}

// authorityFile returns where the authority has a key of its branch for signers.
func (e *estate) authorityFile(name string) string {
	return filepath.Join(e.dir, "ca", string(pki.PurposeSigning), strings.TrimPrefix(name, "authority-"))
}

// moveSigningKeys moves the keys of the authority of signers, those that are there.
func (e *estate) moveSigningKeys(from, to func(name string) string) error {
	for _, name := range []string{"authority-issuer.key", "authority-root.key"} {
		if err := os.Rename(from(name), to(name)); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	return nil
}

// signed returns objects as a deployment brings them: signed by the operator where
// the Cockpit may not sign.
func (e *estate) signed(objects []objectfile.Object) ([]api.DeployObject, error) {
	if e.facts.Level != levelHigh {
		return sentObjects(objects), nil
	}
	key, err := os.ReadFile(e.operatorFile("signing-key.pem"))
	if err != nil {
		return nil, err
	}
	cert, err := os.ReadFile(e.operatorFile("signing-cert.pem"))
	if err != nil {
		return nil, err
	}
	signer, err := trust.LoadSigner(key, cert)
	if err != nil {
		return nil, err
	}
	version := "dev-" + strings.ToLower(rand.Text()[:12])
	for i := range objects {
		o := &objects[i]
		if o.Bytes, err = objectfile.Complete(o.Bytes, o.Key, version); err != nil {
			return nil, err
		}
		evidence, err := signer.Sign(o.Bytes)
		if err != nil {
			return nil, err
		}
		o.Evidence = evidence.Files()
	}
	return sentObjects(objects), nil
}

func sentObjects(objects []objectfile.Object) []api.DeployObject {
	sent := make([]api.DeployObject, len(objects))
	for i := range objects {
		o := &objects[i]
		sent[i] = api.DeployObject{Kind: string(o.Key.Kind), Path: o.Key.Path, File: o.File, Document: string(o.Bytes)}
		for suffix, text := range o.Evidence {
			if sent[i].Evidence == nil {
				sent[i].Evidence = map[string]string{}
			}
			sent[i].Evidence[suffix] = string(text)
		}
	}
	return sent
}
