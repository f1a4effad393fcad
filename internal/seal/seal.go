// Package seal keeps secrets in places where others can read: encrypted and
// authenticated with a key that lies elsewhere.
//
// It owns the sealed form (docs/formats/sealed.md) and the file of the key. It must
// not know what is sealed, nor keep anything. The Cockpit seals the private keys of
// accounts in its database, and the command line the keys in a backup.
package seal

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"

	"github.com/signet-scheduler/signet/internal/fault"
	"github.com/signet-scheduler/signet/internal/fsys"
)

// pemType is the type of the block in a key's file.
const pemType = "SIGNET SEALING KEY"

// format is the first byte of what is sealed.
const format = 1

// Sizes in bytes.
const (
	keySize   = 32
	nonceSize = 12
	maxFile   = 4 << 10
)

// The codes of this package's faults.
const (
	CodeKeyMissing = "SealingKeyMissing" // the file isn't there
	CodeKeyInvalid = "SealingKeyInvalid" // the file isn't one, or can be read by others
	CodeBroken     = "SealBroken"        // another key, another place, or changed bytes
)

// Key seals and opens. It prints as ***. The zero Key is none.
type Key struct {
	aead cipher.AEAD
	id   string
}

// NewKey returns a random key, and the content of its file.
func NewKey() (*Key, []byte, error) {
	secret := make([]byte, keySize)
	_, _ = rand.Read(secret) // it never fails
	k, err := newKey(secret)
	return k, pem.EncodeToMemory(&pem.Block{Type: pemType, Bytes: secret}), err
}

func newKey(secret []byte) (*Key, error) {
	block, err := aes.NewCipher(secret)
	if err != nil {
		return nil, fmt.Errorf("making a sealing key: %w", err)
	}
	aead, err := cipher.NewGCM(block)
	if err != nil {
		return nil, fmt.Errorf("making a sealing key: %w", err)
	}
	sum := sha256.Sum256(append([]byte("signet sealing key\x00"), secret...))
	return &Key{aead: aead, id: hex.EncodeToString(sum[:8])}, nil
}

// ParseKey reads the content of a key's file: Invalid, SealingKeyInvalid.
func ParseKey(text []byte) (*Key, error) {
	block, _ := pem.Decode(text)
	if block == nil || block.Type != pemType || len(block.Bytes) != keySize {
		return nil, fault.New(fault.Invalid, CodeKeyInvalid, "this is no sealing key: a PEM block %q with %d bytes", pemType, keySize)
	}
	return newKey(block.Bytes)
}

// ReadKey reads a key's file, which nobody but its owner may be able to read:
// NotFound, SealingKeyMissing; Invalid or Untrusted, SealingKeyInvalid.
func ReadKey(path string) (*Key, error) {
	info, err := os.Stat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, fault.New(fault.NotFound, CodeKeyMissing, "there is no sealing key %s", path)
	case err == nil && info.Mode().Perm()&0o077 != 0:
		return nil, fault.New(fault.Untrusted, CodeKeyInvalid, "others than its owner can use the sealing key %s: chmod 600 it", path)
	}
	var text []byte
	if err == nil {
		text, err = fsys.ReadFile(fsys.Real{}, path, maxFile)
	}
	if err != nil {
		return nil, fault.Wrap(fault.Invalid, CodeKeyInvalid, err, "the sealing key %s can't be read", path)
	}
	k, err := ParseKey(text)
	if err != nil {
		return nil, fault.Wrap(fault.Invalid, CodeKeyInvalid, err, "%s is no sealing key", path)
	}
	return k, nil
}

// MakeKey makes a key's file, with mode 0600, unless it is there, and reads it. made
// tells whether it was made.
func MakeKey(path string) (k *Key, made bool, err error) {
	if k, err = ReadKey(path); !fault.HasCode(err, CodeKeyMissing) {
		return k, false, err
	}
	_, text, err := NewKey()
	if err != nil {
		return nil, false, err
	}
	if err := (fsys.Real{}).MkdirAll(filepath.Dir(path)); err != nil {
		return nil, false, err
	}
	if err := fsys.WriteFileAtomic(fsys.Real{}, path, text); err != nil {
		return nil, false, err
	}
	k, err = ReadKey(path)
	return k, true, err
}

// ID tells keys apart, and nothing about their bytes.
func (k *Key) ID() string { return k.id }

// Seal returns a secret in sealed form. Only the same key opens it again, and only
// for the same place: what says where the secret belongs.
func (k *Key) Seal(secret, place []byte) []byte {
	nonce := make([]byte, nonceSize)
	_, _ = rand.Read(nonce) // it never fails
	sealed := append([]byte{format}, nonce...)
	return k.aead.Seal(sealed, nonce, secret, bound(place))
}

// Open returns what was sealed: Untrusted, SealBroken.
func (k *Key) Open(sealed, place []byte) ([]byte, error) {
	if len(sealed) < 1+nonceSize+k.aead.Overhead() || sealed[0] != format {
		return nil, fault.New(fault.Untrusted, CodeBroken, "what is sealed has not the form that this program knows")
	}
	secret, err := k.aead.Open(nil, sealed[1:1+nonceSize], sealed[1+nonceSize:], bound(place))
	if err != nil {
		return nil, fault.New(fault.Untrusted, CodeBroken, "what is sealed can't be opened with the sealing key %s: it was sealed with another one or for something else, or was changed", k.id)
	}
	return secret, nil
}

// bound is the place with the format: neither can be taken for another.
func bound(place []byte) []byte { return append([]byte{format}, place...) }

// Format writes the mask, whatever the verb.
func (*Key) Format(f fmt.State, _ rune) { _, _ = f.Write([]byte("***")) }

// LogValue returns the mask.
func (*Key) LogValue() slog.Value { return slog.StringValue("***") }

// MarshalText returns the mask.
func (*Key) MarshalText() ([]byte, error) { return []byte("***"), nil }
