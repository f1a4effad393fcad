package consensus

import (
	"encoding/binary"

	"github.com/signet-scheduler/signet/internal/fault"
)

// hello is what members tell each other beside Raft: who they are, whether
// they have nothing, and whom they know in the group. It is sent as Raft's
// messages are, and may be lost, doubled and late as they may.
type hello struct {
	from  uint64 // the sender's identity
	fresh bool   // the sender has nothing: it was never in a group, or lost what it had
	reply bool   // wants no answer
	take  uint64 // the identity that the receiver, which has nothing, is to take; from who founds the group
	asOf  place  // the newest entry that the sender has applied
	gone  uint64 // the identity that the receiver named, which isn't in the group as of then; only who leads says so
}

// place is where an entry stands. Places of one group rise with its entries;
// a group that was restored from a backup goes on above all that came before.
type place struct{ term, index uint64 }

// after tells that p is later than q.
func (p place) after(q place) bool {
	return p.term > q.term || p.term == q.term && p.index > q.index
}

// helloMark is a hello's first byte; no message of Raft begins with it.
const helloMark = 0

// helloFormat is the number of the format.
const helloFormat = 1

// The flags of a hello.
const (
	helloFresh = 1 << iota
	helloReply
)

func (h hello) encode() []byte {
	flags := byte(0)
	if h.fresh {
		flags |= helloFresh
	}
	if h.reply {
		flags |= helloReply
	}
	b := []byte{helloMark, helloFormat, flags}
	for _, v := range []uint64{h.from, h.take, h.asOf.term, h.asOf.index, h.gone} {
		b = binary.AppendUvarint(b, v)
	}
	return b
}

// decodeHello decodes what a member sent; ok is false for what encode doesn't write.
func decodeHello(from uint64, data []byte) (h hello, err error) {
	bad := fault.New(fault.Invalid, "BadMessage", "member %d sent a message that is none between members", from)
	if len(data) < 3 || data[0] != helloMark || data[1] != helloFormat || data[2]&^(helloFresh|helloReply) != 0 {
		return h, bad
	}
	h.fresh, h.reply = data[2]&helloFresh != 0, data[2]&helloReply != 0
	rest := data[3:]
	for _, v := range []*uint64{&h.from, &h.take, &h.asOf.term, &h.asOf.index, &h.gone} {
		n, size := binary.Uvarint(rest)
		if size <= 0 || size > 1 && rest[size-1] == 0 {
			return h, bad
		}
		*v, rest = n, rest[size:]
	}
	if len(rest) > 0 || memberOf(h.from) != from {
		return h, bad
	}
	return h, nil
}
