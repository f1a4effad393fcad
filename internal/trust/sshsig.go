package trust

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rsa"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"

	"github.com/signet-scheduler/signet/internal/fault"
)

const (
	sshMagic     = "SSHSIG"
	sshVersion   = 1
	sshNamespace = "signet" // what the signature is for; ssh-keygen -Y sign -n signet
)

// sshSignature is the parsed form of an SSH signature.
type sshSignature struct {
	publicKey []byte // wire form
	hash      string
	format    string
	value     []byte // the signature proper
	flags     byte   // of a hardware key
	counter   uint32 // of a hardware key
}

// parseSSHSignature reads the blob of an SSH signature to its end; it must be for the
// namespace.
func parseSSHSignature(blob []byte, space string) (*sshSignature, error) {
	r := &sshReader{rest: blob}
	if string(r.take(len(sshMagic))) != sshMagic {
		return nil, errors.New("it doesn't begin with SSHSIG")
	}
	if version := r.uint32(); version != sshVersion {
		return nil, fmt.Errorf("its version is %d; %d is accepted", version, sshVersion)
	}
	sig := &sshSignature{publicKey: r.text()}
	namespace, reserved := r.text(), r.text()
	sig.hash = string(r.text())
	inner := &sshReader{rest: r.text()}
	if err := r.end(); err != nil {
		return nil, err
	}
	if string(namespace) != space {
		return nil, fmt.Errorf("its namespace is %q; sign with `ssh-keygen -Y sign -n %s`", printable(string(namespace)), space)
	}
	if len(reserved) > 0 {
		return nil, errors.New("its reserved field isn't empty")
	}
	sig.format, sig.value = string(inner.text()), inner.text()
	if sig.format == sshSKEd25519 || sig.format == sshSKECDSA {
		if flags := inner.take(1); flags != nil {
			sig.flags = flags[0]
		}
		sig.counter = inner.uint32()
	}
	if err := inner.end(); err != nil {
		return nil, fmt.Errorf("its signature field: %w", err)
	}
	return sig, nil
}

// sshHash returns the hash of the document that an SSH signature names.
func sshHash(name string) (crypto.Hash, bool) {
	switch name {
	case "sha256":
		return crypto.SHA256, true
	case "sha512":
		return crypto.SHA512, true
	default:
		return 0, false
	}
}

// sshSignedText returns what an SSH signature of the document is made over.
func sshSignedText(space, hashName string, digest []byte) []byte {
	b := []byte(sshMagic)
	b = appendSSHString(b, []byte(space))
	b = appendSSHString(b, nil)
	b = appendSSHString(b, []byte(hashName))
	return appendSSHString(b, digest)
}

func appendSSHString(b, text []byte) []byte {
	b = binary.BigEndian.AppendUint32(b, uint32(len(text)))
	return append(b, text...)
}

// verifySSH verifies an SSH signature for a namespace by one of the trusted keys.
func (s *Set) verifySSH(doc []byte, ev Evidence, space string) (Signer, *fault.Error) {
	blob, err := decodeSSHArmour(ev.Signature)
	if err != nil {
		return Signer{}, refuse(CodeMalformedSignature, "the SSH signature can't be used: %s", err)
	}
	sig, err := parseSSHSignature(blob, space)
	if err != nil {
		return Signer{}, refuse(CodeMalformedSignature, "the SSH signature can't be used: %s", err)
	}
	key := s.ssh[string(sig.publicKey)]
	if key == nil {
		return Signer{}, refuse(CodeUnknownSigner, "the SSH key that made the signature isn't trusted here")
	}
	if err := s.policy.checkKey(key.pub, key.comment); err != nil {
		return Signer{}, err
	}
	hash, ok := sshHash(sig.hash)
	if !ok {
		return Signer{}, refuse(CodeWeakHash, "the SSH signature by %s uses the hash %q; sha256 and sha512 are accepted", key.comment, printable(sig.hash))
	}
	if !slices.Contains(key.formats(), sig.format) {
		return Signer{}, refuse(CodeMalformedSignature, "the SSH signature by %s has the format %q, which isn't accepted for a key of type %s", key.comment, printable(sig.format), key.algorithm)
	}
	if key.hardware() && sig.flags&1 == 0 {
		return Signer{}, refuse(CodeSignerNotAllowed, "the security key of %s signed without being touched", key.comment)
	}
	if !key.verify(sig, sshSignedText(space, sig.hash, digestOf(hash, doc))) {
		return Signer{}, refuse(CodeSignatureInvalid, "the signature isn't one over this document by %s: the document was changed, or another key signed it", key.comment)
	}
	return Signer{Kind: SSH, Name: key.comment, KeyID: key.keyID, Hardware: key.hardware()}, nil
}

// formats returns the signature formats that the key may use; the key decides,
// and "ssh-rsa", which means SHA-1, is none of them.
func (k *sshKey) formats() []string {
	if k.algorithm == sshRSA {
		return []string{sshRSA256, sshRSA512}
	}
	return []string{k.algorithm}
}

// verify verifies the signature proper over text.
func (k *sshKey) verify(sig *sshSignature, text []byte) bool {
	if k.hardware() {
		// A security key signs hashes, with what it knows itself between them.
		signed := digestOf(crypto.SHA256, []byte(k.application))
		signed = append(signed, sig.flags)
		signed = binary.BigEndian.AppendUint32(signed, sig.counter)
		signed = append(signed, digestOf(crypto.SHA256, text)...)
		text = signed
	}
	switch pub := k.pub.(type) {
	case ed25519.PublicKey:
		return ed25519.Verify(pub, text, sig.value)
	case *rsa.PublicKey:
		hash := crypto.SHA512
		if sig.format == sshRSA256 {
			hash = crypto.SHA256
		}
		return verifyRSA(pub, hash, digestOf(hash, text), sig.value)
	case *ecdsa.PublicKey:
		hash := crypto.SHA256
		if k.algorithm == sshECDSA384 {
			hash = crypto.SHA384
		}
		reader := &sshReader{rest: sig.value}
		r, s := reader.mpint(), reader.mpint()
		return reader.end() == nil && ecdsa.Verify(pub, digestOf(hash, text), r, s)
	default:
		return false
	}
}
