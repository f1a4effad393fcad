package gitsource

import (
	"crypto/sha256"
	"crypto/subtle"
	"encoding/hex"
	"fmt"
	"hash"

	"github.com/pjbgf/sha1cd"

	"github.com/signet-scheduler/signet/internal/fault"
)

// Lengths of ids in bytes.
const (
	sizeSHA1   = 20
	sizeSHA256 = sha256.Size
)

// hashOf returns the hash by which an id was made, by its length; nil for what is
// no id.
func hashOf(id string) hash.Hash {
	raw, err := hex.DecodeString(id)
	if err != nil || hex.EncodeToString(raw) != id {
		return nil
	}
	switch len(raw) {
	case sizeSHA1:
		// It knows the marks of all known attacks on SHA-1, as git itself does.
		return sha1cd.New()
	case sizeSHA256:
		return sha256.New()
	}
	return nil
}

// verifyID computes an object's id again.
func verifyID(id, kind string, data []byte) error {
	h := hashOf(id)
	if h == nil {
		return fault.New(fault.Invalid, "InvalidObject", "%s is no id of an object", clip(id))
	}
	fmt.Fprintf(h, "%s %d\x00", kind, len(data))
	h.Write(data)
	sum, attacked := sumOf(h)
	if attacked {
		return fault.New(fault.Untrusted, "CollidingObject", "the object %s bears the marks of an attack on SHA-1: there may be another one with the same id", id)
	}
	if want, _ := hex.DecodeString(id); subtle.ConstantTimeCompare(sum, want) != 1 {
		return fault.New(fault.Untrusted, "AlteredObject", "the object %s isn't the one with this id: the repository was changed behind git's back, or is damaged", id)
	}
	return nil
}

// sumOf returns a hash, and whether somebody has worked on its input so that another
// one has the same.
func sumOf(h hash.Hash) (sum []byte, attacked bool) {
	if careful, ok := h.(sha1cd.CollisionResistantHash); ok {
		return careful.CollisionResistantSum(nil)
	}
	return h.Sum(nil), false
}
