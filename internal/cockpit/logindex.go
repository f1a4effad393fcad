package cockpit

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"sort"

	"github.com/signet-scheduler/signet/internal/fault"
	"github.com/signet-scheduler/signet/internal/joblog"
	"github.com/signet-scheduler/signet/internal/logline"
	"github.com/signet-scheduler/signet/internal/store"
)

// logIndex says where in a log its lines are: for each piece how many lines end
// before it, and what has begun there. With it any line is found by reading one
// piece or two. Owned by who holds its place in the cache.
type logIndex struct {
	created int64 // what the frames' times count from
	pieces  []pieceStart
	end     pieceStart // behind the last piece
	ended   bool       // the log has its end record
}

// pieceStart is a place between two pieces, and what is in the piece behind it.
type pieceStart struct {
	line   int64 // lines that end before it
	offset int64 // in the Agent's file; of a stored log 0
	state  logline.State
	stderr int64 // lines of stderr in the piece that aren't blank
	errors int64 // lines in the piece that tell of an error
}

const (
	// shownLine is how many bytes of a line are sent, unless it is asked for alone.
	shownLine = 16 << 10
	// searchedLine is how many bytes of a line are searched.
	searchedLine = 1 << 20
	// wholeLine is how many bytes are sent of one that is asked for alone.
	wholeLine = 4 << 20
)

// total is how many lines there are, those without newline included.
func (x *logIndex) total() int64 {
	n := x.end.line
	for i := range x.end.state {
		if x.end.state[i].Bytes > 0 {
			n++
		}
	}
	return n
}

// piece returns the piece in which line n (from 0) ends.
func (x *logIndex) piece(n int64) int {
	return max(0, sort.Search(len(x.pieces), func(i int) bool { return x.pieces[i].line > n })-1)
}

// back returns the piece from which cutting has to begin, so that lines that end
// in piece nr have their first keep bytes.
func (x *logIndex) back(nr, keep int) int {
	for nr > 0 {
		first := nr
		for i := range x.pieces[nr].state {
			if b := &x.pieces[nr].state[i]; b.Bytes > int64(len(b.Text)) && len(b.Text) < keep {
				first = min(first, b.Piece)
			}
		}
		if first == nr {
			break
		}
		nr = first
	}
	return nr
}

// size is about how many bytes of memory it takes.
func (x *logIndex) size() int64 {
	n := int64(200)
	for i := range x.pieces {
		n += 160
		for k := range x.pieces[i].state {
			n += int64(len(x.pieces[i].state[k].Text))
		}
	}
	return n
}

// indexer makes an index while pieces pass by. Owned by one goroutine.
type indexer struct {
	x     *logIndex
	split *logline.Splitter
}

func newIndexer(created int64) *indexer {
	return &indexer{&logIndex{created: created}, logline.NewSplitter(shownLine, logline.State{})}
}

// begin says that a piece begins here.
func (in *indexer) begin() {
	x := in.x
	x.end.state = in.split.State()
	in.split.Piece(len(x.pieces))
	x.pieces = append(x.pieces, x.end)
	x.end.stderr, x.end.errors = 0, 0
}

// frame takes a frame of the piece that has begun.
func (in *indexer) frame(c joblog.Channel, time int64, data []byte) {
	x := in.x
	p := &x.pieces[len(x.pieces)-1]
	in.split.Frame(c, time, data, func(l logline.Line) {
		x.end.line++
		if logline.IsError(l) {
			p.errors++
			if l.Channel == joblog.Stderr {
				p.stderr++
			}
		}
	})
}

// index returns what was made so far.
func (in *indexer) index() *logIndex {
	in.x.end.state = in.split.State()
	return in.x
}

// raw takes a whole piece.
func (in *indexer) raw(piece []byte) error {
	in.begin()
	return eachFrame(piece, in.x.created, in.frame)
}

// The number under which a log's index is kept beside its pieces. Only a log of
// several pieces has one; a single piece is quickly read.
const indexChunk = -1

// indexFormat begins a stored index.
const indexFormat = 1

// encode returns the form in which an index is kept: numbers as uvarints, each
// place as the difference to the one before (docs/formats/database.md).
func (x *logIndex) encode() []byte {
	out := []byte{indexFormat}
	out = binary.AppendUvarint(out, uint64(len(x.pieces)))
	line := int64(0)
	put := func(p *pieceStart) {
		out = binary.AppendUvarint(out, uint64(p.line-line))
		line = p.line
		out = binary.AppendUvarint(out, uint64(p.stderr))
		out = binary.AppendUvarint(out, uint64(p.errors))
		for i := range p.state {
			b := &p.state[i]
			out = binary.AppendUvarint(out, uint64(b.Bytes))
			if b.Bytes > 0 {
				out = binary.AppendVarint(out, b.Time-x.created)
				out = binary.AppendUvarint(out, uint64(b.Piece))
				out = binary.AppendUvarint(out, uint64(len(b.Text)))
				out = append(out, b.Text...)
			}
		}
	}
	for i := range x.pieces {
		put(&x.pieces[i])
	}
	put(&x.end)
	return out
}

// decodeIndex reads a stored index of a log with so many pieces.
func decodeIndex(data []byte, created int64, pieces int) (*logIndex, error) {
	bad := fault.New(fault.Corrupt, "LogIndexCorrupt", "the stored index of a task's log is damaged")
	in := bytes.NewReader(data)
	if format, err := in.ReadByte(); err != nil || format != indexFormat {
		return nil, bad
	}
	number := func(most int64) int64 {
		n, err := binary.ReadUvarint(in)
		if err != nil || n > uint64(most) {
			in.Reset(nil)
			return -1
		}
		return int64(n)
	}
	if number(int64(pieces)) != int64(pieces) {
		return nil, bad
	}
	x := &logIndex{created: created, ended: true}
	line := int64(0)
	for i := 0; i <= pieces; i++ {
		var p pieceStart
		p.line = line + number(maxTaskLog)
		line = p.line
		p.stderr, p.errors = number(maxTaskLog), number(maxTaskLog)
		for k := range p.state {
			b := &p.state[k]
			if b.Bytes = number(maxTaskLog); b.Bytes <= 0 {
				continue
			}
			delta, err := binary.ReadVarint(in)
			b.Time, b.Piece = created+delta, int(number(int64(i)))
			size := number(min(b.Bytes, shownLine))
			if err != nil || size < 0 || size > int64(in.Len()) {
				return nil, bad
			}
			b.Text = make([]byte, size)
			_, _ = in.Read(b.Text)
		}
		if p.errors < 0 || p.state[0].Bytes < 0 || p.state[1].Bytes < 0 || p.state[0].Piece < 0 || p.state[1].Piece < 0 {
			return nil, bad
		}
		if i < pieces {
			x.pieces = append(x.pieces, p)
		} else {
			x.end = p
		}
	}
	if in.Len() > 0 {
		return nil, bad
	}
	return x, nil
}

// storedIndex returns the index of a log that is in the database: the one that is
// kept beside it, or one made by reading it.
func (h *history) storedIndex(ctx context.Context, s *store.Step) (*logIndex, error) {
	if s.Log.Chunks > 1 && s.Log.State == store.LogComplete {
		data, err := h.storedPiece(ctx, s, indexChunk)
		if err == nil {
			var x *logIndex
			if x, err = decodeIndex(data, s.Log.Created, s.Log.Chunks); err == nil {
				return x, nil
			}
		}
		if !fault.Is(err, fault.NotFound) && !fault.Is(err, fault.Corrupt) {
			return nil, err
		}
	}
	in := newIndexer(s.Log.Created)
	for nr := range s.Log.Chunks {
		raw, err := h.storedPiece(ctx, s, nr)
		if err != nil {
			return nil, err
		}
		if err := in.raw(raw); err != nil {
			return nil, err
		}
	}
	x := in.index()
	x.ended = true
	return x, nil
}

// growIndex brings the index of a log that is at its Agent up to date; x is nil at
// first. A piece of it is what the Agent has between two offsets.
func (h *history) growIndex(ctx context.Context, s *store.Step, x *logIndex) (*logIndex, error) {
	if x != nil && x.ended {
		return x, nil
	}
	if x == nil {
		x = &logIndex{}
	}
	// A copy: what others read of x stays as it is, also if this fails.
	grown := &logIndex{created: x.created, pieces: append([]pieceStart{}, x.pieces...), end: x.end}
	in := &indexer{grown, logline.NewSplitter(shownLine, x.end.state)}
	in.split.Piece(max(0, len(grown.pieces)-1))
	ended, err := h.agentFrames(ctx, s, &grown.created, x.end.offset, func(fr frame) bool {
		if grown.end.offset == 0 {
			grown.end.offset = int64(logHeader)
		}
		if n := len(grown.pieces); n == 0 || grown.end.offset-grown.pieces[n-1].offset >= chunkSize {
			in.begin()
		}
		in.frame(fr.channel, fr.time, fr.data)
		grown.end.offset += int64(len(fr.raw))
		return true
	})
	if fault.Is(err, fault.NotFound) && s.End == 0 {
		err = nil // the process is just being started, or is silent
	}
	if err != nil && !errors.Is(err, context.Canceled) && grown.end.offset == x.end.offset {
		return nil, err
	}
	grown = in.index()
	grown.ended = ended
	return grown, nil
}
