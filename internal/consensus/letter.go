package consensus

import (
	"fmt"

	pb "go.etcd.io/raft/v3/raftpb"
	"google.golang.org/protobuf/proto"

	"github.com/signet-scheduler/signet/internal/fault"
	"github.com/signet-scheduler/signet/internal/journal"
)

// letter is what a member sent: a message of Raft, or a hello.
type letter struct {
	raft  *pb.Message // nil: a hello
	hello hello
}

// decodeLetter decodes what a member sent.
func decodeLetter(from, to uint64, data []byte) (letter, error) {
	if len(data) > 0 && data[0] == helloMark {
		h, err := decodeHello(from, data)
		return letter{hello: h}, err
	}
	m, err := decodeMessage(from, to, data)
	return letter{raft: m}, err
}

// decodeMessage decodes what a member sent, and refuses what members don't
// send each other.
func decodeMessage(from, to uint64, data []byte) (*pb.Message, error) {
	if len(data) > journal.MaxBody+maxMessage {
		return nil, fault.New(fault.TooLarge, "MessageTooLarge", "a message of %d bytes from member %d", len(data), from)
	}
	m := &pb.Message{}
	if err := proto.Unmarshal(data, m); err != nil {
		return nil, fault.Wrap(fault.Invalid, "BadMessage", err, "a message from member %d can't be decoded", from)
	}
	if memberOf(m.GetFrom()) != from || memberOf(m.GetTo()) != to || !exchanged[m.GetType()] || len(m.GetResponses()) > 0 {
		return nil, fault.New(fault.Invalid, "BadMessage", "member %d sent a message that is none between members", from)
	}
	for i, e := range m.GetEntries() {
		if e.GetIndex() != m.GetIndex()+1+uint64(i) {
			return nil, fault.New(fault.Invalid, "BadMessage", "member %d sent entries out of order", from)
		}
		if _, err := journalEntry(e); err != nil {
			return nil, fmt.Errorf("a message from member %d: %w", from, err)
		}
	}
	return m, nil
}

// exchanged are the types of messages that members send each other.
var exchanged = map[pb.MessageType]bool{
	pb.MsgApp: true, pb.MsgAppResp: true, pb.MsgVote: true, pb.MsgVoteResp: true,
	pb.MsgPreVote: true, pb.MsgPreVoteResp: true, pb.MsgHeartbeat: true,
	pb.MsgHeartbeatResp: true, pb.MsgTimeoutNow: true, pb.MsgSnap: true,
}
