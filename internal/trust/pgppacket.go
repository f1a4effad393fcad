package trust

import (
	"bytes"
	"crypto"
	"encoding/binary"
	"errors"
	"fmt"
	"time"
)

// OpenPGP numbers of RFC 9580 that are used here.
const (
	pgpTagSignature = 2
	pgpVersion      = 4

	pgpTypeBinary = 0x00

	pgpRSA     = 1
	pgpECDSA   = 19
	pgpEdDSA   = 22 // Ed25519 as gpg writes it: two numbers
	pgpEd25519 = 27 // Ed25519 as RFC 9580 has it: 64 bytes

	subCreated     = 2
	subExpires     = 3
	subIssuer      = 16
	subFingerprint = 33
	subCritical    = 0x80
)

// pgpSignature is the parsed body of an OpenPGP signature packet, version 4.
type pgpSignature struct {
	sigType     byte
	algorithm   byte
	hashID      byte
	signedPart  []byte // from the version to the end of the hashed subpackets
	created     time.Time
	hasCreated  bool
	lifetime    time.Duration // 0: no end
	issuer      []byte        // 8 bytes of key id, or nil
	fingerprint []byte        // 20 bytes, or nil
	hashStart   [2]byte       // the first two bytes of the hash
	numbers     [][]byte      // the signature's numbers, without leading zeros
	native      []byte        // 64 bytes for pgpEd25519
}

// canonicalPGP returns the armoured text that evidence holds for the packets of
// a signature file: exactly one signature packet, in the old packet format with
// the shortest length, which is what gpg writes.
func canonicalPGP(packets []byte) ([]byte, error) {
	body, err := onePacket(packets)
	if err != nil {
		return nil, err
	}
	return encodePGPArmour(framePacket(body)), nil
}

// onePacket returns the body of the one signature packet.
func onePacket(packets []byte) ([]byte, error) {
	tag, body, rest, err := cutPacket(packets)
	switch {
	case err != nil:
		return nil, err
	case tag != pgpTagSignature:
		return nil, fmt.Errorf("it holds a packet of type %d; a detached signature is one of type %d", tag, pgpTagSignature)
	case len(rest) > 0:
		return nil, errors.New("something follows the signature packet; exactly one signature is accepted")
	}
	return body, nil
}

// framePacket puts the header before a signature packet's body.
func framePacket(body []byte) []byte {
	const oldFormat = 0x80 | pgpTagSignature<<2
	if len(body) < 256 {
		return append([]byte{oldFormat, byte(len(body))}, body...)
	}
	return append([]byte{oldFormat | 1, byte(len(body) >> 8), byte(len(body))}, body...)
}

// cutPacket takes the first packet off. Lengths must be definite: partial and
// open ones have no use in keys and signatures.
func cutPacket(data []byte) (tag byte, body, rest []byte, err error) {
	if len(data) < 2 || data[0]&0x80 == 0 {
		return 0, nil, nil, errors.New("it isn't an OpenPGP packet")
	}
	var header, length int
	b := append(bytes.Clone(data[:min(len(data), 6)]), make([]byte, 6)...)
	if data[0]&0x40 != 0 {
		tag = data[0] & 0x3f
		switch {
		case b[1] < 192:
			header, length = 2, int(b[1])
		case b[1] < 224:
			header, length = 3, int(b[1]-192)<<8+int(b[2])+192
		case b[1] == 255:
			header, length = 6, int(binary.BigEndian.Uint32(b[2:]))
		default:
			return 0, nil, nil, errors.New("an OpenPGP packet has a partial length")
		}
	} else {
		tag = data[0] >> 2 & 0x0f
		switch data[0] & 3 {
		case 0:
			header, length = 2, int(b[1])
		case 1:
			header, length = 3, int(binary.BigEndian.Uint16(b[1:]))
		case 2:
			header, length = 5, int(binary.BigEndian.Uint32(b[1:]))
		default:
			return 0, nil, nil, errors.New("an OpenPGP packet has no length")
		}
	}
	if length < 0 || length > len(data)-header { // below 0: 32 bits, where they are an int
		return 0, nil, nil, errors.New("an OpenPGP packet is cut off")
	}
	return tag, data[header : header+length : header+length], data[header+length:], nil
}

// pgpReader reads a packet's body; the first error sticks.
type pgpReader struct {
	rest []byte
	err  error
}

// take reads n bytes; after an error they are zeros, and fewer if n is large.
func (r *pgpReader) take(n int) []byte {
	if r.err != nil || n > len(r.rest) {
		if r.err == nil {
			r.err = errors.New("the signature packet is cut off")
		}
		return make([]byte, min(n, 64))
	}
	taken := r.rest[:n:n]
	r.rest = r.rest[n:]
	return taken
}

// block reads two bytes of length and as many bytes.
func (r *pgpReader) block() []byte {
	return r.take(int(binary.BigEndian.Uint16(r.take(2))))
}

// number reads a multi-precision integer, whose bit count must be exact.
func (r *pgpReader) number() []byte {
	bits := int(binary.BigEndian.Uint16(r.take(2)))
	value := r.take((bits + 7) / 8)
	if r.err == nil && len(value) > 0 && value[0]>>((bits-1)%8) != 1 {
		r.err = errors.New("a number of the signature isn't in its shortest form")
	}
	return value
}

// parsePGPSignature reads the body of a signature packet to its end. What isn't
// covered by the signature's own hash must not carry any choice: only the
// issuer may stand in the unhashed part.
func parsePGPSignature(body []byte) (*pgpSignature, error) {
	r := &pgpReader{rest: body}
	head := r.take(4)
	if r.err == nil && head[0] != pgpVersion {
		return nil, fmt.Errorf("the signature packet has version %d; version %d is accepted", head[0], pgpVersion)
	}
	sig := &pgpSignature{sigType: head[1], algorithm: head[2], hashID: head[3]}
	hashed := r.block()
	sig.signedPart = body[:len(body)-len(r.rest)]
	unhashed := r.block()
	sig.hashStart = [2]byte(r.take(2))
	switch sig.algorithm {
	case pgpRSA:
		sig.numbers = [][]byte{r.number()}
	case pgpECDSA, pgpEdDSA:
		sig.numbers = [][]byte{r.number(), r.number()}
	case pgpEd25519:
		sig.native = r.take(64)
	default:
		if r.err == nil { // else it isn't known
			return nil, fmt.Errorf("its algorithm %d isn't accepted; RSA, ECDSA and Ed25519 are", sig.algorithm)
		}
	}
	if r.err != nil {
		return nil, r.err
	}
	if len(r.rest) > 0 {
		return nil, errors.New("something follows the numbers in the signature packet")
	}
	if err := sig.readSubpackets(hashed, true); err != nil {
		return nil, err
	}
	if err := sig.readSubpackets(unhashed, false); err != nil {
		return nil, err
	}
	if !sig.hasCreated {
		return nil, errors.New("it doesn't say when it was made")
	}
	if sig.issuer == nil && sig.fingerprint == nil {
		return nil, errors.New("it doesn't name the key that made it")
	}
	return sig, nil
}

// readSubpackets reads the hashed or the unhashed subpackets.
func (sig *pgpSignature) readSubpackets(area []byte, hashed bool) error {
	seen := map[byte]bool{}
	for len(area) > 0 {
		kind, value, rest, err := cutSubpacket(area, hashed)
		if err != nil {
			return err
		}
		area = rest
		known := kind &^ subCritical
		switch known {
		case subCreated, subExpires, subIssuer, subFingerprint:
			if seen[known] {
				return fmt.Errorf("it has two subpackets of type %d", known)
			}
			seen[known] = true
			if err := sig.setSubpacket(known, value); err != nil {
				return err
			}
		default:
			if kind&subCritical != 0 {
				return fmt.Errorf("it has the unknown critical subpacket %d", known)
			}
		}
	}
	return nil
}

// cutSubpacket takes the first subpacket off. In the unhashed part only the
// issuer is taken, in one spelling.
func cutSubpacket(area []byte, hashed bool) (kind byte, value, rest []byte, err error) {
	var header, length int
	b := append(bytes.Clone(area[:min(len(area), 5)]), make([]byte, 5)...)
	switch {
	case b[0] < 192:
		header, length = 1, int(b[0])
	case b[0] < 255:
		header, length = 2, int(b[0]-192)<<8+int(b[1])+192
	default:
		header, length = 5, int(binary.BigEndian.Uint32(b[1:]))
	}
	if length <= 0 || length > len(area)-header {
		return 0, nil, nil, errors.New("a subpacket is cut off")
	}
	kind, value, rest = area[header], area[header+1:header+length], area[header+length:]
	if !hashed && (header != 1 || kind != subIssuer && kind != subFingerprint) {
		return 0, nil, nil, fmt.Errorf("its unsigned part has a subpacket of type %d; only the issuer is accepted there", kind&^subCritical)
	}
	return kind, value, rest, nil
}

// setSubpacket takes one subpacket in. The issuer may stand in both parts, but
// must be the same.
func (sig *pgpSignature) setSubpacket(kind byte, value []byte) error {
	switch {
	case kind == subCreated && len(value) == 4:
		sig.created, sig.hasCreated = time.Unix(int64(binary.BigEndian.Uint32(value)), 0), true
	case kind == subExpires && len(value) == 4:
		sig.lifetime = time.Duration(binary.BigEndian.Uint32(value)) * time.Second
	case kind == subIssuer && len(value) == 8 && (sig.issuer == nil || bytes.Equal(sig.issuer, value)):
		sig.issuer = value
	case kind == subFingerprint && len(value) == 21 && value[0] == pgpVersion && (sig.fingerprint == nil || bytes.Equal(sig.fingerprint, value[1:])):
		sig.fingerprint = value[1:]
	default:
		return fmt.Errorf("its subpacket of type %d is malformed", kind)
	}
	return nil
}

// hash returns the hash function, if it is strong enough.
func (sig *pgpSignature) hash() (crypto.Hash, bool) {
	switch sig.hashID {
	case 8:
		return crypto.SHA256, true
	case 9:
		return crypto.SHA384, true
	case 10:
		return crypto.SHA512, true
	default:
		return 0, false
	}
}

// digest returns what the signature is made over: the document, the part of the
// packet that is signed, and its length.
func (sig *pgpSignature) digest(hash crypto.Hash, doc []byte) []byte {
	trailer := binary.BigEndian.AppendUint32([]byte{pgpVersion, 0xff}, uint32(len(sig.signedPart)))
	return digestOf(hash, doc, sig.signedPart, trailer)
}
