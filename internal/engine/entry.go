package engine

import (
	"encoding/binary"

	"github.com/signet-scheduler/signet/internal/codec"
	"github.com/signet-scheduler/signet/internal/fault"
	"github.com/signet-scheduler/signet/internal/order"
)

// numbers of the events of this file in the binary log; final. Order events
// have their own below 1000.
var registry = map[uint16]func() Event{
	1000: func() Event { return &ControllerInitialized{} },
	1001: func() Event { return &ControllerReady{} },
	1002: func() Event { return &CommandExecuted{} },
	1003: func() Event { return &VersionAdded{} },
	1004: func() Event { return &ItemAdded{} },
	1005: func() Event { return &ItemRemoved{} },
	1006: func() Event { return &ItemDeletionMarked{} },
	1007: func() Event { return &ItemDeleted{} },
	1008: func() Event { return &ItemAttachable{} },
	1009: func() Event { return &ItemAttachedToMe{} },
	1010: func() Event { return &ItemAttached{} },
	1011: func() Event { return &ItemDetachable{} },
	1012: func() Event { return &ItemDetached{} },
	1013: func() Event { return &ItemRefused{} },
	1014: func() Event { return &ItemQuarantined{} },
	1015: func() Event { return &ItemReleased{} },
	1016: func() Event { return &PathControlled{} },
	1017: func() Event { return &WorkflowControlled{} },
	1018: func() Event { return &AgentDedicated{} },
	1019: func() Event { return &AgentCoupled{} },
	1020: func() Event { return &AgentCouplingFailed{} },
	1021: func() Event { return &AgentEventsObserved{} },
	1022: func() Event { return &AgentReset{} },
	1023: func() Event { return &AgentReady{} },
	1024: func() Event { return &EventsReleased{} },
	1025: func() Event { return &AgentBatchReceived{} },
	1026: func() Event { return &AgentInitialized{} },
}

// codes maps an event's Go type, by its name, to its number; makers the number
// to its constructor. ItemAdded has four names and one number.
var codes, makers = func() (map[string]uint16, map[uint16]func() Event) {
	names, all := map[string]uint16{}, map[uint16]func() Event{}
	for _, r := range []map[uint16]func() Event{order.Registry(), registry} {
		for n, f := range r {
			names[f().Type()], all[n] = n, f
		}
	}
	for _, alias := range []string{"VersionedItemAdded", "VersionedItemChanged", "SignedItemChanged"} {
		names[alias] = names["SignedItemAdded"]
	}
	return names, all
}()

// entryFormat is the version of the binary form of an entry's events.
const entryFormat = 1

// AppendEvents appends the binary form of events, as one entry of the log.
func AppendEvents(dst []byte, events []Stamped) []byte {
	dst = append(dst, entryFormat)
	dst = binary.AppendUvarint(dst, uint64(len(events)))
	var last int64
	for i := range events {
		s := &events[i]
		dst = binary.AppendVarint(dst, s.ID-last)
		last = s.ID
		dst = codec.Binary(dst, s)
	}
	return dst
}

// Walk describes the fields of the binary form.
func (s *Stamped) Walk(w codec.Walker) {
	var code uint16
	if s.Event != nil {
		code = codes[s.Event.Type()]
	}
	codec.Number(w, "", &code)
	w.Str("", &s.Key)
	w.Int("", &s.Timestamp)
	if w.Reading() {
		f, ok := makers[code]
		if !ok {
			w.Fail(fault.New(fault.Corrupt, "UnknownEvent", "event number %d is unknown: it was written by a newer version", code))
			return
		}
		s.Event = f()
	}
	if !w.Obj("", true, s.Event.Walk) {
		w.Fail(fault.New(fault.Corrupt, "BadRecord", "the event's fields are missing"))
	}
}

// entry reads what AppendEvents wrote.
type entry struct{ events []Stamped }

// Walk describes the fields.
func (e *entry) Walk(w codec.Walker) {
	var last int64
	w.List("", 0, func(w codec.Walker, _ int) {
		var delta int64
		w.Int("", &delta)
		var s Stamped
		if delta < 1 || delta >= 1<<53-last {
			w.Fail(fault.New(fault.Corrupt, "BadRecord", "event id out of range"))
			return
		}
		last += delta
		s.ID = last
		s.Walk(w)
		e.events = append(e.events, s)
	})
}

// ReadEvents reads one entry of the log.
func ReadEvents(data []byte) ([]Stamped, error) {
	if len(data) == 0 || data[0] != entryFormat {
		return nil, fault.New(fault.Corrupt, "UnknownFormat", "the log entry isn't of format %d", entryFormat)
	}
	var e entry
	if err := codec.ReadBinary(data[1:], &e); err != nil {
		return nil, err
	}
	return e.events, nil
}

// EventsOfOne is how many events one order has at once, mostly: more than that is
// news of several.
const EventsOfOne = 16

// CountEvents returns how many events an entry of the log has, without reading
// them; 0 if it isn't one.
func CountEvents(data []byte) int {
	if len(data) == 0 || data[0] != entryFormat {
		return 0
	}
	n, _ := binary.Uvarint(data[1:])
	return int(min(n, uint64(len(data)))) // an event has more than a byte
}

// AppendJSON appends the event as one flat JSON object, without a line end
// (section 6.1 of the reference).
func (s *Stamped) AppendJSON(dst []byte) []byte { return codec.JSON(dst, (*line)(s)) }

type line Stamped

// Walk describes the fields of the JSON form.
func (l *line) Walk(w codec.Walker) {
	w.Int("eventId", &l.ID)
	if l.Timestamp != l.ID/1000 {
		w.Int("timestamp", &l.Timestamp)
	}
	typ := l.Event.Type()
	w.Str("TYPE", &typ)
	w.Str("Key", &l.Key)
	l.Event.Walk(w)
}
