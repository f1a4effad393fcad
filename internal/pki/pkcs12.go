package pki

import (
	"bytes"
	"crypto"
	"crypto/tls"
	"crypto/x509"
	"encoding/asn1"
	"errors"

	"software.sslmate.com/src/go-pkcs12"

	"github.com/signet-scheduler/signet/internal/fault"
	"github.com/signet-scheduler/signet/internal/fsys"
)

// Keypair is a private key with its certificate chain: the leaf, then
// intermediates upwards, without the root.
type Keypair struct {
	Chain []*x509.Certificate
	Key   crypto.Signer
}

// NewKeypair returns the pair of key and chain. It is Invalid if the first
// certificate isn't that key's.
func NewKeypair(chain []*x509.Certificate, key crypto.Signer) (Keypair, error) {
	if len(chain) == 0 || key == nil {
		return Keypair{}, fault.New(fault.Invalid, "InvalidKeypair", "certificate or private key is missing")
	}
	if !samePublicKey(key.Public(), chain[0].PublicKey) {
		return Keypair{}, fault.New(fault.Invalid, "InvalidKeypair",
			"the private key doesn't belong to the first certificate (%s)", clip(chain[0].Subject.String()))
	}
	return Keypair{Chain: chain, Key: key}, nil
}

// Leaf returns the pair's own certificate.
func (k Keypair) Leaf() *x509.Certificate { return k.Chain[0] }

// TLS returns the pair as crypto/tls presents it.
func (k Keypair) TLS() *tls.Certificate {
	c := &tls.Certificate{PrivateKey: k.Key, Leaf: k.Chain[0]}
	for _, cert := range k.Chain {
		c.Certificate = append(c.Certificate, cert.Raw)
	}
	return c
}

// WritePKCS12 writes key and chain to path as a PKCS#12 keystore with mode
// 0600. Programs that know PKCS#12 by AES and SHA-256 (openssl 3, Java 8u301 on)
// read it.
func WritePKCS12(disk fsys.FS, path string, pair Keypair, password Secret) error {
	data, err := EncodePKCS12(pair, password)
	if err != nil {
		return err
	}
	return writeFile(disk, path, data)
}

// EncodePKCS12 returns key and chain as a PKCS#12 keystore.
func EncodePKCS12(pair Keypair, password Secret) ([]byte, error) {
	if pair.Key == nil || len(pair.Chain) == 0 {
		return nil, fault.New(fault.Invalid, "InvalidKeypair", "certificate or private key is missing")
	}
	data, err := encoder().Encode(pair.Key, pair.Chain[0], pair.Chain[1:], string(password))
	if err != nil {
		return nil, fault.Wrap(fault.Invalid, "InvalidKeypair", err, "the keystore can't be made")
	}
	return data, nil
}

// WriteTruststorePKCS12 writes certificates to path as a PKCS#12 truststore,
// marked as trusted in the way Java looks for.
func WriteTruststorePKCS12(disk fsys.FS, path string, certs []*x509.Certificate, password Secret) error {
	data, err := encodeTruststore(certs, password)
	if err != nil {
		return err
	}
	return writeFile(disk, path, data)
}

func encodeTruststore(certs []*x509.Certificate, password Secret) ([]byte, error) {
	data, err := encoder().EncodeTrustStore(certs, string(password))
	if err != nil {
		return nil, fault.Wrap(fault.Invalid, "InvalidTruststore", err, "the truststore can't be made")
	}
	return data, nil
}

// KeyChoice says which key of a keystore is meant.
type KeyChoice struct {
	Alias    string // needed where there are several keys; case doesn't count, as in Java
	Password Secret // of the key, where it isn't the store's
}

// ReadKeystore reads the PKCS#12 keystore in path: one private key with its
// chain. A file that its group or others can touch is refused.
func ReadKeystore(path string, password Secret) (Keypair, error) {
	return ReadKeystoreWith(path, password, KeyChoice{})
}

// ReadKeystoreWith is ReadKeystore of the key that is chosen.
func ReadKeystoreWith(path string, password Secret, key KeyChoice) (Keypair, error) {
	data, err := readFile(fsys.Real{}, path, maxKeystoreFile, true)
	if err != nil {
		return Keypair{}, err
	}
	pair, err := ParseKeystoreWith(data, password, key)
	return pair, about(err, path)
}

// ParseKeystoreWith returns a private key with its chain in a PKCS#12 keystore
// of at most 1 MiB, which may hold several, and whose keys may have another
// password than the store.
func ParseKeystoreWith(data []byte, password Secret, key KeyChoice) (Keypair, error) {
	if key.Alias == "" && (key.Password == "" || key.Password == password) {
		return ParseKeystore(data, password)
	}
	if key.Password == "" {
		key.Password = password
	}
	if err := checkPFX(data); err != nil {
		return Keypair{}, err
	}
	s, err := openStore(data, password)
	if err != nil {
		return Keypair{}, err
	}
	certs, err := s.certificates(password)
	if err != nil {
		return Keypair{}, storeFault(err, "InvalidKeystore", "the certificates in the keystore can't be read")
	}
	signer, err := s.key(key.Alias, key.Password, certs[0])
	if err != nil {
		return Keypair{}, err
	}
	return NewKeypair(orderChain(signer, certs), signer)
}

// ParseKeystore returns the one private key with its chain in a PKCS#12
// keystore of at most 1 MiB.
func ParseKeystore(data []byte, password Secret) (Keypair, error) {
	if err := checkPFX(data); err != nil {
		return Keypair{}, err
	}
	key, leaf, others, err := pkcs12.DecodeChain(data, string(password))
	if err != nil {
		return Keypair{}, storeFault(err, "InvalidKeystore",
			"the keystore can't be used: it has to be PKCS#12 with exactly one private key and its certificate")
	}
	signer, ok := key.(crypto.Signer)
	if !ok {
		return Keypair{}, fault.New(fault.Invalid, "InvalidKeystore", "a private key of type %T can't sign", key)
	}
	return NewKeypair(orderChain(signer, append([]*x509.Certificate{leaf}, others...)), signer)
}

// orderChain puts the key's own certificate first, its issuers behind it in
// order, and leaves out roots and strangers: keystores hold them in any order,
// and TLS sends what is in the chain to everybody.
func orderChain(key crypto.Signer, certs []*x509.Certificate) []*x509.Certificate {
	var chain []*x509.Certificate
	for _, c := range certs {
		if samePublicKey(key.Public(), c.PublicKey) {
			chain = append(chain, c)
			break
		}
	}
	for len(chain) > 0 && len(chain) <= maxChain {
		var issuer *x509.Certificate
		last := chain[len(chain)-1]
		for _, c := range certs {
			if !selfIssued(c) && bytes.Equal(c.RawSubject, last.RawIssuer) && last.CheckSignatureFrom(c) == nil {
				issuer = c
				break
			}
		}
		if issuer == nil {
			break
		}
		chain = append(chain, issuer)
	}
	return chain
}

func selfIssued(c *x509.Certificate) bool { return bytes.Equal(c.RawSubject, c.RawIssuer) }

// ReadTruststore reads the certificates in path, PEM or a PKCS#12 truststore;
// the password is for the latter.
func ReadTruststore(path string, password Secret) ([]*x509.Certificate, error) {
	data, err := readFile(fsys.Real{}, path, maxCertFile, false)
	if err != nil {
		return nil, err
	}
	certs, err := ParseTruststore(data, password)
	return certs, about(err, path)
}

// ParseTruststore returns the certificate authorities in data, PEM or PKCS#12.
// A certificate that is no authority is refused: it would be trusted for
// nothing, and who put it there expects something else.
func ParseTruststore(data []byte, password Secret) ([]*x509.Certificate, error) {
	certs, err := parseTruststore(data, password)
	if err != nil {
		return nil, err
	}
	for _, c := range certs {
		if err := checkAuthority(c); err != nil {
			return nil, err
		}
	}
	return certs, nil
}

func parseTruststore(data []byte, password Secret) ([]*x509.Certificate, error) {
	if bytes.Contains(data, []byte("-----BEGIN ")) {
		return ParseCertsPEM(data)
	}
	if err := checkPFX(data); err != nil {
		return nil, err
	}
	certs, err := pkcs12.DecodeTrustStore(data, string(password))
	if err != nil && !errors.Is(err, pkcs12.ErrIncorrectPassword) {
		if plain, ok := unmarkedTruststore(data, password); ok {
			certs, err = plain, nil
		}
	}
	if err != nil {
		return nil, storeFault(err, "InvalidTruststore",
			"the truststore can't be used: it has to be PEM, or PKCS#12 with certificates only, as keytool -importcert or openssl pkcs12 -export -nokeys makes it")
	}
	if len(certs) == 0 || len(certs) > maxCerts {
		return nil, fault.New(fault.Invalid, "InvalidTruststore", "the truststore has %d certificates; 1 to %d are allowed", len(certs), maxCerts)
	}
	return certs, nil
}

// unmarkedTruststore returns the certificates of a store without keys whose
// certificates lack the mark that Java looks for, as openssl makes it.
func unmarkedTruststore(data []byte, password Secret) ([]*x509.Certificate, bool) {
	s, err := openStore(data, password)
	if err != nil || len(s.keys) > 0 {
		return nil, false
	}
	certs, err := s.certificates(password)
	return certs, err == nil
}

// maxIterations bounds the rounds of password hashing that a store may ask for;
// openssl and Java use 2,048 to 10,000.
const maxIterations = 5_000_000

// checkPFX bounds size and hashing rounds before the store is opened.
func checkPFX(data []byte) error {
	if len(data) > maxKeystoreFile {
		return fault.New(fault.TooLarge, "FileTooLarge", "a PKCS#12 store has at most %d bytes", maxKeystoreFile)
	}
	var pfx struct {
		Version  int
		AuthSafe asn1.RawValue
		Mac      struct {
			Digest     asn1.RawValue
			Salt       []byte
			Iterations int `asn1:"optional,default:1"`
		} `asn1:"optional"`
	}
	if _, err := asn1.Unmarshal(data, &pfx); err != nil {
		return fault.New(fault.Invalid, "InvalidKeystore", "the file is not a PKCS#12 store: %v", err)
	}
	if pfx.Mac.Iterations > maxIterations {
		return fault.New(fault.TooLarge, "InvalidKeystore", "the store asks for %d rounds of hashing; at most %d are allowed", pfx.Mac.Iterations, maxIterations)
	}
	return nil
}

func storeFault(err error, code, message string) error {
	if errors.Is(err, pkcs12.ErrIncorrectPassword) {
		return fault.New(fault.Invalid, "WrongPassword", "the store's password is wrong")
	}
	return fault.New(fault.Invalid, code, "%s (%v)", message, err)
}

// writtenIterations is the number of hashing rounds in stores that Signet
// writes: enough to slow down guessing, and 20 ms when a part starts.
const writtenIterations = 50_000

func encoder() *pkcs12.Encoder { return pkcs12.Modern2023.WithIterations(writtenIterations) }
