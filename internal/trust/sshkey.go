package trust

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"math/big"
	"strings"
)

// The SSH key types that can sign documents, and the signature formats of them.
const (
	sshEd25519   = "ssh-ed25519"
	sshRSA       = "ssh-rsa" // the key; as a signature format it means SHA-1 and is refused
	sshECDSA256  = "ecdsa-sha2-nistp256"
	sshECDSA384  = "ecdsa-sha2-nistp384"
	sshSKEd25519 = "sk-ssh-ed25519@openssh.com"
	sshSKECDSA   = "sk-ecdsa-sha2-nistp256@openssh.com"
	sshRSA256    = "rsa-sha2-256"
	sshRSA512    = "rsa-sha2-512"
)

// sshKey is one SSH public key.
type sshKey struct {
	algorithm   string
	pub         crypto.PublicKey
	application string // of a hardware key (sk-), else ""
	comment     string
	keyID       string
}

// hardware tells whether signatures come from a security key, which signs over
// its own counter and flags too.
func (k *sshKey) hardware() bool { return strings.HasPrefix(k.algorithm, "sk-") }

// readSSHFile reads a trust file of one public key line: type, base64, comment.
// Comment lines (#) and empty lines are skipped.
func readSSHFile(content []byte) ([]anchor, error) {
	var line string
	for text := range strings.Lines(string(content)) {
		text = strings.TrimSpace(text)
		if text == "" || text[0] == '#' {
			continue
		}
		if line != "" {
			return nil, errors.New("it holds more than one key line; write one file for each key")
		}
		line = text
	}
	if line == "" {
		return nil, errors.New("it holds no public key line")
	}
	algorithm, rest, ok := strings.Cut(line, " ")
	if !ok {
		return nil, errors.New("it isn't a public key line: TYPE BASE64 COMMENT")
	}
	text, comment, _ := strings.Cut(rest, " ")
	blob, err := base64.StdEncoding.Strict().DecodeString(text)
	if err != nil {
		return nil, fmt.Errorf("it isn't a public key line TYPE BASE64 COMMENT (options before the type aren't allowed): %w", err)
	}
	key, err := parseSSHKey(blob)
	if err != nil {
		return nil, err
	}
	if key.algorithm != algorithm {
		return nil, fmt.Errorf("the line says %q, but the key is of type %q", printable(algorithm), key.algorithm)
	}
	key.comment = printable(strings.TrimSpace(comment))
	if key.comment == "" {
		key.comment = "SSH key " + key.keyID[:16]
	}
	return []anchor{{raw: blob, ssh: key, info: SignerInfo{Kind: SSH, Name: key.comment, KeyID: key.keyID}}}, nil
}

// parseSSHKey reads a public key's wire form to its end.
func parseSSHKey(blob []byte) (*sshKey, error) {
	r := &sshReader{rest: blob}
	sum := sha256.Sum256(blob)
	key := &sshKey{algorithm: string(r.text()), keyID: hex.EncodeToString(sum[:])}
	switch key.algorithm {
	case sshEd25519, sshSKEd25519:
		point := r.text()
		if len(point) != ed25519.PublicKeySize {
			return nil, errors.New("its Ed25519 key isn't 32 bytes long")
		}
		key.pub = ed25519.PublicKey(bytes.Clone(point))
	case sshECDSA256, sshSKECDSA:
		key.pub = r.ecdsaKey("nistp256", elliptic.P256())
	case sshECDSA384:
		key.pub = r.ecdsaKey("nistp384", elliptic.P384())
	case sshRSA:
		e, n := r.mpint(), r.mpint()
		if !e.IsInt64() || e.Int64() > 1<<31-1 {
			return nil, errors.New("its RSA exponent is too large")
		}
		key.pub = &rsa.PublicKey{N: n, E: int(e.Int64())}
	default:
		return nil, fmt.Errorf("keys of type %q aren't accepted", printable(key.algorithm))
	}
	if key.hardware() {
		key.application = string(r.text())
	}
	if err := r.end(); err != nil {
		return nil, fmt.Errorf("its public key is malformed: %w", err)
	}
	return key, nil
}

// sshReader reads the wire types of RFC 4251, section 5, strictly. The first
// error sticks; after it values are empty.
type sshReader struct {
	rest []byte
	err  error
}

func (r *sshReader) fail(why string) {
	if r.err == nil {
		r.err = errors.New(why)
	}
	r.rest = nil
}

// end returns the first error, also if something is left to read.
func (r *sshReader) end() error {
	if r.err == nil && len(r.rest) > 0 {
		r.fail("something follows its end")
	}
	return r.err
}

// take reads n bytes.
func (r *sshReader) take(n int) []byte {
	if r.err != nil || n > len(r.rest) {
		r.fail("it is cut off")
		return nil
	}
	taken := r.rest[:n:n]
	r.rest = r.rest[n:]
	return taken
}

func (r *sshReader) uint32() uint32 {
	if b := r.take(4); b != nil {
		return binary.BigEndian.Uint32(b)
	}
	return 0
}

// text reads a string: a length and as many bytes.
func (r *sshReader) text() []byte {
	n := r.uint32()
	if int64(n) > int64(len(r.rest)) {
		r.fail("it is cut off")
		return nil
	}
	return r.take(int(n))
}

// mpint reads a positive number in its only form: no needless zero before it.
func (r *sshReader) mpint() *big.Int {
	b := r.text()
	switch {
	case len(b) == 0:
		r.fail("a number is empty")
	case b[0]&0x80 != 0:
		r.fail("a number is negative")
	case b[0] == 0 && (len(b) == 1 || b[1]&0x80 == 0):
		r.fail("a number isn't in its shortest form")
	}
	return new(big.Int).SetBytes(b)
}

func (r *sshReader) ecdsaKey(name string, curve elliptic.Curve) crypto.PublicKey {
	if string(r.text()) != name {
		r.fail("its curve doesn't fit its type")
	}
	// Only uncompressed points on the curve are taken: one spelling for each key.
	pub, err := ecdsa.ParseUncompressedPublicKey(curve, r.text())
	if err != nil {
		r.fail("its point isn't on the curve")
	}
	return pub
}
