package pki

import (
	"bytes"
	"crypto"
	"crypto/x509"
	"encoding/pem"
	"errors"

	"github.com/signet-scheduler/signet/internal/fault"
	"github.com/signet-scheduler/signet/internal/fsys"
)

// maxCerts bounds the number of certificates or lists in one file.
const maxCerts = 1000

// WriteKeyPEM writes key to path as PKCS#8 PEM with mode 0600, replacing what
// is there in one step.
func WriteKeyPEM(disk fsys.FS, path string, key crypto.Signer) error {
	data, err := EncodeKeyPEM(key)
	if err != nil {
		return err
	}
	return writeFile(disk, path, data)
}

// EncodeKeyPEM returns key as PKCS#8 PEM.
func EncodeKeyPEM(key crypto.Signer) ([]byte, error) {
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return nil, fault.Wrap(fault.Invalid, "InvalidKey", err, "a key of type %T can't be written", key)
	}
	return pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}), nil
}

// ReadKeyPEM reads the one private key in path. A file that its group or others
// can touch is refused (Untrusted, KeyFileExposed).
func ReadKeyPEM(path string) (crypto.Signer, error) { return readKey(fsys.Real{}, path) }

func readKey(disk fsys.FS, path string) (crypto.Signer, error) {
	data, err := readFile(disk, path, maxKeyFile, true)
	if err != nil {
		return nil, err
	}
	key, err := ParseKeyPEM(data)
	return key, about(err, path)
}

// ParseKeyPEM returns the one unencrypted private key in data: PKCS#8, or the
// older forms of RSA and EC keys. Blocks of EC parameters, which openssl adds,
// and certificates beside it are passed over.
func ParseKeyPEM(data []byte) (crypto.Signer, error) {
	if len(data) > maxKeyFile {
		return nil, fault.New(fault.TooLarge, "FileTooLarge", "a key has at most %d bytes", maxKeyFile)
	}
	var found crypto.Signer
	for block, rest := pem.Decode(data); block != nil; block, rest = pem.Decode(rest) {
		var key any
		var err error
		switch block.Type {
		case "PRIVATE KEY":
			key, err = x509.ParsePKCS8PrivateKey(block.Bytes)
		case "EC PRIVATE KEY":
			key, err = x509.ParseECPrivateKey(block.Bytes)
		case "RSA PRIVATE KEY":
			key, err = x509.ParsePKCS1PrivateKey(block.Bytes)
		case "ENCRYPTED PRIVATE KEY":
			err = errors.New("it is encrypted; use a PKCS#12 keystore, or write it plainly with: openssl pkcs8 -topk8 -nocrypt")
		case "EC PARAMETERS", "CERTIFICATE":
			continue
		default:
			err = errors.New("PEM block " + clip(block.Type) + " has no place in a key file")
		}
		if err == nil && block.Headers["DEK-Info"] != "" {
			err = errors.New("it is encrypted in the old PEM way")
		}
		if err != nil {
			return nil, fault.New(fault.Invalid, "InvalidKey", "the private key can't be read: %v", err)
		}
		signer, ok := key.(crypto.Signer)
		if !ok {
			return nil, fault.New(fault.Invalid, "InvalidKey", "a private key of type %T can't sign", key)
		}
		if found != nil {
			return nil, fault.New(fault.Invalid, "InvalidKey", "there are two private keys in the file; leave one")
		}
		found = signer
	}
	if found == nil {
		return nil, fault.New(fault.Invalid, "InvalidKey", "there is no PEM private key in the file")
	}
	return found, nil
}

// EncodeCertsPEM returns the certificates as PEM, in their order.
func EncodeCertsPEM(certs ...*x509.Certificate) []byte {
	var b bytes.Buffer
	for _, c := range certs {
		b.Write(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: c.Raw}))
	}
	return b.Bytes()
}

// WriteCertsPEM writes certificates to path with mode 0600, replacing what is
// there in one step.
func WriteCertsPEM(disk fsys.FS, path string, certs ...*x509.Certificate) error {
	return writeFile(disk, path, EncodeCertsPEM(certs...))
}

// ReadCertsPEM reads the certificates in path: at least one, at most 1000, in
// at most 4 MiB.
func ReadCertsPEM(path string) ([]*x509.Certificate, error) { return readCerts(fsys.Real{}, path) }

func readCerts(disk fsys.FS, path string) ([]*x509.Certificate, error) {
	data, err := readFile(disk, path, maxCertFile, false)
	if err != nil {
		return nil, err
	}
	certs, err := ParseCertsPEM(data)
	return certs, about(err, path)
}

// ParseCertsPEM returns the certificates in data. Text around the blocks is
// allowed, other blocks are not.
func ParseCertsPEM(data []byte) ([]*x509.Certificate, error) {
	if len(data) > maxCertFile {
		return nil, fault.New(fault.TooLarge, "FileTooLarge", "certificates have at most %d bytes", maxCertFile)
	}
	var certs []*x509.Certificate
	for block, rest := pem.Decode(data); block != nil; block, rest = pem.Decode(rest) {
		if block.Type != "CERTIFICATE" {
			return nil, fault.New(fault.Invalid, "InvalidCertificate", "PEM block %q has no place among certificates", clip(block.Type))
		}
		cert, err := x509.ParseCertificate(block.Bytes)
		if err != nil {
			return nil, fault.New(fault.Invalid, "InvalidCertificate", "certificate %d can't be read: %v", len(certs)+1, err)
		}
		if certs = append(certs, cert); len(certs) > maxCerts {
			return nil, fault.New(fault.TooLarge, "TooManyCertificates", "there are more than %d certificates", maxCerts)
		}
	}
	if len(certs) == 0 {
		return nil, fault.New(fault.Invalid, "InvalidCertificate", "there is no PEM certificate in the file")
	}
	if len(certs) != blocks(data) {
		return nil, fault.New(fault.Invalid, "InvalidCertificate", "one of the PEM certificates in the file is damaged")
	}
	return certs, nil
}

// blocks counts the PEM blocks that were there when the file was written, as
// far as can be told: the decoder passes over damaged ones.
func blocks(data []byte) int {
	return max(bytes.Count(data, []byte("-----BEGIN ")), bytes.Count(data, []byte("-----END ")))
}

// about names the file that a fault is about.
func about(err error, path string) error {
	if err == nil {
		return nil
	}
	return fault.Of(err).About(path)
}
