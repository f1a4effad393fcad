package consensus

import (
	"encoding/binary"
	"errors"
)

// An entry of the log is a header and what Machine.Take returned. The header
// names the term and the number the leader gave it; every member checks both
// when it applies the entry, the leader its own, too. The library's index
// can't be named: the leader doesn't know it when it decides.
type entryHeader struct {
	term, seq uint64
}

// entryFormat is the number of the format.
const entryFormat = 1

// encodeEntry returns header and events as the entry's data.
func encodeEntry(h entryHeader, events []byte) []byte {
	b := make([]byte, 0, 1+2*binary.MaxVarintLen64+len(events))
	b = append(b, entryFormat)
	b = binary.AppendUvarint(b, h.term)
	b = binary.AppendUvarint(b, h.seq)
	return append(b, events...)
}

// decodeEntry is the inverse of encodeEntry.
func decodeEntry(data []byte) (h entryHeader, events []byte, err error) {
	if len(data) == 0 || data[0] != entryFormat {
		return h, nil, errors.New("an entry isn't of a format that this version knows")
	}
	rest := data[1:]
	for _, v := range []*uint64{&h.term, &h.seq} {
		n, size := binary.Uvarint(rest)
		if size <= 0 || size > 1 && rest[size-1] == 0 {
			return h, nil, errors.New("an entry's header can't be decoded")
		}
		*v, rest = n, rest[size:]
	}
	if h.term == 0 || h.seq == 0 || len(rest) == 0 {
		return h, nil, errors.New("an entry lacks its term, its number or its events")
	}
	return h, rest, nil
}
