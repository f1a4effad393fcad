package consensus

import (
	"crypto/rand"
	"encoding/binary"
)

// A member is known to the library by an identity: its id, and above that an
// incarnation. A member that lost its log, or any of it, comes back with an
// incarnation that never was: for the library it is another member, from which
// nobody counts on the votes and acknowledgements of the one before.
// Incarnation 0 is a member of a group of one, and of logs of earlier versions.

// memberBits is how many bits of an identity are the member's id.
const memberBits = 32

// memberOf returns the id of the member that an identity belongs to.
func memberOf(identity uint64) uint64 { return identity & (1<<memberBits - 1) }

// incarnate returns a new identity of a member. Its incarnation is random: no
// counter survives the loss of a disk. Its highest bit is 0, as the library
// keeps the highest identities for itself.
func incarnate(member uint64) (uint64, error) {
	var b [4]byte
	for {
		if _, err := rand.Read(b[:]); err != nil {
			return 0, err
		}
		if n := binary.LittleEndian.Uint32(b[:]) >> 1; n != 0 {
			return uint64(n)<<memberBits | memberOf(member), nil
		}
	}
}
