package pki

import (
	"bytes"
	"crypto/x509"
	"encoding/pem"
	"slices"

	"github.com/signet-scheduler/signet/internal/fault"
	"github.com/signet-scheduler/signet/internal/fsys"
)

// WritePairPEM writes key and chain into one file of mode 0600, in one step: after
// a crash, they belong together.
func WritePairPEM(disk fsys.FS, path string, pair Keypair) error {
	key, err := EncodeKeyPEM(pair.Key)
	if err != nil {
		return err
	}
	return writeFile(disk, path, append(key, EncodeCertsPEM(pair.Chain...)...))
}

// ReadPairPEM reads what WritePairPEM, or a bundle of PEM blocks, has: one key and
// its chain, in any order. A file that its group or others can touch is refused.
func ReadPairPEM(path string) (Keypair, error) {
	data, err := readFile(fsys.Real{}, path, maxCertFile, true)
	if err != nil {
		return Keypair{}, err
	}
	pair, _, err := ParseBundle(data)
	return pair, about(err, path)
}

// ParseBundle returns the one key in PEM blocks, its chain, and which blocks are
// certificates that don't belong to the chain: authorities, most likely.
func ParseBundle(data []byte) (pair Keypair, others []byte, err error) {
	var keys, certs bytes.Buffer
	for block, rest := pem.Decode(data); block != nil; block, rest = pem.Decode(rest) {
		into := &keys
		if block.Type == "CERTIFICATE" {
			into = &certs
		}
		into.Write(pem.EncodeToMemory(block))
	}
	key, err := ParseKeyPEM(keys.Bytes())
	if err != nil {
		return Keypair{}, nil, err
	}
	all, err := ParseCertsPEM(certs.Bytes())
	if err != nil {
		return Keypair{}, nil, err
	}
	chain := orderChain(key, all)
	if len(chain) == 0 {
		return Keypair{}, nil, fault.New(fault.Invalid, "InvalidKeypair", "the private key belongs to none of the certificates")
	}
	for _, c := range all {
		if !contains(chain, c.Raw) {
			others = append(others, EncodeCertsPEM(c)...)
		}
	}
	pair, err = NewKeypair(chain, key)
	return pair, others, err
}

func contains(chain []*x509.Certificate, raw []byte) bool {
	return slices.ContainsFunc(chain, func(c *x509.Certificate) bool { return bytes.Equal(c.Raw, raw) })
}
