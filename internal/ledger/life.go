package ledger

import (
	"encoding/binary"
	"io"

	"github.com/signet-scheduler/signet/internal/engine"
	"github.com/signet-scheduler/signet/internal/fault"
)

// ControllerLife reads the state in a copy of a Controller's log, and returns
// the entry with which the log goes on in a life of that name, led from that
// term on. It fails when the state can't be read, or is another Controller's.
func ControllerLife(state io.Reader, id, life string, term int64) ([]byte, error) {
	if err := skipNumber(state); err != nil {
		return nil, err
	}
	c, err := engine.RestoreController(engine.Config{ControllerID: id}, state)
	if err != nil {
		return nil, err
	}
	return Pack(engine.AppendEvents(nil, c.BeginLife(life, term))), nil
}

// AgentLife is ControllerLife for an Agent of that name.
func AgentLife(state io.Reader, name, life string) ([]byte, error) {
	if err := skipNumber(state); err != nil {
		return nil, err
	}
	a, err := engine.RestoreAgent(engine.Config{Agent: name}, state)
	if err != nil {
		return nil, err
	}
	return Pack(engine.AppendEvents(nil, a.BeginLife(name, life))), nil
}

// skipNumber reads the number of the entry, which precedes a state.
func skipNumber(state io.Reader) error {
	var head [8]byte
	if _, err := io.ReadFull(state, head[:]); err != nil || binary.BigEndian.Uint64(head[:]) == 0 {
		return fault.Wrap(fault.Corrupt, "SnapshotTorn", err, "the state ends in the middle")
	}
	return nil
}
