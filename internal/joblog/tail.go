package joblog

// tail keeps the last bytes of output that is otherwise dropped.
type tail struct {
	pieces []piece
	size   int    // bytes in pieces
	spare  []byte // memory of the last piece dropped, for the next one
}

// piece is output of one channel, read at one time.
type piece struct {
	kind  byte
	delta uint64
	data  []byte
}

// A job that changes the channel with every byte would make as many pieces;
// so their number is bounded like their bytes.
const (
	tailBytes  = 64 << 10
	tailPieces = 512
	mergeBelow = 4 << 10
)

// add keeps p and drops from the front what is too much.
func (t *tail) add(kind byte, delta uint64, p []byte) {
	if len(p) > tailBytes {
		p = p[len(p)-tailBytes:]
	}
	if n := len(t.pieces); n > 0 && t.pieces[n-1].kind == kind && len(t.pieces[n-1].data)+len(p) <= mergeBelow {
		t.pieces[n-1].data = append(t.pieces[n-1].data, p...)
	} else {
		t.pieces = append(t.pieces, piece{kind: kind, delta: delta, data: append(t.spare[:0], p...)})
		t.spare = nil
	}
	t.size += len(p)
	drop := 0
	for t.size-len(t.pieces[drop].data) >= tailBytes || len(t.pieces)-drop > tailPieces {
		t.size -= len(t.pieces[drop].data)
		t.spare = t.pieces[drop].data
		t.pieces[drop] = piece{} // the array below lives on
		drop++
	}
	t.pieces = t.pieces[drop:]
	if over := t.size - tailBytes; over > 0 {
		t.pieces[0].data = t.pieces[0].data[over:]
		t.size = tailBytes
	}
}
