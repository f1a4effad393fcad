package ledger

import (
	"sync"

	"github.com/klauspost/compress/zstd"

	"github.com/signet-scheduler/signet/internal/engine"
	"github.com/signet-scheduler/signet/internal/fault"
)

// An entry of the log is what engine.AppendEvents wrote, or, when that is big,
// the byte 0x5a and the same compressed by Zstandard (docs/formats/events.md).
// A deployment of many documents repeats the same certificates again and again.
const (
	compressed    = 0x5a
	compressFrom  = 64 << 10
	maxEntryBytes = 1 << 30 // uncompressed
)

// MaxEntry is how large a compressed entry may be; consensus stops at 64 MiB.
const MaxEntry = 56 << 20

// SegmentBytes is the size of a log file: what isn't needed any more goes by
// whole files, and what is needed is known in memory, entry by entry.
const SegmentBytes = 4 << 20

var coders = sync.OnceValues(func() (*zstd.Encoder, *zstd.Decoder) {
	enc, err := zstd.NewWriter(nil, zstd.WithEncoderLevel(zstd.SpeedFastest), zstd.WithEncoderConcurrency(1))
	if err != nil {
		panic(err) // the options are constants
	}
	dec, err := zstd.NewReader(nil, zstd.WithDecoderMaxMemory(maxEntryBytes), zstd.WithDecoderConcurrency(1))
	if err != nil {
		panic(err) // the options are constants
	}
	return enc, dec
})

// Pack returns data as it is written into the log.
func Pack(data []byte) []byte {
	if len(data) < compressFrom {
		return data
	}
	enc, _ := coders()
	return enc.EncodeAll(data, []byte{compressed})
}

// Events returns the events of an entry of the log.
func Events(data []byte) ([]engine.Stamped, error) { return readEntry(data) }

// readEntry decodes the events of an entry of the log.
func readEntry(data []byte) ([]engine.Stamped, error) {
	data, err := unpack(data)
	if err != nil {
		return nil, err
	}
	return engine.ReadEvents(data)
}

// unpack returns an entry as engine.AppendEvents wrote it.
func unpack(data []byte) ([]byte, error) {
	if len(data) == 0 || data[0] != compressed {
		return data, nil
	}
	_, dec := coders()
	plain, err := dec.DecodeAll(data[1:], nil)
	if err != nil {
		return nil, fault.Wrap(fault.Corrupt, "BadRecord", err, "an entry of the log doesn't decompress")
	}
	return plain, nil
}
