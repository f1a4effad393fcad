package pki

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/hmac"
	"crypto/pbkdf2"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"errors"
	"strings"
	"unicode/utf16"

	"software.sslmate.com/src/go-pkcs12"

	"github.com/signet-scheduler/signet/internal/fault"
)

// The library opens stores of one form each: a keystore with one key under the
// store's own password, a truststore whose certificates Java has marked. Stores
// of other makes are taken apart here, after their MAC was found good, and handed
// to it in parts of that form. The password hashing and decryption stay its own.

// store is a PKCS#12 store taken apart, its MAC not checked.
type store struct {
	data      []byte
	mac       bool          // of a kind that the library surely checks
	encrypted []contentInfo // what can't be seen into
	keys      []safeBag
	others    []safeBag // certificates, mostly
}

type contentInfo struct {
	Type    asn1.ObjectIdentifier
	Content asn1.RawValue `asn1:"tag:0,explicit,optional"`
}

type safeBag struct {
	ID         asn1.ObjectIdentifier
	Value      asn1.RawValue `asn1:"tag:0,explicit"`
	Attributes []attribute   `asn1:"set,optional"`
}

type attribute struct {
	ID    asn1.ObjectIdentifier
	Value asn1.RawValue `asn1:"set"`
}

type certBag struct {
	ID   asn1.ObjectIdentifier
	Data []byte `asn1:"tag:0,explicit"`
}

type macData struct {
	Mac struct {
		Algorithm pkix.AlgorithmIdentifier
		Digest    []byte
	}
	Salt       []byte
	Iterations int `asn1:"optional,default:1"`
}

type pfxData struct {
	Version  int
	AuthSafe contentInfo
	Mac      macData `asn1:"optional"`
}

var (
	oidData         = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 7, 1}
	oidKeyBag       = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 12, 10, 1, 1}
	oidShroudedBag  = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 12, 10, 1, 2}
	oidCertBag      = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 12, 10, 1, 3}
	oidX509Cert     = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 9, 22, 1}
	oidFriendlyName = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 9, 20}
	oidPBMAC1       = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 5, 14}
	oidPBKDF2       = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 5, 12}
	oidHmacSHA256   = asn1.ObjectIdentifier{1, 2, 840, 113549, 2, 9}

	macDigests = []asn1.ObjectIdentifier{
		{1, 3, 14, 3, 2, 26}, {2, 16, 840, 1, 101, 3, 4, 2, 1}, {2, 16, 840, 1, 101, 3, 4, 2, 3}, // SHA-1, SHA-256, SHA-512
	}
)

// maxBags bounds the contents of a store.
const maxBags = 1000

// openStore takes a store apart whose password is right.
func openStore(data []byte, password Secret) (*store, error) {
	s := &store{data: data}
	if err := s.parse(); err != nil {
		return nil, fault.New(fault.Invalid, "InvalidKeystore", "the file is not a PKCS#12 store that can be read: %v", err)
	}
	if !s.mac {
		return nil, fault.New(fault.Invalid, "InvalidKeystore", "the store has no check sum by SHA-1, SHA-256 or SHA-512 that its password could be compared with")
	}
	// Whatever else this finds fault with comes after the MAC.
	if _, _, _, err := pkcs12.DecodeChain(data, string(password)); errors.Is(err, pkcs12.ErrIncorrectPassword) {
		return nil, storeFault(err, "", "")
	}
	return s, nil
}

func (s *store) parse() error {
	var p pfxData
	if err := exactly(s.data, &p); err != nil {
		return err
	}
	if p.Version != 3 || !p.AuthSafe.Type.Equal(oidData) {
		return errors.New("it is of another version, or signed instead of protected by a password")
	}
	for _, known := range macDigests {
		s.mac = s.mac || p.Mac.Mac.Algorithm.Algorithm.Equal(known)
	}
	var safe []byte
	if err := exactly(p.AuthSafe.Content.Bytes, &safe); err != nil {
		return err
	}
	var infos []contentInfo
	if err := exactly(safe, &infos); err != nil {
		return err
	}
	for _, info := range infos {
		if !info.Type.Equal(oidData) {
			s.encrypted = append(s.encrypted, info)
			continue
		}
		var content []byte
		var bags []safeBag
		if err := errors.Join(exactly(info.Content.Bytes, &content), exactly(content, &bags)); err != nil {
			return err
		}
		for _, b := range bags {
			if b.ID.Equal(oidKeyBag) || b.ID.Equal(oidShroudedBag) {
				s.keys = append(s.keys, b)
			} else {
				s.others = append(s.others, b)
			}
		}
	}
	if len(s.keys)+len(s.others) > maxBags {
		return errors.New("it holds too much")
	}
	return nil
}

func exactly(der []byte, out any) error {
	rest, err := asn1.Unmarshal(der, out)
	if err == nil && len(rest) > 0 {
		return errors.New("bytes follow it")
	}
	return err
}

// certificates returns all certificates of the store.
func (s *store) certificates(password Secret) ([]*x509.Certificate, error) {
	// The library gives certificates out with a key only, so it gets one.
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return nil, err
	}
	data, err := wrap(append([]safeBag{bag(oidKeyBag, der)}, s.others...), s.encrypted, password)
	if err != nil {
		return nil, err
	}
	_, first, others, err := pkcs12.DecodeChain(data, string(password))
	if err != nil {
		return nil, err
	}
	return append([]*x509.Certificate{first}, others...), nil
}

// key returns the one key, or the one of that alias, which has a password of
// its own. cert is any certificate.
func (s *store) key(alias string, password Secret, cert *x509.Certificate) (crypto.Signer, error) {
	var chosen []safeBag
	for _, b := range s.keys {
		if alias == "" || strings.EqualFold(b.friendlyName(), alias) {
			chosen = append(chosen, b)
		}
	}
	switch {
	case len(chosen) == 0 && alias != "":
		return nil, fault.New(fault.Invalid, "InvalidKeystore", "the keystore has no private key with the alias %q", clip(alias))
	case len(chosen) != 1:
		return nil, fault.New(fault.Invalid, "InvalidKeystore", "the keystore has %d private keys: name the alias of the one", len(chosen))
	}
	content, err := asn1.Marshal(certBag{oidX509Cert, cert.Raw})
	if err != nil {
		return nil, err
	}
	data, err := wrap([]safeBag{chosen[0], bag(oidCertBag, content)}, nil, password)
	if err != nil {
		return nil, err
	}
	key, _, _, err := pkcs12.DecodeChain(data, string(password))
	if err != nil {
		return nil, fault.New(fault.Invalid, "WrongPassword", "the private key in the keystore can't be opened by the key's password")
	}
	signer, ok := key.(crypto.Signer)
	if !ok {
		return nil, fault.New(fault.Invalid, "InvalidKeystore", "a private key of type %T can't sign", key)
	}
	return signer, nil
}

// friendlyName returns what Java calls the alias.
func (b safeBag) friendlyName() string {
	for _, a := range b.Attributes {
		var text asn1.RawValue
		if !a.ID.Equal(oidFriendlyName) || exactly(a.Value.Bytes, &text) != nil || text.Tag != asn1.TagBMPString {
			continue
		}
		units := make([]uint16, 0, len(text.Bytes)/2)
		for i := 0; i+1 < len(text.Bytes); i += 2 {
			units = append(units, uint16(text.Bytes[i])<<8|uint16(text.Bytes[i+1]))
		}
		return string(utf16.Decode(units))
	}
	return ""
}

func bag(id asn1.ObjectIdentifier, content []byte) safeBag {
	return safeBag{ID: id, Value: explicit(content)}
}

func explicit(content []byte) asn1.RawValue {
	return asn1.RawValue{Class: asn1.ClassContextSpecific, Tag: 0, IsCompound: true, Bytes: content}
}

// wrap makes a store of bags and of what stays encrypted, for the library alone:
// it never leaves this process, so one round of hashing does.
func wrap(bags []safeBag, encrypted []contentInfo, password Secret) ([]byte, error) {
	content, err := asn1.Marshal(bags)
	if err != nil {
		return nil, err
	}
	if content, err = asn1.Marshal(content); err != nil {
		return nil, err
	}
	safe, err := asn1.Marshal(append([]contentInfo{{oidData, explicit(content)}}, encrypted...))
	if err != nil {
		return nil, err
	}
	p := pfxData{Version: 3}
	if p.Mac, err = pbmac1(safe, password); err != nil {
		return nil, err
	}
	if content, err = asn1.Marshal(safe); err != nil {
		return nil, err
	}
	p.AuthSafe = contentInfo{oidData, explicit(content)}
	return asn1.Marshal(p)
}

// pbmac1 is the check sum of RFC 9579.
func pbmac1(message []byte, password Secret) (m macData, err error) {
	type pbkdf2Params struct {
		Salt       []byte
		Iterations int
		KeyLength  int
		PRF        pkix.AlgorithmIdentifier
	}
	hash := pkix.AlgorithmIdentifier{Algorithm: oidHmacSHA256}
	kdf := pbkdf2Params{Salt: []byte("of no other use"), Iterations: 1, KeyLength: sha256.Size, PRF: hash}
	key, err := pbkdf2.Key(sha256.New, string(password), kdf.Salt, kdf.Iterations, kdf.KeyLength)
	if err != nil {
		return m, err
	}
	params, err := asn1.Marshal(kdf)
	if err != nil {
		return m, err
	}
	params, err = asn1.Marshal(struct{ KDF, Mac pkix.AlgorithmIdentifier }{
		pkix.AlgorithmIdentifier{Algorithm: oidPBKDF2, Parameters: asn1.RawValue{FullBytes: params}}, hash,
	})
	if err != nil {
		return m, err
	}
	h := hmac.New(sha256.New, key)
	h.Write(message)
	m.Mac.Algorithm = pkix.AlgorithmIdentifier{Algorithm: oidPBMAC1, Parameters: asn1.RawValue{FullBytes: params}}
	m.Mac.Digest, m.Salt, m.Iterations = h.Sum(nil), []byte{}, 1
	return m, nil
}
