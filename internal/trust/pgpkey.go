package trust

import "errors"

// errNoPGP is the refusal of OpenPGP keys while the module that reads them can't
// be linked: go.sum lacks the checksums of github.com/cloudflare/circl.
func errNoPGP() error { return errors.New("OpenPGP keys can't be read by this build") }

// readPGPFile refuses.
func readPGPFile([]byte) ([]anchor, error) { return nil, errNoPGP() }

// PGPSigner returns a signer for an armoured OpenPGP private key; this build
// refuses all.
func PGPSigner(_, _ []byte) (SignerKey, error) {
	return nil, unusableKey(errNoPGP(), "the OpenPGP private key can't be used: %s", errNoPGP())
}
